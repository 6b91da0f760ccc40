// SPDX-License-Identifier: GPL-2.0-only
/*
 * The routing header in a packet that a received error of ICMPv6 quotes.
 */
#include "suites.h"

/* The longest header: its length in units of 8 bytes is a byte. */
#define HEADER_MAX 2048

/* The fixed part of a segment routing header, before the segments. */
#define FIXED_LEN 8
#define SEGMENT_LEN 16

/* A header with @segments and @tlvs bytes behind them, which are one object. */
static size_t make(u8 *header, u32 segments, u32 tlvs)
{
	const size_t segments_end = FIXED_LEN + segments * SEGMENT_LEN;
	const size_t len = segments_end + tlvs;

	memset(header, 0, len);
	header[0] = 17;
	header[1] = len / 8 - 1;
	header[2] = 4;
	header[3] = segments - 1;
	header[4] = segments - 1;
	if (tlvs)
		header[segments_end + 1] = tlvs - 2;
	return len;
}

static void every_number_of_segments(struct kunit *test)
{
	u8 header[HEADER_MAX];

	for (u32 segments = 1; FIXED_LEN + segments * SEGMENT_LEN <= HEADER_MAX; segments++) {
		const size_t len = make(header, segments, 0);

		KUNIT_ASSERT_TRUE_MSG(test, icmpx6_segments_valid(header, len), "%u", segments);
	}
}

static void every_type(struct kunit *test)
{
	u8 header[HEADER_MAX];
	const size_t len = make(header, 2, 0);

	for (u32 type = 0; type <= 255; type++) {
		header[2] = type;
		KUNIT_ASSERT_EQ_MSG(test, icmpx6_segments_valid(header, len), type == 4, "type %u",
				    type);
	}
}

/* What the header says of its length, and how long it is. */
static void every_length(struct kunit *test)
{
	u8 header[HEADER_MAX] = {};
	const size_t right = make(header, 2, 0);

	for (size_t len = 0; len <= HEADER_MAX; len++)
		KUNIT_ASSERT_EQ_MSG(test, icmpx6_segments_valid(header, len), len == right, "%zu",
				    len);
	for (u32 units = 0; units <= 255; units++) {
		header[1] = units;
		KUNIT_ASSERT_EQ_MSG(test, icmpx6_segments_valid(header, right),
				    (units + 1) * 8 == right, "%u", units);
	}
}

/* The segments that the header has room for, the last of them and how many are left. */
static void every_last_entry_and_segments_left(struct kunit *test)
{
	u8 header[HEADER_MAX];

	for (u32 room = 0; room < 5; room++) {
		const size_t len = FIXED_LEN + room * SEGMENT_LEN;

		memset(header, 0, len);
		header[1] = len / 8 - 1;
		header[2] = 4;
		for (u32 last = 0; last <= 255; last++) {
			for (u32 left = 0; left <= 255; left = sample_next(left, 255)) {
				/* An object of two bytes, again and again, fills the rest. */
				const bool valid = last < room && left <= last + 1;

				header[3] = left;
				header[4] = last;
				KUNIT_ASSERT_EQ_MSG(test, icmpx6_segments_valid(header, len), valid,
						    "room %u, last %u, left %u", room, last, left);
			}
		}
	}
}

static void objects_have_to_fill_the_header(struct kunit *test)
{
	u8 header[HEADER_MAX];

	for (u32 tlvs = 8; tlvs <= 64; tlvs += 8) {
		const size_t len = make(header, 1, tlvs);

		for (u32 first = 0; first <= 255; first++) {
			/* Behind the first one come objects without contents. */
			const bool valid = first + 2 <= tlvs && first % 2 == 0;

			header[FIXED_LEN + SEGMENT_LEN + 1] = first;
			KUNIT_ASSERT_EQ_MSG(test, icmpx6_segments_valid(header, len), valid,
					    "%u bytes, the first object has %u", tlvs, first);
		}
	}
}

/* Next header, flags, tag and the addresses mean nothing here. */
static void other_fields_have_no_say(struct kunit *test)
{
	u8 header[HEADER_MAX];
	const size_t len = make(header, 3, 0);

	for (size_t at = 0; at < len; at++) {
		if (at >= 1 && at <= 4)
			continue;
		for (u32 value = 0; value <= 255; value = sample_next(value, 255)) {
			header[at] = value;
			KUNIT_ASSERT_TRUE_MSG(test, icmpx6_segments_valid(header, len),
					      "byte %zu is %u", at, value);
		}
	}
}

/* What is behind @len is not read, whatever the fields say. */
static void bytes_beyond_are_not_read(struct kunit *test)
{
	u8 *end = page_end(test);
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(100000); i++) {
		const size_t len = i % 80;
		u8 *header = end - len;

		prandom_bytes_state(&random, header, len);
		if (len >= FIXED_LEN) {
			header[1] = len / 8 - 1;
			header[2] = 4;
			header[3] %= 5;
			header[4] %= 5;
		}
		if (icmpx6_segments_valid(header, len))
			KUNIT_ASSERT_TRUE(test, len >= FIXED_LEN + SEGMENT_LEN);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(every_number_of_segments),
	KUNIT_CASE(every_type),
	KUNIT_CASE(every_length),
	KUNIT_CASE(every_last_entry_and_segments_left),
	KUNIT_CASE(objects_have_to_fill_the_header),
	KUNIT_CASE(other_fields_have_no_say),
	KUNIT_CASE(bytes_beyond_are_not_read),
	{}
};

struct kunit_suite icmpx_error6_suite = {
	.name = "icmpx_error6",
	.test_cases = cases,
};
