/* SPDX-License-Identifier: GPL-2.0-only */
/* The output path that replies and errors share. Requests use its last step. */
#ifndef ICMPX_OUT_H
#define ICMPX_OUT_H

#include <linux/math64.h>
#include <linux/netfilter.h>
#include <linux/timekeeping.h>
#include <net/icmp.h>
#include <net/ip.h>

#include "icmpx.h"
#include "out/control.h"
#include "out/packet.h"
#include "out/route_cache.h"

/* Milliseconds since midnight, UT (RFC 792), in network order. Context: any. */
static inline __be32 icmpx_current_timestamp(void)
{
	struct timespec64 now;
	u32 seconds;

	ktime_get_real_ts64(&now);
	div_u64_rem(now.tv_sec, 24 * 60 * 60, &seconds);
	return htonl(seconds * MSEC_PER_SEC + (u32)now.tv_nsec / NSEC_PER_MSEC);
}

/* Whether netfilter has a hook for packets that this host sends. */
static inline bool icmpx_has_output_hooks(const struct net *net)
{
#ifdef CONFIG_NETFILTER
	return rcu_access_pointer(net->nf.hooks_ipv4[NF_INET_LOCAL_OUT]);
#else
	return false;
#endif
}

/*
 * ip_local_out(), inline where neither a netfilter hook nor a VRF sees the packet: then
 * ip_local_out() only finishes the IP header and calls dst_output().
 */
static __always_inline int icmpx_ip_local_out(struct net *net, struct sock *sk,
					      struct sk_buff *skb, bool bh_disabled)
{
	struct iphdr *iph = ip_hdr(skb);

	if (unlikely(icmpx_has_output_hooks(net) || netif_is_l3_slave(skb_dst(skb)->dev)))
		return ip_local_out(net, sk, skb);
	icmpx_count_ip_request(net, bh_disabled);
	skb->protocol = htons(ETH_P_IP);
	iph->tot_len = htons(skb->len);
	iph->check = 0;
	iph->check = ip_fast_csum(iph, iph->ihl);
	return dst_output(net, sk, skb);
}

/**
 * icmpx_local_out() - Hand a finished packet to IP, and count it.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @sk: the socket that sends the packet
 * @skb: the packet; consumed
 * @type: the ICMP type that the packet is counted as
 * @bh_disabled: whether bottom halves are disabled; a constant
 *
 * Context: process, or bottom halves disabled.
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int icmpx_local_out(struct net *net, struct icmpx_net *ix, struct sock *sk,
					   struct sk_buff *skb, u8 type, bool bh_disabled)
{
	int err;

	icmpx_count_message_out(net, ix, type);
	if (bh_disabled)
		__ICMP_INC_STATS(net, ICMP_MIB_OUTMSGS);
	else
		ICMP_INC_STATS(net, ICMP_MIB_OUTMSGS);
	err = icmpx_ip_local_out(net, sk, skb, bh_disabled);
	if (err > 0)
		err = net_xmit_errno(err);
	if (unlikely(err))
		IP_INC_STATS(net, IPSTATS_MIB_OUTDISCARDS);
	return err;
}

#endif
