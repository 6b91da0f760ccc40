// SPDX-License-Identifier: GPL-2.0-only
/* Delivery of errors of ICMPv6 to the ping sockets that sent the requests. */
#include <icmpx/dispatch.h>
#include <linux/icmpv6.h>
#include <net/ipv6.h>

#include "compat6.h"
#include "error/error.h"
#include "icmpx.h"
#include "ping/internal.h"

/* An unconnected socket cannot tell which of its requests failed, unless it has an error queue. */
static void icmpx6_report(struct icmpx_net *ix, struct sock *sk, struct sk_buff *skb,
			  const u8 *request)
{
	const struct icmp6hdr *header = icmp6_hdr(skb);
	int number = 0;
	bool hard;

	hard = icmpv6_err_convert(header->icmp6_type, header->icmp6_code, &number);
	if (icmpx6_sk_recverr(sk)) {
		const bool queued = icmpx6_queue_error(sk, skb, number, request);

		icmpx_count(&ix->v6, queued ? ICMPX_PING_ERRORS_QUEUED : ICMPX_PING_ERRORS_DROPPED);
	} else if (!hard || sk->sk_state != TCP_ESTABLISHED) {
		return;
	}
	icmpx_report_error(sk, number);
}

/**
 * icmpx_ping6_err() - Tell a ping socket of IPv6 of an error about its request.
 * @ix: icmpx's state of the namespace that the error came into
 * @skb: the error, its data at the embedded IPv6 header; not consumed
 * @offset: bytes from the embedded IPv6 header to the embedded ICMPv6 header, of which eight
 *	bytes can be read
 *
 * Context: as icmpx_rcv().
 */
void icmpx_ping6_err(struct icmpx_net *ix, struct sk_buff *skb, int offset)
{
	const struct ipv6hdr *embedded = (const struct ipv6hdr *)skb->data;
	const u8 *request = skb->data + offset;
	const struct icmp6hdr *header = (const struct icmp6hdr *)request;
	const struct icmpx_ping_query query = {
		.peer = &embedded->daddr,
		.local = &ipv6_hdr(skb)->daddr,
		.dif = inet6_iif(skb),
		.sdif = inet6_sdif(skb),
		.id = ntohs(header->icmp6_identifier),
	};
	bool ambiguous = false;
	struct sock *sk;

	if (!icmpx6_is_request(header->icmp6_type, header->icmp6_code))
		return;
	sk = icmpx_ping6_find(&ix->ping, &query, &ambiguous);
	if (!sk) {
		icmpx_count(&ix->v6, ICMPX_PING_ERRORS_UNMATCHED);
		return;
	}
	icmpx_count(&ix->v6, ICMPX_PING_ERRORS);
	icmpx6_report(ix, sk, skb, request);
}
