/* SPDX-License-Identifier: GPL-2.0-only */
/* The output path of packets of IPv6, as out.h and packet.h are for IPv4. */
#ifndef ICMPX_OUT6_H
#define ICMPX_OUT6_H

#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>

#include "icmpx.h"
#include "out/control.h"
#include "out/route_cache6.h"

/*
 * The smallest MTU of a route that a message is sent over. No link of IPv6 has less than 1280,
 * but a route may say so: then the kernel sends fragments as small as that.
 */
#define ICMPX6_MTU_MIN (sizeof(struct ipv6hdr) + sizeof(struct icmp6hdr))

/* Whether netfilter has a hook for packets of IPv6 that this host sends. */
static inline bool icmpx6_has_output_hooks(const struct net *net)
{
#ifdef CONFIG_NETFILTER
	return rcu_access_pointer(net->nf.hooks_ipv6[NF_INET_LOCAL_OUT]);
#else
	return false;
#endif
}

/*
 * The flow label that the built-in code gives a packet of this flow, and the skb's hash. The
 * hash is computed once for a kept route: it costs as much as the rest of a reply's header.
 */
static inline __be32 icmpx6_flow_label(struct net *net, struct sk_buff *skb,
				       const struct icmpx6_way *way)
{
	if (way->flow.label || !ip6_default_np_autolabel(net))
		return way->flow.label;
	__skb_set_sw_hash(skb, way->hash, way->hash_l4);
	return ip6_make_flowlabel(net, skb, 0, true, NULL);
}

/**
 * icmpx6_put_header() - Put an IPv6 header in front of a message.
 * @skb: the message, its data at the ICMPv6 header, with headroom for an IPv6 header
 * @saddr: network order
 * @daddr: network order
 * @hop_limit: hop limit
 *
 * The traffic class and the flow label are left to the caller.
 *
 * Context: any.
 *
 * Return: the header.
 */
static __always_inline struct ipv6hdr *icmpx6_put_header(struct sk_buff *skb,
							 const struct in6_addr *saddr,
							 const struct in6_addr *daddr,
							 u8 hop_limit)
{
	struct ipv6hdr *header;

	skb_reset_transport_header(skb);
	header = __skb_push(skb, sizeof(*header));
	skb_reset_network_header(skb);
	header->nexthdr = IPPROTO_ICMPV6;
	header->hop_limit = hop_limit;
	header->saddr = *saddr;
	header->daddr = *daddr;
	/* A VRF has netfilter see the packet before ip6_local_out() sets this. */
	skb->protocol = htons(ETH_P_IPV6);
	return header;
}

/**
 * icmpx6_make_packet() - Make a message a packet that this host sends on its own.
 * @net: the namespace
 * @sk: the control socket that is charged
 * @skb: the message, its data at the ICMPv6 header, with headroom for an IPv6 header
 * @way: the packet's routing data
 * @rt: the packet's route; its reference is consumed, unless the route is kept
 * @tclass: the packet's traffic class
 *
 * Context: icmpx6_send_begin() returned true; rcu_read_lock().
 */
static __always_inline void icmpx6_make_packet(struct net *net, struct sock *sk,
					       struct sk_buff *skb,
					       const struct icmpx6_way *way,
					       struct rt6_info *rt, u8 tclass)
{
	struct ipv6hdr *header;

	if (likely(way->kept))
		skb_dst_set_noref(skb, &rt->dst);
	else
		skb_dst_set(skb, &rt->dst);
	skb->mark = way->flow.mark;
	skb->ignore_df = 1;
	icmpx_control_charge(sk, skb);

	header = icmpx6_put_header(skb, &way->flow.saddr, &way->flow.daddr,
				   ip6_dst_hoplimit(&rt->dst));
	ip6_flow_hdr(header, tclass, icmpx6_flow_label(net, skb, way));
}

/*
 * ip6_local_out(), inline where neither a netfilter hook nor a VRF sees the packet. No packet
 * of icmpx is a jumbogram.
 */
static __always_inline int icmpx6_ip_local_out(struct net *net, struct sock *sk,
					       struct sk_buff *skb)
{
	if (unlikely(icmpx6_has_output_hooks(net) || netif_is_l3_slave(skb_dst(skb)->dev)))
		return ip6_local_out(net, sk, skb);
	ipv6_hdr(skb)->payload_len = htons(skb->len - sizeof(struct ipv6hdr));
	IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
	return dst_output(net, sk, skb);
}

/**
 * icmpx6_local_out() - Hand a finished packet to IPv6, and count it.
 * @net: the namespace
 * @sk: the socket that sends the packet
 * @skb: the packet; consumed
 * @type: the packet's ICMP type
 * @bh_disabled: whether bottom halves are disabled; a constant
 *
 * Context: process, or bottom halves disabled; rcu_read_lock().
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int icmpx6_local_out(struct net *net, struct sock *sk,
					    struct sk_buff *skb, u8 type, bool bh_disabled)
{
	struct inet6_dev *idev = ip6_dst_idev(skb_dst(skb));
	int err;

	icmpx6_count_ip_request(net, idev, skb->len);
	ICMP6MSGOUT_INC_STATS(net, idev, type);
	if (bh_disabled)
		__ICMP6_INC_STATS(net, idev, ICMP6_MIB_OUTMSGS);
	else
		ICMP6_INC_STATS(net, idev, ICMP6_MIB_OUTMSGS);
	err = icmpx6_ip_local_out(net, sk, skb);
	if (err > 0)
		err = net_xmit_errno(err);
	if (unlikely(err))
		IP6_INC_STATS(net, idev, IPSTATS_MIB_OUTDISCARDS);
	return err;
}

#endif
