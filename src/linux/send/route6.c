// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source address and the route of an ICMPv6 error. The route depends on policy routing,
 * VRFs, security labels and IPsec, which has a rule of its own for errors.
 */
#include <linux/icmpv6.h>
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/xfrm.h>

#include "limit/limit.h"
#include "receive6.h"
#include "send/internal.h"

static bool icmpx6_covers(const struct rt6_info *rt, const struct in6_addr *address)
{
	return ipv6_prefix_equal(&rt->rt6i_dst.addr, address, rt->rt6i_dst.plen);
}

/**
 * icmpx6_leads_back() - Tell whether a route may be the one back to a packet's sender.
 * @rt: the packet's route
 * @skb: the packet
 *
 * Netfilter looks that route up for a packet that it rejects before routing, and puts it in the
 * place of the packet's own. It need not lead to the destination. Where it does, because both
 * ends are behind one gateway, it leads out by the interface that the packet came in by. That
 * is not always skb->dev, which in a VRF is the VRF device, and on output the packet's way out.
 *
 * Context: rcu_read_lock().
 *
 * Return: true if it may be that route; so may be the own one of a packet that goes back by the
 * interface that it came in by.
 */
bool icmpx6_leads_back(const struct rt6_info *rt, const struct sk_buff *skb)
{
	const struct net_device *dev;

	if (!icmpx6_covers(rt, &ipv6_hdr(skb)->daddr))
		return true;
	if (likely(!icmpx6_covers(rt, &ipv6_hdr(skb)->saddr)))
		return false;
	dev = dst_dev_rcu(&rt->dst);
	return dev && dev->ifindex == IP6CB(skb)->iif;
}

/* Whether the destination of a packet is an address of this host. */
static bool icmpx6_is_own(struct net *net, const struct sk_buff *skb)
{
	return ipv6_chk_addr(net, &ipv6_hdr(skb)->daddr, skb->dev, 0);
}

/*
 * Whether the destination of a packet is an anycast address of this host. The kernel's list
 * of anycast addresses is not exported, but each address on it has a route. An address of the
 * link is one only on the device that the packet came in by.
 */
static bool icmpx6_is_own_anycast(struct net *net, const struct sk_buff *skb)
{
	const struct in6_addr *daddr = &ipv6_hdr(skb)->daddr;
	const struct rt6_info *rt = icmpx6_packet_route(skb);
	struct rt6_info *found;
	bool own;

	if (likely(rt && !icmpx6_leads_back(rt, skb)))
		return rt->rt6i_flags & RTF_ANYCAST;
	if (ipv6_addr_is_multicast(daddr))
		return false;
	found = rt6_lookup(net, daddr, NULL, skb->dev->ifindex, skb,
			   rt6_need_strict(daddr) ? RT6_LOOKUP_F_IFACE : 0);
	own = found && found->rt6i_flags & RTF_ANYCAST;
	ip6_rt_put(found);
	return own;
}

/* Whether the route to the error's destination says which source to use. */
static bool icmpx6_has_preferred_source(struct net *net, const struct in6_addr *destination)
{
	struct flowi6 fl6 = {
		.flowi6_proto = IPPROTO_ICMPV6,
		.daddr = *destination,
	};
	struct dst_entry *dst = ip6_route_output(net, NULL, &fl6);
	struct in6_addr preferred = in6addr_any;

	if (!dst->error)
		rt6_get_prefsrc(dst_rt6_info(dst), &preferred);
	dst_release(dst);
	return !ipv6_addr_any(&preferred);
}

/*
 * Chooses the source address of an error; unspecified for the route to choose one.
 *
 * RFC 4443, 2.2: the address that the packet was sent to, if this host has it. Else, on a
 * router, an address of the interface that the packet came in by, unless the route back has a
 * preferred one.
 */
