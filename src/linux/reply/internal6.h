/* SPDX-License-Identifier: GPL-2.0-only */
/* What replies over IPv6 have in common, and the state of one that tells of this node. */
#ifndef ICMPX_REPLY_INTERNAL6_H
#define ICMPX_REPLY_INTERNAL6_H

#include <icmpx/nodeinfo.h>
#include <linux/security.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>

#include "icmpx.h"
#include "out/out.h"
#include "out/out6.h"
#include "receive6.h"

/*
 * RFC 4443, 4.2: a reply to a unicast request has the address that the request was sent to.
 * For others Linux chooses a source; that it be an anycast address is a setting.
 */
static __always_inline bool icmpx6_keeps_destination(const struct net *net,
						     const struct sk_buff *skb)
{
	if (likely(ipv6_unicast_destination(skb)))
		return true;
	return READ_ONCE(net->ipv6.sysctl.anycast_src_echo_reply) &&
	       ipv6_anycast_destination(skb_dst(skb), &ipv6_hdr(skb)->daddr);
}

/*
 * What the route of the reply depends on. The reply leaves by the device that the request
 * came in by: link-local addresses mean nothing without it, and for others Linux prefers it.
 */
static __always_inline void icmpx6_flow_back(struct net *net, const struct sk_buff *skb,
					     struct icmpx6_flow *flow, u8 type)
{
	const struct ipv6hdr *header = ipv6_hdr(skb);
	struct net_device *dev = skb->dev;

	if (likely(!ipv6_addr_loopback(&header->saddr)))
		dev = icmpx6_device(skb);
	flow->saddr = likely(icmpx6_keeps_destination(net, skb)) ? header->daddr : in6addr_any;
	flow->daddr = header->saddr;
	flow->mark = IP6_REPLY_MARK(net, skb->mark);
	flow->oif = dev->ifindex;
	flow->vrf = icmpx_vrf_of(dev);
	flow->label = 0;
	if (unlikely(READ_ONCE(net->ipv6.sysctl.flowlabel_reflect) &
		     FLOWLABEL_REFLECT_ICMPV6_ECHO_REPLIES))
		flow->label = ip6_flowlabel(header);
	flow->type = type;
	flow->code = 0;
}

/* The label that security modules give to what answers a request. */
static inline u32 icmpx6_label_of(struct sk_buff *skb)
{
	struct flowi_common flow = {};

	security_skb_classify_flow(skb, &flow);
	return flow.flowic_secid;
}

/**
 * struct icmpx6_node_reply - a reply to a node information query, until it is sent
 * @flow: the key of its route
 * @header: header and nonce of the query
 * @query: what the core has made of the query
 * @about: index of the device that the subject of the query belongs to
 * @secid: security label, where there are IPsec policies
 * @tclass: traffic class
 * @limited: whether the limit for each host applies
 *
 * It has no reference to anything: what it names may be gone when it is sent.
 */
struct icmpx6_node_reply {
	struct icmpx6_flow flow;
	u8 header[ICMPX6_NODE_INFO_LEN];
	struct icmpx6_node_query query;
	int about;
	u32 secid;
	u8 tclass;
	bool limited;
};

/* reply6.c */
struct rt6_info *icmpx6_route_by_policy(struct net *net, struct icmpx6_way *way, u32 secid);

/* node_info6.c */
enum icmpx_stat icmpx6_send_node_info(struct net *net, struct icmpx_net *ix,
				      const struct icmpx6_node_reply *reply);

/* late6.c */
enum icmpx_stat icmpx6_reply_late(struct icmpx_net *ix, const struct icmpx6_node_reply *reply);

#endif
