// SPDX-License-Identifier: GPL-2.0-only
/*
 * When an error may be sent, and which type of service it has.
 */
#include <linux/unaligned.h>

#include "suites.h"

#define DATAGRAM_LEN 20

/* A UDP datagram from 10.0.0.1 to 10.0.0.2. */
static const u8 plain[DATAGRAM_LEN] = {
	0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
};

#define AT_TOS		1
#define AT_FRAGMENT	6
#define AT_PROTOCOL	9
#define AT_SOURCE	12

struct send_type {
	const char *name;
	u8 type;
	u8 sent;
};

static const struct send_type types[] = {
	{ "destination_unreachable", 3, ICMPX_ERROR_SENT_UNREACHABLE },
	{ "source_quench", 4, ICMPX_ERROR_SENT_OTHER },
	{ "redirect", 5, ICMPX_ERROR_SENT_REDIRECT },
	{ "time_exceeded", 11, ICMPX_ERROR_SENT_TIME_EXCEEDED },
	{ "parameter_problem", 12, ICMPX_ERROR_SENT_PARAMETER_PROBLEM },
};

KUNIT_ARRAY_PARAM_DESC(types, types, name);

struct source {
	const char *name;
	u32 first;
	u32 last;
	bool host;
};

/* All there are, in order. */
static const struct source sources[] = {
	{ "unspecified", 0x00000000, 0x00000000, false },
	{ "this_network_to_class_c", 0x00000001, 0xdfffffff, true },
	{ "multicast", 0xe0000000, 0xefffffff, false },
	{ "class_e", 0xf0000000, 0xfffffffe, true },
	{ "limited_broadcast", 0xffffffff, 0xffffffff, false },
};

KUNIT_ARRAY_PARAM_DESC(sources, sources, name);

static void expect_sent(struct kunit *test, u8 type, const u8 *datagram, const u8 *inner)
{
	KUNIT_EXPECT_EQ(test, icmpx_decide_send(type, datagram, inner, 0).send, 1);
}

static void expect_suppressed(struct kunit *test, u8 type, const u8 *datagram, const u8 *inner,
			      u32 facts, enum icmpx_stat rule)
{
	const struct icmpx_send_verdict verdict = icmpx_decide_send(type, datagram, inner, facts);

	KUNIT_EXPECT_EQ(test, verdict.send, 0);
	KUNIT_EXPECT_EQ(test, verdict.outcome, rule);
}

static void send_about_a_datagram(struct kunit *test)
{
	const struct send_type *row = test->param_value;
	const struct icmpx_send_verdict verdict = icmpx_decide_send(row->type, plain, NULL, 0);

	KUNIT_EXPECT_EQ(test, verdict.send, 1);
	KUNIT_EXPECT_EQ(test, verdict.outcome, row->sent);
}

/* RFC 1812, 4.3.2.5: precedence 6; of the type of service, what the datagram had. */
static void send_type_of_service(struct kunit *test)
{
	const struct send_type *row = test->param_value;
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	for (u32 tos = 0; tos <= 255; tos++) {
		datagram[AT_TOS] = tos;
		KUNIT_EXPECT_EQ(test, icmpx_decide_send(row->type, datagram, NULL, 0).tos,
				(6 << 5) | (tos & 0x1e));
	}
}

static void send_no_error_keeps_its_type_of_service(struct kunit *test)
{
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	datagram[AT_TOS] = 0x2b;
	KUNIT_EXPECT_EQ(test, icmpx_decide_send(0, datagram, NULL, 0).tos, 0x2b);
	KUNIT_EXPECT_EQ(test, icmpx_decide_send(0, datagram, NULL, 0).outcome,
			ICMPX_ERROR_SENT_OTHER);
}

static void send_not_about_broadcasts(struct kunit *test)
{
	const struct send_type *row = test->param_value;

	expect_suppressed(test, row->type, plain, NULL, ICMPX_BY_LINK_BROADCAST,
			  ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST);
	expect_suppressed(test, row->type, plain, NULL, ICMPX_BY_BROADCAST,
			  ICMPX_ERROR_SUPPRESSED_BROADCAST);
	expect_suppressed(test, row->type, plain, NULL,
			  ICMPX_BY_LINK_BROADCAST | ICMPX_BY_BROADCAST,
			  ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST);
}

/* Every value of flags and offset: the flags have no say. */
static void send_about_first_fragments_alone(struct kunit *test)
{
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	for (u32 field = 0; field <= 0xffff; field++) {
		const bool first = (field & 0x1fff) == 0;
		struct icmpx_send_verdict verdict;

		put_unaligned_be16(field, datagram + AT_FRAGMENT);
		verdict = icmpx_decide_send(3, datagram, NULL, 0);
		KUNIT_ASSERT_EQ_MSG(test, verdict.send, first, "field %#x", field);
		if (!first)
			KUNIT_ASSERT_EQ(test, verdict.outcome, ICMPX_ERROR_SUPPRESSED_FRAGMENT);
	}
}

