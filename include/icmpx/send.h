/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors that this host sends. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_SEND_H
#define ICMPX_CORE_SEND_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What icmpx_decide_send() needs to know beside the datagram; bits of a mask. */
#define ICMPX_BY_LINK_BROADCAST	(1u << 0) /* the frame was not sent to this host alone */
#define ICMPX_BY_BROADCAST	(1u << 1) /* sent to a broadcast or multicast address */

/**
 * struct icmpx_send_verdict - whether an error is sent about a datagram
 * @outcome: enum icmpx_stat: what to count once the error is sent, or the rule that
 *	forbids it
 * @send: 1 if the error may be sent
 * @tos: type of service of the error
 */
struct icmpx_send_verdict {
	u8 outcome;
	u8 send;
	u8 tos;
};

/**
 * icmpx_decide_send() - Decide whether an error may be sent.
 * @type: ICMP type of the error
 * @datagram: the first 20 bytes of the datagram that the error is about
 * @inner_type: the ICMP type in that datagram; NULL if it has none that can be
 *	read
 * @facts: mask of ICMPX_BY_LINK_BROADCAST, ICMPX_BY_BROADCAST
 *
 * RFC 1122, 3.2.2; RFC 1812, 4.3.2.5 and 4.3.2.7.
 *
 * Return: the verdict.
 */
struct icmpx_send_verdict icmpx_decide_send(u8 type, const u8 *datagram, const u8 *inner_type,
					    u32 facts);

#ifdef __cplusplus
}
#endif

#endif
