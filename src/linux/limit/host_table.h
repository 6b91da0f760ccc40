/* SPDX-License-Identifier: GPL-2.0-only */
/* Buckets for each host that errors go to. */
#ifndef ICMPX_HOST_TABLE_H
#define ICMPX_HOST_TABLE_H

#include <linux/types.h>

struct icmpx_host_table;

/* host_table.c */
struct icmpx_host_table *icmpx_host_table_create(void);
void icmpx_host_table_free(struct icmpx_host_table *table);
bool icmpx_host_take(struct icmpx_host_table *table, __be32 address, int vrf, u32 interval);
bool icmpx_host_empty(const struct icmpx_host_table *table, __be32 address, u32 interval);

#endif
