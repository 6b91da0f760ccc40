/* SPDX-License-Identifier: GPL-2.0-only */
/* The device that a received packet of IPv6 is for. */
#ifndef ICMPX_RECEIVE6_H
#define ICMPX_RECEIVE6_H

#include <net/ip6_route.h>
#include <net/l3mdev.h>

#include "compat.h"

/**
 * icmpx6_packet_route() - Find the route of a packet of IPv6.
 * @skb: the packet
 *
 * What an skb has in the place of its route may be of another kind, and smaller: a tunnel's
 * metadata, or what a bridge gives to the packets that its netfilter hooks see.
 *
 * Context: rcu_read_lock().
 *
 * Return: the route; NULL if the packet has none of IPv6.
 */
static inline const struct rt6_info *icmpx6_packet_route(const struct sk_buff *skb)
{
	const struct dst_entry *dst = skb_dst(skb);

	return dst && dst->ops->family == AF_INET6 ? dst_rt6_info(dst) : NULL;
}

/**
 * icmpx6_device() - Find the device that a packet came in by, as IPv6 counts it.
 * @skb: the packet
 *
 * A packet that this host sent to itself came by the loopback device, and one that came
 * through a VRF by the device of the VRF. The route to the packet's destination has the
 * device that the destination belongs to.
 *
 * Context: rcu_read_lock().
 *
 * Return: the device.
 */
static inline struct net_device *icmpx6_device(const struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	const struct rt6_info *rt;

	if (likely(dev->ifindex != LOOPBACK_IFINDEX && !netif_is_l3_master(dev)))
		return dev;
	/* Behind a segment routing header there may be a destination without a route. */
	rt = icmpx6_packet_route(skb);
	return rt && rt->rt6i_idev ? rt->rt6i_idev->dev : dev;
}

#endif
