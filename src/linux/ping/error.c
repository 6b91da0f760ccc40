// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of errors to the ping sockets that sent the requests. */
#include <icmpx/dispatch.h>
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/protocol.h>
#include <net/route.h>

#include "error/error.h"
#include "icmpx.h"
#include "ping/internal.h"

/*
 * Source quench and redirect are no errors to a sender (RFC 6633; RFC 1122,
 * 3.2.2.2), but a program that pings wants to see them.
 */
static struct icmpx_errno icmpx_ping_errno(const struct sock *sk, const struct icmphdr *error)
{
	if (error->type == ICMP_SOURCE_QUENCH || error->type == ICMP_REDIRECT)
		return (struct icmpx_errno){ .number = EREMOTEIO };
	return icmpx_errno_of(sk, error->type, error->code);
}

static void icmpx_report(struct icmpx_net *ix, struct sock *sk, struct sk_buff *skb, u32 info,
			 const u8 *request)
{
	const struct icmphdr *header = icmp_hdr(skb);
	const struct icmpx_errno error = icmpx_ping_errno(sk, header);

	if (header->type == ICMP_REDIRECT)
		icmpx_sk_redirect(skb, sk);
	if (header->type == ICMP_DEST_UNREACH && header->code == ICMP_FRAG_NEEDED) {
		icmpx_sk_update_pmtu(skb, sk, info);
		/* IP_PMTUDISC_DONT lets routers fragment: such a socket gets no EMSGSIZE. */
		if (!error.hard)
			return;
	}

	if (icmpx_sk_recverr(sk)) {
		const bool queued = icmpx_queue_error(sk, skb, error.number, info, request);

		icmpx_count(&ix->v4, queued ? ICMPX_PING_ERRORS_QUEUED : ICMPX_PING_ERRORS_DROPPED);
	} else if (!error.hard || sk->sk_state != TCP_ESTABLISHED) {
		return;
	}
	icmpx_report_error(sk, error.number);
}

/**
 * icmpx_ping_err() - Tell a ping socket of an error about its request.
 * @ix: icmpx's state of the namespace that the error came into
 * @skb: the error, its data at the embedded IP header; not consumed
 * @offset: bytes from the embedded IP header to the embedded ICMP header, of which eight
 *	bytes can be read
 * @info: the error's argument, host order
 *
 * Context: as icmpx_rcv().
 */
void icmpx_ping_err(struct icmpx_net *ix, struct sk_buff *skb, int offset, u32 info)
{
	const struct iphdr *embedded = (const struct iphdr *)skb->data;
	const struct icmphdr *header = (const struct icmphdr *)(skb->data + offset);
	const struct icmpx_ping_query query = {
		.peer = &embedded->daddr,
		.local = &ip_hdr(skb)->daddr,
		.dif = inet_iif(skb),
		.sdif = inet_sdif(skb),
		.id = ntohs(header->un.echo.id),
	};
	bool ambiguous = false;
	struct sock *sk;

	if (!icmpx_is_request(header->type, header->code))
		return;
	sk = icmpx_ping_find(&ix->ping, &query, &ambiguous);
	if (!sk)
		icmpx_count(&ix->v4, ICMPX_PING_ERRORS_UNMATCHED);
	else
		icmpx_count(&ix->v4, ICMPX_PING_ERRORS);
	if (icmpx_builtin && (!sk || icmpx_builtin_may_want(dev_net_rcu(skb->dev), &ix->v4)))
		icmpx_builtin->err_handler(skb, info);
	/* That handler may have moved the data. */
	if (sk)
		icmpx_report(ix, sk, skb, info, skb->data + offset);
}
