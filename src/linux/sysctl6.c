// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of ICMPv6: /proc/sys/net/icmpx6/ of each network namespace.
 *
 * As in sysctl.c, a setting that the kernel has under net.ipv6.icmp is the same storage here,
 * with the same range.
 */
#include <icmpx/nodeinfo.h>
#include <linux/icmpv6.h>
#include <linux/sysctl.h>

#include "compat6.h"
#include "send/send.h"
#include "sysctl.h"

/* The bits of a prefix that one customer has, as a rule (RFC 6177). */
#define ICMPX6_PREFIX_DEFAULT 64
#define ICMPX6_PREFIX_MAX 128

static int icmpx6_prefix_max = ICMPX6_PREFIX_MAX;
static int icmpx6_node_info_max = ICMPX6_NODE_TELL_NAME | ICMPX6_NODE_TELL_IPV6 |
				  ICMPX6_NODE_TELL_IPV4 | ICMPX6_NODE_TELL_FAR;

#define ICMPX6_BYTE(name) \
	{ \
		.procname = #name, \
		.data = &init_net.ipv6.sysctl.icmpv6_##name, \
		.maxlen = sizeof(u8), \
		.mode = 0644, \
		.proc_handler = proc_dou8vec_minmax, \
	}

static const struct ctl_table icmpx6_shared_settings[] = {
	ICMPX6_BYTE(echo_ignore_all),
	ICMPX6_BYTE(echo_ignore_multicast),
	ICMPX6_BYTE(echo_ignore_anycast),
	{
		.procname = "ratelimit",
		.data = &init_net.ipv6.sysctl.icmpv6_time,
		.maxlen = sizeof(int),
		.mode = 0644,
		.proc_handler = proc_dointvec_ms_jiffies,
	},
	{
		.procname = "ratemask",
		.data = &init_net.ipv6.sysctl.icmpv6_ratemask_ptr,
		.maxlen = ICMPV6_MSG_MAX + 1,
		.mode = 0644,
		.proc_handler = proc_do_large_bitmap,
	},
#if ICMPX_HAS_ANYCAST_AS_UNICAST
	{
		.procname = "error_anycast_as_unicast",
		.data = &init_net.ipv6.sysctl.icmpv6_error_anycast_as_unicast,
		.maxlen = sizeof(u8),
		.mode = 0644,
		.proc_handler = proc_dou8vec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = SYSCTL_ONE,
	},
#endif
#if ICMPX_KERNEL_HAS_EXTENSIONS
	{
		.procname = "errors_extension_mask",
		.data = &init_net.ipv6.sysctl.icmpv6_errors_extension_mask,
		.maxlen = sizeof(u8),
		.mode = 0644,
		.proc_handler = proc_dou8vec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &icmpx_extension_mask_max,
	},
#endif
};

/* Settings that ICMPv4 has not; the data is an offset into struct icmpx_family. */
static const struct ctl_table icmpx6_own_settings[] = {
	{
		.procname = "node_info",
		.data = (void *)offsetof(struct icmpx_family, node_info),
		.maxlen = sizeof(u8),
		.mode = 0644,
		.proc_handler = proc_dou8vec_minmax,
		.extra1 = SYSCTL_ZERO,
		.extra2 = &icmpx6_node_info_max,
	},
};

static const struct icmpx_settings icmpx6_all_settings = {
	.family = AF_INET6,
	.path = "net/icmpx6",
	.shared = icmpx6_shared_settings,
	.shared_count = ARRAY_SIZE(icmpx6_shared_settings),
	.own = icmpx6_own_settings,
	.own_count = ARRAY_SIZE(icmpx6_own_settings),
	.prefix_min = SYSCTL_ONE,
	.prefix_max = &icmpx6_prefix_max,
};

/**
 * icmpx6_settings_init() - Give a namespace its settings of ICMPv6.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has registered net/icmpx6.
 */
int icmpx6_settings_init(struct net *net, struct icmpx_net *ix)
{
	ix->v6.limit.rate = 0;
	ix->v6.limit.burst = ICMPX_BURST_DEFAULT;
	ix->v6.limit.length = ICMPX6_PREFIX_DEFAULT;
	ix->v6.node_info = 0;
#if !ICMPX_KERNEL_HAS_EXTENSIONS
	ix->v6.extension_mask = 0;
#endif
	return icmpx_settings_register(net, &ix->v6, &icmpx6_all_settings);
}

/**
 * icmpx6_settings_exit() - Take a namespace's settings of ICMPv6 away.
 * @net: the namespace
 * @ix: icmpx's state of @net
 *
 * Clears the bits of errors_extension_mask that the kernel's own name of it does not accept.
 *
 * Context: process. Waits for readers and writers.
 */
void icmpx6_settings_exit(struct net *net, struct icmpx_net *ix)
{
	icmpx_settings_unregister(&ix->v6);
#if ICMPX_KERNEL_HAS_EXTENSIONS
	WRITE_ONCE(net->ipv6.sysctl.icmpv6_errors_extension_mask,
		   net->ipv6.sysctl.icmpv6_errors_extension_mask & ICMPX_TELL_INCOMING);
#endif
}
