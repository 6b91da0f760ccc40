// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of kept routes: a table for each CPU, whose places begin with a struct
 * icmpx_kept_route.
 *
 * Only the CPU itself, between icmpx_send_begin() and icmpx_send_end(), reads and fills
 * its table; any CPU may empty a place. xchg() takes the reference out of a place, and a
 * packet that found the route before that uses it in its RCU read section. A device that
 * goes does not wait for routes that are kept here: Linux moves its routes to another
 * device, as it does with the routes of sockets.
 */
#include <linux/mm.h>

#include "out/kept_route.h"

/**
 * icmpx_kept_init() - Allocate the tables of a family.
 * @table: the tables
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM, with nothing left behind.
 */
int icmpx_kept_init(const struct icmpx_kept_table *table)
{
	void *first;
	int cpu;

	for_each_possible_cpu(cpu) {
		first = kvzalloc_node(table->size << ICMPX_ROUTE_BITS, GFP_KERNEL,
				      cpu_to_node(cpu));
		if (!first) {
			icmpx_kept_exit(table);
			return -ENOMEM;
		}
		*per_cpu_ptr(table->first, cpu) = first;
	}
	return 0;
}

/**
 * icmpx_kept_flush() - Drop kept routes.
 * @table: the tables of a family
 * @net: the namespace whose routes are dropped; NULL for all
 *
 * Routes of other namespaces stay, except for one that is put into a place of @net's at the
 * same time: it is dropped, too, and looked up again.
 *
 * Context: process.
 */
void icmpx_kept_flush(const struct icmpx_kept_table *table, const struct net *net)
{
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		void *first = *per_cpu_ptr(table->first, cpu);

		for (i = 0; first && i < BIT(ICMPX_ROUTE_BITS); i++) {
			struct icmpx_kept_route *kept = first + i * table->size;

			if (rcu_access_pointer(kept->dst) &&
			    (!net || READ_ONCE(kept->net) == net))
				icmpx_kept_forget(kept);
		}
	}
}

/**
 * icmpx_kept_exit() - Free the tables of a family, and drop the routes in them.
 * @table: the tables
 *
 * Context: process; no route is looked up any more.
 */
void icmpx_kept_exit(const struct icmpx_kept_table *table)
{
	int cpu;

	icmpx_kept_flush(table, NULL);
	for_each_possible_cpu(cpu) {
		kvfree(*per_cpu_ptr(table->first, cpu));
		*per_cpu_ptr(table->first, cpu) = NULL;
	}
}
