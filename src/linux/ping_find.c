// SPDX-License-Identifier: GPL-2.0-only
/* Whose is this packet? The packet path's view of the table of ping sockets. */
#include <net/sock.h>

#include "ping_table.h"

/*
 * Whether a socket takes packets to that address, by that interface, and still
 * has the identifier: one that has changed it is on another list, and leads
 * who was on his way through the first one there.
 */
static bool icmpx_accepts(const struct sock *sk, const struct icmpx_ping_query *query)
{
	const __be32 address = READ_ONCE(inet_sk(sk)->inet_rcv_saddr);
	const int interface = READ_ONCE(sk->sk_bound_dev_if);

	if (READ_ONCE(inet_sk(sk)->inet_num) != query->id)
		return false;
	if (address && address != query->local)
		return false;
	return !interface || interface == query->dif || interface == query->sdif;
}

static struct sock *icmpx_find_peer(struct icmpx_ping_table *table,
				    const struct icmpx_ping_query *query, bool *ambiguous)
{
	const struct icmpx_ping_peer key = { .address = query->peer, .id = query->id };
	struct icmpx_ping_sock *psk;

	psk = rhashtable_lookup(&table->peers, &key, icmpx_peer_params);
	if (!psk) {
		*ambiguous = true;
		return NULL;
	}
	return icmpx_accepts(&psk->inet.sk, query) ? &psk->inet.sk : NULL;
}

/*
 * The only one takes what has its identifier, whoever it comes from: a host
 * may answer from another of its addresses. Whether somebody shares it is seen
 * in the socket that was first, and not in a count: where it came to others,
 * and went from them, while we look, it still leads to them.
 */
static struct sock *icmpx_find_automatic(struct icmpx_ping_table *table,
					 const struct icmpx_ident *ident,
					 const struct icmpx_ping_query *query, bool *ambiguous)
{
	struct hlist_node *first = rcu_dereference(hlist_first_rcu(&ident->automatic));
	struct sock *sk;

	if (!first)
		return NULL;
	if (unlikely(rcu_access_pointer(hlist_next_rcu(first))))
		return icmpx_find_peer(table, query, ambiguous);
	smp_rmb(); /* pairs with the barrier of icmpx_attach() */
	sk = hlist_entry(first, struct sock, sk_node);
	return icmpx_accepts(sk, query) ? sk : NULL;
}

/**
 * icmpx_ping_find() - Find the socket that a packet is for.
 * @table: the table
 * @query: what is known of it
 * @ambiguous: set to true if several sockets have the identifier and none that
 *	peer; else left alone
 *
 * Of sockets that asked for the same identifier the last one is preferred.
 *
 * Context: under rcu_read_lock(), which also keeps the socket.
 *
 * Return: the socket, or NULL.
 */
struct sock *icmpx_ping_find(struct icmpx_ping_table *table, const struct icmpx_ping_query *query,
			     bool *ambiguous)
{
	const struct icmpx_ident *ident = xa_load(&table->idents, query->id);
	struct sock *sk;

	if (!ident)
		return NULL;
	sk_for_each_rcu(sk, &ident->bound)
		if (icmpx_accepts(sk, query))
			return sk;
	return icmpx_find_automatic(table, ident, query, ambiguous);
}
