// SPDX-License-Identifier: GPL-2.0-only
/* Peers of ping sockets: what connect() does. */
#include <linux/bpf-cgroup.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/transp_v6.h>

#include "compat6.h"
#include "ping/internal.h"

/**
 * icmpx_ping_pre_connect() - Run the control group's BPF programs for connect().
 * @sk: the socket
 * @uaddr: the peer, which the programs may change
 * @addr_len: bytes at @uaddr
 *
 * Context: process.
 *
 * Return: 0; -EINVAL if @uaddr is too short for the fields that the programs may read;
 * what the programs return.
 */
int icmpx_ping_pre_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	if (addr_len < sizeof(struct sockaddr_in))
		return -EINVAL;
	return icmpx_run_bpf_connect4(sk, uaddr, &addr_len);
}

#if IS_ENABLED(CONFIG_IPV6)
/**
 * icmpx_ping6_pre_connect() - Run the control group's BPF programs for connect().
 * @sk: the socket, of IPv6
 * @uaddr: the peer, which the programs may change
 * @addr_len: bytes at @uaddr
 *
 * Context: process.
 *
 * Return: as icmpx_ping_pre_connect().
 */
int icmpx_ping6_pre_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	if (addr_len < SIN6_LEN_RFC2133)
		return -EINVAL;
	return icmpx_run_bpf_connect6(sk, uaddr, &addr_len);
}

static bool icmpx6_is_unicast(const struct in6_addr *address)
{
	const int type = ipv6_addr_type(address);

	return (type & IPV6_ADDR_UNICAST) && !(type & IPV6_ADDR_MAPPED);
}

/* Connects a socket of IPv6, which IPv4 is not for: ip6_datagram_connect_v6_only(). */
static int icmpx6_connect_datagram(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	if (uaddr->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	return __ip6_datagram_connect(sk, uaddr, addr_len);
}
#else
static bool icmpx6_is_unicast(const struct in6_addr *address)
{
	return false;
}

static int icmpx6_connect_datagram(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	return -EAFNOSUPPORT;
}
#endif

/* Replies to a request to a broadcast or multicast address have other source addresses. */
static bool icmpx_is_unicast(struct sock *sk, const union icmpx_ping_address *address)
{
	struct net *net = sock_net(sk);
	unsigned int type;
	u32 table;

	if (sk->sk_family == AF_INET6)
		return icmpx6_is_unicast(&address->v6);
	table = l3mdev_fib_table_by_index(net, sk->sk_bound_dev_if) ?: RT_TABLE_LOCAL;
	type = inet_addr_type_table(net, address->v4, table);
	return type == RTN_UNICAST || type == RTN_LOCAL;
}

/* Returns the address in a sockaddr, or zeroes if connect() refuses the sockaddr. */
static union icmpx_ping_address icmpx_requested_peer(const struct sock *sk,
						     const ICMPX_SOCKADDR *uaddr, int addr_len)
{
	const struct sockaddr_in6 *name6 = (const struct sockaddr_in6 *)uaddr;
	const struct sockaddr_in *name = (const struct sockaddr_in *)uaddr;
	union icmpx_ping_address address = {};

	if (uaddr->sa_family != sk->sk_family)
		return address;
	if (sk->sk_family == AF_INET6) {
		if (addr_len >= SIN6_LEN_RFC2133)
			address.v6 = name6->sin6_addr;
	} else if (addr_len >= sizeof(*name)) {
		address.v4 = name->sin_addr.s_addr;
	}
	return address;
}

/* The address that a socket is connected to. */
static union icmpx_ping_address icmpx_peer_of(const struct sock *sk)
{
	union icmpx_ping_address address = {};

	if (sk->sk_family == AF_INET6)
		address.v6 = sk->sk_v6_daddr;
	else
		address.v4 = inet_sk(sk)->inet_daddr;
	return address;
}

/* Chooses a free identifier; where none is free, an identifier whose sockets have other peers. */
static int icmpx_identify_connected(struct sock *sk, const union icmpx_ping_address *peer)
{
	struct inet_sock *inet = inet_sk(sk);
	struct net *net = sock_net(sk);
	int err;

	err = icmpx_ping_get_port(sk, 0);
	if (err == -EADDRINUSE && icmpx_is_unicast(sk, peer)) {
		err = icmpx_ping_share(&icmpx_net(net)->ping, sk, peer);
		if (!err)
			sock_prot_inuse_add(net, sk->sk_prot, 1);
	}
	if (err)
		return -EAGAIN;
	WRITE_ONCE(inet->inet_sport, htons(inet->inet_num));
	return 0;
}

static int icmpx_connect_locked(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	struct icmpx_ping_table *table = &icmpx_net(sock_net(sk))->ping;
	union icmpx_ping_address peer = icmpx_requested_peer(sk, uaddr, addr_len);
	const bool had_id = inet_sk(sk)->inet_num;
	int err;

	if (had_id)
		err = icmpx_ping_forget_peer(table, sk, &peer);
	else
		err = icmpx_identify_connected(sk, &peer);
	if (err)
		return err;

	if (sk->sk_family == AF_INET6)
		err = icmpx6_connect_datagram(sk, uaddr, addr_len);
	else
		err = __ip4_datagram_connect(sk, uaddr, addr_len);
	if (err && !had_id && icmpx_ping_sk(sk)->has_peer) {
		/*
		 * Replies are told apart by the peers of the sockets that share an identifier.
		 * The failed connect() leaves this socket without a peer.
		 */
		icmpx_ping_unhash(sk);
		return err;
	}
	peer = icmpx_peer_of(sk);
	if (sk->sk_state == TCP_ESTABLISHED && icmpx_is_unicast(sk, &peer))
		icmpx_ping_set_peer(table, sk, &peer);
	return err;
}

/**
 * icmpx_ping_connect() - connect(2).
 * @sk: the socket
 * @uaddr: the peer
 * @addr_len: bytes at @uaddr
 *
 * As long as the socket shares its identifier with no other socket, it also receives
 * replies from other addresses than its peer's.
 *
 * Context: process.
 *
 * Return: 0; -EAGAIN if there is no identifier for this peer; -EADDRINUSE if the
 * socket shares its identifier and so cannot change its peer; what
 * ip4_datagram_connect() or ip6_datagram_connect_v6_only() returns.
 */
int icmpx_ping_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	int err;

	lock_sock(sk);
	err = icmpx_connect_locked(sk, uaddr, addr_len);
	release_sock(sk);
	return err;
}