static void icmpx6_choose_source(struct net *net, struct icmpx6_error *error)
{
	const struct ipv6hdr *header = ipv6_hdr(error->skb);
	struct icmpx6_flow *flow = &error->way.flow;
	struct net_device *in;

	if (error->forced) {
		flow->saddr = *error->forced;
		return;
	}
	if (!error->for_many && (icmpx6_is_own(net, error->skb) ||
				 icmpx6_is_own_anycast(net, error->skb))) {
		flow->saddr = header->daddr;
		return;
	}
	flow->saddr = in6addr_any;
	if (icmpx6_has_preferred_source(net, &flow->daddr))
		return;
	in = dev_get_by_index_rcu(net, error->parm->iif);
	if (in)
		ipv6_dev_get_saddr(net, in, &flow->daddr, 0, &flow->saddr);
}

/*
 * Counts an error that has no route, as the built-in code does where a limit applies: it looks
 * up the route for the limit first, and takes a route that is an error for a limit that is
 * reached. ip6_dst_lookup() has counted for no device that there is no route, but not what
 * another error of a route is.
 */
static void icmpx6_count_unrouted(struct net *net, const struct icmpx6_error *error)
{
	struct inet6_dev *idev;
	struct dst_entry *dst;
	struct flowi6 fl6;

	icmpx6_fill_flow(net, &error->way.flow, &fl6);
	fl6.mp_hash = icmpx6_multipath_hash(net, error->skb);
	dst = ip6_route_output(net, NULL, &fl6);
	idev = ip6_dst_idev(dst);
	if (!dst->error) {
		icmpx6_host_allow(net, dst_rt6_info(dst), &fl6.daddr);
	} else {
		if (dst->error != -ENETUNREACH)
			IP6_INC_STATS(net, idev, IPSTATS_MIB_OUTNOROUTES);
		else if (idev)
			SNMP_INC_STATS64(idev->stats.ipv6, IPSTATS_MIB_OUTNOROUTES);
		__ICMP6_INC_STATS(net, icmpx6_limit_idev(dst_rt6_info(dst)),
				  ICMP6_MIB_RATELIMITHOST);
	}
	dst_release(dst);
}

/* Sets the outcome of an error that has no route. Returns NULL. */
static noinline struct rt6_info *icmpx6_no_route(struct net *net, struct icmpx6_error *error)
{
	error->outcome = ICMPX_ERROR_FAILED_NO_ROUTE;
	if (error->limited)
		icmpx6_count_unrouted(net, error);
	return NULL;
}

/* Applies what only the route tells. Sets the outcome of an error that may not be sent. */
static __always_inline bool icmpx6_admit(struct net *net, struct icmpx6_error *error,
					 struct rt6_info *rt)
{
	if (error->limited && !icmpx6_host_allow(net, rt, &error->way.flow.daddr)) {
		error->outcome = ICMPX_ERROR_LIMIT_HOST;
		return false;
	}
	/* RFC 4443, 2.4 (e.6): an anycast address is not the address of one host. */
	if (!icmpx6_anycast_as_unicast(net) &&
	    ipv6_anycast_destination(&rt->dst, &error->way.flow.daddr)) {
		error->outcome = ICMPX_ERROR_SUPPRESSED_SOURCE;
		return false;
	}
	return true;
}

/*
 * RFC 4301, 6.2: an error may take the tunnel of packets that go from the packet's destination
 * back to its source, if the policy of those packets admits errors.
 */
static struct dst_entry *icmpx6_route_reverse(struct net *net, struct sk_buff *skb)
{
	struct dst_entry *dst;
	struct flowi6 reverse;
	int err;

	err = icmpx6_decode_session_reverse(net, skb, &reverse);
	if (!err)
		err = ip6_dst_lookup(net, NULL, &dst, &reverse);
	if (err)
		return ERR_PTR(err);
	return xfrm_lookup(net, dst, flowi6_to_flowi(&reverse), NULL, XFRM_LOOKUP_ICMP);
}

/*
 * With IPsec: the policy for the error's own flow applies, else the policy for the reverse
 * of the packet's flow. A policy that blocks returns -EPERM. From the first lookup, -EPERM
 * leads to the second one; from the second lookup, it is final. Consumes @plain.
 */
