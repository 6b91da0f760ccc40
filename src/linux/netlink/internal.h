/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this room share. */
#ifndef ICMPX_NETLINK_INTERNAL_H
#define ICMPX_NETLINK_INTERNAL_H

#include <net/genetlink.h>

#include "netlink/netlink.h"

/* Multicast groups, by their index in the family. */
enum {
	ICMPX_GROUP_LIMITS,
	ICMPX_GROUP_SETTINGS,
};

/* A message begins with the address family in every attribute set that has one. */
static_assert((int)ICMPX_A_COUNTERS_FAMILY == (int)ICMPX_A_SETTING_FAMILY &&
	      (int)ICMPX_A_SOCKET_FAMILY == (int)ICMPX_A_SETTING_FAMILY &&
	      (int)ICMPX_A_LIMITED_FAMILY == (int)ICMPX_A_SETTING_FAMILY);

/* netlink.c */
extern const u8 icmpx_families[2];
struct icmpx_family *icmpx_netlink_family(struct net *net, u8 family);
bool icmpx_netlink_wants(struct netlink_callback *cb, u8 family);
void *icmpx_netlink_put(struct sk_buff *skb, struct netlink_callback *cb, u8 command);
void icmpx_netlink_multicast(struct net *net, unsigned int group, u8 command, size_t size,
			     int (*fill)(struct sk_buff *skb, const void *what), const void *what);
int icmpx_netlink_reply(struct genl_info *info, u8 command, size_t size,
			int (*fill)(struct sk_buff *skb, const void *what), const void *what);

/* settings.c */
extern const struct nla_policy icmpx_setting_policy[ICMPX_A_SETTING_MAX + 1];
int icmpx_setting_get_doit(struct sk_buff *skb, struct genl_info *info);
int icmpx_setting_get_start(struct netlink_callback *cb);
int icmpx_setting_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int icmpx_setting_set_doit(struct sk_buff *skb, struct genl_info *info);

/* counters.c */
int icmpx_counters_get_start(struct netlink_callback *cb);
int icmpx_counters_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

/* sockets.c */
int icmpx_socket_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

/* limited.c */
int icmpx_limited_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

/* devices.c */
extern const struct nla_policy icmpx_express_policy[ICMPX_A_EXPRESS_MAX + 1];
int icmpx_express_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int icmpx_express_add_doit(struct sk_buff *skb, struct genl_info *info);
int icmpx_express_del_doit(struct sk_buff *skb, struct genl_info *info);

#endif
