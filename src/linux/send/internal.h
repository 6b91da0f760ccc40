/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that send errors share: an error that is being sent. */
#ifndef ICMPX_SEND_INTERNAL_H
#define ICMPX_SEND_INTERNAL_H

#include <icmpx/extension.h>

#include "out/out.h"
#include "out/route_cache6.h"

struct inet6_skb_parm;

/**
 * struct icmpx_error - an error that is being sent
 * @skb: the datagram that the error is about
 * @opt: the datagram's options
 * @iif: index of the interface that the datagram came in by, if the caller gives it; or 0
 * @way: route, options and addresses of the error itself, not of the datagram
 * @extension: extension of the message; NULL if it has none
 * @extension_room: bytes of the longest one that the setting errors_extension_mask allows
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
	int extension_room;
	u8 type;
	u8 code;
	u8 outcome;
	bool limited;
};

/**
 * struct icmpx6_error - an ICMPv6 error that is being sent
 * @skb: the packet that the error is about
 * @parm: what IPv6 knows of the packet
 * @forced: the source address, if the caller gives it; else NULL
 * @way: route and addresses of the error itself
 * @extension: extension of the message; NULL if it has none
 * @info: second word of the message: pointer, MTU, or length of the original datagram
 * @extension_len: bytes of @extension
 * @type: ICMP type of the error
 * @code: ICMP code of the error
 * @outcome: enum icmpx_stat, what to count once the error is sent
 * @for_many: whether the packet was not sent to this host alone
 * @limited: whether the rate limits apply to the error
 */
struct icmpx6_error {
	struct sk_buff *skb;
	const struct inet6_skb_parm *parm;
	const struct in6_addr *forced;
	struct icmpx6_way way;
	const u8 *extension;
	__be32 info;
	unsigned int extension_len;
	u8 type;
	u8 code;
	u8 outcome;
	bool for_many;
	bool limited;
};

/**
 * icmpx_put_original() - Quote the packet that an error is about.
 * @skb: the error, empty; its csum becomes the sum of what is written
 * @original: the packet
 * @len: bytes to quote
 * @extension: extension of the message; NULL if it has none
 * @extension_len: bytes of @extension
 *
 * In front of an extension, the quote is padded to the length at which programs from before
 * RFC 4884 look for one.
 *
 * Context: any.
 */
static inline void icmpx_put_original(struct sk_buff *skb, const struct sk_buff *original,
				      unsigned int len, const u8 *extension,
				      unsigned int extension_len)
{
	skb->csum = skb_copy_and_csum_bits(original, skb_network_offset(original),
					   __skb_put(skb, len), len);
	if (likely(!extension))
		return;
	skb_put_zero(skb, ICMPX_ORIGINAL_LEN - len);
	skb->csum = csum_add(skb->csum, csum_partial(extension, extension_len, 0));
	skb_put_data(skb, extension, extension_len);
}

/* extension.c */
unsigned int icmpx_extend(struct net *net, const struct icmpx_error *error, u32 mask,
			  u8 *extension);
void icmpx_describe(struct net *net, struct icmpx_interface *interface,
		    const struct net_device *dev, u8 role, const void *address, u8 address_len);

/* extension6.c */
unsigned int icmpx6_extend(struct net *net, const struct icmpx6_error *error, u32 mask,
			   u8 *extension);

/* route.c */
struct rtable *icmpx_route_error(struct net *net, struct icmpx_net *ix, struct icmpx_error *error);

/* route6.c */
bool icmpx6_leads_back(const struct rt6_info *rt, const struct sk_buff *skb);
struct rt6_info *icmpx6_route_error(struct net *net, struct icmpx_net *ix,
				    struct icmpx6_error *error);

#endif
