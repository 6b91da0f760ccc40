// SPDX-License-Identifier: GPL-2.0-only
/*
 * Received packets: policy, checksum and header are checked; then the core decides,
 * and its verdict is carried out.
 */
#include <icmpx/dispatch.h>
#include <linux/icmp.h>
#include <net/icmp.h>
#include <net/protocol.h>
#include <net/route.h>

#include "error/error.h"
#include "icmpx.h"
#include "ping/ping.h"
#include "policy.h"
#include "receive.h"
#include "reply/reply.h"

const enum skb_drop_reason icmpx_drop_reasons[ICMPX_STAT_COUNT] = {
	[ICMPX_DROP_POLICY] = SKB_DROP_REASON_XFRM_POLICY,
	[ICMPX_DROP_TRUNCATED] = SKB_DROP_REASON_PKT_TOO_SMALL,
	[ICMPX_DROP_CHECKSUM] = SKB_DROP_REASON_ICMP_CSUM,
	[ICMPX_DROP_UNKNOWN_TYPE] = SKB_DROP_REASON_UNHANDLED_PROTO,
	[ICMPX_DROP_BROADCAST] = SKB_DROP_REASON_INVALID_PROTO,
	[ICMPX_DROP_EMBEDDED] = SKB_DROP_REASON_IP_INHDR,
};

/* RFC 792. A checksum that hardware or an earlier pass has validated is not computed again. */
static __always_inline bool icmpx_checksum_right(struct sk_buff *skb)
{
	if (likely(skb->ip_summed == CHECKSUM_NONE && !skb_is_nonlinear(skb))) {
		skb->csum = csum_partial(skb->data, skb->len, 0);
		return !csum_fold(skb->csum);
	}
	return !skb_checksum_simple_validate(skb);
}

/*
 * Sockets get the sum, too (IP_CHECKSUM). icmpx_checksum_right() has left it in a linear skb
 * alone, where skb_checksum_simple_validate() has not set csum_valid: that function records a
 * sum that it has computed by itself, and computes none where a device vouches for it.
 */
static void icmpx_keep_checksum(struct sk_buff *skb)
{
	if (skb->ip_summed != CHECKSUM_NONE || skb->csum_valid || skb_is_nonlinear(skb))
		return;
	skb->ip_summed = CHECKSUM_COMPLETE;
	skb->csum_complete_sw = 1;
	skb->csum_valid = 1;
}

/* The settings are 0 or 1: multiplying by them costs less than a branch for each. */
static u32 icmpx_policy(const struct net *net, const struct rtable *rt)
{
	const bool by_broadcast = rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST);

	return by_broadcast * ICMPX_VIA_BROADCAST |
	       ICMPX_BROADCAST_FIRST * ICMPX_STRICT_BROADCAST |
	       READ_ONCE(net->ipv4.sysctl_icmp_echo_ignore_all) * ICMPX_IGNORE_ALL |
	       READ_ONCE(net->ipv4.sysctl_icmp_echo_ignore_broadcasts) * ICMPX_IGNORE_BROADCASTS |
	       READ_ONCE(net->ipv4.sysctl_icmp_echo_enable_probe) * ICMPX_PROBE_ENABLED;
}

/*
 * Asks the core again, with what only a timestamp request depends on: an echo request does not
 * wait for that setting to be read.
 */
static noinline struct icmpx_verdict icmpx_decide_timestamp(const struct net *net,
							    const struct icmpx_net *ix,
							    const struct sk_buff *skb)
{
	const u32 policy = icmpx_policy(net, skb_rtable(skb)) |
			   READ_ONCE(ix->v4.ignore_timestamps) * ICMPX_IGNORE_TIMESTAMPS;

	return icmpx_decide((const u8 *)icmp_hdr(skb), policy);
}

