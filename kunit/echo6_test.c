// SPDX-License-Identifier: GPL-2.0-only
/*
 * Echo replies over IPv6. What a checksum must be is asked of the kernel: it is
 * that of the message with its pseudo header in front (RFC 8200, 8.1).
 */
#include <linux/bitops.h>
#include <linux/unaligned.h>
#include <net/checksum.h>

#include "suites.h"

#define CHECKSUM_AT 2
#define REQUEST_MAX 128
#define ADDRESS_LEN 16

struct packet {
	u8 source[ADDRESS_LEN];
	u8 destination[ADDRESS_LEN];
	u8 len[4];
	u8 next_header[4];
	u8 message[REQUEST_MAX];
};

#define PSEUDO_LEN offsetof(struct packet, message)

static u16 full_checksum(const struct packet *packet, size_t len)
{
	struct packet copy = *packet;

	put_unaligned_be32(len, copy.len);
	put_unaligned_be32(58, copy.next_header);
	put_unaligned_be16(0, copy.message + CHECKSUM_AT);
	return be16_to_cpu((__force __be16)ip_compute_csum(&copy, PSEUDO_LEN + len));
}

/*
 * Has the request in @packet answered, whose checksum was right, and compares the
 * reply with what RFC 4443 says; its checksum with a sum over all of it.
 */
static void check_reply(struct kunit *test, const struct packet *packet, size_t len)
{
	const u8 *message = packet->message;
	struct packet reply = *packet;

	memcpy(reply.source, packet->destination, ADDRESS_LEN);
	memcpy(reply.destination, packet->source, ADDRESS_LEN);
	icmpx6_echo_reply(reply.message);

	KUNIT_ASSERT_EQ(test, reply.message[0], 129);
	KUNIT_ASSERT_EQ(test, reply.message[1], message[1]);
	KUNIT_ASSERT_MEMEQ(test, reply.message + 4, message + 4, len - 4);
	KUNIT_ASSERT_EQ_MSG(test, get_unaligned_be16(reply.message + CHECKSUM_AT),
			    full_checksum(&reply, len), "request %*ph", (int)len, message);
}

static void check_request(struct kunit *test, struct packet *packet, size_t len)
{
	const u16 checksum = full_checksum(packet, len);

	put_unaligned_be16(checksum, packet->message + CHECKSUM_AT);
	check_reply(test, packet, len);
	/* A request with the other form of zero passes as well. */
	if (!checksum) {
		put_unaligned_be16(0xffff, packet->message + CHECKSUM_AT);
		check_reply(test, packet, len);
	}
}

/* @address is that of both ends, but for the last byte of the destination's. */
static void check_code(struct kunit *test, u8 address, u8 code, u16 rest)
{
	struct packet packet = { .message = { 128, code } };

	memset(packet.source, address, ADDRESS_LEN);
	memset(packet.destination, address, ADDRESS_LEN - 1);
	put_unaligned_be16(rest, packet.message + 4);
	check_request(test, &packet, ICMPX_HEADER_LEN);
}

/* Every sum that the rest of a message can have. */
static void echo_every_sum(struct kunit *test)
{
	static const u8 addresses[] = { 0, 0x20, 0xff };
	static const u8 codes[] = { 0, 1, 0xff };

	for (u32 i = 0; i < ARRAY_SIZE(addresses) * ARRAY_SIZE(codes); i++)
		for (u32 rest = 0; rest <= 0xffff; rest = sample_next(rest, 0xffff))
			check_code(test, addresses[i / ARRAY_SIZE(codes)],
				   codes[i % ARRAY_SIZE(codes)], rest);
}

/* With checksums around zero, the request's and the reply's, and around a carry. */
static void echo_every_code(struct kunit *test)
{
	for (u32 code = 0; code <= 255; code = sample_next(code, 255)) {
		for (int by = -300; by <= 300; by++) {
			check_code(test, 0, code, by - code - 0x8042);
			check_code(test, 0, code, by - code - 0x8142);
			check_code(test, 0, code, by);
		}
	}
}

static void echo_anything(struct kunit *test)
{
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(200000); i++) {
		struct packet packet;
		const size_t len = ICMPX_HEADER_LEN + i % (REQUEST_MAX - ICMPX_HEADER_LEN + 1);

		prandom_bytes_state(&random, &packet, sizeof(packet));
		packet.message[0] = 128;
		check_request(test, &packet, len);
	}
}

/* Of zero's two forms, a sum with addresses in it has one. The reply's is the same, to the bit. */
static void echo_zero_has_one_form(struct kunit *test)
{
	static const u8 expected[ICMPX_HEADER_LEN] = { 129, 0, 0, 0, 0x7e, 0xb3, 0, 8 };
	struct packet packet = { .message = { 128, 0, 1, 0, 0x7e, 0xb3, 0, 8 } };

	packet.source[ADDRESS_LEN - 1] = 1;
	packet.destination[ADDRESS_LEN - 1] = 1;
	KUNIT_ASSERT_EQ(test, full_checksum(&packet, ICMPX_HEADER_LEN), 0x100);
	icmpx6_echo_reply(packet.message);
	KUNIT_EXPECT_MEMEQ(test, packet.message, expected, sizeof(expected));
}

/* From ::1 to ::1. Worked out by hand, for once: nothing here computes anything. */
static void echo_known_message(struct kunit *test)
{
	static const u8 expected[ICMPX_HEADER_LEN] = { 129, 0, 0x7e, 0xb6, 0, 1, 0, 4 };
	u8 header[ICMPX_HEADER_LEN] = { 128, 0, 0x7f, 0xb6, 0, 1, 0, 4 };

	icmpx6_echo_reply(header);
	KUNIT_EXPECT_MEMEQ(test, header, expected, sizeof(expected));
}

static void echo_writes_the_header_only(struct kunit *test)
{
	struct {
		struct guard before;
		u8 header[ICMPX_HEADER_LEN];
		struct guard after;
	} message = { .header = { 128 } };

	guard_set(&message.before);
	guard_set(&message.after);
	icmpx6_echo_reply(message.header);
	KUNIT_EXPECT_TRUE(test, guard_intact(&message.before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&message.after));
}

static void echo_reads_the_header_only(struct kunit *test)
{
	u8 *header = page_end(test) - ICMPX_HEADER_LEN;

	memset(header, 128, ICMPX_HEADER_LEN);
	icmpx6_echo_reply(header);
	KUNIT_EXPECT_EQ(test, header[0], 129);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(echo_every_sum),
	KUNIT_CASE(echo_every_code),
	KUNIT_CASE(echo_anything),
	KUNIT_CASE(echo_zero_has_one_form),
	KUNIT_CASE(echo_known_message),
	KUNIT_CASE(echo_writes_the_header_only),
	KUNIT_CASE(echo_reads_the_header_only),
	{}
};

struct kunit_suite icmpx_echo6_suite = {
	.name = "icmpx_echo6",
	.test_cases = cases,
};
