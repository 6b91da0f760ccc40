// SPDX-License-Identifier: GPL-2.0-only
/* Where a reply's memory comes from: the request, where that is legal; else a copy. */
#include <linux/skbuff.h>
#include <net/ip.h>

#include "icmpx.h"

/*
 * A request may be turned round in place if nobody else reads its bytes (raw
 * sockets, packet taps), and if it is the one buffer that it was on the wire:
 * reassembled fragments would go out in the pieces that the requester chose,
 * and what claims to be many segments (GSO) is not one message.
 */
static bool icmpx_may_turn_round(const struct sk_buff *skb, unsigned int headroom)
{
	return !skb_cloned(skb) && !skb_has_frag_list(skb) && !skb_is_gso(skb) &&
	       skb_headroom(skb) >= headroom;
}

/**
 * icmpx_scrub() - Take from a request that came in whatever a packet that goes out does not have.
 * @skb: the request
 *
 * What skb_scrub_packet() takes, and what only a received packet has.
 *
 * Context: any.
 */
void icmpx_scrub(struct sk_buff *skb)
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

/* Small messages go into one piece, large ones into pages: no large allocation, which may fail. */
static noinline struct sk_buff *icmpx_copy(const struct sk_buff *skb, unsigned int headroom)
{
	const unsigned int room = headroom + LL_MAX_HEADER;
	unsigned int linear = skb->len;
	struct sk_buff *copy;
	int offset, err, i;

	if (linear > SKB_MAX_HEAD(room))
		linear = ICMPX_HEADER_LEN;
	copy = alloc_skb_with_frags(room + linear, skb->len - linear, PAGE_ALLOC_COSTLY_ORDER,
				    &err, GFP_ATOMIC);
	if (!copy)
		return NULL;
	skb_reserve(copy, room);
	skb_put(copy, linear);
	copy->len = skb->len;
	copy->data_len = skb->len - linear;

	if (skb_copy_bits(skb, 0, copy->data, linear))
		goto err_free;
	offset = linear;
	for (i = 0; i < skb_shinfo(copy)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(copy)->frags[i];

		if (skb_copy_bits(skb, offset, skb_frag_address(frag), skb_frag_size(frag)))
			goto err_free;
		offset += skb_frag_size(frag);
	}
	return copy;

err_free:
	kfree_skb(copy);
	return NULL;
}

/**
 * icmpx_claim() - Make a request's message one that may be written and sent.
 * @skb: the request, its data at the ICMP header
 * @headroom: bytes that are needed in front of that, for an IP header
 *
 * Context: any.
 *
 * Return: @skb itself if it may be turned round, with nothing left of its way
 * in; else a copy of its message, with the same bytes after the ICMP header
 * and at it; NULL if there is no memory for one.
 */
struct sk_buff *icmpx_claim(struct sk_buff *skb, unsigned int headroom)
{
	if (unlikely(!icmpx_may_turn_round(skb, headroom)))
		return icmpx_copy(skb, headroom);
	icmpx_scrub(skb);
	return skb;
}
