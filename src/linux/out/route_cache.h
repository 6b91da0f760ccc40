/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that this host sends on its own: their kept routes, and identification counters. */
#ifndef ICMPX_ROUTE_CACHE_H
#define ICMPX_ROUTE_CACHE_H

#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/string.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "icmpx.h"
#include "out/kept_route.h"

struct icmpx_options;

/**
 * struct icmpx_flow - what a route depends on: the members of struct flowi4 that may differ
 * @saddr: network order; 0 for the lookup to choose one
 * @daddr: network order
 * @mark: the packet's mark
 * @oif: a VRF's index, or 0
 * @tos: type of service, the bits that choose a route
 *
 * Compared with memcmp(): there is no padding.
 */
struct icmpx_flow {
	__be32 saddr;
	__be32 daddr;
	u32 mark;
	int oif;
	u32 tos;
};

/**
 * struct icmpx_way - routing data of a packet that this host sends on its own
 * @flow: the key of the route lookup; after it, the addresses are the packet's
 * @place: where a route between the addresses is kept, if one is; NULL before the
 *	lookup, and for a route that depends on more than @flow
 * @options: the packet's IP options; NULL if it has none
 * @hash: hash of the addresses and the namespace
 * @kept: 1 if the route is kept in @place, and the packet has no reference to it; else 0
 * @destination: network order: the packet's final destination, past a source route
 * @tos: the packet's type of service, all bits
 */
struct icmpx_way {
	struct icmpx_flow flow;
	struct icmpx_route *place;
	struct icmpx_options *options;
	u32 hash;
	u32 kept;
	__be32 destination;
	u32 tos;
};

/**
 * struct icmpx_route - a place for a route, and for a counter of identifications
 * @kept: the route
 * @flow: the flow that the route was looked up for
 * @source: network order: the packets' source address, chosen by the lookup if @flow has
 *	none
 * @expires: when the route has to be looked up again, in jiffies
 * @missed: hash of the flow of the last lookup in Linux's tables
 * @owner: hash of the addresses that @id counts for
 * @id: next identification of packets between these addresses
 * @plain: what icmpx_route_is_plain() returned; a path MTU may be learnt later
 */
struct icmpx_route {
	struct icmpx_kept_route kept;
	struct icmpx_flow flow;
	__be32 source;
	u32 missed;
	u32 owner;
	u16 id;
	bool plain;
	unsigned long expires;
} ____cacheline_aligned;

/* Each CPU's table, of struct icmpx_route. */
DECLARE_PER_CPU(void *, icmpx_routes);
extern u64 icmpx_route_key;

/* route_cache.c */
void icmpx_route_exit_net(const struct net *net);
int icmpx_route_init(void);
void icmpx_route_exit(void);
struct rtable *icmpx_route_miss(struct net *net, struct icmpx_way *way,
				const struct sk_buff *about);
u16 icmpx_first_id(struct icmpx_way *way);
void icmpx_fill_flow(const struct net *net, const struct icmpx_flow *flow, struct flowi4 *fl4);

/*
 * Multiply by a random odd number and shift: a sender that chooses addresses cannot
 * choose places. The upper bits of the hash select the place.
 */
static inline u32 icmpx_route_hash(const struct net *net, const struct icmpx_flow *flow)
{
	const u64 addresses = (u64)(__force u32)flow->daddr << 32 | (__force u32)flow->saddr;

	return (addresses ^ (unsigned long)net) * icmpx_route_key >> 32;
}

static inline bool icmpx_route_matches(const struct icmpx_route *route, const struct net *net,
				       const struct icmpx_flow *flow)
{
	return route->kept.net == net && !memcmp(&route->flow, flow, sizeof(*flow));
}

/*
 * As dst_check(), but with the generation of the namespace that the route is for: when a
 * device goes, Linux gives its routes another device, of another namespace.
 */
static inline bool icmpx_route_valid(const struct rtable *rt, int generation)
{
	return READ_ONCE(rt->dst.obsolete) == DST_OBSOLETE_FORCE_CHK &&
	       rt->rt_genid == generation;
}

