/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors that this host sends. */
#ifndef ICMPX_LINUX_SEND_H
#define ICMPX_LINUX_SEND_H

#include "icmpx.h"

/* Which interfaces errors describe: bits of the setting errors_extension_mask. */
#define ICMPX_TELL_INCOMING	BIT(0)
#define ICMPX_TELL_OUTGOING	BIT(1)
#define ICMPX_TELL_NEXT_HOP	BIT(2)

/* send.c */
void icmpx_send(struct sk_buff *skb, int type, int code, __be32 info,
		const struct ip_options *opt, int iif);

/* send6.c */
void icmpx6_send(struct sk_buff *skb, u8 type, u8 code, u32 info, const struct in6_addr *forced,
		 const struct inet6_skb_parm *parm);

/* extension.c */
bool icmpx_device_name(struct net *net, const struct net_device *dev, char *name);

/* hook.c */
void icmpx_send_take_over(void);
int icmpx_send_give_back(void);
bool icmpx_sending(void);
bool icmpx6_sending(void);

#endif
