// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket diagnostics, see sock_diag(7): icmpx_diag.ko tells programs such as ss of the ping
 * sockets of icmpx, and closes one for an administrator.
 *
 * Linux loads this module when a program asks for sockets of ICMP, which takes no
 * privilege. So the module must neither bring icmpx with it nor keep icmpx from being
 * unloaded: it is linked with no symbol of icmpx, and gets each function with symbol_get(),
 * which holds a reference to icmpx until symbol_put().
 *
 * No lock is held while a socket is told of. The search for the next socket is under RCU,
 * and everything after it has a reference to the socket.
 */
#include <linux/inet_diag.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sock_diag.h>
#include <net/netlink.h>

#include "ping/ping.h"

/* Since 6.18 the kernel parses the byte code once for each dump. */
static bool icmpx_diag_passes(const struct inet_diag_dump_data *data, struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return inet_diag_bc_sk(data, sk);
#else
	return inet_diag_bc_sk(data->inet_diag_nla_bc, sk);
#endif
}

static size_t icmpx_diag_address_size(int family)
{
	return family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(__be32);
}

/* Whether @address is @wanted, or @wanted is the unspecified address. */
static bool icmpx_diag_is(const __be32 *address, const __be32 *wanted, int family)
{
	const size_t size = icmpx_diag_address_size(family);

	return !memchr_inv(wanted, 0, size) || !memcmp(address, wanted, size);
}

/* Whether a socket is one that a dump asks for: what the request leaves 0 may be anything. */
static bool icmpx_diag_wanted(struct sock *sk, const struct inet_diag_req_v2 *req)
{
	const struct inet_diag_sockid *wanted = &req->id;
	struct inet_diag_msg msg;

	if (!(req->idiag_states & BIT(READ_ONCE(sk->sk_state))))
		return false;
	inet_diag_msg_common_fill(&msg, sk);
	return (!wanted->idiag_sport || msg.id.idiag_sport == wanted->idiag_sport) &&
	       (!wanted->idiag_dport || msg.id.idiag_dport == wanted->idiag_dport) &&
	       (!wanted->idiag_if || msg.id.idiag_if == wanted->idiag_if) &&
	       icmpx_diag_is(msg.id.idiag_src, wanted->idiag_src, sk->sk_family) &&
	       icmpx_diag_is(msg.id.idiag_dst, wanted->idiag_dst, sk->sk_family);
}

/*
 * Whether a socket is the one of a single request, whose identifier it has: a packet with
 * the addresses and the device of the request would be for the socket.
 */
static bool icmpx_diag_fits(struct sock *sk, const void *what)
{
	const struct inet_diag_req_v2 *req = what;
	struct inet_diag_msg msg;

	inet_diag_msg_common_fill(&msg, sk);
	return (!msg.id.idiag_if || req->id.idiag_if == msg.id.idiag_if) &&
	       icmpx_diag_is(req->id.idiag_src, msg.id.idiag_src, sk->sk_family) &&
	       icmpx_diag_is(req->id.idiag_dst, msg.id.idiag_dst, sk->sk_family) &&
	       !sock_diag_check_cookie(sk, req->id.idiag_cookie);
}

/* The socket of a single request, with a reference; -ENOENT if there is none. */
static struct sock *icmpx_diag_find(struct net *net, const struct inet_diag_req_v2 *req, int family)
{
	struct sock *(*get_holder)(struct net *net, int family, u16 id,
				   bool (*fits)(struct sock *sk, const void *what),
				   const void *what);
	struct sock *sk;

	if (req->sdiag_family != family)
		return ERR_PTR(-ENOENT);
	get_holder = symbol_get(icmpx_ping_get_holder);
	if (!get_holder)
		return ERR_PTR(-ENOENT);
	sk = get_holder(net, family, ntohs(req->id.idiag_sport), icmpx_diag_fits, req);
	symbol_put(icmpx_ping_get_holder);
	return sk ?: ERR_PTR(-ENOENT);
}

