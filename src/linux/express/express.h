/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests answered at the ingress of a device. */
#ifndef ICMPX_EXPRESS_H
#define ICMPX_EXPRESS_H

#include <linux/if.h>
#include <linux/netfilter.h>

#include "icmpx.h"

/* express.c */
unsigned int icmpx_express(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/* device.c */
#define ICMPX_EXPRESS_DEVICES 64
/* For each device its name, and the space or the final 0 after the name. */
#define ICMPX_EXPRESS_LEN (ICMPX_EXPRESS_DEVICES * IFNAMSIZ)
int icmpx_express_set(struct net *net, char *names);
void icmpx_express_get(const struct net *net, char *names);
int icmpx_express_add(struct net_device *dev);
int icmpx_express_del(struct net_device *dev);
const struct net_device *icmpx_express_at(const struct net *net, unsigned int index);
void icmpx_express_exit_net(struct net *net);
int icmpx_express_init(void);
void icmpx_express_exit(void);

#endif
