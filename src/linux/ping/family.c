// SPDX-License-Identifier: GPL-2.0-only
/*
 * The family of ping sockets: permission to open one, and registration with Linux. What is
 * particular to sockets of IPv6 is in family6.c.
 *
 * inet_register_protosw() puts the family of icmpx before the built-in family, which
 * socket() finds again when the family of icmpx is unregistered. Sockets that were opened
 * before registration stay with the built-in code.
 */
#include <linux/cred.h>
#include <linux/module.h>
#include <net/inet_common.h>
#include <net/protocol.h>
#include <net/udp.h>

#include "icmpx.h"
#include "ping/internal.h"

/**
 * icmpx_group_range() - Read the setting ping_group_range.
 * @net: the namespace
 * @range: set to the first and the last group that may open ping sockets
 *
 * Context: any.
 */
void icmpx_group_range(struct net *net, kgid_t range[2])
{
	unsigned int seq;

	do {
		seq = read_seqbegin(&net->ipv4.ping_group_range.lock);
		range[0] = net->ipv4.ping_group_range.range[0];
		range[1] = net->ipv4.ping_group_range.range[1];
	} while (read_seqretry(&net->ipv4.ping_group_range.lock, seq));
}

static bool icmpx_group_in(kgid_t group, const kgid_t range[2])
{
	return gid_lte(range[0], group) && gid_lte(group, range[1]);
}

/* At least one group of the process must be in the range of ping_group_range. */
static int icmpx_ping_may_open(struct net *net)
{
	struct group_info *groups;
	kgid_t range[2];
	int i, err = -EACCES;

	icmpx_group_range(net, range);
	if (icmpx_group_in(current_egid(), range))
		return 0;

	groups = get_current_groups();
	for (i = 0; i < groups->ngroups && err; i++)
		if (icmpx_group_in(groups->gid[i], range))
			err = 0;
	put_group_info(groups);
	return err;
}

/**
 * icmpx_ping_init_sock() - Set up a new socket.
 * @sk: the socket
 *
 * The packet path and readers of /proc/net/icmpx look up sockets under RCU, without a
 * reference, so a socket is freed after a grace period. A socket that is refused here is in
 * no table and is freed at once: until it is freed, it holds a reference to the module.
 *
 * Context: process.
 *
 * Return: 0; -EACCES if the process may not open ping sockets.
 */
int icmpx_ping_init_sock(struct sock *sk)
{
	const int err = icmpx_ping_may_open(sock_net(sk));

	if (err)
		return err;
	if (sk->sk_family == AF_INET6)
		sk->sk_ipv6only = 1;
	sock_set_flag(sk, SOCK_RCU_FREE);
	return 0;
}

/**
 * icmpx_ping_disconnect() - connect(2) to AF_UNSPEC.
 * @sk: the socket
 * @flags: of the file
 *
 * Context: process.
 *
 * Return: 0.
 */
int icmpx_ping_disconnect(struct sock *sk, int flags)
{
	lock_sock(sk);
	__udp_disconnect(sk, flags);
	release_sock(sk);
	return 0;
}

/* close(2). Context: process. */
void icmpx_ping_close(struct sock *sk, long timeout)
{
	sk_common_release(sk);
}

/* Never called: Linux hashes a new socket only if inet_num is set, and a ping socket has none. */
int icmpx_ping_hash(struct sock *sk)
{
	return -EINVAL;
}

struct proto icmpx_ping_prot = {
	.name = "ICMPX",
	.owner = THIS_MODULE,
	.init = icmpx_ping_init_sock,
	.close = icmpx_ping_close,
	.pre_connect = icmpx_ping_pre_connect,
	.connect = icmpx_ping_connect,
	.disconnect = icmpx_ping_disconnect,
	.setsockopt = ip_setsockopt,
	.getsockopt = ip_getsockopt,
	.sendmsg = icmpx_ping_sendmsg,
	.recvmsg = icmpx_ping_recvmsg,
	.bind = icmpx_ping_bind,
	.backlog_rcv = icmpx_ping_queue,
	.release_cb = ip4_datagram_release_cb,
	.hash = icmpx_ping_hash,
	.unhash = icmpx_ping_unhash,
	.get_port = icmpx_ping_get_port,
	.put_port = icmpx_ping_unhash,
	.diag_destroy = icmpx_ping_abort,
	.obj_size = sizeof(struct icmpx_ping_sock),
};

