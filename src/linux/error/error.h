/* SPDX-License-Identifier: GPL-2.0-only */
/* Received errors, and what sockets are told of errors. */
#ifndef ICMPX_ERROR_H
#define ICMPX_ERROR_H

#include <linux/errqueue.h>
#include <net/route.h>
#include <net/sock.h>

#include "icmpx.h"

/* deliver.c */
enum icmpx_stat icmpx_delivered_to(u8 protocol);
enum icmpx_stat icmpx_deliver_error(struct net *net, struct icmpx_net *ix, struct sk_buff *skb);

/* deliver6.c */
enum icmpx_stat icmpx6_deliver_error(struct net *net, struct icmpx_net *ix, struct sk_buff *skb);

/* raw.c */
unsigned int icmpx_raw_error(struct sk_buff *skb, u8 protocol, u32 info);

/* raw6.c */
unsigned int icmpx6_raw_error(struct sk_buff *skb, u8 protocol, unsigned int offset);

/**
 * struct icmpx_errno - an error as sockets know it
 * @number: a positive errno
 * @hard: whether the error is permanent (RFC 1122, 4.2.3.9): then a socket that did not
 *	ask for errors is told, too
 */
struct icmpx_errno {
	int number;
	bool hard;
};

/* Wakes the program of a socket, whose next call fails. Context: any. */
static inline void icmpx_report_error(struct sock *sk, int number)
{
	WRITE_ONCE(sk->sk_err, number);
	sk_error_report(sk);
}

/* errqueue.c */
struct icmpx_errno icmpx_errno_of(const struct sock *sk, u8 type, u8 code);
bool icmpx_queue_error(struct sock *sk, struct sk_buff *error, int number, u32 info,
		       const u8 *payload);
bool icmpx_queue_clone(struct sock *sk, struct sk_buff *error, const struct sock_extended_err *ee,
		       const void *destination, const u8 *payload, u16 original);
void icmpx_queue_local_error(struct sock *sk, int number, __be32 destination, u32 info);

/* errqueue6.c */
bool icmpx6_queue_error(struct sock *sk, struct sk_buff *error, int number, const u8 *payload);

/*
 * A path MTU or a redirect from an error, for the route of a socket; the route of a message, that
 * of a connected socket if it keeps one.
 */
#if ICMPX_HAS_SK_ROUTE_UPDATES
#define icmpx_sk_update_pmtu ipv4_sk_update_pmtu
#define icmpx_sk_redirect ipv4_sk_redirect
#define icmpx6_sk_update_pmtu ip6_sk_update_pmtu
#define icmpx6_sk_route(sk, fl6, destination) ip6_sk_dst_lookup_flow(sk, fl6, destination, false)
#else
/* sk_route.c */
void icmpx_sk_update_pmtu(struct sk_buff *skb, struct sock *sk, u32 mtu);
void icmpx_sk_redirect(struct sk_buff *skb, struct sock *sk);

/* sk_route6.c */
void icmpx6_sk_update_pmtu(struct sk_buff *skb, struct sock *sk, __be32 mtu);
struct dst_entry *icmpx6_sk_route(struct sock *sk, struct flowi6 *fl6,
				  const struct in6_addr *destination);
#endif

#endif