/* For a message that is no reply, with a right checksum; skb->data is after the ICMP header. */
static int icmpx_dispatch(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	struct icmpx_verdict verdict;
	enum icmpx_stat outcome;

	verdict = icmpx_decide((const u8 *)icmp_hdr(skb), icmpx_policy(net, skb_rtable(skb)));
	switch (verdict.action) {
	case ICMPX_ANSWER_ECHO:
	case ICMPX_ANSWER_PROBE:
		return icmpx_answer(net, ix, skb, verdict.action);
	case ICMPX_ANSWER_TIMESTAMP:
		verdict = icmpx_decide_timestamp(net, ix, skb);
		if (verdict.action == ICMPX_ANSWER_TIMESTAMP)
			return icmpx_answer(net, ix, skb, verdict.action);
		outcome = verdict.outcome;
		break;
	case ICMPX_TO_ERROR:
		icmpx_keep_checksum(skb);
		outcome = icmpx_deliver_error(net, ix, skb);
		break;
	default:
		outcome = verdict.outcome;
		if (verdict.in_error)
			__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
		break;
	}
	return icmpx_finish(&ix->v4, skb, outcome);
}

/* Whether a packet is a reply that a ping socket may get. If so, its ICMP header can be read. */
static bool icmpx_is_good_reply(struct net *net, struct sk_buff *skb)
{
	const u8 *header;

	if (!pskb_may_pull(skb, sizeof(struct icmphdr)))
		return false;
	header = (const u8 *)icmp_hdr(skb);
	/*
	 * skb_checksum_simple_validate() uses up one level of CHECKSUM_UNNECESSARY. The next
	 * function that gets the packet, the built-in handler or icmpx_accept(), validates the
	 * checksum again; it need not compute it again, so this is not icmpx_checksum_right(),
	 * which marks nothing as valid.
	 */
	return icmpx_decide(header, icmpx_policy(net, skb_rtable(skb))).action == ICMPX_TO_PING &&
	       (skb_csum_unnecessary(skb) || !skb_checksum_simple_validate(skb));
}

/* Counts a message whose policy and checksum are right, and pulls its header. Drops others. */
static __always_inline bool icmpx_accept(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	enum icmpx_stat outcome;

	if (unlikely(!icmpx_policy_allows(skb, AF_INET))) {
		outcome = ICMPX_DROP_POLICY;
		goto drop;
	}
	__ICMP_INC_STATS(net, ICMP_MIB_INMSGS);
	if (unlikely(!icmpx_checksum_right(skb))) {
		__ICMP_INC_STATS(net, ICMP_MIB_CSUMERRORS);
		outcome = ICMPX_DROP_CHECKSUM;
		goto error;
	}
	if (unlikely(!pskb_pull(skb, sizeof(struct icmphdr)))) {
		outcome = ICMPX_DROP_TRUNCATED;
		goto error;
	}
	icmpx_count_message_in(net, ix, icmp_hdr(skb)->type);
	return true;

error:
	__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
drop:
	icmpx_finish(&ix->v4, skb, outcome);
	return false;
}

/*
 * For a reply that matches a socket of icmpx, and that a socket of the built-in code may wait
 * for, too. The built-in code gets a clone, and counts the reply. Returns false, with the skb
 * unchanged, if there is no memory for the clone.
 */
static bool icmpx_share_reply(struct sk_buff *skb)
{
	struct sk_buff *clone = skb_clone(skb, GFP_ATOMIC);

	if (!clone)
		return false;
	icmpx_builtin->handler(clone);
	return true;
}

/*
 * If no socket of icmpx sent the request of a reply, a socket from before loading may have
 * sent it. The built-in code counts what it gets, so it gets the skb before icmpx counts it.
 */
