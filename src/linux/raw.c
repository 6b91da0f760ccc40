// SPDX-License-Identifier: GPL-2.0-only
/* Received errors, to raw sockets: what raw(7) and ip(7) promise of them. */
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/raw.h>
#include <net/route.h>
#include <net/sock.h>

#include "icmpx.h"

/**
 * struct icmpx_errno - an error as sockets know it
 * @number: a positive errno
 * @hard: whether it is there to stay (RFC 1122, 4.2.3.9), and so is told to a
 *	socket that did not ask for errors
 */
struct icmpx_errno {
	int number;
	bool hard;
};

static struct icmpx_errno icmpx_raw_errno(const struct sock *sk, u8 type, u8 code)
{
	if (type == ICMP_PARAMETERPROB)
		return (struct icmpx_errno){ .number = EPROTO, .hard = true };
	if (type != ICMP_DEST_UNREACH || code > NR_ICMP_UNREACH)
		return (struct icmpx_errno){ .number = EHOSTUNREACH };
	if (code == ICMP_FRAG_NEEDED)
		return (struct icmpx_errno){
			.number = EMSGSIZE,
			.hard = READ_ONCE(inet_sk(sk)->pmtudisc) != IP_PMTUDISC_DONT,
		};
	return (struct icmpx_errno){
		.number = icmp_err_convert[code].errno,
		.hard = icmp_err_convert[code].fatal,
	};
}

/* RFC 4884, 4: where the extension of a message begins, counted from the original datagram. */
static unsigned int icmpx_original_len(const struct icmphdr *header)
{
	switch (header->type) {
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return header->un.reserved[1] * sizeof(u32);
	default:
		return 0;
	}
}

/* Puts the error into the socket's error queue, as recvmsg(MSG_ERRQUEUE) tells it. */
static void icmpx_queue_error(struct sock *sk, struct sk_buff *error, int number, u32 info,
			      const u8 *payload)
{
	struct sk_buff *skb = skb_clone(error, GFP_ATOMIC);
	const struct icmphdr *header = icmp_hdr(error);
	struct sock_exterr_skb *serr;

	if (!skb)
		return;
	serr = SKB_EXT_ERR(skb);
	serr->ee = (struct sock_extended_err){
		.ee_errno = number,
		.ee_origin = SO_EE_ORIGIN_ICMP,
		.ee_type = header->type,
		.ee_code = header->code,
		.ee_info = info,
	};
	serr->addr_offset = (const u8 *)&((const struct iphdr *)(header + 1))->daddr -
			    skb_network_header(skb);
	serr->port = 0;

	if (!skb_pull(skb, payload - skb->data))
		goto free;
	if (icmpx_sk_recverr_rfc4884(sk) && icmpx_original_len(header))
		ip_icmp_error_rfc4884(skb, &serr->ee.ee_rfc4884, sizeof(*header),
				      icmpx_original_len(header));
	skb_reset_transport_header(skb);
	if (sock_queue_err_skb(sk, skb) == 0)
		return;
free:
	kfree_skb(skb);
}

static void icmpx_raw_socket_error(struct sock *sk, struct sk_buff *skb, u32 info)
{
	const struct icmphdr *header = icmp_hdr(skb);
	const bool wanted = icmpx_sk_recverr(sk);
	struct icmpx_errno error;

	if (header->type == ICMP_REDIRECT) {
		ipv4_sk_redirect(skb, sk);
		return;
	}
	if (header->type == ICMP_DEST_UNREACH && header->code == ICMP_FRAG_NEEDED)
		ipv4_sk_update_pmtu(skb, sk, info);

	/* Who neither asked nor is connected could not tell what it is about. */
	if (!wanted && sk->sk_state != TCP_ESTABLISHED)
		return;
	if (header->type == ICMP_SOURCE_QUENCH)
		return;

	error = icmpx_raw_errno(sk, header->type, header->code);
	if (wanted) {
		const u8 *payload = skb->data;

		if (!icmpx_sk_hdrincl(sk))
			payload += ((const struct iphdr *)skb->data)->ihl * 4;
		icmpx_queue_error(sk, skb, error.number, info, payload);
	}
	if (wanted || error.hard) {
		WRITE_ONCE(sk->sk_err, error.number);
		sk_error_report(sk);
	}
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
		/* Our datagram went out: its destination is the socket's peer. */
		if (!raw_v4_match(net, sk, protocol, embedded->daddr, embedded->saddr, dif, sdif))
			continue;
		icmpx_raw_socket_error(sk, skb, info);
		sockets++;
	}
	return sockets;
}
