// SPDX-License-Identifier: GPL-2.0-only
/*
 * When an ICMPv6 error may be sent (RFC 4443, 2.4 (e)).
 */
#include "suites.h"

#define AT_SOURCE	8
#define AT_DESTINATION	24

/* A packet from 2001:db8::1 to 2001:db8::2. */
static const u8 plain[ICMPX6_IP_HEADER_LEN] = {
	0x60, [6] = 17, [7] = 64,
	[AT_SOURCE] = 0x20, 0x01, 0x0d, 0xb8, [AT_SOURCE + 15] = 1,
	[AT_DESTINATION] = 0x20, 0x01, 0x0d, 0xb8, [AT_DESTINATION + 15] = 2,
};

struct send6_type {
	const char *name;
	u8 type;
	u8 sent;
};

static const struct send6_type types[] = {
	{ "destination_unreachable", 1, ICMPX_ERROR_SENT_UNREACHABLE },
	{ "packet_too_big", 2, ICMPX_ERROR_SENT_PACKET_TOO_BIG },
	{ "time_exceeded", 3, ICMPX_ERROR_SENT_TIME_EXCEEDED },
	{ "parameter_problem", 4, ICMPX_ERROR_SENT_PARAMETER_PROBLEM },
	{ "unknown", 100, ICMPX_ERROR_SENT_OTHER },
};

KUNIT_ARRAY_PARAM_DESC(types, types, name);

static void expect_sent(struct kunit *test, u8 type, u8 code,
			const struct icmpx6_offender *offender, bool for_many)
{
	const struct icmpx6_send_verdict verdict = icmpx6_decide_send(type, code, offender);

	KUNIT_EXPECT_EQ(test, verdict.send, 1);
	KUNIT_EXPECT_EQ(test, verdict.for_many, for_many);
}

static void expect_suppressed(struct kunit *test, u8 type, u8 code,
			      const struct icmpx6_offender *offender, enum icmpx_stat rule)
{
	const struct icmpx6_send_verdict verdict = icmpx6_decide_send(type, code, offender);

	KUNIT_EXPECT_EQ(test, verdict.send, 0);
	KUNIT_EXPECT_EQ(test, verdict.outcome, rule);
}

static void send6_about_a_packet(struct kunit *test)
{
	const struct icmpx6_offender offender = { .header = plain };
	const struct send6_type *row = test->param_value;

	for (u32 code = 0; code <= 255; code++) {
		expect_sent(test, row->type, code, &offender, false);
		KUNIT_EXPECT_EQ(test, icmpx6_decide_send(row->type, code, &offender).outcome,
				row->sent);
	}
}

/* (e.3) and its two exceptions, for each type and code, and each option that may be at fault. */
static void send6_about_what_was_sent_to_many(struct kunit *test)
{
	u8 header[ICMPX6_IP_HEADER_LEN];
	const struct icmpx6_offender multicast = { .header = header };
	const struct icmpx6_offender by_link = {
		.header = plain,
		.facts = ICMPX_BY_LINK_BROADCAST,
	};

	memcpy(header, plain, sizeof(header));
	header[AT_DESTINATION] = 0xff;
	for (u32 type = 0; type <= 255; type++) {
		for (u32 code = 0; code <= 3; code++) {
			/* An option that cannot be read is no reason to be silent. */
			if (type == 2 || (type == 4 && code == 2)) {
				expect_sent(test, type, code, &multicast, true);
				expect_sent(test, type, code, &by_link, true);
				continue;
			}
			expect_suppressed(test, type, code, &multicast,
					  ICMPX_ERROR_SUPPRESSED_BROADCAST);
			expect_suppressed(test, type, code, &by_link,
					  ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST);
		}
	}
}

