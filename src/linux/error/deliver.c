// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of received errors to the sockets and protocols that they are about. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <icmpx/dispatch.h>
#include <icmpx/error.h>
#include <linux/icmp.h>
#include <linux/inetdevice.h>
#include <net/icmp.h>
#include <net/protocol.h>
#include <net/route.h>

#include "error/error.h"
#include "send/send.h"

/* Whether a protocol checks that it sent the packet that an error quotes. */
static bool icmpx_validates_tag(u8 protocol)
{
	const struct net_protocol *ipprot = rcu_dereference(inet_protos[protocol]);

	return ipprot && ipprot->icmp_strict_tag_validation;
}

/* RFC 1122, 3.2.2: no error may be sent about a datagram to a broadcast address. */
static bool icmpx_is_bogus(struct net *net, const struct sk_buff *skb)
{
	const struct iphdr *embedded = (const struct iphdr *)skb->data;
	char name[IFNAMSIZ];

	if (READ_ONCE(net->ipv4.sysctl_icmp_ignore_bogus_error_responses))
		return false;
	if (inet_addr_type_dev_table(net, skb->dev, embedded->daddr) != RTN_BROADCAST)
		return false;
	net_warn_ratelimited("%pI4 sent an error of type %u, code %u about a broadcast to %pI4, which no host may send; it came in by %s\n",
			     &ip_hdr(skb)->saddr, icmp_hdr(skb)->type, icmp_hdr(skb)->code,
			     &embedded->daddr,
			     icmpx_device_name(net, skb->dev, name) ? name :
			     "a device that is being renamed");
	return true;
}

/**
 * icmpx_delivered_to() - Tell the outcome of an error that a protocol got.
 * @protocol: the protocol, of either family
 *
 * Context: any.
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx_delivered_to(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMPX_DELIVER_ERROR_ICMP;
	case IPPROTO_TCP:
		return ICMPX_DELIVER_ERROR_TCP;
	case IPPROTO_UDP:
		return ICMPX_DELIVER_ERROR_UDP;
	default:
		return ICMPX_DELIVER_ERROR_OTHER;
	}
}

/* RFC 1122, 3.2.2: the error goes to the sockets and the protocol that sent the datagram in it. */
static enum icmpx_stat icmpx_to_sockets(struct icmpx_net *ix, struct sk_buff *skb, u8 protocol,
					u32 info)
{
	const struct net_protocol *ipprot;
	unsigned int raw_sockets;

	raw_sockets = icmpx_raw_error(skb, protocol, info);
	if (raw_sockets)
		__icmpx_count(&ix->v4, ICMPX_ERRORS_TO_RAW_SOCKETS);

	ipprot = rcu_dereference(inet_protos[protocol]);
	if (ipprot && ipprot->err_handler) {
		ipprot->err_handler(skb, info);
		return icmpx_delivered_to(protocol);
	}
	return raw_sockets ? ICMPX_DELIVER_ERROR_RAW : ICMPX_DROP_NO_PROTOCOL;
}

/**
 * icmpx_deliver_error() - Check a received error, and deliver it if it is believed.
 * @net: the namespace that the error came into
 * @ix: icmpx's state of @net
 * @skb: the error, its data after the ICMP header; not consumed
 *
 * Context: as icmpx_rcv().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx_deliver_error(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	struct icmpx_error_verdict verdict;

	if (!pskb_may_pull(skb, sizeof(struct iphdr))) {
		__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
		return ICMPX_DROP_TRUNCATED;
	}
	verdict = icmpx_decide_error((const u8 *)icmp_hdr(skb), skb->data, skb_headlen(skb),
				     READ_ONCE(net->ipv4.sysctl_ip_no_pmtu_disc));
	if (verdict.checks & ICMPX_COUNT_TIME_EXCEEDED)
		__ICMP_INC_STATS(net, ICMP_MIB_INTIMEEXCDS);
	if (verdict.action == ICMPX_FINISH) {
		if (verdict.in_error)
			__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
		return verdict.outcome;
	}
	if ((verdict.checks & ICMPX_CHECK_TAG) && !icmpx_validates_tag(verdict.protocol))
		return ICMPX_IGNORE_PMTU;
	if ((verdict.checks & ICMPX_CHECK_BROADCAST) && icmpx_is_bogus(net, skb))
		return ICMPX_IGNORE_BOGUS;

	/* A raw socket of IPPROTO_RAW sends anything and receives nothing. */
	if (!pskb_may_pull(skb, verdict.needed) || verdict.protocol == IPPROTO_RAW) {
		__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
		return ICMPX_DROP_EMBEDDED;
	}
	return icmpx_to_sockets(ix, skb, verdict.protocol, verdict.info);
}
