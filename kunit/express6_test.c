// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests over IPv6 answered as the frames that they came in. What the checksum must be is
 * asked of the kernel.
 */
#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "suites.h"

struct frame {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct icmp6hdr icmp;
} __packed;

static_assert(sizeof(struct frame) == ICMPX6_FRAME_LEN);

#define PACKET_LEN (ICMPX6_FRAME_LEN - ETH_HLEN)

static void set_message_sum(struct frame *frame)
{
	const struct in6_addr source = frame->ip.saddr, destination = frame->ip.daddr;
	struct icmp6hdr icmp = frame->icmp;

	icmp.icmp6_cksum = 0;
	frame->icmp.icmp6_cksum = csum_ipv6_magic(&source, &destination, sizeof(icmp),
						  IPPROTO_ICMPV6,
						  csum_partial(&icmp, sizeof(icmp), 0));
}

/* A plain request without data. */
static struct frame plain(void)
{
	struct frame frame = {
		.eth.h_dest = { 2, 0, 0, 0, 0, 1 },
		.eth.h_source = { 2, 0, 0, 0, 0, 2 },
		.eth.h_proto = htons(ETH_P_IPV6),
		.ip.version = 6,
		.ip.priority = 0x2,
		.ip.flow_lbl = { 0xc1, 0x23, 0x45 },
		.ip.payload_len = htons(sizeof(struct icmp6hdr)),
		.ip.nexthdr = IPPROTO_ICMPV6,
		.ip.hop_limit = 17,
		.ip.saddr.s6_addr = { 0xfd, [15] = 1 },
		.ip.daddr.s6_addr = { 0xfe, 0x80, [15] = 2 },
		.icmp.icmp6_type = ICMPV6_ECHO_REQUEST,
		.icmp.icmp6_dataun.un_data32 = { htonl(0x13572468) },
	};

	set_message_sum(&frame);
	return frame;
}

static u32 length(const struct frame *frame)
{
	return icmpx6_express_length((const u8 *)frame, PACKET_LEN);
}

static void check_reply(struct kunit *test, const struct frame *request, u8 hop_limit)
{
	struct frame want = *request, reply = *request;

	ether_addr_copy(want.eth.h_dest, request->eth.h_source);
	ether_addr_copy(want.eth.h_source, request->eth.h_dest);
	want.ip.saddr = request->ip.daddr;
	want.ip.daddr = request->ip.saddr;
	want.ip.hop_limit = hop_limit;
	want.icmp.icmp6_type = ICMPV6_ECHO_REPLY;
	set_message_sum(&want);
	icmpx6_express_reply((u8 *)&reply, hop_limit);
	KUNIT_ASSERT_MEMEQ(test, &reply, &want, sizeof(want));
}

static void express6_plain(struct kunit *test)
{
	const struct frame frame = plain();

	KUNIT_EXPECT_EQ(test, length(&frame), PACKET_LEN);
	check_reply(test, &frame, 64);
}

/* What is behind the packet does not count; what is missing of it does. */
static void express6_lengths(struct kunit *test)
{
	struct frame frame = plain();
	u32 payload, len;

	for (payload = 0; payload <= 0xffff; payload += payload < 100 ? 1 : 251) {
		const u32 total = sizeof(struct ipv6hdr) + payload;

		frame.ip.payload_len = htons(payload);
		for (len = PACKET_LEN; len < 0x11000; len += len < 150 ? 1 : 997) {
			const bool good = payload >= sizeof(struct icmp6hdr) && total <= len;

			KUNIT_ASSERT_EQ_MSG(test, icmpx6_express_length((u8 *)&frame, len),
					    good ? total : 0, "%u of %u bytes", total, len);
		}
	}
}

