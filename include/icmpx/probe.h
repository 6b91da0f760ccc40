/* SPDX-License-Identifier: GPL-2.0-only */
/* PROBE (RFC 8335). A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_PROBE_H
#define ICMPX_CORE_PROBE_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most bytes of a PROBE query that icmpx_probe_parse() looks at. */
#define ICMPX_PROBE_QUERY_MAX 28

/**
 * enum icmpx_probe_by - how a PROBE query names the interface
 * @ICMPX_PROBE_MALFORMED: in no way that RFC 8335 defines
 * @ICMPX_PROBE_BY_NAME: by its name
 * @ICMPX_PROBE_BY_INDEX: by its index
 * @ICMPX_PROBE_BY_IPV4: by an IPv4 address
 * @ICMPX_PROBE_BY_IPV6: by an IPv6 address
 */
enum icmpx_probe_by {
	ICMPX_PROBE_MALFORMED,
	ICMPX_PROBE_BY_NAME,
	ICMPX_PROBE_BY_INDEX,
	ICMPX_PROBE_BY_IPV4,
	ICMPX_PROBE_BY_IPV6,
};

/**
 * struct icmpx_probe_query - the interface that a PROBE query asks for
 * @by: enum icmpx_probe_by; it says which of the other members is set
 * @ifindex: host order
 * @name: ends with 0
 * @address: network order, the first four bytes for IPv4
 */
struct icmpx_probe_query {
	u32 by;
	u32 ifindex;
	char name[ICMPX_IFNAME_MAX];
	u8 address[16];
};

/* Codes of a PROBE reply (RFC 8335, 3). */
#define ICMPX_PROBE_FOUND	0
#define ICMPX_PROBE_BAD_QUERY	1
#define ICMPX_PROBE_NO_SUCH_IF	2

/* Status bits of a PROBE reply (RFC 8335, 3). */
#define ICMPX_PROBE_ACTIVE	4
#define ICMPX_PROBE_HAS_IPV4	2
#define ICMPX_PROBE_HAS_IPV6	1

/**
 * icmpx_probe_parse() - Parse the interface identification of a PROBE query.
 * @data: what follows the message's header
 * @len: readable bytes at @data; more than %ICMPX_PROBE_QUERY_MAX are not
 *	looked at
 * @query: set, all of it
 *
 * RFC 8335, 2.1.
 */
void icmpx_probe_parse(const u8 *data, size_t len, struct icmpx_probe_query *query);

/**
 * icmpx_probe_reply() - Turn a PROBE request's header into that of its reply.
 * @header: the message's first %ICMPX_HEADER_LEN bytes, rewritten in place
 * @code: %ICMPX_PROBE_FOUND, %ICMPX_PROBE_BAD_QUERY or %ICMPX_PROBE_NO_SUCH_IF
 * @status: mask of %ICMPX_PROBE_ACTIVE, ... (the state field is left 0)
 *
 * The checksum is updated (RFC 1624). The result is that of a sum over the whole
 * message: since the type is not 0, only one of the two forms of zero is possible.
 */
void icmpx_probe_reply(u8 *header, u8 code, u8 status);

/**
 * icmpx6_probe_reply() - Turn an ICMPv6 PROBE request's header into that of its reply.
 * @header: the message's first %ICMPX_HEADER_LEN bytes, rewritten in place; the checksum was
 *	found right
 * @code: as for icmpx_probe_reply()
 * @status: as for icmpx_probe_reply()
 *
 * The checksum is updated, and is right for the addresses that icmpx6_echo_reply() names.
 */
void icmpx6_probe_reply(u8 *header, u8 code, u8 status);

#ifdef __cplusplus
}
#endif

#endif
