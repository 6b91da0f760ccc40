// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of received errors of ICMPv6 to the sockets and protocols that they are about. */
#include <icmpx/error.h>
#include <linux/icmpv6.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/protocol.h>

#include "error/error.h"
#include "receive6.h"

/* Of what a packet has behind all headers of IPv6: ports, a sequence number of TCP. */
#define ICMPX6_TRANSPORT_LEN 8

/* A routing header's first bytes, and its length in them (RFC 8200, 4.4). */
#define ICMPX6_ROUTING_LEN 8

/*
 * The packet that the error quotes may have been on the way to one of the segments in a routing
 * header (RFC 8754, 5.4). Protocols look for a socket by the last one, where they are told of it.
 */
static void icmpx6_find_segments(struct sk_buff *skb)
{
	const int network = skb_network_offset(skb);
	unsigned int offset = 0;
	unsigned int len;
	int found;

	/* ipv6_find_hdr() begins at the network header. */
	skb_reset_network_header(skb);
	found = ipv6_find_hdr(skb, &offset, IPPROTO_ROUTING, NULL, NULL);
	skb_set_network_header(skb, network);
	if (found < 0 || !pskb_may_pull(skb, offset + ICMPX6_ROUTING_LEN))
		return;

	len = ipv6_optlen((const struct ipv6_opt_hdr *)(skb->data + offset));
	if (!pskb_may_pull(skb, offset + len) || !icmpx6_segments_valid(skb->data + offset, len))
		return;
	IP6CB(skb)->flags |= IP6SKB_SEG6;
	IP6CB(skb)->srhoff = offset;
}

/* The error goes to the protocol and the sockets that sent the packet in it (RFC 4443, 2.4 (d)). */
static enum icmpx_stat icmpx6_to_sockets(struct icmpx_net *ix, struct sk_buff *skb, u8 protocol,
					 unsigned int offset)
{
	const struct inet6_protocol *ipprot = rcu_dereference(inet6_protos[protocol]);
	const bool handled = ipprot && ipprot->err_handler;
	const struct icmp6hdr *header = icmp6_hdr(skb);
	unsigned int raw_sockets;

	if (handled)
		ipprot->err_handler(skb, IP6CB(skb), header->icmp6_type, header->icmp6_code,
				    offset, header->icmp6_mtu);
	raw_sockets = icmpx6_raw_error(skb, protocol, offset);
	if (raw_sockets)
		__icmpx_count(&ix->v6, ICMPX_ERRORS_TO_RAW_SOCKETS);
	if (handled)
		return icmpx_delivered_to(protocol);
	return raw_sockets ? ICMPX_DELIVER_ERROR_RAW : ICMPX_DROP_NO_PROTOCOL;
}

/**
 * icmpx6_deliver_error() - Deliver a received error of ICMPv6.
 * @net: the namespace that the error came into
 * @ix: icmpx's state of @net
 * @skb: the error, its data after the ICMPv6 header; not consumed
 *
 * An error of an unknown type is delivered, too (RFC 4443, 2.4 (a)).
 *
 * Context: as icmpx_rcv().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx6_deliver_error(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	const bool too_big = icmp6_hdr(skb)->icmp6_type == ICMPV6_PKT_TOOBIG;
	struct net_device *dev = skb->dev;
	enum icmpx_stat outcome;
	__be16 fragment;
	u8 protocol;
	int offset;

	if (!pskb_may_pull(skb, sizeof(struct ipv6hdr))) {
		/* The built-in code counts the two on different devices. */
		if (too_big)
			dev = icmpx6_device(skb);
		outcome = ICMPX_DROP_TRUNCATED;
		goto drop;
	}
	icmpx6_find_segments(skb);
	protocol = ((const struct ipv6hdr *)skb->data)->nexthdr;
	offset = ipv6_skip_exthdr(skb, sizeof(struct ipv6hdr), &protocol, &fragment);
	/* A raw socket of IPPROTO_RAW sends anything and receives nothing. */
	if (offset < 0 || !pskb_may_pull(skb, offset + ICMPX6_TRANSPORT_LEN) ||
	    protocol == IPPROTO_RAW) {
		outcome = ICMPX_DROP_EMBEDDED;
		goto drop;
	}
	return icmpx6_to_sockets(ix, skb, protocol, offset);

drop:
	__ICMP6_INC_STATS(net, __in6_dev_get(dev), ICMP6_MIB_INERRORS);
	return outcome;
}
