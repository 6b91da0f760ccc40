/* SPDX-License-Identifier: GPL-2.0-only */
/* IPsec policies for received packets. */
#ifndef ICMPX_POLICY_H
#define ICMPX_POLICY_H

#include <net/xfrm.h>

/* policy.c */
bool icmpx_policy_matches(struct sk_buff *skb, unsigned short family);

/* Where this is true, xfrm_policy_check() accepts the packet, too; this saves the call. */
static inline bool icmpx_no_policy_in(const struct net *net, const struct sk_buff *skb)
{
#ifdef CONFIG_XFRM
	return !READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_IN]) && !secpath_exists(skb) &&
	       READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_IN]) == XFRM_USERPOLICY_ACCEPT;
#else
	return true;
#endif
}

/**
 * icmpx_policy_allows() - Ask IPsec policies whether a received packet is accepted.
 * @skb: the packet, its data at the ICMP header
 * @family: AF_INET or AF_INET6
 *
 * Context: softirq, or process context with bottom halves disabled; under
 * rcu_read_lock().
 *
 * Return: true if it is.
 */
static __always_inline bool icmpx_policy_allows(struct sk_buff *skb, unsigned short family)
{
	return likely(icmpx_no_policy_in(dev_net_rcu(skb->dev), skb)) ||
	       icmpx_policy_matches(skb, family);
}

#endif
