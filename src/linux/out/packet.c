// SPDX-License-Identifier: GPL-2.0-only
/* The time to live of packets, which may depend on their route. */
#include <net/ip.h>
#include <net/route.h>

#include "out/out.h"

/**
 * icmpx_ttl() - Find the time to live of the packets of a route.
 * @net: the namespace
 * @sk: the control socket that sends them
 * @rt: the route
 *
 * Context: any.
 *
 * Return: the time to live.
 */
u8 icmpx_ttl(const struct net *net, const struct sock *sk, const struct rtable *rt)
{
	u32 ttl;

	if (unlikely(rt->rt_type == RTN_MULTICAST))
		return inet_sk(sk)->mc_ttl;
	ttl = dst_metric_raw(&rt->dst, RTAX_HOPLIMIT);
	return ttl ?: READ_ONCE(net->ipv4.sysctl_ip_default_ttl);
}
