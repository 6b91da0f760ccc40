/* SPDX-License-Identifier: GPL-2.0-only */
/* Echo requests in their frames. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_EXPRESS_H
#define ICMPX_CORE_EXPRESS_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an Ethernet, an IPv4 (RFC 791, no options) and an ICMP header in a row. */
#define ICMPX_FRAME_LEN 42

/**
 * icmpx_express_length() - Tell whether a frame is an echo request that can be answered as it is.
 * @frame: its first %ICMPX_FRAME_LEN bytes
 * @len: bytes of the frame behind the Ethernet header, at least as many as those have
 *
 * Such a frame needs nothing but its headers turned round. It has an IPv4 datagram with a
 * right header and no options, in one piece, from and to addresses that a host can have
 * (RFC 1122, 3.2.1.3), and one station sent it. The caller checks the owners of the
 * addresses and the checksum of the message.
 *
 * Return: bytes of the datagram; 0 if the frame has no such request.
 */
u32 icmpx_express_length(const u8 *frame, u32 len);

/**
 * icmpx_express_reply() - Turn the headers of an echo request into those of its reply.
 * @frame: the first %ICMPX_FRAME_LEN bytes of a frame that icmpx_express_length() let
 *	pass, rewritten in place
 * @ttl: time to live of the reply
 *
 * Both checksums are updated, not computed (RFC 1624). The type of service stays (RFC
 * 1122, 3.2.2.6), and the identification is made of what tells the request from others of
 * its sender.
 */
void icmpx_express_reply(u8 *frame, u8 ttl);

#ifdef __cplusplus
}
#endif

#endif
