// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slot of IPPROTO_ICMP, taken with one compare-and-swap and given back with
 * one. inet_del_protocol() and inet_add_protocol() would leave it empty in
 * between, and the IP layer would answer a ping with protocol unreachable.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kallsyms.h>
#include <linux/kmemleak.h>
#include <linux/slab.h>
#include <net/protocol.h>

#include "icmpx.h"

/*
 * icmpx's entry is allocated, since it may have to outlive the module: see
 * icmpx_give_back(). Both pointers are written only on loading and unloading.
 */
static struct net_protocol *icmpx_protocol;

/* The entry that had the slot before. Its handlers get packets for the built-in code's sockets. */
struct net_protocol *icmpx_builtin;

static struct net_protocol *icmpx_swap_slot(struct net_protocol *from, struct net_protocol *to)
{
	struct net_protocol __rcu **slot = &inet_protos[IPPROTO_ICMP];

	return unrcu_pointer(cmpxchg(slot, RCU_INITIALIZER(from), RCU_INITIALIZER(to)));
}

/**
 * icmpx_in_module() - Tell whether a function belongs to a module, not to the kernel itself.
 * @function: its address
 *
 * The address alone does not tell: on arm64, modules and the kernel itself may be anywhere
 * in one large area. The printed symbol of a module's function ends with the name of the
 * module in brackets.
 *
 * Context: any.
 *
 * Return: true if it belongs to a module.
 */
bool icmpx_in_module(const void *function)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, (unsigned long)function);
	return strchr(name, '[');
}

/**
 * icmpx_take_over() - Take the slot, so that icmpx handles every ICMP packet.
 *
 * Context: process. Packets may arrive meanwhile: each one is handled whole,
 * by the built-in code or by icmpx.
 *
 * Return: 0; -EBUSY if another module has the slot; -ENOMEM.
 */
int icmpx_take_over(void)
{
	icmpx_protocol = kzalloc(sizeof(*icmpx_protocol), GFP_KERNEL);
	if (!icmpx_protocol)
		goto err_memory;

	rcu_read_lock();
	icmpx_builtin = rcu_dereference(inet_protos[IPPROTO_ICMP]);
	if (!icmpx_builtin || icmpx_in_module(icmpx_builtin->handler))
		goto err_taken;
	*icmpx_protocol = *icmpx_builtin;
	icmpx_protocol->handler = icmpx_rcv;
	icmpx_protocol->err_handler = icmpx_err;
	if (icmpx_swap_slot(icmpx_builtin, icmpx_protocol) != icmpx_builtin)
		goto err_taken;
	rcu_read_unlock();
	return 0;

err_taken:
	pr_err("another module handles ICMP already (%ps): unload it first\n",
	       icmpx_builtin ? icmpx_builtin->handler : NULL);
	rcu_read_unlock();
	kfree(icmpx_protocol);
	return -EBUSY;
err_memory:
	pr_err("out of memory: free some, then load again\n");
	return -ENOMEM;
}

/**
 * icmpx_give_back() - Give the slot back, so that the built-in code handles every ICMP packet.
 *
 * A module that has taken the slot since then keeps a pointer to icmpx's entry, to
 * hand packets on and to put the entry back into the slot later. In this case the
 * entry stays allocated, with the built-in handlers in it: a few bytes are lost, and
 * no pointer into a module that is gone is left.
 *
 * Context: process. No packet is in icmpx_rcv() or icmpx_err() any more when it returns.
 */
void icmpx_give_back(void)
{
	if (icmpx_swap_slot(icmpx_protocol, icmpx_builtin) == icmpx_protocol) {
		synchronize_net();
		kfree(icmpx_protocol);
		return;
	}
	kmemleak_not_leak(icmpx_protocol);
	pr_warn("another module has put itself on top: it hands packets to the built-in code from now on\n");
	WRITE_ONCE(icmpx_protocol->handler, icmpx_builtin->handler);
	WRITE_ONCE(icmpx_protocol->err_handler, icmpx_builtin->err_handler);
	synchronize_net();
}
