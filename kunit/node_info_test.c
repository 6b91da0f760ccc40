// SPDX-License-Identifier: GPL-2.0-only
/*
 * Node information queries: whom a query is about, what is told, the name as DNS writes it.
 */
#include <linux/unaligned.h>

#include "suites.h"

#define ALL_TOLD (ICMPX6_NODE_TELL_NAME | ICMPX6_NODE_TELL_IPV6 | ICMPX6_NODE_TELL_IPV4)

enum { NOOP, NAME = 2, IPV6, IPV4 };
enum { BY_IPV6, BY_NAME, BY_IPV4 };

static const u8 near[16] = { 0xfe, 0x80, [15] = 1 };

static struct icmpx_node node(const char *name)
{
	struct icmpx_node self = { .name_len = strlen(name) };

	memcpy(self.name, name, self.name_len);
	return self;
}

static struct icmpx6_node_query ask(u16 question, u16 flags, u8 code, const void *subject,
				    size_t len, const u8 *source, u32 mask, const char *name)
{
	const struct icmpx_node self = node(name);
	u8 message[ICMPX6_NODE_QUERY_MAX] = { 139, code };

	put_unaligned_be16(question, message + 4);
	put_unaligned_be16(flags, message + 6);
	memset(message + 8, 0xff, 8);
	memcpy(message + 16, subject, len);
	return icmpx6_node_decide(message, 16 + len, source, mask, &self);
}

struct name_row {
	const char *name;
	u8 len;
	const char *wire;
};

static const struct name_row names[] = {
	{ "", 0, "" },
	{ "r", 4, "\1r\0" },
	{ "r1", 5, "\2r1\0" },
	{ "r1.", 4, "\2r1" },
	{ "a.b", 5, "\1a\1b" },
	{ "a.b.", 5, "\1a\1b" },
	{ "r1.example.org", 16, "\2r1\7example\3org" },
	{ ".", 0, "" },
	{ "..", 0, "" },
	{ ".a", 0, "" },
	{ "a..", 0, "" },
	{ "a..b", 0, "" },
};

KUNIT_ARRAY_PARAM_DESC(names, names, name);

struct guarded_name {
	struct guard before;
	u8 data[ICMPX6_NODE_NAME_ROOM];
	struct guard after;
};

static size_t write_name(struct kunit *test, const struct icmpx_node *self,
			 struct guarded_name *out)
{
	size_t len;

	memset(out, GUARD_BYTE, sizeof(*out));
	len = icmpx6_node_name(self, out->data);
	KUNIT_ASSERT_TRUE(test, len >= 4);
	KUNIT_ASSERT_TRUE(test, len <= sizeof(out->data));
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(out->data), 0);
	KUNIT_EXPECT_TRUE(test, guard_intact(&out->before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&out->after));
	return len - 4;
}

static void name_as_dns_writes_it(struct kunit *test)
{
	const struct name_row *row = test->param_value;
	const struct icmpx_node self = node(row->name);
	struct guarded_name out;

	KUNIT_ASSERT_EQ(test, write_name(test, &self, &out), row->len);
	KUNIT_EXPECT_MEMEQ(test, out.data + 4, row->wire, row->len);
}

/* The longest there is, and a length that is none. */
static void name_of_any_length(struct kunit *test)
{
	struct icmpx_node self = {};
	struct guarded_name out;

	memset(self.name, 'x', sizeof(self.name));
	for (u32 len = 0; len <= 255; len++) {
		const u32 kept = min_t(u32, len, ICMPX_NODE_NAME_MAX);

		self.name_len = len;
		KUNIT_ASSERT_EQ(test, write_name(test, &self, &out), len ? kept + 3 : 0);
		if (len)
			KUNIT_EXPECT_EQ(test, out.data[4], kept);
	}
}

struct subject_row {
	const char *title;
	const char *name;
	u8 len;
	const char *subject;
	bool ours;
};

