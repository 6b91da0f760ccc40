// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests answered as the frames that they came in. What the checksums must be is
 * asked of the kernel.
 */
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <net/checksum.h>
#include <net/ip.h>

#include "suites.h"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct icmphdr icmp;
} __packed;

static_assert(sizeof(struct frame) == ICMPX_FRAME_LEN);

#define DATAGRAM_LEN (ICMPX_FRAME_LEN - ETH_HLEN)

static void set_header_sum(struct frame *frame)
{
	struct iphdr ip = frame->ip;

	ip.check = 0;
	frame->ip.check = ip_compute_csum(&ip, sizeof(ip));
}

static void set_message_sum(struct frame *frame)
{
	struct icmphdr icmp = frame->icmp;

	icmp.checksum = 0;
	frame->icmp.checksum = ip_compute_csum(&icmp, sizeof(icmp));
}

/* A plain request without data. */
static struct frame plain(void)
{
	struct frame frame = {
		.eth.h_dest = { 2, 0, 0, 0, 0, 1 },
		.eth.h_source = { 2, 0, 0, 0, 0, 2 },
		.eth.h_proto = htons(ETH_P_IP),
		.ip.version = 4,
		.ip.ihl = 5,
		.ip.tos = 0x2c,
		.ip.tot_len = htons(DATAGRAM_LEN),
		.ip.id = htons(0x1234),
		.ip.frag_off = htons(IP_DF),
		.ip.ttl = 17,
		.ip.protocol = IPPROTO_ICMP,
		.ip.saddr = htonl(0x0a000001),
		.ip.daddr = htonl(0x0a000002),
		.icmp.type = ICMP_ECHO,
		.icmp.un.echo.id = htons(0x1357),
		.icmp.un.echo.sequence = htons(0x2468),
	};

	set_header_sum(&frame);
	set_message_sum(&frame);
	return frame;
}

static u32 length(const struct frame *frame)
{
	return icmpx_express_length((const u8 *)frame, DATAGRAM_LEN);
}

/* The reply to @request, of which nobody but the kernel has computed anything. */
static struct frame expected(const struct frame *request, u8 ttl)
{
	struct frame reply = *request;

	ether_addr_copy(reply.eth.h_dest, request->eth.h_source);
	ether_addr_copy(reply.eth.h_source, request->eth.h_dest);
	reply.ip.saddr = request->ip.daddr;
	reply.ip.daddr = request->ip.saddr;
	reply.ip.id = htons(ntohs(request->ip.id) + ntohs(request->icmp.un.echo.id) +
			    ntohs(request->icmp.un.echo.sequence));
	reply.ip.frag_off = 0;
	reply.ip.ttl = ttl;
	set_header_sum(&reply);
	reply.icmp.type = ICMP_ECHOREPLY;
	set_message_sum(&reply);
	return reply;
}

static void check_reply(struct kunit *test, const struct frame *request, u8 ttl)
{
	const struct frame want = expected(request, ttl);
	struct frame reply = *request;

	icmpx_express_reply((u8 *)&reply, ttl);
	KUNIT_ASSERT_MEMEQ(test, &reply, &want, sizeof(want));
}

static void express_plain(struct kunit *test)
{
	const struct frame frame = plain();

	KUNIT_EXPECT_EQ(test, length(&frame), DATAGRAM_LEN);
	check_reply(test, &frame, 64);
}

/* What is behind the datagram does not count; what is missing of it does. */
static void express_lengths(struct kunit *test)
{
	struct frame frame = plain();
	u32 total, len;

	for (total = 0; total <= 0xffff; total += total < 100 ? 1 : 251) {
		frame.ip.tot_len = htons(total);
		set_header_sum(&frame);
		for (len = DATAGRAM_LEN; len < 0x11000; len += len < 100 ? 1 : 997) {
			const bool good = total >= DATAGRAM_LEN && total <= len;

			KUNIT_ASSERT_EQ_MSG(test, icmpx_express_length((u8 *)&frame, len),
					    good ? total : 0, "%u of %u bytes", total, len);
		}
	}
}

