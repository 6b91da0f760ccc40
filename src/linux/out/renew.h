/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet of ours in the buffer of one that came in. */
#ifndef ICMPX_RENEW_H
#define ICMPX_RENEW_H

#include <linux/skbuff.h>

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

#endif
