// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP options of a reply, except source routes.
 */
#include "options.h"

#define HERE 0xc6336402
#define NOW 0x01020304

static void check(struct kunit *test, const struct icmpx_options *request, bool ours,
		  const struct icmpx_options *expected)
{
	struct icmpx_options reply;

	KUNIT_ASSERT_TRUE_MSG(test, options_echo(test, request, 0, ours, &reply), "request %*ph",
			      ICMPX_OPTIONS_MAX, request->bytes);
	options_fill(test, &reply, HERE, 0, NOW);
	KUNIT_ASSERT_TRUE_MSG(test, options_same(&reply, expected),
			      "request %*ph,\nreply %*ph,\nexpected %*ph", ICMPX_OPTIONS_MAX,
			      request->bytes, ICMPX_OPTIONS_MAX, reply.bytes, ICMPX_OPTIONS_MAX,
			      expected->bytes);
}

static void refuse(struct kunit *test, const struct icmpx_options *request, bool ours)
{
	struct icmpx_options reply;

	KUNIT_ASSERT_FALSE_MSG(test, options_echo(test, request, 0, ours, &reply), "request %*ph",
			       ICMPX_OPTIONS_MAX, request->bytes);
}

static void no_options(struct kunit *test)
{
	static const struct icmpx_options none;
	static const struct icmpx_options of_no_interest = {
		.len = 8,
		/* No operation, router alert, end of list. */
		.bytes = { 1, 1, 1, 148, 4, 0, 0, 0 },
	};

	check(test, &none, false, &none);
	check(test, &of_no_interest, false, &none);
}

/* The request's option as it is, at the start of a reply. */
static struct icmpx_options returned(const u8 *option, u8 len)
{
	struct icmpx_options reply = {};

	options_put(&reply, option, len);
	reply.len = round_up(len, 4);
	return reply;
}

static void check_record_route(struct kunit *test, u8 len, u8 pointer)
{
	struct icmpx_options request = {};
	struct icmpx_options expected;
	u8 option[ICMPX_OPTIONS_MAX];

	memset(option, 0x33, sizeof(option));
	option[0] = RECORD_ROUTE;
	option[1] = len;
	option[2] = pointer;
	request.rr = options_put(&request, option, sizeof(option));
	expected = returned(option, len);
	expected.rr = OPTIONS_AT;
	check(test, &request, false, &expected);

	request.rr_needaddr = 1;
	if (pointer > len) {
		check(test, &request, false, &expected);
	} else if (pointer < 4 || pointer + 3 > len) {
		refuse(test, &request, false);
	} else {
		put_unaligned_be32(HERE, expected.bytes + pointer - 1);
		expected.bytes[2] += 4;
		expected.rr_needaddr = 1;
		check(test, &request, false, &expected);
	}
}

