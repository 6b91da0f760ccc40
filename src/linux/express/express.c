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
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <net/inet_ecn.h>

#include "express/internal.h"
#include "tracing.h"

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

/*
 * Counts a request in the counters of IP, ICMP and icmpx, as the normal path does; and the
 * reply, if it is @answered: a constant.
 */
static __always_inline void icmpx_express_count(struct net *net, struct icmpx_net *ix,
						unsigned int len, u8 tos, bool answered)
{
	struct ipstats_mib __percpu *ip = net->mib.ip_statistics;
	struct icmp_mib __percpu *icmp = net->mib.icmp_statistics;

	__icmpx_count(&ix->v4, ICMPX_PACKETS_IN);
	__SNMP_UPD_PO_STATS64(ip, IPSTATS_MIB_IN, len);
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_NOECTPKTS + (tos & INET_ECN_MASK));
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_INDELIVERS);
	__SNMP_INC_STATS(icmp, ICMP_MIB_INMSGS);
	icmpx_count_message_in(net, ix, ICMP_ECHO);
	if (!answered)
		return;
	icmpx_count_message_out(net, ix, ICMP_ECHOREPLY);
	__SNMP_INC_STATS(icmp, ICMP_MIB_OUTMSGS);
	icmpx_count_ip_out(ip, len);
}

/*
 * The reply uses the request's memory, so it is not charged to a control socket. The
 * device's queue bounds how many replies may wait, as for packets that a bridge forwards.
 */
static __always_inline enum icmpx_stat icmpx_express_send(struct net *net, struct icmpx_net *ix,
							  struct sk_buff *skb,
							  struct net_device *dev)
{
	const u32 mark = IP4_REPLY_MARK(net, skb->mark);
	int err;

	icmpx_express_renew(skb, dev, mark, htons(ETH_P_IP), sizeof(struct iphdr));
	icmpx_express_reply(skb->data, READ_ONCE(net->ipv4.sysctl_ip_default_ttl));

	err = icmpx_express_transmit(skb);
	if (likely(!err) || !net_xmit_errno(err)) {
		__icmpx_count(&ix->v4, ICMPX_REPLY_EXPRESS);
		return ICMPX_REPLY_EXPRESS;
	}
	__IP_INC_STATS(net, IPSTATS_MIB_OUTDISCARDS);
	__icmpx_count(&ix->v4, ICMPX_DROP_OUTPUT);
	return ICMPX_DROP_OUTPUT;
}

static noinline void icmpx_express_send_traced(struct net *net, struct icmpx_net *ix,
					       struct sk_buff *skb, struct net_device *dev)
{
	const __be32 source = ip_hdr(skb)->daddr;
	struct icmpx_traced request;
	enum icmpx_stat outcome;

	icmpx_trace_note(&request, skb, sizeof(struct iphdr));
	outcome = icmpx_express_send(net, ix, skb, dev);
	icmpx_trace_answered(&request, &source, ICMP_ECHOREPLY, 0, outcome);
}

static noinline void icmpx_express_limited_traced(struct sk_buff *skb)
{
	struct icmpx_traced request;

	icmpx_trace_note(&request, skb, sizeof(struct iphdr));
	icmpx_trace_answered(&request, NULL, ICMP_ECHOREPLY, 0, ICMPX_LIMIT_PREFIX);
}

/* Not inline, so that a request that is answered saves no registers for it. */
static noinline unsigned int icmpx_express_limited(struct net *net, struct icmpx_net *ix,
						   struct sk_buff *skb, unsigned int len)
{
	icmpx_express_count(net, ix, len, ip_hdr(skb)->tos, false);
	__icmpx_count(&ix->v4, ICMPX_LIMIT_PREFIX);
	if (icmpx_is_tracing())
		icmpx_express_limited_traced(skb);
	consume_skb(skb);
	return NF_STOLEN;
}

/* Out of line: with a part for each family, icmpx_express() has no registers to save. */
static noinline unsigned int icmpx_express_ipv4(struct sk_buff *skb,
						const struct nf_hook_state *state)
{
	struct net_device *dev = state->in;
	struct net *net = state->net;
	const struct iphdr *iph;
	struct icmpx_net *ix;
	unsigned int len;

	if (!pskb_may_pull(skb, ICMPX_FRAME_LEN - ETH_HLEN))
		return NF_ACCEPT;
	len = icmpx_express_length(skb_mac_header(skb), skb->len);
	if (!len)
		return NF_ACCEPT;
	if (unlikely(len > READ_ONCE(dev->mtu) || !icmpx_express_buffer(skb) ||
		     !icmpx_express_device(dev) || !icmpx_express_settings(net)))
		return NF_ACCEPT;
	iph = (const struct iphdr *)skb->data;
	if (unlikely(!icmpx_express_addresses(dev, iph->saddr, iph->daddr) ||
		     !icmpx_express_checksum_right(skb, len) || !icmpx_express_claim(skb, len)))
		return NF_ACCEPT;

	ix = icmpx_net_rcu(net);
	iph = (const struct iphdr *)skb->data;
	if (unlikely(READ_ONCE(ix->v4.limit.rate)) &&
	    !icmpx_prefix_allow(&ix->v4.limit, iph->saddr))
		return icmpx_express_limited(net, ix, skb, len);
	icmpx_express_count(net, ix, len, iph->tos, true);
	if (icmpx_is_tracing())
		icmpx_express_send_traced(net, ix, skb, dev);
	else
		icmpx_express_send(net, ix, skb, dev);
	return NF_STOLEN;
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
	if (!icmpx_express_frame(skb, state->in))
		return NF_ACCEPT;
	if (skb->protocol == htons(ETH_P_IP))
		return icmpx_express_ipv4(skb, state);
	if (skb->protocol == htons(ETH_P_IPV6))
		return icmpx6_express(skb, state);
	return NF_ACCEPT;
}
