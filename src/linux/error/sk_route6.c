// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route that a socket of IPv6 keeps: it learns a path MTU from errors (RFC 8201), and messages
 * go by it. For kernels that export neither ip6_sk_update_pmtu() nor ip6_sk_dst_lookup_flow().
 */
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/sock.h>

#include "compat6.h"
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

/* Whether a key of a route is this address, or @kept is, for which the route was looked up. */
static bool icmpx6_key_fits(const struct rt6key *key, const struct in6_addr *address,
			    const struct in6_addr *kept)
{
	if (key->plen == 128 && ipv6_addr_equal(&key->addr, address))
		return true;
	return kept && ipv6_addr_equal(kept, address);
}

/* Whether the lookup of @fl6 may be left out, since the socket keeps its result. */
static bool icmpx6_kept_fits(const struct sock *sk, const struct dst_entry *dst,
			     const struct flowi6 *fl6)
{
	const struct ipv6_pinfo *np = inet6_sk(sk);
	const struct rt6_info *rt;

	if (dst->ops->family != AF_INET6)
		return false;
	rt = dst_rt6_info(dst);
	if (!icmpx6_key_fits(&rt->rt6i_dst, &fl6->daddr,
			     np->daddr_cache ? &sk->sk_v6_daddr : NULL))
		return false;
#ifdef CONFIG_IPV6_SUBTREES
	if (!icmpx6_key_fits(&rt->rt6i_src, &fl6->saddr, np->saddr_cache ? &np->saddr : NULL))
		return false;
#endif
	return !fl6->flowi6_oif || fl6->flowi6_oif == READ_ONCE(dst->dev)->ifindex;
}

/**
 * icmpx6_sk_route() - Find the route of a message of a socket of IPv6.
 * @sk: the socket
 * @fl6: the message's flow; its source is filled in
 * @destination: final destination, network order
 *
 * The route of connect() is not the one that a lookup would find now: once the socket has a
 * source address, an option that names an interface only prefers it.
 *
 * Context: process.
 *
 * Return: the route, with a reference, or an ERR_PTR().
 */
struct dst_entry *icmpx6_sk_route(struct sock *sk, struct flowi6 *fl6,
				  const struct in6_addr *destination)
{
	struct dst_entry *dst = sk_dst_check(sk, inet6_sk(sk)->dst_cookie);
	bool fits;

	if (dst) {
		rcu_read_lock();
		fits = icmpx6_kept_fits(sk, dst, fl6);
		rcu_read_unlock();
		if (fits)
			return dst;
		dst_release(dst);
	}
	return ip6_dst_lookup_flow(sock_net(sk), sk, fl6, destination);
}
