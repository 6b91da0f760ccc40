/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of src/linux share. */
#ifndef ICMPX_LINUX_H
#define ICMPX_LINUX_H

#include <icmpx/core.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>
#include <net/flow.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "compat.h"
#include "out/control.h"
#include "ping/table.h"

struct icmpx_flow;
struct net_protocol;
struct icmpx_host_table;
struct icmpx_prefix_table;

/* What errors tell of: bits of the setting errors_extension_mask. */
#define ICMPX_TELL_INCOMING	BIT(0)
#define ICMPX_TELL_OUTGOING	BIT(1)
#define ICMPX_TELL_NEXT_HOP	BIT(2)

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

/**
 * icmpx_local_out() - Hand a finished packet to IP, and count it.
 * @net: the namespace
 * @ix: ours of it
 * @sk: who sends it
 * @skb: the packet; consumed
 * @type: the ICMP type that it counts as
 * @bh_disabled: whether bottom halves are, a constant
 *
 * Context: process, or bottom halves disabled.
 *
 * Return: 0 or a negative errno.
 */
static __always_inline int icmpx_local_out(struct net *net, struct icmpx_net *ix, struct sock *sk,
					   struct sk_buff *skb, u8 type, bool bh_disabled)
{
	int err;

	icmpx_count_message_out(net, ix, type);
	if (bh_disabled)
		__ICMP_INC_STATS(net, ICMP_MIB_OUTMSGS);
	else
		ICMP_INC_STATS(net, ICMP_MIB_OUTMSGS);
	err = icmpx_ip_local_out(net, sk, skb, bh_disabled);
	if (err > 0)
		err = net_xmit_errno(err);
	if (unlikely(err))
		IP_INC_STATS(net, IPSTATS_MIB_OUTDISCARDS);
	return err;
}

/* The user that what this host sends on its own is routed for: the namespace's root. */
static inline kuid_t icmpx_root_uid(const struct net *net)
{
	/* sock_net_uid() would walk the first user namespace's map, to find just that. */
	if (likely(net->user_ns == &init_user_ns))
		return GLOBAL_ROOT_UID;
	return sock_net_uid(net, NULL);
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

/* Setting errors_extension_mask: bits %ICMPX_TELL_INCOMING, ... */
static inline u32 icmpx_extension_mask(const struct net *net, const struct icmpx_net *ix)
{
#if ICMPX_KERNEL_HAS_EXTENSIONS
	return READ_ONCE(net->ipv4.sysctl_icmp_errors_extension_mask);
#else
	return READ_ONCE(ix->extension_mask);
#endif
}

/* Without an IPsec policy for what goes out, the route is all that there is to look up. */
static inline bool icmpx_has_policy(const struct net *net)
{
	return icmpx_has_policy_for(net, XFRM_POLICY_OUT);
}

/* Milliseconds since midnight, UT (RFC 792), in network order. Context: any. */
static inline __be32 icmpx_current_timestamp(void)
{
	struct timespec64 now;
	u32 seconds;

	ktime_get_real_ts64(&now);
	div_u64_rem(now.tv_sec, 24 * 60 * 60, &seconds);
	return htonl(seconds * MSEC_PER_SEC + (u32)now.tv_nsec / NSEC_PER_MSEC);
}

/* takeover.c */
extern struct net_protocol *icmpx_builtin;
bool icmpx_in_module(const void *function);
int icmpx_take_over(void);
void icmpx_give_back(void);

/* receive.c */
int icmpx_rcv(struct sk_buff *skb);
int icmpx_err(struct sk_buff *skb, u32 info);

/* deliver.c */
enum icmpx_stat icmpx_deliver_error(struct net *net, struct icmpx_net *ix, struct sk_buff *skb);

/* raw.c */
unsigned int icmpx_raw_error(struct sk_buff *skb, u8 protocol, u32 info);

/* reply.c */
int icmpx_answer(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
		 enum icmpx_action action);

/* route_cache.c */
void icmpx_route_exit_net(const struct net *net);
int icmpx_route_init(void);
void icmpx_route_exit(void);

/* transmit.c */
void icmpx_put_ip_header(struct net *net, struct sk_buff *skb, const struct icmpx_flow *flow,
			 struct icmpx_options *options, __be32 destination, u8 tos);

/* send.c */
void icmpx_send(struct sk_buff *skb, int type, int code, __be32 info,
		const struct ip_options *opt, int iif);

/* send_extension.c */
bool icmpx_device_name(struct net *net, const struct net_device *dev, char *name);

/* send_hook.c */
void icmpx_send_take_over(void);
int icmpx_send_give_back(void);
bool icmpx_sending(void);

/* options.c */
bool icmpx_echo_options(struct net *net, const struct sk_buff *skb, const struct ip_options *opt,
			struct icmpx_options *reply);
void icmpx_put_options(struct sk_buff *skb, struct icmpx_options *options, __be32 destination);
void icmpx_put_ip_options(struct sk_buff *skb, const struct ip_options *opt, __be32 destination);

/* source.c */
__be32 icmpx_source_towards(struct sk_buff *skb);

/* probe.c */
struct icmpx_reply;
bool icmpx_probe(struct net *net, const struct sk_buff *skb, struct icmpx_reply *reply);

/* ratelimit.c */
bool icmpx_global_allow(struct net *net);
bool icmpx_host_allow(struct net *net, const struct rtable *rt, __be32 destination);
bool icmpx_host_exhausted(struct net *net, __be32 destination);
int icmpx_host_limit_init(struct icmpx_net *ix);
void icmpx_host_limit_exit(struct icmpx_net *ix);

/* prefix_limit.c */
bool icmpx_prefix_allow(struct icmpx_net *ix, __be32 source);
int icmpx_prefix_limit_set(struct icmpx_net *ix, int rate, int burst);
void icmpx_prefix_limit_exit(struct icmpx_net *ix);

/* express.c */
unsigned int icmpx_express(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/* express_device.c */
#define ICMPX_EXPRESS_DEVICES 64
/* A name of each, and what follows it. */
#define ICMPX_EXPRESS_LEN (ICMPX_EXPRESS_DEVICES * IFNAMSIZ)
int icmpx_express_set(struct net *net, char *names);
void icmpx_express_get(const struct net *net, char *names);
void icmpx_express_exit_net(struct net *net);
int icmpx_express_init(void);
void icmpx_express_exit(void);

/* sysctl.c */
int icmpx_settings_init(struct net *net, struct icmpx_net *ix);
void icmpx_settings_exit(struct net *net, struct icmpx_net *ix);

/* stat.c */
int icmpx_stat_init(struct net *net, struct icmpx_net *ix);
void icmpx_stat_exit(struct net *net, struct icmpx_net *ix);

#endif
