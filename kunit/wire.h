/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An interface with nobody at the other end: a test puts packets into it, and
 * finds there what was sent. It has the address 10.0.0.1/8.
 */
#ifndef ICMPX_KUNIT_WIRE_H
#define ICMPX_KUNIT_WIRE_H

#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/skbuff.h>

#include "shell.h"

#define WIRE_US 0x0a000001
#define WIRE_PEER 0x0a000002
#define WIRE_BROADCAST 0x0affffff

struct wire {
	struct net_device *dev;
	struct sk_buff_head sent;
};

/**
 * struct wire_packet - what a packet is made of
 * @source: host order; 0 stands for WIRE_PEER
 * @destination: host order; 0 stands for WIRE_US
 * @protocol: 0 stands for ICMP
 * @message: what follows the IP header; the checksum is set if it is ICMP
 * @len: bytes of it
 * @options: IP options
 * @options_len: bytes of them, a multiple of 4
 * @id: of the IP header
 * @tos: of the IP header
 * @bad_checksum: whether the message's checksum is to be wrong
 */
struct wire_packet {
	u32 source;
	u32 destination;
	u8 protocol;
	const void *message;
	unsigned int len;
	const u8 *options;
	unsigned int options_len;
	u16 id;
	u8 tos;
	bool bad_checksum;
};

/* Gone with the test. */
struct wire *wire_open(struct kunit *test);

/* The packet, its data at the IP header, as a driver hands it on. */
struct sk_buff *wire_make(struct kunit *test, struct wire *wire, const struct wire_packet *packet);

/* Has IP receive it, and waits until it is done with it. */
void wire_receive(struct sk_buff *skb);
void wire_put(struct kunit *test, struct wire *wire, const struct wire_packet *packet);

/* What was sent next, gone with the test; its headers are set, its data is at the first. */
struct sk_buff *wire_get(struct kunit *test, struct wire *wire);

/* Puts a packet that comes to @stat, and to nothing that is sent. */
void wire_expect_silence(struct kunit *test, struct wire *wire, const struct wire_packet *packet,
			 enum icmpx_stat stat);

/* Whether nothing more was sent. */
static inline bool wire_silent(struct wire *wire)
{
	return skb_queue_empty(&wire->sent);
}

#endif
