// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route of an error, back to the datagram's source. It depends on policy routing,
 * VRFs, security labels and IPsec, which has a rule of its own for errors.
 */
#include <net/icmp.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/xfrm.h>

#include "send/internal.h"

/*
 * The device that a datagram came in by selects best the tables with the route back. A
 * datagram that this host sends has only the device of its route.
 */
static struct net_device *icmpx_lookup_dev(const struct sk_buff *skb)
{
	return skb->dev ?: skb_dst(skb)->dev;
}

static struct rtable *icmpx_rtable(struct dst_entry *dst)
{
	return container_of(dst, struct rtable, dst);
}

/* The output route to the source of @rev, the datagram's destination: looks up @rev reversed. */
static struct rtable *icmpx_route_out(struct net *net, const struct flowi4 *rev,
				      struct net_device *dev)
{
	struct flowi4 fl4 = *rev;

	swap(fl4.daddr, fl4.saddr);
	switch (fl4.flowi4_proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		swap(fl4.fl4_sport, fl4.fl4_dport);
		break;
	}
	fl4.flowi4_oif = l3mdev_master_ifindex_rcu(dev);
	fl4.flowi4_flags |= FLOWI_FLAG_ANYSRC;
	return __ip_route_output_key(net, &fl4);
}

/*
 * The route that a datagram of the reverse direction would take through this host if it
 * came in by @in. ip_route_input() takes an skb and sets its dst. The lookup uses the
 * datagram's skb, whose own dst is saved and restored.
 */
static struct rtable *icmpx_route_through(struct sk_buff *skb, const struct flowi4 *rev,
					  u8 tos, struct net_device *in)
{
	const unsigned long own = skb->_skb_refdst;
	struct rtable *rt;
	int err;

	skb->_skb_refdst = 0;
	err = icmpx_route_input(skb, rev->daddr, rev->saddr, icmpx_route_tos(tos), in);
	rt = skb_rtable(skb);
	skb->_skb_refdst = own;
	if (err)
		return ERR_PTR(err);
	if (!rt)
		return ERR_PTR(-EHOSTUNREACH);
	/* Not a route through this host: its dst.output is ip_rt_bug(). */
	if (rt->rt_type == RTN_LOCAL || rt->rt_type == RTN_UNREACHABLE) {
		ip_rt_put(rt);
		return ERR_PTR(-EINVAL);
	}
	return rt;
}

/*
 * RFC 4301, 6.2: an error may take the tunnel of packets that go from the datagram's
 * destination back to its source, if the policy of those packets admits errors.
 */
static struct rtable *icmpx_route_reverse(struct net *net, struct icmpx_error *error,
					  struct flowi4 *rev)
{
	struct net_device *dev = icmpx_lookup_dev(error->skb);
	struct rtable *rt, *out;
	struct dst_entry *dst;
	int err;

	err = icmpx_decode_session_reverse(net, error->skb, rev);
	if (err)
		return ERR_PTR(err);
	if (inet_addr_type_dev_table(net, dev, rev->saddr) == RTN_LOCAL) {
		rt = __ip_route_output_key(net, rev);
	} else {
		out = icmpx_route_out(net, rev, dev);
		if (IS_ERR(out))
			return out;
		rt = icmpx_route_through(error->skb, rev, error->way.tos, out->dst.dev);
		ip_rt_put(out);
	}
	if (IS_ERR(rt))
		return rt;
	dst = xfrm_lookup(net, &rt->dst, flowi4_to_flowi(rev), NULL, XFRM_LOOKUP_ICMP);
	return IS_ERR(dst) ? ERR_CAST(dst) : icmpx_rtable(dst);
}

/*
 * With IPsec: the policy for the error's own flow applies, else the policy for the reverse
 * of the datagram's flow. A policy that blocks returns -EPERM. From the first lookup,
 * -EPERM leads to the second one; from the second lookup, it is final.
 */
static struct rtable *icmpx_route_secured(struct net *net, struct icmpx_error *error,
					  struct flowi4 *fl4, struct rtable *plain)
{
	struct dst_entry *dst = xfrm_lookup(net, &plain->dst, flowi4_to_flowi(fl4), NULL, 0);
	struct rtable *own, *reverse;
	struct flowi4 rev;

	if (IS_ERR(dst) && PTR_ERR(dst) != -EPERM)
		return ERR_CAST(dst);
	own = IS_ERR(dst) ? NULL : icmpx_rtable(dst);
	if (own && (own != plain ||
		    inet_addr_type_dev_table(net, icmpx_lookup_dev(error->skb), fl4->daddr) ==
			    RTN_LOCAL))
		return own;

	reverse = icmpx_route_reverse(net, error, &rev);
	if (IS_ERR(reverse) && own && PTR_ERR(reverse) != -EPERM)
		return own;
	if (own)
		ip_rt_put(own);
	if (!IS_ERR(reverse))
		*fl4 = rev;
	return reverse;
}

/* Rules and policies look at ports, labels and the datagram, which struct icmpx_flow lacks. */
static noinline struct rtable *icmpx_route_by_rules(struct net *net, struct icmpx_error *error)
{
	struct icmpx_flow *flow = &error->way.flow;
	struct flowi4 fl4;
	struct rtable *rt;

	icmpx_fill_flow(net, flow, &fl4);
	fl4.fl4_icmp_type = error->type;
	fl4.fl4_icmp_code = error->code;
	security_skb_classify_flow(error->skb, flowi4_to_flowi_common(&fl4));
	rt = ip_route_output_key_hash(net, &fl4, error->skb);
	if (!IS_ERR(rt) && icmpx_has_policy(net))
		rt = icmpx_route_secured(net, error, &fl4, rt);
	if (IS_ERR(rt))
		return NULL;
	flow->saddr = fl4.saddr;
	flow->daddr = fl4.daddr;
	return rt;
}

/**
 * icmpx_route_error() - Look up the route of an error.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @error: in: the source address of its way, 0 for the route to choose one; out: the
 *	flow of its way
 *
 * Context: icmpx_send_begin() returned true; rcu_read_lock().
 *
 * Return: a route, to be released with icmpx_put_route(); NULL if there is none.
 */
struct rtable *icmpx_route_error(struct net *net, struct icmpx_net *ix, struct icmpx_error *error)
{
	struct icmpx_flow *flow = &error->way.flow;
	struct sk_buff *skb = error->skb;

	flow->daddr = error->way.destination;
	if (unlikely(error->way.options && error->way.options->srr))
		flow->daddr = error->way.options->first_hop;
	flow->mark = IP4_REPLY_MARK(net, skb->mark);
	flow->tos = icmpx_route_tos(error->way.tos);
	flow->oif = icmpx_vrf_of(icmpx_lookup_dev(skb));
	if (unlikely(fib4_has_custom_rules(net) || icmpx_has_policy(net)))
		return icmpx_route_by_rules(net, error);
	return icmpx_route(net, ix, &error->way, skb);
}
