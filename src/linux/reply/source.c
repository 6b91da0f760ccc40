// SPDX-License-Identifier: GPL-2.0-only
/* The source address of a reply to a broadcast or multicast request. */
#include <linux/inetdevice.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "reply/internal.h"

static __be32 icmpx_preferred_source(const struct fib_result *res)
{
	const struct fib_nh_common *nhc = res->nhc;
	__be32 gateway = 0;

	if (res->fi->fib_prefsrc)
		return res->fi->fib_prefsrc;
	if (nhc->nhc_family == AF_INET)
		gateway = container_of(nhc, struct fib_nh, nh_common)->fib_nh_gw4;
	return inet_select_addr(nhc->nhc_dev, gateway, res->fi->fib_scope);
}

/**
 * icmpx_source_towards() - Choose the source address of a reply by the route to the requester.
 * @skb: a request that came by broadcast or multicast
 *
 * RFC 1122, 3.2.2.6 and 3.2.2.8: the source is not the address that the request was sent
 * to, but the address that this host would use towards the requester.
 *
 * Context: rcu_read_lock().
 *
 * Return: an address in network order; 0 if the route lookup is to choose one.
 */
__be32 icmpx_source_towards(struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct net_device *dev = skb->dev;
	struct in_device *in_dev = __in_dev_get_rcu(dev);
	struct fib_result res;
	struct flowi4 fl4;

	if (ipv4_is_zeronet(iph->saddr))
		return inet_select_addr(dev, iph->saddr, RT_SCOPE_LINK);

	memset(&fl4, 0, sizeof(fl4));
	fl4.flowi4_iif = LOOPBACK_IFINDEX;
	fl4.flowi4_l3mdev = l3mdev_master_ifindex_rcu(dev);
	fl4.daddr = iph->saddr;
	icmpx_set_flow_tos(&fl4, icmpx_source_tos(iph->tos));
	fl4.flowi4_scope = RT_SCOPE_UNIVERSE;
	if (in_dev && IN_DEV_SRC_VMARK(in_dev))
		fl4.flowi4_mark = skb->mark;
	if (!fib_lookup(dev_net_rcu(dev), &fl4, &res, 0))
		return icmpx_preferred_source(&res);
	return inet_select_addr(dev, iph->saddr, RT_SCOPE_UNIVERSE);
}
