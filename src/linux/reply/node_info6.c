// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node information queries (RFC 4620): who this host is, and which addresses it has. The
 * setting node_info says what of that is told.
 *
 * What is told stays within the VRF that the query came in by: its hosts see no interface and
 * no address of another one. Temporary addresses are never told, and a query that names one, or
 * is sent to one, gets no reply: they are there so that nobody sees whose they are.
 */
#include <icmpx/nodeinfo.h>
#include <linux/icmpv6.h>
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/dsfield.h>
#include <net/if_inet6.h>
#include <net/ip6_checksum.h>

#include "limit/limit.h"
#include "receive6.h"
#include "reply/internal6.h"
#include "reply/reply.h"
#include "send/send.h"

/* An address under duplicate address detection, or that failed it, is not this host's. */
#define ICMPX6_NOT_OURS (IFA_F_TENTATIVE | IFA_F_DADFAILED)

/* A device's address @address, that is no link-local one of another device than @in. */
static const struct inet6_ifaddr *icmpx6_address_on(const struct net_device *dev,
						    const struct net_device *in,
						    const struct in6_addr *address)
{
	const struct inet6_dev *idev = __in6_dev_get(dev);
	const struct inet6_ifaddr *ifa;

	if (!idev || (dev != in && ipv6_addr_type(address) & IPV6_ADDR_LINKLOCAL))
		return NULL;
	list_for_each_entry_rcu(ifa, &idev->addr_list, if_list)
		if (ipv6_addr_equal(&ifa->addr, address) &&
		    !(READ_ONCE(ifa->flags) & ICMPX6_NOT_OURS))
			return ifa;
	return NULL;
}

/* This host's address @address in the VRF of @in, the device that a query came in by. */
static const struct inet6_ifaddr *icmpx6_own_address(struct net *net, struct net_device *in,
						     const struct in6_addr *address)
{
	const int vrf = icmpx_vrf_of(in);
	const struct inet6_ifaddr *ifa;
	struct net_device *dev;

	for_each_netdev_rcu(net, dev) {
		if (icmpx_vrf_of(dev) != vrf)
			continue;
		ifa = icmpx6_address_on(dev, in, address);
		if (ifa)
			return ifa;
	}
	return NULL;
}

/* The device in the VRF of @in that has an IPv4 address. */
static const struct net_device *icmpx6_ipv4_device(struct net *net, struct net_device *in,
						   __be32 address)
{
	const int vrf = icmpx_vrf_of(in);
	const struct in_device *in_dev;
	const struct in_ifaddr *ifa;
	struct net_device *dev;

	for_each_netdev_rcu(net, dev) {
		in_dev = icmpx_vrf_of(dev) == vrf ? __in_dev_get_rcu(dev) : NULL;
		if (!in_dev)
			continue;
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			if (ifa->ifa_local == address)
				return dev;
	}
	return NULL;
}

/*
 * RFC 4620, 5: this host answers what was sent to it, or to a group of link-local scope. A
 * destination that a firewall has written into the query, or an anycast one, is no address of
 * a device, and as good.
 */
static bool icmpx6_hears(struct net *net, struct net_device *in, const struct ipv6hdr *header)
{
	const struct inet6_ifaddr *ifa;

	if (ipv6_addr_any(&header->saddr))
		return false;
	if (ipv6_addr_is_multicast(&header->daddr))
		return IPV6_ADDR_MC_SCOPE(&header->daddr) == IPV6_ADDR_SCOPE_LINKLOCAL;
	ifa = icmpx6_own_address(net, in, &header->daddr);
	return !ifa || !(READ_ONCE(ifa->flags) & IFA_F_TEMPORARY);
}

/* The index of the device that the subject of a query belongs to; 0 if it is not this host. */
static int icmpx6_subject_device(struct net *net, struct net_device *in, const u8 *message,
				 struct icmpx6_node_query query)
{
	const u8 *subject = message + ICMPX6_NODE_INFO_LEN;
	const struct inet6_ifaddr *ifa;
	const struct net_device *dev;
	struct in6_addr address;
	__be32 address4;

	switch (query.subject) {
	case ICMPX6_NODE_SUBJECT_SELF:
		return in->ifindex;
	case ICMPX6_NODE_SUBJECT_IPV6:
		memcpy(&address, subject, sizeof(address));
		ifa = icmpx6_own_address(net, in, &address);
		if (!ifa || READ_ONCE(ifa->flags) & IFA_F_TEMPORARY)
			return 0;
		return ifa->idev->dev->ifindex;
	case ICMPX6_NODE_SUBJECT_IPV4:
		memcpy(&address4, subject, sizeof(address4));
		dev = icmpx6_ipv4_device(net, in, address4);
		return dev ? dev->ifindex : 0;
	default:
		return 0;
	}
}