static const struct subject_row subjects[] = {
	{ "same", "a.b", 5, "\1a\1b", true },
	{ "other_case", "A.b", 5, "\1a\1B", true },
	{ "first_label", "a.b", 4, "\1a\0", true },
	{ "first_label_rooted", "a.b", 3, "\1a", false },
	{ "second_label", "a.b", 4, "\1b\0", false },
	{ "not_ended", "a.b", 4, "\1a\1b", false },
	{ "more_behind", "a.b", 6, "\1a\1b\0", false },
	{ "longer", "a.b", 7, "\1a\1b\1c", false },
	{ "label_longer", "a.b", 5, "\2ab\0", false },
	{ "single", "ab", 5, "\2ab\0", true },
	{ "single_rooted", "ab", 4, "\2ab", true },
	{ "single_of_three", "ab", 6, "\2ab\0\0", false },
	{ "single_is_qualified", "ab", 6, "\2ab\1c", false },
	{ "pointer", "ab", 2, "\xc0\x10", false },
	{ "nothing", "ab", 0, "", false },
	{ "root", "ab", 1, "", false },
	{ "root_twice", "ab", 2, "\0", false },
	{ "nothing_of_nobody", "", 0, "", false },
	{ "root_of_nobody", "", 1, "", false },
	{ "roots_of_nobody", "", 2, "\0", false },
	{ "no_name_of_dns", "a..b", 4, "\1a\0", false },
};

KUNIT_ARRAY_PARAM_DESC(subjects, subjects, title);

static void subject_by_name(struct kunit *test)
{
	const struct subject_row *row = test->param_value;
	const struct icmpx6_node_query query =
		ask(NAME, 0, BY_NAME, row->subject, row->len, near, ALL_TOLD, row->name);

	KUNIT_EXPECT_EQ(test, query.subject,
			row->ours ? ICMPX6_NODE_SUBJECT_SELF : ICMPX6_NODE_SUBJECT_NONE);
}

/* Of every length that is not right, and of codes that there are not. */
static void subject_by_address(struct kunit *test)
{
	const u8 zeros[64] = {};

	for (u32 len = 0; len <= sizeof(zeros); len++) {
		for (u32 code = 0; code <= 255; code++) {
			u8 expected = ICMPX6_NODE_SUBJECT_NONE;

			if (code == BY_IPV6 && len == 16)
				expected = ICMPX6_NODE_SUBJECT_IPV6;
			if (code == BY_IPV4 && len == 4)
				expected = ICMPX6_NODE_SUBJECT_IPV4;
			KUNIT_ASSERT_EQ_MSG(test,
					    ask(NAME, 0, code, zeros, len, near, 1, "r").subject,
					    expected, "code %u, %u bytes", code, len);
			KUNIT_ASSERT_EQ(test, ask(NOOP, 0, code, zeros, len, near, 1, "r").subject,
					ICMPX6_NODE_SUBJECT_SELF);
		}
	}
}

static void query_too_short(struct kunit *test)
{
	const struct icmpx_node self = node("r");

	for (size_t len = 0; len < ICMPX6_NODE_INFO_LEN; len++) {
		u8 *message = page_end(test) - len;

		memset(message, 0, len);
		KUNIT_EXPECT_EQ(test, icmpx6_node_decide(message, len, near, 15, &self).subject,
				ICMPX6_NODE_SUBJECT_NONE);
	}
}

struct question_row {
	const char *name;
	u16 first;
	u16 last;
	u8 tells;
	u8 bit;
	u8 flags;
};

static const struct question_row questions[] = {
	{ "noop", 0, 0, ICMPX6_NODE_TELLS_NOTHING, 0, 0 },
	{ "unused", 1, 1, 0xff },
	{ "name", 2, 2, ICMPX6_NODE_TELLS_NAME, 1, 0 },
	{ "ipv6", 3, 3, ICMPX6_NODE_TELLS_IPV6, 2, 0x3e },
	{ "ipv4", 4, 4, ICMPX6_NODE_TELLS_IPV4, 4, 0x02 },
	{ "unknown", 5, 0xffff, 0xff },
};

KUNIT_ARRAY_PARAM_DESC(questions, questions, name);

