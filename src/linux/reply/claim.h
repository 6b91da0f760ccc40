/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a reply's memory comes from: the request, where that is legal; else a copy. */
#ifndef ICMPX_CLAIM_H
#define ICMPX_CLAIM_H

#include <linux/skbuff.h>
#include <net/ip.h>

#include "compat.h"

/* claim.c */
struct sk_buff *icmpx_claim_another(struct sk_buff *skb, unsigned int headroom, unsigned int mtu,
				    bool cut);

/*
 * memset() to zero, @len a constant. Of more than some words at once gcc makes a string
 * instruction, which takes longer to begin than all of these stores take.
 */
static __always_inline void icmpx_clear(void *to, size_t len)
{
	size_t at;

#pragma GCC unroll 8
	for (at = 0; at + 32 <= len; at += 32)
		memset(to + at, 0, 32);
	memset(to + at, 0, len - at);
}

/**
 * icmpx_renew() - Make of a received skb what alloc_skb() gives, around the same bytes.
 * @skb: the skb
 *
 * All that is kept is named here, so what a later kernel adds to a packet's way in is
 * forgotten, too. Kept are the memory, how its owner counts it, and the bytes in it;
 * the list that the skb is on; and the queue that the device received it by, which
 * leads the packet to a queue for sending as it does with one that is forwarded.
 *
 * Context: any.
 */
static inline void icmpx_renew(struct sk_buff *skb)
{
	struct skb_shared_info *shared = skb_shinfo(skb);
	const u16 alloc_cpu = skb->alloc_cpu;

	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	skb->dev = NULL;
	skb->tstamp = 0;
	skb->mac_len = 0;
	skb->hdr_len = 0;
	skb->nohdr = 0;
	skb->peeked = 0;
	icmpx_clear(skb->cb, sizeof(skb->cb));
	icmpx_clear(&skb->headers, sizeof(skb->headers));
	skb->alloc_cpu = alloc_cpu;
	skb_unset_mac_header(skb);
	skb->transport_header = (typeof(skb->transport_header))~0U;

	/* Of this, the fragments and what owns their pages are memory. */
	shared->meta_len = 0;
	shared->tx_flags = 0;
	shared->gso_segs = 0;
	shared->gso_type = 0;
	shared->tskey = 0;
	shared->hwtstamps.hwtstamp = 0;
}

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
