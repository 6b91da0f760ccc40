// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit for each source prefix. The clock goes on while a test runs, so
 * rates are a token a second, and a second that has passed is made up for.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/timekeeping.h>

#include "limit/limit.h"
#include "shell.h"

static bool allow(struct icmpx_prefix_limit *limit, u32 source)
{
	bool allowed;

	rcu_read_lock();
	allowed = icmpx_prefix_allow(limit, htonl(source));
	rcu_read_unlock();
	return allowed;
}

static int set_rate(struct icmpx_prefix_limit *limit, int rate)
{
	int err;

	mutex_lock(&limit->lock);
	err = icmpx_prefix_limit_set(limit, rate, limit->burst);
	mutex_unlock(&limit->lock);
	return err;
}

/* Asks @tries times. What seconds that went by have earned is taken off. */
static unsigned int drain(struct icmpx_prefix_limit *limit, u32 source, unsigned int tries)
{
	const u64 begin = ktime_get_ns();
	unsigned int allowed = 0;
	u64 earned;

	while (tries--)
		allowed += allow(limit, source);
	earned = div_u64(ktime_get_ns() - begin, NSEC_PER_SEC) * limit->rate;
	return allowed - min_t(u64, earned, allowed);
}

static void limit_on(struct kunit *test, int rate, int burst, int prefix)
{
	struct icmpx_prefix_limit *limit = test->priv;

	limit->burst = burst;
	limit->length = prefix;
	KUNIT_ASSERT_EQ(test, set_rate(limit, rate), 0);
}

static void off_allows_all(struct kunit *test)
{
	struct icmpx_prefix_limit *limit = test->priv;

	limit->burst = 1;
	KUNIT_EXPECT_EQ(test, drain(limit, 1, 1000), 1000);
	KUNIT_EXPECT_EQ(test, set_rate(limit, 0), 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(limit->table));
	KUNIT_EXPECT_EQ(test, drain(limit, 1, 1000), 1000);
}

static void table_comes_and_goes(struct kunit *test)
{
	struct icmpx_prefix_limit *limit = test->priv;

	limit_on(test, 7, 1, 32);
	KUNIT_EXPECT_NOT_NULL(test, rcu_access_pointer(limit->table));
	KUNIT_EXPECT_EQ(test, limit->rate, 7);
	KUNIT_EXPECT_EQ(test, set_rate(limit, 1), 0);
	KUNIT_EXPECT_EQ(test, limit->rate, 1);
	KUNIT_EXPECT_EQ(test, drain(limit, 1, 10), 1);
	KUNIT_EXPECT_EQ(test, set_rate(limit, 0), 0);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(limit->table));
	KUNIT_EXPECT_EQ(test, limit->rate, 0);
	/* What was used up before is forgotten. */
	KUNIT_EXPECT_EQ(test, set_rate(limit, 1), 0);
	KUNIT_EXPECT_EQ(test, drain(limit, 1, 10), 1);
}

/* What was put off by days for a long burst at a low rate is not put off when those are no more. */
static void begins_anew(struct kunit *test)
{
	struct icmpx_prefix_limit *limit = test->priv;

	limit_on(test, 1, 20000, 32);
	KUNIT_EXPECT_EQ(test, drain(limit, 1, 30000), 20000);
	limit_on(test, 100, 3, 32);
	KUNIT_EXPECT_GE(test, drain(limit, 1, 30), 3);
}

static const int bursts[] = { 1, 2, 3, 50, 1000 };

static void describe_burst(const int *burst, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "burst_%d", *burst);
}

KUNIT_ARRAY_PARAM(bursts, bursts, describe_burst);

static void burst_to_the_reply(struct kunit *test)
{
	const int burst = *(const int *)test->param_value;

	limit_on(test, 1, burst, 32);
	KUNIT_EXPECT_EQ(test, drain(test->priv, 0x0a000001, burst + 500), burst);
	/* Somebody else is not concerned. */
	KUNIT_EXPECT_EQ(test, drain(test->priv, 0x0a000002, burst + 500), burst);
}

static void earned_with_time(struct kunit *test)
{
	struct icmpx_prefix_limit *limit = test->priv;

	limit_on(test, 100, 1, 32);
	KUNIT_EXPECT_TRUE(test, allow(limit, 1));
	/* What was asked for in vain costs nothing. */
	drain(limit, 1, 50);
	msleep(20);
	KUNIT_EXPECT_TRUE(test, allow(limit, 1));
}

/* Two sources, and whether a prefix length makes them one. */
struct prefix_row {
	const char *name;
	u8 len;
	u32 first;
	u32 second;
	bool same;
};

static const struct prefix_row prefixes[] = {
	{ "32_apart", 32, 0x0a000001, 0x0a000000, false },
	{ "31_together", 31, 0x0a000001, 0x0a000000, true },
	{ "31_apart", 31, 0x0a000001, 0x0a000002, false },
	{ "24_together", 24, 0xc0000200, 0xc00002ff, true },
	{ "24_apart", 24, 0xc00002ff, 0xc0000300, false },
	{ "17_apart", 17, 0x0a008000, 0x0a000000, false },
	{ "16_together", 16, 0x0a008000, 0x0a000000, true },
	{ "1_together", 1, 0x80000000, 0xffffffff, true },
	{ "1_apart", 1, 0x80000000, 0x7fffffff, false },
	{ "0_together", 0, 0, 0xffffffff, true },
};

