// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rates: the token bucket, and the bucket that is one number.
 */
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/math64.h>

#include "suites.h"

struct earned_row {
	const char *name;
	u32 elapsed;
	u32 ticks;
	u32 rate;
	u32 expected;
};

static const struct earned_row earnings[] = {
	{ "a_fiftieth_of_a_second", 5, 250, 1000, 20 },
	{ "no_time", 0, 250, 1000, 0 },
	{ "no_rate", 250, 250, 0, 0 },
	{ "less_than_a_token", 1, 1000, 999, 0 },
	{ "just_a_token", 1, 1000, 1000, 1 },
	{ "fractions_are_dropped", 3, 1000, 999, 2 },
	{ "a_second", 1000, 1000, 10, 10 },
	{ "a_second_and_no_more", 1999, 1000, 10, 10 },
	{ "ages", U32_MAX, 1000, 10, 10 },
	{ "one_tick_a_second", 1, 1, 4, 4 },
	{ "the_highest_rate", 1, 1, U32_MAX, U32_MAX },
	{ "finest_ticks_one", 1, U32_MAX, U32_MAX, 1 },
	{ "finest_ticks_too_few", 1, U32_MAX, U32_MAX - 1, 0 },
	{ "finest_ticks_all_but_one", U32_MAX - 1, U32_MAX, U32_MAX, U32_MAX - 1 },
	{ "finest_ticks_all", U32_MAX, U32_MAX, U32_MAX, U32_MAX },
};

KUNIT_ARRAY_PARAM_DESC(earnings, earnings, name);

static void earned(struct kunit *test)
{
	const struct earned_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, icmpx_bucket_earned(row->elapsed, row->ticks, row->rate),
			row->expected);
}

struct fill_row {
	const char *name;
	s32 credit;
	u32 earned;
	u32 burst;
	s32 expected;
};

static const struct fill_row fills[] = {
	{ "below_the_burst", 7, 20, 50, 27 },
	{ "to_the_burst", 30, 20, 50, 50 },
	{ "no_further", 31, 20, 50, 50 },
	{ "nothing_earned", 7, 0, 50, 7 },
	{ "debt_is_paid_off", -3, 2, 50, -1 },
	{ "debt_and_then_some", -3, 5, 50, 2 },
	{ "no_burst_no_tokens", 5, 2, 0, 0 },
	{ "no_burst_yet_debt", -5, 2, 0, -3 },
	{ "above_a_lowered_burst", 100, 2, 50, 50 },
	{ "the_most_tokens", 0, U32_MAX, U32_MAX, S32_MAX },
	{ "more_than_the_most_tokens", S32_MAX, U32_MAX, U32_MAX, S32_MAX },
	{ "one_more_than_the_most", S32_MAX, 1, U32_MAX, S32_MAX },
	{ "burst_just_above_the_most", 0, U32_MAX, (u32)S32_MAX + 1, S32_MAX },
	{ "burst_of_the_most", 0, U32_MAX, S32_MAX, S32_MAX },
	{ "the_deepest_debt", S32_MIN, 0, U32_MAX, S32_MIN },
	{ "one_less", S32_MIN, 1, U32_MAX, S32_MIN + 1 },
	{ "out_of_it_half_way", S32_MIN, S32_MAX, U32_MAX, -1 },
	{ "out_of_it_in_one_go", S32_MIN, U32_MAX, U32_MAX, S32_MAX },
	{ "out_of_it_to_the_burst", S32_MIN, U32_MAX, 50, 50 },
};

KUNIT_ARRAY_PARAM_DESC(fills, fills, name);

static void fill(struct kunit *test)
{
	const struct fill_row *row = test->param_value;

	KUNIT_EXPECT_EQ(test, icmpx_bucket_fill(row->credit, row->earned, row->burst),
			row->expected);
}

static const u32 extremes[] = {
	0, 1, 2, 49, 50, 249, 250, 999, 1000, 1001, S32_MAX - 1, S32_MAX, (u32)S32_MAX + 1,
	(u32)S32_MAX + 2, U32_MAX - 1000, U32_MAX - 1, U32_MAX,
};

