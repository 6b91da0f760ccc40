/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that make replies share: the reply on its way. */
#ifndef ICMPX_REPLY_INTERNAL_H
#define ICMPX_REPLY_INTERNAL_H

#include "out/out.h"

/**
 * struct icmpx_reply - a reply on its way from the request to the wire
 * @skb: the request, its data at the ICMP header; NULL once it was used up
 * @way: how it goes; its addresses are the reply's, its type of service is that of the
 *	request (RFC 1122, 3.2.2.6)
 * @type: ICMP type of the reply
 * @code: ICMP code of the reply
 * @status: of a PROBE reply
 */
struct icmpx_reply {
	struct sk_buff *skb;
	struct icmpx_way way;
	u8 type;
	u8 code;
	u16 status;
};

/* probe.c */
bool icmpx_probe(struct net *net, const struct sk_buff *skb, struct icmpx_reply *reply);

/* source.c */
__be32 icmpx_source_towards(struct sk_buff *skb);

/* transmit.c */
enum icmpx_stat icmpx_transmit(struct net *net, struct icmpx_net *ix, struct icmpx_reply *reply,
			       struct rtable *rt);

#endif
