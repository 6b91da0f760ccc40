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
 * @ICMPX_ANSWER_ECHO: answer an echo request (RFC 792; RFC 4443, 4.2)
 * @ICMPX_ANSWER_PROBE: answer an extended echo request (RFC 8335)
 * @ICMPX_ANSWER_TIMESTAMP: answer a timestamp request (RFC 792)
 * @ICMPX_ANSWER_NODE_INFO: answer a node information query (RFC 4620), if the setting
 *	node_info says so
 * @ICMPX_TO_PING: hand a reply to the ping socket that sent the request
 * @ICMPX_TO_ERROR: check an error, that of IPv4 with icmpx_decide_error(), then deliver it
 * @ICMPX_TO_SOCKETS: deliver an error to raw sockets and its protocol
 */
enum icmpx_action {
	ICMPX_FINISH,
	ICMPX_ANSWER_ECHO,
	ICMPX_ANSWER_PROBE,
	ICMPX_ANSWER_TIMESTAMP,
	ICMPX_ANSWER_NODE_INFO,
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
#define ICMPX_IGNORE_TIMESTAMPS	(1u << 5) /* setting timestamp_ignore_all */

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

/* What icmpx6_pass() returns for each type: it is called for every packet. */
struct icmpx6_passes {
	u8 outcome[256];
};

extern const struct icmpx6_passes icmpx6_pass_table;

/**
 * icmpx6_pass() - Tell whether an ICMPv6 message is for the built-in code.
 * @type: type of the message, of which nothing has been checked
 *
 * Neighbour discovery (RFC 4861) and multicast listener discovery (RFC 2710, RFC 3810).
 *
 * Return: the outcome of such a message, %ICMPX_PASS_ND or %ICMPX_PASS_MLD; 0 for any other.
 */
static inline u32 icmpx6_pass(u8 type)
{
	return icmpx6_pass_table.outcome[type];
}

/* What icmpx6_decide() needs to know beside the message; bits of a mask. */
#define ICMPX6_VIA_MULTICAST	(1u << 0) /* sent to a multicast address */
#define ICMPX6_VIA_ANYCAST	(1u << 1) /* sent to an anycast address */
#define ICMPX6_IGNORE_ALL	(1u << 2) /* setting echo_ignore_all */
#define ICMPX6_IGNORE_MULTICAST	(1u << 3) /* setting echo_ignore_multicast */
#define ICMPX6_IGNORE_ANYCAST	(1u << 4) /* setting echo_ignore_anycast */
#define ICMPX6_PROBE_ENABLED	(1u << 5) /* setting echo_enable_probe, that of IPv4 */

/**
 * icmpx6_decide() - Decide what a received ICMPv6 message calls for.
 * @header: the first %ICMPX_HEADER_LEN bytes of a message whose checksum was
 *	found right
 * @policy: mask of ICMPX6_VIA_MULTICAST, ICMPX6_IGNORE_ALL, ...
 *
 * RFC 4443, 2.4 (a): an error of an unknown type is an error; 2.4 (b): an
 * informational message of an unknown type is discarded. RFC 4443, 4.2 (echo
 * requests that came by multicast or anycast); RFC 8335. A message that
 * icmpx6_pass() is for is finished with the outcome that icmpx6_pass() gives.
 *
 * Return: the verdict; no message counts as received in error.
 */
struct icmpx_verdict icmpx6_decide(const u8 *header, u32 policy);

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

/**
 * icmpx6_is_request() - Tell whether a message is one that a ping socket of IPv6 sends.
 * @type: type of the message
 * @code: code of it
 *
 * Echo requests (RFC 4443, 4.1) and extended ones (RFC 8335).
 *
 * Return: true if it is.
 */
bool icmpx6_is_request(u8 type, u8 code);

#ifdef __cplusplus
}
#endif

#endif
