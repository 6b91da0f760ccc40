// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interface with nobody at the other end.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/checksum.h>

#include "wire.h"

static netdev_tx_t wire_transmit(struct sk_buff *skb, struct net_device *dev)
{
	struct wire *wire = *(struct wire **)netdev_priv(dev);

	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_queue_tail(&wire->sent, skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops wire_ops = {
	.ndo_start_xmit = wire_transmit,
};

static void wire_setup(struct net_device *dev)
{
	dev->netdev_ops = &wire_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_NOARP | IFF_BROADCAST | IFF_MULTICAST;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_NO_ADDRCONF;
	dev->mtu = 1500;
	dev->max_mtu = 65535;
	dev->features |= NETIF_F_SG;
	dev->hw_features |= NETIF_F_SG;
	dev->needs_free_netdev = true;
}

struct address_request {
	struct nlmsghdr header;
	struct ifaddrmsg address;
	struct rtattr local_attr;
	__be32 local;
	struct rtattr broadcast_attr;
	__be32 broadcast;
};

/* As ip address add 10.0.0.1/8 broadcast 10.255.255.255 does it: no function for it is exported. */
static int wire_address(struct net_device *dev)
{
	struct address_request request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_NEWADDR,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE,
		},
		.address = {
			.ifa_family = AF_INET,
			.ifa_prefixlen = 8,
			.ifa_index = dev->ifindex,
		},
		.local_attr = { RTA_LENGTH(sizeof(__be32)), IFA_LOCAL },
		.local = htonl(WIRE_US),
		.broadcast_attr = { RTA_LENGTH(sizeof(__be32)), IFA_BROADCAST },
		.broadcast = htonl(WIRE_BROADCAST),
	};
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr msg = { .msg_name = &kernel, .msg_namelen = sizeof(kernel) };
	struct kvec vec = { &request, sizeof(request) };
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &sock);
	if (err)
		return err;
	err = kernel_sendmsg(sock, &msg, &vec, 1, sizeof(request));
	sock_release(sock);
	return err < 0 ? err : 0;
}

static void wire_close(void *data)
{
	struct wire *wire = data;

	unregister_netdev(wire->dev);
	skb_queue_purge(&wire->sent);
}

struct wire *wire_open(struct kunit *test)
{
	struct wire *wire = kunit_kzalloc(test, sizeof(*wire), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, wire);
	/* A test has a thread of its own, and what icmpx keeps for a CPU is that of one. */
	KUNIT_ASSERT_EQ(test,
			set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id())), 0);
	skb_queue_head_init(&wire->sent);
	wire->dev = alloc_netdev(sizeof(wire), "wire%d", NET_NAME_UNKNOWN, wire_setup);
	KUNIT_ASSERT_NOT_NULL(test, wire->dev);
	*(struct wire **)netdev_priv(wire->dev) = wire;
	err = register_netdev(wire->dev);
	if (err)
		free_netdev(wire->dev);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, wire_close, wire), 0);
	rtnl_lock();
	err = dev_open(wire->dev, NULL);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_EQ(test, wire_address(wire->dev), 0);
	/* What multicast has to say when an interface comes up is of no interest. */
	skb_queue_purge(&wire->sent);
	return wire;
}

static void wire_put_message(struct sk_buff *skb, const struct wire_packet *packet)
{
	struct icmphdr *message = skb_put_data(skb, packet->message, packet->len);

	if ((packet->protocol && packet->protocol != IPPROTO_ICMP) ||
	    packet->len < sizeof(*message))
		return;
	message->checksum = 0;
	message->checksum = ip_compute_csum(message, packet->len);
	if (packet->bad_checksum)
		message->checksum ^= htons(1);
}

struct sk_buff *wire_make(struct kunit *test, struct wire *wire, const struct wire_packet *packet)
{
	const unsigned int hlen = sizeof(struct iphdr) + packet->options_len;
	struct sk_buff *skb = netdev_alloc_skb(wire->dev, LL_MAX_HEADER + hlen + packet->len);
	struct iphdr *iph;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, LL_MAX_HEADER);
	skb_reset_network_header(skb);
	skb_reset_mac_header(skb);
	iph = skb_put_zero(skb, sizeof(*iph));
	if (packet->options_len)
		skb_put_data(skb, packet->options, packet->options_len);
	iph->version = IPVERSION;
	iph->ihl = hlen / 4;
	iph->tos = packet->tos;
	iph->tot_len = htons(hlen + packet->len);
	iph->id = htons(packet->id);
	iph->ttl = 55;
	iph->protocol = packet->protocol ?: IPPROTO_ICMP;
	iph->saddr = htonl(packet->source ?: WIRE_PEER);
	iph->daddr = htonl(packet->destination ?: WIRE_US);
	wire_put_message(skb, packet);
	iph = ip_hdr(skb);
	ip_send_check(iph);
	skb->protocol = htons(ETH_P_IP);
	skb->pkt_type = packet->destination == WIRE_BROADCAST ? PACKET_BROADCAST : PACKET_HOST;
	return skb;
}

void wire_receive(struct sk_buff *skb)
{
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
}

void wire_put(struct kunit *test, struct wire *wire, const struct wire_packet *packet)
{
	wire_receive(wire_make(test, wire, packet));
}

void wire_expect_silence(struct kunit *test, struct wire *wire, const struct wire_packet *packet,
			 enum icmpx_stat stat)
{
	const u64 before = stat_of(stat);

	wire_put(test, wire, packet);
	KUNIT_EXPECT_EQ(test, stat_of(stat), before + 1);
	KUNIT_EXPECT_TRUE(test, wire_silent(wire));
}

static void wire_free(void *skb)
{
	kfree_skb(skb);
}

struct sk_buff *wire_get(struct kunit *test, struct wire *wire)
{
	struct sk_buff *skb = skb_dequeue(&wire->sent);

	KUNIT_ASSERT_NOT_NULL_MSG(test, skb, "nothing was sent");
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, wire_free, skb), 0);
	KUNIT_ASSERT_EQ(test, skb_linearize(skb), 0);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, ip_hdrlen(skb));
	return skb;
}
