/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the C ABI that is about errors: which are sent, and what is attached to them. */
#ifndef ICMPX_SEND_H
#define ICMPX_SEND_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most bytes of an interface's name, its 0 included. */
#define ICMPX_IFNAME_MAX 16
/* An original datagram with an extension behind it is this long (RFC 4884, 4). */
#define ICMPX_ORIGINAL_LEN 128
/* The most interfaces that icmpx_extension_build() takes. */
#define ICMPX_INTERFACES_MAX 3
/* The most bytes that it writes for that many. */
#define ICMPX_EXTENSION_ROOM(interfaces) (4 + 40 * (interfaces))
#define ICMPX_EXTENSION_MAX ICMPX_EXTENSION_ROOM(ICMPX_INTERFACES_MAX)

/* What icmpx_decide_send() needs to know beside the datagram; bits of a mask. */
#define ICMPX_BY_LINK_BROADCAST	(1u << 0) /* its frame was not sent to this host alone */
#define ICMPX_BY_BROADCAST	(1u << 1) /* sent to a broadcast or multicast address */

/**
 * struct icmpx_send_verdict - whether an error is sent about a datagram
 * @outcome: enum icmpx_stat: what to count once it is sent, or the rule that
 *	forbids it
 * @send: 1 if it may be sent
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
 * @datagram: the first 20 bytes of the datagram that it is about
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

/* What an interface is to a datagram (RFC 5837, 4.1). */
#define ICMPX_ROLE_INCOMING	0
#define ICMPX_ROLE_OUTGOING	2
#define ICMPX_ROLE_NEXT_HOP	3

/**
 * struct icmpx_interface - an interface, as an error tells of it
 * @ifindex: host order
 * @mtu: bytes
 * @address: network order; 0 if it has none
 * @name: ends with 0; empty if it is not to be told
 * @role: %ICMPX_ROLE_INCOMING, ...
 */
struct icmpx_interface {
	u32 ifindex;
	u32 mtu;
	__be32 address;
	char name[ICMPX_IFNAME_MAX];
	u8 role;
};

/**
 * icmpx_extensible() - Tell whether a message may carry an extension.
 * @type: its type
 *
 * Return: true if it may (RFC 4884, 4).
 */
bool icmpx_extensible(u8 type);

/**
 * icmpx_extension_build() - Make an extension that tells of interfaces.
 * @interfaces: one object for each
 * @count: how many; more than %ICMPX_INTERFACES_MAX are left out
 * @extension: %ICMPX_EXTENSION_MAX bytes
 *
 * RFC 4884, 7; RFC 5837, 4.
 *
 * Return: the bytes that were written, a multiple of 4.
 */
size_t icmpx_extension_build(const struct icmpx_interface *interfaces, size_t count, u8 *extension);

/**
 * struct icmpx_extension_verdict - where a received error has its extension
 * @at: counted from what the program gets; 0 without one
 * @invalid: 1 if it is not what RFC 4884 says
 */
struct icmpx_extension_verdict {
	u16 at;
	u8 invalid;
};

/**
 * icmpx_extension_check() - Find and check the extension of a received error.
 * @type: type of the error
 * @words: its field for the length of the original datagram, in words of 4 bytes
 * @before: bytes of the original datagram that are in front of @payload
 * @payload: the rest of it, and what is behind
 * @len: readable bytes at @payload
 *
 * RFC 4884, 4, 7 and 8. A sender of the time before it says no length, and has no
 * extension that could be told from the datagram (5.5): a program that wants to
 * guess has the bytes.
 *
 * Return: the verdict.
 */
struct icmpx_extension_verdict icmpx_extension_check(u8 type, u8 words, size_t before,
						     const u8 *payload, size_t len);

#ifdef __cplusplus
}
#endif

#endif
