// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each message of ICMPv6 calls for.
 */
#include "suites.h"

#define POLICIES 64

/*
 * What becomes of types first to last: one letter if no setting has a say, else
 * one for each mask of settings, mask 0 first. Of each eight, the letters 1, 3, 5
 * and 7 are for multicast, 2, 3, 6 and 7 for anycast, and the second half is for
 * echo_ignore_all. Of each four eights, the second is for echo_ignore_multicast,
 * the third for echo_ignore_anycast, the fourth for both. The second four are for
 * echo_enable_probe. The letters are those of outcome() below.
 */
struct type_row {
	const char *name;
	u8 first;
	u8 last;
	char letter;
	const char *letters[POLICIES / 8];
};

static const struct type_row types[] = {
	{ "reserved_0", 0, 0, 'X' },
	{ "destination_unreachable", 1, 1, 'X' },
	{ "packet_too_big", 2, 2, 'X' },
	{ "time_exceeded", 3, 3, 'X' },
	{ "parameter_problem", 4, 4, 'X' },
	{ "unknown_error", 5, 127, 'X' },
	{ "echo", 128, 128, 0,
	  { "EEEEeeee", "EmEmeeee", "EEaaeeee", "Emameeee",
	    "EEEEeeee", "EmEmeeee", "EEaaeeee", "Emameeee" } },
	{ "echo_reply", 129, 129, 'R' },
	{ "mld", 130, 132, 'M' },
	{ "neighbour_discovery", 133, 137, 'N' },
	{ "router_renumbering", 138, 138, 't' },
	{ "node_information_query", 139, 139, 'I' },
	{ "node_information_reply", 140, 140, 't' },
	{ "inverse_discovery", 141, 142, 't' },
	{ "mld_report_2", 143, 143, 'M' },
	{ "mobile_prefix", 144, 147, 't' },
	{ "certification_path", 148, 149, 't' },
	{ "of_routers", 150, 159, 't' },
	{ "extended_echo", 160, 160, 0,
	  { "ppppeeee", "ppppeeee", "ppppeeee", "ppppeeee",
	    "PPPPeeee", "PmPmeeee", "PPaaeeee", "Pmameeee" } },
	{ "extended_echo_reply", 161, 161, 'R' },
	{ "unknown_162_to_199", 162, 199, 'u' },
	{ "experiment", 200, 201, 'u' },
	{ "unknown_202_to_255", 202, 255, 'u' },
};

/* A PROBE query about a neighbour's interface: the L bit is clear (RFC 8335, 2). */
static const struct type_row about_a_neighbour = {
	"", 160, 160, 0,
	{ "ppppeeee", "ppppeeee", "ppppeeee", "ppppeeee",
	  "ppppeeee", "pmpmeeee", "ppaaeeee", "pmameeee" }
};

KUNIT_ARRAY_PARAM_DESC(types, types, name);

static char letter_of(const struct type_row *row, u32 policy)
{
	return row->letter ? row->letter : row->letters[policy / 8][policy % 8];
}

static struct icmpx_verdict outcome(char letter)
{
	switch (letter) {
	case 'E':
		return (struct icmpx_verdict){ .action = ICMPX_ANSWER_ECHO };
	case 'P':
		return (struct icmpx_verdict){ .action = ICMPX_ANSWER_PROBE };
	case 'I':
		return (struct icmpx_verdict){ .action = ICMPX_ANSWER_NODE_INFO };
	case 'R':
		return (struct icmpx_verdict){ .action = ICMPX_TO_PING };
	case 'X':
		return (struct icmpx_verdict){ .action = ICMPX_TO_ERROR };
	case 'N':
		return (struct icmpx_verdict){ .outcome = ICMPX_PASS_ND };
	case 'M':
		return (struct icmpx_verdict){ .outcome = ICMPX_PASS_MLD };
	case 'e':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_ECHO };
	case 'm':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_MULTICAST };
	case 'a':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_ANYCAST };
	case 'p':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_PROBE };
	case 't':
		return (struct icmpx_verdict){ .outcome = ICMPX_IGNORE_TYPE };
	default:
		return (struct icmpx_verdict){ .outcome = ICMPX_DROP_UNKNOWN_TYPE };
	}
}