KUNIT_ARRAY_PARAM_DESC(prefixes, prefixes, name);

static void by_prefix(struct kunit *test)
{
	const struct prefix_row *row = test->param_value;

	limit_on(test, 1, 20, row->len);
	KUNIT_EXPECT_EQ(test, drain(test->priv, row->first, 40), 20);
	KUNIT_EXPECT_EQ(test, drain(test->priv, row->second, 40), row->same ? 0 : 20);
}

/*
 * However many sources: each of 2 * 4096 buckets gives its token once. The n-th
 * source finds a bucket full with p = exp(-n / 4096), and is answered if either
 * of its two is; that sums up to 1.5 * 4096 answers, and hardly varies.
 */
static void spoofed_sources_are_bounded(struct kunit *test)
{
	struct icmpx_prefix_limit *limit = test->priv;
	const u64 begin = ktime_get_ns();
	unsigned int i, allowed = 0;
	u64 seconds;

	limit_on(test, 1, 1, 32);
	for (i = 0; i < 40000; i++)
		allowed += allow(limit, 0x0b000000 + i);
	seconds = div_u64(ktime_get_ns() - begin, NSEC_PER_SEC);
	KUNIT_EXPECT_GE(test, allowed, 5800u);
	KUNIT_EXPECT_LE(test, allowed, 6500u + seconds * 8192);
	/* Then the limit errs on the side of silence, for newcomers too. */
	if (!seconds)
		KUNIT_EXPECT_LE(test, drain(limit, 0x0c000000, 10), 1u);
}

/* Who knows one table's choice of buckets knows nothing of the next one's. */
static unsigned int answered(struct kunit *test, u32 *sources)
{
	unsigned int i, count = 0;

	limit_on(test, 1, 1, 32);
	for (i = 0; i < 4096; i++)
		if (!allow(test->priv, 0x0b000000 + i))
			sources[count++] = i;
	set_rate(test->priv, 0);
	return count;
}

static void keyed(struct kunit *test)
{
	u32 *first = kunit_kcalloc(test, 4096, sizeof(*first), GFP_KERNEL);
	u32 *second = kunit_kcalloc(test, 4096, sizeof(*second), GFP_KERNEL);
	unsigned int refused, again;

	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, second);
	refused = answered(test, first);
	again = answered(test, second);
	KUNIT_EXPECT_GT(test, refused, 100u);
	KUNIT_EXPECT_TRUE(test, refused != again ||
			  memcmp(first, second, refused * sizeof(*first)));
}

struct asker {
	struct icmpx_prefix_limit *limit;
	unsigned int tries;
	unsigned int allowed;
	struct task_struct *task;
};

static int ask(void *data)
{
	struct asker *asker = data;

	while (asker->tries--) {
		asker->allowed += allow(asker->limit, 1);
		if (asker->tries % 64 == 0)
			cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

/*
 * Whoever takes a token out of a bucket, on whichever CPU, nobody else gets it. A
 * prefix has two buckets, and who was between them as the first ran dry leaves one
 * in the second to another asker: so do three of four, and one for each that is
 * earned later.
 */
static void no_token_twice(struct kunit *test)
{
	struct asker askers[4] = {};
	const u64 begin = ktime_get_ns();
	unsigned int i, earned, allowed = 0;

	limit_on(test, 1, 5000, 32);
	for (i = 0; i < ARRAY_SIZE(askers); i++) {
		askers[i].limit = test->priv;
		askers[i].tries = 5000;
		askers[i].task = kthread_run(ask, &askers[i], "asker");
		KUNIT_ASSERT_FALSE(test, IS_ERR(askers[i].task));
	}
	for (i = 0; i < ARRAY_SIZE(askers); i++) {
		while (READ_ONCE(askers[i].tries) != UINT_MAX)
			schedule_timeout_uninterruptible(1);
		kthread_stop(askers[i].task);
		allowed += askers[i].allowed;
	}
	KUNIT_EXPECT_GE(test, allowed, 5000u);
	earned = div_u64(ktime_get_ns() - begin, NSEC_PER_SEC);
	KUNIT_EXPECT_LE(test, allowed, 5000u + ARRAY_SIZE(askers) - 1 + 2 * earned);
}

static int prefix_setup(struct kunit *test)
{
	struct icmpx_prefix_limit *limit = kunit_kzalloc(test, sizeof(*limit), GFP_KERNEL);

	if (!limit)
		return -ENOMEM;
	icmpx_prefix_limit_init(limit, &init_net, AF_INET);
	test->priv = limit;
	return 0;
}

static void prefix_teardown(struct kunit *test)
{
	if (test->priv)
		icmpx_prefix_limit_exit(test->priv);
}

static struct kunit_case prefix_cases[] = {
	KUNIT_CASE(off_allows_all),
	KUNIT_CASE(table_comes_and_goes),
	KUNIT_CASE(begins_anew),
	KUNIT_CASE_PARAM(burst_to_the_reply, bursts_gen_params),
	KUNIT_CASE(earned_with_time),
	KUNIT_CASE_PARAM(by_prefix, prefixes_gen_params),
	KUNIT_CASE(spoofed_sources_are_bounded),
	KUNIT_CASE(keyed),
	KUNIT_CASE(no_token_twice),
	{}
};

struct kunit_suite icmpx_prefix_limit_suite = {
	.name = "icmpx_prefix_limit",
	.init = prefix_setup,
	.exit = prefix_teardown,
	.test_cases = prefix_cases,
};
