/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of src/linux have in common. This module has taken ICMP over
 * as icmpx.ko does, so the first namespace is one of ours.
 */
#ifndef ICMPX_KUNIT_SHELL_H
#define ICMPX_KUNIT_SHELL_H

#include <net/icmp.h>
#include <net/ip.h>

#include "icmpx.h"
#include "suites.h"

static inline struct icmpx_net *ours(void)
{
	return icmpx_net(&init_net);
}

/* Lets everybody open ping sockets, as long as the test runs. */
void allow_ping_sockets(struct kunit *test);

/* A ping socket of ours, gone with the test. */
struct socket *ping_socket(struct kunit *test);

/* A line of /proc/net/icmpx_stat. */
static inline u64 stat_of(enum icmpx_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(ours()->v4.counters, cpu)->value[stat];
	return sum;
}

/* A line of /proc/net/snmp: ICMP_MIB_INMSGS, ... */
static inline unsigned long mib_of(int field)
{
	return snmp_fold_field(init_net.mib.icmp_statistics, field);
}

/*
 * How often messages of a type came in, or went out with 0x100 added (RFC 4293): what a
 * reader of /proc/net/snmp would be told.
 */
static inline unsigned long messages_of(unsigned int type)
{
	const unsigned int slot = type / 0x100 * ICMPX_MIB_TYPES + type % 0x100;
	unsigned long sum = atomic_long_read(&init_net.mib.icmpmsg_statistics->mibs[type]);
	int cpu;

	if (type % 0x100 >= ICMPX_MIB_TYPES)
		return sum;
	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(ours()->v4.counters, cpu)->messages[slot];
	return sum - ours()->folded[slot];
}

#endif