static const struct source_row {
	u8 address[16];
	bool near;
} sources[] = {
	{ { 0xfe, 0x80, [15] = 1 }, true },
	{ { 0xfe, 0xbf, [15] = 1 }, true },
	{ { 0xfc, [15] = 1 }, true },
	{ { 0xfd, 0xff, [15] = 1 }, true },
	{ { [15] = 1 }, true },
	{ { [15] = 2 }, false },
	{ { [0] = 1, [15] = 1 }, false },
	{ { 0xfe, 0xc0, [15] = 1 }, false },
	{ { 0xfe, 0x7f, [15] = 1 }, false },
	{ { 0xff, 0x80, [15] = 1 }, false },
	{ { 0xfb, [15] = 1 }, false },
	{ { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, false },
};

static void decided_by_the_mask(struct kunit *test)
{
	const struct question_row *row = test->param_value;

	for (u32 question = row->first; question <= row->last;
	     question = sample_next(question, row->last)) {
		for (u32 i = 0; i < 16 * ARRAY_SIZE(sources); i++) {
			const struct source_row *source = &sources[i / 16];
			const u32 mask = i % 16;
			const struct icmpx6_node_query query =
				ask(question, 0xffff, BY_NAME, "\1r\0", 4, source->address, mask,
				    "r");
			const bool heard = source->near || mask & ICMPX6_NODE_TELL_FAR;
			u8 code = ICMPX6_NODE_CODE_TOLD;

			if (row->tells == 0xff)
				code = ICMPX6_NODE_CODE_UNKNOWN;
			else if (!heard || (mask & row->bit) != row->bit)
				code = ICMPX6_NODE_CODE_REFUSED;
			KUNIT_ASSERT_EQ_MSG(test, query.code, code, "question %u, mask %u, %pI6c",
					    question, mask, source->address);
			KUNIT_ASSERT_EQ(test, query.tells,
					code ? ICMPX6_NODE_TELLS_NOTHING : row->tells);
			KUNIT_ASSERT_EQ(test, query.flags, row->flags);
			KUNIT_ASSERT_EQ(test, query.subject, ICMPX6_NODE_SUBJECT_SELF);
		}
	}
}

static const struct wants_row {
	const char *name;
	u8 flag;
	u8 address[16];
} wants[] = {
	{ "global", 0x20, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
	{ "unique_local", 0x20, { 0xfd, [15] = 1 } },
	{ "site_local", 0x10, { 0xfe, 0xc0, [15] = 1 } },
	{ "site_local_last", 0x10, { 0xfe, 0xff, [15] = 1 } },
	{ "link_local", 0x08, { 0xfe, 0x80, [15] = 1 } },
	{ "link_local_last", 0x08, { 0xfe, 0xbf, [15] = 1 } },
	{ "compatible", 0x04, { [12] = 10, 0, 0, 1 } },
	{ "mapped", 0x04, { [10] = 0xff, 0xff, 10, 0, 0, 1 } },
	{ "nearly_mapped", 0x20, { [10] = 0xff, 0xfe, 10, 0, 0, 1 } },
	{ "loopback", 0x00, { [15] = 1 } },
};

KUNIT_ARRAY_PARAM_DESC(wants, wants, name);

static void wants_by_scope(struct kunit *test)
{
	const struct wants_row *row = test->param_value;

	for (u32 flags = 0; flags <= 255; flags++)
		KUNIT_EXPECT_EQ_MSG(test, icmpx6_node_wants(flags, row->address),
				    !!(flags & row->flag), "flags %#x", flags);
}

static void reply_header(struct kunit *test)
{
	const struct icmpx6_node_query query = { .code = 1, .flags = 0x3e };
	u8 header[ICMPX6_NODE_INFO_LEN] = {
		139, 0, 0x12, 0x34, 0, 3, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8
	};
	const u8 expected[ICMPX6_NODE_INFO_LEN] = {
		140, 1, 0, 0, 0, 3, 0, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8
	};

	icmpx6_node_reply(header, query, false);
	KUNIT_EXPECT_MEMEQ(test, header, expected, sizeof(expected));
	icmpx6_node_reply(header, query, true);
	KUNIT_EXPECT_EQ(test, header[7], 0x3f);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(name_as_dns_writes_it, names_gen_params),
	KUNIT_CASE(name_of_any_length),
	KUNIT_CASE_PARAM(subject_by_name, subjects_gen_params),
	KUNIT_CASE(subject_by_address),
	KUNIT_CASE(query_too_short),
	KUNIT_CASE_PARAM(decided_by_the_mask, questions_gen_params),
	KUNIT_CASE_PARAM(wants_by_scope, wants_gen_params),
	KUNIT_CASE(reply_header),
	{}
};

struct kunit_suite icmpx_node_info_suite = {
	.name = "icmpx_node_info",
	.test_cases = cases,
};
