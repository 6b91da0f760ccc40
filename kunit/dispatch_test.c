// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each message calls for, and which ones are under the limits.
 */
#include "suites.h"

/*
 * What becomes of types first to last under every mask of settings: one letter
 * a mask, mask 0 first. So every second letter is for a message that came by
 * broadcast, letters 2, 3, 6, 7, ... are for echo_ignore_all, the second half
 * of each eight is for echo_ignore_broadcasts, and the second eight for
 * echo_enable_probe. The letters are those of outcome() below.
 */
struct type_row {
	const char *name;
	u8 first;
	u8 last;
	const char *outcomes;
};

static const struct type_row types[] = {
	{ "echo_reply", 0, 0, "RbRbRbRbRbRbRbRb" },
	{ "unassigned", 1, 2, "tbtbtbtbtbtbtbtb" },
	{ "destination_unreachable", 3, 3, "XbXbXbXbXbXbXbXb" },
	{ "source_quench", 4, 4, "XbXbXbXbXbXbXbXb" },
	{ "redirect", 5, 5, "XbXbXbXbXbXbXbXb" },
	{ "alternate_address", 6, 7, "tbtbtbtbtbtbtbtb" },
	{ "echo", 8, 8, "EEeeEbebEEeeEbeb" },
	{ "router_discovery", 9, 10, "tbtbtbtbtbtbtbtb" },
	{ "time_exceeded", 11, 11, "XbXbXbXbXbXbXbXb" },
	{ "parameter_problem", 12, 12, "XbXbXbXbXbXbXbXb" },
	{ "timestamp", 13, 13, "TTTTTbTbTTTTTbTb" },
	{ "timestamp_reply", 14, 14, "tbtbtbtbtbtbtbtb" },
	{ "information", 15, 16, "tbtbtbtbtbtbtbtb" },
	{ "address_mask", 17, 18, "tttttttttttttttt" },
	{ "unknown_19_to_41", 19, 41, "uuuuuuuuuuuuuuuu" },
	{ "extended_echo", 42, 42, "ppeeppeePPeePPee" },
	{ "extended_echo_reply", 43, 43, "RRRRRRRRRRRRRRRR" },
	{ "unknown_44_to_255", 44, 255, "uuuuuuuuuuuuuuuu" },
};

/* A PROBE query about a neighbour's interface: the L bit is clear (RFC 8335, 2). */
static const char about_a_neighbour[] = "ppeeppeeppeeppee";

KUNIT_ARRAY_PARAM_DESC(types, types, name);

static struct icmpx_verdict outcome(char letter)
{
	switch (letter) {
	case 'E':
		return (struct icmpx_verdict){ .action = ICMPX_ANSWER_ECHO };
	case 'P':
		return (struct icmpx_verdict){ .action = ICMPX_ANSWER_PROBE };
	case 'T':
		return (struct icmpx_verdict){ .action = ICMPX_ANSWER_TIMESTAMP };
	case 'R':
		return (struct icmpx_verdict){ .action = ICMPX_TO_PING };
	case 'X':
		return (struct icmpx_verdict){ .action = ICMPX_TO_ERROR };
	case 'e':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_ECHO };
	case 'p':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_PROBE };
	case 's':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_TIMESTAMP };
	case 't':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_TYPE };
	case 'b':
		return (struct icmpx_verdict){ .outcome = ICMPX_DROP_BROADCAST, .in_error = 1 };
	default:
		return (struct icmpx_verdict){ .outcome = ICMPX_DROP_UNKNOWN_TYPE, .in_error = 1 };
	}
}

static void check(struct kunit *test, const u8 *header, u32 policy, char letter)
{
	const struct icmpx_verdict expected = outcome(letter);
	const struct icmpx_verdict verdict = icmpx_decide(header, policy);

	KUNIT_ASSERT_EQ_MSG(test, verdict.action, expected.action,
			    "type %u, code %u, policy %#x", header[0], header[1], policy);
	KUNIT_ASSERT_EQ_MSG(test, verdict.in_error, expected.in_error,
			    "type %u, code %u, policy %#x", header[0], header[1], policy);
	if (expected.action != ICMPX_FINISH)
		return;
	KUNIT_ASSERT_EQ_MSG(test, verdict.outcome, expected.outcome,
			    "type %u, code %u, policy %#x", header[0], header[1], policy);
}

static void decide_every_policy(struct kunit *test)
{
	const struct type_row *row = test->param_value;

	for (u32 type = row->first; type <= row->last; type++) {
		for (u32 policy = 0; policy < 16; policy++) {
			const u8 header[ICMPX_HEADER_LEN] = { type, 0, 0, 0, 0, 0, 0, 1 };

			check(test, header, policy, row->outcomes[policy]);
		}
	}
}

/* As Linux 7 has it, a broadcast that is no request is none of ours whatever its type. */
static void decide_strict_broadcast(struct kunit *test)
{
	const struct type_row *row = test->param_value;

	for (u32 type = row->first; type <= row->last; type++) {
		for (u32 policy = 0; policy < 16; policy++) {
			const u8 header[ICMPX_HEADER_LEN] = { type, 0, 0, 0, 0, 0, 0, 1 };
			char letter = row->outcomes[policy];

			if (policy & ICMPX_VIA_BROADCAST && (letter == 'u' || letter == 'R'))
				letter = 'b';
			check(test, header, policy | ICMPX_STRICT_BROADCAST, letter);
		}
	}
}

