/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of IPv6 that this host sends on its own: their kept routes. */
#ifndef ICMPX_ROUTE_CACHE6_H
#define ICMPX_ROUTE_CACHE6_H

#include <linux/in6.h>
#include <linux/math64.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>

#include "compat6.h"
#include "icmpx.h"
#include "out/kept_route.h"

/**
 * struct icmpx6_flow - what a route depends on: the members of struct flowi6 that may differ
 * @saddr: the source; unspecified for the lookup to choose one
 * @daddr: the destination
 * @mark: the packet's mark
 * @oif: index of the device that the route is to lead to
 * @vrf: index of the VRF that @oif is in, 0 for none: Linux looks the route up in its table
 * @label: flow label, network order; 0 for the kernel to choose one
 * @type: ICMP type of the packet
 * @code: ICMP code of the packet
 *
 * A member that is added here is added to icmpx6_flow_equal(), too.
 */
struct icmpx6_flow {
	struct in6_addr saddr;
	struct in6_addr daddr;
	u32 mark;
	int oif;
	int vrf;
	__be32 label;
	u32 type;
	u32 code;
};

/**
 * struct icmpx6_way - routing data of a packet that this host sends on its own
 * @flow: the key of the route lookup; after it, the source is the packet's
 * @hash: hash of the flow as the kernel computes it, for the flow label and the queue
 * @hash_l4: whether @hash covers the ICMP type
 * @kept: whether the route is kept, and the packet has no reference to it
 */
struct icmpx6_way {
	struct icmpx6_flow flow;
	u32 hash;
	bool hash_l4;
	bool kept;
};

/**
 * struct icmpx6_route - a place for a route of IPv6
 * @kept: the route
 * @flow: the flow that the route was looked up for
 * @cookie: what rt6_get_cookie() returned for the route
 * @generation: what rt_genid_ipv6() returned before the route was looked up
 * @missed: hash of the flow of the last lookup in Linux's tables
 * @hash: as in struct icmpx6_way
 * @hash_l4: as in struct icmpx6_way
 * @expires: when the route has to be looked up again, in jiffies
 */
struct icmpx6_route {
	struct icmpx_kept_route kept;
	struct icmpx6_flow flow;
	u32 cookie;
	int generation;
	u32 missed;
	u32 hash;
	bool hash_l4;
	unsigned long expires;
} ____cacheline_aligned;

/* Each CPU's table, of struct icmpx6_route. */
DECLARE_PER_CPU(void *, icmpx6_routes);
extern u64 icmpx6_route_key;

/* route_cache6.c */
void icmpx6_route_exit_net(const struct net *net);
int icmpx6_route_init(void);
void icmpx6_route_exit(void);
struct rt6_info *icmpx6_route_miss(struct net *net, struct icmpx6_way *way,
				   u32 key, const struct sk_buff *about);
void icmpx6_fill_flow(const struct net *net, const struct icmpx6_flow *flow, struct flowi6 *fl6);
void icmpx6_hash_flow(struct icmpx6_way *way, const struct flowi6 *fl6);

/* multipath6.c */
u32 icmpx6_multipath_hash(const struct net *net, const struct sk_buff *skb);

/* The 128 bits of a product, folded to 64: each bit depends on all bits of both factors. */
static inline u64 icmpx6_mix(u64 a, u64 b)
{
	return a * b ^ mul_u64_u64_shr(a, b, 64);
}

/*
 * As icmpx_route_hash(): a sender that chooses addresses cannot choose places. The sender has
 * 64 bits of each address to itself. Addresses that differ in a few bits, as those of hosts
 * that were numbered one by one, are spread as evenly as others.
 */
static inline u32 icmpx6_route_hash(const struct net *net, const struct icmpx6_flow *flow)
{
	u64 source[2], destination[2], mixed;

	memcpy(source, &flow->saddr, sizeof(source));
	memcpy(destination, &flow->daddr, sizeof(destination));
	mixed = icmpx6_mix(destination[0] ^ (unsigned long)net ^ icmpx6_route_key,
			   destination[1] ^ swab64(icmpx6_route_key));
	return icmpx6_mix(mixed ^ source[0], source[1] ^ icmpx6_route_key) >> 32;
}

static_assert(sizeof(struct icmpx6_flow) == 2 * sizeof(struct in6_addr) + 6 * sizeof(u32));

