// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes of replies and errors, kept for the next packet to the same host. Each CPU has a
 * table with one place for each value of a keyed hash.
 *
 * icmpx keeps only a route that Linux itself keeps at the next hop, where Linux marks it
 * as obsolete when a path MTU or a redirect is learnt. All other changes of routes,
 * addresses, rules or links move the namespace's generation. A few changes do neither,
 * for example of the sysctl ignore_routes_with_linkdown: they take effect within
 * ICMPX_ROUTE_LIFETIME. No route is kept where one lookup does not tell what the next one
 * would find, because several next hops take turns.
 *
 * Beside its route a place has a counter of identifications, see icmpx_identify().
 */
#include <linux/random.h>
#include <net/nexthop.h>

#include "out/out.h"

/* A packet writes to its place, so a place shares no cache line with data of another CPU. */
static_assert(sizeof(struct icmpx_route) % SMP_CACHE_BYTES == 0);

DEFINE_PER_CPU(void *, icmpx_routes);
u64 icmpx_route_key __read_mostly;
static u64 icmpx_id_key __read_mostly;

static const struct icmpx_kept_table icmpx_route_table = {
	.first = &icmpx_routes,
	.size = sizeof(struct icmpx_route),
};

/* Whether the next lookup finds the same route as long as no table changes. */
static bool icmpx_route_lasts(struct net *net, const struct flowi4 *fl4)
{
	struct flowi4 flow = *fl4;
	struct fib_result res;

	flow.flowi4_iif = LOOPBACK_IFINDEX;
	if (fib_lookup(net, &flow, &res, 0))
		return false;
	if (res.type != RTN_UNICAST && res.type != RTN_LOCAL)
		return false;
	/* Linux chooses among next hops, or default routes, also by the state of neighbours. */
	return fib_info_num_path(res.fi) == 1 &&
	       (res.prefixlen || res.table->tb_num_default <= 1);
}

/**
 * icmpx_fill_flow() - Fill in the key of Linux's route lookup.
 * @net: the namespace
 * @flow: what the route depends on
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

/* Puts a route into its place. The place takes over the reference from the caller. */
static void icmpx_route_keep(struct net *net, struct icmpx_way *way, const struct icmpx_flow *asked,
			     struct rtable *rt)
{
	struct icmpx_net *ix = icmpx_net_rcu(net);
	struct icmpx_route *place = way->place;

	if (!READ_ONCE(ix->v4.keeps_routes))
		WRITE_ONCE(ix->v4.keeps_routes, true);
	icmpx_kept_forget(&place->kept);
	WRITE_ONCE(place->kept.net, net);
	place->flow = *asked;
	place->source = way->flow.saddr;
	place->plain = icmpx_route_is_plain(rt);
	place->expires = jiffies + ICMPX_ROUTE_LIFETIME;
	rcu_assign_pointer(place->kept.dst, &rt->dst);
	way->kept = 1;
}

/**
 * icmpx_route_miss() - Look up a route in Linux's tables.
 * @net: the namespace
 * @way: as for icmpx_route(), with place and hash set
 * @about: as for icmpx_route()
 *
 * The first packets to a host come here. Only the second lookup in a row for the same flow
 * puts its route into the place. So a host that gets one packet alone, like the spoofed
 * sources of a flood, takes no place from other hosts.
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
	 * The generation must be read before the tables: otherwise a route that has just
	 * changed could be kept as one of the next generation. Linux changes its tables
	 * first and then moves the generation, without a barrier between the two writes.
	 * If this CPU sees the second write first, the route stays for
	 * ICMPX_ROUTE_LIFETIME.
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
	/* A change of routes since the lookup has moved the generation, or is about to. */
	if (keep && fl4.daddr == asked.daddr && icmpx_route_is_shared(rt) &&
	    icmpx_route_valid(rt, generation))
		icmpx_route_keep(net, way, &asked, rt);
	return rt;
}

/* Jiffies in a tick of the clock of icmpx_first_id(), which has about 15 ticks a second. */
#define ICMPX_ID_TICK (HZ / 15)

/**
 * icmpx_first_id() - Choose the identification of a packet whose addresses have no counter.
 * @way: the packet's routing data, with a place
 *
 * The counter of the place then counts for these addresses, unless the place keeps a route
 * of other addresses. The counter starts at a number that does not follow from what other
 * hosts see. This number grows with time, and is otherwise about the same on each CPU and
 * whenever the counter starts again.
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
	if (way->kept || !rcu_access_pointer(place->kept.dst)) {
		place->owner = way->hash;
		place->id = id + 1;
	}
	return id;
}

/**
 * icmpx_route_exit_net() - Drop the kept routes of a namespace.
 * @net: the namespace, of which no packet is in icmpx's code any more
 *
 * This must be done before the memory of @net becomes that of another namespace.
 *
 * Context: process.
 */
void icmpx_route_exit_net(const struct net *net)
{
	if (icmpx_net(net)->v4.keeps_routes)
		icmpx_kept_flush(&icmpx_route_table, net);
}

/**
 * icmpx_route_init() - Create the tables of kept routes.
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM, with nothing left behind.
 */
int icmpx_route_init(void)
{
	icmpx_route_key = get_random_u64() | 1;
	icmpx_id_key = get_random_u64() | 1;
	return icmpx_kept_init(&icmpx_route_table);
}

/**
 * icmpx_route_exit() - Free the tables, and drop the routes in them.
 *
 * Context: process; no route is looked up any more.
 */
void icmpx_route_exit(void)
{
	icmpx_kept_exit(&icmpx_route_table);
}
