// SPDX-License-Identifier: GPL-2.0-only
/* The devices that have the express path, one by one: the setting express has them all. */
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "express/express.h"
#include "netlink/internal.h"

const struct nla_policy icmpx_express_policy[ICMPX_A_EXPRESS_MAX + 1] = {
	[ICMPX_A_EXPRESS_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[ICMPX_A_EXPRESS_NAME] = { .type = NLA_NUL_STRING, .len = ALTIFNAMSIZ - 1 },
};

static int icmpx_express_fill(struct sk_buff *skb, struct netlink_callback *cb,
			      const struct net_device *dev)
{
	void *header = icmpx_netlink_put(skb, cb, ICMPX_CMD_EXPRESS_GET);

	if (!header)
		return -EMSGSIZE;
	if (nla_put_u32(skb, ICMPX_A_EXPRESS_IFINDEX, dev->ifindex) ||
	    nla_put_string(skb, ICMPX_A_EXPRESS_NAME, dev->name)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

int icmpx_express_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct net_device *dev;
	int err = 0;

	rtnl_lock();
	while ((dev = icmpx_express_at(sock_net(skb->sk), cb->args[0]))) {
		err = icmpx_express_fill(skb, cb, dev);
		if (err)
			break;
		cb->args[0]++;
	}
	rtnl_unlock();
	return skb->len ?: err;
}

/*
 * The device that a request names, by an alternative name, too; NULL, with a message, if there
 * is none, or if index and name are those of two devices. Under RTNL.
 */
static struct net_device *icmpx_express_wanted(struct genl_info *info)
{
	struct nlattr *ifindex = info->attrs[ICMPX_A_EXPRESS_IFINDEX];
	struct nlattr *name = info->attrs[ICMPX_A_EXPRESS_NAME];
	struct net_device *dev = NULL, *named = NULL;
	struct net *net = genl_info_net(info);

	if (ifindex)
		dev = __dev_get_by_index(net, nla_get_u32(ifindex));
	if (name)
		named = __dev_get_by_name(net, nla_data(name));
	if (!ifindex)
		dev = named;
	if (dev && (!name || dev == named))
		return dev;
	NL_SET_ERR_MSG_ATTR(info->extack, ifindex ?: name, "no such device");
	return NULL;
}

static const char *icmpx_express_reason(int err)
{
	switch (err) {
	case -EEXIST:
		return "the device has the express path already";
	case -ENOENT:
		return "the device does not have the express path";
	case -EOPNOTSUPP:
		return "not an Ethernet device";
	case -EBUSY:
		return "another device gets the frames of this one";
	case -E2BIG:
		return "as many devices have the express path as can";
	default:
		return NULL;
	}
}

static int icmpx_express_change(struct genl_info *info, int (*change)(struct net_device *dev))
{
	struct net_device *dev;
	int err = -ENODEV;

	rtnl_lock();
	dev = icmpx_express_wanted(info);
	if (dev) {
		err = change(dev);
		if (err && info->extack)
			info->extack->_msg = icmpx_express_reason(err);
	}
	rtnl_unlock();
	if (!err)
		icmpx_netlink_changed(genl_info_net(info), AF_INET, "express");
	return err;
}

int icmpx_express_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	return icmpx_express_change(info, icmpx_express_add);
}

int icmpx_express_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return icmpx_express_change(info, icmpx_express_del);
}
