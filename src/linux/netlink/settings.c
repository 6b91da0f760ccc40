// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings by netlink. Their handlers check a value, so that both ways take the same ones, and
 * whoever has one of them open sees what the other writes.
 */
#include <linux/slab.h>

#include "netlink/internal.h"
#include "sysctl.h"

const struct nla_policy icmpx_setting_policy[ICMPX_A_SETTING_MAX + 1] = {
	[ICMPX_A_SETTING_FAMILY] = { .type = NLA_U8 },
	[ICMPX_A_SETTING_NAME] = { .type = NLA_NUL_STRING, .len = 63 },
	[ICMPX_A_SETTING_VALUE] = { .type = NLA_NUL_STRING, .len = ICMPX_SETTING_LEN },
};

/* A setting and its value, for a message. */
struct icmpx_setting_value {
	u8 family;
	struct ctl_table *entry;
	char *text;
};

/* Bytes of a setting whose value has @len bytes, the last of which is 0. */
static size_t icmpx_setting_size(size_t len)
{
	return nla_total_size(sizeof(u8)) +
	       nla_total_size(sizeof_field(struct icmpx_setting, name)) + nla_total_size(len) +
	       2 * nla_total_size(sizeof(s32)) + nla_total_size(0);
}

static int icmpx_setting_fill(struct sk_buff *skb, const void *what)
{
	const struct icmpx_setting_value *value = what;
	s32 min, max;

	if (nla_put_u8(skb, ICMPX_A_SETTING_FAMILY, value->family) ||
	    nla_put_string(skb, ICMPX_A_SETTING_NAME, value->entry->procname) ||
	    nla_put_string(skb, ICMPX_A_SETTING_VALUE, value->text))
		return -EMSGSIZE;
	if (icmpx_setting_range(value->entry, &min, &max) &&
	    (nla_put_s32(skb, ICMPX_A_SETTING_RANGE_MIN, min) ||
	     nla_put_s32(skb, ICMPX_A_SETTING_RANGE_MAX, max)))
		return -EMSGSIZE;
	if (icmpx_setting_is_number(value->entry) && nla_put_flag(skb, ICMPX_A_SETTING_NUMBER))
		return -EMSGSIZE;
	return 0;
}

/* The setting that a request names; a negative errno, with a message, if there is none. */
static struct ctl_table *icmpx_setting_wanted(struct genl_info *info, u8 *family)
{
	struct nlattr *name = info->attrs[ICMPX_A_SETTING_NAME];
	struct nlattr *wanted = info->attrs[ICMPX_A_SETTING_FAMILY];
	const struct icmpx_family *state;
	struct ctl_table *entry;

	if (!wanted || !name) {
		NL_SET_ERR_MSG(info->extack, "a setting has a family and a name");
		return ERR_PTR(-EINVAL);
	}
	*family = nla_get_u8(wanted);
	state = icmpx_netlink_family(genl_info_net(info), *family);
	if (!state) {
		NL_SET_ERR_MSG_ATTR(info->extack, wanted,
				    "icmpx does not have this family of addresses");
		return ERR_PTR(-EAFNOSUPPORT);
	}
	entry = icmpx_setting_find(state, nla_data(name));
	if (!entry) {
		NL_SET_ERR_MSG_ATTR(info->extack, name, "no such setting");
		return ERR_PTR(-ENOENT);
	}
	return entry;
}

int icmpx_setting_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct icmpx_setting_value value = {};
	int err;

	value.entry = icmpx_setting_wanted(info, &value.family);
	if (IS_ERR(value.entry))
		return PTR_ERR(value.entry);
	value.text = kmalloc(ICMPX_SETTING_LEN, GFP_KERNEL_ACCOUNT);
	if (!value.text)
		return -ENOMEM;
	err = icmpx_setting_read(value.entry, value.text) ?:
	      icmpx_netlink_reply(info, ICMPX_CMD_SETTING_GET,
				  icmpx_setting_size(strlen(value.text) + 1),
				  icmpx_setting_fill, &value);
	kfree(value.text);
	return err;
}

