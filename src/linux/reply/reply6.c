// SPDX-License-Identifier: GPL-2.0-only
/* Replies over IPv6: limits, source address and route, then the packet out of the request. */
#include <icmpx/dispatch.h>
#include <icmpx/probe.h>
#include <icmpx/reply.h>
#include <linux/icmpv6.h>
#include <net/dsfield.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>

#include "limit/limit.h"
#include "out/out.h"
#include "out/out6.h"
#include "receive6.h"
#include "reply/claim.h"
#include "reply/internal.h"
#include "reply/internal6.h"
#include "reply/reply.h"
#include "tracing.h"

/**
 * struct icmpx6_reply - a reply that is being made from its request
 * @skb: the request, its data at the ICMPv6 header; NULL once this skb is the reply's
 * @way: routing data: the addresses are the reply's
 * @status: status bits of a PROBE reply
 * @code: ICMP code of a PROBE reply
 * @tclass: traffic class, all bits: that of the request
 */
struct icmpx6_reply {
	struct sk_buff *skb;
	struct icmpx6_way way;
	u16 status;
	u8 code;
	u8 tclass;
};

/**
 * icmpx6_route_by_policy() - Find the route of a reply in a namespace with IPsec policies.
 * @net: the namespace
 * @way: the key of the lookup; the source address and the hash are set
 * @secid: security label of the request, which selects policies, too
 *
 * Context: as icmpx6_route().
 *
 * Return: the route, with a reference; NULL if there is none.
 */
struct rt6_info *icmpx6_route_by_policy(struct net *net, struct icmpx6_way *way, u32 secid)
{
	struct dst_entry *dst;
	struct flowi6 fl6;

	icmpx6_fill_flow(net, &way->flow, &fl6);
	flowi6_to_flowi_common(&fl6)->flowic_secid = secid;
	if (ip6_dst_lookup(net, NULL, &dst, &fl6))
		return NULL;
	dst = xfrm_lookup(net, dst, flowi6_to_flowi(&fl6), NULL, 0);
	if (IS_ERR(dst))
		return NULL;
	way->flow.saddr = fl6.saddr;
	way->kept = false;
	icmpx6_hash_flow(way, &fl6);
	return dst_rt6_info(dst);
}

/*
 * Turns the request's message into the reply's. The data of @skb is at the ICMPv6 header. The
 * checksum covers both addresses (RFC 4443, 2.3), and their order does not matter.
 */
static __always_inline void icmpx6_make_message(struct sk_buff *skb,
						const struct icmpx6_reply *reply, bool carry)
{
	struct icmp6hdr *header = (struct icmp6hdr *)skb->data;

	if (reply->way.flow.type == ICMPV6_EXT_ECHO_REPLY)
		icmpx6_probe_reply(skb->data, reply->code, reply->status);
	else
		icmpx6_echo_reply(skb->data);
	if (likely(carry))
		return;
	header->icmp6_cksum = 0;
	header->icmp6_cksum = csum_ipv6_magic(&reply->way.flow.saddr, &reply->way.flow.daddr,
					      skb->len, IPPROTO_ICMPV6,
					      skb_checksum(skb, 0, skb->len, 0));
}

/*
 * The built-in code makes each fragment but the last one as long as a multiple of 8 allows, and
 * the last one no longer than these. ip6_fragment() would make the last one up to 7 bytes longer.
 * A reply that netfilter or segment routing may send another way is not bound: the MTU may be
 * smaller there. Nor is one over a route with less than the smallest MTU of IPv6, which
 * ip6_fragment() would exceed.
 */
static void icmpx6_bound_fragments(const struct net *net, struct sk_buff *skb, unsigned int mtu)
{
	const unsigned int headers = sizeof(struct ipv6hdr) + sizeof(struct frag_hdr);

	/* A larger bound would not fit into its member, and no link needs it. */
	if (mtu < IPV6_MIN_MTU || mtu > U16_MAX)
		return;
	if (!icmpx6_has_output_hooks(net) && !dst_xfrm(skb_dst(skb)) && !skb_dst(skb)->lwtstate)
		IP6CB(skb)->frag_max_size = headers + round_down(mtu - headers, 8);
}

/* Makes the reply out of the request, and sends it. Returns the outcome to count. */
static __always_inline enum icmpx_stat icmpx6_transmit(struct net *net, struct icmpx_net *ix,
						       struct icmpx6_reply *reply,
						       struct rt6_info *rt)
{
	struct inet6_dev *idev = __in6_dev_get(reply->skb->dev);
	const unsigned int mtu = dst_mtu(&rt->dst);
	enum icmpx_stat outcome = ICMPX_DROP_NO_ROUTE;
	struct sk_buff *request = reply->skb;
	struct sk_buff *skb;
	struct sock *sk;
	bool carry;

	if (unlikely(mtu < ICMPX6_MTU_MIN))
		goto err_route;
	outcome = ICMPX_DROP_NO_MEMORY;
	sk = icmpx_control(net, &ix->v6, ICMPX_REPLIES, rt->dst.dev);
	if (unlikely(!sk))
		goto err_route;
	outcome = ICMPX_DROP_NO_BUFFER;
	if (icmpx_control_full(sk))
		goto err_route;
	/* A GSO packet of a virtual machine may be longer than a packet of IPv6 can be. */
	outcome = ICMPX_DROP_OUTPUT;
	if (unlikely(request->len > IPV6_MAXPLEN))
		goto err_route;

