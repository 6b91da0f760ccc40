/* SPDX-License-Identifier: GPL-2.0-only */
/* What the settings of both families share. */
#ifndef ICMPX_SYSCTL_H
#define ICMPX_SYSCTL_H

#include "icmpx.h"

#define ICMPX_BURST_DEFAULT 50

/**
 * struct icmpx_settings - the settings of an address family
 * @path: the directory below /proc/sys
 * @shared: second names of the kernel's settings; each data pointer is one into init_net
 * @shared_count: how many
 * @own: settings that the other family has not; the data is an offset into struct icmpx_family
 * @own_count: how many
 * @prefix_min: the range of echo_ratelimit_prefix
 * @prefix_max: the range of echo_ratelimit_prefix
 */
struct icmpx_settings {
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

#endif
