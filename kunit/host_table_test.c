// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buckets for each host. Time goes on while a test runs, so a token takes ten seconds to
 * be earned: no test takes as long.
 */
#include <linux/jiffies.h>

#include "limit/host_table.h"
#include "suites.h"

#define INTERVAL (10 * HZ)
/* As many as there are buckets. */
#define BUCKETS 1024

static bool take_in(struct kunit *test, u32 address, int vrf, u32 interval)
{
	bool taken;

	local_bh_disable();
	taken = icmpx_host_take(test->priv, icmpx_host_id(htonl(address), vrf), interval);
	local_bh_enable();
	return taken;
}

static bool take(struct kunit *test, u32 address)
{
	return take_in(test, address, 0, INTERVAL);
}

static bool empty(struct kunit *test, u32 address)
{
	return icmpx_host_empty(test->priv, icmpx_host_id(htonl(address), 0), INTERVAL);
}

static void six_at_once(struct kunit *test)
{
	for (int i = 0; i < ICMPX_TOKENS_BURST; i++) {
		KUNIT_EXPECT_FALSE(test, empty(test, 1));
		KUNIT_EXPECT_TRUE(test, take(test, 1));
	}
	KUNIT_EXPECT_TRUE(test, empty(test, 1));
	KUNIT_EXPECT_FALSE(test, take(test, 1));
	/* Others are not concerned, nor is the same address in a VRF. */
	KUNIT_EXPECT_FALSE(test, empty(test, 2));
	KUNIT_EXPECT_TRUE(test, take(test, 2));
	KUNIT_EXPECT_TRUE(test, take_in(test, 1, 7, INTERVAL));
	KUNIT_EXPECT_TRUE(test, empty(test, 1));
}

/* What is in a VRF is another host's: asking for the one outside finds nothing. */
static void empty_outside_vrfs_alone(struct kunit *test)
{
	while (take_in(test, 1, 7, INTERVAL))
		;
	KUNIT_EXPECT_FALSE(test, empty(test, 1));
}

/* A minute is what a new host has saved up, as in the kernel's own buckets. */
static void new_host_has_a_minute(struct kunit *test)
{
	int taken = 0;

	while (take_in(test, 1, 0, 25 * HZ))
		taken++;
	KUNIT_EXPECT_EQ(test, taken, 2);
	KUNIT_EXPECT_FALSE(test, take_in(test, 2, 0, 61 * HZ));
}

/* What has earned all that it can hold again gives its place away, at the pace of the setting. */
static void idle_buckets_are_reused(struct kunit *test)
{
	int taken = 0;

	/* Six tokens of a jiffy each are earned back in six. */
	for (u32 address = 1; address <= 4 * BUCKETS; address++)
		take_in(test, address, 0, 1);
	schedule_timeout_uninterruptible(8);
	for (u32 address = 1; address <= 64; address++)
		taken += take_in(test, 0x01000000 + address, 0, 1);
	KUNIT_EXPECT_EQ(test, taken, 64);
}

/*
 * With more hosts than buckets, some share: then the sum of what they get is bounded, and
 * no host gets more than its own.
 */
static void more_hosts_than_buckets(struct kunit *test)
{
	const u32 hosts = 8 * BUCKETS;
	u32 sum = 0;

	for (u32 address = 1; address <= hosts; address++) {
		int own = 0;

		while (take(test, address))
			own++;
		KUNIT_EXPECT_LE(test, own, ICMPX_TOKENS_BURST);
		sum += own;
	}
	KUNIT_EXPECT_LE(test, sum, BUCKETS * ICMPX_TOKENS_BURST);
	/* Nearly all places are found by someone. */
	KUNIT_EXPECT_GT(test, sum, BUCKETS * ICMPX_TOKENS_BURST * 9 / 10);
	/* A flood takes no token back from whom it had been denied to. */
	KUNIT_EXPECT_FALSE(test, take(test, 1));
}

/* Which hosts share is another matter in each namespace: none can be told from outside. */
static void tables_differ(struct kunit *test)
{
	struct icmpx_host_table *other = icmpx_host_table_create();
	u32 differ = 0;

	KUNIT_ASSERT_NOT_NULL(test, other);
	local_bh_disable();
	/* New hosts have one token each: the first four of a set, then, and no host after them. */
	for (u32 address = 1; address <= 4 * BUCKETS; address++)
		differ += icmpx_host_take(test->priv, icmpx_host_id(htonl(address), 0), 40 * HZ) !=
			  icmpx_host_take(other, icmpx_host_id(htonl(address), 0), 40 * HZ);
	local_bh_enable();
	KUNIT_EXPECT_GT(test, differ, 0);
	icmpx_host_table_free(other);
}

static int init(struct kunit *test)
{
	test->priv = icmpx_host_table_create();
	return test->priv ? 0 : -ENOMEM;
}

static void finish(struct kunit *test)
{
	icmpx_host_table_free(test->priv);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(six_at_once),
	KUNIT_CASE(empty_outside_vrfs_alone),
	KUNIT_CASE(new_host_has_a_minute),
	KUNIT_CASE(idle_buckets_are_reused),
	KUNIT_CASE(more_hosts_than_buckets),
	KUNIT_CASE(tables_differ),
	{}
};

struct kunit_suite icmpx_host_table_suite = {
	.name = "icmpx_host_table",
	.init = init,
	.exit = finish,
	.test_cases = cases,
};
