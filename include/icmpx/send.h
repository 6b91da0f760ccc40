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

/* Bytes of the fixed part of an IPv6 header. */
#define ICMPX6_IP_HEADER_LEN 40

/* What a packet of IPv6 is; bits of a mask, with %ICMPX_BY_LINK_BROADCAST. */
#define ICMPX6_IS_ICMPV6	(1u << 2) /* behind extension headers, if it has any */
#define ICMPX6_IS_FRAGMENT	(1u << 3)

/**
 * struct icmpx6_offender - a packet that an error may be sent about
 * @header: its first %ICMPX6_IP_HEADER_LEN bytes
 * @inner_type: the ICMPv6 type in it; NULL if it has none that can be read
 * @option: type of the option that a parameter problem is about; NULL if it cannot be read
 * @facts: mask of %ICMPX_BY_LINK_BROADCAST, %ICMPX6_IS_ICMPV6, %ICMPX6_IS_FRAGMENT
 */
struct icmpx6_offender {
	const u8 *header;
	const u8 *inner_type;
	const u8 *option;
	u32 facts;
};

/**
 * struct icmpx6_send_verdict - whether an error is sent about a packet of IPv6
 * @outcome: enum icmpx_stat: what to count once the error is sent, or the rule that
 *	forbids it
 * @send: 1 if the error may be sent
 * @for_many: 1 if the packet was not sent to this host alone
 */
struct icmpx6_send_verdict {
	u8 outcome;
	u8 send;
	u8 for_many;
};

/**
 * icmpx6_decide_send() - Decide whether an ICMPv6 error may be sent.
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @offender: the packet that the error is about
 *
 * RFC 4443, 2.4 (e). That its source is an anycast address only a route can tell.
 *
 * Return: the verdict.
 */
struct icmpx6_send_verdict icmpx6_decide_send(u8 type, u8 code,
					      const struct icmpx6_offender *offender);

#ifdef __cplusplus
}
#endif

#endif
