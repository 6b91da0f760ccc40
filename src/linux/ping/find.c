// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet path's lookup of a ping socket. It is written once for both families, and
 * compiled for each: the family is a constant.
 */
#include <net/ipv6.h>
#include <net/sock.h>

#include "ping/table.h"

static __always_inline bool icmpx_is_local(const struct sock *sk, int family, const void *address)
{
	__be32 own;

	if (family == AF_INET6) {
		/* bind() and connect() may be writing it: then a packet sees a part of it. */
		return data_race(ipv6_addr_any(&sk->sk_v6_rcv_saddr) ||
				 ipv6_addr_equal(&sk->sk_v6_rcv_saddr, address));
	}
	own = READ_ONCE(inet_sk(sk)->inet_rcv_saddr);
	return !own || own == *(const __be32 *)address;
}

/*
 * Whether a socket has the query's identifier, and takes packets to the query's address
 * and interface. The identifier is checked because a socket may move to another
 * identifier's list: a reader that has reached the socket on the first list then continues
 * on the other list. Sockets of both families are on one list.
 */
static __always_inline bool icmpx_accepts(const struct sock *sk, int family,
					  const struct icmpx_ping_query *query)
{
	const int interface = READ_ONCE(sk->sk_bound_dev_if);

	if (READ_ONCE(inet_sk(sk)->inet_num) != query->id || sk->sk_family != family)
		return false;
	if (!icmpx_is_local(sk, family, query->local))
		return false;
	return !interface || interface == query->dif || interface == query->sdif;
}

/* Not inline, since hashing needs registers that the usual lookup would save for nothing. */
static noinline struct sock *icmpx_find_peer(struct icmpx_ping_table *table, int family,
					     const struct icmpx_ping_query *query, bool *ambiguous)
{
	struct icmpx_ping_sock *psk;

	if (family == AF_INET6) {
		const struct in6_addr *peer = query->peer;
		const struct icmpx_ping6_peer key = { .address = *peer, .id = query->id };

		psk = rhashtable_lookup(&table->v6.peers, &key, icmpx_peer6_params);
	} else {
		const __be32 *peer = query->peer;
		const struct icmpx_ping_peer key = { .address = *peer, .id = query->id };

		psk = rhashtable_lookup(&table->v4.peers, &key, icmpx_peer_params);
	}
	if (!psk) {
		*ambiguous = true;
		return NULL;
	}
	return icmpx_accepts(&psk->inet.sk, family, query) ? &psk->inet.sk : NULL;
}

/*
 * A socket that shares its identifier with no other socket receives replies from any
 * source: a host may answer from another of its addresses. The next pointer of the
 * list's first socket, and not a count, tells whether sockets share the identifier. If the
 * first socket is removed from the list after a reader has read it, its next pointer
 * still leads to the sockets that shared the identifier with it.
 */
static __always_inline struct sock *icmpx_find_automatic(struct icmpx_ping_table *table,
							 const struct icmpx_ident *ident,
							 int family,
							 const struct icmpx_ping_query *query,
							 bool *ambiguous)
{
	struct hlist_node *first = rcu_dereference(hlist_first_rcu(&ident->automatic));
	struct sock *sk;
	bool shared;

	if (!first)
		return NULL;
	shared = rcu_access_pointer(hlist_next_rcu(first));
	/*
	 * Pairs with the smp_wmb() in icmpx_attach(). A reader that has seen the end of a
	 * list sees the inet_num of a socket that has moved there from another list. A
	 * reader that has seen two sockets finds both in the table of peers.
	 */
	smp_rmb();
	if (unlikely(shared))
		return icmpx_find_peer(table, family, query, ambiguous);
	sk = hlist_entry(first, struct sock, sk_node);
	return icmpx_accepts(sk, family, query) ? sk : NULL;
}

static __always_inline struct sock *icmpx_find(struct icmpx_ping_table *table, int family,
					       const struct icmpx_ping_query *query,
					       bool *ambiguous)
{
	const struct icmpx_ident *ident = xa_load(&table->idents, query->id);
	struct sock *sk;

	if (!ident)
		return NULL;
	sk_for_each_rcu(sk, &ident->bound)
		if (icmpx_accepts(sk, family, query))
			return sk;
	return icmpx_find_automatic(table, ident, family, query, ambiguous);
}

/**
 * icmpx_ping_find() - Find the socket of IPv4 that a packet is for.
 * @table: the table
 * @query: what the packet tells of the socket
 * @ambiguous: set to true if several sockets have the identifier and none of them has the
 *	query's peer; else unchanged
 *
 * Of sockets that asked for the same identifier, the last one to get it is preferred.
 *
 * Context: under rcu_read_lock(), which also protects the socket that is returned.
 *
 * Return: the socket, or NULL.
 */
struct sock *icmpx_ping_find(struct icmpx_ping_table *table, const struct icmpx_ping_query *query,
			     bool *ambiguous)
{
	return icmpx_find(table, AF_INET, query, ambiguous);
}

/* The same of IPv6. */
struct sock *icmpx_ping6_find(struct icmpx_ping_table *table, const struct icmpx_ping_query *query,
			      bool *ambiguous)
{
	return icmpx_find(table, AF_INET6, query, ambiguous);
}
