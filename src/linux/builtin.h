/* SPDX-License-Identifier: GPL-2.0-only */
/* Ping sockets that were open before the module was loaded. */
#ifndef ICMPX_BUILTIN_H
#define ICMPX_BUILTIN_H

#include "icmpx.h"

struct inet_protosw;

/* builtin.c */
void icmpx_builtin_find(struct inet_protosw *own);
bool icmpx_builtin_may_want(struct net *net, struct icmpx_net *ix);
int icmpx_builtin_rcv(struct icmpx_net *ix, struct sk_buff *skb, bool ambiguous);

#endif
