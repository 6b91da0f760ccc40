// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ping sockets by netlink, as /proc/net/icmpx has them. Each is found by its serial number with
 * one lookup, and told of with a reference and no lock held.
 */
#include <linux/sched.h>

#include "netlink/internal.h"
#include "ping/ping.h"

static int icmpx_socket_put_ends(struct sk_buff *skb, const struct sock *sk)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return nla_put_in6_addr(skb, ICMPX_A_SOCKET_LOCAL, &sk->sk_v6_rcv_saddr) ?:
		       nla_put_in6_addr(skb, ICMPX_A_SOCKET_REMOTE, &sk->sk_v6_daddr);
#endif
	return nla_put_in_addr(skb, ICMPX_A_SOCKET_LOCAL, inet_sk(sk)->inet_rcv_saddr) ?:
	       nla_put_in_addr(skb, ICMPX_A_SOCKET_REMOTE, inet_sk(sk)->inet_daddr);
}

static int icmpx_socket_fill(struct sk_buff *skb, struct netlink_callback *cb, struct sock *sk)
{
	struct user_namespace *user_ns = sk_user_ns(NETLINK_CB(cb->skb).sk);
	const int ifindex = READ_ONCE(sk->sk_bound_dev_if);
	const u16 id = ntohs(READ_ONCE(inet_sk(sk)->inet_sport));

	if (!id)
		return -ENOENT;
	if (nla_put_u8(skb, ICMPX_A_SOCKET_FAMILY, sk->sk_family) ||
	    nla_put_u16(skb, ICMPX_A_SOCKET_IDENT, id) ||
	    icmpx_socket_put_ends(skb, sk) ||
	    (ifindex && nla_put_u32(skb, ICMPX_A_SOCKET_IFINDEX, ifindex)) ||
	    (READ_ONCE(sk->sk_state) == TCP_ESTABLISHED &&
	     nla_put_flag(skb, ICMPX_A_SOCKET_CONNECTED)) ||
	    nla_put_u32(skb, ICMPX_A_SOCKET_UID, from_kuid_munged(user_ns, icmpx_sk_uid(sk))) ||
	    nla_put_u64_64bit(skb, ICMPX_A_SOCKET_INODE, (u64)sock_i_ino(sk), 0) ||
	    nla_put_u32(skb, ICMPX_A_SOCKET_SEND_QUEUE, sk_wmem_alloc_get(sk)) ||
	    nla_put_u32(skb, ICMPX_A_SOCKET_RECEIVE_QUEUE, sk_rmem_alloc_get(sk)) ||
	    nla_put_u32(skb, ICMPX_A_SOCKET_DROPS, icmpx_sk_drops(sk)))
		return -EMSGSIZE;
	/* Its identifier is what a socket that is closed loses first, and then its owner. */
	return READ_ONCE(inet_sk(sk)->inet_sport) ? 0 : -ENOENT;
}

/* A socket that has no identifier yet, or none any more, is left out: it could seem root's. */
static int icmpx_socket_dump(struct sk_buff *skb, struct netlink_callback *cb, struct sock *sk)
{
	void *header = icmpx_netlink_put(skb, cb, ICMPX_CMD_SOCKET_GET);
	int err;

	if (!header)
		return -EMSGSIZE;
	/* Linux may be writing some fields: each is told with its old or its new value. */
	err = data_race(icmpx_socket_fill(skb, cb, sk));
	if (err) {
		genlmsg_cancel(skb, header);
		return err == -ENOENT ? 0 : err;
	}
	genlmsg_end(skb, header);
	return 0;
}

int icmpx_socket_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	unsigned long serial;
	struct sock *sk;
	int err;

	for (; cb->args[0] < ARRAY_SIZE(icmpx_families); cb->args[0]++, cb->args[1] = 0) {
		const u8 family = icmpx_families[cb->args[0]];

		if (!icmpx_netlink_wants(cb, family))
			continue;
		for (serial = cb->args[1]; (sk = icmpx_ping_get_next(net, family, &serial));
		     serial++) {
			err = icmpx_socket_dump(skb, cb, sk);
			sock_put(sk);
			if (err) {
				cb->args[1] = serial;
				return skb->len ?: err;
			}
			cond_resched();
		}
	}
	return skb->len;
}
