// SPDX-License-Identifier: GPL-2.0-only
/* What an error means to a socket that sent the datagram, and how the socket is told. */
#include <icmpx/extension.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/ip.h>

#include "error/error.h"

/**
 * icmpx_errno_of() - Translate an error's type and code.
 * @sk: a socket that sent the datagram that the error is about
 * @type: the error's type
 * @code: the error's code
 *
 * RFC 1122, 3.2.2.1 and 4.2.3.9; RFC 1191.
 *
 * Context: any.
 *
 * Return: what the socket is told.
 */
struct icmpx_errno icmpx_errno_of(const struct sock *sk, u8 type, u8 code)
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

/*
 * Tells the program where the error's extension is (RFC 4884), behind @original bytes of the
 * datagram. The core needs a linear skb, and nearly all errors are linear. Returns false if there
 * is no memory.
 */
static bool icmpx_find_extension(struct sk_buff *skb, u16 original, unsigned int before,
				 struct sock_ee_data_rfc4884 *found)
{
	struct icmpx_extension_verdict verdict;

	if (skb_linearize(skb))
		return false;
	verdict = icmpx_extension_check(original, before, skb->data, skb->len);
	found->len = verdict.at;
	if (verdict.invalid)
		found->flags |= SO_EE_RFC4884_FLAG_INVALID;
	return true;
}

/**
 * icmpx_queue_clone() - Put a clone of a received error into a socket's error queue.
 * @sk: the socket
 * @error: the error of either family, its data at the embedded IP header; not consumed
 * @ee: what the program is told, but for the extension
 * @destination: the destination in the embedded IP header
 * @payload: start of the bytes in @error that the program gets
 * @original: how long the error says that the original datagram in it is (RFC 4884); 0 if the
 *	program does not ask for the extension
 *
 * Context: as icmpx_rcv().
 *
 * Return: false if there is no memory or no room in the queue.
 */
bool icmpx_queue_clone(struct sock *sk, struct sk_buff *error, const struct sock_extended_err *ee,
		       const void *destination, const u8 *payload, u16 original)
{
	struct sk_buff *skb = skb_clone(error, GFP_ATOMIC);
	const unsigned int before = payload - error->data;
	struct sock_exterr_skb *serr;

	if (!skb)
		return false;
	serr = SKB_EXT_ERR(skb);
	serr->ee = *ee;
	serr->addr_offset = (const u8 *)destination - skb_network_header(skb);
	serr->port = 0;

	if (!skb_pull(skb, before))
		goto free;
	if (original && !icmpx_find_extension(skb, original, before, &serr->ee.ee_rfc4884))
		goto free;
	skb_reset_transport_header(skb);
	if (sock_queue_err_skb(sk, skb) == 0)
		return true;
free:
	kfree_skb(skb);
	return false;
}

/**
 * icmpx_queue_error() - Put a received error into a socket's error queue.
 * @sk: the socket
 * @error: the error, its data at the embedded IP header; not consumed
 * @number: errno
 * @info: the error's argument, host order
 * @payload: start of the bytes in @error that the program gets
 *
 * Context: as icmpx_rcv().
 *
 * Return: as icmpx_queue_clone().
 */
bool icmpx_queue_error(struct sock *sk, struct sk_buff *error, int number, u32 info,
		       const u8 *payload)
{
	const struct iphdr *embedded = (const struct iphdr *)error->data;
	const bool extensible = icmpx_sk_recverr_rfc4884(sk);
	const struct icmphdr *header = icmp_hdr(error);
	const struct sock_extended_err ee = {
		.ee_errno = number,
		.ee_origin = SO_EE_ORIGIN_ICMP,
		.ee_type = header->type,
		.ee_code = header->code,
		.ee_info = info,
	};

	return icmpx_queue_clone(sk, error, &ee, &embedded->daddr, payload,
				 extensible ? icmpx_extension_length((const u8 *)header) : 0);
}

/**
 * icmpx_queue_local_error() - Tell a socket of an error that this host has found.
 * @sk: the socket; nothing happens if it has not asked for errors
 * @number: errno
 * @destination: destination of the socket's datagram, network order
 * @info: the error's argument: for EMSGSIZE, how many bytes would have fit
 *
 * Context: any.
 */
void icmpx_queue_local_error(struct sock *sk, int number, __be32 destination, u32 info)
{
	struct sock_exterr_skb *serr;
	struct sk_buff *skb;

	if (!icmpx_sk_recverr(sk))
		return;
	/* The skb has an IP header, where recvmsg() reads the destination, and no payload. */
	skb = alloc_skb(sizeof(struct iphdr), GFP_ATOMIC);
	if (!skb)
		return;
	skb_reset_network_header(skb);
	skb_put_zero(skb, sizeof(struct iphdr));
	ip_hdr(skb)->daddr = destination;
	__skb_pull(skb, sizeof(struct iphdr));
	skb_reset_transport_header(skb);

	serr = SKB_EXT_ERR(skb);
	serr->ee = (struct sock_extended_err){
		.ee_errno = number,
		.ee_origin = SO_EE_ORIGIN_LOCAL,
		.ee_info = info,
	};
	serr->addr_offset = offsetof(struct iphdr, daddr);
	serr->port = inet_sk(sk)->inet_dport;
	if (sock_queue_err_skb(sk, skb))
		kfree_skb(skb);
}
