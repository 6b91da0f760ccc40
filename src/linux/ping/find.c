// SPDX-License-Identifier: GPL-2.0-only
/* The packet path's lookup in the table of ping sockets: which one a packet is for. */
#include <net/sock.h>

#include "ping/table.h"

/*
 * Whether a socket takes packets to that address, by that interface, and still
 * has the identifier. A socket whose identifier has changed is on another list, and a
 * reader that has reached the socket on the first list goes on along the other one.
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
 * A socket that has its identifier alone takes every reply with it, from any source: a
 * host may answer from another of its addresses. Whether sockets share the identifier is
 * seen in the next pointer of the list's first socket, and not in a count. If that socket
 * is taken off the list after it was read, its next pointer still leads to the sockets
 * that shared the identifier with it.
 */
static struct sock *icmpx_find_automatic(struct icmpx_ping_table *table,
					 const struct icmpx_ident *ident,
					 const struct icmpx_ping_query *query, bool *ambiguous)
{
	struct hlist_node *first = rcu_dereference(hlist_first_rcu(&ident->automatic));
	struct sock *sk;
	bool shared;

	if (!first)
		return NULL;
	shared = rcu_access_pointer(hlist_next_rcu(first));
	/*
	 * Pairs with the smp_wmb() in icmpx_attach(): a reader that has seen the end of a
	 * list sees the inet_num of a socket that came there from another one, and a reader
	 * that has seen two sockets finds both in the table of peers.
	 */
	smp_rmb();
	if (unlikely(shared))
		return icmpx_find_peer(table, query, ambiguous);
	sk = hlist_entry(first, struct sock, sk_node);
	return icmpx_accepts(sk, query) ? sk : NULL;
}

/**
 * icmpx_ping_find() - Find the socket that a packet is for.
 * @table: the table
 * @query: what is known of it
 * @ambiguous: set to true if several sockets have the identifier and none of them
 *	that peer; else left alone
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
