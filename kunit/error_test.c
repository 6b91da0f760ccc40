// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which received errors are believed, and what they say.
 */
#include <linux/bits.h>
#include <linux/unaligned.h>

#include "suites.h"

/* Settings of ip_no_pmtu_disc: what counts for a rule is a bit for each. */
static const u32 pmtu_settings[] = { 0, 1, 2, 3, 4, 255, U32_MAX };

#define PMTU_ANY GENMASK(ARRAY_SIZE(pmtu_settings) - 1, 0)

/* What an error's argument is. */
enum argument {
	NO_ARGUMENT,
	AN_MTU,
	A_POINTER,
	A_GATEWAY,
};

/* The first rule that a message fits says what becomes of it. */
struct rule {
	u8 type;
	u8 first_code;
	u8 last_code;
	u8 pmtu;
	struct icmpx_error_verdict verdict;
	enum argument argument;
};

#define DELIVER(mask) { .action = ICMPX_TO_SOCKETS, .checks = (mask) }
#define FINISH(why, mask) { .action = ICMPX_FINISH, .outcome = (why), .checks = (mask) }

static const struct rule rules[] = {
	{ 3, 4, 4, BIT(2), FINISH(ICMPX_IGNORE_PMTU, 0), NO_ARGUMENT },
	{ 3, 4, 4, BIT(0), DELIVER(ICMPX_CHECK_BROADCAST), AN_MTU },
	{ 3, 4, 4, BIT(3), DELIVER(ICMPX_CHECK_BROADCAST | ICMPX_CHECK_TAG), AN_MTU },
	{ 3, 0, 15, PMTU_ANY, DELIVER(ICMPX_CHECK_BROADCAST), NO_ARGUMENT },
	{ 3, 16, 255, PMTU_ANY, FINISH(ICMPX_IGNORE_CODE, 0), NO_ARGUMENT },
	{ 4, 0, 255, PMTU_ANY, DELIVER(ICMPX_CHECK_BROADCAST), NO_ARGUMENT },
	{ 5, 0, 255, PMTU_ANY, DELIVER(0), A_GATEWAY },
	{ 11, 1, 1, PMTU_ANY, FINISH(ICMPX_IGNORE_REASSEMBLY, ICMPX_COUNT_TIME_EXCEEDED),
	  NO_ARGUMENT },
	{ 11, 0, 255, PMTU_ANY, DELIVER(ICMPX_CHECK_BROADCAST | ICMPX_COUNT_TIME_EXCEEDED),
	  NO_ARGUMENT },
	{ 12, 0, 255, PMTU_ANY, DELIVER(ICMPX_CHECK_BROADCAST), A_POINTER },
};

struct error_type {
	const char *name;
	u8 type;
};

static const struct error_type errors[] = {
	{ "destination_unreachable", 3 },
	{ "source_quench", 4 },
	{ "redirect", 5 },
	{ "time_exceeded", 11 },
	{ "parameter_problem", 12 },
};

KUNIT_ARRAY_PARAM_DESC(errors, errors, name);

static const struct rule *find_rule(u8 type, u8 code, u32 pmtu)
{
	const struct rule *rule = rules;

	while (rule->type != type || code < rule->first_code || code > rule->last_code ||
	       !(rule->pmtu & BIT(pmtu)))
		rule++;
	return rule;
}

static u32 argument_of(const struct rule *rule, const u8 *header)
{
	switch (rule->argument) {
	case AN_MTU:
		return get_unaligned_be16(header + 6);
	case A_POINTER:
		return header[4];
	case A_GATEWAY:
		return get_unaligned_be32(header + 4);
	default:
		return 0;
	}
}

/* Room for an IP header of 60 bytes, and four more. */
#define EMBEDDED_MAX 64

static struct icmpx_error_verdict expect(const u8 *header, const u8 *embedded, size_t len,
					 u32 pmtu)
{
	const struct rule *rule = find_rule(header[0], header[1], pmtu);
	struct icmpx_error_verdict verdict = rule->verdict;
	u32 words;

	if (len < 20)
		return (struct icmpx_error_verdict){ .outcome = ICMPX_DROP_TRUNCATED,
						     .in_error = 1 };
	words = embedded[0] & 0xf;
	if (words < 5)
		return (struct icmpx_error_verdict){ .outcome = ICMPX_DROP_EMBEDDED,
						     .in_error = 1 };
	verdict.info = argument_of(rule, header);
	verdict.needed = words * 4 + 8;
	verdict.protocol = embedded[9];
	return verdict;
}

