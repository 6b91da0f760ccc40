/* SPDX-License-Identifier: GPL-2.0-only */
/* The skb of a reply: the request's skb where that may be reused, else a copy. */
#ifndef ICMPX_CLAIM_H
#define ICMPX_CLAIM_H

#include <net/ip.h>

#include "compat.h"
#include "out/renew.h"

/* claim.c */
struct sk_buff *icmpx_claim_another(struct sk_buff *skb, unsigned int headroom, unsigned int mtu,
				    bool cut);

/*
 * A request may be turned round in place if no clone shares its data (raw sockets,
 * packet taps), and if it is one buffer, as it was on the wire. ip_fragment() might send
 * reassembled fragments in the sizes that the requester chose. A GSO skb claims to be
 * many segments, which are not one message.
 */
static inline bool icmpx_may_turn_round(const struct sk_buff *skb, unsigned int headroom)
{
	return !skb_cloned(skb) && !skb_has_frag_list(skb) && !skb_is_gso(skb) &&
	       icmpx_skb_readable(skb) && skb_headroom(skb) >= headroom;
}

/**
 * icmpx_claim() - Get an skb with a request's message that may be written and sent.
 * @skb: the request, its data at the ICMP header
 * @headroom: bytes that are needed in front of the ICMP header, for an IP header
 * @mtu: the largest packet that goes out in one piece
 * @cut: whether ip_fragment() cuts larger packets; if false, other code may
 *
 * Context: any.
 *
 * Return: @skb itself if it may be turned round, after icmpx_renew(); else an skb with a
 * copy of its message, the ICMP header included; NULL if there is no memory for a copy.
 */
static __always_inline struct sk_buff *icmpx_claim(struct sk_buff *skb, unsigned int headroom,
						   unsigned int mtu, bool cut)
{
	if (unlikely(!icmpx_may_turn_round(skb, headroom)))
		return icmpx_claim_another(skb, headroom, mtu, cut);
	icmpx_renew(skb);
	return skb;
}

#endif
