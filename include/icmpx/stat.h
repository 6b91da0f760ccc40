/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters. A part of the C ABI, see core.h. */
#ifndef ICMPX_STAT_H
#define ICMPX_STAT_H

/*
 * The lines of /proc/net/icmpx_stat and /proc/net/icmpx6_stat, each with the file that has it:
 * V4, V6, or BOTH. The name of a line is that of its constant, in lower case and without the
 * prefix; src/man/icmpx.4 says what each of them means.
 */

/* Every packet that comes in counts once as PACKETS_IN, and once as exactly one of these. */
#define ICMPX_OUTCOMES(line) \
	line(REPLY_IN_PLACE, BOTH) \
	line(REPLY_COPIED, BOTH) \
	line(REPLY_EXPRESS, BOTH) \
	line(REPLY_NODE_INFO, V6) \
	line(REPLY_NODE_INFO_REFUSED, V6) \
	line(REPLY_NODE_INFO_LATE, V6) \
	line(DELIVER_PING, BOTH) \
	line(DELIVER_PING_BUILTIN, V4) \
	line(DELIVER_ERROR_ICMP, BOTH) \
	line(DELIVER_ERROR_TCP, BOTH) \
	line(DELIVER_ERROR_UDP, BOTH) \
	line(DELIVER_ERROR_OTHER, BOTH) \
	line(DELIVER_ERROR_RAW, BOTH) \
	line(PASS_ND, V6) \
	line(PASS_MLD, V6) \
	line(PASS_PING, V6) \
	line(LIMIT_GLOBAL, BOTH) \
	line(LIMIT_HOST, BOTH) \
	line(LIMIT_PREFIX, BOTH) \
	line(IGNORE_ECHO, BOTH) \
	line(IGNORE_MULTICAST, V6) \
	line(IGNORE_ANYCAST, V6) \
	line(IGNORE_PROBE, BOTH) \
	line(IGNORE_TIMESTAMP, V4) \
	line(IGNORE_NODE_INFO, V6) \
	line(IGNORE_TYPE, BOTH) \
	line(IGNORE_CODE, V4) \
	line(IGNORE_PMTU, V4) \
	line(IGNORE_REASSEMBLY, V4) \
	line(IGNORE_BOGUS, V4) \
	line(DROP_POLICY, BOTH) \
	line(DROP_TRUNCATED, BOTH) \
	line(DROP_CHECKSUM, BOTH) \
	line(DROP_UNKNOWN_TYPE, BOTH) \
	line(DROP_BROADCAST, V4) \
	line(DROP_EMBEDDED, BOTH) \
	line(DROP_NO_PROTOCOL, BOTH) \
	line(DROP_NO_SOCKET, BOTH) \
	line(DROP_AMBIGUOUS, BOTH) \
	line(DROP_SOCKET_FULL, BOTH) \
	line(DROP_SOCKET_FILTER, BOTH) \
	line(DROP_SOCKET_MEMORY, BOTH) \
	line(DROP_OPTIONS, V4) \
	line(DROP_NO_ROUTE, BOTH) \
	line(DROP_BUSY, BOTH) \
	line(DROP_NO_BUFFER, BOTH) \
	line(DROP_NO_MEMORY, BOTH) \
	line(DROP_OUTPUT, BOTH)

/* Further counters, which are not outcomes. */
#define ICMPX_FACTS(line) \
	line(FRAGMENTED_REPLIES, BOTH) \
	line(ROUTE_LOOKUPS, BOTH) \
	line(NODE_INFO_SENT_LATE, V6) \
	line(NODE_INFO_LOST_LATE, V6) \
	line(ERRORS_TO_RAW_SOCKETS, BOTH) \
	line(PING_SENT, BOTH) \
	line(PING_SEND_FAILED, BOTH) \
	line(PING_ERRORS, BOTH) \
	line(PING_ERRORS_QUEUED, BOTH) \
	line(PING_ERRORS_DROPPED, BOTH) \
	line(PING_ERRORS_UNMATCHED, BOTH)

/*
 * Every error that this host has a reason to send counts once as ERRORS_WANTED, and once
 * as exactly one of these.
 */
#define ICMPX_ERROR_OUTCOMES(line) \
	line(ERROR_SENT_UNREACHABLE, BOTH) \
	line(ERROR_SENT_REDIRECT, V4) \
	line(ERROR_SENT_PACKET_TOO_BIG, V6) \
	line(ERROR_SENT_TIME_EXCEEDED, BOTH) \
	line(ERROR_SENT_PARAMETER_PROBLEM, BOTH) \
	line(ERROR_SENT_OTHER, BOTH) \
	line(ERROR_LIMIT_GLOBAL, BOTH) \
	line(ERROR_LIMIT_HOST, BOTH) \
	line(ERROR_SUPPRESSED_LINK_BROADCAST, BOTH) \
	line(ERROR_SUPPRESSED_BROADCAST, BOTH) \
	line(ERROR_SUPPRESSED_FRAGMENT, V4) \
	line(ERROR_SUPPRESSED_ERROR, BOTH) \
	line(ERROR_SUPPRESSED_SOURCE, BOTH) \
	line(ERROR_SUPPRESSED_MALFORMED, BOTH) \
	line(ERROR_FAILED_OPTIONS, V4) \
	line(ERROR_FAILED_NO_ROUTE, BOTH) \
	line(ERROR_FAILED_BUSY, BOTH) \
	line(ERROR_FAILED_NO_BUFFER, BOTH) \
	line(ERROR_FAILED_NO_MEMORY, BOTH) \
	line(ERROR_FAILED_MTU, BOTH) \
	line(ERROR_FAILED_OUTPUT, BOTH)

/* All counters, in the order of the file. */
#define ICMPX_STATS(line) \
	line(PACKETS_IN, BOTH) \
	ICMPX_OUTCOMES(line) \
	ICMPX_FACTS(line) \
	line(ERRORS_WANTED, BOTH) \
	ICMPX_ERROR_OUTCOMES(line)

#define ICMPX_STAT_CONSTANT(name, ...) ICMPX_##name,

/**
 * enum icmpx_stat - the lines of /proc/net/icmpx_stat and /proc/net/icmpx6_stat
 */
enum icmpx_stat {
	ICMPX_STATS(ICMPX_STAT_CONSTANT)

	ICMPX_STAT_COUNT,
	ICMPX_OUTCOME_FIRST = ICMPX_REPLY_IN_PLACE,
	ICMPX_OUTCOME_LAST = ICMPX_DROP_OUTPUT,
	ICMPX_ERROR_FIRST = ICMPX_ERROR_SENT_UNREACHABLE,
	ICMPX_ERROR_LAST = ICMPX_ERROR_FAILED_OUTPUT,
};

#endif
