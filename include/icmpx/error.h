/* SPDX-License-Identifier: GPL-2.0-only */
/* Received errors. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_ERROR_H
#define ICMPX_CORE_ERROR_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Further checks that an error needs before delivery; bits of a mask. */
#define ICMPX_COUNT_TIME_EXCEEDED (1u << 0) /* counts as icmpInTimeExcds */
#define ICMPX_CHECK_BROADCAST	(1u << 1) /* setting ignore_bogus_error_responses */
#define ICMPX_CHECK_TAG		(1u << 2) /* only to protocols with icmp_strict_tag_validation */

/**
 * struct icmpx_error_verdict - what becomes of an error message
 * @info: the error's argument in host order: an MTU in bytes, a pointer, or a
 *	gateway; 0 where it has none
 * @needed: bytes of the embedded datagram that delivery requires
 * @action: %ICMPX_TO_SOCKETS or %ICMPX_FINISH
 * @outcome: as in struct icmpx_verdict
 * @in_error: as in struct icmpx_verdict
 * @checks: mask of ICMPX_COUNT_TIME_EXCEEDED, ICMPX_CHECK_BROADCAST, ...
 * @protocol: the embedded datagram's protocol
 */
struct icmpx_error_verdict {
	u32 info;
	u16 needed;
	u8 action;
	u8 outcome;
	u8 in_error;
	u8 checks;
	u8 protocol;
};

/**
 * icmpx_decide_error() - Decide whether an error is believed, and what it says.
 * @header: the message's first %ICMPX_HEADER_LEN bytes
 * @embedded: the datagram that the error quotes
 * @len: readable bytes at @embedded
 * @no_pmtu_disc: setting net.ipv4.ip_no_pmtu_disc, 0 to 3
 *
 * RFC 1122, 3.2.2 and 3.2.2.1 to 3.2.2.5; RFC 1191.
 *
 * Return: the verdict.
 */
struct icmpx_error_verdict icmpx_decide_error(const u8 *header, const u8 *embedded, size_t len,
					      u32 no_pmtu_disc);

/**
 * icmpx6_segments_valid() - Check a segment routing header in a packet that an error quotes.
 * @header: a routing header of any type
 * @len: its length as it says, of which all bytes are readable
 *
 * RFC 8754, 2. Of a valid header, the first segment in it can be read: the packet's destination.
 *
 * Return: true if it is a segment routing header, and valid.
 */
bool icmpx6_segments_valid(const u8 *header, size_t len);

#ifdef __cplusplus
}
#endif

#endif
