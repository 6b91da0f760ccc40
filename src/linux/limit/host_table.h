/* SPDX-License-Identifier: GPL-2.0-only */
/* Buckets for each host that errors go to. */
#ifndef ICMPX_HOST_TABLE_H
#define ICMPX_HOST_TABLE_H

#include <linux/types.h>

struct icmpx_host_table;
struct in6_addr;

/**
 * icmpx_host_id() - Name a host by its address of IPv4.
 * @address: the address, network order; not 0
 * @vrf: index of the VRF that the host is reached by; 0 for none
 *
 * Context: any.
 *
 * Return: the name, which is not 0.
 */
static inline u64 icmpx_host_id(__be32 address, int vrf)
{
	return (u64)(__force u32)address << 32 | (u32)vrf;
}

/* host_table.c */
struct icmpx_host_table *icmpx_host_table_create(void);
void icmpx_host_table_free(struct icmpx_host_table *table);
u64 icmpx6_host_id(const struct icmpx_host_table *table, const struct in6_addr *address);
bool icmpx_host_take(struct icmpx_host_table *table, u64 id, u32 interval);
bool icmpx_host_empty(const struct icmpx_host_table *table, u64 id, u32 interval);

#endif
