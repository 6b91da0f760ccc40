// SPDX-License-Identifier: GPL-2.0-only
/*
 * What icmpx_diag.ko needs of ping sockets, see diag/diag.c.
 *
 * icmpx_diag.ko gets these functions with symbol_get(), which compares no versions: a
 * function whose arguments change gets another name.
 */
#include <linux/export.h>
#include <net/udp.h>

#include "ping/internal.h"

/**
 * icmpx_ping_get_next() - Find the next socket that has an identifier.
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 * @serial: serial number to begin at; set to the serial number of the socket
 *
 * A caller that goes on at the next serial number sees each socket at most once, and
 * misses no socket that has an identifier from the first call to the last.
 *
 * Context: process.
 *
 * Return: the socket, with a reference; NULL if there is none.
 */
struct sock *icmpx_ping_get_next(struct net *net, int family, unsigned long *serial)
{
	struct icmpx_ping_table *table = &icmpx_net(net)->ping;
	struct xarray *sockets = &icmpx_ping_sockets(table, family)->by_serial;
	struct sock *sk;

	rcu_read_lock();
	sk = xa_find(sockets, serial, U32_MAX, XA_PRESENT);
	while (sk && !refcount_inc_not_zero(&sk->sk_refcnt))
		sk = xa_find_after(sockets, serial, U32_MAX, XA_PRESENT);
	rcu_read_unlock();
	return sk;
}
EXPORT_SYMBOL_GPL(icmpx_ping_get_next);

static struct sock *icmpx_find_on(struct hlist_head *list, int family,
				  bool (*fits)(struct sock *sk, const void *what), const void *what)
{
	struct sock *sk;

	sk_for_each(sk, list)
		if (sk->sk_family == family && fits(sk, what))
			return sk;
	return NULL;
}

/**
 * icmpx_ping_get_holder() - Find a socket among those that have an identifier.
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 * @id: the identifier
 * @fits: whether a socket is the one; does not sleep
 * @what: the second argument of @fits
 *
 * Context: process.
 *
 * Return: the socket, with a reference; NULL if there is none.
 */
struct sock *icmpx_ping_get_holder(struct net *net, int family, u16 id,
				   bool (*fits)(struct sock *sk, const void *what),
				   const void *what)
{
	struct icmpx_ping_table *table = &icmpx_net(net)->ping;
	struct icmpx_ident *ident;
	struct sock *sk = NULL;

	spin_lock(&table->lock);
	ident = xa_load(&table->idents, id);
	if (ident) {
		sk = icmpx_find_on(&ident->bound, family, fits, what) ?:
		     icmpx_find_on(&ident->automatic, family, fits, what);
		if (sk)
			sock_hold(sk);
	}
	spin_unlock(&table->lock);
	return sk;
}
EXPORT_SYMBOL_GPL(icmpx_ping_get_holder);

/**
 * icmpx_ping_abort() - Close a socket in place of the program that has it.
 * @sk: the socket
 * @err: errno that the program's next call returns
 *
 * The socket loses its peer and its identifier, also one that it asked for, and is in no
 * table any more. As with UDP, the program may use the socket again.
 *
 * Context: process.
 *
 * Return: 0.
 */
int icmpx_ping_abort(struct sock *sk, int err)
{
	lock_sock(sk);
	WRITE_ONCE(sk->sk_err, err);
	sk_error_report(sk);
	/* Or __udp_disconnect() would leave the identifier to the socket. */
	sk->sk_userlocks &= ~SOCK_BINDPORT_LOCK;
	__udp_disconnect(sk, 0);
	release_sock(sk);
	return 0;
}
