// SPDX-License-Identifier: GPL-2.0-only
/*
 * The express path: echo requests answered at the ingress of a device, before
 * routing, if the setting express names that device. The request's headers are
 * turned round, and the frame goes back to the station that it came from.
 *
 * Only a request that needs no more than that is answered here. Every other frame takes
 * the normal path, uncounted: a bad packet is counted where the error is found, and a
 * good request is answered with everything that a reply can need.
 */
#include <icmpx/express.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <net/inet_ecn.h>
#include <net/sch_generic.h>
#include <net/xfrm.h>

#include "express/express.h"
#include "limit/limit.h"
#include "out/renew.h"

/*
 * Whether a frame is for this device, and is as it was on the wire: it has no VLAN tag that
 * is still to be handled, it came neither by a tunnel nor through IPsec, and no other
 * reader has a reference to the skb.
 */
static bool icmpx_express_frame(const struct sk_buff *skb, const struct net_device *dev)
{
	return skb->protocol == htons(ETH_P_IP) && skb->pkt_type == PACKET_HOST &&
	       skb_mac_offset(skb) == -ETH_HLEN && !skb_vlan_tag_present(skb) &&
	       ether_addr_equal(eth_hdr(skb)->h_dest, dev->dev_addr) && !skb_shared(skb) &&
	       !skb_dst(skb) && !skb_sec_path(skb);
}

/*
 * Whether the skb is one message in one buffer, with its checksum filled in, and without
 * pages that belong to a sender (zerocopy).
 */
static bool icmpx_express_buffer(struct sk_buff *skb)
{
	return skb->ip_summed != CHECKSUM_PARTIAL && !skb_is_gso(skb) && icmpx_skb_readable(skb) &&
	       !skb_has_frag_list(skb) && !(skb_shinfo(skb)->flags & SKBFL_ZEROCOPY_ENABLE);
}

/*
 * A port of a bridge, of a bond and the like gives its frames to that device; the frames of
 * a device in a VRF belong to the VRF. A device can become either while it has the express
 * path.
 */
static bool icmpx_express_device(const struct net_device *dev)
{
	return !rcu_access_pointer(dev->rx_handler) &&
	       !(dev->priv_flags & (IFF_L3MDEV_MASTER | IFF_L3MDEV_SLAVE));
}

/* Whether no setting or IPsec policy of the namespace requires the normal path. */
static bool icmpx_express_settings(const struct net *net)
{
	return !READ_ONCE(net->ipv4.sysctl_icmp_echo_ignore_all) &&
	       !(READ_ONCE(net->ipv4.sysctl_icmp_ratemask) & BIT(ICMP_ECHOREPLY)) &&
	       !icmpx_has_policy_for(net, XFRM_POLICY_IN) && !icmpx_has_policy(net);
}

/*
 * Whether a request is to an address of this device, and comes neither from such an address
 * nor from a broadcast address of the device. The list is the kernel's own, so no address
 * can be out of date.
 */
static bool icmpx_express_addresses(const struct net_device *dev, __be32 source,
				    __be32 destination)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct in_ifaddr *ifa;
	bool ours = false;

	if (unlikely(!in_dev))
		return false;
	in_dev_for_each_ifa_rcu(ifa, in_dev) {
		if (ifa->ifa_local == source || ifa->ifa_broadcast == source)
			return false;
		ours |= ifa->ifa_local == destination;
	}
	return ours;
}

/* The checksum of RFC 792, over the message as long as the IP header says. */
static bool icmpx_express_checksum_right(const struct sk_buff *skb, unsigned int len)
{
	const unsigned int at = sizeof(struct iphdr);
	__wsum sum;

	if (likely(!skb_is_nonlinear(skb)))
		sum = csum_partial(skb->data + at, len - at, 0);
	else
		sum = skb_checksum(skb, at, len - at, 0);
	return !csum_fold(sum);
}

/* Makes the data of the skb writable, and as long as the IP header says. */
static bool icmpx_express_claim(struct sk_buff *skb, unsigned int len)
{
	if (skb_unclone(skb, GFP_ATOMIC))
		return false;
	return likely(skb->len == len) || !pskb_trim_rcsum(skb, len);
}

/* Counts a request in the counters of IP, ICMP and icmpx, as the normal path does. */
static void icmpx_express_count_in(struct net *net, struct icmpx_net *ix, unsigned int len, u8 tos)
{
	struct ipstats_mib __percpu *ip = net->mib.ip_statistics;

	__icmpx_count(&ix->v4, ICMPX_PACKETS_IN);
	__SNMP_UPD_PO_STATS64(ip, IPSTATS_MIB_IN, len);
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_NOECTPKTS + (tos & INET_ECN_MASK));
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_INDELIVERS);
	__ICMP_INC_STATS(net, ICMP_MIB_INMSGS);
	icmpx_count_message_in(net, ix, ICMP_ECHO);
}

