// SPDX-License-Identifier: GPL-2.0-only
/* Replies: options, limits, source address and route; then transmit.c. */
#include <icmpx/dispatch.h>
#include <icmpx/options.h>
#include <linux/icmp.h>
#include <net/icmp.h>

#include "limit/limit.h"
#include "reply/internal.h"
#include "reply/reply.h"
#include "tracing.h"

/*
 * What the route of the reply depends on: policy routing and VRF included.
 *
 * RFC 1122, 3.2.2.6: a request to an address of this host is answered from that address.
 */
static __always_inline struct icmpx_flow icmpx_flow_back(struct net *net, struct sk_buff *skb)
{
	const unsigned int mask = RTCF_BROADCAST | RTCF_MULTICAST | RTCF_LOCAL;
	struct icmpx_flow flow = {
		.saddr = ip_hdr(skb)->daddr,
		.daddr = ip_hdr(skb)->saddr,
		.mark = IP4_REPLY_MARK(net, skb->mark),
		.oif = icmpx_vrf_of(skb->dev),
		.tos = icmpx_route_tos(ip_hdr(skb)->tos),
	};

	if (unlikely((skb_rtable(skb)->rt_flags & mask) != RTCF_LOCAL))
		flow.saddr = icmpx_source_towards(skb);
	return flow;
}

/*
 * The lookup for a namespace with IPsec policies. A security label selects nothing but
 * these policies, so only this lookup sets the label of the flow.
 */
static noinline struct rtable *icmpx_route_by_policy(struct net *net, struct icmpx_reply *reply)
{
	struct flowi4 fl4;
	struct rtable *rt;

	icmpx_fill_flow(net, &reply->way.flow, &fl4);
	security_skb_classify_flow(reply->skb, flowi4_to_flowi_common(&fl4));
	rt = ip_route_output_flow(net, &fl4, NULL);
	if (IS_ERR(rt))
		return NULL;
	reply->way.flow.saddr = fl4.saddr;
	reply->way.flow.daddr = fl4.daddr;
	return rt;
}

/* Context: between icmpx_send_begin() and icmpx_send_end(). Returns the outcome to count. */
static __always_inline enum icmpx_stat icmpx_send_reply(struct net *net, struct icmpx_net *ix,
							struct icmpx_reply *reply, bool limited)
{
	struct rtable *rt;

	if (unlikely(icmpx_has_policy(net)))
		rt = icmpx_route_by_policy(net, reply);
	else
		rt = icmpx_route(net, ix, &reply->way, NULL);
	if (!rt)
		return ICMPX_DROP_NO_ROUTE;
	if (unlikely(limited) && !icmpx_host_allow(net, rt, reply->way.flow.daddr)) {
		icmpx_put_route(&reply->way, rt);
		return ICMPX_LIMIT_HOST;
	}
	return icmpx_transmit(net, ix, reply, rt);
}

/* The types of reply that the setting ratemask can select. */
#define ICMPX_REPLY_TYPES (BIT(ICMP_ECHOREPLY) | BIT(ICMP_TIMESTAMPREPLY))

/*
 * Apply the limits that need no route, then send, unless this CPU is sending already:
 * transmitting one reply can bring in the request for another on the same CPU.
 */
static __always_inline enum icmpx_stat icmpx_limit_and_send(struct net *net, struct icmpx_net *ix,
							    struct icmpx_reply *reply)
{
	enum icmpx_stat outcome;
	bool limited = false;
	u32 ratemask;

	ratemask = READ_ONCE(net->ipv4.sysctl_icmp_ratemask);
	if (unlikely(ratemask & ICMPX_REPLY_TYPES)) {
		limited = icmpx_rate_limited(reply->type, reply->code, ratemask);
		if (limited && !icmpx_global_allow(net))
			return ICMPX_LIMIT_GLOBAL;
	}
	if (unlikely(READ_ONCE(ix->v4.limit.rate)) && reply->type != ICMP_TIMESTAMPREPLY &&
	    !icmpx_prefix_allow(&ix->v4.limit, reply->way.destination))
		return ICMPX_LIMIT_PREFIX;

