// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of received errors to raw sockets, as raw(7) and ip(7) document it. */
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/raw.h>
#include <net/route.h>
#include <net/sock.h>

#include "error/error.h"

static void icmpx_raw_socket_error(struct sock *sk, struct sk_buff *skb, u32 info)
{
	const struct icmphdr *header = icmp_hdr(skb);
	const bool wanted = icmpx_sk_recverr(sk);
	struct icmpx_errno error;

	if (header->type == ICMP_REDIRECT) {
		icmpx_sk_redirect(skb, sk);
		return;
	}
	if (header->type == ICMP_DEST_UNREACH && header->code == ICMP_FRAG_NEEDED)
		icmpx_sk_update_pmtu(skb, sk, info);

	/*
	 * The program of a socket that is not connected and has not asked for errors could
	 * not tell which datagram the error is about.
	 */
	if (!wanted && sk->sk_state != TCP_ESTABLISHED)
		return;
	if (header->type == ICMP_SOURCE_QUENCH)
		return;

	error = icmpx_errno_of(sk, header->type, header->code);
	if (wanted) {
		const u8 *payload = skb->data;

		if (!icmpx_sk_hdrincl(sk))
			payload += ((const struct iphdr *)skb->data)->ihl * 4;
		icmpx_queue_error(sk, skb, error.number, info, payload);
	}
	if (wanted || error.hard)
		icmpx_report_error(sk, error.number);
}

/**
 * icmpx_raw_error() - Tell raw sockets of an error about what they sent.
 * @skb: the error, its data at the embedded IP header, of which the header and
 *	eight bytes more were pulled; not consumed
 * @protocol: the embedded datagram's protocol
 * @info: the error's argument, host order
 *
 * Context: as icmpx_rcv(); walks the table of raw sockets under RCU.
 *
 * Return: how many sockets sent such datagrams.
 */
unsigned int icmpx_raw_error(struct sk_buff *skb, u8 protocol, u32 info)
{
	const struct iphdr *embedded = (const struct iphdr *)skb->data;
	struct net *net = dev_net_rcu(skb->dev);
	const int dif = skb->dev->ifindex;
	const int sdif = inet_sdif(skb);
	unsigned int sockets = 0;
	struct sock *sk;

	sk_for_each_rcu(sk, &raw_v4_hashinfo.ht[raw_hashfunc(net, protocol)]) {
		/* This host sent the datagram, so its destination is the socket's peer. */
		if (!raw_v4_match(net, sk, protocol, embedded->daddr, embedded->saddr, dif, sdif))
			continue;
		icmpx_raw_socket_error(sk, skb, info);
		sockets++;
	}
	return sockets;
}