/* Adds the settings of a family from number @cb->args[1] on. 0, or -EMSGSIZE without room. */
static int icmpx_settings_dump(struct sk_buff *skb, struct netlink_callback *cb,
			       struct icmpx_setting_value *value)
{
	struct icmpx_family *family = icmpx_netlink_family(sock_net(skb->sk), value->family);
	void *header;
	int err;

	for (;; cb->args[1]++) {
		value->entry = &family->settings[cb->args[1]];
		if (!value->entry->procname)
			return 0;
		err = icmpx_setting_read(value->entry, value->text);
		if (err)
			return err;
		header = icmpx_netlink_put(skb, cb, ICMPX_CMD_SETTING_GET);
		if (!header)
			return -EMSGSIZE;
		err = icmpx_setting_fill(skb, value);
		if (err) {
			genlmsg_cancel(skb, header);
			return err;
		}
		genlmsg_end(skb, header);
	}
}

/* A message holds the longest value, however little room the reader has had for the one before. */
int icmpx_setting_get_start(struct netlink_callback *cb)
{
	cb->min_dump_alloc = nlmsg_total_size(GENL_HDRLEN) + icmpx_setting_size(ICMPX_SETTING_LEN);
	return 0;
}

int icmpx_setting_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct icmpx_setting_value value = {};
	int err = 0;

	value.text = kmalloc(ICMPX_SETTING_LEN, GFP_KERNEL_ACCOUNT);
	if (!value.text)
		return -ENOMEM;
	for (; !err && cb->args[0] < ARRAY_SIZE(icmpx_families); cb->args[0]++, cb->args[1] = 0) {
		value.family = icmpx_families[cb->args[0]];
		if (icmpx_netlink_wants(cb, value.family))
			err = icmpx_settings_dump(skb, cb, &value);
		if (err)
			break;
	}
	kfree(value.text);
	return err == -EMSGSIZE && skb->len ? skb->len : err ?: skb->len;
}

/* Why a handler refused a value. */
static void icmpx_setting_explain(struct genl_info *info, const struct ctl_table *entry, int err)
{
	struct nlattr *value = info->attrs[ICMPX_A_SETTING_VALUE];
	s32 min, max;

	if (err == -EINVAL && icmpx_setting_range(entry, &min, &max))
		NL_SET_ERR_MSG_ATTR(info->extack, value, "not a number in the setting's range");
	else if (err == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, value, "not a value of this setting");
	else if (err == -ENODEV)
		NL_SET_ERR_MSG_ATTR(info->extack, value, "no such device");
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG_ATTR(info->extack, value, "not an Ethernet device");
	else if (err == -EBUSY)
		NL_SET_ERR_MSG_ATTR(info->extack, value,
				    "another device gets the frames of this one");
	else if (err == -E2BIG)
		NL_SET_ERR_MSG_ATTR(info->extack, value, "too many");
}

int icmpx_setting_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ctl_table *entry;
	u8 family;
	int err;

	entry = icmpx_setting_wanted(info, &family);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	if (!info->attrs[ICMPX_A_SETTING_VALUE]) {
		NL_SET_ERR_MSG(info->extack, "no value");
		return -EINVAL;
	}
	err = icmpx_setting_write(entry, nla_data(info->attrs[ICMPX_A_SETTING_VALUE]));
	if (err)
		icmpx_setting_explain(info, entry, err);
	return err;
}

/**
 * icmpx_netlink_changed() - Tell listeners that a setting was written.
 * @net: the namespace
 * @family: AF_INET or AF_INET6
 * @name: the setting
 *
 * Context: process; takes no lock that a handler of settings holds.
 */
void icmpx_netlink_changed(struct net *net, u8 family, const char *name)
{
	struct icmpx_setting_value value = { .family = family };

	value.entry = icmpx_setting_find(icmpx_netlink_family(net, family), name);
	value.text = kmalloc(ICMPX_SETTING_LEN, GFP_KERNEL);
	if (value.text && !icmpx_setting_read(value.entry, value.text))
		icmpx_netlink_multicast(net, ICMPX_GROUP_SETTINGS, ICMPX_CMD_SETTING_NTF,
					icmpx_setting_size(strlen(value.text) + 1),
					icmpx_setting_fill, &value);
	kfree(value.text);
}