/* As many tokens as the time has earned, and not one more: no formula, its meaning. */
static void check_earned(struct kunit *test, u32 elapsed, u32 ticks, u32 rate)
{
	const u64 tokens = icmpx_bucket_earned(elapsed, ticks, rate);
	const u64 due = (u64)rate * min(elapsed, ticks);

	KUNIT_ASSERT_TRUE_MSG(test, tokens <= rate && tokens * ticks <= due &&
			      (tokens + 1) * ticks > due,
			      "%u of %u ticks, rate %u: %llu", elapsed, ticks, rate, tokens);
}

static void check_fill(struct kunit *test, s32 credit, u32 earned, u32 burst)
{
	const s64 full = min_t(u32, burst, S32_MAX);
	const s64 now = icmpx_bucket_fill(credit, earned, burst);

	KUNIT_ASSERT_TRUE_MSG(test, now == full ? now <= (s64)credit + earned :
			      now < full && now == (s64)credit + earned,
			      "credit %d, %u earned, burst %u: %lld", credit, earned, burst, now);
}

static void earned_extremes(struct kunit *test)
{
	for (u32 elapsed = 0; elapsed < ARRAY_SIZE(extremes); elapsed++)
		for (u32 ticks = 1; ticks < ARRAY_SIZE(extremes); ticks++)
			for (u32 rate = 0; rate < ARRAY_SIZE(extremes); rate++)
				check_earned(test, extremes[elapsed], extremes[ticks],
					     extremes[rate]);
}

static void fill_extremes(struct kunit *test)
{
	for (u32 credit = 0; credit < ARRAY_SIZE(extremes); credit++)
		for (u32 earned = 0; earned < ARRAY_SIZE(extremes); earned++)
			for (u32 burst = 0; burst < ARRAY_SIZE(extremes); burst++)
				check_fill(test, extremes[credit], extremes[earned],
					   extremes[burst]);
}

/* Numbers of any size, small ones as likely as large ones. */
static u32 any(struct rnd_state *random)
{
	const u32 number = prandom_u32_state(random);

	return number >> prandom_u32_state(random) % 32;
}

static void bucket_anything(struct kunit *test)
{
	struct rnd_state random;

	random_start(&random);
	for (u32 i = 0; i < sample_count(300000); i++) {
		/* One after the other: the order of arguments is the compiler's choice. */
		const u32 elapsed = any(&random);
		const u32 ticks = any(&random) | 1;
		const u32 rate = any(&random);
		const s32 credit = prandom_u32_state(&random);
		const u32 burst = any(&random);

		check_earned(test, elapsed, ticks, rate);
		check_fill(test, credit, any(&random), burst);
	}
}

/* A machine that has been up for a while. */
#define UPTIME (1000 * NSEC_PER_SEC + 7)

struct flow_row {
	const char *name;
	u32 rate;
	u32 burst;
	/* Nanoseconds between two attempts, and that they go on. */
	u64 step;
	u64 period;
	u64 allowed;
};

#define MINUTE (60ULL * NSEC_PER_SEC)

/* A burst at the start, then just the rate; the period's last moment is in it. */
static const struct flow_row flows[] = {
	{ "1_a_second", 1, 1, NSEC_PER_MSEC, MINUTE, 60 + 1 },
	{ "1_a_second_burst_50", 1, 50, NSEC_PER_MSEC, MINUTE, 60 + 50 },
	{ "10_a_second", 10, 1, NSEC_PER_MSEC, MINUTE, 600 + 1 },
	{ "1000_a_second", 1000, 50, 100 * NSEC_PER_USEC, MINUTE, 60000 + 50 },
	{ "1000_a_second_seldom_asked", 1000, 50, 20 * NSEC_PER_MSEC, MINUTE, 60000 + 50 },
	{ "1000000_a_second", 1000000, 2000, NSEC_PER_MSEC, MINUTE, 60000000 + 2000 },
	{ "the_highest_rate", NSEC_PER_SEC, 1, 1, 100000, 100000 + 1 },
	{ "the_highest_rate_burst_1000", NSEC_PER_SEC, 1000, 100, 100000, 100000 + 1000 },
	/* Intervals that are no whole number of nanoseconds. */
	{ "3_a_second", 3, 2, NSEC_PER_MSEC, MINUTE, 180 + 2 },
	{ "7_a_second", 7, 2, NSEC_PER_MSEC, MINUTE, 420 + 2 },
	{ "999_a_second", 999, 5, NSEC_PER_MSEC, MINUTE, 59940 + 5 },
};

KUNIT_ARRAY_PARAM_DESC(flows, flows, name);

