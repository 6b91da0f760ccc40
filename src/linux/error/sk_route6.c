// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route of a socket of IPv6 learns a path MTU from errors (RFC 8201). For kernels that do not
 * export ip6_sk_update_pmtu().
 */
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/sock.h>

#include "error/error.h"

/**
 * icmpx6_sk_update_pmtu() - Let the route of a socket of IPv6 learn a path MTU.
 * @skb: the error that reports it, its data at the embedded IPv6 header
 * @sk: the socket that sent the packet
 * @mtu: the path MTU, in bytes, network order
 *
 * Context: softirq, or bottom halves disabled; rcu_read_lock().
 */
void icmpx6_sk_update_pmtu(struct sk_buff *skb, struct sock *sk, __be32 mtu)
{
	struct net *net = sock_net(sk);
	int oif = READ_ONCE(sk->sk_bound_dev_if);

	if (!oif)
		oif = l3mdev_master_ifindex_rcu(skb->dev);
	ip6_update_pmtu(skb, net, mtu, oif, READ_ONCE(sk->sk_mark), sock_net_uid(net, sk));

	/*
	 * If that has made the route out of date that the socket keeps, the next one is looked
	 * up: getsockopt(IPV6_MTU) reads it there. If a program has the socket locked, the
	 * kernel calls the same function when the program unlocks it.
	 */
	bh_lock_sock(sk);
	if (!sock_owned_by_user(sk))
		ip6_datagram_release_cb(sk);
	bh_unlock_sock(sk);
}