/* A message has room for each attribute that a request can ask for. */
static struct sk_buff *icmpx_diag_alloc(void)
{
	return nlmsg_new(NLMSG_ALIGN(sizeof(struct inet_diag_msg)) + inet_diag_msg_attrs_size() +
				 nla_total_size(sizeof(struct inet_diag_meminfo)) +
				 nla_total_size(SK_MEMINFO_VARS * sizeof(u32)),
			 GFP_KERNEL);
}

static int icmpx_diag_dump_one(struct netlink_callback *cb, const struct inet_diag_req_v2 *req,
			       int family)
{
	const bool net_admin = netlink_net_capable(cb->skb, CAP_NET_ADMIN);
	struct net *net = sock_net(cb->skb->sk);
	struct sk_buff *reply;
	struct sock *sk;
	int err = -ENOMEM;

	sk = icmpx_diag_find(net, req, family);
	if (IS_ERR(sk))
		return PTR_ERR(sk);
	reply = icmpx_diag_alloc();
	if (!reply)
		goto put;
	err = inet_sk_diag_fill(sk, NULL, reply, cb, req, 0, net_admin);
	if (err)
		nlmsg_free(reply);
	else
		err = nlmsg_unicast(net->diag_nlsk, reply, NETLINK_CB(cb->skb).portid);
put:
	sock_put(sk);
	return err;
}

/*
 * Tells of one socket of a dump. One that has no identifier yet is left out, and so is one that is
 * closed meanwhile: it has lost its identifier before its owner, and would seem to be root's.
 */
static int icmpx_diag_fill(struct sock *sk, struct sk_buff *skb, struct netlink_callback *cb,
			   const struct inet_diag_req_v2 *req, bool net_admin)
{
	const void *begin = skb_tail_pointer(skb);
	int err;

	if (!READ_ONCE(inet_sk(sk)->inet_sport))
		return 0;
	err = inet_sk_diag_fill(sk, NULL, skb, cb, req, NLM_F_MULTI, net_admin);
	if (!err && !READ_ONCE(inet_sk(sk)->inet_sport))
		nlmsg_trim(skb, begin);
	return err;
}

/*
 * Fills one message of a dump; the dump goes on at the serial number in cb->args[0].
 *
 * Sockets that no message has room for wait for the next one. If there is room for none at
 * all, the kernel calls again with more room, or ends the dump.
 */
static void icmpx_diag_dump(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct inet_diag_req_v2 *req, int family)
{
	const bool net_admin = netlink_net_capable(cb->skb, CAP_NET_ADMIN);
	struct sock *(*get_next)(struct net *net, int family, unsigned long *serial);
	unsigned long serial = cb->args[0];
	struct sock *sk;
	int err = 0;

	if (req->sdiag_family != family)
		return;
	get_next = symbol_get(icmpx_ping_get_next);
	if (!get_next) {
		/* icmpx has gone: what was told so far is not all, which NLM_F_DUMP_INTR says. */
		cb->prev_seq = 1;
		cb->seq = 2;
		return;
	}
	for (; (sk = get_next(sock_net(skb->sk), family, &serial)); serial++) {
		if (icmpx_diag_wanted(sk, req) && icmpx_diag_passes(cb->data, sk))
			err = icmpx_diag_fill(sk, skb, cb, req, net_admin);
		sock_put(sk);
		if (err)
			break;
		cond_resched();
	}
	symbol_put(icmpx_ping_get_next);
	cb->args[0] = serial;
}

static void icmpx_diag_get_info(struct sock *sk, struct inet_diag_msg *msg, void *info)
{
	msg->idiag_rqueue = sk_rmem_alloc_get(sk);
	msg->idiag_wqueue = sk_wmem_alloc_get(sk);
}

