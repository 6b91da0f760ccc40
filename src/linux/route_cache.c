// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes of replies, kept for the next one to the same requester: for each CPU
 * a table with one place for each value of a keyed hash.
 *
 * What is kept is a route that Linux itself keeps at the next hop, and marks as
 * obsolete there when a path MTU or a redirect is learnt. Everything else that
 * changes routes, addresses, rules or links moves the namespace's generation.
 * A few things do neither, as the sysctl ignore_routes_with_linkdown: those are
 * seen within ICMPX_ROUTE_LIFETIME. Where one lookup does not tell what the
 * next one would find, since several next hops take turns, nothing is kept.
 *
 * Only the CPU itself, with its control socket locked, reads and fills its
 * table; anybody may empty it. The reference that a place has is taken out of
 * it atomically, and who found the route there before is under RCU. A device
 * does not wait for routes that are kept here: Linux gives those of one that
 * goes to another device, as it does with the routes of sockets.
 */
#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <net/ip_fib.h>
#include <net/nexthop.h>
#include <net/route.h>

#include "icmpx.h"

#define ICMPX_ROUTE_BITS 10
#define ICMPX_ROUTES BIT(ICMPX_ROUTE_BITS)
#define ICMPX_ROUTE_LIFETIME HZ

/**
 * struct icmpx_route - a place for a route
 * @rt: the route, with a reference; NULL if there is none
 * @net: with what follows, what it was looked up with: all of the flow that
 *	differs from one reply to another
 * @daddr: network order
 * @saddr: network order
 * @mark: of the packet
 * @oif: a VRF's index, or 0
 * @expires: when it has to be looked up anew, in jiffies
 * @missed: hash of whom the last lookup was for
 * @id: next identification of its replies
 * @tos: bits that choose a route
 * @flags: FLOWI_FLAG_...
 */
struct icmpx_route {
	struct rtable __rcu *rt;
	const struct net *net;
	__be32 daddr;
	__be32 saddr;
	u32 mark;
	int oif;
	unsigned long expires;
	u32 missed;
	u16 id;
	u8 tos;
	u8 flags;
} ____cacheline_aligned;

static DEFINE_PER_CPU(struct icmpx_route *, icmpx_routes);
static u64 icmpx_route_key __read_mostly;

/*
 * Multiply and shift, by a random odd number: who chooses addresses does not
 * choose places. The upper bits are the place.
 */
static u32 icmpx_route_hash(const struct net *net, const struct flowi4 *fl4)
{
	const u64 addresses = (u64)(__force u32)fl4->saddr << 32 | (__force u32)fl4->daddr;

	return (addresses ^ (unsigned long)net) * icmpx_route_key >> 32;
}

static __always_inline bool icmpx_route_matches(const struct icmpx_route *route,
						const struct net *net, const struct flowi4 *fl4)
{
	return route->net == net && route->daddr == fl4->daddr && route->saddr == fl4->saddr &&
	       route->mark == fl4->flowi4_mark && route->oif == fl4->flowi4_oif &&
	       route->tos == fl4->flowi4_tos && route->flags == fl4->flowi4_flags;
}

/* As dst_check(), but by the namespace that the route is for, whatever became of its device. */
static bool icmpx_route_valid(const struct rtable *rt, int generation)
{
	return READ_ONCE(rt->dst.obsolete) == DST_OBSOLETE_FORCE_CHK &&
	       rt->rt_genid == generation;
}

static void icmpx_route_forget(struct icmpx_route *route)
{
	ip_rt_put(unrcu_pointer(xchg(&route->rt, NULL)));
}

/* Whether the next lookup finds the same as long as nothing changes. */
static bool icmpx_route_lasts(struct net *net, const struct flowi4 *fl4)
{
	struct flowi4 flow = *fl4;
	struct fib_result res;

	flow.flowi4_iif = LOOPBACK_IFINDEX;
	if (fib_lookup(net, &flow, &res, 0))
		return false;
	if (res.type != RTN_UNICAST && res.type != RTN_LOCAL)
		return false;
	/* Of several next hops, or default routes, neighbours have a say in which it is. */
	return fib_info_num_path(res.fi) == 1 &&
	       (res.prefixlen || res.table->tb_num_default <= 1);
}

