// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family icmpx: its operations and groups, and what all of them need.
 * include/icmpx/icmpx.yaml describes it.
 *
 * A request is about the namespace of the socket that it comes by. That namespace cannot end
 * meanwhile, so what icmpx keeps for it is there.
 */
#include <linux/module.h>
#include <linux/rwsem.h>

#include "netlink/internal.h"

/* The order of every dump. */
const u8 icmpx_families[2] = { AF_INET, AF_INET6 };

/*
 * Whether the family is registered. Settings can be written, and a limit can begin, before
 * and after that time.
 */
static bool icmpx_netlink_ready;
/* Protects icmpx_netlink_ready; held for reading while a message is sent to a group. */
static DECLARE_RWSEM(icmpx_netlink_lock);

/* Dumps whose request can only name a family of addresses, whatever the attribute set. */
static const struct nla_policy icmpx_family_policy[] = {
	[ICMPX_A_SETTING_FAMILY] = { .type = NLA_U8 },
};

#define ICMPX_DUMP(command, dump, permission) \
	{ \
		.cmd = command, \
		.dumpit = dump, \
		.flags = permission, \
		.policy = icmpx_family_policy, \
		.maxattr = ARRAY_SIZE(icmpx_family_policy) - 1, \
	}

static const struct genl_ops icmpx_netlink_ops[] = {
	{
		.cmd = ICMPX_CMD_SETTING_GET,
		.doit = icmpx_setting_get_doit,
		.start = icmpx_setting_get_start,
		.dumpit = icmpx_setting_get_dumpit,
		.policy = icmpx_setting_policy,
		.maxattr = ICMPX_A_SETTING_NAME,
	},
	{
		.cmd = ICMPX_CMD_SETTING_SET,
		.doit = icmpx_setting_set_doit,
		.flags = GENL_UNS_ADMIN_PERM,
		.policy = icmpx_setting_policy,
		.maxattr = ICMPX_A_SETTING_VALUE,
	},
	{
		.cmd = ICMPX_CMD_COUNTERS_GET,
		.start = icmpx_counters_get_start,
		.dumpit = icmpx_counters_get_dumpit,
		.policy = icmpx_family_policy,
		.maxattr = ARRAY_SIZE(icmpx_family_policy) - 1,
	},
	ICMPX_DUMP(ICMPX_CMD_SOCKET_GET, icmpx_socket_get_dumpit, 0),
	ICMPX_DUMP(ICMPX_CMD_LIMITED_GET, icmpx_limited_get_dumpit, GENL_UNS_ADMIN_PERM),
	{
		.cmd = ICMPX_CMD_EXPRESS_GET,
		.dumpit = icmpx_express_get_dumpit,
	},
	{
		.cmd = ICMPX_CMD_EXPRESS_ADD,
		.doit = icmpx_express_add_doit,
		.flags = GENL_UNS_ADMIN_PERM,
		.policy = icmpx_express_policy,
		.maxattr = ICMPX_A_EXPRESS_MAX,
	},
	{
		.cmd = ICMPX_CMD_EXPRESS_DEL,
		.doit = icmpx_express_del_doit,
		.flags = GENL_UNS_ADMIN_PERM,
		.policy = icmpx_express_policy,
		.maxattr = ICMPX_A_EXPRESS_MAX,
	},
};

static const struct genl_multicast_group icmpx_netlink_groups[] = {
	[ICMPX_GROUP_LIMITS] = { .name = ICMPX_MCGRP_LIMITS, .flags = GENL_MCAST_CAP_NET_ADMIN },
	[ICMPX_GROUP_SETTINGS] = { .name = ICMPX_MCGRP_SETTINGS },
};

static struct genl_family icmpx_netlink = {
	.name = ICMPX_FAMILY_NAME,
	.version = ICMPX_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = icmpx_netlink_ops,
	.n_ops = ARRAY_SIZE(icmpx_netlink_ops),
	.mcgrps = icmpx_netlink_groups,
	.n_mcgrps = ARRAY_SIZE(icmpx_netlink_groups),
};

/**
 * icmpx_netlink_family() - Find icmpx's state of an address family.
 * @net: the namespace
 * @family: AF_INET or AF_INET6, or what a program said
 *
 * Context: process.
 *
 * Return: the state; NULL if icmpx does not have that family.
 */
