// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit for each host of IPv6, as ratelimit.c has it for IPv4. The limit of a namespace
 * is one for both families, as in the built-in code.
 */
#include <linux/jiffies.h>
#include <net/inetpeer.h>
#include <net/ip6_fib.h>
#include <net/ipv6.h>

#include "compat6.h"
#include "limit/host_table.h"
#include "limit/limit.h"

#if ICMPX_HAS_INET_PEER
static bool icmpx6_peer_take(const struct net *net, const struct in6_addr *destination,
			     int interval)
{
	return inet_peer_xrlim_allow(inet_getpeer_v6(net->ipv6.peers, destination), interval);
}
#else
static bool icmpx6_peer_take(const struct net *net, const struct in6_addr *destination,
			     int interval)
{
	struct icmpx_host_table *hosts = icmpx_net_rcu(net)->v6.hosts;

	if (interval <= 0)
		return !interval;
	return icmpx_host_take(hosts, icmpx6_host_id(hosts, destination), interval);
}
#endif

/**
 * icmpx6_host_allow() - Ask whether one more message may go to a destination.
 * @net: the namespace
 * @rt: the route to the destination
 * @destination: its address
 *
 * Setting ratelimit. A message whose route goes through a loopback device is not limited.
 *
 * Context: bottom halves disabled; rcu_read_lock().
 *
 * Return: true if it may; then the message is accounted for.
 */
bool icmpx6_host_allow(struct net *net, const struct rt6_info *rt,
		       const struct in6_addr *destination)
{
	const struct net_device *dev = dst_dev_rcu(&rt->dst);
	const int interval = READ_ONCE(net->ipv6.sysctl.icmpv6_time);

	if ((dev && dev->flags & IFF_LOOPBACK) ||
	    icmpx6_peer_take(net, destination, icmpx6_interval(interval, rt->rt6i_dst.plen))) {
		icmpx_global_take(net);
		return true;
	}
	__ICMP6_INC_STATS(net, icmpx6_limit_idev(rt), ICMP6_MIB_RATELIMITHOST);
	return false;
}
