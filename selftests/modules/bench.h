/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages that are let come in: what is asked for, and how they are made. */
#ifndef ICMPX_SELFTESTS_BENCH_H
#define ICMPX_SELFTESTS_BENCH_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>

/* Not an ICMP type: what a UDP datagram is asked for by. */
#define BENCH_UDP 256

#define BENCH_FLAG_OPTIONS BIT(0)
#define BENCH_FLAG_GRO BIT(1)
#define BENCH_FLAG_DRIVER BIT(2)
#define BENCH_FLAG_FRAGMENTS BIT(3)

/**
 * struct bench_job - what is asked for, see bench_main.c
 * @dev: where messages come in, with a reference
 * @source: network order; 0 for somebody who spoofs
 * @destination: network order
 * @type: ICMP type, or BENCH_UDP
 * @len: bytes of data
 * @count: how many messages
 * @identifiers: how many there are to draw from; 0 for one that never changes
 * @seed: what the next one is drawn by
 * @sources: how many there are to draw from
 * @flags: BENCH_FLAG_...
 */
struct bench_job {
	struct net_device *dev;
	__be32 source;
	__be32 destination;
	unsigned int type;
	unsigned int len;
	unsigned int count;
	unsigned int identifiers;
	u32 seed;
	unsigned int sources;
	unsigned int flags;
};

/**
 * bench_make() - Make the next message.
 * @job: what is asked for; draws from it
 * @sequence: its number
 *
 * Context: process; one at a time.
 *
 * Return: the message, of fragments the first of a list; NULL without memory.
 */
struct sk_buff *bench_make(struct bench_job *job, u16 sequence);

#endif