static void flow_keeps_the_rate(struct kunit *test)
{
	const struct flow_row *row = test->param_value;
	/* With KASAN, a second of each minute. */
	const u32 share = IS_ENABLED(CONFIG_KASAN) && row->period == MINUTE ? 60 : 1;
	const u64 end = UPTIME + div_u64(row->period, share);
	u64 arrival = 0;
	u64 allowed = 0;

	for (u64 now = UPTIME; now <= end; now += row->step)
		while (icmpx_flow_allow(&arrival, now, row->rate, row->burst))
			allowed++;
	KUNIT_EXPECT_EQ(test, allowed, div_u64(row->allowed - row->burst, share) + row->burst);
}

/* An interval is cut to whole nanoseconds: up to one in each is given away. */
static void flow_is_never_slower(struct kunit *test)
{
	static const u32 rates[] = { 6000, 70001, 300000, 999999, 1000001, 3000000 };

	for (u32 i = 0; i < ARRAY_SIZE(rates); i++) {
		const u32 rate = rates[i];
		const u64 most = div_u64((u64)rate * (NSEC_PER_SEC / rate + 1),
					 NSEC_PER_SEC / rate);
		u64 arrival = 0;
		u64 allowed = 0;

		for (u64 now = UPTIME; now < UPTIME + NSEC_PER_SEC; now += NSEC_PER_MSEC)
			while (icmpx_flow_allow(&arrival, now, rate, rate / 100))
				allowed++;
		/* The last millisecond is not asked for. */
		KUNIT_EXPECT_GE(test, allowed, rate - rate / 1000 + rate / 100 - 1);
		KUNIT_EXPECT_LE(test, allowed, most + rate / 100);
	}
}

static const u32 rates_and_bursts[] = { 1, 2, 3, 50, 1000, 65536, 1000000 };

static u32 flow_drain(u64 *arrival, u64 now, u32 rate, u32 burst)
{
	u32 allowed = 0;

	while (allowed <= burst && icmpx_flow_allow(arrival, now, rate, burst))
		allowed++;
	return allowed;
}

static void flow_burst_to_the_event(struct kunit *test)
{
	for (u32 i = 0; i < ARRAY_SIZE(rates_and_bursts); i++) {
		for (u32 k = 0; k < ARRAY_SIZE(rates_and_bursts); k++) {
			const u32 rate = rates_and_bursts[i];
			const u32 burst = rates_and_bursts[k];
			u64 arrival = 0;

			KUNIT_ASSERT_EQ_MSG(test, flow_drain(&arrival, UPTIME, rate, burst), burst,
					    "rate %u", rate);
			/* However long nothing comes, no more is saved up. */
			KUNIT_ASSERT_EQ_MSG(test,
					    flow_drain(&arrival, UPTIME + 2000000 * NSEC_PER_SEC,
						       rate, burst),
					    burst, "rate %u", rate);
		}
	}
}

static void flow_from_time_zero(struct kunit *test)
{
	u64 arrival = 0;

	KUNIT_EXPECT_EQ(test, flow_drain(&arrival, 0, 10, 3), 3);
}

static void flow_refused_leaves_arrival(struct kunit *test)
{
	for (u32 i = 0; i < ARRAY_SIZE(rates_and_bursts); i++) {
		const u32 rate = rates_and_bursts[i];
		u64 arrival = 0;
		u64 before;

		flow_drain(&arrival, UPTIME, rate, 10);
		before = arrival;
		/* Time stands still, then goes back, as another processor's clock may. */
		for (u32 back = 0; back < 1000; back++) {
			KUNIT_ASSERT_FALSE(test, icmpx_flow_allow(&arrival, UPTIME, rate, 10));
			KUNIT_ASSERT_FALSE(test,
					   icmpx_flow_allow(&arrival, UPTIME - back, rate, 10));
			KUNIT_ASSERT_EQ(test, arrival, before);
		}
	}
}

static void flow_next_to_the_nanosecond(struct kunit *test)
{
	u64 arrival = 0;

	KUNIT_ASSERT_TRUE(test, icmpx_flow_allow(&arrival, UPTIME, 1000, 1));
	KUNIT_EXPECT_EQ(test, arrival, UPTIME + NSEC_PER_MSEC);
	KUNIT_EXPECT_FALSE(test, icmpx_flow_allow(&arrival, UPTIME + NSEC_PER_MSEC - 1, 1000, 1));
	KUNIT_EXPECT_TRUE(test, icmpx_flow_allow(&arrival, UPTIME + NSEC_PER_MSEC, 1000, 1));
	KUNIT_EXPECT_EQ(test, arrival, UPTIME + 2 * NSEC_PER_MSEC);
}

