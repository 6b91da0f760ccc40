/* SPDX-License-Identifier: GPL-2.0-only */
/* Replies to requests. */
#ifndef ICMPX_REPLY_H
#define ICMPX_REPLY_H

#include <icmpx/dispatch.h>

#include "icmpx.h"

/* reply.c */
int icmpx_answer(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
		 enum icmpx_action action);

/* reply6.c */
void icmpx6_answer(struct net *net, struct icmpx_net *ix, struct sk_buff *skb,
		   enum icmpx_action action);

/* node_info6.c */
enum icmpx_stat icmpx6_answer_node_info(struct net *net, struct icmpx_net *ix,
					struct sk_buff *skb);

/* late6.c */
void icmpx6_late_init(struct net *net, struct icmpx_net *ix);
void icmpx6_late_exit(struct icmpx_net *ix);

#endif
