// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests over IPv6 answered as the frames that they came in. What the checksum must be is
 * asked of the kernel.
 */
#include <linux/etherdevice.h>
#include <net/checksum.h>

#include "suites.h"

#define ADDRESS_LEN 16
#define PROTOCOL_ICMPV6 58
#define ECHO_REQUEST 128
#define ECHO_REPLY 129

struct message {
	u8 type;
	u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

struct frame {
	struct ethhdr eth;
	struct {
		u8 version;
		u8 label[3];
		__be16 payload_len;
		u8 next_header;
		u8 hop_limit;
		u8 source[ADDRESS_LEN];
		u8 destination[ADDRESS_LEN];
	} ip;
	struct message icmp;
} __packed;

static_assert(sizeof(struct frame) == ICMPX6_FRAME_LEN);

#define PACKET_LEN (ICMPX6_FRAME_LEN - ETH_HLEN)
#define IP_LEN sizeof(((struct frame *)0)->ip)

/* The pseudo header of RFC 8200, 8.1, and the message. */
static void set_message_sum(struct frame *frame)
{
	struct {
		u8 source[ADDRESS_LEN];
		u8 destination[ADDRESS_LEN];
		__be32 len;
		__be32 next_header;
		struct message icmp;
	} sum = {
		.len = cpu_to_be32(sizeof(struct message)),
		.next_header = cpu_to_be32(PROTOCOL_ICMPV6),
		.icmp = frame->icmp,
	};

	memcpy(sum.source, frame->ip.source, ADDRESS_LEN);
	memcpy(sum.destination, frame->ip.destination, ADDRESS_LEN);
	sum.icmp.checksum = 0;
	frame->icmp.checksum = (__force __be16)ip_compute_csum(&sum, sizeof(sum));
}

/* A plain request without data. */
static struct frame plain(void)
{
	struct frame frame = {
		.eth.h_dest = { 2, 0, 0, 0, 0, 1 },
		.eth.h_source = { 2, 0, 0, 0, 0, 2 },
		.eth.h_proto = htons(ETH_P_IPV6),
		.ip.version = 0x62,
		.ip.label = { 0xc1, 0x23, 0x45 },
		.ip.payload_len = htons(sizeof(struct message)),
		.ip.next_header = PROTOCOL_ICMPV6,
		.ip.hop_limit = 17,
		.ip.source = { 0xfd, [15] = 1 },
		.ip.destination = { 0xfe, 0x80, [15] = 2 },
		.icmp.type = ECHO_REQUEST,
		.icmp.id = htons(0x1357),
		.icmp.sequence = htons(0x2468),
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
	memcpy(want.ip.source, request->ip.destination, ADDRESS_LEN);
	memcpy(want.ip.destination, request->ip.source, ADDRESS_LEN);
	want.ip.hop_limit = hop_limit;
	want.icmp.type = ECHO_REPLY;
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
		const u32 total = IP_LEN + payload;

		frame.ip.payload_len = htons(payload);
		for (len = PACKET_LEN; len < 0x11000; len += len < 150 ? 1 : 997) {
			const bool good = payload >= sizeof(struct message) && total <= len;

			KUNIT_ASSERT_EQ_MSG(test, icmpx6_express_length((u8 *)&frame, len),
					    good ? total : 0, "%u of %u bytes", total, len);
		}
	}
}

/* Any byte of the Ethernet and the IPv6 header, with any value. */
static void express6_every_byte(struct kunit *test)
{
	const u32 len_at = offsetof(struct frame, ip.payload_len);
	const u32 source = offsetof(struct frame, ip.source);
	const u32 destination = offsetof(struct frame, ip.destination);

	for (u32 at = 0; at < ETH_HLEN + IP_LEN; at++) {
		for (u32 value = 0; value <= 0xff; value++) {
			struct frame frame = plain();
			const u8 before = ((u8 *)&frame)[at];
			bool good;

			((u8 *)&frame)[at] = value;
			set_message_sum(&frame);
			if (at == ETH_ALEN)
				good = !(value & 1);
			else if (at == 12 || at == 13 || at == len_at || at == len_at + 1 ||
				 at == offsetof(struct frame, ip.next_header))
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

		memset(frame.ip.source, 0, ADDRESS_LEN);
		frame.ip.source[bit / 8] = 0x80 >> bit % 8;
		KUNIT_EXPECT_EQ_MSG(test, length(&frame), bit < 64 ? PACKET_LEN : 0,
				    "from bit %u", bit);
		frame = plain();
		memset(frame.ip.destination, 0, ADDRESS_LEN);
		frame.ip.destination[bit / 8] = 0x80 >> bit % 8;
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
		frame.icmp.type = i >> 8;
		frame.icmp.code = i;
		KUNIT_ASSERT_EQ(test, length(&frame),
				i == ECHO_REQUEST << 8 ? PACKET_LEN : 0);
	}
}

/* Every checksum of a message. No sum of ICMPv6 is ambiguous: its pseudo header is not zero. */
static void express6_every_checksum(struct kunit *test)
{
	struct frame frame = plain();

	for (u32 id = 0; id <= 0xffff; id = sample_next(id, 0xffff)) {
		frame.icmp.id = htons(id);
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
