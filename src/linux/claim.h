/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a reply's memory comes from: the request, where that is legal; else a copy. */
#ifndef ICMPX_CLAIM_H
#define ICMPX_CLAIM_H

#include <linux/skbuff.h>
#include <net/ip.h>

/* claim.c */
struct sk_buff *icmpx_claim_another(struct sk_buff *skb, unsigned int headroom, unsigned int mtu,
				    bool cut);

/**
 * icmpx_scrub() - Take from a request that came in whatever a packet that goes out does not have.
 * @skb: the request
 *
 * What skb_scrub_packet() takes, and what only a received packet has.
 *
 * Context: any.
 */
static inline void icmpx_scrub(struct sk_buff *skb)
{
	struct skb_shared_info *shared = skb_shinfo(skb);

	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	nf_reset_trace(skb);
	ipvs_reset(skb);
	skb_init_secmark(skb);
	skb_set_delivery_time(skb, 0, 0);
	skb_clear_hash(skb);
	skb_set_queue_mapping(skb, 0);
	skb_unset_mac_header(skb);
	shared->tx_flags = 0;
	shared->tskey = 0;
	shared->hwtstamps.hwtstamp = 0;
	skb->pkt_type = PACKET_HOST;
	skb->skb_iif = 0;
	skb->ip_summed = CHECKSUM_NONE;
	skb->csum_valid = 0;
	skb->csum_level = 0;
	skb->csum = 0;
	skb->encapsulation = 0;
#ifdef CONFIG_NET_SWITCHDEV
	skb->offload_fwd_mark = 0;
	skb->offload_l3_fwd_mark = 0;
#endif
#ifdef CONFIG_NET_SCHED
	skb->tc_index = 0;
#endif
}

/*
 * A request may be turned round in place if nobody else reads its bytes (raw
 * sockets, packet taps), and if it is the one buffer that it was on the wire:
 * reassembled fragments might go out in the pieces that the requester chose,
 * and what claims to be many segments (GSO) is not one message.
 */
static inline bool icmpx_may_turn_round(const struct sk_buff *skb, unsigned int headroom)
{
	return !skb_cloned(skb) && !skb_has_frag_list(skb) && !skb_is_gso(skb) &&
	       skb_headroom(skb) >= headroom;
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
 * in; else a copy of its message, with the same bytes after the ICMP header
 * and at it; NULL if there is no memory for one.
 */
static inline struct sk_buff *icmpx_claim(struct sk_buff *skb, unsigned int headroom,
					  unsigned int mtu, bool cut)
{
	if (unlikely(!icmpx_may_turn_round(skb, headroom)))
		return icmpx_claim_another(skb, headroom, mtu, cut);
	icmpx_scrub(skb);
	return skb;
}

#endif
