// SPDX-License-Identifier: GPL-2.0-only
/* Identifiers and local addresses of ping sockets: bind(), or sendmsg() of an unbound socket. */
#include <net/inet_sock.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "ping/internal.h"

/**
 * icmpx_ping_get_port() - Give a socket an identifier.
 * @sk: the socket, locked, which has no identifier
 * @id: the identifier that the socket asks for; 0 for any
 *
 * Context: process. Does not sleep.
 *
 * Return: 0; -EADDRINUSE if @id is taken, or if all identifiers are; -ENOMEM.
 */
int icmpx_ping_get_port(struct sock *sk, unsigned short id)
{
	struct net *net = sock_net(sk);
	struct icmpx_ping_table *table = &icmpx_net(net)->ping;
	int err;

	if (id)
		err = icmpx_ping_take(table, sk, id);
	else
		err = icmpx_ping_choose(table, sk);
	if (!err)
		sock_prot_inuse_add(net, sk->sk_prot, 1);
	return err;
}

/**
 * icmpx_ping_unhash() - Take a socket's identifier away, if it has one.
 * @sk: the socket
 *
 * Context: process.
 */
void icmpx_ping_unhash(struct sock *sk)
{
	struct net *net = sock_net(sk);

	if (icmpx_ping_release(&icmpx_net(net)->ping, sk))
		sock_prot_inuse_add(net, sk->sk_prot, -1);
}

static int icmpx_check_bind_address(struct sock *sk, const struct sockaddr_in *name, int len)
{
	struct net *net = sock_net(sk);
	u32 table;
	int type;

	if (len < sizeof(*name))
		return -EINVAL;
	if (name->sin_family != AF_INET &&
	    !(name->sin_family == AF_UNSPEC && name->sin_addr.s_addr == htonl(INADDR_ANY)))
		return -EAFNOSUPPORT;
	if (name->sin_addr.s_addr == htonl(INADDR_ANY))
		return 0;

	table = l3mdev_fib_table_by_index(net, sk->sk_bound_dev_if) ?: RT_TABLE_LOCAL;
	type = inet_addr_type_table(net, name->sin_addr.s_addr, table);
	if (type == RTN_LOCAL)
		return 0;
	if (type == RTN_BROADCAST || type == RTN_MULTICAST)
		return -EADDRNOTAVAIL;
	return inet_can_nonlocal_bind(net, inet_sk(sk)) ? 0 : -EADDRNOTAVAIL;
}

/*
 * With IP_BIND_ADDRESS_NO_PORT the identifier can wait until connect(), where
 * it may be shared.
 */
static bool icmpx_id_can_wait(const struct sock *sk, u16 id)
{
	return !id && icmpx_sk_bind_address_no_port(sk);
}

static void icmpx_set_address(struct sock *sk, const struct sockaddr_in *name)
{
	struct inet_sock *inet = inet_sk(sk);

	/* As in the built-in code, AF_UNSPEC leaves the address that the socket has. */
	if (name->sin_family == AF_INET) {
		inet->inet_saddr = name->sin_addr.s_addr;
		WRITE_ONCE(inet->inet_rcv_saddr, name->sin_addr.s_addr);
	}
	if (inet->inet_rcv_saddr)
		sk->sk_userlocks |= SOCK_BINDADDR_LOCK;
}

/* The identifier is at the same place in the address of each family. */
static int icmpx_bind_locked(struct sock *sk, const ICMPX_SOCKADDR *uaddr)
{
	const u16 id = ntohs(((const struct sockaddr_in *)uaddr)->sin_port);
	struct inet_sock *inet = inet_sk(sk);
	int err;

	BUILD_BUG_ON(offsetof(struct sockaddr_in, sin_port) !=
		     offsetof(struct sockaddr_in6, sin6_port));
	if (inet->inet_num)
		return -EINVAL;
	if (!icmpx_id_can_wait(sk, id)) {
		err = icmpx_ping_get_port(sk, id);
		if (err)
			return err;
	}
	if (sk->sk_family == AF_INET6)
		icmpx6_set_address(sk, (const struct sockaddr_in6 *)uaddr);
	else
		icmpx_set_address(sk, (const struct sockaddr_in *)uaddr);
	if (id)
		sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	WRITE_ONCE(inet->inet_sport, htons(inet->inet_num));
	inet->inet_daddr = 0;
	inet->inet_dport = 0;
	sk_dst_reset(sk);
	return 0;
}

/**
 * icmpx_ping_bind() - bind(2).
 * @sk: the socket
 * @uaddr: address to receive at, the unspecified one for all; its port is the identifier, 0
 *	for any
 * @addr_len: bytes at @uaddr
 *
 * Identifiers are not reserved for privileged processes, as low ports are.
 *
 * Context: process.
 *
 * Return: 0; -EINVAL, -EAFNOSUPPORT, -EADDRNOTAVAIL, -EADDRINUSE or -ENOMEM; for IPv6 also
 * -ENODEV.
 */
int icmpx_ping_bind(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	int err;

	if (sk->sk_family == AF_INET6)
		err = icmpx6_check_bind_address(sk, (const struct sockaddr_in6 *)uaddr, addr_len);
	else
		err = icmpx_check_bind_address(sk, (const struct sockaddr_in *)uaddr, addr_len);
	if (err)
		return err;
	lock_sock(sk);
	err = icmpx_bind_locked(sk, uaddr);
	release_sock(sk);
	return err;
}
