// SPDX-License-Identifier: GPL-2.0-only
/*
 * The express path of IPv6, as express.c is that of IPv4. Neighbour discovery, and all else
 * that is not a plain echo request, takes the normal path.
 */
#include <icmpx/express.h>
#include <linux/icmpv6.h>
#include <net/addrconf.h>
#include <net/inet_ecn.h>
#include <net/ipv6.h>

#include "compat6.h"
#include "express/internal.h"
#include "tracing.h"

/* Whether no setting or IPsec policy of the namespace or the device requires the normal path. */
static bool icmpx6_express_settings(const struct net *net, const struct inet6_dev *idev)
{
	return !READ_ONCE(net->ipv6.sysctl.icmpv6_echo_ignore_all) &&
	       !test_bit(ICMPV6_ECHO_REPLY, net->ipv6.sysctl.icmpv6_ratemask) &&
	       !READ_ONCE(idev->cnf.disable_ipv6) &&
	       !icmpx_has_policy_for(net, XFRM_POLICY_IN) && !icmpx_has_policy(net);
}

/*
 * Whether a request is to an address that this device may use, and does not come from one. The
 * list is the kernel's own, so no address can be out of date.
 */
static bool icmpx6_express_addresses(const struct inet6_dev *idev, const struct ipv6hdr *header)
{
	const struct inet6_ifaddr *ifa;
	bool ours = false;

	list_for_each_entry_rcu(ifa, &idev->addr_list, if_list) {
		if (ipv6_addr_equal(&ifa->addr, &header->saddr))
			return false;
		if (ipv6_addr_equal(&ifa->addr, &header->daddr))
			ours = !(READ_ONCE(ifa->flags) & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
	}
	return ours;
}

/*
 * The checksum of RFC 4443, 2.3, over the message as long as the IPv6 header says. The
 * addresses are in front of the message, and are summed up together with it.
 */
static bool icmpx6_express_checksum_right(const struct sk_buff *skb, unsigned int len)
{
	const unsigned int at = offsetof(struct ipv6hdr, saddr);
	/* The rest of the pseudo-header. */
	__wsum sum = (__force __wsum)htonl(len - sizeof(struct ipv6hdr) + IPPROTO_ICMPV6);

	if (likely(!skb_is_nonlinear(skb)))
		sum = csum_partial(skb->data + at, len - at, sum);
	else
		sum = skb_checksum(skb, at, len - at, sum);
	return !csum_fold(sum);
}

/* Counts IPv6's packets of icmpx6_express_count() in one table: the device's or the namespace's. */
static __always_inline void icmpx6_express_count_ip(struct ipstats_mib __percpu *ip,
						    unsigned int len, u8 tclass, bool answered)
{
	__SNMP_UPD_PO_STATS64(ip, IPSTATS_MIB_IN, len);
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_NOECTPKTS + (tclass & INET_ECN_MASK));
	__SNMP_INC_STATS64(ip, IPSTATS_MIB_INDELIVERS);
	if (answered)
		icmpx_count_ip_out(ip, len);
}

/* As icmpx_express_count(). IPv6 counts for the device, too. */
static __always_inline void icmpx6_express_count(struct net *net, struct icmpx_net *ix,
						 struct inet6_dev *idev, unsigned int len,
						 u8 tclass, bool answered)
{
	__icmpx_count(&ix->v6, ICMPX_PACKETS_IN);
	icmpx6_express_count_ip(idev->stats.ipv6, len, tclass, answered);
	icmpx6_express_count_ip(net->mib.ipv6_statistics, len, tclass, answered);
	__ICMP6_INC_STATS(net, idev, ICMP6_MIB_INMSGS);
	ICMP6MSGIN_INC_STATS(net, idev, ICMPV6_ECHO_REQUEST);
	if (answered) {
		ICMP6MSGOUT_INC_STATS(net, idev, ICMPV6_ECHO_REPLY);
		__ICMP6_INC_STATS(net, idev, ICMP6_MIB_OUTMSGS);
	}
}

/* As icmpx_express_send(). */
static __always_inline enum icmpx_stat icmpx6_express_send(struct net *net, struct icmpx_net *ix,
							   struct inet6_dev *idev,
							   struct sk_buff *skb)
{
	const u32 mark = IP6_REPLY_MARK(net, skb->mark);
	int err;

