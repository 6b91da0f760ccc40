// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of received errors of ICMPv6 to raw sockets, as ipv6(7) documents it. */
#include <linux/icmpv6.h>
#include <net/inet_sock.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/raw.h>
#include <net/rawv6.h>
#include <net/sock.h>

#include "compat6.h"
#include "error/error.h"

static void icmpx6_raw_socket_error(struct sock *sk, struct sk_buff *skb, unsigned int offset)
{
	const struct icmp6hdr *header = icmp6_hdr(skb);
	const bool wanted = icmpx6_sk_recverr(sk);
	struct icmpx_errno error;

	/*
	 * The program of a socket that is not connected and has not asked for errors could
	 * not tell which packet the error is about.
	 */
	if (!wanted && sk->sk_state != TCP_ESTABLISHED)
		return;

	error.hard = icmpv6_err_convert(header->icmp6_type, header->icmp6_code, &error.number);
	if (header->icmp6_type == ICMPV6_PKT_TOOBIG) {
		icmpx6_sk_update_pmtu(skb, sk, header->icmp6_mtu);
		/* Only with IPV6_PMTUDISC_DO does the program itself have to send less. */
		error.hard = icmpx6_sk_pmtudisc(sk) == IPV6_PMTUDISC_DO;
	}
	if (wanted)
		icmpx6_queue_error(sk, skb, error.number,
				   skb->data + (icmpx_sk_hdrincl(sk) ? 0 : offset));
	if (wanted || error.hard)
		icmpx_report_error(sk, error.number);
}

/**
 * icmpx6_raw_error() - Tell raw sockets of an error of ICMPv6 about what they sent.
 * @skb: the error, its data at the embedded IPv6 header, of which all headers and eight
 *	bytes more were pulled; not consumed
 * @protocol: the embedded packet's protocol, behind all extension headers
 * @offset: bytes from the embedded IPv6 header to what is behind all extension headers
 *
 * Context: as icmpx_rcv(); walks the table of raw sockets under RCU.
 *
 * Return: how many sockets sent such packets.
 */
unsigned int icmpx6_raw_error(struct sk_buff *skb, u8 protocol, unsigned int offset)
{
	const struct ipv6hdr *embedded = (const struct ipv6hdr *)skb->data;
	struct net *net = dev_net_rcu(skb->dev);
	const int dif = inet6_iif(skb);
	const int sdif = inet6_sdif(skb);
	unsigned int sockets = 0;
	struct sock *sk;

	sk_for_each_rcu(sk, &raw_v6_hashinfo.ht[raw_hashfunc(net, protocol)]) {
		/* This host sent the packet, so its destination is the socket's peer. */
		if (!raw_v6_match(net, sk, protocol, &embedded->saddr, &embedded->daddr, dif, sdif))
			continue;
		icmpx6_raw_socket_error(sk, skb, offset);
		sockets++;
	}
	return sockets;
}