struct limit_row {
	const char *name;
	u64 now;
	u32 rate;
	u32 burst;
	u64 interval;
	/* How far ahead of now the next event may be due. */
	u64 tolerance;
};

static const struct limit_row limits[] = {
	{ "slowest", UPTIME, 1, 1, NSEC_PER_SEC, 0 },
	{ "fastest", UPTIME, NSEC_PER_SEC, 1, 1, 0 },
	{ "slowest_largest_burst", UPTIME, 1, U32_MAX, NSEC_PER_SEC, 4294967294000000000ULL },
	{ "fastest_largest_burst", UPTIME, NSEC_PER_SEC, U32_MAX, 1, 4294967294ULL },
	{ "end_of_time", KTIME_MAX, 1, U32_MAX, NSEC_PER_SEC, 4294967294000000000ULL },
	{ "start_of_time", 0, 1, U32_MAX, NSEC_PER_SEC, 4294967294000000000ULL },
};

KUNIT_ARRAY_PARAM_DESC(limits, limits, name);

static void flow_limits(struct kunit *test)
{
	const struct limit_row *row = test->param_value;
	const u64 last = row->now + row->tolerance;
	u64 arrival = last;

	KUNIT_EXPECT_TRUE(test, icmpx_flow_allow(&arrival, row->now, row->rate, row->burst));
	KUNIT_EXPECT_EQ(test, arrival, last + row->interval);
	KUNIT_EXPECT_FALSE(test, icmpx_flow_allow(&arrival, row->now, row->rate, row->burst));
	KUNIT_EXPECT_EQ(test, arrival, last + row->interval);
	arrival = last + 1;
	KUNIT_EXPECT_FALSE(test, icmpx_flow_allow(&arrival, row->now, row->rate, row->burst));
	KUNIT_EXPECT_EQ(test, arrival, last + 1);
}

struct tokens_row {
	const char *name;
	u32 held;
	u32 elapsed;
	u32 cost;
	bool enough;
	u32 left;
};

static const struct tokens_row tokens_rows[] = {
	{ "enough", 100, 0, 100, true, 0 },
	{ "one_too_few", 99, 0, 100, false, 99 },
	{ "earned_meanwhile", 40, 60, 100, true, 0 },
	{ "earned_too_few", 40, 59, 100, false, 99 },
	{ "no_more_than_six", 0, 10000, 100, true, 500 },
	{ "no_more_than_six_kept", 5000, 0, 100, true, 500 },
	{ "no_overflow", U32_MAX, U32_MAX, 100, true, 500 },
	{ "cost_as_high_as_can_be", U32_MAX, 0, U32_MAX, true, 0 },
	{ "six_of_them_are_more_than_fits", U32_MAX, U32_MAX, U32_MAX / 2, true,
	  U32_MAX - U32_MAX / 2 },
};

KUNIT_ARRAY_PARAM_DESC(tokens, tokens_rows, name);

static void tokens(struct kunit *test)
{
	const struct tokens_row *row = test->param_value;
	u32 held = row->held;

	KUNIT_EXPECT_EQ(test, icmpx_tokens_take(&held, row->elapsed, row->cost), row->enough);
	KUNIT_EXPECT_EQ(test, held, row->left);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(earned, earnings_gen_params),
	KUNIT_CASE(earned_extremes),
	KUNIT_CASE_PARAM(fill, fills_gen_params),
	KUNIT_CASE(fill_extremes),
	KUNIT_CASE(bucket_anything),
	KUNIT_CASE_PARAM(tokens, tokens_gen_params),
	KUNIT_CASE_PARAM(flow_keeps_the_rate, flows_gen_params),
	KUNIT_CASE(flow_is_never_slower),
	KUNIT_CASE(flow_burst_to_the_event),
	KUNIT_CASE(flow_from_time_zero),
	KUNIT_CASE(flow_refused_leaves_arrival),
	KUNIT_CASE(flow_next_to_the_nanosecond),
	KUNIT_CASE_PARAM(flow_limits, limits_gen_params),
	{}
};

struct kunit_suite icmpx_bucket_suite = {
	.name = "icmpx_bucket",
	.test_cases = cases,
};
