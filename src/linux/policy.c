// SPDX-License-Identifier: GPL-2.0-only
/* IPsec policies for received packets. */
#include <icmpx/types.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "policy.h"

/* Whether a policy admits the datagram that an error quotes, in the reverse direction. */
static bool icmpx_policy_check_quoted(struct sk_buff *skb, unsigned short family)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (family == AF_INET6)
		return xfrm6_policy_check_reverse(NULL, XFRM_POLICY_IN, skb);
#endif
	return xfrm4_policy_check_reverse(NULL, XFRM_POLICY_IN, skb);
}

/**
 * icmpx_policy_matches() - Do what icmpx_policy_allows() does, where there may be policies.
 * @skb: the packet, its data at the ICMP header
 * @family: AF_INET or AF_INET6
 *
 * RFC 4301, 6.2: an error message that no policy admits is still accepted if its
 * security association allows that (XFRM_STATE_ICMP) and a policy admits the
 * datagram that it quotes in the reverse direction.
 *
 * Context: as icmpx_policy_allows().
 *
 * Return: as icmpx_policy_allows().
 */
bool icmpx_policy_matches(struct sk_buff *skb, unsigned short family)
{
	const unsigned int quoted = family == AF_INET6 ? sizeof(struct ipv6hdr) :
							 sizeof(struct iphdr);
	const struct sec_path *sp;
	bool allowed;
	int offset;

	if (xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, family))
		return true;

	sp = skb_sec_path(skb);
	if (!sp || !(sp->xvec[sp->len - 1]->props.flags & XFRM_STATE_ICMP))
		return false;
	if (!pskb_may_pull(skb, ICMPX_HEADER_LEN + quoted))
		return false;

	offset = skb_network_offset(skb);
	skb_set_network_header(skb, ICMPX_HEADER_LEN);
	allowed = icmpx_policy_check_quoted(skb, family);
	skb_set_network_header(skb, offset);
	return allowed;
}