	if (!icmpx_send_begin())
		return ICMPX_DROP_BUSY;
	outcome = icmpx_send_reply(net, ix, reply, limited);
	icmpx_send_end();
	return outcome;
}

/* Makes the options out of line: most requests have none, and do not come here. */
static noinline enum icmpx_stat icmpx_send_with_options(struct net *net, struct icmpx_net *ix,
							struct icmpx_reply *reply)
{
	struct icmpx_options options;

	if (!icmpx_echo_options(net, reply->skb, &IPCB(reply->skb)->opt, &options))
		return ICMPX_DROP_OPTIONS;
	reply->way.options = &options;
	if (options.srr)
		reply->way.flow.daddr = options.first_hop;
	return icmpx_limit_and_send(net, ix, reply);
}

/* Makes @reply a PROBE or a timestamp reply. False if no reply is due: @outcome says why. */
static bool icmpx_compose(struct net *net, struct icmpx_reply *reply, enum icmpx_action action,
			  enum icmpx_stat *outcome)
{
	const struct sk_buff *skb = reply->skb;

	if (action == ICMPX_ANSWER_PROBE) {
		reply->type = ICMP_EXT_ECHOREPLY;
		*outcome = ICMPX_IGNORE_PROBE;
		return icmpx_probe(net, skb, &reply->code, &reply->status);
	}
	/* RFC 792: a message without an originate timestamp is no timestamp request. */
	reply->type = ICMP_TIMESTAMPREPLY;
	*outcome = ICMPX_DROP_TRUNCATED;
	if (likely(skb->len >= sizeof(__be32)))
		return true;
	__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
	return false;
}

/* See icmpx_answer(). @traced is what events tell of the request, or the constant NULL. */
static __always_inline int icmpx_answer_request(struct net *net, struct icmpx_net *ix,
						struct sk_buff *skb, enum icmpx_action action,
						const struct icmpx_traced *traced)
{
	/* Initialise every member: otherwise the compiler clears the whole struct first. */
	struct icmpx_reply reply = {
		.skb = skb,
		.way = {
			.flow = icmpx_flow_back(net, skb),
			.place = NULL,
			.options = NULL,
			.hash = 0,
			.kept = 0,
			.destination = ip_hdr(skb)->saddr,
			.tos = ip_hdr(skb)->tos,
		},
		.type = ICMP_ECHOREPLY,
		.code = icmp_hdr(skb)->code,
		.status = 0,
	};
	enum icmpx_stat outcome;

	if (unlikely(action != ICMPX_ANSWER_ECHO) &&
	    !icmpx_compose(net, &reply, action, &outcome))
		goto out;
	__skb_push(skb, sizeof(struct icmphdr));
	if (unlikely(IPCB(skb)->opt.optlen))
		outcome = icmpx_send_with_options(net, ix, &reply);
	else
		outcome = icmpx_limit_and_send(net, ix, &reply);
out:
	__icmpx_count(&ix->v4, outcome);
	if (traced)
		icmpx_trace_answered(traced, &reply.way.flow.saddr, reply.type, reply.code,
				     outcome);
	if (outcome == ICMPX_DROP_TRUNCATED) {
		kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_SMALL);
		return NET_RX_DROP;
	}
	if (reply.skb)
		consume_skb(reply.skb);
	return NET_RX_SUCCESS;
}

/* Once the request has become the reply, it is gone, so it is noted before. */
static noinline int icmpx_answer_traced(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
					enum icmpx_action action)
{
	struct icmpx_traced request;

	icmpx_trace_note(&request, skb, skb_transport_offset(skb));
	return icmpx_answer_request(net, ix, skb, action, &request);
}

/**
 * icmpx_answer() - Answer a request.
 * @net: the namespace that the request came into
 * @ix: icmpx's state of @net
 * @skb: the request, its data after the ICMP header; consumed
 * @action: which kind of reply to send
 *
 * Context: as icmpx_rcv().
 *
 * Return: NET_RX_SUCCESS, or NET_RX_DROP if the message is too short for a request.
 */
int icmpx_answer(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
		 enum icmpx_action action)
{
	if (icmpx_is_tracing())
		return icmpx_answer_traced(net, ix, skb, action);
	return icmpx_answer_request(net, ix, skb, action, NULL);
}
