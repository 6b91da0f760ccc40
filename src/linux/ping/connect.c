// SPDX-License-Identifier: GPL-2.0-only
/* Peers of ping sockets: what connect() does. */
#include <linux/bpf-cgroup.h>
#include <net/ip.h>
#include <net/l3mdev.h>
#include <net/route.h>

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

/* Replies to a request to a broadcast or multicast address have other source addresses. */
static bool icmpx_is_unicast(struct sock *sk, __be32 address)
{
	struct net *net = sock_net(sk);
	const u32 table = l3mdev_fib_table_by_index(net, sk->sk_bound_dev_if) ?: RT_TABLE_LOCAL;
	const unsigned int type = inet_addr_type_table(net, address, table);

	return type == RTN_UNICAST || type == RTN_LOCAL;
}

/* Returns the address in a sockaddr, or 0 if connect() refuses the sockaddr. */
static __be32 icmpx_peer_address(const ICMPX_SOCKADDR *uaddr, int addr_len)
{
	const struct sockaddr_in *name = (const struct sockaddr_in *)uaddr;

	return addr_len >= sizeof(*name) && name->sin_family == AF_INET ? name->sin_addr.s_addr : 0;
}

/* Chooses a free identifier; where none is free, an identifier whose sockets have other peers. */
static int icmpx_identify_connected(struct sock *sk, __be32 peer)
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
	inet->inet_sport = htons(inet->inet_num);
	return 0;
}

static int icmpx_connect_locked(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	struct icmpx_ping_table *table = &icmpx_net(sock_net(sk))->ping;
	const __be32 peer = icmpx_peer_address(uaddr, addr_len);
	struct inet_sock *inet = inet_sk(sk);
	const bool had_id = inet->inet_num;
	int err;

	if (had_id)
		err = icmpx_ping_forget_peer(table, sk, peer);
	else
		err = icmpx_identify_connected(sk, peer);
	if (err)
		return err;

	err = __ip4_datagram_connect(sk, uaddr, addr_len);
	if (err && !had_id && icmpx_ping_sk(sk)->has_peer) {
		/*
		 * Replies are told apart by the peers of the sockets that share an identifier.
		 * The failed connect() leaves this socket without a peer.
		 */
		icmpx_ping_unhash(sk);
		return err;
	}
	if (sk->sk_state == TCP_ESTABLISHED && icmpx_is_unicast(sk, inet->inet_daddr))
		icmpx_ping_set_peer(table, sk, inet->inet_daddr);
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
 * ip4_datagram_connect() returns.
 */
int icmpx_ping_connect(struct sock *sk, ICMPX_SOCKADDR *uaddr, int addr_len)
{
	int err;

	lock_sock(sk);
	err = icmpx_connect_locked(sk, uaddr, addr_len);
	release_sock(sk);
	return err;
}
