/* SPDX-License-Identifier: GPL-2.0-only */
/* Reuse of a received skb for a packet that icmpx sends. */
#ifndef ICMPX_RENEW_H
#define ICMPX_RENEW_H

#include <linux/skbuff.h>

/*
 * memset() to zero; @len is a constant. For more than a few words gcc emits a string
 * instruction, which takes longer to start than all of these stores take.
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
 * icmpx_renew_unrouted() - Do what icmpx_renew() does, for an skb without a route.
 * @skb: the skb
 *
 * Context: any.
 */
static __always_inline void icmpx_renew_unrouted(struct sk_buff *skb)
{
	struct skb_shared_info *shared = skb_shinfo(skb);
	const u16 alloc_cpu = skb->alloc_cpu;

	skb_orphan(skb);
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

	/* In skb_shared_info, the fragments and the owner of their pages are kept as memory. */
	shared->meta_len = 0;
	shared->tx_flags = 0;
	shared->gso_segs = 0;
	shared->gso_type = 0;
	shared->tskey = 0;
	shared->hwtstamps.hwtstamp = 0;
}

/**
 * icmpx_renew() - Reset a received skb to what alloc_skb() would give, with the same data.
 * @skb: the skb
 *
 * Kept are the memory, its accounting, and the data; the list that the skb is on; and the
 * receive queue of the device, which selects the transmit queue as it does for a
 * forwarded packet. Everything else is reset, also a field that a later kernel adds to
 * the group headers of struct sk_buff.
 *
 * Context: any.
 */
static __always_inline void icmpx_renew(struct sk_buff *skb)
{
	skb_dst_drop(skb);
	icmpx_renew_unrouted(skb);
}

#endif