	outcome = ICMPX_DROP_NO_MEMORY;
	/* A sender that leaves the checksum to a device leaves no checksum to update. */
	carry = request->ip_summed != CHECKSUM_PARTIAL &&
		ipv6_addr_equal(&reply->way.flow.saddr, &ipv6_hdr(request)->daddr);
	skb = icmpx_claim(request, sizeof(struct ipv6hdr), mtu, false);
	if (unlikely(!skb))
		goto err_route;
	outcome = ICMPX_REPLY_COPIED;
	if (likely(skb == request)) {
		reply->skb = NULL;
		outcome = ICMPX_REPLY_IN_PLACE;
	}
	icmpx6_make_message(skb, reply, carry);
	icmpx6_make_packet(net, sk, skb, &reply->way, rt, reply->tclass);
	if (unlikely(skb->len > mtu)) {
		icmpx6_bound_fragments(net, skb, mtu);
		__icmpx_count(&ix->v6, ICMPX_FRAGMENTED_REPLIES);
	}
	if (unlikely(icmpx6_local_out(net, sk, skb, reply->way.flow.type, true)))
		return ICMPX_DROP_OUTPUT;
	return outcome;

err_route:
	icmpx6_put_route(&reply->way, rt);
	__ICMP6_INC_STATS(net, idev, ICMP6_MIB_OUTERRORS);
	return outcome;
}

/* Context: between icmpx6_send_begin() and icmpx6_send_end(). Returns the outcome to count. */
static __always_inline enum icmpx_stat icmpx6_send_reply(struct net *net, struct icmpx_net *ix,
							 struct icmpx6_reply *reply, bool limited)
{
	struct rt6_info *rt;

	if (unlikely(icmpx_has_policy(net)))
		rt = icmpx6_route_by_policy(net, &reply->way, icmpx6_label_of(reply->skb));
	else
		rt = icmpx6_route(net, ix, &reply->way, NULL);
	if (!rt)
		return ICMPX_DROP_NO_ROUTE;
	if (unlikely(limited) && !icmpx6_host_allow(net, rt, &reply->way.flow.daddr)) {
		icmpx6_put_route(&reply->way, rt);
		return ICMPX_LIMIT_HOST;
	}
	return icmpx6_transmit(net, ix, reply, rt);
}

/*
 * Whether the limits of the setting ratemask apply. As in the built-in code, the bit of echo
 * replies is that of PROBE replies, too, and what this host sends to itself is not limited.
 */
static __always_inline bool icmpx6_is_limited(const struct net *net, const struct sk_buff *skb)
{
	return unlikely(test_bit(ICMPV6_ECHO_REPLY, net->ipv6.sysctl.icmpv6_ratemask)) &&
	       !(skb->dev->flags & IFF_LOOPBACK);
}

/* Applies the limits that need no route, then sends, unless this CPU is sending already. */
static __always_inline enum icmpx_stat icmpx6_limit_and_send(struct net *net,
							     struct icmpx_net *ix,
							     struct icmpx6_reply *reply)
{
	const bool limited = icmpx6_is_limited(net, reply->skb);
	enum icmpx_stat outcome;

	if (unlikely(limited) && !icmpx_global_allow(net))
		return ICMPX_LIMIT_GLOBAL;
	if (unlikely(READ_ONCE(ix->v6.limit.rate)) &&
	    !icmpx6_prefix_allow(&ix->v6.limit, &reply->way.flow.daddr))
		return ICMPX_LIMIT_PREFIX;

	if (!icmpx6_send_begin())
		return ICMPX_DROP_BUSY;
	outcome = icmpx6_send_reply(net, ix, reply, limited);
	icmpx6_send_end();
	return outcome;
}

/* See icmpx6_answer(). @traced is what events tell of the request, or the constant NULL. */
static __always_inline void icmpx6_answer_request(struct net *net, struct icmpx_net *ix,
						  struct sk_buff *skb, enum icmpx_action action,
						  const struct icmpx_traced *traced)
{
	struct icmpx6_reply reply;
	enum icmpx_stat outcome = ICMPX_IGNORE_PROBE;
	u8 type = ICMPV6_ECHO_REPLY;

	if (unlikely(action == ICMPX_ANSWER_PROBE)) {
		type = ICMPV6_EXT_ECHO_REPLY;
		if (!icmpx_probe(net, skb, &reply.code, &reply.status))
			goto out;
	}
	reply.skb = skb;
	reply.tclass = ipv6_get_dsfield(ipv6_hdr(skb));
	icmpx6_flow_back(net, skb, &reply.way.flow, type);
	__skb_push(skb, sizeof(struct icmp6hdr));
	outcome = icmpx6_limit_and_send(net, ix, &reply);
	skb = reply.skb;
out:
	__icmpx_count(&ix->v6, outcome);
	if (traced)
		icmpx_trace_answered(traced, &reply.way.flow.saddr, type,
				     action == ICMPX_ANSWER_PROBE ? reply.code : 0, outcome);
	if (skb)
		consume_skb(skb);
}

/* As icmpx_answer_traced(). */
static noinline void icmpx6_answer_traced(struct net *net, struct icmpx_net *ix,
					  struct sk_buff *skb, enum icmpx_action action)
{
	struct icmpx_traced request;

	icmpx_trace_note(&request, skb, skb_transport_offset(skb));
	icmpx6_answer_request(net, ix, skb, action, &request);
}

/**
 * icmpx6_answer() - Answer a request over IPv6.
 * @net: the namespace that the request came into
 * @ix: icmpx's state of @net
 * @skb: the request, its data after the ICMPv6 header; consumed
 * @action: which kind of reply to send
 *
 * Context: as icmpx_rcv().
 */
void icmpx6_answer(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
		   enum icmpx_action action)
{
	if (icmpx_is_tracing())
		icmpx6_answer_traced(net, ix, skb, action);
	else
		icmpx6_answer_request(net, ix, skb, action, NULL);
}