/* sock_diag_destroy() asks for CAP_NET_ADMIN in the user namespace of the socket. */
static int __maybe_unused icmpx_diag_destroy(struct sk_buff *request,
					     const struct inet_diag_req_v2 *req, int family)
{
	struct sock *sk;
	int err;

	sk = icmpx_diag_find(sock_net(request->sk), req, family);
	if (IS_ERR(sk))
		return PTR_ERR(sk);
	err = sock_diag_destroy(sk, ECONNABORTED);
	sock_put(sk);
	return err;
}

static int icmpx_diag4_dump_one(struct netlink_callback *cb, const struct inet_diag_req_v2 *req)
{
	return icmpx_diag_dump_one(cb, req, AF_INET);
}

static void icmpx_diag4_dump(struct sk_buff *skb, struct netlink_callback *cb,
			     const struct inet_diag_req_v2 *req)
{
	icmpx_diag_dump(skb, cb, req, AF_INET);
}

static int __maybe_unused icmpx_diag4_destroy(struct sk_buff *request,
					      const struct inet_diag_req_v2 *req)
{
	return icmpx_diag_destroy(request, req, AF_INET);
}

static const struct inet_diag_handler icmpx_diag4 = {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	.owner = THIS_MODULE,
#endif
	.dump = icmpx_diag4_dump,
	.dump_one = icmpx_diag4_dump_one,
	.idiag_get_info = icmpx_diag_get_info,
#ifdef CONFIG_INET_DIAG_DESTROY
	.destroy = icmpx_diag4_destroy,
#endif
	.idiag_type = IPPROTO_ICMP,
};

static int icmpx_diag6_dump_one(struct netlink_callback *cb, const struct inet_diag_req_v2 *req)
{
	return icmpx_diag_dump_one(cb, req, AF_INET6);
}

static void icmpx_diag6_dump(struct sk_buff *skb, struct netlink_callback *cb,
			     const struct inet_diag_req_v2 *req)
{
	icmpx_diag_dump(skb, cb, req, AF_INET6);
}

static int __maybe_unused icmpx_diag6_destroy(struct sk_buff *request,
					      const struct inet_diag_req_v2 *req)
{
	return icmpx_diag_destroy(request, req, AF_INET6);
}

static const struct inet_diag_handler icmpx_diag6 = {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	.owner = THIS_MODULE,
#endif
	.dump = icmpx_diag6_dump,
	.dump_one = icmpx_diag6_dump_one,
	.idiag_get_info = icmpx_diag_get_info,
#ifdef CONFIG_INET_DIAG_DESTROY
	.destroy = icmpx_diag6_destroy,
#endif
	.idiag_type = IPPROTO_ICMPV6,
};

/* Without icmpx, a program must not be told that there are no ping sockets. */
static int __init icmpx_diag_init(void)
{
	int err;

	if (!symbol_get(icmpx_ping_get_next))
		return -ENODEV;
	symbol_put(icmpx_ping_get_next);
	err = inet_diag_register(&icmpx_diag4);
	if (err)
		return err;
	err = inet_diag_register(&icmpx_diag6);
	if (err)
		inet_diag_unregister(&icmpx_diag4);
	return err;
}

static void __exit icmpx_diag_exit(void)
{
	inet_diag_unregister(&icmpx_diag6);
	inet_diag_unregister(&icmpx_diag4);
}

module_init(icmpx_diag_init);
module_exit(icmpx_diag_exit);

MODULE_DESCRIPTION("Socket diagnostics of icmpx");
MODULE_AUTHOR("The icmpx developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
/* What the kernel asks modprobe for. It asks for 2-58 only if IPv4 has a protocol 58, too. */
MODULE_ALIAS("net-pf-" __stringify(PF_NETLINK) "-proto-" __stringify(NETLINK_SOCK_DIAG)
	     "-type-2-1");
MODULE_ALIAS("net-pf-" __stringify(PF_NETLINK) "-proto-" __stringify(NETLINK_SOCK_DIAG)
	     "-type-2-58");
