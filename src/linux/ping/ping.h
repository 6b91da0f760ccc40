/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ping sockets: socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), see icmp(7), and
 * socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6).
 */
#ifndef ICMPX_PING_H
#define ICMPX_PING_H

#include <net/sock.h>

#include "icmpx.h"

extern struct proto icmpx_ping_prot;
extern struct proto icmpx_ping6_prot;

/* family.c */
void icmpx_group_range(struct net *net, kgid_t range[2]);
int icmpx_ping_init(void);
void icmpx_ping_exit(void);
void icmpx_ping_take_over(void);
void icmpx_ping_give_back(void);

/* receive.c */
struct sock *icmpx_ping_wanted(struct icmpx_net *ix, struct sk_buff *skb, bool *ambiguous);
struct sock *icmpx_ping6_wanted(struct icmpx_net *ix, struct sk_buff *skb, bool *ambiguous);
int icmpx_ping_rcv(struct icmpx_family *family, struct sk_buff *skb, struct sock *sk,
		   bool ambiguous);

/* error.c */
void icmpx_ping_err(struct icmpx_net *ix, struct sk_buff *skb, int offset, u32 info);

/* error6.c */
void icmpx_ping6_err(struct icmpx_net *ix, struct sk_buff *skb, int offset);

/*
 * Whether a namespace has no ping socket with an identifier, of either family: a reply need
 * not be looked up then. A socket gets its identifier before it sends a request.
 */
static inline bool icmpx_ping_is_unused(const struct icmpx_net *ix)
{
	return xa_empty(&ix->ping.idents);
}

/* diag.c */
struct sock *icmpx_ping_get_next(struct net *net, int family, unsigned long *serial);
struct sock *icmpx_ping_get_holder(struct net *net, int family, u16 id,
				   bool (*fits)(struct sock *sk, const void *what),
				   const void *what);

/* proc.c */
int icmpx_ping_proc_init(struct net *net);
void icmpx_ping_proc_exit(struct net *net);
int icmpx_ping6_proc_init(struct net *net);
void icmpx_ping6_proc_exit(struct net *net);

#endif