static bool same(const struct icmpx_error_verdict *a, const struct icmpx_error_verdict *b)
{
	if (a->action != b->action || a->in_error != b->in_error || a->checks != b->checks)
		return false;
	if (a->action == ICMPX_FINISH)
		return a->outcome == b->outcome;
	return a->info == b->info && a->needed == b->needed && a->protocol == b->protocol;
}

static void check(struct kunit *test, const u8 *header, const u8 *embedded, size_t len, u32 pmtu)
{
	const struct icmpx_error_verdict expected = expect(header, embedded, len, pmtu);
	const struct icmpx_error_verdict verdict =
		icmpx_decide_error(header, embedded, len, pmtu_settings[pmtu]);

	KUNIT_ASSERT_TRUE_MSG(test, same(&verdict, &expected),
			      "header %*ph, embedded %*ph, no_pmtu_disc %u:\n"
			      "action %u, outcome %u, in_error %u, checks %#x, info %u, needed %u",
			      ICMPX_HEADER_LEN, header, (int)len, embedded, pmtu_settings[pmtu],
			      verdict.action, verdict.outcome, verdict.in_error, verdict.checks,
			      verdict.info, verdict.needed);
}

/* Each length with each header length, which delivery must not confuse. */
static void check_lengths(struct kunit *test, const u8 *header, u32 pmtu)
{
	u8 embedded[EMBEDDED_MAX] = { [9] = 17 };

	for (size_t len = 0; len <= sizeof(embedded); len++) {
		for (u32 words = 0; words < 16; words++) {
			embedded[0] = 0x40 | words;
			check(test, header, embedded, len, pmtu);
		}
	}
}

static void every_code_and_length(struct kunit *test)
{
	const struct error_type *error = test->param_value;

	for (u32 code = 0; code <= 255; code = sample_next(code, 255)) {
		const u8 header[ICMPX_HEADER_LEN] = { error->type, code, 1, 2, 3, 4, 5, 6 };

		for (u32 pmtu = 0; pmtu < ARRAY_SIZE(pmtu_settings); pmtu++)
			check_lengths(test, header, pmtu);
	}
}

static void anything(struct kunit *test)
{
	const struct error_type *error = test->param_value;
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(100000); i++) {
		u8 header[ICMPX_HEADER_LEN];
		u8 embedded[EMBEDDED_MAX];

		prandom_bytes_state(&random, header, sizeof(header));
		prandom_bytes_state(&random, embedded, sizeof(embedded));
		header[0] = error->type;
		/* Most random codes would be alike. */
		header[1] %= i % 2 ? 17 : 256;
		check(test, header, embedded, i % (EMBEDDED_MAX + 1),
		      i / 2 % ARRAY_SIZE(pmtu_settings));
	}
}

static void every_protocol(struct kunit *test)
{
	const struct error_type *error = test->param_value;
	const u8 header[ICMPX_HEADER_LEN] = { error->type };

	for (u32 protocol = 0; protocol <= 255; protocol++) {
		const u8 embedded[EMBEDDED_MAX] = { 0x45, [9] = protocol };

		check(test, header, embedded, 28, 0);
	}
}

/* IP's version and all but the header's length and the protocol mean nothing here. */
static void other_fields_have_no_say(struct kunit *test)
{
	const struct error_type *error = test->param_value;
	const u8 header[ICMPX_HEADER_LEN] = { error->type };
	u8 embedded[EMBEDDED_MAX];

	for (u32 first = 0; first <= 255; first++) {
		for (u32 filling = 0; filling <= 255; filling += 51) {
			memset(embedded, filling, sizeof(embedded));
			embedded[0] = first;
			check(test, header, embedded, 20, 0);
		}
	}
}

