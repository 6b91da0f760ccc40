// SPDX-License-Identifier: GPL-2.0-only
/*
 * The setting express: which devices have the express path. Each of these devices has a
 * netfilter hook at its ingress, the last one there, so that a packet that a chain of the
 * administrator's drops is not answered.
 *
 * A hook holds no reference to its device. So the notifier removes the entry of a device
 * that goes, or that moves to another namespace.
 */
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "express/express.h"

/**
 * struct icmpx_express_entry - a device that has the express path
 * @rcu: for freeing the entry: a reader that lists hooks reads @ops under RCU
 * @list: in icmpx_express_entries
 * @ops: the hook; its dev is the device
 * @wanted: whether the value that is being set names the device
 * @fresh: whether that value added the entry
 */
struct icmpx_express_entry {
	struct rcu_head rcu;
	struct list_head list;
	struct nf_hook_ops ops;
	bool wanted;
	bool fresh;
};

/* The entries of all namespaces; under RTNL. */
static LIST_HEAD(icmpx_express_entries);

static bool icmpx_express_in(const struct icmpx_express_entry *entry, const struct net *net)
{
	return net_eq(dev_net(entry->ops.dev), net);
}

static struct icmpx_express_entry *icmpx_express_find(const struct net_device *dev)
{
	struct icmpx_express_entry *entry;

	list_for_each_entry(entry, &icmpx_express_entries, list)
		if (entry->ops.dev == dev)
			return entry;
	return NULL;
}

static int icmpx_express_attach(struct net_device *dev)
{
	struct icmpx_express_entry *entry;
	int err;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	entry->ops.hook = icmpx_express;
	entry->ops.pf = NFPROTO_NETDEV;
	entry->ops.hooknum = NF_NETDEV_INGRESS;
	entry->ops.priority = INT_MAX;
	entry->ops.dev = dev;
	err = nf_register_net_hook(dev_net(dev), &entry->ops);
	if (err) {
		kfree(entry);
		return err;
	}
	entry->wanted = true;
	entry->fresh = true;
	list_add_tail(&entry->list, &icmpx_express_entries);
	icmpx_net(dev_net(dev))->express_devices++;
	return 0;
}

static void icmpx_express_remove(struct icmpx_express_entry *entry)
{
	struct net *net = dev_net(entry->ops.dev);

	nf_unregister_net_hook(net, &entry->ops);
	list_del(&entry->list);
	icmpx_net(net)->express_devices--;
	kfree_rcu(entry, rcu);
}

/*
 * 0 if the device's frames are Ethernet's, with a station that a reply can be sent back to,
 * and neither another device nor a VRF takes them first. Else a negative errno.
 */
static int icmpx_express_suits(struct net_device *dev)
{
	if (dev->type != ARPHRD_ETHER || dev->flags & IFF_LOOPBACK || netif_is_l3_master(dev))
		return -EOPNOTSUPP;
	if (netif_is_l3_slave(dev) || netdev_is_rx_handler_busy(dev))
		return -EBUSY;
	return 0;
}

static int icmpx_express_try(struct net_device *dev)
{
	return icmpx_express_suits(dev) ?: icmpx_express_attach(dev);
}

static int icmpx_express_want(struct net *net, const char *name)
{
	struct net_device *dev = __dev_get_by_name(net, name);
	struct icmpx_express_entry *entry;

	if (!dev)
		return -ENODEV;
	entry = icmpx_express_find(dev);
	if (entry) {
		entry->wanted = true;
		return 0;
	}
	return icmpx_express_try(dev);
}

static int icmpx_express_want_all(struct net *net, char *names)
{
	int err, count = 0;
	char *name;

	while ((name = strsep(&names, " \t"))) {
		if (!*name)
			continue;
		if (++count > ICMPX_EXPRESS_DEVICES)
			return -E2BIG;
		err = icmpx_express_want(net, name);
		if (err)
			return err;
	}
	return 0;
}

/**
 * icmpx_express_set() - Set which devices of a namespace have the express path.
 * @net: the namespace
 * @names: the devices' names, with spaces in between; overwritten
 *
 * Context: process, under RTNL.
 *
 * Return: 0, or with nothing changed: -ENODEV if there is no such device; -EOPNOTSUPP
 * if its frames are not Ethernet's; -EBUSY if another device gets them, as a bridge gets
 * those of its ports; -E2BIG if there are too many names; -ENOMEM.
 */