static struct dst_entry *icmpx6_secure(struct net *net, struct icmpx6_error *error,
				       struct flowi6 *fl6, struct dst_entry *plain)
{
	struct dst_entry *own = xfrm_lookup(net, plain, flowi6_to_flowi(fl6), NULL, 0);
	struct dst_entry *reverse;

	if (IS_ERR(own) ? PTR_ERR(own) != -EPERM : own != plain)
		return own;
	reverse = icmpx6_route_reverse(net, error->skb);
	if (IS_ERR(reverse) && !IS_ERR(own) && PTR_ERR(reverse) != -EPERM)
		return own;
	if (!IS_ERR(own))
		dst_release(own);
	return reverse;
}

/* Policies look at labels and the packet, which struct icmpx6_flow lacks. */
static noinline struct rt6_info *icmpx6_route_by_policy(struct net *net,
							struct icmpx6_error *error)
{
	struct dst_entry *dst;
	struct flowi6 fl6;

	icmpx6_fill_flow(net, &error->way.flow, &fl6);
	fl6.mp_hash = icmpx6_multipath_hash(net, error->skb);
	security_skb_classify_flow(error->skb, flowi6_to_flowi_common(&fl6));
	if (ip6_dst_lookup(net, NULL, &dst, &fl6))
		return icmpx6_no_route(net, error);
	if (!icmpx6_admit(net, error, dst_rt6_info(dst))) {
		dst_release(dst);
		return NULL;
	}
	dst = icmpx6_secure(net, error, &fl6, dst);
	if (IS_ERR(dst)) {
		error->outcome = ICMPX_ERROR_FAILED_NO_ROUTE;
		return NULL;
	}
	error->way.flow.saddr = fl6.saddr;
	error->way.kept = false;
	icmpx6_hash_flow(&error->way, &fl6);
	return dst_rt6_info(dst);
}

/*
 * The kept route of an error whose source is the address that the packet was sent to, as it is
 * of nearly all errors about packets for this host; else NULL. Most errors of a flood are
 * limited, and this route is all that the limit needs. So the search for that address, which
 * costs as much as the limit itself, is left to errors that the limit lets through.
 */
static __always_inline struct rt6_info *
icmpx6_route_from_destination(struct net *net, struct icmpx6_error *error)
{
	const struct rt6_info *local = icmpx6_packet_route(error->skb);
	struct icmpx6_flow *flow = &error->way.flow;

	if (!local || !(local->rt6i_flags & RTF_LOCAL) || error->for_many || error->forced)
		return NULL;
	flow->saddr = ipv6_hdr(error->skb)->daddr;
	return icmpx6_route_kept(net, &error->way, icmpx6_route_hash(net, flow));
}

/**
 * icmpx6_route_error() - Look up the route of an error, and apply what only the route tells.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @error: in: the flow of its way but the source; out: its way, or its outcome if there is no
 *	route or the error may not be sent
 *
 * Context: icmpx6_send_begin() returned true; rcu_read_lock().
 *
 * Return: a route, to be released with icmpx6_put_route(); NULL if there is none, or if the
 * error may not be sent.
 */
struct rt6_info *icmpx6_route_error(struct net *net, struct icmpx_net *ix,
				    struct icmpx6_error *error)
{
	struct rt6_info *rt;

	if (unlikely(icmpx_has_policy(net))) {
		icmpx6_choose_source(net, error);
		return icmpx6_route_by_policy(net, error);
	}
	rt = icmpx6_route_from_destination(net, error);
	if (rt) {
		if (!icmpx6_admit(net, error, rt))
			return NULL;
		if (likely(icmpx6_is_own(net, error->skb)))
			return rt;
		/* The limit is applied. */
		error->limited = false;
	}
	icmpx6_choose_source(net, error);
	rt = icmpx6_route(net, ix, &error->way, error->skb);
	if (unlikely(!rt))
		return icmpx6_no_route(net, error);
	if (likely(icmpx6_admit(net, error, rt)))
		return rt;
	icmpx6_put_route(&error->way, rt);
	return NULL;
}
