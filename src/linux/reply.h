/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that make replies share: the reply on its way, and the look at kept routes. */
#ifndef ICMPX_REPLY_H
#define ICMPX_REPLY_H

#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/string.h>
#include <net/ip_fib.h>
#include <net/route.h>

#include "compat.h"
#include "icmpx.h"

/**
 * struct icmpx_flow - what a reply's route depends on: of struct flowi4, all that differs
 * @saddr: network order; 0 to have it chosen
 * @daddr: network order
 * @mark: of the packet
 * @oif: a VRF's index, or 0
 * @tos: type of service, the bits that choose a route
 * @flags: FLOWI_FLAG_...
 *
 * Compared as a whole: there is no byte that is not set.
 */
struct icmpx_flow {
	__be32 saddr;
	__be32 daddr;
	u32 mark;
	int oif;
	u32 tos;
	u32 flags;
};

/**
 * struct icmpx_route - a place for a route
 * @rt: the route, with a reference; NULL if there is none
 * @net: with @flow, what it was looked up with
 * @flow: of the replies that go by it
 * @expires: when it has to be looked up anew, in jiffies
 * @missed: hash of whom the last lookup was for
 * @id: next identification of its replies
 * @plain: nothing but its device, or a path MTU that is learnt later, says what
 *	its replies are like
 */
struct icmpx_route {
	struct rtable __rcu *rt;
	const struct net *net;
	struct icmpx_flow flow;
	unsigned long expires;
	u32 missed;
	u16 id;
	bool plain;
} ____cacheline_aligned;

#define ICMPX_ROUTE_BITS 10

DECLARE_PER_CPU(struct icmpx_route *, icmpx_routes);
extern u64 icmpx_route_key;

/**
 * struct icmpx_reply - a reply on its way from the request to the wire
 * @skb: the request, its data at the ICMP header; NULL once it was used up
 * @options: the reply's IP options; NULL if it has none
 * @kept: if the reply's route is kept, and so has no reference, its place; else
 *	NULL
 * @flow: what its route was looked up for; its addresses are the reply's
 * @destination: network order: where the reply goes in the end
 * @id: what tells the request from others of its sender
 * @type: ICMP type of the reply
 * @code: ICMP code of the reply
 * @status: of a PROBE reply
 * @tos: of the request, and so of the reply (RFC 1122, 3.2.2.6)
 */
struct icmpx_reply {
	struct sk_buff *skb;
	struct icmpx_options *options;
	struct icmpx_route *kept;
	struct icmpx_flow flow;
	__be32 destination;
	u16 id;
	u8 type;
	u8 code;
	u32 status;
	u32 tos;
};

/* route_cache.c */
struct rtable *icmpx_route_miss(struct net *net, struct icmpx_reply *reply,
				struct icmpx_route *route, u32 hash);

/* reply.c */
void icmpx_fill_flow(const struct net *net, const struct icmpx_flow *flow, struct flowi4 *fl4);

/* transmit.c */
enum icmpx_stat icmpx_transmit(struct sock *sk, struct icmpx_net *ix, struct icmpx_reply *reply,
			       struct rtable *rt);

/*
 * Multiply and shift, by a random odd number: who chooses addresses does not
 * choose places. The upper bits are the place.
 */
static inline u32 icmpx_route_hash(const struct net *net, const struct icmpx_flow *flow)
{
	const u64 addresses = (u64)(__force u32)flow->daddr << 32 | (__force u32)flow->saddr;

	return (addresses ^ (unsigned long)net) * icmpx_route_key >> 32;
}

static inline bool icmpx_route_matches(const struct icmpx_route *route, const struct net *net,
				       const struct icmpx_flow *flow)
{
	return route->net == net && !memcmp(&route->flow, flow, sizeof(*flow));
}

/* As dst_check(), but by the namespace that the route is for, whatever became of its device. */
static inline bool icmpx_route_valid(const struct rtable *rt, int generation)
{
	return READ_ONCE(rt->dst.obsolete) == DST_OBSOLETE_FORCE_CHK &&
	       rt->rt_genid == generation;
}

/* Whether nothing attached to the route says how large its packets are or how far they go. */
static inline bool icmpx_route_is_plain(const struct rtable *rt)
{
	const struct dst_entry *dst = &rt->dst;

	return rt->rt_type != RTN_MULTICAST && !rt->rt_pmtu && !dst_metric_raw(dst, RTAX_MTU) &&
	       !dst_metric_raw(dst, RTAX_LOCK) && !dst_metric_raw(dst, RTAX_HOPLIMIT) &&
	       !dst->lwtstate && !dst_xfrm(dst);
}

/**
 * icmpx_route() - Look up the route of a reply.
 * @net: the namespace
 * @ix: ours of it
 * @reply: has the flow that it is looked up for, and gets its source address if
 *	that was 0; if it gets a place, too, the caller has no reference to the
 *	route, and may use it under rcu_read_lock() alone
 *
 * For replies without an IPsec policy: such a route depends on more than that.
 *
 * Context: this CPU's control socket is locked; rcu_read_lock().
 *
 * Return: the route, or NULL if there is none.
 */
static __always_inline struct rtable *icmpx_route(struct net *net, struct icmpx_net *ix,
						  struct icmpx_reply *reply)
{
	const u32 hash = icmpx_route_hash(net, &reply->flow);
	const unsigned long now = jiffies;
	struct icmpx_route *route;
	struct rtable *rt;

	route = this_cpu_read(icmpx_routes) + (hash >> (32 - ICMPX_ROUTE_BITS));
	rt = rcu_dereference(route->rt);
	if (likely(rt && icmpx_route_matches(route, net, &reply->flow) &&
		   icmpx_route_valid(rt, rt_genid_ipv4(net)) &&
		   time_before(now, route->expires))) {
		reply->kept = route;
		return rt;
	}
	__icmpx_count(ix, ICMPX_ROUTE_LOOKUPS);
	return icmpx_route_miss(net, reply, route, hash);
}

/* Gives back a reply's route that is not used after all. */
static inline void icmpx_put_route(const struct icmpx_reply *reply, struct rtable *rt)
{
	if (!reply->kept)
		ip_rt_put(rt);
}

#endif