static void icmpx_express_count_out(struct net *net, struct icmpx_net *ix, unsigned int len)
{
	icmpx_count_message_out(net, ix, ICMP_ECHOREPLY);
	__ICMP_INC_STATS(net, ICMP_MIB_OUTMSGS);
	icmpx_count_ip_out(net, len);
}

/*
 * Whether dev_queue_xmit() would only call the driver: there is no queueing discipline, as
 * on virtual devices, no hook at the egress, and no tap. Every driver takes a linear frame
 * with its checksums filled in as it is.
 */
static bool icmpx_express_direct(const struct sk_buff *skb, struct net_device *dev,
				 const struct netdev_queue *txq)
{
	return dev->real_num_tx_queues == 1 && !skb_is_nonlinear(skb) && dev->flags & IFF_UP &&
	       !rcu_dereference_bh(txq->qdisc)->enqueue && !icmpx_has_egress_hooks(dev) &&
	       READ_ONCE(txq->xmit_lock_owner) != smp_processor_id() &&
	       !dev_xmit_recursion() && !dev_nit_active(dev);
}

/* As dev_queue_xmit(), which it calls unless icmpx_express_direct() allows the driver alone. */
static int icmpx_express_transmit(struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	int err = NETDEV_TX_BUSY;

	if (!icmpx_express_direct(skb, dev, txq))
		return dev_queue_xmit(skb);
	skb_set_queue_mapping(skb, 0);
	HARD_TX_LOCK(dev, txq, smp_processor_id());
	if (likely(!netif_xmit_stopped(txq))) {
		dev_xmit_recursion_inc();
		err = netdev_start_xmit(skb, dev, txq, false);
		dev_xmit_recursion_dec();
	}
	HARD_TX_UNLOCK(dev, txq);
	if (likely(dev_xmit_complete(err)))
		return err;
	kfree_skb(skb);
	return -ENETDOWN;
}

/*
 * The reply uses the request's memory, so it is not charged to a control socket. The
 * device's queue bounds how many replies may wait, as for packets that a bridge forwards.
 */
static void icmpx_express_send(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
			       struct net_device *dev)
{
	const u32 mark = IP4_REPLY_MARK(net, skb->mark);
	int err;

	icmpx_express_count_out(net, ix, skb->len);
	icmpx_renew(skb);
	skb->dev = dev;
	skb->mark = mark;
	skb->protocol = htons(ETH_P_IP);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, sizeof(struct iphdr));
	__skb_push(skb, ETH_HLEN);
	skb_reset_mac_header(skb);
	icmpx_express_reply(skb->data, READ_ONCE(net->ipv4.sysctl_ip_default_ttl));

	err = icmpx_express_transmit(skb);
	if (likely(!err) || !net_xmit_errno(err)) {
		__icmpx_count(&ix->v4, ICMPX_REPLY_EXPRESS);
		return;
	}
	__IP_INC_STATS(net, IPSTATS_MIB_OUTDISCARDS);
	__icmpx_count(&ix->v4, ICMPX_DROP_OUTPUT);
}

/**
 * icmpx_express() - Answer an echo request at the ingress of a device, if it is a plain one.
 * @priv: unused
 * @skb: the frame, its data at the IP header
 * @state: the device that the frame came in by, and its namespace
 *
 * Context: as icmpx_rcv().
 *
 * Return: %NF_STOLEN if the frame is consumed: the request was answered, or dropped by a
 * limit, or its reply could not be transmitted; %NF_ACCEPT, with nothing done, if the frame
 * takes the normal path.
 */
unsigned int icmpx_express(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct net_device *dev = state->in;
	struct net *net = state->net;
	const struct iphdr *iph;
	struct icmpx_net *ix;
	unsigned int len;

	if (!icmpx_express_frame(skb, dev) ||
	    !pskb_may_pull(skb, ICMPX_FRAME_LEN - ETH_HLEN))
		return NF_ACCEPT;
	len = icmpx_express_length(skb_mac_header(skb), skb->len);
	if (!len || len > READ_ONCE(dev->mtu) || !icmpx_express_buffer(skb) ||
	    !icmpx_express_device(dev) || !icmpx_express_settings(net))
		return NF_ACCEPT;
	iph = (const struct iphdr *)skb->data;
	if (!icmpx_express_addresses(dev, iph->saddr, iph->daddr) ||
	    !icmpx_express_checksum_right(skb, len) || !icmpx_express_claim(skb, len))
		return NF_ACCEPT;

	ix = icmpx_net_rcu(net);
	iph = (const struct iphdr *)skb->data;
	icmpx_express_count_in(net, ix, len, iph->tos);
	if (unlikely(READ_ONCE(ix->v4.limit.rate)) &&
	    !icmpx_prefix_allow(&ix->v4.limit, iph->saddr)) {
		__icmpx_count(&ix->v4, ICMPX_LIMIT_PREFIX);
		consume_skb(skb);
		return NF_STOLEN;
	}
	icmpx_express_send(net, ix, skb, dev);
	return NF_STOLEN;
}
