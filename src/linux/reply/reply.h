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

#endif