/* Any byte of the Ethernet and the IP header, with any value, the sum made right. */
static void express_every_byte(struct kunit *test)
{
	u32 at, value;

	for (at = 0; at < ETH_HLEN + sizeof(struct iphdr); at++) {
		for (value = 0; value <= 0xff; value++) {
			struct frame frame = plain();
			const u8 before = ((u8 *)&frame)[at];
			bool good;

			((u8 *)&frame)[at] = value;
			set_header_sum(&frame);
			switch (at) {
			case 6:
				good = !(value & 1);
				break;
			case 12: case 13: case 14: case 16: case 21: case 23:
				good = value == before;
				break;
			case 17:
				good = value == DATAGRAM_LEN;
				break;
			case 20:
				good = value == 0 || value == 0x40;
				break;
			case 26: case 30:
				good = value && value != 127 && value < 224;
				break;
			default:
				good = true;
				break;
			}
			KUNIT_ASSERT_EQ_MSG(test, length(&frame), good ? DATAGRAM_LEN : 0,
					    "byte %u is %u", at, value);
			if (good)
				check_reply(test, &frame, value);
		}
	}
}

static void express_from_no_station(struct kunit *test)
{
	struct frame frame = plain();
	u32 at;

	eth_zero_addr(frame.eth.h_source);
	KUNIT_EXPECT_EQ(test, length(&frame), 0);
	for (at = 0; at < ETH_ALEN; at++) {
		frame.eth.h_source[at] = 2;
		KUNIT_EXPECT_EQ(test, length(&frame), DATAGRAM_LEN);
		frame.eth.h_source[at] = 0;
	}
}

/* One bit that is wrong, and the sum with it. */
static void express_header_sum(struct kunit *test)
{
	u32 bit;

	for (bit = 0; bit < sizeof(struct iphdr) * 8; bit++) {
		struct frame frame = plain();

		((u8 *)&frame.ip)[bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_EQ_MSG(test, length(&frame), 0, "bit %u", bit);
	}
}

/* Types and codes, whatever the checksum: that is looked at elsewhere. */
static void express_types(struct kunit *test)
{
	struct frame frame = plain();

	for (u32 i = 0; i <= 0xffff; i = sample_next(i, 0xffff)) {
		frame.icmp.type = i >> 8;
		frame.icmp.code = i;
		KUNIT_ASSERT_EQ(test, length(&frame),
				i == ICMP_ECHO << 8 ? DATAGRAM_LEN : 0);
	}
}

/* Every checksum of a message: the reply's is right, or left to those who see the data. */
static void express_every_checksum(struct kunit *test)
{
	struct frame frame = plain();
	u32 left = 0;

	for (u32 id = 0; id <= 0xffff; id = sample_next(id, 0xffff)) {
		frame.icmp.un.echo.id = htons(id);
		set_message_sum(&frame);
		if (length(&frame))
			check_reply(test, &frame, 64);
		else
			left++;
	}
	KUNIT_EXPECT_LE(test, left, 2);
	frame.icmp.checksum = htons(0xf7ff);
	KUNIT_EXPECT_EQ(test, length(&frame), 0);
}

static void express_anything(struct kunit *test)
{
	struct rnd_state random;
	u32 i;

	random_start(&random);
	for (i = 0; i < sample_count(100000); i++) {
		struct frame frame = plain();

		frame.ip.tos = prandom_u32_state(&random);
		frame.ip.id = htons(prandom_u32_state(&random));
		frame.ip.ttl = prandom_u32_state(&random);
		frame.icmp.un.gateway = htonl(prandom_u32_state(&random));
		set_header_sum(&frame);
		set_message_sum(&frame);
		if (length(&frame))
			check_reply(test, &frame, i);
	}
}

static void express_stays_in_the_frame(struct kunit *test)
{
	struct {
		struct guard before;
		struct frame frame;
		struct guard after;
	} guarded = { .frame = plain() };
	u8 *edge = page_end(test) - ICMPX_FRAME_LEN;

	guard_set(&guarded.before);
	guard_set(&guarded.after);
	icmpx_express_reply((u8 *)&guarded.frame, 64);
	KUNIT_EXPECT_TRUE(test, guard_intact(&guarded.before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&guarded.after));

	guarded.frame = plain();
	memcpy(edge, &guarded.frame, ICMPX_FRAME_LEN);
	KUNIT_EXPECT_EQ(test, icmpx_express_length(edge, DATAGRAM_LEN), DATAGRAM_LEN);
	icmpx_express_reply(edge, 64);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(express_plain),
	KUNIT_CASE(express_lengths),
	KUNIT_CASE(express_every_byte),
	KUNIT_CASE(express_from_no_station),
	KUNIT_CASE(express_header_sum),
	KUNIT_CASE(express_types),
	KUNIT_CASE(express_every_checksum),
	KUNIT_CASE(express_anything),
	KUNIT_CASE(express_stays_in_the_frame),
	{}
};

struct kunit_suite icmpx_express_suite = {
	.name = "icmpx_express",
	.test_cases = cases,
};
