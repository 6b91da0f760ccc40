// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings: /proc/sys/net/icmpx/ of each network namespace.
 *
 * A setting that the kernel has under net.ipv4 is the same storage here, under a second
 * name and with the same range, but for errors_extension_mask, which has more bits here.
 * Both names have one value, and loading the module changes no value.
 */
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/ping.h>

#include "express/express.h"
#include "icmpx.h"
#include "limit/limit.h"
#include "netlink/netlink.h"
#include "ping/ping.h"
#include "send/send.h"
#include "sysctl.h"

#define ICMPX_PREFIX_MAX 32
#define ICMPX_EXTENSION_MASK_MAX \
	(ICMPX_TELL_INCOMING | ICMPX_TELL_OUTGOING | ICMPX_TELL_NEXT_HOP | ICMPX_TELL_NODE)

static int icmpx_rate_max = 1000000;
static int icmpx_burst_max = 1000000;
static int icmpx_prefix_max = ICMPX_PREFIX_MAX;
/* Both families have the setting errors_extension_mask. */
int icmpx_extension_mask_max = ICMPX_EXTENSION_MASK_MAX;
static unsigned long icmpx_group_min[] = { 0, 0 };
static unsigned long icmpx_group_max[] = { GID_T_MAX, GID_T_MAX };

/* A rate other than 0 allocates the limit's table, 0 frees it, and each change replaces it. */
static int icmpx_limit_handler(struct icmpx_prefix_limit *limit, ICMPX_CTL_TABLE *table, int write,
			       void *buffer, size_t *lenp, loff_t *ppos)
{
	struct ctl_table local = *table;
	int rate, burst, err;

	mutex_lock(&limit->lock);
	rate = limit->rate;
	burst = limit->burst;
	local.data = table->data == &limit->rate ? &rate : &burst;
	err = proc_dointvec_minmax(&local, write, buffer, lenp, ppos);
	if (!err && write)
		err = icmpx_prefix_limit_set(limit, rate, burst);
	mutex_unlock(&limit->lock);
	return err;
}

static int icmpx_echo_ratelimit_handler(ICMPX_CTL_TABLE *table, int write, void *buffer,
					size_t *lenp, loff_t *ppos)
{
	return icmpx_limit_handler(container_of(table->data, struct icmpx_prefix_limit, rate),
				   table, write, buffer, lenp, ppos);
}

static int icmpx_echo_burst_handler(ICMPX_CTL_TABLE *table, int write, void *buffer,
				    size_t *lenp, loff_t *ppos)
{
	return icmpx_limit_handler(container_of(table->data, struct icmpx_prefix_limit, burst),
				   table, write, buffer, lenp, ppos);
}

/* A range of groups, in numbers of the task's user namespace. A descending range has no group. */
static int icmpx_group_range_handler(ICMPX_CTL_TABLE *table, int write, void *buffer, size_t *lenp,
				     loff_t *ppos)
{
	struct net *net = container_of(table->data, struct net, ipv4.ping_group_range.range);
	struct user_namespace *user_ns = current_user_ns();
	struct ctl_table local = *table;
	unsigned long numbers[2];
	kgid_t range[2];
	int err;

	icmpx_group_range(net, range);
	numbers[0] = from_kgid_munged(user_ns, range[0]);
	numbers[1] = from_kgid_munged(user_ns, range[1]);
	local.data = numbers;
	local.maxlen = sizeof(numbers);
	err = proc_doulongvec_minmax(&local, write, buffer, lenp, ppos);
	if (err || !write)
		return err;

	range[0] = make_kgid(user_ns, numbers[0]);
	range[1] = make_kgid(user_ns, numbers[1]);
	if (!gid_valid(range[0]) || !gid_valid(range[1]))
		return -EINVAL;
	if (numbers[1] < numbers[0] || gid_lt(range[1], range[0])) {
		range[0] = make_kgid(&init_user_ns, 1);
		range[1] = make_kgid(&init_user_ns, 0);
	}
	write_seqlock(&net->ipv4.ping_group_range.lock);
	net->ipv4.ping_group_range.range[0] = range[0];
	net->ipv4.ping_group_range.range[1] = range[1];
	write_sequnlock(&net->ipv4.ping_group_range.lock);
	return 0;
}

