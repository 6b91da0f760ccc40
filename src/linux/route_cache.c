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
#include <linux/mm.h>
#include <linux/random.h>
#include <net/nexthop.h>

#include "reply.h"

#define ICMPX_ROUTES BIT(ICMPX_ROUTE_BITS)
#define ICMPX_ROUTE_LIFETIME HZ

/* A reply writes to its place, and no other CPU to the line of the cache that this is in. */
static_assert(sizeof(struct icmpx_route) % SMP_CACHE_BYTES == 0);

DEFINE_PER_CPU(struct icmpx_route *, icmpx_routes);
u64 icmpx_route_key __read_mostly;

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

/**
 * icmpx_route_miss() - Look up a reply's route in Linux's tables.
 * @net: the namespace
 * @reply: as of icmpx_route()
 * @route: the place of its flow
 * @hash: of its flow
 *
 * The way of the first replies to somebody. Who asks but once, as those that a
 * flood with spoofed sources pretends to be, takes no place from others: it is
 * the second lookup in a row for the same flow that takes it.
 *
 * Context: as icmpx_route().
 *
 * Return: the route, or NULL if there is none.
 */
struct rtable *icmpx_route_miss(struct net *net, struct icmpx_reply *reply,
				struct icmpx_route *route, u32 hash)
{
	const int generation = rt_genid_ipv4(net);
	const struct icmpx_flow flow = reply->flow;
	struct flowi4 fl4;
	struct rtable *rt;
	bool keep;

	icmpx_fill_flow(net, &flow, &fl4);
	keep = route->missed == hash && flow.saddr && icmpx_route_lasts(net, &fl4);
	route->missed = hash;
	rt = __ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return NULL;
	reply->flow.saddr = fl4.saddr;
	reply->flow.daddr = fl4.daddr;
	/* Routes that changed meanwhile have moved the generation, or will. */
	if (!keep || !icmpx_route_is_shared(rt) ||
	    !icmpx_route_valid(rt, generation))
		return rt;

	icmpx_route_forget(route);
	if (!icmpx_route_matches(route, net, &flow))
		route->id = get_random_u32();
	route->net = net;
	route->flow = flow;
	route->plain = icmpx_route_is_plain(rt);
	route->expires = jiffies + ICMPX_ROUTE_LIFETIME;
	rcu_assign_pointer(route->rt, rt);
	reply->kept = route;
	return rt;
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
