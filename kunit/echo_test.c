// SPDX-License-Identifier: GPL-2.0-only
/*
 * Echo and timestamp replies. What a checksum must be is asked of the kernel.
 */
#include <linux/bitops.h>
#include <linux/unaligned.h>
#include <net/checksum.h>

#include "suites.h"

#define CHECKSUM_AT 2
#define REQUEST_MAX 128

static u16 full_checksum(const u8 *message, size_t len)
{
	u8 copy[REQUEST_MAX];

	memcpy(copy, message, len);
	put_unaligned_be16(0, copy + CHECKSUM_AT);
	return be16_to_cpu((__force __be16)ip_compute_csum(copy, len));
}

/* The sum of a whole message without its checksum is one of zero's two forms. */
static bool sum_is_zero(const u8 *message, size_t len)
{
	const u16 checksum = full_checksum(message, len);

	return checksum == 0 || checksum == 0xffff;
}

/*
 * Has @message answered, whose checksum was right, and compares the reply with
 * what RFC 792 says; its checksum with a sum over all of it.
 */
static void check_reply(struct kunit *test, const u8 *message, size_t len)
{
	u8 reply[REQUEST_MAX];
	bool carried_over;

	memcpy(reply, message, len);
	carried_over = icmpx_echo_reply(reply);

	KUNIT_ASSERT_EQ(test, reply[0], 0);
	KUNIT_ASSERT_EQ(test, reply[1], message[1]);
	KUNIT_ASSERT_MEMEQ(test, reply + 4, message + 4, len - 4);
	if (carried_over)
		KUNIT_ASSERT_EQ_MSG(test, get_unaligned_be16(reply + CHECKSUM_AT),
				    full_checksum(reply, len), "request %*ph", (int)len, message);
	else
		KUNIT_ASSERT_TRUE_MSG(test, sum_is_zero(reply, len), "request %*ph",
				      (int)len, message);
}

static void check_request(struct kunit *test, u8 *message, size_t len)
{
	const u16 checksum = full_checksum(message, len);

	put_unaligned_be16(checksum, message + CHECKSUM_AT);
	check_reply(test, message, len);
	/* A request with the other form of zero passes as well. */
	if (checksum == 0 || checksum == 0xffff) {
		put_unaligned_be16(~checksum, message + CHECKSUM_AT);
		check_reply(test, message, len);
	}
}

static void check_code(struct kunit *test, u8 code, u16 rest)
{
	u8 message[ICMPX_HEADER_LEN] = { 8, code };

	put_unaligned_be16(rest, message + 4);
	check_request(test, message, sizeof(message));
}

/* Every sum that the rest of a message can have. */
static void echo_every_sum(struct kunit *test)
{
	static const u8 codes[] = { 0, 1, 0x55, 0xaa, 0xff };

	for (u32 i = 0; i < ARRAY_SIZE(codes); i++)
		for (u32 rest = 0; rest <= 0xffff; rest = sample_next(rest, 0xffff))
			check_code(test, codes[i], rest);
}

/* With sums around zero, the request's and the reply's, and around a carry. */
static void echo_every_code(struct kunit *test)
{
	for (u32 code = 0; code <= 255; code = sample_next(code, 255)) {
		for (int by = -300; by <= 300; by++) {
			check_code(test, code, by - code);
			check_code(test, code, by - code - 0x800);
			check_code(test, code, by + 0x8000);
		}
	}
}

static void echo_anything(struct kunit *test)
{
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(200000); i++) {
		u8 message[REQUEST_MAX];
		const size_t len = ICMPX_HEADER_LEN + i % (REQUEST_MAX - ICMPX_HEADER_LEN + 1);

		prandom_bytes_state(&random, message, len);
		message[0] = 8;
		check_request(test, message, len);
	}
}

/*
 * Of two requests with one header, the one with data of zeros needs 0xffff in
 * its reply and the other one 0: who sees only the header cannot know.
 */
static void echo_ambiguous_zero(struct kunit *test)
{
	u8 zeros[ICMPX_HEADER_LEN + 2] = { 8 };
	u8 ones[ICMPX_HEADER_LEN + 2] = { 8, [8] = 0xff, [9] = 0xff };
	u8 reply[ICMPX_HEADER_LEN] = {};

	put_unaligned_be16(full_checksum(zeros, sizeof(zeros)), zeros + CHECKSUM_AT);
	put_unaligned_be16(full_checksum(ones, sizeof(ones)), ones + CHECKSUM_AT);
	KUNIT_ASSERT_MEMEQ(test, zeros, ones, ICMPX_HEADER_LEN);

	memcpy(reply, zeros, sizeof(reply));
	KUNIT_EXPECT_FALSE(test, icmpx_echo_reply(reply));
	zeros[0] = 0;
	ones[0] = 0;
	KUNIT_EXPECT_EQ(test, full_checksum(zeros, sizeof(zeros)), 0xffff);
	KUNIT_EXPECT_EQ(test, full_checksum(ones, sizeof(ones)), 0);
}