/*
 * Names of devices. A value that does not fit into ICMPX_EXPRESS_LEN bytes is refused:
 * proc_dostring() would truncate it.
 */
static int icmpx_express_handler(ICMPX_CTL_TABLE *table, int write, void *buffer, size_t *lenp,
				 loff_t *ppos)
{
	struct ctl_table local = *table;
	struct net *net = table->data;
	int err;

	if (write && (*lenp >= table->maxlen || *ppos >= table->maxlen - *lenp))
		return -EINVAL;
	local.data = kmalloc(table->maxlen, GFP_KERNEL_ACCOUNT);
	if (!local.data)
		return -ENOMEM;
	rtnl_lock();
	icmpx_express_get(net, local.data);
	err = proc_dostring(&local, write, buffer, lenp, ppos);
	if (!err && write)
		err = icmpx_express_set(net, local.data);
	rtnl_unlock();
	kfree(local.data);
	return err;
}

/**
 * struct icmpx_text - a setting that is text
 * @get: writes the value, which fits into the room that the table has for it
 * @set: changes the value; may change @text; returns 0 or a negative errno
 */
struct icmpx_text {
	void (*get)(const struct icmpx_net *ix, char *text);
	int (*set)(struct icmpx_net *ix, char *text);
};

static struct icmpx_text icmpx_node_name = { icmpx_node_name_get, icmpx_node_name_set };
static struct icmpx_text icmpx_node_address = { icmpx_node_address_get, icmpx_node_address_set };
static struct icmpx_text icmpx_errors_extension_to = { icmpx_told_get, icmpx_told_set };

/* As icmpx_express_handler(), for a setting of struct icmpx_disclosure. */
static int icmpx_text_handler(ICMPX_CTL_TABLE *table, int write, void *buffer, size_t *lenp,
			      loff_t *ppos)
{
	const struct icmpx_text *text = table->extra1;
	struct icmpx_net *ix = icmpx_net(table->data);
	struct ctl_table local = *table;
	int err;

	/* One byte more: a writer as a rule ends with a newline, which is not kept. */
	if (write && (*lenp > table->maxlen || *ppos > table->maxlen - *lenp))
		return -EINVAL;
	local.maxlen = table->maxlen + 1;
	local.data = kmalloc(local.maxlen, GFP_KERNEL_ACCOUNT);
	if (!local.data)
		return -ENOMEM;
	mutex_lock(&ix->disclosure.lock);
	text->get(ix, local.data);
	err = proc_dostring(&local, write, buffer, lenp, ppos);
	if (!err && write)
		err = strlen(local.data) < table->maxlen ? text->set(ix, local.data) : -EINVAL;
	mutex_unlock(&ix->disclosure.lock);
	kfree(local.data);
	return err;
}

#define ICMPX_TEXT(name, len) \
	{ \
		.procname = #name, \
		.data = &init_net, \
		.maxlen = len, \
		.mode = 0644, \
		.proc_handler = icmpx_text_handler, \
		.extra1 = &icmpx_##name, \
	}

#define ICMPX_SWITCH(name) \
	{ \
		.procname = #name, \
		.data = &init_net.ipv4.sysctl_icmp_##name, \
		.maxlen = sizeof(u8), \
		.mode = 0644, \
		.proc_handler = proc_dou8vec_minmax, \
		.extra1 = SYSCTL_ZERO, \
		.extra2 = SYSCTL_ONE, \
	}

/*
 * Second names of the kernel's settings, and settings of text. icmpx_settings_init()
 * moves each data pointer from init_net to the same offset in the namespace's struct net.
 */
