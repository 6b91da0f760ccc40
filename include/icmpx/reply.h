/* SPDX-License-Identifier: GPL-2.0-only */
/* Replies made of echo and timestamp requests. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_REPLY_H
#define ICMPX_CORE_REPLY_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that a timestamp message has after its header (RFC 792). */
#define ICMPX_TIMESTAMP_LEN 12

/**
 * icmpx_echo_reply() - Turn an echo request's header into that of its reply.
 * @header: the message's first %ICMPX_HEADER_LEN bytes, rewritten in place
 *
 * Identifier, sequence number and data stay (RFC 792; RFC 1122, 3.2.2.6). The
 * checksum is updated, not computed (RFC 1624).
 *
 * Return: false if the checksum cannot be updated and has to be computed over the
 * whole reply: zero has two forms, and the header alone does not tell which one a
 * sum over the data would give.
 */
bool icmpx_echo_reply(u8 *header);

/**
 * icmpx6_echo_reply() - Turn an ICMPv6 echo request's header into that of its reply.
 * @header: the message's first %ICMPX_HEADER_LEN bytes, rewritten in place; the checksum was
 *	found right
 *
 * RFC 4443, 4.2. The checksum is updated (RFC 1624), and is that of a sum over the whole
 * reply with its pseudo header: a pseudo header is not all zeros, so only one of the two forms of
 * zero is possible. It is right where the reply's source is the request's destination, and its
 * destination the request's source.
 */
void icmpx6_echo_reply(u8 *header);

/**
 * icmpx_timestamp_reply() - Turn a timestamp request into its reply.
 * @message: %ICMPX_HEADER_LEN + %ICMPX_TIMESTAMP_LEN bytes, of which the
 *	header and the originate timestamp are the request's; rewritten in place
 * @now: milliseconds since midnight UT, as RFC 792 wants it on the wire
 */
void icmpx_timestamp_reply(u8 *message, __be32 now);

#ifdef __cplusplus
}
#endif

#endif
