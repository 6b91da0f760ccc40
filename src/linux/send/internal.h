/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that send errors share: the error on its way. */
#ifndef ICMPX_SEND_INTERNAL_H
#define ICMPX_SEND_INTERNAL_H

#include "out/out.h"

/**
 * struct icmpx_error - an error on its way from its cause to the wire
 * @skb: the datagram that it is about
 * @opt: that datagram's options
 * @iif: index of the interface that the datagram came in by, as the caller says; or 0
 * @way: how it goes; its addresses are the error's
 * @extension: an extension of its message; NULL if it has none
 * @interfaces: how many interfaces the setting has the extension tell of
 * @info: second word of the message: gateway, pointer or MTU
 * @extension_len: bytes of it
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @outcome: enum icmpx_stat, what to count once it is sent
 * @limited: whether it is under the limits
 */
struct icmpx_error {
	struct sk_buff *skb;
	const struct ip_options *opt;
	int iif;
	struct icmpx_way way;
	const u8 *extension;
	__be32 info;
	unsigned int extension_len;
	int interfaces;
	u8 type;
	u8 code;
	u8 outcome;
	bool limited;
};

/* extension.c */
unsigned int icmpx_extend(struct net *net, const struct icmpx_error *error, u32 mask,
			  u8 *extension);

/* route.c */
struct rtable *icmpx_route_error(struct net *net, struct icmpx_net *ix, struct icmpx_error *error);

#endif
