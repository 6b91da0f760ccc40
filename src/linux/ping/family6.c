// SPDX-License-Identifier: GPL-2.0-only
/* The family of ping sockets of IPv6, see family.c. */
#include <linux/module.h>
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/ipv6.h>
#include <net/protocol.h>
#include <net/transp_v6.h>

#include "ping/internal.h"

/**
 * struct icmpx_ping6_sock - a ping socket of IPv6
 * @ping: what sockets of both families have
 * @inet6: the kernel's part for IPv6; last, where kernels before 6.6 expect it
 */
struct icmpx_ping6_sock {
	struct icmpx_ping_sock ping;
	struct ipv6_pinfo inet6;
};

static_assert(offsetofend(struct icmpx_ping6_sock, inet6) == sizeof(struct icmpx_ping6_sock));

struct proto icmpx_ping6_prot = {
	.name = "ICMPXv6",
	.owner = THIS_MODULE,
	.init = icmpx_ping_init_sock,
	.close = icmpx_ping_close,
	.pre_connect = icmpx_ping6_pre_connect,
	.connect = icmpx_ping_connect,
	.disconnect = icmpx_ping_disconnect,
	.setsockopt = ipv6_setsockopt,
	.getsockopt = ipv6_getsockopt,
	.sendmsg = icmpx_ping6_sendmsg,
	.recvmsg = icmpx_ping_recvmsg,
	.bind = icmpx_ping_bind,
	.backlog_rcv = icmpx_ping_queue,
	.hash = icmpx_ping_hash,
	.unhash = icmpx_ping_unhash,
	.get_port = icmpx_ping_get_port,
	.put_port = icmpx_ping_unhash,
	.diag_destroy = icmpx_ping_abort,
	.obj_size = sizeof(struct icmpx_ping6_sock),
#if ICMPX_PROTO_HAS_PINFO_OFFSET
	.ipv6_pinfo_offset = offsetof(struct icmpx_ping6_sock, inet6),
#endif
};

static const struct proto_ops icmpx_ping6_ops = {
	.family = PF_INET6,
	.owner = THIS_MODULE,
	.release = inet6_release,
	.bind = inet6_bind,
	.connect = icmpx_ping_ops_connect,
	.socketpair = sock_no_socketpair,
	.accept = sock_no_accept,
	.getname = inet6_getname,
	.poll = datagram_poll,
	.ioctl = inet6_ioctl,
	.gettstamp = sock_gettstamp,
	.listen = sock_no_listen,
	.shutdown = inet_shutdown,
	.setsockopt = sock_common_setsockopt,
	.getsockopt = sock_common_getsockopt,
	.sendmsg = inet_sendmsg,
	.recvmsg = inet_recvmsg,
	.mmap = sock_no_mmap,
#ifdef CONFIG_COMPAT
	.compat_ioctl = inet6_compat_ioctl,
#endif
};

static struct inet_protosw icmpx_ping6_protosw = {
	.type = SOCK_DGRAM,
	.protocol = IPPROTO_ICMPV6,
	.prot = &icmpx_ping6_prot,
	.ops = &icmpx_ping6_ops,
	.flags = INET_PROTOSW_REUSE,
};

/**
 * icmpx_ping6_init() - IPv6's part of icmpx_ping_init().
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM or -ENOBUFS.
 */
int __init icmpx_ping6_init(void)
{
	return icmpx_handles_ipv6() ? proto_register(&icmpx_ping6_prot, 1) : 0;
}

/**
 * icmpx_ping6_exit() - Undo icmpx_ping6_init().
 *
 * Context: process; no socket of the family is left.
 */
void icmpx_ping6_exit(void)
{
	if (icmpx_handles_ipv6())
		proto_unregister(&icmpx_ping6_prot);
}

/**
 * icmpx_ping6_take_over() - IPv6's part of icmpx_ping_take_over().
 *
 * Context: process.
 */
void icmpx_ping6_take_over(void)
{
	/* It fails only where another family may not be overridden, and the built-in one may. */
	if (icmpx_handles_ipv6())
		WARN_ON(inet6_register_protosw(&icmpx_ping6_protosw));
}

static void icmpx_ping6_unregister(struct work_struct *work)
{
	inet6_unregister_protosw(&icmpx_ping6_protosw);
}

static DECLARE_WORK(icmpx_ping6_unregister_work, icmpx_ping6_unregister);

/**
 * icmpx_ping6_start_give_back() - Begin to undo icmpx_ping6_take_over().
 *
 * A worker does it, see icmpx_ping_give_back(): one of high priority, which runs at once.
 *
 * Context: process.
 */
void icmpx_ping6_start_give_back(void)
{
	if (icmpx_handles_ipv6())
		queue_work(system_highpri_wq, &icmpx_ping6_unregister_work);
}

/**
 * icmpx_ping6_finish_give_back() - Wait until icmpx_ping6_take_over() is undone.
 *
 * The caller waits for tasks that may be about to open a socket.
 *
 * Context: process; no socket of the family is left.
 */
void icmpx_ping6_finish_give_back(void)
{
	if (icmpx_handles_ipv6())
		flush_work(&icmpx_ping6_unregister_work);
}
