/* SPDX-License-Identifier: GPL-2.0-only */
/* Control sockets: the sockets that icmpx's packets are charged to until they are freed. */
#ifndef ICMPX_CONTROL_H
#define ICMPX_CONTROL_H

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <net/sock.h>

#include "icmpx.h"

/* Kinds of packets. Each kind has a bound of its own for packets in flight. */
enum icmpx_kind {
	ICMPX_REPLIES,
	ICMPX_ERRORS,
	ICMPX_KINDS,
};

/* Devices share a control socket only if their indexes agree in the last bits. */
#define ICMPX_WAYS 4u

/**
 * struct icmpx_control - the control sockets of a namespace on one CPU
 * @sk: by kind and by the device that packets leave by; each is NULL until a packet
 *	needs it
 */
struct icmpx_control {
	struct sock *sk[ICMPX_KINDS][ICMPX_WAYS];
};

/* Each family has its own flag: a packet of one may be on its way inside a packet of the other. */
DECLARE_PER_CPU(bool, icmpx_busy);
DECLARE_PER_CPU(bool, icmpx6_busy);

static __always_inline bool __icmpx_send_begin(bool __percpu *busy)
{
	/*
	 * Since 6.18, tasks with bottom halves disabled may preempt each other with PREEMPT_RT:
	 * two must not find the CPU idle. One that is preempted keeps the flag until it goes on.
	 */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return !this_cpu_xchg(*busy, true);
	if (unlikely(__this_cpu_read(*busy)))
		return false;
	__this_cpu_write(*busy, true);
	return true;
}

/**
 * icmpx_send_begin() - Begin to send a packet of IPv4 on this CPU.
 *
 * Transmitting a packet can bring in another packet on the same CPU, which may not send
 * in its turn: that recursion ends here. Until icmpx_send_end(), no other sender uses the
 * CPU's control sockets and kept routes of IPv4.
 *
 * Context: bottom halves disabled.
 *
 * Return: false if this CPU is sending already.
 */
static inline bool icmpx_send_begin(void)
{
	return __icmpx_send_begin(&icmpx_busy);
}

/* Context: as icmpx_send_begin(), after it returned true on this CPU. */
static inline void icmpx_send_end(void)
{
	__this_cpu_write(icmpx_busy, false);
}

/* The same for a packet of IPv6. */
static inline bool icmpx6_send_begin(void)
{
	return __icmpx_send_begin(&icmpx6_busy);
}

static inline void icmpx6_send_end(void)
{
	__this_cpu_write(icmpx6_busy, false);
}

/* control.c */
int icmpx_control_init(void);
void icmpx_control_exit(void);
int icmpx_control_init_net(struct icmpx_family *family, int pf);
void icmpx_control_exit_net(struct icmpx_family *family);
struct sock *icmpx_control_create(struct net *net, struct sock *model, struct sock **place);

/**
 * icmpx_control() - Find the control socket of a packet.
 * @net: the namespace
 * @family: icmpx's state of the packet's address family in the namespace
 * @kind: the kind of the packet
 * @dev: the device that the packet leaves by
 *
 * Context: icmpx_send_begin() returned true.
 *
 * Return: the socket, valid as long as the namespace is; NULL if there is no memory to
 * create it.
 */
static inline struct sock *icmpx_control(struct net *net, const struct icmpx_family *family,
					 enum icmpx_kind kind, const struct net_device *dev)
{
	const unsigned int way = dev->ifindex % ICMPX_WAYS;
	struct sock **place = &this_cpu_ptr(family->control)->sk[kind][way];

	return likely(*place) ? *place : icmpx_control_create(net, family->model, place);
}

/* Whether the packets in flight have used up the send buffer. */
static inline bool icmpx_control_full(const struct sock *sk)
{
	return unlikely(refcount_read(&sk->sk_wmem_alloc) >= sk->sk_sndbuf);
}

/* skb_set_owner_w() for a packet without an owner, and a full socket that has no flow hash. */
static inline void icmpx_control_charge(struct sock *sk, struct sk_buff *skb)
{
	skb->sk = sk;
	skb->destructor = sock_wfree;
	refcount_add(skb->truesize, &sk->sk_wmem_alloc);
}

#endif
