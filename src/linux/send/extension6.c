// SPDX-License-Identifier: GPL-2.0-only
/* Extensions of sent ICMPv6 errors, as extension.c makes those of IPv4. */
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>

#include "receive6.h"
#include "send/internal.h"
#include "send/send.h"

/*
 * The interface's first address of global scope; NULL if it has none. As in Linux 6.19 and
 * later, an address is not told before it is known to be no other host's.
 */
static const struct in6_addr *icmpx6_interface_address(const struct net_device *dev)
{
	const struct inet6_dev *idev = __in6_dev_get(dev);
	const struct inet6_ifaddr *ifa;

	if (!idev)
		return NULL;
	list_for_each_entry_rcu(ifa, &idev->addr_list, if_list) {
		if (READ_ONCE(ifa->flags) & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
			continue;
		if (ipv6_addr_type(&ifa->addr) == IPV6_ADDR_UNICAST &&
		    ipv6_addr_src_scope(&ifa->addr) == IPV6_ADDR_SCOPE_GLOBAL)
			return &ifa->addr;
	}
	return NULL;
}

static void icmpx6_describe(struct net *net, struct icmpx_interface *interface,
			    const struct net_device *dev, u8 role, const struct in6_addr *address)
{
	icmpx_describe(net, interface, dev, role, address, address ? sizeof(*address) : 0);
}

/*
 * The interface that the packet came in by; in a VRF, the interface below the VRF device. That
 * index is in IPv6's control block, which a tunnel passes on when a qdisc has overlaid it: the
 * packet's length, which its sender chose, is then in its place. Only an index that agrees with
 * the one in the skb is believed. In a VRF, that is the index of the VRF device; for what this
 * host sends to itself, that of the loopback device, while the control block has the sender's.
 */
static const struct net_device *icmpx6_incoming(struct net *net, const struct icmpx6_error *error)
{
	const int iif = error->parm->iif, skb_iif = error->skb->skb_iif;
	const struct net_device *dev = iif ? dev_get_by_index_rcu(net, iif) : NULL;

	if (!dev || iif == skb_iif || skb_iif == LOOPBACK_IFINDEX ||
	    l3mdev_master_ifindex_rcu(dev) == skb_iif)
		return dev;
	return NULL;
}

/*
 * The interface that the packet would have left by. A packet for this host, or without a
 * route, has none. Nor has one that netfilter rejects before routing.
 */
static const struct net_device *icmpx6_outgoing(const struct net *net, const struct sk_buff *skb)
{
	const struct rt6_info *rt = icmpx6_packet_route(skb);
	const struct net_device *dev;

	if (!rt || rt->dst.error || rt->rt6i_flags & (RTF_LOCAL | RTF_ANYCAST))
		return NULL;
	if (icmpx6_leads_back(rt, skb))
		return NULL;
	/* A route whose device is gone has the blackhole device of the first namespace. */
	dev = dst_dev_rcu(&rt->dst);
	return dev && net_eq(dev_net_rcu(dev), net) ? dev : NULL;
}

/**
 * icmpx6_extend() - Make the extension of an ICMPv6 error.
 * @net: the namespace
 * @error: the error, with its packet
 * @mask: which interfaces to describe, bits %ICMPX_TELL_INCOMING, ...
 * @extension: %ICMPX_EXTENSION_MAX bytes
 *
 * Context: rcu_read_lock().
 *
 * Return: the extension's length; 0 if there is nothing to tell.
 */
unsigned int icmpx6_extend(struct net *net, const struct icmpx6_error *error, u32 mask,
			   u8 *extension)
{
	struct icmpx_interface interfaces[ICMPX_INTERFACES_MAX];
	struct icmpx_node node;
	const struct net_device *in = icmpx6_incoming(net, error);
	const struct sk_buff *skb = error->skb;
	const struct net_device *out = icmpx6_outgoing(net, skb);
	size_t count = 0;

	if (mask & ICMPX_TELL_INCOMING && in)
		icmpx6_describe(net, &interfaces[count++], in, ICMPX_ROLE_INCOMING,
				icmpx6_interface_address(in));
	if (mask & ICMPX_TELL_OUTGOING && out)
		icmpx6_describe(net, &interfaces[count++], out, ICMPX_ROLE_OUTGOING,
				icmpx6_interface_address(out));
	if (mask & ICMPX_TELL_NEXT_HOP && out)
		icmpx6_describe(net, &interfaces[count++], out, ICMPX_ROLE_NEXT_HOP,
				rt6_nexthop(icmpx6_packet_route(skb), &ipv6_hdr(skb)->daddr));
	if (mask & ICMPX_TELL_NODE)
		icmpx_describe_self(net, icmpx_net_rcu(net), &node);
	return icmpx_extension_build(interfaces, count, mask & ICMPX_TELL_NODE ? &node : NULL,
				     extension);
}
