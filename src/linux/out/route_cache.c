// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes of replies and errors, kept for the next packet to the same host: for each CPU
 * a table with one place for each value of a keyed hash.
 *
 * What is kept is a route that Linux itself keeps at the next hop, and marks as
 * obsolete there when a path MTU or a redirect is learnt. Everything else that
 * changes routes, addresses, rules or links moves the namespace's generation.
 * A few things do neither, as the sysctl ignore_routes_with_linkdown: those are
 * seen within ICMPX_ROUTE_LIFETIME. Where one lookup does not tell what the
 * next one would find, since several next hops take turns, nothing is kept.
 *
 * Only the CPU itself, between icmpx_send_begin() and icmpx_send_end(), reads and fills
 * its table; any CPU may empty it. The reference that a place has is taken out of it
 * atomically, and a packet that found the route there before is under RCU. A device does
 * not wait for routes that are kept here: Linux gives those of one that goes to another
 * device, as it does with the routes of sockets.
 *
 * Beside its route a place has a counter of identifications, see icmpx_identify().
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <net/nexthop.h>

#include "out/out.h"

#define ICMPX_ROUTES BIT(ICMPX_ROUTE_BITS)
#define ICMPX_ROUTE_LIFETIME HZ

/* A packet writes to its place, and no other CPU to the line of the cache that this is in. */
static_assert(sizeof(struct icmpx_route) % SMP_CACHE_BYTES == 0);

DEFINE_PER_CPU(struct icmpx_route *, icmpx_routes);
u64 icmpx_route_key __read_mostly;
static u64 icmpx_id_key __read_mostly;

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

/* The user that what this host sends on its own is routed for: the namespace's root. */
static inline kuid_t icmpx_root_uid(const struct net *net)
{
	/* sock_net_uid() would walk the first user namespace's map, to find just that. */
	if (likely(net->user_ns == &init_user_ns))
		return GLOBAL_ROOT_UID;
	return sock_net_uid(net, NULL);
}

/**
 * icmpx_fill_flow() - Say to Linux's lookup what a route depends on.
 * @net: the namespace
 * @flow: that
 * @fl4: all of it is written
 *
 * Context: any.
 */
void icmpx_fill_flow(const struct net *net, const struct icmpx_flow *flow, struct flowi4 *fl4)
{
	memset(fl4, 0, sizeof(*fl4));
	fl4->saddr = flow->saddr;
	fl4->daddr = flow->daddr;
	fl4->flowi4_mark = flow->mark;
	fl4->flowi4_oif = flow->oif;
	icmpx_set_flow_tos(fl4, flow->tos);
	fl4->flowi4_uid = icmpx_root_uid(net);
	fl4->flowi4_proto = IPPROTO_ICMP;
}

/* Puts a route into its place, which takes over the reference. */
static void icmpx_route_keep(struct net *net, struct icmpx_way *way, const struct icmpx_flow *asked,
			     struct rtable *rt)
{
	struct icmpx_net *ix = icmpx_net_rcu(net);
	struct icmpx_route *place = way->place;

	if (!READ_ONCE(ix->v4.keeps_routes))
		WRITE_ONCE(ix->v4.keeps_routes, true);
	icmpx_route_forget(place);
	WRITE_ONCE(place->net, net);
	place->flow = *asked;
	place->source = way->flow.saddr;
	place->plain = icmpx_route_is_plain(rt);
	place->expires = jiffies + ICMPX_ROUTE_LIFETIME;
	rcu_assign_pointer(place->rt, rt);
	way->kept = 1;
}

/**
 * icmpx_route_miss() - Look up a route in Linux's tables.
 * @net: the namespace
 * @way: as of icmpx_route(), its place set
 * @about: as of icmpx_route()
 *
 * The way of the first packets to a host. A host that is answered but once, as those
 * that a flood with spoofed sources pretends to be, takes no place from others: it is
 * the second lookup in a row for the same flow that takes it.
 *
 * Context: as icmpx_route().
 *
 * Return: the route, or NULL if there is none.
 */
struct rtable *icmpx_route_miss(struct net *net, struct icmpx_way *way,
				const struct sk_buff *about)
{
	const int generation = rt_genid_ipv4(net);
	const struct icmpx_flow asked = way->flow;
	struct flowi4 fl4;
	struct rtable *rt;
	bool keep;

	/*
	 * What is looked up below is not older than the generation: else a route that has
	 * just changed would be kept as one of the next generation. Linux changes its tables
	 * first and then moves the generation, without a barrier between the two. Where a
	 * CPU sees the second change first, the route goes with ICMPX_ROUTE_LIFETIME.
	 */
	smp_rmb();
	icmpx_fill_flow(net, &asked, &fl4);
	keep = way->place->missed == way->hash && icmpx_route_lasts(net, &fl4);
	way->place->missed = way->hash;
	rt = ip_route_output_key_hash(net, &fl4, about);
	if (IS_ERR(rt))
		return NULL;
	way->flow.saddr = fl4.saddr;
	way->flow.daddr = fl4.daddr;
	/* Routes that changed meanwhile have moved the generation, or will. */
	if (keep && fl4.daddr == asked.daddr && icmpx_route_is_shared(rt) &&
	    icmpx_route_valid(rt, generation))
		icmpx_route_keep(net, way, &asked, rt);
	return rt;
}

/* The clock that first identifications grow by: 15 ticks a second or so. */
#define ICMPX_ID_TICK (HZ / 15)

/**
 * icmpx_first_id() - Choose the identification of a packet for whose addresses none is counted.
 * @way: the packet's way, which has a place
 *
 * The counter of its place becomes theirs, unless a route of others is kept there. It
 * begins with a number that does not follow from what other hosts see, and that is about
 * the same on each CPU and whenever it begins anew: it grows by time.
 *
 * Context: as icmpx_route().
 *
 * Return: the identification, host order.
 */
u16 icmpx_first_id(struct icmpx_way *way)
{
	struct icmpx_route *place = way->place;
	u64 mixed = way->hash * icmpx_id_key;
	u16 id;

	mixed ^= mixed >> 32;
	mixed *= icmpx_id_key;
	id = (mixed >> 48) + jiffies / ICMPX_ID_TICK + smp_processor_id();
	if (way->kept || !rcu_access_pointer(place->rt)) {
		place->owner = way->hash;
		place->id = id + 1;
	}
	return id;
}

/* Gives back the routes of a namespace, or of all if it is NULL. */
static void icmpx_route_flush(const struct net *net)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct icmpx_route *routes = per_cpu(icmpx_routes, cpu);

		for (i = 0; routes && i < ICMPX_ROUTES; i++) {
			if (rcu_access_pointer(routes[i].rt) &&
			    (!net || READ_ONCE(routes[i].net) == net))
				icmpx_route_forget(&routes[i]);
		}
	}
}

/**
 * icmpx_route_exit_net() - Give back the kept routes of a namespace.
 * @net: the namespace, of which no packet is in our code any more
 *
 * That must be before its memory becomes another's. Other namespaces' routes stay, but
 * for that of a place that changes hands meanwhile, which is looked up again.
 *
 * Context: process.
 */
void icmpx_route_exit_net(const struct net *net)
{
	if (icmpx_net(net)->v4.keeps_routes)
		icmpx_route_flush(net);
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
	icmpx_id_key = get_random_u64() | 1;
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

	icmpx_route_flush(NULL);
	for_each_possible_cpu(cpu) {
		kvfree(per_cpu(icmpx_routes, cpu));
		per_cpu(icmpx_routes, cpu) = NULL;
	}
}
