// SPDX-License-Identifier: GPL-2.0-only
/* Extensions of sent errors: the interfaces of the datagram (RFC 5837). */
#include <icmpx/extension.h>
#include <linux/inetdevice.h>
#include <net/ip.h>
#include <net/route.h>

#include "send/internal.h"
#include "send/send.h"

/*
 * The interface's first address of global scope; 0 if it has none, as an unnumbered
 * interface. On a point-to-point link, ifa_address is the peer's address: Linux 6.19 and
 * later report it for the incoming interface, and icmpx reports the same.
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
 * @net: the namespace of @dev
 * @dev: the device
 * @name: %IFNAMSIZ bytes; empty if the device has no name at the moment
 *
 * A copy made while another CPU renames the device may mix the old and the new name.
 * The lock of dev_change_name() is not exported, and before 6.12 it sleeps. Therefore the
 * copy is looked up: from the first byte that the rename writes until a grace period
 * later, the kernel finds the device by neither the old name, nor the new one, nor a
 * mixture, unless the name has the hash of the old one.
 *
 * Context: rcu_read_lock().
 *
 * Return: true if the device has a name.
 */
bool icmpx_device_name(struct net *net, const struct net_device *dev, char *name)
{
	/* The lookup below detects a concurrent rename. */
	data_race(strscpy(name, dev->name, IFNAMSIZ));
	if (likely(dev_get_by_name_rcu(net, name) == dev))
		return true;
	name[0] = '\0';
	return false;
}

/**
 * icmpx_describe() - Describe an interface.
 * @net: the namespace
 * @interface: the description
 * @dev: the interface
 * @role: %ICMPX_ROLE_INCOMING, ...
 * @address: its address, or that of the next hop
 * @address_len: bytes of @address; 0 for none
 *
 * The name is left out while the device has none (RFC 5837, 4.1).
 *
 * Context: rcu_read_lock().
 */
void icmpx_describe(struct net *net, struct icmpx_interface *interface,
		    const struct net_device *dev, u8 role, const void *address, u8 address_len)
{
	*interface = (struct icmpx_interface){
		.ifindex = dev->ifindex,
		.mtu = READ_ONCE(dev->mtu),
		.address_len = address_len,
		.role = role,
	};
	memcpy(interface->address, address, address_len);
	icmpx_device_name(net, dev, interface->name);
}

/* The same with an IPv4 address; 0 for none. */
static void icmpx_describe4(struct net *net, struct icmpx_interface *interface,
			    const struct net_device *dev, u8 role, __be32 address)
{
	icmpx_describe(net, interface, dev, role, &address, address ? sizeof(address) : 0);
}

/*
 * The interface that the datagram came in by; in a VRF, the interface below the VRF
 * device. That index is in IP's control block, which the qdisc's control block overlays
 * once the datagram has left IP: the packet length, which the datagram's sender chose, is
 * then in its place. A caller below IP passes options that are not those of the control
 * block; for such a caller, the interface below a VRF device is unknown.
 */
static const struct net_device *icmpx_incoming(struct net *net, const struct icmpx_error *error)
{
	const struct sk_buff *skb = error->skb;
	const struct net_device *dev;

	/* A kernel whose __icmp_send() takes an inet_skb_parm passes the index in it. */
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
 * The interface that the datagram would have left by. A datagram for this host, or without
 * a route, has none. Nor has a datagram that netfilter rejects before routing: its output
 * route is the one back to its sender, which netfilter looked up for the error.
 */
static const struct net_device *icmpx_outgoing(const struct net *net, const struct sk_buff *skb)
{
	const struct rtable *rt = skb_rtable(skb);
	const struct net_device *dev;

	if (rt->dst.error || rt->rt_flags & RTCF_LOCAL)
		return NULL;
	if (!rt_is_input_route(rt) && skb->skb_iif)
		return NULL;
	/* A route whose device is gone has the blackhole device of the first namespace. */
	dev = dst_dev_rcu(&rt->dst);
	return dev && net_eq(dev_net_rcu(dev), net) ? dev : NULL;
}

/* The address of the datagram's next hop; 0 for a gateway that has an IPv6 address. */
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
 * @error: the error, with its datagram and the datagram's options
 * @mask: which interfaces to describe, bits %ICMPX_TELL_INCOMING, ...
 * @extension: %ICMPX_EXTENSION_MAX bytes
 *
 * Context: rcu_read_lock().
 *
 * Return: the extension's length; 0 if there is nothing to tell.
 */
unsigned int icmpx_extend(struct net *net, const struct icmpx_error *error, u32 mask,
			  u8 *extension)
{
	struct icmpx_interface interfaces[ICMPX_INTERFACES_MAX];
	struct icmpx_node node;
	const struct net_device *in = icmpx_incoming(net, error);
	const struct net_device *out = icmpx_outgoing(net, error->skb);
	size_t count = 0;

	if (mask & ICMPX_TELL_INCOMING && in)
		icmpx_describe4(net, &interfaces[count++], in, ICMPX_ROLE_INCOMING,
				icmpx_interface_address(in, ICMPX_ROLE_INCOMING));
	if (mask & ICMPX_TELL_OUTGOING && out)
		icmpx_describe4(net, &interfaces[count++], out, ICMPX_ROLE_OUTGOING,
				icmpx_interface_address(out, ICMPX_ROLE_OUTGOING));
	if (mask & ICMPX_TELL_NEXT_HOP && out)
		icmpx_describe4(net, &interfaces[count++], out, ICMPX_ROLE_NEXT_HOP,
				icmpx_next_hop(error->skb));
	if (mask & ICMPX_TELL_NODE)
		icmpx_describe_self(net, icmpx_net_rcu(net), &node);
	return icmpx_extension_build(interfaces, count, mask & ICMPX_TELL_NODE ? &node : NULL,
				     extension);
}
