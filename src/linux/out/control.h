/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose memory a packet of ours takes while it is on its way out: control sockets. */
#ifndef ICMPX_CONTROL_H
#define ICMPX_CONTROL_H

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <net/sock.h>

struct icmpx_family;

/* What is bounded apart from each other. */
enum icmpx_kind {
	ICMPX_REPLIES,
	ICMPX_ERRORS,
	ICMPX_KINDS,
};

/* Devices are bounded apart from each other if their indexes differ in the last bits. */
#define ICMPX_WAYS 4u

/**
 * struct icmpx_control - the control sockets of a namespace on one CPU
 * @sk: by kind and by the device that packets leave by; each is NULL until a packet
 *	needs it
 */
struct icmpx_control {
	struct sock *sk[ICMPX_KINDS][ICMPX_WAYS];
};

DECLARE_PER_CPU(bool, icmpx_busy);

/**
 * icmpx_send_begin() - Begin to send on this CPU.
 *
 * What the way out of one packet brings in may not send another: that recursion ends
 * here. In between, the CPU's control sockets and kept routes are the caller's: whatever
 * else sends on this CPU has bottom halves disabled, too.
 *
 * Context: bottom halves disabled.
 *
 * Return: false if this CPU is sending already.
 */
static inline bool icmpx_send_begin(void)
{
	if (unlikely(__this_cpu_read(icmpx_busy)))
		return false;
	__this_cpu_write(icmpx_busy, true);
	return true;
}

/* Context: as icmpx_send_begin(), after it returned true on this CPU. */
static inline void icmpx_send_end(void)
{
	__this_cpu_write(icmpx_busy, false);
}

/* control.c */
int icmpx_control_init(void);
void icmpx_control_exit(void);
int icmpx_control_init_net(struct icmpx_family *family);
void icmpx_control_exit_net(struct icmpx_family *family);
struct sock *icmpx_control_create(struct net *net, struct sock **place);

/**
 * icmpx_control() - Find the control socket of a packet.
 * @net: the namespace
 * @control: the namespace's control sockets
 * @kind: what the packet is
 * @dev: the device that it leaves by
 *
 * Context: icmpx_send_begin() returned true.
 *
 * Return: the socket, valid as long as the namespace is; NULL without memory for a
 * first one.
 */
static inline struct sock *icmpx_control(struct net *net, struct icmpx_control __percpu *control,
					 enum icmpx_kind kind, const struct net_device *dev)
{
	const unsigned int way = dev->ifindex % ICMPX_WAYS;
	struct sock **place = &this_cpu_ptr(control)->sk[kind][way];

	return likely(*place) ? *place : icmpx_control_create(net, place);
}

/* Whether as much is on its way out as may be. */
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
