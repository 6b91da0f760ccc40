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
#include "policy.h"
#include "receive.h"
#include "receive6.h"
#include "reply/reply.h"

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
 * The outcome of a message that the built-in code gets as it came in; 0 for others. Replies
 * are for ping sockets, which the built-in code has.
 */
static u32 icmpx6_passed_on(struct sk_buff *skb)
{
	u8 type;

	if (unlikely(!skb_headlen(skb)) && !pskb_may_pull(skb, sizeof(type)))
		return 0;
	type = *skb->data;
	if (likely(type == ICMPV6_ECHO_REQUEST))
		return 0;
	if (type == ICMPV6_ECHO_REPLY || type == ICMPV6_EXT_ECHO_REPLY)
		return ICMPX_PASS_PING;
	return icmpx6_pass(type);
}

/* These two are not inline, so that icmpx6_rcv() itself saves no registers: see selftests/bench. */
static noinline int icmpx6_pass_on(struct sk_buff *skb, u32 outcome)
{
	struct icmpx_net *ix = icmpx_net_rcu(dev_net_rcu(skb->dev));

	__icmpx_count(&ix->v6, ICMPX_PACKETS_IN);
	__icmpx_count(&ix->v6, outcome);
	return icmpx6_builtin->handler(skb);
}

static noinline int icmpx6_handle(struct sk_buff *skb)
{
	struct net *net = dev_net_rcu(skb->dev);
	struct icmpx_net *ix = icmpx_net_rcu(net);

	__icmpx_count(&ix->v6, ICMPX_PACKETS_IN);
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
	const u32 passed = icmpx6_passed_on(skb);

	return unlikely(passed) ? icmpx6_pass_on(skb, passed) : icmpx6_handle(skb);
}