/*
 * The way of the first replies to somebody. Who asks but once, as those that a
 * flood with spoofed sources pretends to be, takes no place from others: it is
 * the second lookup in a row for the same flow that takes it.
 */
static noinline struct rtable *icmpx_route_miss(struct net *net, struct icmpx_reply *reply,
						struct icmpx_route *route, u32 hash)
{
	const int generation = rt_genid_ipv4(net);
	const struct flowi4 flow = reply->fl4;
	struct rtable *rt;
	bool keep;

	keep = route->missed == hash && flow.saddr && icmpx_route_lasts(net, &flow);
	route->missed = hash;
	rt = __ip_route_output_key(net, &reply->fl4);
	/* Routes that changed meanwhile have moved the generation, or will. */
	if (!keep || IS_ERR(rt) || !icmpx_route_is_shared(rt) ||
	    !icmpx_route_valid(rt, generation))
		return rt;

	icmpx_route_forget(route);
	if (!icmpx_route_matches(route, net, &flow))
		route->id = get_random_u32();
	route->net = net;
	route->daddr = flow.daddr;
	route->saddr = flow.saddr;
	route->mark = flow.flowi4_mark;
	route->oif = flow.flowi4_oif;
	route->tos = flow.flowi4_tos;
	route->flags = flow.flowi4_flags;
	route->expires = jiffies + ICMPX_ROUTE_LIFETIME;
	rcu_assign_pointer(route->rt, rt);
	reply->flow_id = &route->id;
	return rt;
}

/**
 * icmpx_route() - Look up the route of a reply.
 * @net: the namespace
 * @ix: ours of it
 * @reply: has the flow that it is looked up for, and gets its source address if
 *	that was 0; if its flow_id is set then, the caller has no reference to
 *	the route, and may use it under rcu_read_lock() alone
 *
 * For replies without an IPsec policy: such a route depends on more than that.
 *
 * Context: this CPU's control socket is locked; rcu_read_lock().
 *
 * Return: the route or an error pointer.
 */
struct rtable *icmpx_route(struct net *net, struct icmpx_net *ix, struct icmpx_reply *reply)
{
	const struct flowi4 *fl4 = &reply->fl4;
	const u32 hash = icmpx_route_hash(net, fl4);
	struct icmpx_route *route;
	struct rtable *rt;

	route = this_cpu_read(icmpx_routes) + (hash >> (32 - ICMPX_ROUTE_BITS));
	rt = rcu_dereference(route->rt);
	if (likely(rt && icmpx_route_matches(route, net, fl4) &&
		   icmpx_route_valid(rt, rt_genid_ipv4(net)) &&
		   time_before(jiffies, route->expires))) {
		reply->flow_id = &route->id;
		return rt;
	}
	icmpx_count(ix, ICMPX_ROUTE_LOOKUPS);
	return icmpx_route_miss(net, reply, route, hash);
}

/**
 * icmpx_route_flush() - Give back all routes that are kept.
 *
 * Those of namespaces that go must be, before their memory becomes another's.
 *
 * Context: process.
 */
void icmpx_route_flush(void)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct icmpx_route *routes = per_cpu(icmpx_routes, cpu);

		for (i = 0; routes && i < ICMPX_ROUTES; i++) {
			if (rcu_access_pointer(routes[i].rt))
				icmpx_route_forget(&routes[i]);
		}
	}
}

/**
 * icmpx_route_init() - Create the tables.
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM, with nothing left behind.
 */
int icmpx_route_init(void)
{
	const size_t size = ICMPX_ROUTES * sizeof(struct icmpx_route);
	struct icmpx_route *routes;
	int cpu;

	icmpx_route_key = get_random_u64() | 1;
	for_each_possible_cpu(cpu) {
		routes = kvzalloc_node(size, GFP_KERNEL, cpu_to_node(cpu));
		if (!routes) {
			icmpx_route_exit();
			return -ENOMEM;
		}
		per_cpu(icmpx_routes, cpu) = routes;
	}
	return 0;
}

/**
 * icmpx_route_exit() - Free the tables, and give back the routes in them.
 *
 * Context: process; nobody looks up any more.
 */
void icmpx_route_exit(void)
{
	int cpu;

	icmpx_route_flush();
	for_each_possible_cpu(cpu) {
		kvfree(per_cpu(icmpx_routes, cpu));
		per_cpu(icmpx_routes, cpu) = NULL;
	}
}
