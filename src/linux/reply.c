// SPDX-License-Identifier: GPL-2.0-only
/* Replies: options, limits, source address and route; then transmit.c. */
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "icmpx.h"

/* The route back: policy routing, VRF, security labels and IPsec included. */
static struct rtable *icmpx_route_reply(struct net *net, struct icmpx_reply *reply)
{
	struct sk_buff *skb = reply->skb;
	struct flowi4 *fl4 = &reply->fl4;

	memset(fl4, 0, sizeof(*fl4));
	fl4->daddr = reply->destination;
	if (reply->has_options && reply->options.srr)
		fl4->daddr = reply->options.first_hop;
	fl4->saddr = icmpx_reply_source(skb);
	fl4->flowi4_mark = IP4_REPLY_MARK(net, skb->mark);
	fl4->flowi4_uid = sock_net_uid(net, NULL);
	fl4->flowi4_tos = icmpx_route_tos(reply->tos);
	fl4->flowi4_proto = IPPROTO_ICMP;
	fl4->flowi4_oif = l3mdev_master_ifindex(skb->dev);
	security_skb_classify_flow(skb, flowi4_to_flowi_common(fl4));
	return ip_route_output_key(net, fl4);
}

/* With the control socket at hand. Gives back the outcome to count. */
static enum icmpx_stat icmpx_send(struct sock *sk, struct icmpx_net *ix, struct icmpx_reply *reply,
				  bool limited)
{
	struct net *net = sock_net(sk);
	struct rtable *rt;

	rt = icmpx_route_reply(net, reply);
	if (IS_ERR(rt))
		return ICMPX_DROP_NO_ROUTE;
	if (unlikely(limited) && !icmpx_host_allow(net, rt, reply->fl4.daddr)) {
		ip_rt_put(rt);
		return ICMPX_LIMIT_HOST;
	}
	return icmpx_transmit(sk, ix, reply, rt);
}

/* The limits that need no route, then the rest, with bottom halves disabled. */
static enum icmpx_stat icmpx_limit_and_send(struct net *net, struct icmpx_net *ix,
					    struct icmpx_reply *reply)
{
	enum icmpx_stat outcome;
	struct sock *sk;
	bool limited;

	limited = icmpx_rate_limited(reply->type, reply->code,
				     READ_ONCE(net->ipv4.sysctl_icmp_ratemask));
	if (unlikely(limited) && !icmpx_global_allow(net))
		return ICMPX_LIMIT_GLOBAL;
	if (unlikely(READ_ONCE(ix->echo_ratelimit)) && reply->type != ICMP_TIMESTAMPREPLY &&
	    !icmpx_prefix_allow(ix, reply->destination))
		return ICMPX_LIMIT_PREFIX;

	sk = icmpx_transmit_lock(net);
	if (unlikely(!sk))
		return ICMPX_DROP_BUSY;
	outcome = icmpx_send(sk, ix, reply, limited);
	icmpx_transmit_unlock(sk);
	return outcome;
}

/* What the reply is to say. False if there is none to send: then @outcome says why. */
static bool icmpx_compose(struct net *net, struct icmpx_reply *reply, enum icmpx_action action,
			  enum icmpx_stat *outcome)
{
	const struct sk_buff *skb = reply->skb;

	reply->code = 0;
	reply->status = 0;
	switch (action) {
	case ICMPX_ANSWER_PROBE:
		reply->type = ICMP_EXT_ECHOREPLY;
		*outcome = ICMPX_IGNORE_PROBE;
		return icmpx_probe(dev_net_rcu(skb->dev), skb, reply);
	case ICMPX_ANSWER_TIMESTAMP:
		/* RFC 792: without an originate timestamp it is none. */
		reply->type = ICMP_TIMESTAMPREPLY;
		*outcome = ICMPX_DROP_TRUNCATED;
		if (likely(skb->len >= sizeof(__be32)))
			return true;
		__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
		return false;
	default:
		reply->type = ICMP_ECHOREPLY;
		reply->code = icmp_hdr(skb)->code;
		return true;
	}
}

/**
 * icmpx_answer() - Answer a request.
 * @net: the namespace that it came into
 * @ix: ours of it
 * @skb: the request, its data after the ICMP header; consumed
 * @action: what to answer
 *
 * Context: as icmpx_rcv().
 *
 * Return: NET_RX_SUCCESS, or NET_RX_DROP if it was no request.
 */
int icmpx_answer(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
		 enum icmpx_action action)
{
	const struct iphdr *iph = ip_hdr(skb);
	enum icmpx_stat outcome;
	struct icmpx_reply reply;

	reply.skb = skb;
	reply.destination = iph->saddr;
	reply.tos = iph->tos;
	reply.has_options = unlikely(IPCB(skb)->opt.optlen);
	if (!icmpx_compose(net, &reply, action, &outcome))
		goto out;
	outcome = ICMPX_DROP_OPTIONS;
	if (unlikely(reply.has_options) && !icmpx_echo_options(net, skb, &reply.options))
		goto out;

	skb_push(skb, sizeof(struct icmphdr));
	local_bh_disable();
	outcome = icmpx_limit_and_send(net, ix, &reply);
	local_bh_enable();
out:
	icmpx_count(ix, outcome);
	if (outcome == ICMPX_DROP_TRUNCATED) {
		kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
		return NET_RX_DROP;
	}
	consume_skb(reply.skb);
	return NET_RX_SUCCESS;
}
