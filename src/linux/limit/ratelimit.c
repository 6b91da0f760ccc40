// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits that the built-in code has, too: one bucket for each namespace, and one for
 * each destination. icmpx uses the built-in code's buckets, so that the messages of both
 * share one budget. On kernels that do not let a module look up the buckets of
 * destinations, icmpx has its own; the built-in code sends no errors while icmpx does.
 */
#include <icmpx/bucket.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <net/icmp.h>
#include <net/inetpeer.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "limit/host_table.h"
#include "limit/limit.h"

/* A bucket is filled at most 50 times a second. */
#define ICMPX_FILL_INTERVAL (HZ / 50)

/*
 * The CPU that moves the stamp fills the bucket. A CPU whose cmpxchg() fails lets its packet
 * pass: the other CPU has added the credit, or is about to.
 */
static bool icmpx_global_fill(struct net *net)
{
	/* The acquire orders the two loads: else @now may be before a stamp of another CPU. */
	const u32 stamp = smp_load_acquire(&net->ipv4.icmp_global_stamp);
	const u32 now = (u32)jiffies;
	int credit, filled;
	u32 earned;

	if (now - stamp < ICMPX_FILL_INTERVAL)
		return false;
	earned = icmpx_bucket_earned(now - stamp, HZ,
				     READ_ONCE(net->ipv4.sysctl_icmp_msgs_per_sec));
	if (!earned)
		return false;
	if (cmpxchg(&net->ipv4.icmp_global_stamp, stamp, now) != stamp)
		return true;

	credit = atomic_read(&net->ipv4.icmp_global_credit);
	do {
		filled = icmpx_bucket_fill(credit, earned,
					   READ_ONCE(net->ipv4.sysctl_icmp_msgs_burst));
	} while (!atomic_try_cmpxchg(&net->ipv4.icmp_global_credit, &credit, filled));
	return true;
}

/**
 * icmpx_global_allow() - Ask whether the namespace may send one more message.
 * @net: the namespace
 *
 * Settings msgs_per_sec and msgs_burst. Several CPUs may get true for the last token: then
 * the credit falls below zero, and new tokens make up for that first.
 *
 * Context: bottom halves disabled.
 *
 * Return: true if it may; icmpx_host_allow() then takes the tokens.
 */
bool icmpx_global_allow(struct net *net)
{
	if (atomic_read(&net->ipv4.icmp_global_credit) > 0 || icmpx_global_fill(net))
		return true;
	__ICMP_INC_STATS(net, ICMP_MIB_RATELIMITGLOBAL);
	return false;
}

/**
 * icmpx_global_take() - Account for a message in the namespace's limit.
 * @net: the namespace
 *
 * Takes 0, 1 or 2 tokens, 1 on average: so a host that watches the limit cannot count the
 * messages that other hosts made this host send. SAD DNS found a resolver's ports by such
 * counting (CVE-2020-25705).
 *
 * Context: any.
 */
void icmpx_global_take(struct net *net)
{
	const int tokens = get_random_u32_below(3);

	if (tokens)
		atomic_sub(tokens, &net->ipv4.icmp_global_credit);
}

#if ICMPX_HAS_INET_PEER
static bool icmpx_peer_take(struct net *net, __be32 destination, int vrf, int interval)
{
	return inet_peer_xrlim_allow(inet_getpeer_v4(net->ipv4.peers, destination, vrf), interval);
}

static bool icmpx_peer_empty(const struct net *net, __be32 destination, int interval)
{
	const struct inet_peer *peer = inet_getpeer_v4(net->ipv4.peers, destination, 0);

	return peer && peer->rate_tokens + (jiffies - peer->rate_last) < (unsigned long)interval;
}
#else
/* A negative interval allows nothing: inet_peer_xrlim_allow() takes it for a huge unsigned one. */
static bool icmpx_peer_take(const struct net *net, __be32 destination, int vrf, int interval)
{
	if (interval <= 0)
		return !interval;
	return icmpx_host_take(icmpx_net_rcu(net)->v4.hosts,
			       icmpx_host_id(destination, vrf), interval);
}

static bool icmpx_peer_empty(const struct net *net, __be32 destination, int interval)
{
	return interval > 0 && icmpx_host_empty(icmpx_net_rcu(net)->v4.hosts,
						icmpx_host_id(destination, 0), interval);
}
#endif

/**
 * icmpx_host_allow() - Ask whether one more message may go to a destination.
 * @net: the namespace
 * @rt: the route to the destination
 * @destination: its address, network order
 *
 * Setting ratelimit. A message whose route goes through a loopback device is not limited.
 *
 * Context: bottom halves disabled.
 *
 * Return: true if it may; then the message is accounted for.
 */
bool icmpx_host_allow(struct net *net, const struct rtable *rt, __be32 destination)
{
	const struct net_device *dev;
	bool allowed = true;

	rcu_read_lock();
	dev = dst_dev_rcu(&rt->dst);
	if (!dev || !(dev->flags & IFF_LOOPBACK))
		allowed = icmpx_peer_take(net, destination, l3mdev_master_ifindex_rcu(dev),
					  READ_ONCE(net->ipv4.sysctl_icmp_ratelimit));
	rcu_read_unlock();

	if (allowed)
		icmpx_global_take(net);
	else
		__ICMP_INC_STATS(net, ICMP_MIB_RATELIMITHOST);
	return allowed;
}

/**
 * icmpx_host_exhausted() - Ask whether icmpx_host_allow() would refuse, before there is a route.
 * @net: the namespace, in which @destination has one bucket, whatever the route to it
 * @destination: an address, network order
 *
 * Takes no token: an error that passes may still fail, and icmpx_host_allow() checks it
 * in any case. Nor does this function store the tokens that the bucket has earned since
 * it was last written to: the next caller computes them from the same time.
 *
 * Context: rcu_read_lock(), bottom halves disabled.
 *
 * Return: true if there is no token to take; then the error is counted as limited.
 */
bool icmpx_host_exhausted(struct net *net, __be32 destination)
{
	if (!icmpx_peer_empty(net, destination, READ_ONCE(net->ipv4.sysctl_icmp_ratelimit)))
		return false;
	__ICMP_INC_STATS(net, ICMP_MIB_RATELIMITHOST);
	return true;
}

/**
 * icmpx_host_limit_init() - Give a namespace buckets for hosts, if icmpx cannot use the kernel's.
 * @family: icmpx's state of an address family in the namespace
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM.
 */
int icmpx_host_limit_init(struct icmpx_family *family)
{
#if !ICMPX_HAS_INET_PEER
	family->hosts = icmpx_host_table_create();
	if (!family->hosts)
		return -ENOMEM;
#endif
	return 0;
}

/**
 * icmpx_host_limit_exit() - Undo icmpx_host_limit_init().
 * @family: icmpx's state of an address family in the namespace
 *
 * Context: process; no packet of the namespace is in icmpx's code any more.
 */
void icmpx_host_limit_exit(struct icmpx_family *family)
{
#if !ICMPX_HAS_INET_PEER
	icmpx_host_table_free(family->hosts);
#endif
}
