/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that send errors share: an error that is being sent. */
#ifndef ICMPX_SEND_INTERNAL_H
#define ICMPX_SEND_INTERNAL_H

#include "out/out.h"

/**
 * struct icmpx_error - an error that is being sent
 * @skb: the datagram that the error is about
 * @opt: the datagram's options
 * @iif: index of the interface that the datagram came in by, if the caller gives it; or 0
 * @way: route, options and addresses of the error itself, not of the datagram
 * @extension: extension of the message; NULL if it has none
 * @interfaces: how many interfaces the setting errors_extension_mask selects
 * @info: second word of the message: gateway, pointer or MTU
 * @extension_len: bytes of @extension
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @outcome: enum icmpx_stat, what to count once the error is sent
 * @limited: whether the rate limits apply to the error
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
