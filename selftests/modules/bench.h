/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages that are let come in: what is asked for, and how they are made. */
#ifndef ICMPX_SELFTESTS_BENCH_H
#define ICMPX_SELFTESTS_BENCH_H

#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>

/* An address that no host has. */
#define BENCH_STATION { 0x02, 0, 0, 0, 0, 0x02 }

/* Not an ICMP type: what a UDP datagram is asked for by. */
#define BENCH_UDP 256

#define BENCH_FLAG_OPTIONS BIT(0)
#define BENCH_FLAG_GRO BIT(1)
#define BENCH_FLAG_DRIVER BIT(2)
#define BENCH_FLAG_FRAGMENTS BIT(3)

/**
 * struct bench_job - what is asked for, see bench_main.c
 * @dev: where messages come in, with a reference
 * @source: an address of the family that @ipv6 says; of IPv4, 0 for spoofed sources
 * @destination: another one
 * @ipv6: whether these are of IPv6
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
	union nf_inet_addr source;
	union nf_inet_addr destination;
	bool ipv6;
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

/* bench_packet6.c: as bench_make(), for a message of ICMPv6. */
struct sk_buff *bench_make6(struct bench_job *job, u16 sequence);

/**
 * bench_draw() - Draw the next identifier.
 * @job: what is asked for; its @identifiers is not 0
 *
 * selftests/bench/ping_sockets.cpp has the same sequence.
 *
 * Return: a number from 1 to @identifiers.
 */
static inline u16 bench_draw(struct bench_job *job)
{
	job->seed = job->seed * 1664525 + 1013904223;
	return 1 + (job->seed >> 16) % job->identifiers;
}

/* What a driver tells of a packet that it has received. */
static inline void bench_record_queue(struct sk_buff *skb, unsigned int number)
{
	const unsigned int queues = skb->dev->real_num_rx_queues;

	if (queues > 1)
		skb_record_rx_queue(skb, number % queues);
}

/* The next of @job's sources, as a distance from its first one. */
static inline u32 bench_next_source(const struct bench_job *job)
{
	static u32 state;

	state = state * 1664525 + 1013904223;
	return (u64)state * job->sources >> 32;
}

#endif