/* Any byte of the Ethernet and the IPv6 header, with any value. */
static void express6_every_byte(struct kunit *test)
{
	const u32 source = offsetof(struct frame, ip.saddr);
	const u32 destination = offsetof(struct frame, ip.daddr);

	for (u32 at = 0; at < ETH_HLEN + sizeof(struct ipv6hdr); at++) {
		for (u32 value = 0; value <= 0xff; value++) {
			struct frame frame = plain();
			const u8 before = ((u8 *)&frame)[at];
			bool good;

			((u8 *)&frame)[at] = value;
			set_message_sum(&frame);
			if (at == ETH_ALEN)
				good = !(value & 1);
			else if (at == 12 || at == 13 || at == offsetof(struct frame, ip.nexthdr) ||
				 at == offsetof(struct frame, ip.payload_len) ||
				 at == offsetof(struct frame, ip.payload_len) + 1)
				good = value == before;
			else if (at == ETH_HLEN)
				good = value >> 4 == 6;
			else if (at == source)
				good = value && value != 0xff;
			else if (at == destination)
				good = value != 0xff;
			else
				good = true;
			KUNIT_ASSERT_EQ_MSG(test, length(&frame), good ? PACKET_LEN : 0,
					    "byte %u is %u", at, value);
			if (good)
				check_reply(test, &frame, value);
		}
	}
}

/* The first half of an address decides, to its last bit. */
static void express6_addresses(struct kunit *test)
{
	for (u32 bit = 0; bit < 128; bit++) {
		struct frame frame = plain();

		memset(&frame.ip.saddr, 0, sizeof(frame.ip.saddr));
		frame.ip.saddr.s6_addr[bit / 8] = 0x80 >> bit % 8;
		KUNIT_EXPECT_EQ_MSG(test, length(&frame), bit < 64 ? PACKET_LEN : 0,
				    "from bit %u", bit);
		swap(frame.ip.saddr, frame.ip.daddr);
		KUNIT_EXPECT_EQ_MSG(test, length(&frame), bit < 64 ? PACKET_LEN : 0, "to bit %u",
				    bit);
	}
}

static void express6_from_no_station(struct kunit *test)
{
	struct frame frame = plain();

	eth_zero_addr(frame.eth.h_source);
	KUNIT_EXPECT_EQ(test, length(&frame), 0);
}

/* Types and codes, whatever the checksum: that is looked at elsewhere. */
static void express6_types(struct kunit *test)
{
	struct frame frame = plain();

	for (u32 i = 0; i <= 0xffff; i = sample_next(i, 0xffff)) {
		frame.icmp.icmp6_type = i >> 8;
		frame.icmp.icmp6_code = i;
		KUNIT_ASSERT_EQ(test, length(&frame),
				i == ICMPV6_ECHO_REQUEST << 8 ? PACKET_LEN : 0);
	}
}

/* Every checksum of a message. No sum of ICMPv6 is ambiguous: its pseudo header is not zero. */
static void express6_every_checksum(struct kunit *test)
{
	struct frame frame = plain();

	for (u32 id = 0; id <= 0xffff; id = sample_next(id, 0xffff)) {
		frame.icmp.icmp6_identifier = htons(id);
		set_message_sum(&frame);
		KUNIT_ASSERT_EQ(test, length(&frame), PACKET_LEN);
		check_reply(test, &frame, 64);
	}
}

static void express6_stays_in_the_frame(struct kunit *test)
{
	struct {
		struct guard before;
		struct frame frame;
		struct guard after;
	} guarded = { .frame = plain() };
	u8 *edge = page_end(test) - ICMPX6_FRAME_LEN;

	guard_set(&guarded.before);
	guard_set(&guarded.after);
	icmpx6_express_reply((u8 *)&guarded.frame, 64);
	KUNIT_EXPECT_TRUE(test, guard_intact(&guarded.before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&guarded.after));

	guarded.frame = plain();
	memcpy(edge, &guarded.frame, ICMPX6_FRAME_LEN);
	KUNIT_EXPECT_EQ(test, icmpx6_express_length(edge, PACKET_LEN), PACKET_LEN);
	icmpx6_express_reply(edge, 64);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(express6_plain),
	KUNIT_CASE(express6_lengths),
	KUNIT_CASE(express6_every_byte),
	KUNIT_CASE(express6_addresses),
	KUNIT_CASE(express6_from_no_station),
	KUNIT_CASE(express6_types),
	KUNIT_CASE(express6_every_checksum),
	KUNIT_CASE(express6_stays_in_the_frame),
	{}
};

struct kunit_suite icmpx_express6_suite = {
	.name = "icmpx_express6",
	.test_cases = cases,
};
