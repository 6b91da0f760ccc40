// SPDX-License-Identifier: GPL-2.0-only
/*
 * PROBE: what an extended echo request asks, and the header of its reply.
 */
#include <linux/bitops.h>
#include <linux/unaligned.h>
#include <net/checksum.h>

#include "suites.h"

/* Where the object is: behind the extension header (RFC 4884, 7 and 8). */
#define OBJECT_AT 4
#define CLASS_AT 6
#define CTYPE_AT 7
#define IDENTITY_AT 8

/* A query of one object; the object says that it has as many bytes as are there. */
struct query_row {
	const char *name;
	u8 ctype;
	/* Bytes of identity, without the object's header. */
	u8 len;
	u8 identity[24];
	struct icmpx_probe_query expected;
};

static const struct query_row queries[] = {
	{ "name", 1, 4, "lo", { .by = ICMPX_PROBE_BY_NAME, .name = "lo" } },
	{ "name_not_padded", 1, 2, "lo", { .by = ICMPX_PROBE_BY_NAME, .name = "lo" } },
	{ "name_of_one", 1, 1, "x", { .by = ICMPX_PROBE_BY_NAME, .name = "x" } },
	{ "name_of_fifteen", 1, 15, "abcdefghijklmno",
	  { .by = ICMPX_PROBE_BY_NAME, .name = "abcdefghijklmno" } },
	{ "index", 2, 4, { 0x12, 0x34, 0x56, 0x78 },
	  { .by = ICMPX_PROBE_BY_INDEX, .ifindex = 0x12345678 } },
	{ "index_zero", 2, 4, { 0, 0, 0, 0 }, { .by = ICMPX_PROBE_BY_INDEX } },
	{ "index_all_ones", 2, 4, { 0xff, 0xff, 0xff, 0xff },
	  { .by = ICMPX_PROBE_BY_INDEX, .ifindex = U32_MAX } },
	{ "ipv4", 3, 8, { 0, 1, 4, 0, 192, 0, 2, 1 },
	  { .by = ICMPX_PROBE_BY_IPV4, .address = { 192, 0, 2, 1 } } },
	{ "ipv4_reserved_set", 3, 8, { 0, 1, 4, 0xff, 192, 0, 2, 1 },
	  { .by = ICMPX_PROBE_BY_IPV4, .address = { 192, 0, 2, 1 } } },
	{ "ipv6", 3, 20, { 0, 2, 16, 0, 32, 1, 13, 184, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
	  { .by = ICMPX_PROBE_BY_IPV6,
	    .address = { 32, 1, 13, 184, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } } },
};

KUNIT_ARRAY_PARAM_DESC(queries, queries, name);

/* Every byte of them is there, and they mean nothing. */
static const struct query_row malformed[] = {
	{ "name_of_none", 1, 0 },
	{ "name_of_sixteen", 1, 16, "abcdefghijklmnop" },
	{ "name_too_long_though_padded", 1, 16, "lo" },
	{ "index_of_three", 2, 3, { 0, 0, 1 } },
	{ "index_of_five", 2, 5, { 0, 0, 0, 0, 1 } },
	{ "address_without_header", 3, 3, { 0, 1, 4 } },
	{ "address_without_address", 3, 4, { 0, 1, 0, 0 } },
	{ "ipv4_short", 3, 7, { 0, 1, 3, 0, 192, 0, 2 } },
	{ "ipv4_as_long_as_ipv6", 3, 20, { 0, 1, 16, 0, 192, 0, 2, 1 } },
	{ "ipv6_as_short_as_ipv4", 3, 8, { 0, 2, 4, 0, 32, 1, 13, 184 } },
	{ "ipv6_too_long", 3, 21, { 0, 2, 17, 0, 32, 1, 13, 184 } },
	{ "family_unknown", 3, 8, { 0, 3, 4, 0, 192, 0, 2, 1 } },
	{ "family_little_endian", 3, 8, { 1, 0, 4, 0, 192, 0, 2, 1 } },
	{ "address_length_lies_low", 3, 8, { 0, 1, 3, 0, 192, 0, 2, 1 } },
	{ "address_length_lies_high", 3, 8, { 0, 1, 5, 0, 192, 0, 2, 1 } },
	{ "ctype_zero", 0, 4, { 0, 0, 0, 1 } },
	{ "ctype_four", 4, 4, { 0, 0, 0, 1 } },
};

KUNIT_ARRAY_PARAM_DESC(malformed, malformed, name);

struct guarded_query {
	struct guard before;
	struct icmpx_probe_query query;
	struct guard after;
};

/* Everything that the result does not say is 0, whatever was there before. */
static void check(struct kunit *test, const u8 *bytes, size_t len,
		  const struct icmpx_probe_query *expected)
{
	struct guarded_query out;

	memset(&out, GUARD_BYTE, sizeof(out));
	icmpx_probe_parse(bytes, len, &out.query);
	KUNIT_ASSERT_EQ_MSG(test, out.query.by, expected->by, "%*ph", (int)len, bytes);
	KUNIT_ASSERT_EQ(test, out.query.ifindex, expected->ifindex);
	KUNIT_ASSERT_MEMEQ(test, out.query.name, expected->name, sizeof(expected->name));
	KUNIT_ASSERT_MEMEQ(test, out.query.address, expected->address, sizeof(expected->address));
	KUNIT_ASSERT_TRUE(test, guard_intact(&out.before));
	KUNIT_ASSERT_TRUE(test, guard_intact(&out.after));
}

static const struct icmpx_probe_query nothing = { .by = ICMPX_PROBE_MALFORMED };

#define QUERY_MAX 256

/* Makes a query of @row, followed by bytes of @filling. Returns how long it is. */
static size_t make_query(const struct query_row *row, u8 filling, u8 *bytes)
{
	memset(bytes, filling, QUERY_MAX);
	/* Version 2, and a checksum that nobody looks at. */
	put_unaligned_be32(0x20001234, bytes);
	put_unaligned_be16(4 + row->len, bytes + OBJECT_AT);
	bytes[CLASS_AT] = 3;
	bytes[CTYPE_AT] = row->ctype;
	memcpy(bytes + IDENTITY_AT, row->identity, row->len);
	return IDENTITY_AT + row->len;
}

static void parse(struct kunit *test)
{
	const struct query_row *row = test->param_value;
	u8 bytes[QUERY_MAX];
	const size_t len = make_query(row, 0, bytes);

	check(test, bytes, len, &row->expected);
}

/* Cut off anywhere it is malformed, whatever is in memory behind the cut. */
static void parse_truncated(struct kunit *test)
{
	const struct query_row *row = test->param_value;
	u8 bytes[QUERY_MAX];

	for (size_t len = 0; len < IDENTITY_AT + row->len; len++) {
		make_query(row, 0, bytes);
		check(test, bytes, len, &nothing);
		memset(bytes + len, 0xff, sizeof(bytes) - len);
		check(test, bytes, len, &nothing);
	}
}

static void parse_reads_no_further(struct kunit *test)
{
	const struct query_row *row = test->param_value;
	u8 *end = page_end(test);
	u8 bytes[QUERY_MAX];
	const size_t whole = make_query(row, 0, bytes);

	for (size_t len = 0; len <= whole; len++) {
		memcpy(end - len, bytes, len);
		check(test, end - len, len, len < whole ? &nothing : &row->expected);
	}
}

static void parse_with_more_behind(struct kunit *test)
{
	const struct query_row *row = test->param_value;
	u8 bytes[QUERY_MAX];

	for (u32 filling = 0; filling <= 255; filling += 51)
		for (size_t len = make_query(row, filling, bytes); len <= sizeof(bytes); len++)
			check(test, bytes, len, &row->expected);
}

/* The class, the version and the checksum of a query are not looked at. */
static void parse_any_class(struct kunit *test)
{
	const struct query_row *row = test->param_value;
	u8 bytes[QUERY_MAX];
	const size_t len = make_query(row, 0, bytes);

	for (u32 class = 0; class <= 255; class++) {
		put_unaligned_be32(class * 0x01010101, bytes);
		bytes[CLASS_AT] = class;
		check(test, bytes, len, &row->expected);
	}
}

static void parse_malformed(struct kunit *test)
{
	const struct query_row *row = test->param_value;
	u8 bytes[QUERY_MAX];
	const size_t len = make_query(row, 0, bytes);

	check(test, bytes, len, &nothing);
	/* Nor does it mean anything with more behind it. */
	check(test, bytes, sizeof(bytes), &nothing);
}

/* Of all lengths that an object may claim, only those that its bytes bear out. */
static void parse_lying_lengths(struct kunit *test)
{
	static const struct query_row row = { "", 1, 9, "eth0.4094" };
	u8 bytes[QUERY_MAX];

	make_query(&row, 'x', bytes);
	for (size_t len = 0; len <= ICMPX_PROBE_QUERY_MAX + 4; len++) {
		for (u32 claim = 0; claim <= 0xffff; claim = sample_next(claim, 0xffff)) {
			struct icmpx_probe_query expected = {};

			if (claim > 4 && claim < 4 + ICMPX_IFNAME_MAX && claim + OBJECT_AT <= len) {
				expected.by = ICMPX_PROBE_BY_NAME;
				memcpy(expected.name, bytes + IDENTITY_AT, claim - 4);
			}
			put_unaligned_be16(claim, bytes + OBJECT_AT);
			check(test, bytes, len, &expected);
		}
	}
}

static void parse_every_ctype(struct kunit *test)
{
	static const u8 by[] = { 0, ICMPX_PROBE_BY_NAME, ICMPX_PROBE_BY_INDEX, 0 };

	for (u32 ctype = 0; ctype <= 255; ctype++) {
		const struct query_row row = { "", ctype, 4, "lo" };
		struct icmpx_probe_query query;
		u8 bytes[QUERY_MAX];

		icmpx_probe_parse(bytes, make_query(&row, 0, bytes), &query);
		KUNIT_ASSERT_EQ_MSG(test, query.by, ctype < ARRAY_SIZE(by) ? by[ctype] : 0,
				    "C-type %u", ctype);
	}
}

static void check_family(struct kunit *test, u32 family, u8 address_len, u8 len)
{
	struct query_row row = { "", 3, len, "    0123456789abcdef" };
	struct icmpx_probe_query expected = {};
	u8 bytes[QUERY_MAX];

	put_unaligned_be16(family, row.identity);
	row.identity[2] = address_len;
	if (address_len + 4 == len && family == 1 && address_len == 4)
		expected.by = ICMPX_PROBE_BY_IPV4;
	if (address_len + 4 == len && family == 2 && address_len == 16)
		expected.by = ICMPX_PROBE_BY_IPV6;
	if (expected.by != ICMPX_PROBE_MALFORMED)
		memcpy(expected.address, row.identity + 4, address_len);
	check(test, bytes, make_query(&row, 0, bytes), &expected);
}

static void parse_every_address_length(struct kunit *test)
{
	for (u32 family = 0; family < 4; family++)
		for (u32 address_len = 0; address_len <= 255; address_len++)
			for (u32 len = 1; len <= 24; len++)
				check_family(test, family, address_len, len);
}

static void parse_every_family(struct kunit *test)
{
	for (u32 family = 0; family <= 0xffff; family = sample_next(family, 0xffff)) {
		check_family(test, family, 4, 8);
		check_family(test, family, 16, 20);
	}
}

/* A family's requests, their replies, and the sum of what is in front of them (RFC 8200, 8.1). */
struct family {
	const char *name;
	u8 request;
	u8 reply;
	u16 pseudo_header;
	void (*turn)(u8 *header, u8 code, u8 status);
};

static const struct family families[] = {
	{ "ipv4", 42, 43, 0, icmpx_probe_reply },
	/* From ::1 to ::1, 8 bytes, next header 58; and the least and the most that can be. */
	{ "ipv6", 160, 161, 0x44, icmpx6_probe_reply },
	{ "ipv6_low", 160, 161, 1, icmpx6_probe_reply },
	{ "ipv6_high", 160, 161, 0xffff, icmpx6_probe_reply },
};

KUNIT_ARRAY_PARAM_DESC(families, families, name);

static u16 full_checksum(const struct family *family, const u8 *header)
{
	u8 copy[ICMPX_HEADER_LEN + 2];

	memcpy(copy, header, ICMPX_HEADER_LEN);
	put_unaligned_be16(0, copy + 2);
	put_unaligned_be16(family->pseudo_header, copy + ICMPX_HEADER_LEN);
	return be16_to_cpu((__force __be16)ip_compute_csum(copy, sizeof(copy)));
}

static void check_reply(struct kunit *test, const u8 *request, u8 code, u8 status)
{
	const struct family *family = test->param_value;
	struct {
		struct guard before;
		u8 header[ICMPX_HEADER_LEN];
		struct guard after;
	} reply;

	guard_set(&reply.before);
	guard_set(&reply.after);
	memcpy(reply.header, request, sizeof(reply.header));
	family->turn(reply.header, code, status);

	KUNIT_ASSERT_EQ(test, reply.header[0], family->reply);
	KUNIT_ASSERT_EQ(test, reply.header[1], code);
	/* Identifier and the sequence number's byte; then state and flags. */
	KUNIT_ASSERT_MEMEQ(test, reply.header + 4, request + 4, 3);
	KUNIT_ASSERT_EQ(test, reply.header[7], status);
	KUNIT_ASSERT_EQ_MSG(test, get_unaligned_be16(reply.header + 2),
			    full_checksum(family, reply.header),
			    "request %*ph, code %u, status %u", ICMPX_HEADER_LEN, request, code,
			    status);
	KUNIT_ASSERT_TRUE(test, guard_intact(&reply.before));
	KUNIT_ASSERT_TRUE(test, guard_intact(&reply.after));
}

static void check_request(struct kunit *test, u8 *request, u8 code, u8 status)
{
	const u16 checksum = full_checksum(test->param_value, request);

	put_unaligned_be16(checksum, request + 2);
	check_reply(test, request, code, status);
	/* A request with the other form of zero passes as well. */
	if (!checksum) {
		put_unaligned_be16(0xffff, request + 2);
		check_reply(test, request, code, status);
	}
}

/* Every sum that the rest of a message can have, with every answer there is. */
static void reply_every_sum(struct kunit *test)
{
	const struct family *family = test->param_value;

	for (u32 id = 0; id <= 0xffff; id = sample_next(id, 0xffff)) {
		for (u32 answer = 0; answer < 5 * 8; answer++) {
			u8 request[ICMPX_HEADER_LEN] = {
				family->request, 0, 0, 0, 0, 0, answer, 1
			};

			put_unaligned_be16(id, request + 4);
			check_request(test, request, answer / 8, answer % 8);
		}
	}
}

/* Codes and flags that a requester has no business to set do not come back. */
static void reply_anything(struct kunit *test)
{
	const struct family *family = test->param_value;
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(200000); i++) {
		u8 request[ICMPX_HEADER_LEN];

		prandom_bytes_state(&random, request, sizeof(request));
		request[0] = family->request;
		check_request(test, request, i % 5, i / 5 % 8);
	}
}