/*
 * Whether nothing attached to the route changes the size or the time to live of its
 * packets. Then only the MTU of the device bounds the size.
 */
static inline bool icmpx_route_is_plain(const struct rtable *rt)
{
	const struct dst_entry *dst = &rt->dst;

	return rt->rt_type != RTN_MULTICAST && !rt->rt_pmtu && !dst_metric_raw(dst, RTAX_MTU) &&
	       !dst_metric_raw(dst, RTAX_LOCK) && !dst_metric_raw(dst, RTAX_HOPLIMIT) &&
	       !dst->lwtstate && !dst_xfrm(dst);
}

/**
 * icmpx_route() - Look up the route of a packet that this host sends on its own.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @way: its flow is what the route is looked up for; set are the source address if that
 *	was 0, the place, the hash, and whether the route is kept. If it is kept, the
 *	caller has no reference to the route, and may use it only under rcu_read_lock()
 * @about: the datagram that an error is about, which chooses among several next hops;
 *	NULL for a reply
 *
 * Only for packets without an IPsec policy: with one, a route depends on more than a flow.
 *
 * Context: icmpx_send_begin() returned true; rcu_read_lock().
 *
 * Return: the route, or NULL if there is none.
 */
static __always_inline struct rtable *icmpx_route(struct net *net, struct icmpx_net *ix,
						  struct icmpx_way *way,
						  const struct sk_buff *about)
{
	const u32 hash = icmpx_route_hash(net, &way->flow);
	const unsigned long now = jiffies;
	struct icmpx_route *place = this_cpu_read(icmpx_routes);
	struct rtable *rt;

	place += hash >> (32 - ICMPX_ROUTE_BITS);
	way->place = place;
	way->hash = hash;
	rt = container_of(rcu_dereference(place->kept.dst), struct rtable, dst);
	if (likely(rt && icmpx_route_matches(place, net, &way->flow) &&
		   icmpx_route_valid(rt, rt_genid_ipv4(net)) &&
		   time_before(now, place->expires))) {
		way->kept = 1;
		way->flow.saddr = place->source;
		return rt;
	}
	__icmpx_count(&ix->v4, ICMPX_ROUTE_LOOKUPS);
	return icmpx_route_miss(net, way, about);
}

/* Drops the reference to a route that is not used after all. A kept route has none to drop. */
static inline void icmpx_put_route(const struct icmpx_way *way, struct rtable *rt)
{
	if (!way->kept)
		ip_rt_put(rt);
}

/*
 * A kept route becomes a noref dst, which writes no memory that CPUs share. The kernel takes
 * a reference where the packet leaves the RCU read section.
 */
static inline void icmpx_set_route(struct sk_buff *skb, const struct icmpx_way *way,
				   struct rtable *rt)
{
	/* The callers never pass NULL, for which the functions below test. */
	if (!rt)
		__builtin_unreachable();
	if (likely(way->kept))
		skb_dst_set_noref(skb, &rt->dst);
	else
		skb_dst_set(skb, &rt->dst);
}

/* icmpx_route_is_plain(), from the place if the route is kept: only its path MTU may be new. */
static inline bool icmpx_way_is_plain(const struct icmpx_way *way, const struct rtable *rt)
{
	if (likely(way->kept))
		return way->place->plain && !rt->rt_pmtu;
	return icmpx_route_is_plain(rt);
}

/* dst_mtu() of a packet's route. @plain: what icmpx_way_is_plain() returned for it. */
static inline unsigned int icmpx_way_mtu(const struct rtable *rt, bool plain)
{
	return likely(plain) ? READ_ONCE(rt->dst.dev->mtu) : dst_mtu(&rt->dst);
}

/* l3mdev_master_ifindex_rcu(), without the call where there is no VRF. */
static inline int icmpx_vrf_of(struct net_device *dev)
{
	if (likely(!(dev->priv_flags & (IFF_L3MDEV_MASTER | IFF_L3MDEV_SLAVE))))
		return 0;
	return l3mdev_master_ifindex_rcu(dev);
}

#endif