/*
 * Whether the query gets a reply, which is then in @reply. skb->data is after the ICMPv6 header;
 * what the core looks at becomes linear.
 */
static bool icmpx6_parse_query(struct net *net, const struct icmpx_net *ix, struct sk_buff *skb,
			       u32 mask, struct icmpx6_node_reply *reply)
{
	const unsigned int more = ICMPX6_NODE_QUERY_MAX - sizeof(struct icmp6hdr);
	struct net_device *in = icmpx6_device(skb);
	const unsigned int len = min(skb->len, more);
	struct icmpx_node self;
	const u8 *message;

	if (!pskb_may_pull(skb, len) || !icmpx6_hears(net, in, ipv6_hdr(skb)))
		return false;
	message = (const u8 *)icmp6_hdr(skb);
	icmpx_describe_self(net, ix, &self);
	reply->query = icmpx6_node_decide(message, sizeof(struct icmp6hdr) + len,
					  ipv6_hdr(skb)->saddr.s6_addr, mask, &self);
	reply->about = icmpx6_subject_device(net, in, message, reply->query);
	if (!reply->about)
		return false;
	memcpy(reply->header, message, sizeof(reply->header));
	icmpx6_flow_back(net, skb, &reply->flow, ICMPV6_NI_REPLY);
	reply->flow.code = reply->query.code;
	reply->tclass = ipv6_get_dsfield(ipv6_hdr(skb));
	reply->secid = icmpx_has_policy(net) ? icmpx6_label_of(skb) : 0;
	return true;
}

/* Whether a device's addresses are asked for. */
static bool icmpx6_is_asked_for(struct net_device *dev, const struct icmpx6_node_reply *reply)
{
	if (!(reply->query.flags & ICMPX6_NODE_ALL_INTERFACES))
		return dev->ifindex == reply->about;
	return icmpx_vrf_of(dev) == reply->flow.vrf;
}

/* RFC 4620, 6.3: a time to live, which is 0, and an address. Returns false if there is no room. */
static bool icmpx6_put_address(struct sk_buff *skb, const void *address, unsigned int len)
{
	if (skb->len + sizeof(u32) + len > ICMPX6_NODE_REPLY_MAX)
		return false;
	skb_put_zero(skb, sizeof(u32));
	skb_put_data(skb, address, len);
	return true;
}

/* Puts the device's addresses that are deprecated, or those that are not. */
static bool icmpx6_put_ipv6_of(struct sk_buff *skb, const struct net_device *dev, u8 flags,
			       bool deprecated)
{
	const struct inet6_dev *idev = __in6_dev_get(dev);
	const struct inet6_ifaddr *ifa;

	if (!idev)
		return true;
	list_for_each_entry_rcu(ifa, &idev->addr_list, if_list) {
		const u32 state = READ_ONCE(ifa->flags);

		if (state & (ICMPX6_NOT_OURS | IFA_F_TEMPORARY) ||
		    !!(state & IFA_F_DEPRECATED) != deprecated ||
		    !icmpx6_node_wants(flags, ifa->addr.s6_addr))
			continue;
		if (!icmpx6_put_address(skb, &ifa->addr, sizeof(ifa->addr)))
			return false;
	}
	return true;
}

/* RFC 4620, 6.3: preferred addresses come before deprecated ones. Returns false without room. */
static bool icmpx6_put_ipv6(struct net *net, struct sk_buff *skb,
			    const struct icmpx6_node_reply *reply)
{
	struct net_device *dev;
	int deprecated;

	for (deprecated = 0; deprecated <= 1; deprecated++)
		for_each_netdev_rcu(net, dev)
			if (icmpx6_is_asked_for(dev, reply) &&
			    !icmpx6_put_ipv6_of(skb, dev, reply->query.flags, deprecated))
				return false;
	return true;
}

/* RFC 4620, 6.4. Returns false without room. */
static bool icmpx6_put_ipv4(struct net *net, struct sk_buff *skb,
			    const struct icmpx6_node_reply *reply)
{
	const struct in_device *in_dev;
	const struct in_ifaddr *ifa;
	struct net_device *dev;

	for_each_netdev_rcu(net, dev) {
		in_dev = icmpx6_is_asked_for(dev, reply) ? __in_dev_get_rcu(dev) : NULL;
		if (!in_dev)
			continue;
		in_dev_for_each_ifa_rcu(ifa, in_dev)
			if (!ipv4_is_loopback(ifa->ifa_local) &&
			    !icmpx6_put_address(skb, &ifa->ifa_local, sizeof(ifa->ifa_local)))
				return false;
	}
	return true;
}

