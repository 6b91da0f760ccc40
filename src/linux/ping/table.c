// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ping sockets: which identifier belongs to which sockets.
 *
 * A BPF program that runs on connect() may bind the socket. The program runs under
 * rcu_read_lock(), so icmpx_ping_get_port() must not sleep.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "ping/table.h"

/* The largest identifier; the smallest is 1, and 0 means that a socket has none. */
#define ICMPX_ID_MAX 65535

/*
 * Number of random identifiers to try, before a linear search starts at the last of
 * them. With 60,000 identifiers taken, 16 of 17 searches end within these tries, and the
 * mean is 12 tries.
 */
#define ICMPX_RANDOM_TRIES 32

static int icmpx_sockets_init(struct icmpx_ping_sockets *sockets,
			      const struct rhashtable_params *params)
{
	xa_init_flags(&sockets->by_serial, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	sockets->next_serial = 0;
	return rhashtable_init(&sockets->peers, params);
}

static void icmpx_sockets_exit(struct icmpx_ping_sockets *sockets)
{
	rhashtable_destroy(&sockets->peers);
	xa_destroy(&sockets->by_serial);
}

/**
 * icmpx_ping_table_init() - Set up an empty table.
 * @table: the table
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM.
 */
int icmpx_ping_table_init(struct icmpx_ping_table *table)
{
	int err;

	spin_lock_init(&table->lock);
	xa_init_flags(&table->idents, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	err = icmpx_sockets_init(&table->v4, &icmpx_peer_params);
	if (err)
		return err;
	err = icmpx_sockets_init(&table->v6, &icmpx_peer6_params);
	if (err)
		icmpx_sockets_exit(&table->v4);
	return err;
}

/**
 * icmpx_ping_table_exit() - Free a table that no socket is in any more.
 * @table: the table
 *
 * Context: process.
 */
void icmpx_ping_table_exit(struct icmpx_ping_table *table)
{
	icmpx_sockets_exit(&table->v6);
	icmpx_sockets_exit(&table->v4);
	xa_destroy(&table->idents);
}

static u16 icmpx_random_id(void)
{
	return 1 + get_random_u32_below(ICMPX_ID_MAX);
}

static void icmpx_update_mark(struct icmpx_ping_table *table, u16 id,
			      const struct icmpx_ident *ident)
{
	if (ident->alone)
		xa_clear_mark(&table->idents, id, ICMPX_SHAREABLE);
	else
		xa_set_mark(&table->idents, id, ICMPX_SHAREABLE);
}

/*
 * Gives a socket the identifier @id. The caller has added the socket to @table's sockets,
 * and to its peers if the socket shares @id.
 */
static void icmpx_attach(struct icmpx_ping_table *table, struct sock *sk, struct icmpx_ident *ident,
			 u16 id, bool automatic)
{
	struct icmpx_ping_sock *psk = icmpx_ping_sk(sk);

	psk->ident = ident;
	psk->automatic = automatic;
	if (!psk->has_peer)
		ident->alone++;
	icmpx_update_mark(table, id, ident);
	WRITE_ONCE(psk->inet.inet_num, id);
	/*
	 * A reader that arrives from another identifier's list must see the new inet_num
	 * before it reaches the end of this list; a reader that sees that several sockets
	 * are on this list must find each of them by its peer. Pairs with the smp_rmb() in
	 * icmpx_find_automatic().
	 */
	smp_wmb();
	sk_add_node_rcu(sk, automatic ? &ident->automatic : &ident->bound);
}

static int icmpx_add_serial(struct icmpx_ping_table *table, struct sock *sk)
{
	struct icmpx_ping_sockets *sockets = icmpx_ping_sockets(table, sk->sk_family);
	int err;

	err = xa_alloc_cyclic(&sockets->by_serial, &icmpx_ping_sk(sk)->serial, sk, xa_limit_32b,
			      &sockets->next_serial, GFP_ATOMIC);
	return err < 0 ? err : 0;
}

static void icmpx_remove_serial(struct icmpx_ping_table *table, struct sock *sk)
{
	xa_erase(&icmpx_ping_sockets(table, sk->sk_family)->by_serial, icmpx_ping_sk(sk)->serial);
}

static struct icmpx_ident *icmpx_ident_alloc(void)
{
	return kzalloc(sizeof(struct icmpx_ident), GFP_ATOMIC | __GFP_ACCOUNT);
}

/*
 * A socket gets the identifier of other sockets only if SO_REUSEADDR is on for each of
 * them. SO_REUSEADDR is on by default for ping sockets.
 */
static bool icmpx_conflicts(const struct icmpx_ident *ident, const struct sock *sk)
{
	const struct sock *other;

	if (!sk->sk_reuse)
		return true;
	sk_for_each(other, &ident->bound)
		if (!other->sk_reuse)
			return true;
	sk_for_each(other, &ident->automatic)
		if (!other->sk_reuse)
			return true;
	return false;
}

static int icmpx_take_locked(struct icmpx_ping_table *table, struct sock *sk, u16 id)
{
	struct icmpx_ident *ident = xa_load(&table->idents, id);
	int err;

	if (ident && icmpx_conflicts(ident, sk))
		return -EADDRINUSE;
	err = icmpx_add_serial(table, sk);
	if (err)
		return err;
	if (!ident) {
		ident = icmpx_ident_alloc();
		err = ident ? xa_insert(&table->idents, id, ident, GFP_ATOMIC) : -ENOMEM;
		if (err)
			goto err_ident;
	}
	icmpx_attach(table, sk, ident, id, false);
	return 0;

err_ident:
	kfree(ident);
	icmpx_remove_serial(table, sk);
	return err;
}

/**
 * icmpx_ping_take() - Give a socket the identifier that it asks for.
 * @table: the table
 * @sk: the socket, which has no identifier
 * @id: the identifier, not 0
 *
 * Context: process; @sk is locked. Does not sleep.
 *
 * Return: 0; -EADDRINUSE if another socket has the identifier and SO_REUSEADDR is off
 * for either socket; -ENOMEM.
 */
int icmpx_ping_take(struct icmpx_ping_table *table, struct sock *sk, u16 id)
{
	int err;

	spin_lock(&table->lock);
	err = icmpx_take_locked(table, sk, id);
	spin_unlock(&table->lock);
	return err;
}

/*
 * A host that has seen the last identifier must not be able to guess the next one: the
 * host could forge the reply to a request that it has not seen.
 */
static int icmpx_reserve_free(struct icmpx_ping_table *table, struct icmpx_ident *ident, u32 *id)
{
	unsigned int tries;
	int err;

	for (tries = 0; tries < ICMPX_RANDOM_TRIES; tries++) {
		*id = icmpx_random_id();
		if (xa_load(&table->idents, *id))
			continue;
		return xa_insert(&table->idents, *id, ident, GFP_ATOMIC);
	}
	err = xa_alloc(&table->idents, id, ident, XA_LIMIT(*id, ICMPX_ID_MAX), GFP_ATOMIC);
	if (err == -EBUSY)
		err = xa_alloc(&table->idents, id, ident, XA_LIMIT(1, ICMPX_ID_MAX), GFP_ATOMIC);
	return err == -EBUSY ? -EADDRINUSE : err;
}

static int icmpx_choose_locked(struct icmpx_ping_table *table, struct sock *sk)
{
	struct icmpx_ident *ident;
	u32 id;
	int err;

	err = icmpx_add_serial(table, sk);
	if (err)
		return err;
	ident = icmpx_ident_alloc();
	err = ident ? icmpx_reserve_free(table, ident, &id) : -ENOMEM;
	if (err) {
		kfree(ident);
		icmpx_remove_serial(table, sk);
		return err;
	}
	icmpx_attach(table, sk, ident, id, true);
	return 0;
}

/**
 * icmpx_ping_choose() - Choose an identifier that no other socket has.
 * @table: the table
 * @sk: the socket, which has no identifier
 *
 * Context: process; @sk is locked. Does not sleep.
 *
 * Return: 0; -EADDRINUSE if every identifier is taken; -ENOMEM.
 */
int icmpx_ping_choose(struct icmpx_ping_table *table, struct sock *sk)
{
	int err;

	spin_lock(&table->lock);
	err = icmpx_choose_locked(table, sk);
	spin_unlock(&table->lock);
	return err;
}

/* Finds the next identifier, from *@id to @last, that a socket with the peer @peer may share. */
static struct icmpx_ident *icmpx_find_shareable(struct icmpx_ping_table *table, int family,
						unsigned long *id, unsigned long last,
						const union icmpx_ping_address *peer)
{
	struct icmpx_ident *ident;

	for (ident = xa_find(&table->idents, id, last, ICMPX_SHAREABLE); ident;
	     ident = xa_find_after(&table->idents, id, last, ICMPX_SHAREABLE)) {
		if (!icmpx_peer_taken(table, family, *id, peer))
			return ident;
		/* The table may change while the lock is released: the search goes on from @id. */
		cond_resched_lock(&table->lock);
	}
	return NULL;
}

static int icmpx_share_locked(struct icmpx_ping_table *table, struct sock *sk,
			      const union icmpx_ping_address *peer)
{
	struct icmpx_ping_sock *psk = icmpx_ping_sk(sk);
	const unsigned long start = icmpx_random_id();
	unsigned long id = start;
	struct icmpx_ident *ident;
	int err;

	ident = icmpx_find_shareable(table, sk->sk_family, &id, ICMPX_ID_MAX, peer);
	if (!ident) {
		id = 1;
		ident = icmpx_find_shareable(table, sk->sk_family, &id, start, peer);
	}
	if (!ident)
		return -EADDRINUSE;
	err = icmpx_add_serial(table, sk);
	if (err)
		return err;
	err = icmpx_peer_insert(table, psk, id, peer);
	if (err) {
		icmpx_remove_serial(table, sk);
		return err;
	}
	icmpx_attach(table, sk, ident, id, true);
	return 0;
}

/**
 * icmpx_ping_share() - Choose an identifier that no socket connected to a peer has.
 * @table: the table
 * @sk: the socket, which has no identifier and is about to be connected
 * @peer: the address that @sk is to be connected to: unicast
 *
 * Used when no identifier is free. If sockets connected to the same peer have nearly all
 * identifiers, the search checks each of these, which takes some milliseconds.
 *
 * Context: process; @sk is locked.
 *
 * Return: 0; -EADDRINUSE if there is no such identifier; -ENOMEM.
 */
int icmpx_ping_share(struct icmpx_ping_table *table, struct sock *sk,
		     const union icmpx_ping_address *peer)
{
	int err;

	spin_lock(&table->lock);
	err = icmpx_share_locked(table, sk, peer);
	spin_unlock(&table->lock);
	return err;
}

/**
 * icmpx_ping_release() - Take a socket's identifier away.
 * @table: the table
 * @sk: the socket
 *
 * A packet whose lookup has already found the socket is still delivered to it.
 *
 * Context: process.
 *
 * Return: true if the socket had an identifier.
 */
bool icmpx_ping_release(struct icmpx_ping_table *table, struct sock *sk)
{
	struct icmpx_ping_sock *psk = icmpx_ping_sk(sk);
	struct icmpx_ident *ident;
	u16 id;

	spin_lock(&table->lock);
	ident = psk->ident;
	if (!ident)
		goto unlock;
	id = psk->inet.inet_num;
	icmpx_remove_serial(table, sk);
	sk_del_node_init_rcu(sk);
	if (!psk->has_peer)
		ident->alone--;
	icmpx_peer_remove(table, psk);
	if (hlist_empty(&ident->bound) && hlist_empty(&ident->automatic)) {
		xa_erase(&table->idents, id);
		kfree_rcu(ident, rcu);
	} else {
		icmpx_update_mark(table, id, ident);
	}
	psk->ident = NULL;
	WRITE_ONCE(psk->inet.inet_num, 0);
	WRITE_ONCE(psk->inet.inet_sport, 0);
unlock:
	spin_unlock(&table->lock);
	return ident;
}

/**
 * icmpx_ping_set_peer() - Let a socket share its identifier from now on.
 * @table: the table
 * @sk: the socket, which is connected
 * @peer: the address that @sk is connected to: unicast
 *
 * A socket that asked for its identifier is left unchanged, since an identifier that a
 * program has chosen is never shared this way. If there is no memory, the socket is left
 * unchanged, too.
 *
 * Context: process; @sk is locked.
 */
void icmpx_ping_set_peer(struct icmpx_ping_table *table, struct sock *sk,
			 const union icmpx_ping_address *peer)
{
	struct icmpx_ping_sock *psk = icmpx_ping_sk(sk);

	spin_lock(&table->lock);
	if (psk->ident && psk->automatic && !psk->has_peer &&
	    !icmpx_peer_insert(table, psk, psk->inet.inet_num, peer)) {
		psk->ident->alone--;
		icmpx_update_mark(table, psk->inet.inet_num, psk->ident);
	}
	spin_unlock(&table->lock);
}

/**
 * icmpx_ping_forget_peer() - Undo icmpx_ping_set_peer().
 * @table: the table
 * @sk: the socket, which is about to be connected again
 * @next: the address that @sk is to be connected to
 *
 * Context: process; @sk is locked.
 *
 * Return: 0; -EADDRINUSE if the socket shares its identifier, and so cannot
 * change its peer.
 */
int icmpx_ping_forget_peer(struct icmpx_ping_table *table, struct sock *sk,
			   const union icmpx_ping_address *next)
{
	struct icmpx_ping_sock *psk = icmpx_ping_sk(sk);
	int err = 0;

	spin_lock(&table->lock);
	if (!psk->has_peer)
		goto unlock;
	if (!hlist_is_singular_node(&sk->sk_node, &psk->ident->automatic)) {
		err = icmpx_peer_is(psk, next) ? 0 : -EADDRINUSE;
		goto unlock;
	}
	icmpx_peer_remove(table, psk);
	psk->ident->alone++;
	icmpx_update_mark(table, psk->inet.inet_num, psk->ident);
unlock:
	spin_unlock(&table->lock);
	return err;
}