static const struct ctl_table icmpx_shared_settings[] = {
	ICMPX_SWITCH(echo_ignore_all),
	ICMPX_SWITCH(echo_enable_probe),
	ICMPX_SWITCH(echo_ignore_broadcasts),
	ICMPX_SWITCH(ignore_bogus_error_responses),
	ICMPX_SWITCH(errors_use_inbound_ifaddr),
	{
		.procname = "ratelimit",
		.data = &init_net.ipv4.sysctl_icmp_ratelimit,
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec_ms_jiffies,
	},
	{
		.procname = "ratemask",
		.data = &init_net.ipv4.sysctl_icmp_ratemask,
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec,
	},
	{
		.procname = "msgs_per_sec",
		.data = &init_net.ipv4.sysctl_icmp_msgs_per_sec,
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO,
	},
	{
		.procname = "msgs_burst",
		.data = &init_net.ipv4.sysctl_icmp_msgs_burst,
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO,
	},
	{
		.procname = "ping_group_range",
		.data = &init_net.ipv4.ping_group_range.range,
		.maxlen = sizeof(init_net.ipv4.ping_group_range.range),
		.mode = 0644,
		.proc_handler = icmpx_group_range_handler,
		.extra1 = icmpx_group_min,
		.extra2 = icmpx_group_max,
	},
#if ICMPX_KERNEL_HAS_EXTENSIONS
	{
		.procname = "errors_extension_mask",
		.data = &init_net.ipv4.sysctl_icmp_errors_extension_mask,
		.maxlen = sizeof(u8),
		.mode = 0644,
		.proc_handler = proc_dou8vec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &icmpx_extension_mask_max,
	},
#endif
	ICMPX_TEXT(node_name, ICMPX_NODE_NAME_LEN),
	ICMPX_TEXT(node_address, ICMPX_NODE_ADDRESS_LEN),
	ICMPX_TEXT(errors_extension_to, ICMPX_TOLD_LEN),
	{
		.procname = "express",
		.data = &init_net,
		.maxlen = ICMPX_EXPRESS_LEN,
		.mode = 0644,
		.proc_handler = icmpx_express_handler,
	},
};

/* Settings that ICMPv6 has not; the data is an offset into struct icmpx_family. */
static const struct ctl_table icmpx_own_settings[] = {
	{
		.procname = "timestamp_ignore_all",
		.data = (void *)offsetof(struct icmpx_family, ignore_timestamps),
		.maxlen = sizeof(u8),
		.mode = 0644,
		.proc_handler = proc_dou8vec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = SYSCTL_ONE,
	},
};

/* Settings that both families have; the data is an offset into struct icmpx_family. */
static const struct ctl_table icmpx_family_settings[] = {
#if !ICMPX_KERNEL_HAS_EXTENSIONS
	{
		.procname = "errors_extension_mask",
		.data = (void *)offsetof(struct icmpx_family, extension_mask),
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &icmpx_extension_mask_max,
	},
#endif
	{
		.procname = "echo_ratelimit",
		.data = (void *)offsetof(struct icmpx_family, limit.rate),
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = icmpx_echo_ratelimit_handler,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &icmpx_rate_max,
	},
	{
		.procname = "echo_burst",
		.data = (void *)offsetof(struct icmpx_family, limit.burst),
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = icmpx_echo_burst_handler,
		.extra1 = SYSCTL_ONE,
		.extra2 = &icmpx_burst_max,
	},
	{
		.procname = "echo_ratelimit_prefix",
		.data = (void *)offsetof(struct icmpx_family, limit.length),
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec_minmax,
	},
};

static const struct icmpx_settings icmpx_all_settings = {
	.family = AF_INET,
	.path = "net/icmpx",
	.shared = icmpx_shared_settings,
	.shared_count = ARRAY_SIZE(icmpx_shared_settings),
	.own = icmpx_own_settings,
	.own_count = ARRAY_SIZE(icmpx_own_settings),
	.prefix_min = SYSCTL_ZERO,
	.prefix_max = &icmpx_prefix_max,
};