/* No message counts as received in error. */
static void check(struct kunit *test, const u8 *header, u32 policy, char letter)
{
	const struct icmpx_verdict expected = outcome(letter);
	const struct icmpx_verdict verdict = icmpx6_decide(header, policy);

	KUNIT_ASSERT_EQ_MSG(test, verdict.action, expected.action,
			    "type %u, code %u, policy %#x", header[0], header[1], policy);
	KUNIT_ASSERT_EQ_MSG(test, verdict.in_error, 0,
			    "type %u, code %u, policy %#x", header[0], header[1], policy);
	KUNIT_ASSERT_EQ_MSG(test, verdict.outcome, expected.outcome,
			    "type %u, code %u, policy %#x", header[0], header[1], policy);
}

static void decide_every_policy(struct kunit *test)
{
	const struct type_row *row = test->param_value;

	for (u32 type = row->first; type <= row->last; type++) {
		for (u32 policy = 0; policy < POLICIES; policy++) {
			const u8 header[ICMPX_HEADER_LEN] = { type, 0, 0, 0, 0, 0, 0, 1 };

			check(test, header, policy, letter_of(row, policy));
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
		for (u32 policy = 0; policy < POLICIES; policy++) {
			u8 header[ICMPX_HEADER_LEN];

			prandom_bytes_state(&random, header, sizeof(header));
			header[0] = row->first;
			header[1] = code;
			header[7] |= 1;
			check(test, header, policy, letter_of(row, policy));
		}
	}
}

static void decide_every_type_has_a_row(struct kunit *test)
{
	u32 next = 0;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		KUNIT_EXPECT_EQ(test, types[i].first, next);
		next = types[i].last + 1;
	}
	KUNIT_EXPECT_EQ(test, next, 256);
}

static void decide_probe_about_a_neighbour(struct kunit *test)
{
	for (u32 flags = 0; flags <= 255; flags += 2) {
		for (u32 policy = 0; policy < POLICIES; policy++) {
			const u8 header[ICMPX_HEADER_LEN] = { 160, 0, 0, 0, 0, 0, 0xff, flags };

			check(test, header, policy, letter_of(&about_a_neighbour, policy));
		}
	}
}

/* The flags' byte means nothing outside PROBE. */
static void decide_echo_with_even_sequence(struct kunit *test)
{
	const u8 header[ICMPX_HEADER_LEN] = { 128, 0, 0, 0, 0, 0, 0, 2 };

	check(test, header, 0, 'E');
}

static void decide_reads_the_header_only(struct kunit *test)
{
	u8 *header = page_end(test) - ICMPX_HEADER_LEN;

	memset(header, 0, ICMPX_HEADER_LEN);
	for (u32 type = 0; type <= 255; type++) {
		header[0] = type;
		icmpx6_decide(header, ICMPX6_PROBE_ENABLED);
	}
}

/* What the built-in code does is told by the type alone. */
static void pass_every_type(struct kunit *test)
{
	const struct type_row *row = test->param_value;
	const char letter = letter_of(row, 0);

	for (u32 type = row->first; type <= row->last; type++)
		KUNIT_ASSERT_EQ_MSG(test, icmpx6_pass(type),
				    letter == 'N' || letter == 'M' ? outcome(letter).outcome : 0,
				    "type %u", type);
}

/* What a ping socket may send: the two echo requests, without a code. */
static void is_request(struct kunit *test)
{
	for (u32 type = 0; type <= 255; type++)
		for (u32 code = 0; code <= 255; code++)
			KUNIT_ASSERT_EQ_MSG(test, icmpx6_is_request(type, code),
					    (type == 128 || type == 160) && code == 0,
					    "type %u, code %u", type, code);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(decide_every_policy, types_gen_params),
	KUNIT_CASE_PARAM(decide_ignores_the_rest, types_gen_params),
	KUNIT_CASE(decide_every_type_has_a_row),
	KUNIT_CASE(decide_probe_about_a_neighbour),
	KUNIT_CASE(decide_echo_with_even_sequence),
	KUNIT_CASE(decide_reads_the_header_only),
	KUNIT_CASE_PARAM(pass_every_type, types_gen_params),
	KUNIT_CASE(is_request),
	{}
};

struct kunit_suite icmpx_dispatch6_suite = {
	.name = "icmpx_dispatch6",
	.test_cases = cases,
};
