// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limits that Linux has always had: tokens of a namespace, and a
 * destination's.
 */
#include <linux/jiffies.h>
#include <net/route.h>

#include "limit/limit.h"
#include "wire.h"

#define INTERVAL (HZ / 50)

struct fixture {
	struct netns_ipv4 *ipv4;
	int per_sec;
	int burst;
	int ratelimit;
};

/* What a bucket held and when it was filled last, and what a question makes of it. */
struct fill_row {
	const char *name;
	int credit;
	/* Ticks since it was filled. */
	int age;
	int per_sec;
	int burst;
	bool allowed;
	int after;
};

static const struct fill_row fills[] = {
	{ "one_token_is_enough", 1, 0, 1000, 50, true, 1 },
	{ "credit_is_not_topped_up", 1, HZ, 1000, 50, true, 1 },
	{ "nothing_and_just_filled", 0, 0, 1000, 50, false, 0 },
	{ "a_tick_too_early", 0, INTERVAL - 1, 1000, 50, false, 0 },
	{ "debt_and_just_filled", -1, 0, 1000, 50, false, -1 },
	{ "a_fiftieth_of_a_second", 0, INTERVAL, 1000, 50, true, 1000 * INTERVAL / HZ },
	{ "a_tenth_of_a_second", 0, HZ / 10, 200, 50, true, 20 },
	{ "debt_is_paid_off", -5, HZ / 10, 200, 50, true, 15 },
	{ "no_more_than_the_burst", 0, HZ, 1000, 50, true, 50 },
	{ "no_more_than_a_second", 0, 100 * HZ, 20, 50, true, 20 },
	{ "nothing_earned_yet", 0, HZ / 10, 9, 50, false, 0 },
	{ "no_rate", 0, 100 * HZ, 0, 50, false, 0 },
};

KUNIT_ARRAY_PARAM_DESC(fills, fills, name);

/* The clock may not tick in between: tried again until it does not. */
static u32 ask(struct kunit *test, const struct fill_row *row, bool *allowed)
{
	struct fixture *fixture = test->priv;
	unsigned long now;

	do {
		now = jiffies;
		atomic_set(&fixture->ipv4->icmp_global_credit, row->credit);
		fixture->ipv4->icmp_global_stamp = (u32)now - row->age;
		local_bh_disable();
		*allowed = icmpx_global_allow(&init_net);
		local_bh_enable();
	} while (time_after(jiffies, now));
	return now;
}

static void global(struct kunit *test)
{
	const struct fill_row *row = test->param_value;
	struct fixture *fixture = test->priv;
	const bool filled = row->after != row->credit;
	bool allowed;
	u32 now;

	fixture->ipv4->sysctl_icmp_msgs_per_sec = row->per_sec;
	fixture->ipv4->sysctl_icmp_msgs_burst = row->burst;
	now = ask(test, row, &allowed);
	KUNIT_EXPECT_EQ(test, allowed, row->allowed);
	KUNIT_EXPECT_EQ(test, atomic_read(&fixture->ipv4->icmp_global_credit), row->after);
	KUNIT_EXPECT_EQ(test, fixture->ipv4->icmp_global_stamp, filled ? now : now - row->age);
}

static void global_refusals_count(struct kunit *test)
{
	static const struct fill_row empty = { "", 0, 0, 0, 50 };
	struct fixture *fixture = test->priv;
	const unsigned long before = mib_of(ICMP_MIB_RATELIMITGLOBAL);

	fixture->ipv4->sysctl_icmp_msgs_per_sec = empty.per_sec;
	atomic_set(&fixture->ipv4->icmp_global_credit, 0);
	local_bh_disable();
	KUNIT_EXPECT_FALSE(test, icmpx_global_allow(&init_net));
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_RATELIMITGLOBAL), before + 1);
	atomic_set(&fixture->ipv4->icmp_global_credit, 1);
	KUNIT_EXPECT_TRUE(test, icmpx_global_allow(&init_net));
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_RATELIMITGLOBAL), before + 1);
}