static void send6_about_options_to_many(struct kunit *test)
{
	u8 header[ICMPX6_IP_HEADER_LEN];

	memcpy(header, plain, sizeof(header));
	header[AT_DESTINATION] = 0xff;
	for (u32 value = 0; value <= 255; value++) {
		const u8 option = value;
		const struct icmpx6_offender offender = { .header = header, .option = &option };

		/* RFC 8200, 4.2: 10 asks for an error in any case, 11 not about multicast. */
		if (value >> 6 == 2)
			expect_sent(test, 4, 2, &offender, true);
		else
			expect_suppressed(test, 4, 2, &offender, ICMPX_ERROR_SUPPRESSED_BROADCAST);
		expect_sent(test, 2, 0, &offender, true);
	}
}

/* (e.1): none about an error, of any type that could be one. */
static void send6_not_about_errors(struct kunit *test)
{
	for (u32 type = 0; type <= 255; type++) {
		const u8 inner = type;
		struct icmpx6_offender offender = {
			.header = plain,
			.inner_type = &inner,
			.facts = ICMPX6_IS_ICMPV6,
		};

		if (type < 128)
			expect_suppressed(test, 1, 0, &offender, ICMPX_ERROR_SUPPRESSED_ERROR);
		else
			expect_sent(test, 1, 0, &offender, false);
		offender.facts |= ICMPX6_IS_FRAGMENT;
		if (type < 128)
			expect_suppressed(test, 1, 0, &offender, ICMPX_ERROR_SUPPRESSED_ERROR);
		/* The byte is one of ICMPv6 alone. */
		offender.facts = 0;
		expect_sent(test, 1, 0, &offender, false);
	}
}

/* RFC 8200, 4.5: of a fragment the byte may be missing. */
static void send6_without_the_type(struct kunit *test)
{
	struct icmpx6_offender offender = { .header = plain, .facts = ICMPX6_IS_ICMPV6 };

	expect_suppressed(test, 1, 0, &offender, ICMPX_ERROR_SUPPRESSED_ERROR);
	offender.facts |= ICMPX6_IS_FRAGMENT;
	expect_sent(test, 1, 0, &offender, false);
}

/* (e.4) and (e.5): the source is one host, as far as its address tells. */
static void send6_to_one_host_alone(struct kunit *test)
{
	u8 header[ICMPX6_IP_HEADER_LEN];
	const struct icmpx6_offender offender = { .header = header };

	memcpy(header, plain, sizeof(header));
	for (u32 first = 0; first <= 255; first++) {
		header[AT_SOURCE] = first;
		if (first == 0xff)
			expect_suppressed(test, 1, 0, &offender, ICMPX_ERROR_SUPPRESSED_SOURCE);
		else
			expect_sent(test, 1, 0, &offender, false);
	}
	memset(header + AT_SOURCE, 0, 16);
	expect_suppressed(test, 1, 0, &offender, ICMPX_ERROR_SUPPRESSED_SOURCE);
	for (u32 at = 0; at < 16; at++) {
		header[AT_SOURCE + at] = 1;
		expect_sent(test, 1, 0, &offender, false);
		header[AT_SOURCE + at] = 0;
	}
}

static void send6_reads_the_header_only(struct kunit *test)
{
	u8 *header = page_end(test) - ICMPX6_IP_HEADER_LEN;
	const struct icmpx6_offender offender = { .header = header };

	memcpy(header, plain, ICMPX6_IP_HEADER_LEN);
	expect_sent(test, 1, 0, &offender, false);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(send6_about_a_packet, types_gen_params),
	KUNIT_CASE(send6_about_what_was_sent_to_many),
	KUNIT_CASE(send6_about_options_to_many),
	KUNIT_CASE(send6_not_about_errors),
	KUNIT_CASE(send6_without_the_type),
	KUNIT_CASE(send6_to_one_host_alone),
	KUNIT_CASE(send6_reads_the_header_only),
	{}
};

struct kunit_suite icmpx_send6_suite = {
	.name = "icmpx_send6",
	.test_cases = cases,
};