static const u32 slots[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void describe_slots(const u32 *count, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u_slots", *count);
}

KUNIT_ARRAY_PARAM(slots, slots, describe_slots);

static void record_route(struct kunit *test)
{
	const u32 count = *(const u32 *)test->param_value;

	for (u32 used = 0; used <= count; used++)
		check_record_route(test, 3 + 4 * count, 4 + 4 * used);
}

static void record_route_every_pointer(struct kunit *test)
{
	for (u32 len = 3; len <= ICMPX_OPTIONS_MAX; len++)
		for (u32 pointer = 0; pointer <= 255; pointer++)
			check_record_route(test, len, pointer);
}

/* What this host is to put into a timestamp option, and how much room that needs. */
struct timestamp_row {
	const char *name;
	/* The upper half counts hosts that had no room, and comes back as it is. */
	u8 flags;
	bool needaddr;
	bool needtime;
	bool ours;
	/* Without room for so much the option is refused. */
	u8 least;
	/* What is put there, 0 without room for it; its time is at the end. */
	u8 entry;
};

static const struct timestamp_row timestamps[] = {
	{ "time", 0x00, false, true, false, 4, 4 },
	{ "time_after_overflow", 0xe0, false, true, false, 4, 4 },
	{ "address_and_time", 0x01, true, true, false, 8, 8 },
	{ "prespecified_here", 0x03, false, true, true, 4, 8 },
	{ "prespecified_here_after_overflow", 0x53, false, true, true, 4, 8 },
	{ "prespecified_elsewhere", 0x03, false, true, false, 4, 0 },
	{ "prespecified_and_done", 0x03, false, false, true, 0, 0 },
	{ "unknown_flags", 0x02, false, false, false, 0, 0 },
	{ "all_flags", 0xff, false, false, true, 0, 0 },
};

KUNIT_ARRAY_PARAM_DESC(timestamps, timestamps, name);

static struct icmpx_options timestamp_request(const struct timestamp_row *row, u8 len, u8 pointer)
{
	struct icmpx_options request = { .ts_needaddr = row->needaddr,
					 .ts_needtime = row->needtime };
	u8 option[ICMPX_OPTIONS_MAX];

	memset(option, 0x44, sizeof(option));
	option[0] = TIMESTAMP;
	option[1] = len;
	option[2] = pointer;
	option[3] = row->flags;
	request.ts = options_put(&request, option, sizeof(option));
	return request;
}

static void check_timestamp(struct kunit *test, const struct timestamp_row *row, u8 len,
			    u8 pointer)
{
	const struct icmpx_options request = timestamp_request(row, len, pointer);
	struct icmpx_options expected = returned(request.bytes, len);
	const int room = len - pointer + 1;

	expected.ts = OPTIONS_AT;
	if (room > 0 && room < row->least) {
		refuse(test, &request, row->ours);
		return;
	}
	if (row->entry && room >= row->entry) {
		u8 *entry = expected.bytes + pointer - 1;

		expected.ts_needaddr = row->needaddr;
		expected.ts_needtime = row->needtime;
		expected.bytes[2] += row->entry;
		if (row->needaddr)
			put_unaligned_be32(HERE, entry);
		put_unaligned_be32(NOW, entry + row->entry - 4);
	}
	check(test, &request, row->ours, &expected);
}

static void timestamp(struct kunit *test)
{
	const struct timestamp_row *row = test->param_value;

	for (u32 len = 4; len <= ICMPX_OPTIONS_MAX; len++)
		for (u32 pointer = 5; pointer <= 255; pointer++)
			check_timestamp(test, row, len, pointer);
}

/* The smallest legal pointer is 5 (RFC 791, 3.1): below that there is no slot. */
static void timestamp_pointer_into_itself(struct kunit *test)
{
	const struct timestamp_row *row = test->param_value;

	for (u32 len = 12; len <= ICMPX_OPTIONS_MAX; len++) {
		for (u32 pointer = 0; pointer < 5; pointer++) {
			const struct icmpx_options request = timestamp_request(row, len, pointer);

			if (row->needtime)
				refuse(test, &request, row->ours);
			else
				check_timestamp(test, row, len, pointer);
		}
	}
}

static void timestamp_without_flags(struct kunit *test)
{
	const struct icmpx_options request = {
		.len = 4,
		.ts = OPTIONS_AT,
		.bytes = { TIMESTAMP, 3, 5 },
	};

	refuse(test, &request, false);
}

static void prespecified(struct kunit *test)
{
	const struct timestamp_row *row = test->param_value;

	for (u32 len = 4; len <= ICMPX_OPTIONS_MAX; len++) {
		for (u32 pointer = 0; pointer <= 255; pointer++) {
			struct icmpx_options request = timestamp_request(row, len, pointer);
			__be32 address = 0;
			bool listed;

			if (pointer >= 5 && pointer + 3 <= ICMPX_OPTIONS_MAX)
				put_unaligned_be32(0x0a141e28, request.bytes + pointer - 1);
			listed = icmpx_options_prespecified(&request, &address);
			KUNIT_ASSERT_EQ_MSG(test, listed,
					    (row->flags & 15) == 3 && row->needtime &&
					    pointer >= 5 && pointer + 7 <= len,
					    "length %u, pointer %u", len, pointer);
			if (listed)
				KUNIT_ASSERT_EQ(test, be32_to_cpu(address), 0x0a141e28);
		}
	}
}

static void prespecified_without_option(struct kunit *test)
{
	const struct icmpx_options request = { .len = ICMPX_OPTIONS_MAX, .ts_needtime = 1 };
	__be32 address;

	KUNIT_EXPECT_FALSE(test, icmpx_options_prespecified(&request, &address));
}

/* Every length that a label can have, and so every way to pad. */
static void cipso(struct kunit *test)
{
	for (u32 len = 2; len <= ICMPX_OPTIONS_MAX; len++) {
		struct icmpx_options request = {};
		struct icmpx_options expected;
		u8 option[ICMPX_OPTIONS_MAX];

		memset(option, 0x55, sizeof(option));
		option[0] = CIPSO;
		option[1] = len;
		request.cipso = options_put(&request, option, sizeof(option));
		expected = returned(option, len);
		expected.cipso = OPTIONS_AT;
		check(test, &request, false, &expected);
	}
}

/* A full header: all that can be returned, in an order of its own. */
static void together(struct kunit *test)
{
	static const struct icmpx_options request = {
		.len = 40,
		.cipso = 20,
		.srr = 26,
		.ts = 37,
		.rr = 49,
		.strict_route = 1,
		.rr_needaddr = 1,
		.ts_needaddr = 1,
		.ts_needtime = 1,
		.bytes = {
			CIPSO, 6, 0, 0, 0, 9,
			STRICT_ROUTE, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2,
			TIMESTAMP, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0,
			RECORD_ROUTE, 11, 8, 10, 0, 0, 9, 0, 0, 0, 0,
		},
	};
	static const struct icmpx_options expected = {
		.len = 40,
		.rr = 20,
		.ts = 31,
		.srr = 43,
		.cipso = 54,
		.strict_route = 1,
		.rr_needaddr = 1,
		.ts_needaddr = 1,
		.ts_needtime = 1,
		.bytes = {
			RECORD_ROUTE, 11, 12, 10, 0, 0, 9, 198, 51, 100, 2,
			TIMESTAMP, 12, 13, 1, 198, 51, 100, 2, 1, 2, 3, 4,
			STRICT_ROUTE, 11, 4, 10, 0, 0, 1, 192, 0, 2, 99,
			CIPSO, 6, 0, 0, 0, 9,
		},
	};
	struct icmpx_options reply;

	KUNIT_ASSERT_TRUE(test, options_echo(test, &request, 0, false, &reply));
	KUNIT_EXPECT_EQ(test, be32_to_cpu(reply.first_hop), 0x0a000002);
	reply.first_hop = 0;
	options_fill(test, &reply, HERE, 0xc0000263, NOW);
	KUNIT_EXPECT_MEMEQ(test, &reply, &expected, offsetof(struct icmpx_options, bytes));
	KUNIT_EXPECT_MEMEQ(test, reply.bytes, expected.bytes, sizeof(expected.bytes));
}

/*
 * Only options that overlap in the request can need more than 40 bytes in the
 * reply; or so it looks from the offsets, which are not to be trusted.
 */
static void no_room_for_two(struct kunit *test)
{
	static const struct icmpx_options pairs[] = {
		{ .rr = OPTIONS_AT, .ts = OPTIONS_AT },
		{ .rr = OPTIONS_AT, .cipso = OPTIONS_AT },
		{ .ts = OPTIONS_AT, .cipso = OPTIONS_AT },
		{ .ts = OPTIONS_AT, .srr = OPTIONS_AT },
	};

	for (u32 len = 7; len <= ICMPX_OPTIONS_MAX; len++) {
		for (u32 pair = 0; pair < ARRAY_SIZE(pairs); pair++) {
			struct icmpx_options request = pairs[pair];
			/* A route is cut to whole addresses. */
			const u32 second = request.srr ? len - (len - 3) % 4 : len;
			struct icmpx_options reply;

			request.len = ICMPX_OPTIONS_MAX;
			request.bytes[1] = len;
			request.bytes[2] = 255;
			KUNIT_ASSERT_EQ_MSG(test,
					    options_echo(test, &request, cpu_to_be32(HERE), false,
							 &reply),
					    len + second <= ICMPX_OPTIONS_MAX,
					    "length %u, pair %u", len, pair);
		}
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(no_options),
	KUNIT_CASE_PARAM(record_route, slots_gen_params),
	KUNIT_CASE(record_route_every_pointer),
	KUNIT_CASE_PARAM(timestamp, timestamps_gen_params),
	KUNIT_CASE_PARAM(timestamp_pointer_into_itself, timestamps_gen_params),
	KUNIT_CASE(timestamp_without_flags),
	KUNIT_CASE_PARAM(prespecified, timestamps_gen_params),
	KUNIT_CASE(prespecified_without_option),
	KUNIT_CASE(cipso),
	KUNIT_CASE(together),
	KUNIT_CASE(no_room_for_two),
	{}
};

struct kunit_suite icmpx_options_suite = {
	.name = "icmpx_options",
	.test_cases = cases,
};
