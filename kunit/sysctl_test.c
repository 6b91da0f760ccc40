// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings: where each is kept, and what it takes. A value that is refused
 * leaves the old one.
 */
#include <linux/cred.h>
#include <linux/sysctl.h>

#include "ping/ping.h"
#include "shell.h"

static struct ctl_table *setting(struct kunit *test, const char *name)
{
	struct ctl_table *entry = ours()->v4.settings;

	while (entry->procname && strcmp(entry->procname, name))
		entry++;
	KUNIT_ASSERT_NOT_NULL_MSG(test, entry->procname, "%s is missing", name);
	return entry;
}

static int write_setting(struct kunit *test, const char *name, const char *text)
{
	struct ctl_table *entry = setting(test, name);
	char buffer[64];
	size_t len = strlen(text);
	loff_t pos = 0;

	strscpy(buffer, text, sizeof(buffer));
	return entry->proc_handler(entry, 1, buffer, &len, &pos);
}

/* What is in the file, without the end of its line. */
static const char *read_setting(struct kunit *test, const char *name, char *buffer, size_t size)
{
	struct ctl_table *entry = setting(test, name);
	size_t len = size - 1;
	loff_t pos = 0;

	KUNIT_EXPECT_EQ(test, entry->proc_handler(entry, 0, buffer, &len, &pos), 0);
	buffer[len] = 0;
	return strim(buffer);
}

struct range_row {
	const char *name;
	/* Bytes of storage. */
	u8 size;
	const char *good[4];
	const char *bad[4];
};

static const struct range_row ranges[] = {
	{ "echo_ignore_all", 1, { "1", "0" }, { "2", "-1", "x" } },
	{ "echo_enable_probe", 1, { "1", "0" }, { "2", "-1", "x" } },
	{ "echo_ignore_broadcasts", 1, { "0", "1" }, { "2", "-1", "x" } },
	{ "ignore_bogus_error_responses", 1, { "0", "1" }, { "2", "-1", "x" } },
	{ "errors_use_inbound_ifaddr", 1, { "1", "0" }, { "2", "-1", "x" } },
	{ "ratelimit", 4, { "0", "1000" }, { "x" } },
	{ "ratemask", 4, { "0", "6168" }, { "x" } },
	{ "msgs_per_sec", 4, { "0", "2147483647", "1000" }, { "-1", "x" } },
	{ "msgs_burst", 4, { "0", "2147483647", "50" }, { "-1", "x" } },
	{ "echo_ratelimit", 4, { "1", "1000000", "0" }, { "-1", "1000001", "x" } },
	{ "echo_burst", 4, { "1", "1000000", "50" }, { "0", "-1", "1000001", "x" } },
	{ "echo_ratelimit_prefix", 4, { "0", "1", "32" }, { "-1", "33", "x" } },
	{ "timestamp_ignore_all", 1, { "1", "0" }, { "2", "-1", "x" } },
	{ "errors_extension_mask", 4, { "1", "15", "0" }, { "-1", "16", "x" } },
};

KUNIT_ARRAY_PARAM_DESC(ranges, ranges, name);

/* Each good value is read back; each bad one leaves it. */
static void range(struct kunit *test)
{
	const struct range_row *row = test->param_value;
	char before[64], after[64], saved[64];
	const char *original = read_setting(test, row->name, saved, sizeof(saved));
	unsigned int good, bad;

	for (good = 0; good < ARRAY_SIZE(row->good) && row->good[good]; good++) {
		KUNIT_EXPECT_EQ_MSG(test, write_setting(test, row->name, row->good[good]), 0,
				    "%s", row->good[good]);
		KUNIT_EXPECT_STREQ(test, read_setting(test, row->name, before, sizeof(before)),
				   row->good[good]);
		for (bad = 0; bad < ARRAY_SIZE(row->bad) && row->bad[bad]; bad++) {
			KUNIT_EXPECT_EQ_MSG(test, write_setting(test, row->name, row->bad[bad]),
					    -EINVAL, "%s", row->bad[bad]);
			KUNIT_EXPECT_STREQ(test,
					   read_setting(test, row->name, after, sizeof(after)),
					   row->good[good]);
		}
	}
	KUNIT_EXPECT_EQ(test, write_setting(test, row->name, original), 0);
	KUNIT_EXPECT_EQ(test, setting(test, row->name)->maxlen, row->size);
	KUNIT_EXPECT_EQ(test, setting(test, row->name)->mode, 0644);
}

struct place_row {
	const char *name;
	void *data;
};

#define SHARED(name, field) { name, &init_net.ipv4.field }

static const struct place_row places[] = {
	SHARED("echo_ignore_all", sysctl_icmp_echo_ignore_all),
	SHARED("echo_enable_probe", sysctl_icmp_echo_enable_probe),
	SHARED("echo_ignore_broadcasts", sysctl_icmp_echo_ignore_broadcasts),
	SHARED("ignore_bogus_error_responses", sysctl_icmp_ignore_bogus_error_responses),
	SHARED("errors_use_inbound_ifaddr", sysctl_icmp_errors_use_inbound_ifaddr),
	SHARED("ratelimit", sysctl_icmp_ratelimit),
	SHARED("ratemask", sysctl_icmp_ratemask),
	SHARED("msgs_per_sec", sysctl_icmp_msgs_per_sec),
	SHARED("msgs_burst", sysctl_icmp_msgs_burst),
	SHARED("ping_group_range", ping_group_range.range),
};

KUNIT_ARRAY_PARAM_DESC(places, places, name);

