// SPDX-License-Identifier: GPL-2.0-only
/* PROBE, RFC 8335: the interface that a query asks for, and its status. */
#include <icmpx/probe.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>

#include "reply/internal.h"

static struct net_device *icmpx_find_by_ipv6(struct net *net, const u8 *address)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct in6_addr in6;

	memcpy(&in6, address, sizeof(in6));
	return icmpx_ipv6_dev_find(net, &in6);
#else
	return ERR_PTR(-EAFNOSUPPORT);
#endif
}

/* NULL if there is no such interface; an ERR_PTR if IPv6 is not there to look it up. */
static struct net_device *icmpx_find_interface(struct net *net,
					       const struct icmpx_probe_query *query)
{
	__be32 address;

	switch (query->by) {
	case ICMPX_PROBE_BY_NAME:
		return dev_get_by_name_rcu(net, query->name);
	case ICMPX_PROBE_BY_INDEX:
		return dev_get_by_index_rcu(net, query->ifindex);
	case ICMPX_PROBE_BY_IPV4:
		memcpy(&address, query->address, sizeof(address));
		return __ip_dev_find(net, address, false);
	default:
		return icmpx_find_by_ipv6(net, query->address);
	}
}

static u8 icmpx_interface_status(const struct net_device *dev)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct inet6_dev *in6_dev = __in6_dev_get(dev);
	u8 status = 0;

	if (READ_ONCE(dev->flags) & IFF_UP)
		status |= ICMPX_PROBE_ACTIVE;
	if (in_dev && rcu_access_pointer(in_dev->ifa_list))
		status |= ICMPX_PROBE_HAS_IPV4;
	if (in6_dev && !list_empty(&in6_dev->addr_list))
		status |= ICMPX_PROBE_HAS_IPV6;
	return status;
}

/**
 * icmpx_probe() - Find out what a PROBE query asks for.
 * @net: the namespace that the query came into
 * @skb: the query, its data after the ICMP header
 * @code: set to the code of the reply
 * @status: set to the status bits of the reply
 *
 * Context: rcu_read_lock().
 *
 * Return: false if the query is not to be answered: it asks for an IPv6 address, and
 * IPv6 is not there to look up the device that has this address.
 */
bool icmpx_probe(struct net *net, const struct sk_buff *skb, u8 *code, u16 *status)
{
	const int len = min_t(int, skb->len, ICMPX_PROBE_QUERY_MAX);
	struct icmpx_probe_query query;
	u8 bytes[ICMPX_PROBE_QUERY_MAX];
	const struct net_device *dev;

	*status = 0;
	*code = ICMPX_PROBE_BAD_QUERY;
	if (skb_copy_bits(skb, 0, bytes, len))
		return true;
	icmpx_probe_parse(bytes, len, &query);
	if (query.by == ICMPX_PROBE_MALFORMED)
		return true;

	dev = icmpx_find_interface(net, &query);
	if (IS_ERR(dev))
		return false;
	*code = ICMPX_PROBE_NO_SUCH_IF;
	if (!dev)
		return true;
	*code = ICMPX_PROBE_FOUND;
	*status = icmpx_interface_status(dev);
	return true;
}