static void icmpx6_put_name(struct net *net, const struct icmpx_net *ix, struct sk_buff *skb)
{
	u8 data[ICMPX6_NODE_NAME_ROOM];
	struct icmpx_node self;

	icmpx_describe_self(net, ix, &self);
	skb_put_data(skb, data, icmpx6_node_name(&self, data));
}

/* Returns false if addresses were left out. */
static bool icmpx6_put_answer(struct net *net, const struct icmpx_net *ix, struct sk_buff *skb,
			      const struct icmpx6_node_reply *reply)
{
	switch (reply->query.tells) {
	case ICMPX6_NODE_TELLS_NAME:
		icmpx6_put_name(net, ix, skb);
		return true;
	case ICMPX6_NODE_TELLS_IPV6:
		return icmpx6_put_ipv6(net, skb, reply);
	case ICMPX6_NODE_TELLS_IPV4:
		return icmpx6_put_ipv4(net, skb, reply);
	default:
		return true;
	}
}

static unsigned int icmpx6_room_for(const struct icmpx6_node_reply *reply)
{
	switch (reply->query.tells) {
	case ICMPX6_NODE_TELLS_NOTHING:
		return ICMPX6_NODE_INFO_LEN;
	case ICMPX6_NODE_TELLS_NAME:
		return ICMPX6_NODE_INFO_LEN + ICMPX6_NODE_NAME_ROOM;
	default:
		return ICMPX6_NODE_REPLY_MAX;
	}
}

/* Makes the message, and the packet. NULL without memory; then the route is left alone. */
static struct sk_buff *icmpx6_make_node_info(struct net *net, const struct icmpx_net *ix,
					     struct sock *sk,
					     const struct icmpx6_node_reply *reply,
					     const struct icmpx6_way *way, struct rt6_info *rt)
{
	const unsigned int head = LL_RESERVED_SPACE(rt->dst.dev) + rt->dst.header_len +
				  sizeof(struct ipv6hdr);
	struct icmp6hdr *header;
	struct sk_buff *skb;

	skb = alloc_skb(head + icmpx6_room_for(reply) + rt->dst.trailer_len, GFP_ATOMIC);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, head);
	header = skb_put_data(skb, reply->header, sizeof(reply->header));
	icmpx6_node_reply((u8 *)header, reply->query, !icmpx6_put_answer(net, ix, skb, reply));
	header->icmp6_cksum = csum_ipv6_magic(&way->flow.saddr, &way->flow.daddr, skb->len,
					      IPPROTO_ICMPV6, csum_partial(header, skb->len, 0));
	icmpx6_make_packet(net, sk, skb, way, rt, reply->tclass);
	return skb;
}

/* Sends over @rt, whose reference is consumed. Returns the outcome to count. */
static enum icmpx_stat icmpx6_transmit_node_info(struct net *net, struct icmpx_net *ix,
						 const struct icmpx6_node_reply *reply,
						 const struct icmpx6_way *way,
						 struct rt6_info *rt)
{
	enum icmpx_stat outcome = ICMPX_DROP_NO_ROUTE;
	struct sk_buff *skb;
	struct sock *sk;

	if (unlikely(dst_mtu(&rt->dst) < ICMPX6_MTU_MIN))
		goto err_route;
	outcome = ICMPX_DROP_NO_MEMORY;
	sk = icmpx_control(net, &ix->v6, ICMPX_REPLIES, rt->dst.dev);
	if (unlikely(!sk))
		goto err_route;
	outcome = ICMPX_DROP_NO_BUFFER;
	if (icmpx_control_full(sk))
		goto err_route;
	outcome = ICMPX_DROP_NO_MEMORY;
	skb = icmpx6_make_node_info(net, ix, sk, reply, way, rt);
	if (unlikely(!skb))
		goto err_route;
	if (unlikely(icmpx6_local_out(net, sk, skb, ICMPV6_NI_REPLY, true)))
		return ICMPX_DROP_OUTPUT;
	return reply->query.code ? ICMPX_REPLY_NODE_INFO_REFUSED : ICMPX_REPLY_NODE_INFO;

err_route:
	__ICMP6_INC_STATS(net, ip6_dst_idev(&rt->dst), ICMP6_MIB_OUTERRORS);
	icmpx6_put_route(way, rt);
	return outcome;
}

