// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control sockets: packets that this host sends on its own are charged to one until
 * they are gone, so its send buffer bounds how many may wait in the queues below.
 *
 * Whatever can be made to wait by one namespace, or in one device's queue, must leave
 * room for all else on the CPU: any user may hold replies back, in a queue of a
 * namespace that belongs to that user. So each namespace has sockets of its own, on
 * each CPU some for replies and some for errors, by the device that they leave by. Most
 * of those are never needed, since a namespace has few devices and answers on few CPUs:
 * a socket is made when the first packet needs it, and goes with the namespace.
 *
 * A packet may outlive all that. It keeps its socket by sk_wmem_alloc, and by sk_refcnt
 * where netfilter's queues or netem hold it back: with the last packet the socket goes,
 * which is the kernel's code and memory alone.
 */
#include <linux/workqueue.h>
#include <net/inet_common.h>
#include <net/inet_sock.h>

#include "icmpx.h"
#include "out/control.h"

/* Whether the CPU is on its way out with a packet of ours. */
DEFINE_PER_CPU(bool, icmpx_busy);

/* What all control sockets are clones of; sends nothing. */
static struct sock *icmpx_control_model;

/*
 * Packets in flight for each socket: eight messages of 64 KiB, or some hundred small
 * ones. A reply that is its request turned round is charged with the buffer that the
 * driver took for it, often a page for 84 bytes, hence more than the two messages that
 * suffice for copies that fit.
 */
#define ICMPX_SNDBUF (8 * SKB_TRUESIZE(64 * 1024))

struct icmpx_create_work {
	struct work_struct work;
	int err;
};

static void icmpx_create_model(struct work_struct *work)
{
	struct icmpx_create_work *create = container_of(work, struct icmpx_create_work, work);
	struct sock *sk;

	create->err = inet_ctl_sock_create(&sk, PF_INET, SOCK_RAW, IPPROTO_ICMP, &init_net);
	if (create->err)
		return;
	sk->sk_sndbuf = ICMPX_SNDBUF;
	/* No writer waits for room: sock_wfree() need not wake any. */
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	inet_sk(sk)->pmtudisc = IP_PMTUDISC_DONT;
	icmpx_control_model = sk;
}

/**
 * icmpx_control_init() - Create what control sockets are made of.
 *
 * A socket belongs to the control group of the task that creates it, and what
 * it sends is under that group's filters (BPF, net_cls). Replies are the
 * kernel's, not those of the task that loads the module: so a kernel worker creates
 * the model, in the root group, and its clones inherit that.
 *
 * Context: process.
 *
 * Return: 0 or a negative errno, with nothing left behind.
 */
int icmpx_control_init(void)
{
	struct icmpx_create_work create;

	INIT_WORK_ONSTACK(&create.work, icmpx_create_model);
	queue_work(icmpx_wq, &create.work);
	flush_work(&create.work);
	destroy_work_on_stack(&create.work);
	return create.err;
}

/**
 * icmpx_control_exit() - Release that.
 *
 * Context: process; no namespace has control sockets any more.
 */
void icmpx_control_exit(void)
{
	inet_ctl_sock_destroy(icmpx_control_model);
}

/**
 * icmpx_control_create() - Make a control socket.
 * @net: the namespace
 * @place: where it belongs; set
 *
 * Context: icmpx_send_begin() returned true.
 *
 * Return: the socket; NULL if there is no memory for it.
 */
struct sock *icmpx_control_create(struct net *net, struct sock **place)
{
	struct sock *sk = sk_clone_lock(icmpx_control_model, GFP_ATOMIC | __GFP_NOWARN);

	if (!sk)
		return NULL;
	/* For sparse, which sees no lock taken in there. */
	__acquire(&sk->sk_lock.slock);
	bh_unlock_sock(sk);
	/* A clone has a second reference, for a table of sockets, and is in none. */
	__sock_put(sk);
	sock_set_flag(sk, SOCK_DEAD);
	sock_net_set(sk, net);
	*place = sk;
	return sk;
}

/**
 * icmpx_control_init_net() - Give a namespace its places for control sockets.
 * @family: the part of a family of addresses
 *
 * Context: process.
 *
 * Return: 0 or -ENOMEM.
 */
int icmpx_control_init_net(struct icmpx_family *family)
{
	family->control = alloc_percpu_gfp(struct icmpx_control, GFP_KERNEL_ACCOUNT);
	return family->control ? 0 : -ENOMEM;
}

/*
 * The kernel accounts for a socket in the namespace that it was created in, which is
 * the model's; and a packet that is still queued may not lead to one that is gone.
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
 * @family: the part of a family of addresses
 *
 * Context: process; no packet of the namespace is in our code any more.
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
