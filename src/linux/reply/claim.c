// SPDX-License-Identifier: GPL-2.0-only
/* Replies to requests that icmpx_may_turn_round() refuses. */
#include <icmpx/types.h>

#include "reply/claim.h"

/*
 * Copy a request's message into a new skb, with @headroom bytes of room for an IP header.
 * A small message goes into the linear part. A large message goes into page fragments,
 * because a large linear allocation may fail. Returns NULL if there is no memory.
 */
static struct sk_buff *icmpx_copy(const struct sk_buff *skb, unsigned int headroom)
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
	skb_copy_queue_mapping(copy, skb);
	return copy;

err_free:
	kfree_skb(copy);
	return NULL;
}

/*
 * Whether ip_fragment() can send an skb of a frag_list as one fragment, with no change but
 * an IP header in front of the data.
 */
static bool icmpx_is_piece(const struct sk_buff *skb)
{
	return !skb_cloned(skb) && !skb_shared(skb) && !skb->sk && !skb_has_frag_list(skb) &&
	       !skb_is_gso(skb) && icmpx_skb_readable(skb);
}

/*
 * Whether reassembled fragments (RFC 791, 3.2) may be turned round in place: only if
 * ip_fragment() cuts the reply where it would cut a message in one buffer. If the head
 * is too large for a fragment, it does: ip_fragment() copies all data. Otherwise
 * ip_fragment() sends the head and each skb of the frag_list as one fragment. Then all
 * but the last must be as large as a fragment can be, and no two may fit into one.
 * The caller has checked that @mtu leaves room for data after a header of any size.
 */
static bool icmpx_may_turn_round_pieces(const struct sk_buff *skb, unsigned int hlen,
					unsigned int mtu)
{
	const unsigned int most = mtu - hlen, payload = round_down(most, 8);
	const unsigned int first = skb_pagelen(skb);
	bool fit = first == payload && hlen == sizeof(struct iphdr);
	const struct sk_buff *piece;

	if (skb_cloned(skb) || skb_is_gso(skb) || !icmpx_skb_readable(skb) ||
	    skb_headroom(skb) < hlen)
		return false;
	skb_walk_frags(skb, piece) {
		if (!icmpx_is_piece(piece))
			return false;
		if (piece->next)
			fit &= piece->len == payload;
		else
			fit &= piece->len <= most && payload + piece->len > most;
	}
	return fit || first > most;
}

/**
 * icmpx_claim_another() - Do what icmpx_claim() does, if icmpx_may_turn_round() refuses.
 * @skb: the request, its data at the ICMP header
 * @headroom: bytes that are needed in front of the ICMP header, for an IP header
 * @mtu: as for icmpx_claim()
 * @cut: as for icmpx_claim()
 *
 * Context: any.
 *
 * Return: as icmpx_claim().
 */
struct sk_buff *icmpx_claim_another(struct sk_buff *skb, unsigned int headroom, unsigned int mtu,
				    bool cut)
{
	struct sk_buff *piece;

	if (!cut || !skb_has_frag_list(skb) || !icmpx_may_turn_round_pieces(skb, headroom, mtu))
		return icmpx_copy(skb, headroom);
	icmpx_renew(skb);
	skb_walk_frags(skb, piece)
		icmpx_renew(piece);
	return skb;
}