struct icmpx_family *icmpx_netlink_family(struct net *net, u8 family)
{
	if (family == AF_INET)
		return &icmpx_net(net)->v4;
	if (family == AF_INET6 && icmpx_handles_ipv6())
		return &icmpx_net(net)->v6;
	return NULL;
}

/**
 * icmpx_netlink_wants() - Tell whether a dump is about an address family.
 * @cb: the dump
 * @family: AF_INET or AF_INET6
 *
 * Context: process.
 *
 * Return: true if icmpx has the family, and the request names it or none.
 */
bool icmpx_netlink_wants(struct netlink_callback *cb, u8 family)
{
	const struct nlattr *wanted = icmpx_dump_attrs(cb)[ICMPX_A_SETTING_FAMILY];

	return icmpx_netlink_family(sock_net(cb->skb->sk), family) &&
	       (!wanted || nla_get_u8(wanted) == family);
}

/**
 * icmpx_netlink_put() - Begin a message of a dump.
 * @skb: what the dump fills
 * @cb: the dump
 * @command: the message's command
 *
 * Return: the message's header, for genlmsg_end() or genlmsg_cancel(); NULL without room.
 */
void *icmpx_netlink_put(struct sk_buff *skb, struct netlink_callback *cb, u8 command)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &icmpx_netlink,
			   NLM_F_MULTI, command);
}

/**
 * icmpx_netlink_reply() - Answer a request with a message.
 * @info: the request
 * @command: the message's command
 * @size: bytes of all attributes, or more
 * @fill: adds the attributes; returns 0 or a negative errno
 * @what: the second argument of @fill
 *
 * Context: process.
 *
 * Return: 0 or a negative errno.
 */
int icmpx_netlink_reply(struct genl_info *info, u8 command, size_t size,
			int (*fill)(struct sk_buff *skb, const void *what), const void *what)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL_ACCOUNT);
	void *header;
	int err = -EMSGSIZE;

	if (!skb)
		return -ENOMEM;
	header = genlmsg_put_reply(skb, info, &icmpx_netlink, 0, command);
	if (header)
		err = fill(skb, what);
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

/**
 * icmpx_netlink_multicast() - Send a message to the listeners of a group, if there are any.
 * @net: the namespace
 * @group: %ICMPX_GROUP_LIMITS or %ICMPX_GROUP_SETTINGS
 * @command: the message's command
 * @size: bytes of all attributes, or more
 * @fill: adds the attributes; returns 0 or a negative errno
 * @what: the second argument of @fill
 *
 * A listener that has no room learns that from its next call (ENOBUFS, see netlink(7)). So does
 * nobody else: what the message is about has happened already.
 *
 * Context: process.
 */
void icmpx_netlink_multicast(struct net *net, unsigned int group, u8 command, size_t size,
			     int (*fill)(struct sk_buff *skb, const void *what), const void *what)
{
	struct sk_buff *skb;
	void *header;

	down_read(&icmpx_netlink_lock);
	if (!icmpx_netlink_ready || !genl_has_listeners(&icmpx_netlink, net, group))
		goto out;
	skb = genlmsg_new(size, GFP_KERNEL);
	if (!skb)
		goto out;
	header = genlmsg_put(skb, 0, 0, &icmpx_netlink, 0, command);
	if (!header || fill(skb, what)) {
		nlmsg_free(skb);
		goto out;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&icmpx_netlink, net, skb, 0, group, GFP_KERNEL);
out:
	up_read(&icmpx_netlink_lock);
}

/**
 * icmpx_netlink_init() - Register the family.
 *
 * Context: process; every namespace has its state and its settings.
 *
 * Return: 0 or a negative errno.
 */
int icmpx_netlink_init(void)
{
	const int err = genl_register_family(&icmpx_netlink);

	if (err)
		return err;
	down_write(&icmpx_netlink_lock);
	icmpx_netlink_ready = true;
	up_write(&icmpx_netlink_lock);
	return 0;
}

/**
 * icmpx_netlink_exit() - Undo icmpx_netlink_init().
 *
 * Context: process. Waits for requests and messages that are under way.
 */
void icmpx_netlink_exit(void)
{
	down_write(&icmpx_netlink_lock);
	icmpx_netlink_ready = false;
	up_write(&icmpx_netlink_lock);
	genl_unregister_family(&icmpx_netlink);
}