static struct rtable *route_to(struct kunit *test, u32 destination)
{
	struct flowi4 fl4 = { .daddr = htonl(destination) };
	struct rtable *rt = ip_route_output_key(&init_net, &fl4);

	KUNIT_ASSERT_FALSE(test, IS_ERR(rt));
	return rt;
}

static bool host_allow(struct rtable *rt, u32 destination)
{
	bool allowed;

	local_bh_disable();
	allowed = icmpx_host_allow(&init_net, rt, htonl(destination));
	local_bh_enable();
	return allowed;
}

/* Six at once, each worth the setting; then a destination waits. */
static void host_burst(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const unsigned long before = mib_of(ICMP_MIB_RATELIMITHOST);
	struct rtable *rt;
	unsigned int i;
	int credit;

	wire_open(test);
	rt = route_to(test, 0x0a090909);
	/* A minute is what a new destination has saved up. */
	fixture->ipv4->sysctl_icmp_ratelimit = 10 * HZ;
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_TRUE(test, host_allow(rt, 0x0a090909));
	credit = atomic_read(&fixture->ipv4->icmp_global_credit);
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_RATELIMITHOST), before);
	KUNIT_EXPECT_FALSE(test, host_allow(rt, 0x0a090909));
	KUNIT_EXPECT_EQ(test, mib_of(ICMP_MIB_RATELIMITHOST), before + 1);
	/* What is refused takes no token, and others are not concerned. */
	KUNIT_EXPECT_EQ(test, atomic_read(&fixture->ipv4->icmp_global_credit), credit);
	KUNIT_EXPECT_TRUE(test, host_allow(rt, 0x0a090908));
	fixture->ipv4->sysctl_icmp_ratelimit = 0;
	KUNIT_EXPECT_TRUE(test, host_allow(rt, 0x0a090909));
	ip_rt_put(rt);
}

/* 0, 1 or 2 tokens a message, 1 on average; and to itself a host may send as it likes. */
static void tokens_taken(struct kunit *test)
{
	struct rtable *rt = route_to(test, INADDR_LOOPBACK);
	struct fixture *fixture = test->priv;
	unsigned int taken[3] = {};
	unsigned int i;

	fixture->ipv4->sysctl_icmp_ratelimit = 1000 * HZ;
	for (i = 0; i < 3000; i++) {
		int tokens;

		atomic_set(&fixture->ipv4->icmp_global_credit, 10);
		KUNIT_ASSERT_TRUE(test, host_allow(rt, INADDR_LOOPBACK));
		tokens = 10 - atomic_read(&fixture->ipv4->icmp_global_credit);
		KUNIT_ASSERT_TRUE(test, tokens >= 0 && tokens <= 2);
		taken[tokens]++;
	}
	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		KUNIT_EXPECT_GT(test, taken[i], 800u);
		KUNIT_EXPECT_LT(test, taken[i], 1200u);
	}
	ip_rt_put(rt);
}

static int ratelimit_setup(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	fixture->ipv4 = &init_net.ipv4;
	fixture->per_sec = fixture->ipv4->sysctl_icmp_msgs_per_sec;
	fixture->burst = fixture->ipv4->sysctl_icmp_msgs_burst;
	fixture->ratelimit = fixture->ipv4->sysctl_icmp_ratelimit;
	test->priv = fixture;
	return 0;
}

static void ratelimit_teardown(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	if (!fixture)
		return;
	fixture->ipv4->sysctl_icmp_msgs_per_sec = fixture->per_sec;
	fixture->ipv4->sysctl_icmp_msgs_burst = fixture->burst;
	fixture->ipv4->sysctl_icmp_ratelimit = fixture->ratelimit;
}

static struct kunit_case ratelimit_cases[] = {
	KUNIT_CASE_PARAM(global, fills_gen_params),
	KUNIT_CASE(global_refusals_count),
	KUNIT_CASE(host_burst),
	KUNIT_CASE(tokens_taken),
	{}
};

struct kunit_suite icmpx_ratelimit_suite = {
	.name = "icmpx_ratelimit",
	.init = ratelimit_setup,
	.exit = ratelimit_teardown,
	.test_cases = ratelimit_cases,
};
