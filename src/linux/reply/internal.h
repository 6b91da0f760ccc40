/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that make replies share: the state of a reply until it is sent. */
#ifndef ICMPX_REPLY_INTERNAL_H
#define ICMPX_REPLY_INTERNAL_H

#include "out/out.h"

/**
 * struct icmpx_reply - a reply that is being made from its request
 * @skb: the request, its data at the ICMP header; NULL once this skb is the reply's
 * @way: routing data: the addresses are the reply's, the type of service is that of the
 *	request (RFC 1122, 3.2.2.6)
 * @type: ICMP type of the reply
 * @code: ICMP code of the reply
 * @status: status bits of a PROBE reply
 */
struct icmpx_reply {
	struct sk_buff *skb;
	struct icmpx_way way;
	u8 type;
	u8 code;
	u16 status;
};

/* probe.c */
bool icmpx_probe(struct net *net, const struct sk_buff *skb, u8 *code, u16 *status);

/* source.c */
__be32 icmpx_source_towards(struct sk_buff *skb);

/* transmit.c */
enum icmpx_stat icmpx_transmit(struct net *net, struct icmpx_net *ix, struct icmpx_reply *reply,
			       struct rtable *rt);

#endif
