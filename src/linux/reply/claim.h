/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a reply's memory comes from: the request, where that is legal; else a copy. */
#ifndef ICMPX_CLAIM_H
#define ICMPX_CLAIM_H

#include <net/ip.h>

#include "compat.h"
#include "out/renew.h"

/* claim.c */
struct sk_buff *icmpx_claim_another(struct sk_buff *skb, unsigned int headroom, unsigned int mtu,
				    bool cut);

/*
 * A request may be turned round in place if no other reader has its bytes (raw
 * sockets, packet taps), and if it is the one buffer that it was on the wire:
 * reassembled fragments might go out in the pieces that the requester chose,
 * and what claims to be many segments (GSO) is not one message.
 */
static inline bool icmpx_may_turn_round(const struct sk_buff *skb, unsigned int headroom)
{
	return !skb_cloned(skb) && !skb_has_frag_list(skb) && !skb_is_gso(skb) &&
	       icmpx_skb_readable(skb) && skb_headroom(skb) >= headroom;
}

/**
 * icmpx_claim() - Make a request's message one that may be written and sent.
 * @skb: the request, its data at the ICMP header
 * @headroom: bytes that are needed in front of that, for an IP header
 * @mtu: the largest packet that goes out in one piece
 * @cut: whether ip_fragment() cuts larger ones; else others may
 *
 * Context: any.
 *
 * Return: @skb itself if it may be turned round, with nothing left of its way
 * in, see icmpx_renew(); else a copy of its message, with the same bytes after the
 * ICMP header and at it; NULL if there is no memory for one.
 */
static inline struct sk_buff *icmpx_claim(struct sk_buff *skb, unsigned int headroom,
					  unsigned int mtu, bool cut)
{
	if (unlikely(!icmpx_may_turn_round(skb, headroom)))
		return icmpx_claim_another(skb, headroom, mtu, cut);
	icmpx_renew(skb);
	return skb;
}

#endif