/* Every setting is written through this, by whatever name of net.icmpx or net.icmpx6. */
static int icmpx_setting_handler(ICMPX_CTL_TABLE *table, int write, void *buffer, size_t *lenp,
				 loff_t *ppos)
{
	const struct icmpx_setting *setting =
		container_of(table->procname, struct icmpx_setting, name[0]);
	const int err = setting->handler(table, write, buffer, lenp, ppos);

	if (!err && write)
		icmpx_netlink_changed(setting->net, setting->family, setting->name);
	return err;
}

/**
 * icmpx_settings_register() - Give a namespace the settings of an address family.
 * @net: the namespace
 * @family: icmpx's state of the address family in @net
 * @settings: the settings
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has registered the directory.
 */
int icmpx_settings_register(struct net *net, struct icmpx_family *family,
			    const struct icmpx_settings *settings)
{
	const size_t both = ARRAY_SIZE(icmpx_family_settings);
	const size_t count = settings->shared_count + settings->own_count + both;
	struct ctl_table *table, *entry;
	struct icmpx_setting *setting;
	size_t i;

	/* One more entry, which stays empty: see icmpx_register_sysctl(). */
	table = kcalloc(count + 1, sizeof(*table) + sizeof(*setting), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	setting = (void *)(table + count + 1);
	entry = table;
	for (i = 0; i < settings->shared_count; i++, entry++) {
		*entry = settings->shared[i];
		entry->data += (void *)net - (void *)&init_net;
	}
	for (i = 0; i < settings->own_count; i++, entry++) {
		*entry = settings->own[i];
		entry->data = (void *)family + (size_t)entry->data;
	}
	for (i = 0; i < both; i++, entry++) {
		*entry = icmpx_family_settings[i];
		entry->data = (void *)family + (size_t)entry->data;
		if (entry->extra2)
			continue;
		entry->extra1 = settings->prefix_min;
		entry->extra2 = settings->prefix_max;
	}
	for (i = 0; i < count; i++, setting++) {
		setting->net = net;
		setting->family = settings->family;
		setting->handler = table[i].proc_handler;
		if (strscpy(setting->name, table[i].procname, sizeof(setting->name)) < 0) {
			kfree(table);
			return -ENAMETOOLONG;
		}
		table[i].procname = setting->name;
		table[i].proc_handler = icmpx_setting_handler;
	}

	family->settings = table;	/* for icmpx_netlink_changed() */
	family->settings_header = icmpx_register_sysctl(net, settings->path, table, count);
	if (!family->settings_header) {
		kfree(table);
		return -ENOMEM;
	}
	return 0;
}

/**
 * icmpx_settings_unregister() - Undo icmpx_settings_register().
 * @family: the part that the settings are of
 *
 * Context: process. Waits for readers and writers.
 */
void icmpx_settings_unregister(struct icmpx_family *family)
{
	unregister_net_sysctl_table(family->settings_header);
	kfree(family->settings);
}

/**
 * icmpx_settings_init() - Give a namespace its settings.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has registered net/icmpx.
 */
int icmpx_settings_init(struct net *net, struct icmpx_net *ix)
{
	ix->v4.limit.rate = 0;
	ix->v4.limit.burst = ICMPX_BURST_DEFAULT;
	ix->v4.limit.length = ICMPX_PREFIX_MAX;
	ix->v4.ignore_timestamps = 0;
#if !ICMPX_KERNEL_HAS_EXTENSIONS
	ix->v4.extension_mask = 0;
#endif
	return icmpx_settings_register(net, &ix->v4, &icmpx_all_settings);
}

/**
 * icmpx_settings_exit() - Take a namespace's settings away.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Clears the bits of errors_extension_mask that the kernel's own name of it does not accept.
 *
 * Context: process. Waits for readers and writers.
 */
void icmpx_settings_exit(struct net *net, struct icmpx_net *ix)
{
	icmpx_settings_unregister(&ix->v4);
#if ICMPX_KERNEL_HAS_EXTENSIONS
	WRITE_ONCE(net->ipv4.sysctl_icmp_errors_extension_mask,
		   net->ipv4.sysctl_icmp_errors_extension_mask & ICMPX_TELL_INCOMING);
#endif
}
