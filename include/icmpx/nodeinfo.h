/* SPDX-License-Identifier: GPL-2.0-only */
/* Node information queries (RFC 4620). A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_NODEINFO_H
#define ICMPX_CORE_NODEINFO_H

#include <icmpx/extension.h>
#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a message in front of its data: the ICMPv6 header and the nonce. */
#define ICMPX6_NODE_INFO_LEN 16
/* A query is as long as that at most: any more bytes of it are not looked at. */
#define ICMPX6_NODE_QUERY_MAX (ICMPX6_NODE_INFO_LEN + 256)
/* The most bytes of a reply, so that every link of IPv6 carries it whole (RFC 8200, 5). */
#define ICMPX6_NODE_REPLY_MAX (1280 - 40)
/* The most bytes that icmpx6_node_name() writes. */
#define ICMPX6_NODE_NAME_ROOM (4 + ICMPX_NODE_NAME_MAX + 3)

/* What is told, and to whom: bits of the setting node_info. */
#define ICMPX6_NODE_TELL_NAME	(1u << 0)
#define ICMPX6_NODE_TELL_IPV6	(1u << 1)
#define ICMPX6_NODE_TELL_IPV4	(1u << 2)
#define ICMPX6_NODE_TELL_FAR	(1u << 3) /* also sources that are no neighbours */

/* Codes of a reply (RFC 4620, 4). */
#define ICMPX6_NODE_CODE_TOLD		0
#define ICMPX6_NODE_CODE_REFUSED	1
#define ICMPX6_NODE_CODE_UNKNOWN	2

/* Flags of a query for addresses: those of all interfaces (RFC 4620, 6.3 and 6.4). */
#define ICMPX6_NODE_ALL_INTERFACES	0x02

/**
 * enum icmpx6_node_subject - what a query is about
 * @ICMPX6_NODE_SUBJECT_NONE: nothing of this host: the query gets no reply
 * @ICMPX6_NODE_SUBJECT_SELF: this host, by its name or by the fact that it was asked
 * @ICMPX6_NODE_SUBJECT_IPV6: the node that has the IPv6 address behind the nonce
 * @ICMPX6_NODE_SUBJECT_IPV4: the node that has the IPv4 address behind the nonce
 */
enum icmpx6_node_subject {
	ICMPX6_NODE_SUBJECT_NONE,
	ICMPX6_NODE_SUBJECT_SELF,
	ICMPX6_NODE_SUBJECT_IPV6,
	ICMPX6_NODE_SUBJECT_IPV4,
};

/**
 * enum icmpx6_node_tells - what the data of a reply is
 * @ICMPX6_NODE_TELLS_NOTHING: there is none
 * @ICMPX6_NODE_TELLS_NAME: what icmpx6_node_name() writes
 * @ICMPX6_NODE_TELLS_IPV6: IPv6 addresses, each behind 32 bits of zeros
 * @ICMPX6_NODE_TELLS_IPV4: IPv4 addresses, each behind 32 bits of zeros
 */
enum icmpx6_node_tells {
	ICMPX6_NODE_TELLS_NOTHING,
	ICMPX6_NODE_TELLS_NAME,
	ICMPX6_NODE_TELLS_IPV6,
	ICMPX6_NODE_TELLS_IPV4,
};

/**
 * struct icmpx6_node_query - a query, and what its reply is to be
 * @subject: enum icmpx6_node_subject
 * @code: code of the reply
 * @tells: enum icmpx6_node_tells
 * @flags: flags of the reply that were the query's
 *
 * Small enough to be returned in a register.
 */
struct icmpx6_node_query {
	u8 subject;
	u8 code;
	u8 tells;
	u8 flags;
};

/**
 * icmpx6_node_decide() - Decide what becomes of a query.
 * @message: the query, its header first
 * @len: readable bytes at @message; the first %ICMPX6_NODE_QUERY_MAX of the query's
 * @source: the query's IPv6 source address, 16 bytes
 * @mask: setting node_info
 * @self: this host; only its name is looked at
 *
 * RFC 4620, 5: a query with another subject than this host is for somebody else; a question
 * that is not known is answered with code 2, whatever the setting; one that the setting does
 * not let this host answer, with code 1. A neighbour is a source whose address is link-local
 * or unique local, or this host's loopback address.
 *
 * Return: the reply's code and contents, if the subject is this host: that of an address is
 * left to the caller.
 */
struct icmpx6_node_query icmpx6_node_decide(const u8 *message, size_t len, const u8 *source,
					    u32 mask, const struct icmpx_node *self);

/**
 * icmpx6_node_name() - Write the data of a reply that tells the name.
 * @self: this host; only its name is looked at
 * @data: %ICMPX6_NODE_NAME_ROOM bytes
 *
 * RFC 4620, 6.2: 32 bits of zeros, then the name in the wire format of DNS (RFC 1035, 3.1). A
 * name without a dot is one label, and two of length zero say that its domain is not known.
 * A name with an empty label is none of DNS, and left out.
 *
 * Return: the bytes that were written.
 */
size_t icmpx6_node_name(const struct icmpx_node *self, u8 *data);

/**
 * icmpx6_node_wants() - Tell whether a query asks for an address.
 * @flags: flags of struct icmpx6_node_query
 * @address: a unicast IPv6 address, 16 bytes
 *
 * RFC 4620, 6.3: G, S, L and C ask for global, site-local and link-local addresses, and for those
 * that have an IPv4 address in them. A unique local address is of global scope (RFC 4193, 3.3).
 *
 * Return: true if it does; false for the loopback address, which means nothing elsewhere.
 */
bool icmpx6_node_wants(u8 flags, const u8 *address);

/**
 * icmpx6_node_reply() - Turn the header of a query into that of its reply.
 * @header: the first %ICMPX6_NODE_INFO_LEN bytes of the query, rewritten in place
 * @query: what icmpx6_node_decide() returned
 * @truncated: whether addresses were left out because there was no room
 *
 * The question and the nonce stay (RFC 4620, 4). The checksum is 0 and left to the caller.
 */
void icmpx6_node_reply(u8 *header, struct icmpx6_node_query query, bool truncated);

#ifdef __cplusplus
}
#endif

#endif
