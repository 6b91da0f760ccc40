// SPDX-License-Identifier: GPL-2.0-only
/*
 * Received packets of ICMPv6. Neighbour discovery and MLD go to the built-in code as they
 * came in; all else is done as in receive.c.
 */
#include <icmpx/dispatch.h>
#include <linux/icmpv6.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/protocol.h>

#include "error/error.h"
#include "icmpx.h"
#include "ping/ping.h"
#include "policy.h"
#include "receive.h"
#include "receive6.h"
#include "reply/reply.h"
#include "tracing.h"

/* RFC 4443, 2.3. A checksum that was validated already is not computed again. */
static __always_inline bool icmpx6_checksum_right(struct sk_buff *skb)
{
	if (likely(skb->ip_summed == CHECKSUM_NONE && !skb_is_nonlinear(skb)))
		return !csum_fold(csum_partial(skb->data, skb->len,
					       ip6_compute_pseudo(skb, IPPROTO_ICMPV6)));
	return !skb_checksum_validate(skb, IPPROTO_ICMPV6, ip6_compute_pseudo);
}

/* The kernel's settings are numbers from 0 to 255. How a packet came matters to two of them. */
static u32 icmpx6_policy(const struct net *net, const struct sk_buff *skb)
{
	const struct in6_addr *destination = &ipv6_hdr(skb)->daddr;
	u32 policy = 0;

	if (unlikely(READ_ONCE(net->ipv6.sysctl.icmpv6_echo_ignore_all)))
		policy |= ICMPX6_IGNORE_ALL;
	if (unlikely(READ_ONCE(net->ipv6.sysctl.icmpv6_echo_ignore_multicast))) {
		policy |= ICMPX6_IGNORE_MULTICAST;
		if (ipv6_addr_is_multicast(destination))
			policy |= ICMPX6_VIA_MULTICAST;
	}
	if (unlikely(READ_ONCE(net->ipv6.sysctl.icmpv6_echo_ignore_anycast))) {
		policy |= ICMPX6_IGNORE_ANYCAST;
		if (ipv6_anycast_destination(skb_dst(skb), destination))
			policy |= ICMPX6_VIA_ANYCAST;
	}
	if (READ_ONCE(net->ipv4.sysctl_icmp_echo_enable_probe))
		policy |= ICMPX6_PROBE_ENABLED;
	return policy;
}

/* Counts a message whose policy and checksum are right, and pulls its header. Drops others. */
static __always_inline bool icmpx6_accept(struct net *net, struct icmpx_net *ix,
					  struct sk_buff *skb)
{
	struct inet6_dev *idev = __in6_dev_get(icmpx6_device(skb));
	enum icmpx_stat outcome;

	if (unlikely(!icmpx_policy_allows(skb, AF_INET6))) {
		outcome = ICMPX_DROP_POLICY;
		goto drop;
	}
	__ICMP6_INC_STATS(net, idev, ICMP6_MIB_INMSGS);
	if (unlikely(!icmpx6_checksum_right(skb))) {
		__ICMP6_INC_STATS(net, idev, ICMP6_MIB_CSUMERRORS);
		outcome = ICMPX_DROP_CHECKSUM;
		goto error;
	}
	if (unlikely(!pskb_pull(skb, sizeof(struct icmp6hdr)))) {
		outcome = ICMPX_DROP_TRUNCATED;
		goto error;
	}
	ICMP6MSGIN_INC_STATS(net, idev, icmp6_hdr(skb)->icmp6_type);
	return true;

error:
	__ICMP6_INC_STATS(net, idev, ICMP6_MIB_INERRORS);
drop:
	icmpx_finish(&ix->v6, skb, outcome);
	return false;
}

/* For a message with a right checksum; skb->data is after the ICMPv6 header. */
static void icmpx6_dispatch(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	struct icmpx_verdict verdict;
	enum icmpx_stat outcome;

	verdict = icmpx6_decide((const u8 *)icmp6_hdr(skb), icmpx6_policy(net, skb));
	switch (verdict.action) {
	case ICMPX_ANSWER_ECHO:
	case ICMPX_ANSWER_PROBE:
		icmpx6_answer(net, ix, skb, verdict.action);
		return;
	case ICMPX_ANSWER_NODE_INFO:
		outcome = icmpx6_answer_node_info(net, ix, skb);
		break;
	case ICMPX_TO_ERROR:
		outcome = icmpx6_deliver_error(net, ix, skb);
		break;
	default:
		outcome = verdict.outcome;
		break;
	}
	icmpx_finish(&ix->v6, skb, outcome);
}

/*
 * Whether the checksum of a reply is right, which the next handler validates again. That one
 * need not compute it again, so this is not icmpx6_checksum_right(), which notes nothing.
 */
static bool icmpx6_is_good_reply(struct sk_buff *skb)
{
	return pskb_may_pull(skb, sizeof(struct icmp6hdr)) &&
	       (skb_csum_unnecessary(skb) ||
		!skb_checksum_validate(skb, IPPROTO_ICMPV6, ip6_compute_pseudo));
}

static noinline int icmpx6_hand_on_traced(struct sk_buff *skb, enum icmpx_stat outcome)
{
	icmpx_trace_received(skb, outcome);
	return icmpx6_builtin->handler(skb);
}

static __always_inline int icmpx6_hand_on(struct icmpx_net *ix, struct sk_buff *skb,
					  enum icmpx_stat outcome)
{
	__icmpx_count(&ix->v6, outcome);
	if (icmpx_is_tracing())
		return icmpx6_hand_on_traced(skb, outcome);
	return icmpx6_builtin->handler(skb);
}