/* RFC 1122, 3.2.2: none about an error; and none about what could be one. */
static void send_not_about_errors(struct kunit *test)
{
	const struct send_type *row = test->param_value;
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	datagram[AT_PROTOCOL] = 1;
	for (u32 type = 0; type <= 255; type++) {
		const u8 inner = type;

		switch (type) {
		case 0:
		case 8:
		case 13 ... 18:
			expect_sent(test, row->type, datagram, &inner);
			break;
		default:
			expect_suppressed(test, row->type, datagram, &inner, 0,
					  ICMPX_ERROR_SUPPRESSED_ERROR);
		}
	}
	expect_suppressed(test, row->type, datagram, NULL, 0, ICMPX_ERROR_SUPPRESSED_ERROR);
}

/* What is no error may be sent about one. */
static void send_no_error_about_an_error(struct kunit *test)
{
	const u8 inner = 3;
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	datagram[AT_PROTOCOL] = 1;
	expect_sent(test, 0, datagram, &inner);
	expect_sent(test, 0, datagram, NULL);
}

/* The inner type is one of ICMP; in other protocols the byte means something else. */
static void send_inner_type_is_of_icmp(struct kunit *test)
{
	const u8 inner = 3;
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	for (u32 protocol = 0; protocol <= 255; protocol++) {
		datagram[AT_PROTOCOL] = protocol;
		KUNIT_EXPECT_EQ(test, icmpx_decide_send(3, datagram, &inner, 0).send,
				protocol != 1);
	}
}

static void send_to_one_host_alone(struct kunit *test)
{
	const struct source *range = test->param_value;
	const u32 probes[] = { range->first, range->first + (range->last - range->first) / 2,
			       range->last };
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	for (u32 i = 0; i < ARRAY_SIZE(probes); i++) {
		put_unaligned_be32(probes[i], datagram + AT_SOURCE);
		if (range->host)
			expect_sent(test, 3, datagram, NULL);
		else
			expect_suppressed(test, 3, datagram, NULL, 0,
					  ICMPX_ERROR_SUPPRESSED_SOURCE);
	}
}

static void send_sources_are_all_there_are(struct kunit *test)
{
	u32 next = 0;

	for (u32 i = 0; i < ARRAY_SIZE(sources); i++) {
		KUNIT_EXPECT_EQ(test, sources[i].first, next);
		next = sources[i].last + 1;
	}
	KUNIT_EXPECT_EQ(test, next, 0);
}

static void send_about_ipv4_alone(struct kunit *test)
{
	u8 datagram[DATAGRAM_LEN];

	memcpy(datagram, plain, sizeof(datagram));
	for (u32 first = 0; first <= 255; first++) {
		datagram[0] = first;
		if (first >= 0x45 && first <= 0x4f)
			expect_sent(test, 3, datagram, NULL);
		else
			expect_suppressed(test, 3, datagram, NULL, 0,
					  ICMPX_ERROR_SUPPRESSED_MALFORMED);
	}
}

static void send_reads_the_header_only(struct kunit *test)
{
	u8 *datagram = page_end(test) - DATAGRAM_LEN;
	const u8 inner = 8;

	memcpy(datagram, plain, DATAGRAM_LEN);
	expect_sent(test, 3, datagram, NULL);
	datagram[0] = 0x4f;
	datagram[AT_PROTOCOL] = 1;
	expect_sent(test, 3, datagram, &inner);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(send_about_a_datagram, types_gen_params),
	KUNIT_CASE_PARAM(send_type_of_service, types_gen_params),
	KUNIT_CASE(send_no_error_keeps_its_type_of_service),
	KUNIT_CASE_PARAM(send_not_about_broadcasts, types_gen_params),
	KUNIT_CASE(send_about_first_fragments_alone),
	KUNIT_CASE_PARAM(send_not_about_errors, types_gen_params),
	KUNIT_CASE(send_no_error_about_an_error),
	KUNIT_CASE(send_inner_type_is_of_icmp),
	KUNIT_CASE_PARAM(send_to_one_host_alone, sources_gen_params),
	KUNIT_CASE(send_sources_are_all_there_are),
	KUNIT_CASE(send_about_ipv4_alone),
	KUNIT_CASE(send_reads_the_header_only),
	{}
};

struct kunit_suite icmpx_send_suite = {
	.name = "icmpx_send",
	.test_cases = cases,
};
