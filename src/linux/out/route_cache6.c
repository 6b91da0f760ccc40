// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes of replies over IPv6, kept for the next packet of the same flow.
 *
 * Linux tells the users of a route of IPv6 that it has changed by a cookie: dst_check()
 * fails for a route that was deleted or has expired, or beside which there is another one
 * now, be it more specific or from an error (path MTU, redirect); and for all routes of a
 * namespace when its rules or addresses change. A route that is added elsewhere, such as in a
 * table that is looked at first, changes the namespace's generation. What neither covers is
 * looked up for each packet: see icmpx6_route_lasts().
 */
#include <linux/icmpv6.h>
#include <linux/random.h>
#include <net/addrconf.h>
#include <net/ipv6.h>

#include "out/out.h"
#include "out/route_cache6.h"

/* A packet reads its place, so that a place shares no cache line with data of another CPU. */
static_assert(sizeof(struct icmpx6_route) % SMP_CACHE_BYTES == 0);

DEFINE_PER_CPU(void *, icmpx6_routes);
u64 icmpx6_route_key __read_mostly;

static const struct icmpx_kept_table icmpx6_route_table = {
	.first = &icmpx6_routes,
	.size = sizeof(struct icmpx6_route),
};

/**
 * icmpx6_fill_flow() - Fill in the key of Linux's route lookup.
 * @net: the namespace
 * @flow: what the route depends on
 * @fl6: all of it is written
 *
 * Context: any.
 */
void icmpx6_fill_flow(const struct net *net, const struct icmpx6_flow *flow, struct flowi6 *fl6)
{
	memset(fl6, 0, sizeof(*fl6));
	fl6->saddr = flow->saddr;
	fl6->daddr = flow->daddr;
	fl6->flowlabel = flow->label;
	fl6->flowi6_mark = flow->mark;
	fl6->flowi6_oif = flow->oif;
	fl6->flowi6_uid = icmpx_root_uid(net);
	fl6->flowi6_proto = IPPROTO_ICMPV6;
	fl6->fl6_icmp_type = flow->type;
	fl6->fl6_icmp_code = flow->code;
}

/**
 * icmpx6_hash_flow() - Compute the hash of a packet's flow.
 * @way: its hash is set
 * @fl6: the flow, with the packet's addresses
 *
 * Context: any.
 */
void icmpx6_hash_flow(struct icmpx6_way *way, const struct flowi6 *fl6)
{
	struct flow_keys keys;

	way->hash = __get_hash_from_flowi6(fl6, &keys);
	way->hash_l4 = flow_keys_have_l4(&keys);
}

/*
 * Whether the next lookup finds the same route as long as no table changes. Linux chooses
 * among several next hops by the flow and by the state of neighbours. On a host, it also
 * takes the state of a single gateway into account, and would rather use a route to a wider
 * prefix than a gateway that does not answer. Where routes by a device without a carrier are
 * ignored, no cookie tells that the carrier is lost.
 */
static bool icmpx6_route_lasts(struct net *net, const struct rt6_info *rt)
{
	const struct fib6_info *from = rcu_dereference(rt->from);
	const struct fib6_info *other;
	const struct fib6_node *node;
	bool gateway, specific;

	if (!from || from->nh || READ_ONCE(from->fib6_nsiblings))
		return false;
	node = rcu_dereference(from->fib6_node);
	if (!node || ip6_ignore_linkdown(from->fib6_nh->fib_nh_dev))
		return false;

	gateway = from->fib6_nh->fib_nh_gw_family;
	specific = from->fib6_dst.plen;
#ifdef CONFIG_IPV6_SUBTREES
	specific |= from->fib6_src.plen;
#endif
	if (gateway && specific && !READ_ONCE(net->ipv6.devconf_all->forwarding))
		return false;
	for (other = rcu_dereference(node->leaf); other;
	     other = rcu_dereference(other->fib6_next)) {
		if (other == from)
			continue;
		if (gateway || other->nh || other->fib6_nh->fib_nh_gw_family ||
		    other->fib6_nh->fib_nh_dev == from->fib6_nh->fib_nh_dev)
			return false;
	}
	return true;
}

