// SPDX-License-Identifier: GPL-2.0-only
/* What an error tells of the datagram's way: which interfaces it is about (RFC 5837). */
#include <icmpx/extension.h>
#include <linux/inetdevice.h>
#include <net/ip.h>
#include <net/route.h>

#include "send/internal.h"
#include "send/send.h"

/*
 * An address of the interface itself, of the scope that hosts elsewhere can use; 0 if it
 * has none, as an unnumbered one. Of a link that has two ends, what Linux 6.19 and later
 * give of the incoming interface is the other end's: so be it for that one.
 */
static __be32 icmpx_interface_address(const struct net_device *dev, u8 role)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct in_ifaddr *ifa;

	if (!in_dev)
		return 0;
	in_dev_for_each_ifa_rcu(ifa, in_dev) {
		if (READ_ONCE(ifa->ifa_flags) & IFA_F_SECONDARY ||
		    ifa->ifa_scope != RT_SCOPE_UNIVERSE || ipv4_is_multicast(ifa->ifa_address))
			continue;
		return role == ICMPX_ROLE_INCOMING ? ifa->ifa_address : ifa->ifa_local;
	}
	return 0;
}

static_assert(ICMPX_IFNAME_MAX == IFNAMSIZ);

/**
 * icmpx_device_name() - Copy the name of a device, which may be renamed meanwhile.
 * @net: its namespace
 * @dev: the device
 * @name: %IFNAMSIZ bytes; empty if the device has no name at the moment
 *
 * A copy made while another CPU writes the name may be of the old one in part. The
 * lock that tells is not exported, and before 6.12 it sleeps. But from the first byte
 * that is written until a grace period later Linux does not find the device by the new
 * name, nor by the old one, nor by a mixture, unless that has the hash of the old one.
 *
 * Context: rcu_read_lock().
 *
 * Return: true if it has one.
 */
bool icmpx_device_name(struct net *net, const struct net_device *dev, char *name)
{
	/* What another CPU writes meanwhile is found out below. */
	data_race(strscpy(name, dev->name, IFNAMSIZ));
	if (likely(dev_get_by_name_rcu(net, name) == dev))
		return true;
	name[0] = '\0';
	return false;
}

/* A name is left out while there is none (RFC 5837, 4.1). */
static void icmpx_describe(struct net *net, struct icmpx_interface *interface,
			   const struct net_device *dev, u8 role, __be32 address)
{
	*interface = (struct icmpx_interface){
		.ifindex = dev->ifindex,
		.mtu = READ_ONCE(dev->mtu),
		.address = address,
		.role = role,
	};
	icmpx_device_name(net, dev, interface->name);
}

/*
 * The interface that the datagram came in by; of a VRF, the one below. That stands in
 * IP's control block, which is the queue's once the datagram is below it: the length,
 * which its sender chose, is where the interface was. Whoever reports an error from
 * there brings the options himself; then a VRF's interface is unknown.
 */
static const struct net_device *icmpx_incoming(struct net *net, const struct icmpx_error *error)
{
	const struct sk_buff *skb = error->skb;
	const struct net_device *dev;

	/* Linux says what to tell where it can tell something itself. */
	if (ICMPX_SEND_TAKES_PARM)
		return error->iif ? dev_get_by_index_rcu(net, error->iif) : NULL;
	if (!rt_is_input_route(skb_rtable(skb)))
		return NULL;
	if (error->opt == &IPCB(skb)->opt)
		return dev_get_by_index_rcu(net, inet_sdif(skb) ?: inet_iif(skb));
	dev = dev_get_by_index_rcu(net, inet_iif(skb));
	return dev && netif_is_l3_master(dev) ? NULL : dev;
}

/*
 * Where it would have gone out. What is for this host, or has no route, goes nowhere;
 * nor does what a firewall rejects before it has one, and gave the route back to its
 * sender for that.
 */
static const struct net_device *icmpx_outgoing(const struct net *net, const struct sk_buff *skb)
{
	const struct rtable *rt = skb_rtable(skb);
	const struct net_device *dev;

	if (rt->dst.error || rt->rt_flags & RTCF_LOCAL)
		return NULL;
	if (!rt_is_input_route(rt) && skb->skb_iif)
		return NULL;
	/* The device of a route that is gone is another namespace's. */
	dev = dst_dev_rcu(&rt->dst);
	return dev && net_eq(dev_net_rcu(dev), net) ? dev : NULL;
}

/* Who it would have gone to; 0 for a gateway that has an IPv6 address. */
static __be32 icmpx_next_hop(const struct sk_buff *skb)
{
	const struct rtable *rt = skb_rtable(skb);

	switch (rt->rt_gw_family) {
	case 0:
		return ip_hdr(skb)->daddr;
	case AF_INET:
		return rt->rt_gw4;
	default:
		return 0;
	}
}

/**
 * icmpx_extend() - Make the extension of an error.
 * @net: the namespace
 * @error: the error, with the datagram that it is about and that one's options
 * @mask: what to tell of, bits %ICMPX_TELL_INCOMING, ...
 * @extension: %ICMPX_EXTENSION_MAX bytes
 *
 * Context: rcu_read_lock().
 *
 * Return: its length; 0 if there is nothing to tell.
 */
unsigned int icmpx_extend(struct net *net, const struct icmpx_error *error, u32 mask,
			  u8 *extension)
{
	struct icmpx_interface interfaces[ICMPX_INTERFACES_MAX];
	const struct net_device *in = icmpx_incoming(net, error);
	const struct net_device *out = icmpx_outgoing(net, error->skb);
	size_t count = 0;

	if (mask & ICMPX_TELL_INCOMING && in)
		icmpx_describe(net, &interfaces[count++], in, ICMPX_ROLE_INCOMING,
			       icmpx_interface_address(in, ICMPX_ROLE_INCOMING));
	if (mask & ICMPX_TELL_OUTGOING && out)
		icmpx_describe(net, &interfaces[count++], out, ICMPX_ROLE_OUTGOING,
			       icmpx_interface_address(out, ICMPX_ROLE_OUTGOING));
	if (mask & ICMPX_TELL_NEXT_HOP && out)
		icmpx_describe(net, &interfaces[count++], out, ICMPX_ROLE_NEXT_HOP,
			       icmpx_next_hop(error->skb));
	return count ? icmpx_extension_build(interfaces, count, extension) : 0;
}
