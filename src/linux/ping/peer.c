// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of peers, one of each family: which of the sockets that share an identifier is
 * connected to an address.
 */
#include <net/ipv6.h>

#include "ping/table.h"

/**
 * icmpx_peer_insert() - Put a socket into its family's table of peers.
 * @table: the table of sockets
 * @psk: the socket, which is not in the table of peers
 * @id: the socket's identifier
 * @peer: the address that the socket is connected to
 *
 * Context: the table's lock is held.
 *
 * Return: 0; -EEXIST if another socket has both the identifier and the peer; -ENOMEM.
 */
int icmpx_peer_insert(struct icmpx_ping_table *table, struct icmpx_ping_sock *psk, u16 id,
		      const union icmpx_ping_address *peer)
{
	int err;

	if (psk->inet.sk.sk_family == AF_INET6) {
		psk->peer6 = (struct icmpx_ping6_peer){ .address = peer->v6, .id = id };
		err = rhashtable_insert_fast(&table->v6.peers, &psk->peer_node, icmpx_peer6_params);
	} else {
		psk->peer = (struct icmpx_ping_peer){ .address = peer->v4, .id = id };
		err = rhashtable_insert_fast(&table->v4.peers, &psk->peer_node, icmpx_peer_params);
	}
	psk->has_peer = !err;
	return err;
}

/**
 * icmpx_peer_remove() - Undo icmpx_peer_insert(), if it was done.
 * @table: the table of sockets
 * @psk: the socket
 *
 * Context: the table's lock is held.
 */
void icmpx_peer_remove(struct icmpx_ping_table *table, struct icmpx_ping_sock *psk)
{
	if (!psk->has_peer)
		return;
	if (psk->inet.sk.sk_family == AF_INET6)
		rhashtable_remove_fast(&table->v6.peers, &psk->peer_node, icmpx_peer6_params);
	else
		rhashtable_remove_fast(&table->v4.peers, &psk->peer_node, icmpx_peer_params);
	psk->has_peer = false;
}

/**
 * icmpx_peer_taken() - Tell whether a socket has both an identifier and a peer.
 * @table: the table of sockets
 * @family: family of the socket: AF_INET or AF_INET6
 * @id: the identifier
 * @peer: the peer
 *
 * Context: the table's lock is held.
 *
 * Return: true if one has.
 */
bool icmpx_peer_taken(struct icmpx_ping_table *table, int family, u16 id,
		      const union icmpx_ping_address *peer)
{
	const struct icmpx_ping6_peer key6 = { .address = peer->v6, .id = id };
	const struct icmpx_ping_peer key = { .address = peer->v4, .id = id };

	if (family == AF_INET6)
		return rhashtable_lookup_fast(&table->v6.peers, &key6, icmpx_peer6_params);
	return rhashtable_lookup_fast(&table->v4.peers, &key, icmpx_peer_params);
}

/**
 * icmpx_peer_is() - Tell whether a socket that has a peer has this one.
 * @psk: the socket
 * @peer: the peer
 *
 * Context: the table's lock is held.
 *
 * Return: true if it has.
 */
bool icmpx_peer_is(const struct icmpx_ping_sock *psk, const union icmpx_ping_address *peer)
{
	if (psk->inet.sk.sk_family == AF_INET6)
		return ipv6_addr_equal(&psk->peer6.address, &peer->v6);
	return psk->peer.address == peer->v4;
}
