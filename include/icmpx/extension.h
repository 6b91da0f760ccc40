/* SPDX-License-Identifier: GPL-2.0-only */
/* Extensions of errors (RFC 4884). A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_EXTENSION_H
#define ICMPX_CORE_EXTENSION_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Length of the original datagram in front of an extension (RFC 4884, 4). */
#define ICMPX_ORIGINAL_LEN 128
/* The most interfaces that icmpx_extension_build() takes. */
#define ICMPX_INTERFACES_MAX 3
/* The most bytes that icmpx_extension_build() writes for interfaces with IPv4 addresses. */
#define ICMPX_EXTENSION_ROOM(interfaces) (4 + 40 * (interfaces))
/* The same for interfaces with IPv6 addresses. */
#define ICMPX6_EXTENSION_ROOM(interfaces) (4 + 52 * (interfaces))
/* The same for a node. */
#define ICMPX_NODE_ROOM 88
#define ICMPX_EXTENSION_MAX (ICMPX6_EXTENSION_ROOM(ICMPX_INTERFACES_MAX) + ICMPX_NODE_ROOM)

/* The role of an interface for a datagram (RFC 5837, 4.1). */
#define ICMPX_ROLE_INCOMING	0
#define ICMPX_ROLE_OUTGOING	2
#define ICMPX_ROLE_NEXT_HOP	3

/**
 * struct icmpx_interface - an interface, as an error describes it
 * @ifindex: host order
 * @mtu: bytes
 * @address: network order; the first @address_len bytes are used
 * @address_len: 4 for an IPv4 address, 16 for an IPv6 address, 0 if the interface has none
 * @name: ends with 0; empty if the error is to leave out the name
 * @role: %ICMPX_ROLE_INCOMING, ...
 */
struct icmpx_interface {
	u32 ifindex;
	u32 mtu;
	u8 address[16];
	char name[ICMPX_IFNAME_MAX];
	u8 address_len;
	u8 role;
};

/* The most bytes of a node's name (draft-ietf-intarea-extended-icmp-nodeid, 2). */
#define ICMPX_NODE_NAME_MAX 63

/**
 * struct icmpx_node - what an error tells of the host that sends it
 * @address: network order; the first @address_len bytes are used
 * @name: UTF-8; the first @name_len bytes are used
 * @address_len: 4 for an IPv4 address, 16 for an IPv6 address, 0 for none
 * @name_len: up to %ICMPX_NODE_NAME_MAX; 0 for no name
 */
struct icmpx_node {
	u8 address[16];
	char name[ICMPX_NODE_NAME_MAX];
	u8 address_len;
	u8 name_len;
};

/**
 * icmpx_node_name_length() - Tell how much of a name fits into an error.
 * @name: the name
 * @len: bytes of @name
 *
 * Return: bytes, to the end of a character; 0 if the name is not UTF-8 (RFC 3629), or has a
 * control character.
 */
size_t icmpx_node_name_length(const char *name, size_t len);

/**
 * icmpx_extensible() - Tell whether an ICMPv4 message may carry an extension.
 * @type: the message's type
 *
 * Return: true if it may (RFC 4884, 4).
 */
bool icmpx_extensible(u8 type);

/**
 * icmpx6_extensible() - Tell whether an ICMPv6 message may carry an extension.
 * @type: the message's type
 *
 * Return: true if it may (RFC 4884, 4).
 */
bool icmpx6_extensible(u8 type);

/**
 * icmpx_extension_build() - Make an extension that describes interfaces and this host.
 * @interfaces: one object for each
 * @count: how many; more than %ICMPX_INTERFACES_MAX are left out
 * @node: this host; NULL to leave it out, as it is when it has neither an address nor a name
 * @extension: %ICMPX_EXTENSION_MAX bytes
 *
 * RFC 4884, 7; RFC 5837, 4; draft-ietf-intarea-extended-icmp-nodeid, 2.
 *
 * Return: the bytes that were written, a multiple of 4; 0 if there is nothing to tell.
 */
size_t icmpx_extension_build(const struct icmpx_interface *interfaces, size_t count,
			     const struct icmpx_node *node, u8 *extension);

/**
 * struct icmpx_extension_verdict - where a received error has its extension
 * @at: offset from the start of the payload that the program gets; 0 if there is none
 * @invalid: 1 if the extension violates RFC 4884
 */
struct icmpx_extension_verdict {
	u16 at;
	u8 invalid;
};

/**
 * icmpx_extension_length() - Read how long the original datagram in a received error is.
 * @header: the error's first %ICMPX_HEADER_LEN bytes
 *
 * RFC 4884, 4.
 *
 * Return: bytes; 0 if the error says nothing, or is of a type that has no such field.
 */
u16 icmpx_extension_length(const u8 *header);

/**
 * icmpx6_extension_length() - Read how long the original datagram in a received ICMPv6 error is.
 * @header: the error's first %ICMPX_HEADER_LEN bytes
 *
 * As icmpx_extension_length(): the field is another one, and counts other units.
 *
 * Return: bytes; 0 if the error says nothing, or is of a type that has no such field.
 */
u16 icmpx6_extension_length(const u8 *header);

/**
 * icmpx_extension_check() - Find and check the extension of a received error, of either family.
 * @length: bytes of the original datagram, as the error says
 * @before: bytes of the original datagram that are in front of @payload
 * @payload: the rest of the original datagram, and the bytes after it
 * @len: readable bytes at @payload
 *
 * RFC 4884, 4, 7 and 8. A sender from before RFC 4884 gives no length, so that an
 * extension cannot be told from the datagram (5.5): a program that wants to guess has
 * the bytes.
 *
 * Return: the verdict.
 */
struct icmpx_extension_verdict icmpx_extension_check(u16 length, size_t before, const u8 *payload,
						     size_t len);

#ifdef __cplusplus
}
#endif

#endif