	icmpx_express_renew(skb, idev->dev, mark, htons(ETH_P_IPV6), sizeof(struct ipv6hdr));
	icmpx6_express_reply(skb->data, READ_ONCE(idev->cnf.hop_limit));

	err = icmpx_express_transmit(skb);
	if (likely(!err) || !net_xmit_errno(err)) {
		__icmpx_count(&ix->v6, ICMPX_REPLY_EXPRESS);
		return ICMPX_REPLY_EXPRESS;
	}
	IP6_INC_STATS(net, idev, IPSTATS_MIB_OUTDISCARDS);
	__icmpx_count(&ix->v6, ICMPX_DROP_OUTPUT);
	return ICMPX_DROP_OUTPUT;
}

static noinline void icmpx6_express_send_traced(struct net *net, struct icmpx_net *ix,
						struct inet6_dev *idev, struct sk_buff *skb)
{
	const struct in6_addr source = ipv6_hdr(skb)->daddr;
	struct icmpx_traced request;
	enum icmpx_stat outcome;

	icmpx_trace_note(&request, skb, sizeof(struct ipv6hdr));
	outcome = icmpx6_express_send(net, ix, idev, skb);
	icmpx_trace_answered(&request, &source, ICMPV6_ECHO_REPLY, 0, outcome);
}

static noinline void icmpx6_express_limited_traced(struct sk_buff *skb)
{
	struct icmpx_traced request;

	icmpx_trace_note(&request, skb, sizeof(struct ipv6hdr));
	icmpx_trace_answered(&request, NULL, ICMPV6_ECHO_REPLY, 0, ICMPX_LIMIT_PREFIX);
}

/* As icmpx_express_limited(). */
static noinline unsigned int icmpx6_express_limited(struct net *net, struct icmpx_net *ix,
						    struct inet6_dev *idev, struct sk_buff *skb,
						    unsigned int len)
{
	icmpx6_express_count(net, ix, idev, len, ipv6_get_dsfield(ipv6_hdr(skb)), false);
	__icmpx_count(&ix->v6, ICMPX_LIMIT_PREFIX);
	if (icmpx_is_tracing())
		icmpx6_express_limited_traced(skb);
	consume_skb(skb);
	return NF_STOLEN;
}

/**
 * icmpx6_express() - Answer an echo request over IPv6 at the ingress of a device.
 * @skb: the frame, its data at the IPv6 header; icmpx_express_frame() is true of it
 * @state: the device that the frame came in by, and its namespace
 *
 * Context: as icmpx_express().
 *
 * Return: as icmpx_express().
 */
unsigned int icmpx6_express(struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct inet6_dev *idev = __in6_dev_get(state->in);
	struct net *net = state->net;
	struct icmpx_net *ix = icmpx_net_rcu(net);
	const struct ipv6hdr *header;
	unsigned int len;

	/* Where the built-in code has ICMPv6, there are no counters of it. */
	if (unlikely(!idev || !ix->v6.counters) ||
	    !pskb_may_pull(skb, ICMPX6_FRAME_LEN - ETH_HLEN))
		return NF_ACCEPT;
	len = icmpx6_express_length(skb_mac_header(skb), skb->len);
	if (!len)
		return NF_ACCEPT;
	if (unlikely(len > READ_ONCE(idev->cnf.mtu6) || !icmpx_express_buffer(skb) ||
		     !icmpx_express_device(idev->dev) || !icmpx6_express_settings(net, idev)))
		return NF_ACCEPT;
	if (unlikely(!icmpx6_express_addresses(idev, (const struct ipv6hdr *)skb->data) ||
		     !icmpx6_express_checksum_right(skb, len) || !icmpx_express_claim(skb, len)))
		return NF_ACCEPT;

	header = (const struct ipv6hdr *)skb->data;
	if (unlikely(READ_ONCE(ix->v6.limit.rate)) &&
	    !icmpx6_prefix_allow(&ix->v6.limit, &header->saddr))
		return icmpx6_express_limited(net, ix, idev, skb, len);
	icmpx6_express_count(net, ix, idev, len, ipv6_get_dsfield(header), true);
	if (icmpx_is_tracing())
		icmpx6_express_send_traced(net, ix, idev, skb);
	else
		icmpx6_express_send(net, ix, idev, skb);
	return NF_STOLEN;
}