/* The kernel's own storage: one truth under two names. */
static void shared_with_the_kernel(struct kunit *test)
{
	const struct place_row *row = test->param_value;

	KUNIT_EXPECT_PTR_EQ(test, setting(test, row->name)->data, row->data);
}

static void our_own(struct kunit *test)
{
	struct icmpx_net *ix = ours();

	KUNIT_EXPECT_PTR_EQ(test, setting(test, "echo_ratelimit")->data,
			    (void *)&ix->v4.limit.rate);
	KUNIT_EXPECT_PTR_EQ(test, setting(test, "echo_burst")->data, (void *)&ix->v4.limit.burst);
	KUNIT_EXPECT_PTR_EQ(test, setting(test, "echo_ratelimit_prefix")->data,
			    (void *)&ix->v4.limit.length);
	KUNIT_EXPECT_PTR_EQ(test, setting(test, "timestamp_ignore_all")->data,
			    (void *)&ix->v4.ignore_timestamps);
	/* Nothing is limited that was not before. */
	KUNIT_EXPECT_EQ(test, ix->v4.limit.rate, 0);
	KUNIT_EXPECT_EQ(test, ix->v4.limit.burst, 50);
	KUNIT_EXPECT_EQ(test, ix->v4.limit.length, 32);
	KUNIT_EXPECT_EQ(test, ix->v4.ignore_timestamps, 0);
	KUNIT_EXPECT_EQ(test, ix->v4.extension_mask, 0);
}

static void no_setting_besides(struct kunit *test)
{
	const struct ctl_table *entry = ours()->v4.settings;

	while (entry->procname)
		entry++;
	/* Those that are no number: a pair of them, names of devices, and three of text. */
	KUNIT_EXPECT_EQ(test, entry - ours()->v4.settings, ARRAY_SIZE(ranges) + 5);
}

/* The limit's buckets are there while there is a rate. */
static void rate_makes_the_table(struct kunit *test)
{
	struct icmpx_net *ix = ours();

	KUNIT_EXPECT_NULL(test, rcu_access_pointer(ix->v4.limit.table));
	KUNIT_EXPECT_EQ(test, write_setting(test, "echo_ratelimit", "7"), 0);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(ix->v4.limit.table));
	KUNIT_EXPECT_EQ(test, ix->v4.limit.rate, 7);
	KUNIT_EXPECT_EQ(test, write_setting(test, "echo_ratelimit", "-1"), -EINVAL);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(ix->v4.limit.table));
	KUNIT_EXPECT_EQ(test, write_setting(test, "echo_ratelimit", "0"), 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(ix->v4.limit.table));
}

/* Milliseconds outside, ticks inside. */
static void ratelimit_is_in_milliseconds(struct kunit *test)
{
	const int before = init_net.ipv4.sysctl_icmp_ratelimit;

	KUNIT_EXPECT_EQ(test, write_setting(test, "ratelimit", "3000"), 0);
	KUNIT_EXPECT_EQ(test, init_net.ipv4.sysctl_icmp_ratelimit, 3 * HZ);
	init_net.ipv4.sysctl_icmp_ratelimit = before;
}

struct group_row {
	const char *name;
	const char *text;
	int err;
	u32 first;
	u32 last;
};

static const struct group_row groups[] = {
	{ "one", "7 7", 0, 7, 7 },
	{ "some", "5 100", 0, 5, 100 },
	{ "root", "0 0", 0, 0, 0 },
	{ "all", "0 2147483647", 0, 0, 2147483647 },
	{ "upside_down_is_none", "100 5", 0, 1, 0 },
	{ "just_upside_down", "6 5", 0, 1, 0 },
	{ "no_group", "0 4294967295", -EINVAL },
	{ "no_number", "x", -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(groups, groups, name);

static void group_range(struct kunit *test)
{
	const struct group_row *row = test->param_value;
	kgid_t before[2], after[2];
	char text[64], expected[64];

	icmpx_group_range(&init_net, before);
	KUNIT_EXPECT_EQ(test, write_setting(test, "ping_group_range", row->text), row->err);
	icmpx_group_range(&init_net, after);
	if (row->err) {
		KUNIT_EXPECT_TRUE(test, gid_eq(before[0], after[0]) && gid_eq(before[1], after[1]));
		return;
	}
	KUNIT_EXPECT_EQ(test, __kgid_val(after[0]), row->first);
	KUNIT_EXPECT_EQ(test, __kgid_val(after[1]), row->last);
	snprintf(expected, sizeof(expected), "%u\t%u", row->first, row->last);
	KUNIT_EXPECT_STREQ(test, read_setting(test, "ping_group_range", text, sizeof(text)),
			   expected);
	init_net.ipv4.ping_group_range.range[0] = before[0];
	init_net.ipv4.ping_group_range.range[1] = before[1];
}

static struct kunit_case sysctl_cases[] = {
	KUNIT_CASE_PARAM(range, ranges_gen_params),
	KUNIT_CASE_PARAM(shared_with_the_kernel, places_gen_params),
	KUNIT_CASE(our_own),
	KUNIT_CASE(no_setting_besides),
	KUNIT_CASE(rate_makes_the_table),
	KUNIT_CASE(ratelimit_is_in_milliseconds),
	KUNIT_CASE_PARAM(group_range, groups_gen_params),
	{}
};

struct kunit_suite icmpx_sysctl_suite = {
	.name = "icmpx_sysctl",
	.test_cases = sysctl_cases,
};
