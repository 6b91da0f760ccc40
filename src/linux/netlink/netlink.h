/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family icmpx. */
#ifndef ICMPX_LINUX_NETLINK_H
#define ICMPX_LINUX_NETLINK_H

#include <icmpx/netlink.h>

#include "icmpx.h"

struct icmpx_limited;

/* netlink.c */
int icmpx_netlink_init(void);
void icmpx_netlink_exit(void);

/* settings.c */
void icmpx_netlink_changed(struct net *net, u8 family, const char *name);

/* limited.c */
void icmpx_netlink_limit(struct net *net, u8 family, u8 command,
			 const struct icmpx_limited *limited);

#endif