static void reply_reads_the_header_only(struct kunit *test)
{
	const struct family *family = test->param_value;
	u8 *header = page_end(test) - ICMPX_HEADER_LEN;

	memset(header, family->request, ICMPX_HEADER_LEN);
	family->turn(header, ICMPX_PROBE_FOUND, ICMPX_PROBE_ACTIVE);
	KUNIT_EXPECT_EQ(test, header[0], family->reply);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(parse, queries_gen_params),
	KUNIT_CASE_PARAM(parse_truncated, queries_gen_params),
	KUNIT_CASE_PARAM(parse_reads_no_further, queries_gen_params),
	KUNIT_CASE_PARAM(parse_with_more_behind, queries_gen_params),
	KUNIT_CASE_PARAM(parse_any_class, queries_gen_params),
	KUNIT_CASE_PARAM(parse_malformed, malformed_gen_params),
	KUNIT_CASE(parse_lying_lengths),
	KUNIT_CASE(parse_every_ctype),
	KUNIT_CASE(parse_every_address_length),
	KUNIT_CASE(parse_every_family),
	KUNIT_CASE_PARAM(reply_every_sum, families_gen_params),
	KUNIT_CASE_PARAM(reply_anything, families_gen_params),
	KUNIT_CASE_PARAM(reply_reads_the_header_only, families_gen_params),
	{}
};

struct kunit_suite icmpx_probe_suite = {
	.name = "icmpx_probe",
	.test_cases = cases,
};
