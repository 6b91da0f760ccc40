/* SPDX-License-Identifier: GPL-2.0-only */
/* What all rooms share: the state of a namespace, and counting. */
#ifndef ICMPX_LINUX_H
#define ICMPX_LINUX_H

#include <icmpx/stat.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat.h"
#include "ping/table.h"

struct icmpx_control;
struct icmpx_host_table;
struct icmpx_prefix_table;
struct icmpx_self;
struct icmpx_told;
struct inet6_protocol;
struct inet6_skb_parm;
struct inet_protosw;
struct net_protocol;

/* Each CPU may count types below this one for itself. Of those in use, only PROBE's are above. */
#define ICMPX_MIB_TYPES 16

/**
 * struct icmpx_counters - what one CPU has counted
 * @value: its share of /proc/net/icmpx_stat or icmpx6_stat; indexed by enum icmpx_stat
 * @messages: its share of IcmpMsg of /proc/net/snmp, see mib.c; indexed by type for
 *	messages received, and by %ICMPX_MIB_TYPES plus type for messages sent
 * @builtin_asked: jiffies when @builtin_ping was looked up
 * @builtin_ping: whether the built-in code may have ping sockets
 */
struct icmpx_counters {
	u64 value[ICMPX_STAT_COUNT];
	unsigned long messages[2 * ICMPX_MIB_TYPES];
	unsigned long builtin_asked;
	bool builtin_ping;
};

/**
 * struct icmpx_prefix_limit - the limit for each source prefix
 * @rate: setting echo_ratelimit; written under @lock
 * @burst: setting echo_burst; written under @lock
 * @length: setting echo_ratelimit_prefix, bits of a prefix
 * @table: buckets; NULL while @rate is 0; replaced under @lock, read under RCU
 * @lock: serialises writers of @rate, @burst and @table
 * @work: tells listeners which prefixes are limited
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 */
struct icmpx_prefix_limit {
	int rate;
	int burst;
	int length;
	struct icmpx_prefix_table __rcu *table;
	/* Serialises writers of rate, burst and table. */
	struct mutex lock;
	struct delayed_work work;
	struct net *net;
	u8 family;
};

/**
 * struct icmpx_family - what icmpx keeps for one family of addresses in a namespace
 * @counters: per CPU
 * @control: control sockets, per CPU
 * @model: the socket that @control are clones of
 * @limit: the limit for each source prefix
 * @hosts: buckets of the limit for each host, where no module may look up the kernel's
 * @extension_mask: setting errors_extension_mask, where the kernel has none: bits
 *	%ICMPX_TELL_INCOMING, ...
 * @ignore_timestamps: setting timestamp_ignore_all; ICMPv6 has no such messages
 * @node_info: setting node_info, bits %ICMPX6_NODE_TELL_NAME, ...; ICMPv4 has no such messages
 * @keeps_routes: whether a route of this namespace has ever been kept
 * @settings: sysctls, allocated for this namespace
 * @settings_header: their registration
 *
 * Of these, the packet path writes only to @counters and @control, to the buckets if
 * there are any, and once to @keeps_routes.
 */
struct icmpx_family {
	struct icmpx_counters __percpu *counters;
	struct icmpx_control __percpu *control;
	struct sock *model;
	struct icmpx_prefix_limit limit;
#if !ICMPX_HAS_INET_PEER
	struct icmpx_host_table *hosts;
#endif
#if !ICMPX_KERNEL_HAS_EXTENSIONS
	int extension_mask;
#endif
	u8 ignore_timestamps;
	u8 node_info;
	bool keeps_routes;
	struct ctl_table *settings;
	struct ctl_table_header *settings_header;
};

/**
 * struct icmpx_disclosure - what errors tell of this host, and to whom
 * @self: settings node_name and node_address; NULL until one is written
 * @told: setting errors_extension_to; NULL for all destinations
 * @lock: serialises writers
 */
struct icmpx_disclosure {
	struct icmpx_self __rcu *self;
	struct icmpx_told __rcu *told;
	/* Serialises writers of self and told. */
	struct mutex lock;
};

/**
 * struct icmpx_late - replies over IPv6 that are sent a moment after their queries
 * @work: sends what is due
 * @net: the namespace
 * @waiting: the replies, in the order in which they are due
 * @count: how many
 * @closed: whether no more are taken, since the namespace or the module goes
 * @lock: serialises changes of @waiting, @count and @closed
 */
struct icmpx_late {
	struct delayed_work work;
	struct net *net;
	struct list_head waiting;
	unsigned int count;
	bool closed;
	/* Serialises changes of waiting, count and closed. */
	spinlock_t lock;
};

