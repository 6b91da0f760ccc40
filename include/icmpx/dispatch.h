/* SPDX-License-Identifier: GPL-2.0-only */
/* What a received message calls for. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_DISPATCH_H
#define ICMPX_CORE_DISPATCH_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum icmpx_action - what the shell is to do with a message
 * @ICMPX_FINISH: nothing more; the verdict's outcome says why
 * @ICMPX_ANSWER_ECHO: answer an echo request (RFC 792)
 * @ICMPX_ANSWER_PROBE: answer an extended echo request (RFC 8335)
 * @ICMPX_ANSWER_TIMESTAMP: answer a timestamp request (RFC 792)
 * @ICMPX_TO_PING: hand a reply to the ping socket that sent the request
 * @ICMPX_TO_ERROR: check an error with icmpx_decide_error(), then deliver it
 * @ICMPX_TO_SOCKETS: deliver an error to raw sockets and its protocol
 */
enum icmpx_action {
	ICMPX_FINISH,
	ICMPX_ANSWER_ECHO,
	ICMPX_ANSWER_PROBE,
	ICMPX_ANSWER_TIMESTAMP,
	ICMPX_TO_PING,
	ICMPX_TO_ERROR,
	ICMPX_TO_SOCKETS,
};

/* What icmpx_decide() needs to know beside the message; bits of a mask. */
#define ICMPX_VIA_BROADCAST	(1u << 0) /* sent to a broadcast or multicast address */
#define ICMPX_IGNORE_ALL	(1u << 1) /* setting echo_ignore_all */
#define ICMPX_IGNORE_BROADCASTS	(1u << 2) /* setting echo_ignore_broadcasts */
#define ICMPX_PROBE_ENABLED	(1u << 3) /* setting echo_enable_probe */
#define ICMPX_STRICT_BROADCAST	(1u << 4) /* broadcasts as in Linux 7.2, see icmpx_decide() */

/**
 * struct icmpx_verdict - what becomes of a message
 * @action: enum icmpx_action
 * @in_error: 1 if the message counts as received in error (RFC 2011,
 *	icmpInErrors)
 * @outcome: enum icmpx_stat, when @action is %ICMPX_FINISH
 *
 * Small enough to be returned in a register.
 */
struct icmpx_verdict {
	u8 action;
	u8 in_error;
	u16 outcome;
};

/**
 * icmpx_decide() - Decide what a received message calls for.
 * @header: the first %ICMPX_HEADER_LEN bytes of a message whose checksum was
 *	found right
 * @policy: mask of ICMPX_VIA_BROADCAST, ICMPX_IGNORE_ALL, ...
 *
 * RFC 792; RFC 1122, 3.2.2 (unknown types; echo and timestamp requests that
 * came by broadcast); RFC 6633, RFC 6918 (obsolete types); RFC 8335.
 * With %ICMPX_STRICT_BROADCAST, a broadcast of an unknown type is refused as a
 * broadcast, and so is a reply to a PROBE query.
 *
 * Return: the verdict.
 */
struct icmpx_verdict icmpx_decide(const u8 *header, u32 policy);

/**
 * icmpx_rate_limited() - Tell whether a message to be sent is under the limits.
 * @type: type of the message to send
 * @code: code of it
 * @ratemask: setting ratemask: bit N stands for type N
 *
 * Fragmentation needed is never limited: path MTU discovery (RFC 1191) breaks
 * without it. Types above 18 have no bit and are not limited.
 *
 * Return: true if the limits apply.
 */
bool icmpx_rate_limited(u8 type, u8 code, u32 ratemask);

/**
 * icmpx_is_request() - Tell whether a message is one that a ping socket sends.
 * @type: type of the message
 * @code: code of it
 *
 * Echo requests (RFC 792) and extended ones (RFC 8335).
 *
 * Return: true if it is.
 */
bool icmpx_is_request(u8 type, u8 code);

#ifdef __cplusplus
}
#endif

#endif
