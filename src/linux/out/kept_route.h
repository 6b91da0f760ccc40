/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of kept routes, which hold routes of any family. */
#ifndef ICMPX_KEPT_ROUTE_H
#define ICMPX_KEPT_ROUTE_H

#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <net/dst.h>
#include <net/net_namespace.h>
#include <net/sock.h>

/* A table has this many places on each CPU, as a power of 2. */
#define ICMPX_ROUTE_BITS 10

/* A few changes of routes are not told to those that keep one: they take effect after this. */
#define ICMPX_ROUTE_LIFETIME HZ

/**
 * struct icmpx_kept_route - the first member of a place in a table
 * @dst: the route, with a reference; NULL if there is none
 * @net: the namespace that the route was looked up in
 */
struct icmpx_kept_route {
	struct dst_entry __rcu *dst;
	const struct net *net;
};

/**
 * struct icmpx_kept_table - the tables of a family
 * @first: each CPU's table, or NULL
 * @size: bytes of a place
 */
struct icmpx_kept_table {
	void * __percpu *first;
	size_t size;
};

/* kept_route.c */
int icmpx_kept_init(const struct icmpx_kept_table *table);
void icmpx_kept_flush(const struct icmpx_kept_table *table, const struct net *net);
void icmpx_kept_exit(const struct icmpx_kept_table *table);

/* The user that this host's own packets are routed for: the root user of the namespace. */
static inline kuid_t icmpx_root_uid(const struct net *net)
{
	/* sock_net_uid() would walk the map of the first user namespace, with this result. */
	if (likely(net->user_ns == &init_user_ns))
		return GLOBAL_ROOT_UID;
	return sock_net_uid(net, NULL);
}

/* Context: any. */
static inline void icmpx_kept_forget(struct icmpx_kept_route *kept)
{
	dst_release(unrcu_pointer(xchg(&kept->dst, NULL)));
}

#endif
