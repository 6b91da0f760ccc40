// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last steps of a reply: its skb, its ICMP message, and the packet that is handed
 * to IP.
 */
#include <icmpx/probe.h>
#include <icmpx/reply.h>
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/sock.h>

#include "reply/claim.h"
#include "reply/internal.h"

/* RFC 792 gives the length of a timestamp reply, whatever the length of the request is. */
static bool icmpx_make_timestamp(struct sk_buff *skb)
{
	const unsigned int len = ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN;

	if (skb->len > len ? pskb_trim(skb, len) : __skb_put_padto(skb, len, false))
		return false;
	if (!pskb_may_pull(skb, len))
		return false;
	icmpx_timestamp_reply(skb->data, icmpx_current_timestamp());
	return true;
}

/* Turns the request's message into the reply's. The data of @skb is at the ICMP header. */
static bool icmpx_make_message(struct sk_buff *skb, const struct icmpx_reply *reply, bool carry)
{
	struct icmphdr *header = (struct icmphdr *)skb->data;

	switch (reply->type) {
	case ICMP_TIMESTAMPREPLY:
		return icmpx_make_timestamp(skb);
	case ICMP_EXT_ECHOREPLY:
		icmpx_probe_reply(skb->data, reply->code, reply->status);
		break;
	default:
		carry &= icmpx_echo_reply(skb->data);
		break;
	}
	if (unlikely(!carry)) {
		header->checksum = 0;
		header->checksum = csum_fold(skb_checksum(skb, 0, skb->len, 0));
	}
	return true;
}

/**
 * icmpx_transmit() - Make the reply out of the request and send it.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @reply: all members set; its skb becomes NULL if this skb was used for the reply
 * @rt: the route; its reference is consumed, unless the route is kept
 *
 * Context: icmpx_send_begin() returned true; rcu_read_lock().
 *
 * Return: the outcome to count.
 */
enum icmpx_stat icmpx_transmit(struct net *net, struct icmpx_net *ix, struct icmpx_reply *reply,
			       struct rtable *rt)
{
	const unsigned int hlen = icmpx_way_hlen(&reply->way);
	const bool plain = icmpx_way_is_plain(&reply->way, rt);
	enum icmpx_stat outcome = ICMPX_DROP_NO_BUFFER;
	bool in_place, carry;
	struct sk_buff *request = reply->skb;
	struct sk_buff *skb;
	unsigned int mtu;
	struct sock *sk;

	mtu = icmpx_way_mtu(rt, plain);
	if (unlikely(!inetdev_valid_mtu(mtu))) {
		outcome = ICMPX_DROP_NO_ROUTE;
		goto err_route;
	}
	sk = icmpx_control(net, &ix->v4, ICMPX_REPLIES, rt->dst.dev);
	if (unlikely(!sk)) {
		outcome = ICMPX_DROP_NO_MEMORY;
		goto err_route;
	}
	if (icmpx_control_full(sk))
		goto err_route;
	/* A GSO packet of a virtual machine may be longer than an IP datagram can be. */
	outcome = ICMPX_DROP_OUTPUT;
	if (unlikely(request->len > IP_MAX_MTU - hlen))
		goto err_route;

	outcome = ICMPX_DROP_NO_MEMORY;
	/* A sender that leaves the checksum to a device leaves no checksum to update. */
	carry = request->ip_summed != CHECKSUM_PARTIAL;
	skb = icmpx_claim(request, hlen, mtu, plain);
	if (unlikely(!skb))
		goto err_route;
	in_place = skb == request;
	if (in_place)
		reply->skb = NULL;
	if (unlikely(!icmpx_make_message(skb, reply, carry)))
		goto err_skb;

	icmpx_make_packet(net, sk, skb, &reply->way, rt, mtu, plain);
	if (unlikely(skb->len > mtu))
		__icmpx_count(&ix->v4, ICMPX_FRAGMENTED_REPLIES);
	/*
	 * Every type of reply is counted as an echo reply. Linux counts a packet of a raw
	 * socket, as a control socket is, by the ICMP type in the flow of its route lookup,
	 * and the flow of a reply has type 0.
	 */
	if (unlikely(icmpx_local_out(net, ix, sk, skb, ICMP_ECHOREPLY, true)))
		return ICMPX_DROP_OUTPUT;
	return in_place ? ICMPX_REPLY_IN_PLACE : ICMPX_REPLY_COPIED;

err_skb:
	kfree_skb(skb);
err_route:
	icmpx_put_route(&reply->way, rt);
	__ICMP_INC_STATS(net, ICMP_MIB_OUTERRORS);
	return outcome;
}
