/* SPDX-License-Identifier: GPL-2.0-only */
/* What the settings of both families share. */
#ifndef ICMPX_SYSCTL_H
#define ICMPX_SYSCTL_H

#include <linux/sysctl.h>

#include "icmpx.h"
#include "send/send.h"

#define ICMPX_BURST_DEFAULT 50

/* Room for the value of any setting as text, the 0 at its end included. */
#define ICMPX_SETTING_LEN (ICMPX_TOLD_LEN + 2)

/**
 * struct icmpx_setting - a setting of a namespace, beside its ctl_table
 * @net: the namespace
 * @handler: reads and writes it
 * @family: AF_INET or AF_INET6
 * @name: its procname, which is how a handler finds this
 */
struct icmpx_setting {
	struct net *net;
	proc_handler *handler;
	u8 family;
	char name[31];
};

/**
 * struct icmpx_settings - the settings of an address family
 * @family: AF_INET or AF_INET6
 * @path: the directory below /proc/sys
 * @shared: second names of the kernel's settings; each data pointer is one into init_net
 * @shared_count: how many
 * @own: settings that the other family has not; the data is an offset into struct icmpx_family
 * @own_count: how many
 * @prefix_min: the range of echo_ratelimit_prefix
 * @prefix_max: the range of echo_ratelimit_prefix
 */
struct icmpx_settings {
	u8 family;
	const char *path;
	const struct ctl_table *shared;
	size_t shared_count;
	const struct ctl_table *own;
	size_t own_count;
	int *prefix_min;
	int *prefix_max;
};

/* sysctl.c */
extern int icmpx_extension_mask_max;
int icmpx_settings_register(struct net *net, struct icmpx_family *family,
			    const struct icmpx_settings *settings);
void icmpx_settings_unregister(struct icmpx_family *family);

/* setting.c */
struct ctl_table *icmpx_setting_find(const struct icmpx_family *family, const char *name);
int icmpx_setting_read(struct ctl_table *entry, char *text);
int icmpx_setting_write(struct ctl_table *entry, const char *text);
bool icmpx_setting_is_number(const struct ctl_table *entry);
bool icmpx_setting_range(const struct ctl_table *entry, s32 *min, s32 *max);

#endif
