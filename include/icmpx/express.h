/* SPDX-License-Identifier: GPL-2.0-only */
/* Echo requests answered in their frames. A part of the C ABI, see core.h. */
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
 * @frame: the frame's first %ICMPX_FRAME_LEN bytes
 * @len: bytes of the frame after the Ethernet header; at least the length of the IPv4 and
 *	the ICMP header
 *
 * Of such a frame only the headers have to be rewritten. It has an unfragmented IPv4
 * datagram with a right header and no options, from and to addresses that a host can have
 * (RFC 1122, 3.2.1.3), and its source address is that of one station. The caller checks
 * the owners of the addresses and the checksum of the message.
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
 * The ICMP checksum is updated (RFC 1624), that of the IP header is computed. The type of
 * service stays (RFC 1122, 3.2.2.6). The identification is the sum of the request's
 * identification, identifier and sequence number, which tell the request from others of
 * its sender.
 */
void icmpx_express_reply(u8 *frame, u8 ttl);

/* Bytes of an Ethernet, an IPv6 (RFC 8200) and an ICMPv6 header in a row. */
#define ICMPX6_FRAME_LEN 62

/**
 * icmpx6_express_length() - The same as icmpx_express_length() of ICMPv6.
 * @frame: the frame's first %ICMPX6_FRAME_LEN bytes
 * @len: bytes of the frame after the Ethernet header; at least the length of the IPv6 and
 *	the ICMPv6 header
 *
 * As icmpx_express_length(): no extension header is in front of the message, and both addresses
 * are unicast addresses that may be on a link (RFC 4291, 2.5).
 *
 * Return: bytes of the packet; 0 if the frame has no such request.
 */
u32 icmpx6_express_length(const u8 *frame, u32 len);

/**
 * icmpx6_express_reply() - Turn the headers of an ICMPv6 echo request into those of its reply.
 * @frame: the first %ICMPX6_FRAME_LEN bytes of a frame that icmpx6_express_length() let
 *	pass, rewritten in place
 * @hop_limit: hop limit of the reply
 *
 * The checksum is updated (RFC 1624). Traffic class and flow label stay.
 */
void icmpx6_express_reply(u8 *frame, u8 hop_limit);

#ifdef __cplusplus
}
#endif

#endif
