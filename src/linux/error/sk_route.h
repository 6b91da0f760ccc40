/* SPDX-License-Identifier: GPL-2.0-only */
/* What an error teaches the route of a socket. */
#ifndef ICMPX_SK_ROUTE_H
#define ICMPX_SK_ROUTE_H

#include <net/route.h>

#include "compat.h"

#if ICMPX_HAS_SK_ROUTE_UPDATES
#define icmpx_sk_update_pmtu ipv4_sk_update_pmtu
#define icmpx_sk_redirect ipv4_sk_redirect
#else
/* sk_route.c */
void icmpx_sk_update_pmtu(struct sk_buff *skb, struct sock *sk, u32 mtu);
void icmpx_sk_redirect(struct sk_buff *skb, struct sock *sk);
#endif

#endif
