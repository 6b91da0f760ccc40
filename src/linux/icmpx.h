/* SPDX-License-Identifier: GPL-2.0-only */
/* What all rooms share: the state of a namespace, and counting. */
#ifndef ICMPX_LINUX_H
#define ICMPX_LINUX_H

#include <icmpx/stat.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat.h"
#include "ping/table.h"

struct icmpx_control;
struct icmpx_host_table;
struct icmpx_prefix_table;
struct inet_protosw;
struct net_protocol;

/* The types below this one, all but PROBE's, each CPU may count for itself. */
#define ICMPX_MIB_TYPES 16

/**
 * struct icmpx_counters - what one CPU has counted
 * @value: its share of /proc/net/icmpx_stat; indexed by enum icmpx_stat
 * @messages: its share of IcmpMsg of /proc/net/snmp, see mib.c; by type, those
 *	that came in, and from %ICMPX_MIB_TYPES on those that went out
 * @builtin_asked: jiffies when @builtin_ping was looked up
 * @builtin_ping: whether sockets of the built-in code's have ping identifiers
 */
struct icmpx_counters {
	u64 value[ICMPX_STAT_COUNT];
	unsigned long messages[2 * ICMPX_MIB_TYPES];
	unsigned long builtin_asked;
	bool builtin_ping;
};

/**
 * struct icmpx_net - what icmpx keeps for a network namespace
 * @counters: per CPU
 * @folded: what of all CPUs' messages is in the kernel's counters, too; mib.c has
 *	its lock
 * @echo_ratelimit: setting; written under @limit_lock
 * @echo_burst: setting; written under @limit_lock
 * @echo_prefix: setting echo_ratelimit_prefix
 * @extension_mask: setting errors_extension_mask, where the kernel has none: bits
 *	%ICMPX_TELL_INCOMING, ...
 * @limit_table: buckets of the prefix limit; set while @echo_ratelimit is not
 *	0; replaced under @limit_lock, read under RCU
 * @limit_lock: serialises writers of @echo_ratelimit, @echo_burst and @limit_table
 * @hosts: buckets of the limit for each host, where the kernel's own are out of reach
 * @control: control sockets, per CPU
 * @keeps_routes: whether a route of this namespace has ever been kept
 * @express_devices: how many devices have the express path; under RTNL
 * @settings: sysctls, allocated for this namespace
 * @settings_header: their registration
 * @ping: ping sockets
 *
 * The packet path writes to @counters and @control alone, to the buckets if there are
 * any, and once to @keeps_routes.
 */
struct icmpx_net {
	struct icmpx_counters __percpu *counters;
	unsigned long folded[2 * ICMPX_MIB_TYPES];
	int echo_ratelimit;
	int echo_burst;
	int echo_prefix;
#if !ICMPX_KERNEL_HAS_EXTENSIONS
	int extension_mask;
#endif
	struct icmpx_prefix_table __rcu *limit_table;
	/* Serialises writers of echo_ratelimit, echo_burst and limit_table. */
	struct mutex limit_lock;
#if !ICMPX_HAS_INET_PEER
	struct icmpx_host_table *hosts;
#endif
	struct icmpx_control __percpu *control;
	bool keeps_routes;
	unsigned int express_devices;
	struct ctl_table *settings;
	struct ctl_table_header *settings_header;
	struct icmpx_ping_table ping;
};

extern unsigned int icmpx_net_id;

/* Context: any, as long as @net is alive. */
static inline struct icmpx_net *icmpx_net(const struct net *net)
{
	return net_generic(net, icmpx_net_id);
}

/* The same for the packet path, which is under rcu_read_lock() already. */
static inline struct icmpx_net *icmpx_net_rcu(const struct net *net)
{
	return rcu_dereference(net->gen)->ptr[icmpx_net_id];
}

/* Context: any. Writes this CPU's memory alone. */
static inline void icmpx_count(struct icmpx_net *ix, enum icmpx_stat stat)
{
	this_cpu_inc(ix->counters->value[stat]);
}

/* Context: bottom halves disabled. Not on every architecture is the other one as cheap. */
static inline void __icmpx_count(struct icmpx_net *ix, enum icmpx_stat stat)
{
	__this_cpu_inc(ix->counters->value[stat]);
}

/* mib.c */
extern bool icmpx_mib_own;
void icmpx_mib_take_over(void);
int icmpx_mib_give_back(void);

/* Counts a message that came in. Context: any; writes this CPU's memory alone, if it may. */
static inline void icmpx_count_message_in(struct net *net, struct icmpx_net *ix, u8 type)
{
	if (likely(READ_ONCE(icmpx_mib_own) && type < ICMPX_MIB_TYPES))
		this_cpu_inc(ix->counters->messages[type]);
	else
		ICMPMSGIN_INC_STATS(net, type);
}

/* The same of one that goes out. */
static inline void icmpx_count_message_out(struct net *net, struct icmpx_net *ix, u8 type)
{
	if (likely(READ_ONCE(icmpx_mib_own) && type < ICMPX_MIB_TYPES))
		this_cpu_inc(ix->counters->messages[ICMPX_MIB_TYPES + type]);
	else
		ICMPMSGOUT_INC_STATS(net, type);
}

/* Whether there is an IPsec policy for what goes one way, XFRM_POLICY_IN or _OUT. */
static inline bool icmpx_has_policy_for(const struct net *net, int way)
{
#ifdef CONFIG_XFRM
	return READ_ONCE(net->xfrm.policy_count[way]) ||
	       READ_ONCE(net->xfrm.policy_default[way]) != XFRM_USERPOLICY_ACCEPT;
#else
	return false;
#endif
}

/* Without an IPsec policy for what goes out, the route is all that there is to look up. */
static inline bool icmpx_has_policy(const struct net *net)
{
	return icmpx_has_policy_for(net, XFRM_POLICY_OUT);
}

/* takeover.c */
extern struct net_protocol *icmpx_builtin;
bool icmpx_in_module(const void *function);
int icmpx_take_over(void);
void icmpx_give_back(void);

/* builtin.c */
void icmpx_builtin_find(struct inet_protosw *own);
bool icmpx_builtin_may_want(struct net *net, struct icmpx_net *ix);
int icmpx_builtin_rcv(struct icmpx_net *ix, struct sk_buff *skb, bool ambiguous);

/* receive.c */
int icmpx_rcv(struct sk_buff *skb);
int icmpx_err(struct sk_buff *skb, u32 info);

/* sysctl.c */
int icmpx_settings_init(struct net *net, struct icmpx_net *ix);
void icmpx_settings_exit(struct net *net, struct icmpx_net *ix);

/* stat.c */
int icmpx_stat_init(struct net *net, struct icmpx_net *ix);
void icmpx_stat_exit(struct net *net, struct icmpx_net *ix);

#endif