/* The short way is the rule: a sum over the data is the exception. */
static void echo_is_carried_over(struct kunit *test)
{
	u32 summed = 0;

	for (u32 id = 0; id <= 0xffff; id = sample_next(id, 0xffff)) {
		u8 message[ICMPX_HEADER_LEN] = { 8 };

		put_unaligned_be16(id, message + 4);
		put_unaligned_be16(full_checksum(message, sizeof(message)), message + CHECKSUM_AT);
		summed += !icmpx_echo_reply(message);
	}
	KUNIT_EXPECT_LE(test, summed, 2);
}

/* Worked out by hand, for once: nothing here computes anything. */
static void echo_known_message(struct kunit *test)
{
	static const u8 expected[ICMPX_HEADER_LEN] = { 0, 0, 0xff, 0xfa, 0, 1, 0, 4 };
	u8 header[ICMPX_HEADER_LEN] = { 8, 0, 0xf7, 0xfa, 0, 1, 0, 4 };

	KUNIT_EXPECT_TRUE(test, icmpx_echo_reply(header));
	KUNIT_EXPECT_MEMEQ(test, header, expected, sizeof(expected));
}

struct guarded_message {
	struct guard before;
	u8 bytes[ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN];
	struct guard after;
};

static void echo_writes_the_header_only(struct kunit *test)
{
	struct {
		struct guard before;
		u8 header[ICMPX_HEADER_LEN];
		struct guard after;
	} message = { .header = { 8 } };

	guard_set(&message.before);
	guard_set(&message.after);
	icmpx_echo_reply(message.header);
	KUNIT_EXPECT_TRUE(test, guard_intact(&message.before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&message.after));
}

static void echo_reads_the_header_only(struct kunit *test)
{
	u8 *header = page_end(test) - ICMPX_HEADER_LEN;

	memset(header, 8, ICMPX_HEADER_LEN);
	icmpx_echo_reply(header);
	KUNIT_EXPECT_EQ(test, header[0], 0);
}

static void timestamp_bytes(struct kunit *test)
{
	static const u8 request[] = {
		13, 0, 0x12, 0x34, 0xab, 0xcd, 0, 7,
		1, 2, 3, 4, 0x55, 0x55, 0x55, 0x55, 0x66, 0x66, 0x66, 0x66,
	};
	static const u8 expected[] = {
		14, 0, 0x7f, 0xda, 0xab, 0xcd, 0, 7,
		1, 2, 3, 4, 5, 0x26, 0x5b, 0xff, 5, 0x26, 0x5b, 0xff,
	};
	struct guarded_message message;

	guard_set(&message.before);
	guard_set(&message.after);
	memcpy(message.bytes, request, sizeof(request));
	/* A millisecond before midnight. */
	icmpx_timestamp_reply(message.bytes, cpu_to_be32(86399999));
	KUNIT_EXPECT_MEMEQ(test, message.bytes, expected, sizeof(expected));
	KUNIT_EXPECT_TRUE(test, guard_intact(&message.before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&message.after));
}

static void timestamp_anything(struct kunit *test)
{
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(100000); i++) {
		const u32 now = prandom_u32_state(&random);
		u8 request[ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN];
		u8 reply[sizeof(request)];

		prandom_bytes_state(&random, request, sizeof(request));
		memcpy(reply, request, sizeof(reply));
		icmpx_timestamp_reply(reply, cpu_to_be32(now));

		KUNIT_ASSERT_EQ(test, reply[0], 14);
		KUNIT_ASSERT_EQ(test, reply[1], 0);
		KUNIT_ASSERT_EQ_MSG(test, get_unaligned_be16(reply + CHECKSUM_AT),
				    full_checksum(reply, sizeof(reply)), "request %*ph",
				    (int)sizeof(request), request);
		/* Identifier, sequence number, originate timestamp. */
		KUNIT_ASSERT_MEMEQ(test, reply + 4, request + 4, 8);
		KUNIT_ASSERT_EQ(test, get_unaligned_be32(reply + 12), now);
		KUNIT_ASSERT_EQ(test, get_unaligned_be32(reply + 16), now);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(echo_every_sum),
	KUNIT_CASE(echo_every_code),
	KUNIT_CASE(echo_anything),
	KUNIT_CASE(echo_ambiguous_zero),
	KUNIT_CASE(echo_is_carried_over),
	KUNIT_CASE(echo_known_message),
	KUNIT_CASE(echo_writes_the_header_only),
	KUNIT_CASE(echo_reads_the_header_only),
	KUNIT_CASE(timestamp_bytes),
	KUNIT_CASE(timestamp_anything),
	{}
};

struct kunit_suite icmpx_echo_suite = {
	.name = "icmpx_echo",
	.test_cases = cases,
};