/**
 * struct icmpx_net - what icmpx keeps for a network namespace
 * @v4: IPv4's part
 * @folded: sums over all CPUs that were added to the kernel's counters of IPv4; indexed
 *	like messages of struct icmpx_counters, under the lock of mib.c
 * @express_devices: how many devices have the express path; under RTNL
 * @ping: ping sockets
 * @disclosure: what errors of both families tell
 * @late: replies over IPv6 that wait
 * @v6: IPv6's part; all of it is 0 where icmpx leaves ICMPv6 to the built-in code
 */
struct icmpx_net {
	struct icmpx_family v4;
	unsigned long folded[2 * ICMPX_MIB_TYPES];
	unsigned int express_devices;
	struct icmpx_ping_table ping;
	struct icmpx_disclosure disclosure;
	struct icmpx_late late;
	struct icmpx_family v6;
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

/* Context: any. Writes only to memory of this CPU. */
static inline void icmpx_count(struct icmpx_family *family, enum icmpx_stat stat)
{
	this_cpu_inc(family->counters->value[stat]);
}

/*
 * Context: bottom halves disabled. On some architectures this costs less than icmpx_count();
 * with PREEMPT_RT, another task with bottom halves disabled may be counting on the CPU.
 */
static inline void __icmpx_count(struct icmpx_family *family, enum icmpx_stat stat)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		icmpx_count(family, stat);
	else
		__this_cpu_inc(family->counters->value[stat]);
}

/* mib.c */
extern bool icmpx_mib_own;
void icmpx_mib_take_over(void);
int icmpx_mib_give_back(void);

/* Counts a message received, in memory of this CPU if mib.c allows that. Context: any. */
static inline void icmpx_count_message_in(struct net *net, struct icmpx_net *ix, u8 type)
{
	if (likely(READ_ONCE(icmpx_mib_own) && type < ICMPX_MIB_TYPES))
		this_cpu_inc(ix->v4.counters->messages[type]);
	else
		ICMPMSGIN_INC_STATS(net, type);
}

/* The same for a message sent. */
static inline void icmpx_count_message_out(struct net *net, struct icmpx_net *ix, u8 type)
{
	if (likely(READ_ONCE(icmpx_mib_own) && type < ICMPX_MIB_TYPES))
		this_cpu_inc(ix->v4.counters->messages[ICMPX_MIB_TYPES + type]);
	else
		ICMPMSGOUT_INC_STATS(net, type);
}

/* Whether an IPsec policy may apply to packets of a direction: XFRM_POLICY_IN or _OUT. */
static inline bool icmpx_has_policy_for(const struct net *net, int way)
{
#ifdef CONFIG_XFRM
	return READ_ONCE(net->xfrm.policy_count[way]) ||
	       READ_ONCE(net->xfrm.policy_default[way]) != XFRM_USERPOLICY_ACCEPT;
#else
	return false;
#endif
}

/* The same for packets sent. Without such a policy, only the route has to be looked up. */
static inline bool icmpx_has_policy(const struct net *net)
{
	return icmpx_has_policy_for(net, XFRM_POLICY_OUT);
}

/* takeover.c */
extern struct net_protocol *icmpx_builtin;
extern struct inet6_protocol *icmpx6_builtin;
bool icmpx_handles_ipv6(void);
bool icmpx_in_module(const void *function);
int icmpx_take_over(void);
void icmpx_give_back(void);

/* builtin.c */
void icmpx_builtin_find(struct inet_protosw *own);
bool icmpx_builtin_may_want(struct net *net, const struct icmpx_family *family);
int icmpx_builtin_rcv(struct icmpx_net *ix, struct sk_buff *skb, bool ambiguous);

/* receive.c */
int icmpx_rcv(struct sk_buff *skb);
int icmpx_err(struct sk_buff *skb, u32 info);

/* receive6.c */
int icmpx6_rcv(struct sk_buff *skb);
int icmpx6_err(struct sk_buff *skb, struct inet6_skb_parm *opt, u8 type, u8 code, int offset,
	       __be32 info);

/* sysctl.c */
int icmpx_settings_init(struct net *net, struct icmpx_net *ix);
void icmpx_settings_exit(struct net *net, struct icmpx_net *ix);

/* sysctl6.c */
int icmpx6_settings_init(struct net *net, struct icmpx_net *ix);
void icmpx6_settings_exit(struct net *net, struct icmpx_net *ix);

/* Bytes of the longest name of a counter, with the zero behind it. */
#define ICMPX_STAT_NAME_LEN 32

/* stat.c */
void icmpx_stat_name(enum icmpx_stat stat, char name[ICMPX_STAT_NAME_LEN]);
bool icmpx_stat_is_of(enum icmpx_stat stat, int family);
u64 icmpx_stat_sum(const struct icmpx_family *family, unsigned int stat);
int icmpx_stat_init(struct net *net, struct icmpx_net *ix);
void icmpx_stat_exit(struct net *net, struct icmpx_net *ix);
int icmpx6_stat_init(struct net *net, struct icmpx_net *ix);
void icmpx6_stat_exit(struct net *net, struct icmpx_net *ix);

#endif