/* What was not pulled must not be looked at: a bit set there changes nothing. */
static void bytes_beyond_have_no_say(struct kunit *test)
{
	const struct error_type *error = test->param_value;
	const u8 header[ICMPX_HEADER_LEN] = { error->type, 4, 0, 0, 0, 0, 5, 0xdc };
	u8 embedded[EMBEDDED_MAX] = { 0x4f, [9] = 6 };
	struct icmpx_error_verdict zeros, ones;

	for (size_t len = 0; len < sizeof(embedded); len++) {
		u8 other[EMBEDDED_MAX];

		memset(other, 0xff, sizeof(other));
		memcpy(other, embedded, len);
		zeros = icmpx_decide_error(header, embedded, len, 0);
		ones = icmpx_decide_error(header, other, len, 0);
		KUNIT_ASSERT_TRUE_MSG(test, same(&zeros, &ones), "%zu bytes", len);
	}
}

static void bytes_beyond_are_not_read(struct kunit *test)
{
	static const u8 embedded[EMBEDDED_MAX] = { 0x4f, [9] = 6 };
	const struct error_type *error = test->param_value;
	const u8 header[ICMPX_HEADER_LEN] = { error->type, 4 };
	u8 *end = page_end(test);

	for (size_t len = 0; len <= sizeof(embedded); len++) {
		memcpy(end - len, embedded, len);
		check(test, header, end - len, len, 0);
	}
}

/* The unused half of the word may carry RFC 4884's length. */
static void every_mtu(struct kunit *test)
{
	static const u8 embedded[EMBEDDED_MAX] = { 0x45, [9] = 6 };

	for (u32 mtu = 0; mtu <= 0xffff; mtu = sample_next(mtu, 0xffff)) {
		u8 header[ICMPX_HEADER_LEN] = { 3, 4, 0, 0, 0xff, 0x11 };

		put_unaligned_be16(mtu, header + 6);
		KUNIT_ASSERT_EQ(test, icmpx_decide_error(header, embedded, 28, 0).info, mtu);
		KUNIT_ASSERT_EQ(test, icmpx_decide_error(header, embedded, 28, 1).info, 0);
		KUNIT_ASSERT_EQ(test, icmpx_decide_error(header, embedded, 28, 3).info, mtu);
	}
}

static void every_pointer(struct kunit *test)
{
	static const u8 embedded[EMBEDDED_MAX] = { 0x45, [9] = 6 };

	for (u32 pointer = 0; pointer <= 255; pointer++) {
		const u8 header[ICMPX_HEADER_LEN] = { 12, 0, 0, 0, pointer, 0x11, 0x22, 0x33 };

		KUNIT_ASSERT_EQ(test, icmpx_decide_error(header, embedded, 28, 0).info, pointer);
	}
}

static void gateways(struct kunit *test)
{
	static const u8 embedded[EMBEDDED_MAX] = { 0x45, [9] = 6 };
	u8 header[ICMPX_HEADER_LEN] = { 5, 1 };

	for (u32 bit = 0; bit < 32; bit++) {
		put_unaligned_be32(BIT(bit), header + 4);
		KUNIT_ASSERT_EQ(test, icmpx_decide_error(header, embedded, 28, 0).info, BIT(bit));
	}
	put_unaligned_be32(0xc0000201, header + 4);
	KUNIT_EXPECT_EQ(test, icmpx_decide_error(header, embedded, 28, 0).info, 0xc0000201);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(every_code_and_length, errors_gen_params),
	KUNIT_CASE_PARAM(anything, errors_gen_params),
	KUNIT_CASE_PARAM(every_protocol, errors_gen_params),
	KUNIT_CASE_PARAM(other_fields_have_no_say, errors_gen_params),
	KUNIT_CASE_PARAM(bytes_beyond_have_no_say, errors_gen_params),
	KUNIT_CASE_PARAM(bytes_beyond_are_not_read, errors_gen_params),
	KUNIT_CASE(every_mtu),
	KUNIT_CASE(every_pointer),
	KUNIT_CASE(gateways),
	{}
};

struct kunit_suite icmpx_error_suite = {
	.name = "icmpx_error",
	.test_cases = cases,
};