/*
 * The built-in code counts the reply, and tells drop monitors if it has no socket for it. It
 * does not return whether it has one.
 */
static int icmpx6_builtin_rcv(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
			      bool ambiguous)
{
	enum icmpx_stat outcome = ambiguous ? ICMPX_DROP_AMBIGUOUS : ICMPX_DROP_NO_SOCKET;

	if (icmpx_builtin_may_want(net, &ix->v6))
		outcome = ICMPX_PASS_PING;
	return icmpx6_hand_on(ix, skb, outcome);
}

/* The same as icmpx_share_reply(). */
static bool icmpx6_share_reply(struct sk_buff *skb)
{
	struct sk_buff *clone = skb_clone(skb, GFP_ATOMIC);

	if (!clone)
		return false;
	icmpx6_builtin->handler(clone);
	return true;
}

/* See icmpx_rcv_reply(). */
static int icmpx6_rcv_reply(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	bool ambiguous = false, counted = false;
	struct sock *sk = NULL;

	if (!icmpx_ping_is_unused(ix) && likely(pskb_may_pull(skb, sizeof(struct icmp6hdr))))
		sk = icmpx_ping6_wanted(ix, skb, &ambiguous);
	if ((!sk || icmpx_builtin_may_want(net, &ix->v6)) && icmpx6_is_good_reply(skb)) {
		if (!sk)
			return icmpx6_builtin_rcv(net, ix, skb, ambiguous);
		counted = icmpx6_share_reply(skb);
	}
	if (unlikely(counted)) {
		if (!icmpx_policy_allows(skb, AF_INET6)) {
			icmpx_finish(&ix->v6, skb, ICMPX_DROP_POLICY);
			return 0;
		}
		__skb_pull(skb, sizeof(struct icmp6hdr));
	} else if (!icmpx6_accept(net, ix, skb)) {
		return 0;
	}
	icmpx_ping_rcv(&ix->v6, skb, sk, ambiguous);
	return 0;
}

/* The first byte of a message, which is its type; that of no assigned one if there is none. */
static u8 icmpx6_type_of(struct sk_buff *skb)
{
	if (unlikely(!skb_headlen(skb)) && !pskb_may_pull(skb, sizeof(u8)))
		return 0;
	return *skb->data;
}

/* These two are not inline, so that icmpx6_rcv() itself saves no registers: see selftests/bench. */
static noinline int icmpx6_pass_on(struct sk_buff *skb, u32 outcome)
{
	struct icmpx_net *ix = icmpx_net_rcu(dev_net_rcu(skb->dev));

	__icmpx_count(&ix->v6, ICMPX_PACKETS_IN);
	return icmpx6_hand_on(ix, skb, outcome);
}

static noinline int icmpx6_handle(struct sk_buff *skb, u8 type)
{
	struct net *net = dev_net_rcu(skb->dev);
	struct icmpx_net *ix = icmpx_net_rcu(net);

	__icmpx_count(&ix->v6, ICMPX_PACKETS_IN);
	if (unlikely(type == ICMPV6_ECHO_REPLY || type == ICMPV6_EXT_ECHO_REPLY))
		return icmpx6_rcv_reply(net, ix, skb);
	if (likely(icmpx6_accept(net, ix, skb)))
		icmpx6_dispatch(net, ix, skb);
	return 0;
}

/**
 * icmpx6_rcv() - Handle an ICMPv6 packet for this host.
 * @skb: the packet, its data at the ICMPv6 header; consumed
 *
 * Counts as the built-in code does (RFC 4293): the message before its checksum is verified,
 * its type after that. The built-in code counts what it gets.
 *
 * Context: as icmpx_rcv().
 *
 * Return: 0. A positive number would tell IPv6 to treat the packet, which is gone, as one of
 * the protocol of that number.
 */
int icmpx6_rcv(struct sk_buff *skb)
{
	const u8 type = icmpx6_type_of(skb);
	const u32 passed = likely(type == ICMPV6_ECHO_REQUEST) ? 0 : icmpx6_pass(type);

	return unlikely(passed) ? icmpx6_pass_on(skb, passed) : icmpx6_handle(skb, type);
}

/**
 * icmpx6_err() - Handle an error about an ICMPv6 message that this host sent.
 * @skb: the error, its data at the embedded IPv6 header
 * @opt: the error's IPv6 control block
 * @type: the error's type
 * @code: the error's code
 * @offset: bytes from the embedded IPv6 header to the embedded ICMPv6 header, of which eight
 *	bytes can be read
 * @info: the error's argument, network order
 *
 * The built-in code gets each one: it brings a path MTU or a redirect for the route (RFC 8201;
 * RFC 4861, 8.3), and is perhaps about a request of a socket that was open before the module
 * was loaded. As in the built-in code, sockets are told of errors about echo requests alone,
 * not about those of PROBE.
 *
 * Context: as icmpx_rcv().
 *
 * Return: 0.
 */
int icmpx6_err(struct sk_buff *skb, struct inet6_skb_parm *opt, u8 type, u8 code, int offset,
	       __be32 info)
{
	const struct icmp6hdr *embedded;

	icmpx6_builtin->err_handler(skb, opt, type, code, offset, info);
	/* That handler may have moved the data. */
	embedded = (const struct icmp6hdr *)(skb->data + offset);
	if (!(type & ICMPV6_INFOMSG_MASK) && embedded->icmp6_type == ICMPV6_ECHO_REQUEST)
		icmpx_ping6_err(icmpx_net_rcu(dev_net_rcu(skb->dev)), skb, offset);
	return 0;
}