/* Not by memcmp(), which takes several times as many instructions. */
static inline bool icmpx6_flow_equal(const struct icmpx6_flow *one, const struct icmpx6_flow *other)
{
	return ipv6_addr_equal(&one->daddr, &other->daddr) &&
	       ipv6_addr_equal(&one->saddr, &other->saddr) &&
	       !((one->mark ^ other->mark) | (u32)(one->oif ^ other->oif) |
		 (u32)(one->vrf ^ other->vrf) | (__force u32)(one->label ^ other->label) |
		 (one->type ^ other->type) | (one->code ^ other->code));
}

/* The first place that a flow's route may be in. @key: the flow's hash */
static inline struct icmpx6_route *icmpx6_route_place(u32 key)
{
	struct icmpx6_route *first = this_cpu_read(icmpx6_routes);

	return first + (key >> (32 - ICMPX_ROUTE_BITS));
}

/*
 * The other place that a flow's route may be in. A lookup of IPv6 is expensive, and with two
 * places for each flow, fewer flows that meet in one displace each other.
 */
static inline struct icmpx6_route *icmpx6_route_beside(struct icmpx6_route *place)
{
	struct icmpx6_route *first = this_cpu_read(icmpx6_routes);

	return first + ((place - first) ^ 1);
}

/* The route in a place, if it has neither changed nor gone; else NULL. */
static __always_inline struct dst_entry *icmpx6_route_valid(const struct icmpx6_route *place)
{
	struct dst_entry *dst = rcu_dereference(place->kept.dst);

	if (dst && time_before(jiffies, place->expires) && dst_check(dst, place->cookie))
		return dst;
	return NULL;
}

/*
 * The same, if it is the route of this flow, and no route was added that Linux might prefer: the
 * cookie tells that of the route's own table alone.
 */
static __always_inline struct dst_entry *icmpx6_route_in(const struct icmpx6_route *place,
							 const struct net *net,
							 const struct icmpx6_flow *flow)
{
	if (place->kept.net == net && place->generation == rt_genid_ipv6(net) &&
	    icmpx6_flow_equal(&place->flow, flow))
		return icmpx6_route_valid(place);
	return NULL;
}

/* The kept route of a flow, whose hash @key is. Sets all of @way but its flow; or returns NULL. */
static __always_inline struct rt6_info *icmpx6_route_kept(const struct net *net,
							  struct icmpx6_way *way, u32 key)
{
	struct icmpx6_route *hit = icmpx6_route_place(key);
	struct dst_entry *dst = icmpx6_route_in(hit, net, &way->flow);

	if (unlikely(!dst)) {
		hit = icmpx6_route_beside(hit);
		dst = icmpx6_route_in(hit, net, &way->flow);
		if (!dst)
			return NULL;
	}
	way->hash = hit->hash;
	way->hash_l4 = hit->hash_l4;
	way->kept = true;
	return dst_rt6_info(dst);
}

/**
 * icmpx6_route() - Look up the route of a packet that this host sends on its own.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @way: its flow is what the route is looked up for; all else is set, and the source address
 *	if that was unspecified. If the route is kept, the caller has no reference to it, and
 *	may use it only under rcu_read_lock()
 * @about: the packet that an error is about, by which Linux chooses among several next hops;
 *	NULL for a reply
 *
 * Only for packets without an IPsec policy: with one, a route depends on more than a flow.
 *
 * Context: icmpx6_send_begin() returned true; rcu_read_lock().
 *
 * Return: the route, or NULL if there is none.
 */
static __always_inline struct rt6_info *icmpx6_route(struct net *net, struct icmpx_net *ix,
						     struct icmpx6_way *way,
						     const struct sk_buff *about)
{
	const u32 key = icmpx6_route_hash(net, &way->flow);
	struct rt6_info *rt = icmpx6_route_kept(net, way, key);

	if (likely(rt))
		return rt;
	__icmpx_count(&ix->v6, ICMPX_ROUTE_LOOKUPS);
	return icmpx6_route_miss(net, way, key, about);
}

/* Drops the reference to a route that is not used after all. A kept route has none to drop. */
static inline void icmpx6_put_route(const struct icmpx6_way *way, struct rt6_info *rt)
{
	if (!way->kept)
		ip6_rt_put(rt);
}

#endif
