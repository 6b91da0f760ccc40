/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors that this host sends. */
#ifndef ICMPX_LINUX_SEND_H
#define ICMPX_LINUX_SEND_H

#include "icmpx.h"

struct icmpx_node;

/* Which interfaces errors describe: bits of the setting errors_extension_mask. */
#define ICMPX_TELL_INCOMING	BIT(0)
#define ICMPX_TELL_OUTGOING	BIT(1)
#define ICMPX_TELL_NEXT_HOP	BIT(2)
/* Whether they identify this host. */
#define ICMPX_TELL_NODE		BIT(3)

/* Room for the settings node_name, node_address and errors_extension_to, their 0 included. */
#define ICMPX_NODE_NAME_LEN	64
#define ICMPX_NODE_ADDRESS_LEN	48
#define ICMPX_TOLD_LEN		4096

/* send.c */
void icmpx_send(struct sk_buff *skb, int type, int code, __be32 info,
		const struct ip_options *opt, int iif);

/* send6.c */
void icmpx6_send(struct sk_buff *skb, u8 type, u8 code, u32 info, const struct in6_addr *forced,
		 const struct inet6_skb_parm *parm);

/* extension.c */
bool icmpx_device_name(struct net *net, const struct net_device *dev, char *name);

/* disclose.c */
bool icmpx_tells(const struct icmpx_net *ix, __be32 destination);
bool icmpx6_tells(const struct icmpx_net *ix, const struct in6_addr *destination);
void icmpx_describe_self(const struct net *net, const struct icmpx_net *ix,
			 struct icmpx_node *node);
void icmpx_node_name_get(const struct icmpx_net *ix, char *text);
int icmpx_node_name_set(struct icmpx_net *ix, char *text);
void icmpx_node_address_get(const struct icmpx_net *ix, char *text);
int icmpx_node_address_set(struct icmpx_net *ix, char *text);
void icmpx_told_get(const struct icmpx_net *ix, char *text);
int icmpx_told_set(struct icmpx_net *ix, char *text);
void icmpx_disclosure_exit(struct icmpx_net *ix);

/* hook.c */
void icmpx_send_take_over(void);
int icmpx_send_give_back(void);
bool icmpx_sending(void);
bool icmpx6_sending(void);

#endif