/* Of the two places of a flow, the one that a new route displaces no valid route from, if any. */
static struct icmpx6_route *icmpx6_route_victim(struct icmpx6_route *place)
{
	struct icmpx6_route *other = icmpx6_route_beside(place);

	return icmpx6_route_valid(place) && !icmpx6_route_valid(other) ? other : place;
}

/* Puts a route into a place. The place takes over the reference from the caller. */
static void icmpx6_route_keep(struct net *net, struct icmpx6_way *way, struct icmpx6_route *place,
			      struct rt6_info *rt, u32 cookie, int generation)
{
	struct icmpx_net *ix = icmpx_net_rcu(net);

	if (!READ_ONCE(ix->v6.keeps_routes))
		WRITE_ONCE(ix->v6.keeps_routes, true);
	icmpx_kept_forget(&place->kept);
	WRITE_ONCE(place->kept.net, net);
	place->flow = way->flow;
	place->cookie = cookie;
	place->generation = generation;
	place->hash = way->hash;
	place->hash_l4 = way->hash_l4;
	place->expires = jiffies + ICMPX_ROUTE_LIFETIME;
	rcu_assign_pointer(place->kept.dst, &rt->dst);
	way->kept = true;
}

/**
 * icmpx6_route_miss() - Look up a route in Linux's tables.
 * @net: the namespace
 * @way: as for icmpx6_route()
 * @key: hash of the flow
 * @about: as for icmpx6_route()
 *
 * As in icmpx_route_miss(), only the second lookup in a row for a flow puts its route into
 * a place. A route with a source that Linux has chosen is not kept: another address may
 * be preferred later.
 *
 * Context: as icmpx6_route().
 *
 * Return: the route, or NULL if there is none.
 */
struct rt6_info *icmpx6_route_miss(struct net *net, struct icmpx6_way *way,
				   u32 key, const struct sk_buff *about)
{
	struct icmpx6_route *place = icmpx6_route_place(key);
	const bool again = place->missed == key && !ipv6_addr_any(&way->flow.saddr);
	const int generation = rt_genid_ipv6(net);
	struct dst_entry *dst;
	struct rt6_info *rt;
	struct flowi6 fl6;
	u32 cookie;

	/*
	 * A cookie that is read after the lookup may be that of a newer table. Then the
	 * namespace's generation has moved since before the lookup.
	 */
	smp_rmb();
	place->missed = key;
	way->kept = false;
	icmpx6_fill_flow(net, &way->flow, &fl6);
	if (about)
		fl6.mp_hash = icmpx6_multipath_hash(net, about);
	if (ip6_dst_lookup(net, NULL, &dst, &fl6))
		return NULL;
	rt = dst_rt6_info(dst);
	way->flow.saddr = fl6.saddr;
	icmpx6_hash_flow(way, &fl6);
	if (!again || !icmpx6_route_is_shared(rt) || !icmpx6_route_lasts(net, rt))
		return rt;
	cookie = rt6_get_cookie(rt);
	/* Read the generation again after the cookie. */
	smp_rmb();
	if (rt_genid_ipv6(net) == generation && dst_check(dst, cookie))
		icmpx6_route_keep(net, way, icmpx6_route_victim(place), rt, cookie, generation);
	return rt;
}

/**
 * icmpx6_route_exit_net() - Drop the kept routes of a namespace.
 * @net: the namespace, of which no packet is in icmpx's code any more
 *
 * This must be done before the memory of @net becomes that of another namespace.
 *
 * Context: process.
 */
void icmpx6_route_exit_net(const struct net *net)
{
	if (icmpx_net(net)->v6.keeps_routes)
		icmpx_kept_flush(&icmpx6_route_table, net);
}

/**
 * icmpx6_route_init() - Create the tables of kept routes.
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM, with nothing left behind.
 */
int icmpx6_route_init(void)
{
	icmpx6_route_key = get_random_u64() | 1;
	return icmpx_kept_init(&icmpx6_route_table);
}

/**
 * icmpx6_route_exit() - Free the tables, and drop the routes in them.
 *
 * Context: process; no route is looked up any more.
 */
void icmpx6_route_exit(void)
{
	icmpx_kept_exit(&icmpx6_route_table);
}