int icmpx_express_set(struct net *net, char *names)
{
	struct icmpx_express_entry *entry, *next;
	int err;

	ASSERT_RTNL();
	list_for_each_entry(entry, &icmpx_express_entries, list) {
		entry->wanted = false;
		entry->fresh = false;
	}
	err = icmpx_express_want_all(net, names);
	list_for_each_entry_safe(entry, next, &icmpx_express_entries, list) {
		if (!icmpx_express_in(entry, net))
			continue;
		if (err ? entry->fresh : !entry->wanted)
			icmpx_express_remove(entry);
	}
	return err;
}

/**
 * icmpx_express_add() - Give one more device the express path.
 * @dev: the device
 *
 * Context: process, under RTNL.
 *
 * Return: 0; -EEXIST if the device has it; else as icmpx_express_set().
 */
int icmpx_express_add(struct net_device *dev)
{
	ASSERT_RTNL();
	if (icmpx_express_find(dev))
		return -EEXIST;
	/* As many as the setting has room for. */
	if (icmpx_net(dev_net(dev))->express_devices == ICMPX_EXPRESS_DEVICES)
		return -E2BIG;
	return icmpx_express_try(dev);
}

/**
 * icmpx_express_del() - Take the express path from a device.
 * @dev: the device
 *
 * Context: process, under RTNL.
 *
 * Return: 0; -ENOENT if the device has none.
 */
int icmpx_express_del(struct net_device *dev)
{
	struct icmpx_express_entry *entry = icmpx_express_find(dev);

	ASSERT_RTNL();
	if (!entry)
		return -ENOENT;
	icmpx_express_remove(entry);
	return 0;
}

/**
 * icmpx_express_at() - Find a device that has the express path.
 * @net: the namespace
 * @index: 0 for the first one of the namespace, ...
 *
 * Context: process, under RTNL.
 *
 * Return: the device, without a reference; NULL if there are not so many.
 */
const struct net_device *icmpx_express_at(const struct net *net, unsigned int index)
{
	const struct icmpx_express_entry *entry;

	ASSERT_RTNL();
	list_for_each_entry(entry, &icmpx_express_entries, list)
		if (icmpx_express_in(entry, net) && !index--)
			return entry->ops.dev;
	return NULL;
}

/**
 * icmpx_express_get() - Tell which devices of a namespace have the express path.
 * @net: the namespace
 * @names: %ICMPX_EXPRESS_LEN bytes, set to the devices' current names
 *
 * Context: process, under RTNL.
 */
void icmpx_express_get(const struct net *net, char *names)
{
	const struct icmpx_express_entry *entry;
	size_t len = 0;

	ASSERT_RTNL();
	names[0] = '\0';
	list_for_each_entry(entry, &icmpx_express_entries, list)
		if (icmpx_express_in(entry, net))
			len += scnprintf(names + len, ICMPX_EXPRESS_LEN - len, "%s%s",
					 len ? " " : "", entry->ops.dev->name);
}

/**
 * icmpx_express_exit_net() - Remove the express path from all devices of a namespace.
 * @net: the namespace, whose setting is gone: no device can be added any more
 *
 * Context: process. No packet is on the express path a grace period after the return.
 */
void icmpx_express_exit_net(struct net *net)
{
	struct icmpx_express_entry *entry, *next;

	/* Few namespaces have such a device, and all namespaces share RTNL. */
	if (!READ_ONCE(icmpx_net(net)->express_devices))
		return;
	rtnl_lock();
	list_for_each_entry_safe(entry, next, &icmpx_express_entries, list)
		if (icmpx_express_in(entry, net))
			icmpx_express_remove(entry);
	rtnl_unlock();
}

/* For a device that goes, moves to another namespace, or gets headers of another kind. */
static int icmpx_express_event(struct notifier_block *block, unsigned long event, void *info)
{
	struct icmpx_express_entry *entry;

	if (event != NETDEV_UNREGISTER && event != NETDEV_PRE_TYPE_CHANGE)
		return NOTIFY_DONE;
	entry = icmpx_express_find(netdev_notifier_info_to_dev(info));
	if (entry)
		icmpx_express_remove(entry);
	return NOTIFY_DONE;
}

static struct notifier_block icmpx_express_notifier = {
	.notifier_call = icmpx_express_event,
};

/**
 * icmpx_express_init() - Register the notifier for devices that go.
 *
 * Context: process; before any namespace has the setting.
 *
 * Return: 0 or a negative errno.
 */
int icmpx_express_init(void)
{
	return register_netdevice_notifier(&icmpx_express_notifier);
}

/**
 * icmpx_express_exit() - Unregister the notifier.
 *
 * Context: process; icmpx_express_exit_net() has returned for every namespace.
 */
void icmpx_express_exit(void)
{
	unregister_netdevice_notifier(&icmpx_express_notifier);
}