/* A timestamp request that would be answered is ignored, and nothing else changes. */
static void decide_ignore_timestamps(struct kunit *test)
{
	const struct type_row *row = test->param_value;

	for (u32 type = row->first; type <= row->last; type++) {
		for (u32 policy = 0; policy < 16; policy++) {
			const u8 header[ICMPX_HEADER_LEN] = { type, 0, 0, 0, 0, 0, 0, 1 };
			const char letter = row->outcomes[policy];

			check(test, header, policy | ICMPX_IGNORE_TIMESTAMPS,
			      letter == 'T' ? 's' : letter);
		}
	}
}

/* Nothing but the type and the L bit of a PROBE query has a say. */
static void decide_ignores_the_rest(struct kunit *test)
{
	const struct type_row *row = test->param_value;
	struct rnd_state random;

	random_start(&random);
	for (u32 code = 0; code <= 255; code++) {
		for (u32 policy = 0; policy < 16; policy++) {
			u8 header[ICMPX_HEADER_LEN];

			prandom_bytes_state(&random, header, sizeof(header));
			header[0] = row->first;
			header[1] = code;
			header[7] |= 1;
			check(test, header, policy, row->outcomes[policy]);
		}
	}
}

static void decide_every_type_has_a_row(struct kunit *test)
{
	u32 next = 0;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		KUNIT_EXPECT_EQ(test, types[i].first, next);
		KUNIT_EXPECT_EQ(test, strlen(types[i].outcomes), 16);
		next = types[i].last + 1;
	}
	KUNIT_EXPECT_EQ(test, next, 256);
}

static void decide_probe_about_a_neighbour(struct kunit *test)
{
	for (u32 flags = 0; flags <= 255; flags += 2) {
		for (u32 policy = 0; policy < 16; policy++) {
			const u8 header[ICMPX_HEADER_LEN] = { 42, 0, 0, 0, 0, 0, 0xff, flags };

			check(test, header, policy, about_a_neighbour[policy]);
		}
	}
}

/* The flags' byte means nothing outside PROBE. */
static void decide_echo_with_even_sequence(struct kunit *test)
{
	const u8 header[ICMPX_HEADER_LEN] = { 8, 0, 0, 0, 0, 0, 0, 2 };

	check(test, header, 0, 'E');
}

static void decide_reads_the_header_only(struct kunit *test)
{
	u8 *header = page_end(test) - ICMPX_HEADER_LEN;

	memset(header, 0, ICMPX_HEADER_LEN);
	for (u32 type = 0; type <= 255; type++) {
		header[0] = type;
		icmpx_decide(header, ICMPX_PROBE_ENABLED);
	}
}

static void rate_limited_every_bit(struct kunit *test)
{
	for (u32 type = 0; type <= 255; type++) {
		for (u32 code = 0; code <= 255; code = sample_next(code, 255)) {
			const bool exempt = type > 18 || (type == 3 && code == 4);

			for (u32 bit = 0; bit < 32; bit++)
				KUNIT_ASSERT_EQ_MSG(test, icmpx_rate_limited(type, code, BIT(bit)),
						    !exempt && bit == type,
						    "type %u, code %u, bit %u", type, code, bit);
			KUNIT_ASSERT_EQ_MSG(test, icmpx_rate_limited(type, code, U32_MAX), !exempt,
					    "type %u, code %u", type, code);
			KUNIT_ASSERT_FALSE_MSG(test, icmpx_rate_limited(type, code, 0),
					       "type %u, code %u", type, code);
		}
	}
}

/* What Linux limits by default: unreachable, quench, time exceeded, parameter problem. */
static void rate_limited_by_default(struct kunit *test)
{
	for (u32 type = 0; type <= 255; type++)
		KUNIT_EXPECT_EQ_MSG(test, icmpx_rate_limited(type, 0, 0x1818),
				    type == 3 || type == 4 || type == 11 || type == 12,
				    "type %u", type);
}

/* What a ping socket may send: the two echo requests, without a code. */
static void is_request(struct kunit *test)
{
	for (u32 type = 0; type <= 255; type++)
		for (u32 code = 0; code <= 255; code++)
			KUNIT_ASSERT_EQ_MSG(test, icmpx_is_request(type, code),
					    (type == 8 || type == 42) && code == 0,
					    "type %u, code %u", type, code);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(decide_every_policy, types_gen_params),
	KUNIT_CASE_PARAM(decide_strict_broadcast, types_gen_params),
	KUNIT_CASE_PARAM(decide_ignore_timestamps, types_gen_params),
	KUNIT_CASE_PARAM(decide_ignores_the_rest, types_gen_params),
	KUNIT_CASE(decide_every_type_has_a_row),
	KUNIT_CASE(decide_probe_about_a_neighbour),
	KUNIT_CASE(decide_echo_with_even_sequence),
	KUNIT_CASE(decide_reads_the_header_only),
	KUNIT_CASE(rate_limited_every_bit),
	KUNIT_CASE(rate_limited_by_default),
	KUNIT_CASE(is_request),
	{}
};

struct kunit_suite icmpx_dispatch_suite = {
	.name = "icmpx_dispatch",
	.test_cases = cases,
};
