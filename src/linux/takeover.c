// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slots of IPPROTO_ICMP and IPPROTO_ICMPV6, each taken with one compare-and-swap and
 * given back with one. inet_del_protocol() and inet_add_protocol() would leave a slot empty
 * in between, and the IP layer would answer a ping with protocol unreachable.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kallsyms.h>
#include <linux/kmemleak.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/protocol.h>

#include "icmpx.h"

/**
 * struct icmpx_handlers - the members that the entries of both tables begin with
 * @handler: handles a packet
 * @err_handler: handles an error about a packet of the protocol; its arguments are not the
 *	same in the two tables
 */
struct icmpx_handlers {
	int (*handler)(struct sk_buff *skb);
	void *err_handler;
};

static_assert(offsetof(struct icmpx_handlers, handler) ==
	      offsetof(struct net_protocol, handler));
static_assert(offsetof(struct icmpx_handlers, err_handler) ==
	      offsetof(struct net_protocol, err_handler));
static_assert(__same_type(&icmpx_rcv, ((struct net_protocol *)0)->handler));
static_assert(__same_type(&icmpx_err, ((struct net_protocol *)0)->err_handler));

/**
 * struct icmpx_slot - a slot of one of IP's tables of protocols
 * @entry: the slot
 * @size: bytes of an entry
 * @builtin: where the packet path finds the entry that had the slot before
 * @own: icmpx's entry; NULL while icmpx has not taken the slot. It is allocated, since it
 *	may have to outlive the module: see icmpx_slot_give_back()
 *
 * @builtin and @own are written only on loading and unloading.
 */
struct icmpx_slot {
	void **entry;
	size_t size;
	struct icmpx_handlers **builtin;
	struct icmpx_handlers *own;
};

/* Its handlers get packets for the built-in code's sockets. */
struct net_protocol *icmpx_builtin;

static struct icmpx_slot icmpx_slot4 = {
	.entry = (__force void **)&inet_protos[IPPROTO_ICMP],
	.size = sizeof(struct net_protocol),
	.builtin = (struct icmpx_handlers **)&icmpx_builtin,
};

#if IS_ENABLED(CONFIG_IPV6)
static_assert(offsetof(struct icmpx_handlers, handler) ==
	      offsetof(struct inet6_protocol, handler));
static_assert(offsetof(struct icmpx_handlers, err_handler) ==
	      offsetof(struct inet6_protocol, err_handler));
static_assert(__same_type(&icmpx6_rcv, ((struct inet6_protocol *)0)->handler));
static_assert(__same_type(&icmpx6_err, ((struct inet6_protocol *)0)->err_handler));

/* Its handlers get neighbour discovery, MLD, and packets for the built-in code's sockets. */
struct inet6_protocol *icmpx6_builtin;

static struct icmpx_slot icmpx_slot6 = {
	.entry = (__force void **)&inet6_protos[IPPROTO_ICMPV6],
	.size = sizeof(struct inet6_protocol),
	.builtin = (struct icmpx_handlers **)&icmpx6_builtin,
};

static bool icmpx_ipv6 = true;
module_param_named(ipv6, icmpx_ipv6, bool, 0444);
MODULE_PARM_DESC(ipv6, "handle ICMPv6, too (default: yes)");
#endif

/**
 * icmpx_handles_ipv6() - Tell whether icmpx handles ICMPv6, or leaves it to the built-in code.
 *
 * Context: any. The result does not change while the module is loaded.
 *
 * Return: false if the module was loaded with ipv6=0, or the kernel has no IPv6.
 */
bool icmpx_handles_ipv6(void)
{
#if IS_ENABLED(CONFIG_IPV6)
	return icmpx_ipv6 && ipv6_mod_enabled();
#else
	return false;
#endif
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

/*
 * Takes a slot. @handlers replaces the first members of the entry. Returns 0, -EBUSY if
 * another module has the slot, or -ENOMEM.
 *
 * Another module's entry may be freed a grace period after it has left the slot.
 */
static int icmpx_slot_take(struct icmpx_slot *slot, struct icmpx_handlers handlers)
{
	struct icmpx_handlers *builtin;

	slot->own = kzalloc(slot->size, GFP_KERNEL);
	if (!slot->own)
		return -ENOMEM;

	rcu_read_lock();
	builtin = READ_ONCE(*slot->entry);
	if (!builtin || icmpx_in_module(builtin->handler))
		goto err_taken;
	memcpy(slot->own, builtin, slot->size);
	slot->own->handler = handlers.handler;
	slot->own->err_handler = handlers.err_handler;
	/* A packet may need the built-in entry as soon as the slot is taken. */
	*slot->builtin = builtin;
	if (cmpxchg(slot->entry, (void *)builtin, (void *)slot->own) != builtin)
		goto err_taken;
	rcu_read_unlock();
	return 0;

err_taken:
	pr_err("another module handles ICMP already (%ps): unload it first\n",
	       builtin ? builtin->handler : NULL);
	rcu_read_unlock();
	kfree(slot->own);
	slot->own = NULL;
	return -EBUSY;
}

/*
 * Gives a slot back, if icmpx has taken it.
 *
 * A module that has taken the slot since then keeps a pointer to icmpx's entry, to
 * hand packets on and to put the entry back into the slot later. In this case the
 * entry stays allocated, with the built-in handlers in it: a few bytes are lost, and
 * no pointer into a module that is gone is left.
 */
static void icmpx_slot_give_back(struct icmpx_slot *slot)
{
	struct icmpx_handlers *builtin = *slot->builtin;

	if (!slot->own)
		return;
	if (cmpxchg(slot->entry, (void *)slot->own, (void *)builtin) == slot->own) {
		synchronize_net();
		kfree(slot->own);
		return;
	}
	kmemleak_not_leak(slot->own);
	pr_warn("another module has put itself on top: it hands packets to the built-in code from now on\n");
	WRITE_ONCE(slot->own->handler, builtin->handler);
	WRITE_ONCE(slot->own->err_handler, builtin->err_handler);
	synchronize_net();
}

/**
 * icmpx_take_over() - Take the slots, so that icmpx handles every ICMP packet.
 *
 * Context: process. Packets may arrive meanwhile: each one is handled whole,
 * by the built-in code or by icmpx.
 *
 * Return: 0; -EBUSY if another module has a slot; -ENOMEM. In case of an error, no slot is
 * taken.
 */
int icmpx_take_over(void)
{
	int err;

	err = icmpx_slot_take(&icmpx_slot4, (struct icmpx_handlers){ icmpx_rcv, icmpx_err });
#if IS_ENABLED(CONFIG_IPV6)
	if (!err && icmpx_handles_ipv6()) {
		err = icmpx_slot_take(&icmpx_slot6,
				      (struct icmpx_handlers){ icmpx6_rcv, icmpx6_err });
		if (err)
			icmpx_slot_give_back(&icmpx_slot4);
	}
#endif
	if (err == -ENOMEM)
		pr_err("out of memory: free some, then load again\n");
	return err;
}

/**
 * icmpx_give_back() - Give the slots back, so that the built-in code handles every ICMP packet.
 *
 * Context: process. No packet is in icmpx_rcv(), icmpx_err(), icmpx6_rcv() or icmpx6_err()
 * any more when it returns.
 */
void icmpx_give_back(void)
{
#if IS_ENABLED(CONFIG_IPV6)
	icmpx_slot_give_back(&icmpx_slot6);
#endif
	icmpx_slot_give_back(&icmpx_slot4);
}
