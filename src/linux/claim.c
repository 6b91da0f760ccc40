// SPDX-License-Identifier: GPL-2.0-only
/* Replies whose request may not be turned round. */
#include "claim.h"
#include "icmpx.h"

/**
 * icmpx_copy() - Copy a request's message.
 * @skb: the request, its data at the ICMP header
 * @headroom: bytes that are needed in front of that, for an IP header
 *
 * Small messages go into one piece, large ones into pages: no large allocation,
 * which may fail.
 *
 * Context: any.
 *
 * Return: the copy, or NULL if there is no memory for one.
 */
struct sk_buff *icmpx_copy(const struct sk_buff *skb, unsigned int headroom)
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