static noinline int icmpx_rcv_reply(struct net *net, struct icmpx_net *ix, struct sk_buff *skb)
{
	bool ambiguous = false, counted = false;
	struct sock *sk = NULL;
	struct icmpx_verdict verdict;

	if (!icmpx_ping_is_unused(ix) && likely(pskb_may_pull(skb, sizeof(struct icmphdr))))
		sk = icmpx_ping_wanted(ix, skb, &ambiguous);
	if (icmpx_builtin && (!sk || icmpx_builtin_may_want(net, &ix->v4)) &&
	    icmpx_is_good_reply(net, skb)) {
		if (!sk)
			return icmpx_builtin_rcv(ix, skb, ambiguous);
		counted = icmpx_share_reply(skb);
	}
	if (unlikely(counted)) {
		if (!icmpx_policy_allows(skb, AF_INET))
			return icmpx_finish(&ix->v4, skb, ICMPX_DROP_POLICY);
		__skb_pull(skb, sizeof(struct icmphdr));
	} else if (!icmpx_accept(net, ix, skb)) {
		return NET_RX_DROP;
	}

	verdict = icmpx_decide((const u8 *)icmp_hdr(skb), icmpx_policy(net, skb_rtable(skb)));
	if (unlikely(verdict.action != ICMPX_TO_PING)) {
		if (verdict.in_error)
			__ICMP_INC_STATS(net, ICMP_MIB_INERRORS);
		return icmpx_finish(&ix->v4, skb, verdict.outcome);
	}
	icmpx_keep_checksum(skb);
	return icmpx_ping_rcv(&ix->v4, skb, sk, ambiguous);
}

static bool icmpx_is_reply(struct sk_buff *skb)
{
	u8 type;

	if (unlikely(!skb_headlen(skb)) && !pskb_may_pull(skb, sizeof(type)))
		return false;
	type = *skb->data;
	return type == ICMP_ECHOREPLY || type == ICMP_EXT_ECHOREPLY;
}

/**
 * icmpx_rcv() - Handle an ICMP packet for this host.
 * @skb: the packet, its data at the ICMP header; consumed
 *
 * Counts as the built-in code does (RFC 2011): the message before its checksum is
 * verified, its type after that.
 *
 * Context: softirq, or process context with bottom halves disabled; under
 * rcu_read_lock().
 *
 * Return: NET_RX_SUCCESS or NET_RX_DROP.
 */
int icmpx_rcv(struct sk_buff *skb)
{
	/*
	 * The route's device may be of another namespace: when the packet's destination
	 * address is deleted while the packet waits in a queue of netfilter, the kernel puts
	 * the blackhole device of the first namespace into the route.
	 */
	struct net *net = dev_net_rcu(skb->dev);
	struct icmpx_net *ix = icmpx_net_rcu(net);

	__icmpx_count(&ix->v4, ICMPX_PACKETS_IN);
	if (unlikely(icmpx_is_reply(skb)))
		return icmpx_rcv_reply(net, ix, skb);
	if (likely(icmpx_accept(net, ix, skb)))
		return icmpx_dispatch(net, ix, skb);
	return NET_RX_DROP;
}

/**
 * icmpx_err() - Handle an error about an ICMP message that this host sent.
 * @skb: the error, its data at the embedded IP header; that header and the eight
 *	bytes after it can be read
 * @info: the error's argument, host order
 *
 * An error about a request is for the ping socket that sent it. No socket sent an echo
 * reply, but an error about one may bring a path MTU (RFC 1191) or a redirect (RFC 1122,
 * 3.2.2.2) for the route.
 *
 * Context: as icmpx_rcv().
 *
 * Return: 0.
 */
int icmpx_err(struct sk_buff *skb, u32 info)
{
	const int offset = ((const struct iphdr *)skb->data)->ihl * 4;
	const struct icmphdr *embedded = (const struct icmphdr *)(skb->data + offset);
	const struct icmphdr *error = icmp_hdr(skb);
	struct net *net = dev_net_rcu(skb->dev);

	if (embedded->type != ICMP_ECHOREPLY) {
		icmpx_ping_err(icmpx_net_rcu(net), skb, offset, info);
		return 0;
	}
	if (error->type == ICMP_DEST_UNREACH && error->code == ICMP_FRAG_NEEDED)
		ipv4_update_pmtu(skb, net, info, 0, IPPROTO_ICMP);
	else if (error->type == ICMP_REDIRECT)
		ipv4_redirect(skb, net, 0, IPPROTO_ICMP);
	return 0;
}
