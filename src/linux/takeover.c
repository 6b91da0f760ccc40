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
 * Ours is allocated, since it may have to outlive the module: see
 * icmpx_give_back(). Both are written while loading and unloading alone.
 */
static struct net_protocol *icmpx_protocol;

/* What had the slot before; packets are led there that are for its sockets. */
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
 * The address alone does not say: on arm64, modules and the kernel itself may be anywhere
 * in one large area. Its printed name does, which ends with the name of the module.
 *
 * Context: any.
 *
 * Return: true if it does.
 */
bool icmpx_in_module(const void *function)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, (unsigned long)function);
	return strchr(name, '[');
}

/**
 * icmpx_take_over() - Make every ICMP packet ours.
 *
 * Context: process. Packets may arrive meanwhile: each one is handled whole,
 * by the built-in code or by ours.
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
 * icmpx_give_back() - Make every ICMP packet the built-in code's again.
 *
 * If another module has put itself on top of ours it keeps a pointer to our
 * entry, to hand packets on and to put it back into the slot one day. Then the
 * entry stays behind, with the built-in handlers in it: a few bytes lost, and
 * nothing that points into a module that is gone.
 *
 * Context: process. No packet is in our code any more when it returns.
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
