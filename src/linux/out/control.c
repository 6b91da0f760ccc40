// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control sockets. A packet that this host sends on its own is charged to a control
 * socket until it is freed, so the send buffer of the socket bounds how many packets may
 * wait in queues.
 *
 * Packets that wait because of one namespace, or in one device's queue, must leave room
 * for all other packets of the CPU: any user may hold replies back, in a queue of a
 * namespace that belongs to that user. So each namespace has sockets of its own, on each
 * CPU some for replies and some for errors, by the device that the packets leave by.
 * Most of these sockets are never needed, since a namespace has few devices and answers
 * on few CPUs: a socket is created when the first packet needs it, and goes with the
 * namespace.
 *
 * A packet may outlive its namespace and the module. The packet keeps its socket by
 * sk_wmem_alloc, and by sk_refcnt where a queue of netfilter or netem holds the packet.
 * The socket is freed with the last packet, by code of the kernel alone.
 */
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/inet_sock.h>

#include "icmpx.h"
#include "out/control.h"

/* Whether the CPU is between icmpx_send_begin() and icmpx_send_end(), and the same of IPv6. */
DEFINE_PER_CPU(bool, icmpx_busy);
DEFINE_PER_CPU(bool, icmpx6_busy);

/*
 * The templates: all control sockets of a family are clones of one socket, which sends no
 * packet. Without IPv6 the second is NULL.
 */
static struct sock *icmpx_control_models[2];

/*
 * Packets in flight for each socket: eight messages of 64 KiB, or some hundred small
 * ones. A reply in the buffer of its request is charged with the buffer that the driver
 * allocated, often a page for 84 bytes. So this is more than the two messages that are
 * enough for copies, whose buffers are of the right size.
 */
#define ICMPX_SNDBUF (8 * SKB_TRUESIZE(64 * 1024))

struct icmpx_create_work {
	struct work_struct work;
	int err;
};

static struct sock **icmpx_model_of(int pf)
{
	return &icmpx_control_models[pf == PF_INET6];
}

static int icmpx_create_model(int pf, u8 protocol)
{
	struct sock *sk;
	int err;

	err = inet_ctl_sock_create(&sk, pf, SOCK_RAW, protocol, &init_net);
	if (err)
		return err;
	sk->sk_sndbuf = ICMPX_SNDBUF;
	/* No writer waits for room in the send buffer, so sock_wfree() need not wake one. */
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	inet_sk(sk)->pmtudisc = IP_PMTUDISC_DONT;
	*icmpx_model_of(pf) = sk;
	return 0;
}

static void icmpx_create_models(struct work_struct *work)
{
	struct icmpx_create_work *create = container_of(work, struct icmpx_create_work, work);

	create->err = icmpx_create_model(PF_INET, IPPROTO_ICMP);
	if (!create->err && icmpx_handles_ipv6())
		create->err = icmpx_create_model(PF_INET6, IPPROTO_ICMPV6);
	if (create->err)
		icmpx_control_exit();
}

/**
 * icmpx_control_init() - Create the templates of control sockets.
 *
 * A socket belongs to the control group of the task that creates it, and its packets are
 * under the filters of that group (BPF, net_cls). Replies do not belong to the task that
 * loads the module, but to the kernel. So a kernel worker creates the templates, in the
 * root group, and the clones inherit this group.
 *
 * Context: process.
 *
 * Return: 0 or a negative errno, with nothing left behind.
 */
int icmpx_control_init(void)
{
	struct icmpx_create_work create;

	INIT_WORK_ONSTACK(&create.work, icmpx_create_models);
	queue_work(icmpx_wq, &create.work);
	flush_work(&create.work);
	destroy_work_on_stack(&create.work);
	return create.err;
}

/**
 * icmpx_control_exit() - Release the templates of control sockets.
 *
 * Context: process; no namespace has control sockets any more.
 */
void icmpx_control_exit(void)
{
	inet_ctl_sock_destroy(*icmpx_model_of(PF_INET6));
	inet_ctl_sock_destroy(*icmpx_model_of(PF_INET));
	*icmpx_model_of(PF_INET6) = NULL;
	*icmpx_model_of(PF_INET) = NULL;
}

/**
 * icmpx_control_create() - Create a control socket.
 * @net: the namespace
 * @model: the template
 * @place: the slot of the socket; set
 *
 * Context: icmpx_send_begin() returned true.
 *
 * Return: the socket; NULL if there is no memory for it.
 */
struct sock *icmpx_control_create(struct net *net, struct sock *model, struct sock **place)
{
	struct sock *sk = sk_clone_lock(model, GFP_ATOMIC | __GFP_NOWARN);

	if (!sk)
		return NULL;
#if IS_ENABLED(CONFIG_IPV6)
	/* The part of IPv6 is behind the rest of the socket. The clone points to the template's. */
	if (sk->sk_family == AF_INET6)
		inet_sk(sk)->pinet6 = (void *)sk + ((void *)inet_sk(model)->pinet6 - (void *)model);
#endif
	/* For sparse, which does not see that sk_clone_lock() takes this lock. */
	__acquire(&sk->sk_lock.slock);
	bh_unlock_sock(sk);
	/* A clone has a second reference for a table of sockets, and this one is in no table. */
	__sock_put(sk);
	sock_set_flag(sk, SOCK_DEAD);
	sock_net_set(sk, net);
	*place = sk;
	return sk;
}

/**
 * icmpx_control_init_net() - Allocate a namespace's slots for control sockets.
 * @family: icmpx's state of an address family in the namespace
 * @pf: PF_INET or PF_INET6
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM.
 */
int icmpx_control_init_net(struct icmpx_family *family, int pf)
{
	family->model = *icmpx_model_of(pf);
	family->control = alloc_percpu_gfp(struct icmpx_control, GFP_KERNEL_ACCOUNT);
	return family->control ? 0 : -ENOMEM;
}

/*
 * The kernel accounts for the socket in the namespace of the template, in which it was
 * cloned. And a packet that is still queued must not lead to a namespace that is gone.
 */
static void icmpx_control_free(struct sock *sk)
{
	if (!sk)
		return;
	sock_net_set(sk, &init_net);
	sock_put(sk);
}

/**
 * icmpx_control_exit_net() - Release a namespace's control sockets.
 * @family: icmpx's state of an address family in the namespace
 *
 * Context: process; no packet of the namespace is in icmpx's code any more.
 */
void icmpx_control_exit_net(struct icmpx_family *family)
{
	unsigned int kind, way;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct icmpx_control *control = per_cpu_ptr(family->control, cpu);

		for (kind = 0; kind < ICMPX_KINDS; kind++)
			for (way = 0; way < ICMPX_WAYS; way++)
				icmpx_control_free(control->sk[kind][way]);
	}
	free_percpu(family->control);
}