/*
 * Chooses the source of a reply that has none: Linux would prefer a temporary address where
 * use_tempaddr is 2, and the reply would tell whose that is. Returns false if there is no
 * other one.
 */
static bool icmpx6_choose_public_source(struct net *net, struct icmpx6_flow *flow)
{
	struct net_device *in = dev_get_by_index_rcu(net, flow->oif);
	const struct inet6_ifaddr *ifa;

	if (!in || ipv6_dev_get_saddr(net, in, &flow->daddr, IPV6_PREFER_SRC_PUBLIC, &flow->saddr))
		return false;
	ifa = icmpx6_own_address(net, in, &flow->saddr);
	return ifa && !(READ_ONCE(ifa->flags) & IFA_F_TEMPORARY);
}

/* Context: between icmpx6_send_begin() and icmpx6_send_end(). Returns the outcome to count. */
static enum icmpx_stat icmpx6_route_node_info(struct net *net, struct icmpx_net *ix,
					      const struct icmpx6_node_reply *reply)
{
	struct icmpx6_way way = { .flow = reply->flow };
	struct rt6_info *rt;

	if (ipv6_addr_any(&way.flow.saddr) && !icmpx6_choose_public_source(net, &way.flow))
		return ICMPX_DROP_NO_ROUTE;
	if (unlikely(icmpx_has_policy(net)))
		rt = icmpx6_route_by_policy(net, &way, reply->secid);
	else
		rt = icmpx6_route(net, ix, &way, NULL);
	if (!rt)
		return ICMPX_DROP_NO_ROUTE;
	if (reply->limited && !icmpx6_host_allow(net, rt, &way.flow.daddr)) {
		icmpx6_put_route(&way, rt);
		return ICMPX_LIMIT_HOST;
	}
	return icmpx6_transmit_node_info(net, ix, reply, &way, rt);
}

/**
 * icmpx6_send_node_info() - Make a reply to a node information query, and send it.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @reply: the reply
 *
 * Tells what is so now, and not what was so when the query came.
 *
 * Context: bottom halves disabled; rcu_read_lock().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx6_send_node_info(struct net *net, struct icmpx_net *ix,
				      const struct icmpx6_node_reply *reply)
{
	enum icmpx_stat outcome;

	if (!icmpx6_send_begin())
		return ICMPX_DROP_BUSY;
	outcome = icmpx6_route_node_info(net, ix, reply);
	icmpx6_send_end();
	return outcome;
}

/*
 * RFC 4620, 5: a refusal is limited as an error is. Other replies are under the limits of the
 * setting ratemask if it has their type. What this host sends to itself is not limited.
 */
static bool icmpx6_limits_node_info(const struct net *net, const struct sk_buff *skb, u8 code)
{
	return (code || test_bit(ICMPV6_NI_REPLY, net->ipv6.sysctl.icmpv6_ratemask)) &&
	       !(skb->dev->flags & IFF_LOOPBACK);
}

/* Whether other nodes may have got the same query. */
static bool icmpx6_is_for_many(const struct sk_buff *skb)
{
	return ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr) ||
	       ipv6_anycast_destination(skb_dst(skb), &ipv6_hdr(skb)->daddr);
}

/**
 * icmpx6_answer_node_info() - Answer a node information query, at once or later.
 * @net: the namespace that the query came into
 * @ix: icmpx's state of @net
 * @skb: the query, its data after the ICMPv6 header; not consumed
 *
 * The limit for each source prefix is asked before anything is looked up for the query.
 *
 * Context: as icmpx_rcv().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx6_answer_node_info(struct net *net, struct icmpx_net *ix,
					struct sk_buff *skb)
{
	const u32 mask = READ_ONCE(ix->v6.node_info);
	struct icmpx6_node_reply reply;

	if (!mask)
		return ICMPX_IGNORE_TYPE;
	if (READ_ONCE(ix->v6.limit.rate) &&
	    !icmpx6_prefix_allow(&ix->v6.limit, &ipv6_hdr(skb)->saddr))
		return ICMPX_LIMIT_PREFIX;
	if (!icmpx6_parse_query(net, ix, skb, mask, &reply))
		return ICMPX_IGNORE_NODE_INFO;
	reply.limited = icmpx6_limits_node_info(net, skb, reply.query.code);
	if (reply.limited && !icmpx_global_allow(net))
		return ICMPX_LIMIT_GLOBAL;
	return icmpx6_is_for_many(skb) ? icmpx6_reply_late(ix, &reply) :
					 icmpx6_send_node_info(net, ix, &reply);
}
