/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of ping sockets: which identifier belongs to which sockets.
 *
 * An identifier is a 16-bit field of an echo request, which the reply repeats. So at most
 * 65,535 sockets of a namespace can have an identifier of their own. Beyond that number,
 * sockets that are connected to different unicast addresses may share an identifier: the
 * source of a reply tells the sockets apart.
 *
 * Sockets of IPv4 and of IPv6 have their identifiers from one space, as in the built-in code:
 * some programs send one identifier over both.
 */
#ifndef ICMPX_PING_TABLE_H
#define ICMPX_PING_TABLE_H

#include <linux/in6.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/xarray.h>
#include <net/inet_sock.h>

/* Mark of an identifier that one more socket may share. */
#define ICMPX_SHAREABLE XA_MARK_1

/**
 * struct icmpx_ident - an identifier in use
 * @bound: sockets that asked for the identifier, the last one first
 * @automatic: sockets for which icmpx chose the identifier; more than one only if each
 *	has a peer
 * @alone: number of sockets in both lists that have no entry in the table of peers
 * @rcu: frees the struct after a grace period
 */
struct icmpx_ident {
	struct hlist_head bound;
	struct hlist_head automatic;
	unsigned int alone;
	struct rcu_head rcu;
};

/**
 * struct icmpx_ping_sockets - the ping sockets of one family of addresses
 * @by_serial: every socket that has an identifier, by its serial number
 * @next_serial: where to look for the next free serial number
 * @peers: sockets that may share their identifier, by (identifier, peer)
 */
struct icmpx_ping_sockets {
	struct xarray by_serial;
	u32 next_serial;
	struct rhashtable peers;
};

/**
 * struct icmpx_ping_table - the ping sockets of a network namespace
 * @idents: struct icmpx_ident of each identifier in use, by identifier; marked with
 *	%ICMPX_SHAREABLE if each of its sockets has a peer
 * @v4: the sockets of IPv4
 * @v6: the sockets of IPv6
 * @lock: serialises changes of the table; the packet path reads the table under RCU
 */
struct icmpx_ping_table {
	struct xarray idents;
	struct icmpx_ping_sockets v4;
	struct icmpx_ping_sockets v6;
	/* Serialises changes of the table. */
	spinlock_t lock;
};

/**
 * union icmpx_ping_address - an address, in network order
 * @v4: that of a socket of IPv4
 * @v6: that of a socket of IPv6
 */
union icmpx_ping_address {
	__be32 v4;
	struct in6_addr v6;
};

/**
 * struct icmpx_ping_peer - what tells sockets of IPv4 that share an identifier apart
 * @address: address of the peer, network order
 * @id: identifier, host order
 */
struct icmpx_ping_peer {
	__be32 address;
	u32 id;
};

/**
 * struct icmpx_ping6_peer - the same of IPv6
 * @address: address of the peer, network order
 * @id: identifier, host order
 */
struct icmpx_ping6_peer {
	struct in6_addr address;
	u32 id;
};

/**
 * struct icmpx_ping_sock - a ping socket
 * @inet: the kernel's inet_sock; its inet_num is the identifier, 0 without one
 * @ident: the table's entry of the identifier; NULL without an identifier
 * @peer: key of @peer_node; written only while @peer_node is not in a table of peers
 * @peer6: the same of a socket of IPv6
 * @peer_node: node in the family's table of peers, if @has_peer
 * @serial: serial number, the index in the family's sockets
 * @automatic: whether icmpx chose the identifier
 * @has_peer: whether the socket may share its identifier
 *
 * All members but @inet belong to the table, and its lock protects them against other
 * writers; lookups read them under RCU.
 */
struct icmpx_ping_sock {
	struct inet_sock inet;	/* first, as Linux expects it */
	struct icmpx_ident *ident;
	union {
		struct icmpx_ping_peer peer;
		struct icmpx_ping6_peer peer6;
	};
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

static const struct rhashtable_params icmpx_peer6_params = {
	.key_len = sizeof(struct icmpx_ping6_peer),
	.key_offset = offsetof(struct icmpx_ping_sock, peer6),
	.head_offset = offsetof(struct icmpx_ping_sock, peer_node),
	.automatic_shrinking = true,
};

static inline struct icmpx_ping_sock *icmpx_ping_sk(const struct sock *sk)
{
	return container_of((struct inet_sock *)inet_sk(sk), struct icmpx_ping_sock, inet);
}

/* The table's part that has the sockets of a family: AF_INET or AF_INET6. */
static inline struct icmpx_ping_sockets *icmpx_ping_sockets(struct icmpx_ping_table *table,
							    int family)
{
	return family == AF_INET6 ? &table->v6 : &table->v4;
}

/**
 * struct icmpx_ping_query - what is known of the socket that a packet is for
 * @peer: source of the reply, or destination of the request: a __be32 or a struct in6_addr,
 *	as the lookup's family is
 * @local: destination address of the packet, as @peer
 * @dif: index of the interface that the packet came in by, or of its VRF
 * @sdif: index of the interface if @dif is the index of its VRF, else 0
 * @id: identifier, host order
 */
struct icmpx_ping_query {
	const void *peer;
	const void *local;
	int dif;
	int sdif;
	u16 id;
};

/* peer.c */
int icmpx_peer_insert(struct icmpx_ping_table *table, struct icmpx_ping_sock *psk, u16 id,
		      const union icmpx_ping_address *peer);
void icmpx_peer_remove(struct icmpx_ping_table *table, struct icmpx_ping_sock *psk);
bool icmpx_peer_taken(struct icmpx_ping_table *table, int family, u16 id,
		      const union icmpx_ping_address *peer);
bool icmpx_peer_is(const struct icmpx_ping_sock *psk, const union icmpx_ping_address *peer);

/* table.c, find.c */
int icmpx_ping_table_init(struct icmpx_ping_table *table);
void icmpx_ping_table_exit(struct icmpx_ping_table *table);

int icmpx_ping_take(struct icmpx_ping_table *table, struct sock *sk, u16 id);
int icmpx_ping_choose(struct icmpx_ping_table *table, struct sock *sk);
int icmpx_ping_share(struct icmpx_ping_table *table, struct sock *sk,
		     const union icmpx_ping_address *peer);
bool icmpx_ping_release(struct icmpx_ping_table *table, struct sock *sk);

void icmpx_ping_set_peer(struct icmpx_ping_table *table, struct sock *sk,
			 const union icmpx_ping_address *peer);
int icmpx_ping_forget_peer(struct icmpx_ping_table *table, struct sock *sk,
			   const union icmpx_ping_address *next);

struct sock *icmpx_ping_find(struct icmpx_ping_table *table, const struct icmpx_ping_query *query,
			     bool *ambiguous);
struct sock *icmpx_ping6_find(struct icmpx_ping_table *table, const struct icmpx_ping_query *query,
			      bool *ambiguous);

#endif
