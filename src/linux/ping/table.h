/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which identifier belongs to which ping sockets.
 *
 * An identifier is 16 bits of an echo request; its reply brings them back. So
 * at most 65,535 sockets of a namespace can have one to themselves. Past that,
 * sockets that are connected to different unicast addresses may share one:
 * the source of a reply tells them apart.
 */
#ifndef ICMPX_PING_TABLE_H
#define ICMPX_PING_TABLE_H

#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/xarray.h>
#include <net/inet_sock.h>

/* Mark of an identifier that one more socket may share. */
#define ICMPX_SHAREABLE XA_MARK_1

/**
 * struct icmpx_ident - an identifier in use
 * @bound: sockets that asked for the identifier, the last one first
 * @automatic: sockets that it was chosen for; more than one only if each has a peer
 * @alone: sockets, of both kinds, that have no peer to tell them apart by
 * @rcu: to free it
 */
struct icmpx_ident {
	struct hlist_head bound;
	struct hlist_head automatic;
	unsigned int alone;
	struct rcu_head rcu;
};

/**
 * struct icmpx_ping_table - the ping sockets of a network namespace
 * @idents: identifier to struct icmpx_ident, for each one in use; marked with
 *	%ICMPX_SHAREABLE where every one of its sockets has a peer
 * @peers: sockets by (identifier, peer), for those that may share theirs
 * @sockets: every socket, by its serial number
 * @next_serial: where to look for the next free serial number
 * @lock: serialises changes of all of it; the packet path reads under RCU
 */
struct icmpx_ping_table {
	struct xarray idents;
	struct rhashtable peers;
	struct xarray sockets;
	u32 next_serial;
	/* Serialises changes of all of it. */
	spinlock_t lock;
};

/**
 * struct icmpx_ping_peer - what tells sockets that share an identifier apart
 * @address: of the peer, network order
 * @id: identifier, host order
 */
struct icmpx_ping_peer {
	__be32 address;
	u32 id;
};

/**
 * struct icmpx_ping_sock - a ping socket
 * @inet: what Linux knows of it; its number is the identifier, 0 without one
 * @ident: what it is attached to; NULL without an identifier
 * @peer: key of @peer_node; written while that is not in the table
 * @peer_node: in the table's peers, if @has_peer
 * @serial: in the table's sockets
 * @automatic: its identifier was chosen for it
 * @has_peer: it may share its identifier
 *
 * All members but @inet belong to the table, and its lock protects them.
 */
struct icmpx_ping_sock {
	struct inet_sock inet;	/* first, as Linux expects it */
	struct icmpx_ident *ident;
	struct icmpx_ping_peer peer;
	struct rhash_head peer_node;
	u32 serial;
	bool automatic;
	bool has_peer;
};

static const struct rhashtable_params icmpx_peer_params = {
	.key_len = sizeof(struct icmpx_ping_peer),
	.key_offset = offsetof(struct icmpx_ping_sock, peer),
	.head_offset = offsetof(struct icmpx_ping_sock, peer_node),
	.automatic_shrinking = true,
};

static inline struct icmpx_ping_sock *icmpx_ping_sk(const struct sock *sk)
{
	return container_of((struct inet_sock *)inet_sk(sk), struct icmpx_ping_sock, inet);
}

/**
 * struct icmpx_ping_query - what is known of the socket that a packet is for
 * @peer: source of the reply, or destination of the request; network order
 * @local: the address that the packet came to; network order
 * @dif: index of the interface that it came in by
 * @sdif: index of that interface if @dif is its VRF's, or 0
 * @id: identifier, host order
 */
struct icmpx_ping_query {
	__be32 peer;
	__be32 local;
	int dif;
	int sdif;
	u16 id;
};

int icmpx_ping_table_init(struct icmpx_ping_table *table);
void icmpx_ping_table_exit(struct icmpx_ping_table *table);

int icmpx_ping_take(struct icmpx_ping_table *table, struct sock *sk, u16 id);
int icmpx_ping_choose(struct icmpx_ping_table *table, struct sock *sk);
int icmpx_ping_share(struct icmpx_ping_table *table, struct sock *sk, __be32 peer);
bool icmpx_ping_release(struct icmpx_ping_table *table, struct sock *sk);

void icmpx_ping_set_peer(struct icmpx_ping_table *table, struct sock *sk, __be32 peer);
int icmpx_ping_forget_peer(struct icmpx_ping_table *table, struct sock *sk, __be32 next);

struct sock *icmpx_ping_find(struct icmpx_ping_table *table, const struct icmpx_ping_query *query,
			     bool *ambiguous);

#endif
