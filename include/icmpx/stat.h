/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters. A part of the C ABI, see core.h. */
#ifndef ICMPX_STAT_H
#define ICMPX_STAT_H

/*
 * The lines of /proc/net/icmpx_stat. The name of a line is that of its constant, in lower
 * case and without the prefix; src/STAT.md says what each of them means.
 */

/* Every packet that comes in counts once as PACKETS_IN, and once as exactly one of these. */
#define ICMPX_OUTCOMES(line) \
	line(REPLY_IN_PLACE) \
	line(REPLY_COPIED) \
	line(REPLY_EXPRESS) \
	line(DELIVER_PING) \
	line(DELIVER_PING_BUILTIN) \
	line(DELIVER_ERROR_ICMP) \
	line(DELIVER_ERROR_TCP) \
	line(DELIVER_ERROR_UDP) \
	line(DELIVER_ERROR_OTHER) \
	line(DELIVER_ERROR_RAW) \
	line(LIMIT_GLOBAL) \
	line(LIMIT_HOST) \
	line(LIMIT_PREFIX) \
	line(IGNORE_ECHO) \
	line(IGNORE_PROBE) \
	line(IGNORE_TYPE) \
	line(IGNORE_CODE) \
	line(IGNORE_PMTU) \
	line(IGNORE_REASSEMBLY) \
	line(IGNORE_BOGUS) \
	line(DROP_POLICY) \
	line(DROP_TRUNCATED) \
	line(DROP_CHECKSUM) \
	line(DROP_UNKNOWN_TYPE) \
	line(DROP_BROADCAST) \
	line(DROP_EMBEDDED) \
	line(DROP_NO_PROTOCOL) \
	line(DROP_NO_SOCKET) \
	line(DROP_AMBIGUOUS) \
	line(DROP_SOCKET_FULL) \
	line(DROP_SOCKET_FILTER) \
	line(DROP_SOCKET_MEMORY) \
	line(DROP_OPTIONS) \
	line(DROP_NO_ROUTE) \
	line(DROP_BUSY) \
	line(DROP_NO_BUFFER) \
	line(DROP_NO_MEMORY) \
	line(DROP_OUTPUT)

/* Further counters, which are not outcomes. */
#define ICMPX_FACTS(line) \
	line(FRAGMENTED_REPLIES) \
	line(ROUTE_LOOKUPS) \
	line(ERRORS_TO_RAW_SOCKETS) \
	line(PING_SENT) \
	line(PING_SEND_FAILED) \
	line(PING_ERRORS) \
	line(PING_ERRORS_QUEUED) \
	line(PING_ERRORS_DROPPED) \
	line(PING_ERRORS_UNMATCHED)

/*
 * Every error that this host has a reason to send counts once as ERRORS_WANTED, and once
 * as exactly one of these.
 */
#define ICMPX_ERROR_OUTCOMES(line) \
	line(ERROR_SENT_UNREACHABLE) \
	line(ERROR_SENT_REDIRECT) \
	line(ERROR_SENT_TIME_EXCEEDED) \
	line(ERROR_SENT_PARAMETER_PROBLEM) \
	line(ERROR_SENT_OTHER) \
	line(ERROR_LIMIT_GLOBAL) \
	line(ERROR_LIMIT_HOST) \
	line(ERROR_SUPPRESSED_LINK_BROADCAST) \
	line(ERROR_SUPPRESSED_BROADCAST) \
	line(ERROR_SUPPRESSED_FRAGMENT) \
	line(ERROR_SUPPRESSED_ERROR) \
	line(ERROR_SUPPRESSED_SOURCE) \
	line(ERROR_SUPPRESSED_MALFORMED) \
	line(ERROR_FAILED_OPTIONS) \
	line(ERROR_FAILED_NO_ROUTE) \
	line(ERROR_FAILED_BUSY) \
	line(ERROR_FAILED_NO_BUFFER) \
	line(ERROR_FAILED_NO_MEMORY) \
	line(ERROR_FAILED_MTU) \
	line(ERROR_FAILED_OUTPUT)

/* All counters, in the order of the file. */
#define ICMPX_STATS(line) \
	line(PACKETS_IN) \
	ICMPX_OUTCOMES(line) \
	ICMPX_FACTS(line) \
	line(ERRORS_WANTED) \
	ICMPX_ERROR_OUTCOMES(line)

#define ICMPX_STAT_CONSTANT(name) ICMPX_##name,

/**
 * enum icmpx_stat - the lines of /proc/net/icmpx_stat
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