/**
 * icmpx_ping_ops_connect() - connect(2), up to the protocol.
 * @sock: the socket
 * @uaddr: the peer, or AF_UNSPEC
 * @addr_len: bytes at @uaddr
 * @flags: of the file
 *
 * Like inet_dgram_connect(), but without its autobind: that chooses the identifier before
 * the peer is known, and the peer decides which identifiers the socket can share.
 *
 * Context: process.
 *
 * Return: 0 or a negative errno.
 */
int icmpx_ping_ops_connect(struct socket *sock, ICMPX_SOCKADDR *uaddr, int addr_len, int flags)
{
	struct sock *sk = sock->sk;
	int err;

	if (addr_len < sizeof(uaddr->sa_family))
		return -EINVAL;
	if (uaddr->sa_family == AF_UNSPEC)
		return sk->sk_prot->disconnect(sk, flags);
	if (BPF_CGROUP_PRE_CONNECT_ENABLED(sk)) {
		err = sk->sk_prot->pre_connect(sk, uaddr, addr_len);
		if (err)
			return err;
	}
	return sk->sk_prot->connect(sk, uaddr, addr_len);
}

#ifdef CONFIG_COMPAT
static int icmpx_ping_compat_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return inet_dgram_ops.compat_ioctl(sock, cmd, arg);
}
#endif

static const struct proto_ops icmpx_ping_ops = {
	.family = PF_INET,
	.owner = THIS_MODULE,
	.release = inet_release,
	.bind = inet_bind,
	.connect = icmpx_ping_ops_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept,
	.getname = inet_getname,
	.poll = datagram_poll,
	.ioctl = inet_ioctl,
	.gettstamp = sock_gettstamp,
	.listen = sock_no_listen,
	.shutdown = inet_shutdown,
	.setsockopt = sock_common_setsockopt,
	.getsockopt = sock_common_getsockopt,
	.sendmsg = inet_sendmsg,
	.recvmsg = inet_recvmsg,
	.mmap = sock_no_mmap,
#ifdef CONFIG_COMPAT
	.compat_ioctl = icmpx_ping_compat_ioctl,
#endif
};

static struct inet_protosw icmpx_ping_protosw = {
	.type = SOCK_DGRAM,
	.protocol = IPPROTO_ICMP,
	.prot = &icmpx_ping_prot,
	.ops = &icmpx_ping_ops,
	.flags = INET_PROTOSW_REUSE,
};

/**
 * icmpx_ping_init() - Register the protocol; socket() does not find the family yet.
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM or -ENOBUFS.
 */
int __init icmpx_ping_init(void)
{
	int err;

	err = proto_register(&icmpx_ping_prot, 1);
	if (err)
		return err;
	err = icmpx_ping6_init();
	if (err)
		proto_unregister(&icmpx_ping_prot);
	return err;
}

/**
 * icmpx_ping_exit() - Undo icmpx_ping_init().
 *
 * Context: process; no socket of the family is left.
 */
void icmpx_ping_exit(void)
{
	icmpx_ping6_exit();
	proto_unregister(&icmpx_ping_prot);
}

/**
 * icmpx_ping_take_over() - Let icmpx serve every ping socket that is opened from now on.
 *
 * Context: process.
 */
void icmpx_ping_take_over(void)
{
	inet_register_protosw(&icmpx_ping_protosw);
	icmpx_builtin_find(&icmpx_ping_protosw);
	icmpx_ping6_take_over();
}

/**
 * icmpx_ping_give_back() - Let the built-in code serve ping sockets that are opened from now on.
 *
 * From the moment when the module's end is certain to the moment when its family is off the
 * list, socket() fails. Taking a family off waits for a grace period: the two families go at
 * the same time, or one of them would refuse sockets while the other waits.
 *
 * socket() looks up the family under RCU, and takes the reference to this module after
 * it has allocated the socket. A task between these two steps has no reference when the
 * module's references are counted, and the task may be preempted: synchronize_rcu_tasks()
 * waits until the task has failed to get the reference. synchronize_rcu_tasks() does not
 * wait for a task that sleeps in the allocation: a module that registers a protocol
 * cannot learn of such a task.
 *
 * Context: process; no socket of the family is left.
 */
void icmpx_ping_give_back(void)
{
	icmpx_ping6_start_give_back();
	inet_unregister_protosw(&icmpx_ping_protosw);
	icmpx_ping6_finish_give_back();
	synchronize_rcu_tasks();
}
