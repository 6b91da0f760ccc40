/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The suites of icmpx, and what they have in common.
 */
#ifndef ICMPX_KUNIT_SUITES_H
#define ICMPX_KUNIT_SUITES_H

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include <icmpx/core.h>

extern struct kunit_suite icmpx_bucket_suite;
extern struct kunit_suite icmpx_claim_suite;
extern struct kunit_suite icmpx_cmsg_suite;
extern struct kunit_suite icmpx_control_suite;
extern struct kunit_suite icmpx_deliver_suite;
extern struct kunit_suite icmpx_dispatch_suite;
extern struct kunit_suite icmpx_dispatch6_suite;
extern struct kunit_suite icmpx_echo_suite;
extern struct kunit_suite icmpx_echo6_suite;
extern struct kunit_suite icmpx_error_suite;
extern struct kunit_suite icmpx_error6_suite;
extern struct kunit_suite icmpx_express_suite;
extern struct kunit_suite icmpx_express6_suite;
extern struct kunit_suite icmpx_extension_suite;
extern struct kunit_suite icmpx_host_table_suite;
extern struct kunit_suite icmpx_interface_suite;
extern struct kunit_suite icmpx_node_suite;
extern struct kunit_suite icmpx_node_info_suite;
extern struct kunit_suite icmpx_options_suite;
extern struct kunit_suite icmpx_options_garbage_suite;
extern struct kunit_suite icmpx_options_route_suite;
extern struct kunit_suite icmpx_ping_suite;
extern struct kunit_suite icmpx_ping_error_suite;
extern struct kunit_suite icmpx_ping_find_suite;
extern struct kunit_suite icmpx_ping_table_suite;
extern struct kunit_suite icmpx_ping6_table_suite;
extern struct kunit_suite icmpx_ping_share_suite;
extern struct kunit_suite icmpx_ping6_share_suite;
extern struct kunit_suite icmpx_places_suite;
extern struct kunit_suite icmpx_prefix_limit_suite;
extern struct kunit_suite icmpx_prefixes_suite;
extern struct kunit_suite icmpx_probe_suite;
extern struct kunit_suite icmpx_ratelimit_suite;
extern struct kunit_suite icmpx_reply_suite;
extern struct kunit_suite icmpx_reply_limit_suite;
extern struct kunit_suite icmpx_send_suite;
extern struct kunit_suite icmpx_send6_suite;
extern struct kunit_suite icmpx_stat_suite;
extern struct kunit_suite icmpx_sysctl_suite;

/*
 * With KASAN, where all takes many times as long, loops over all values of
 * something see a sample: those next to either end, further than an interface's
 * name is long, and every 31st between. All values are for user-mode Linux, and
 * for the host's fuzzers (scripts/fuzz).
 */
#define SAMPLE_STRIDE 31
#define SAMPLE_EDGE 24

/* Of the values from 0 to @last, the one to look at after @value. */
static inline u32 sample_next(u32 value, u32 last)
{
	if (!IS_ENABLED(CONFIG_KASAN) || value < SAMPLE_EDGE || value + SAMPLE_EDGE >= last)
		return value + 1;
	return min(value + SAMPLE_STRIDE, last - SAMPLE_EDGE);
}

/* How many of @count turns, each with other random numbers. */
static inline u32 sample_count(u32 count)
{
	return IS_ENABLED(CONFIG_KASAN) ? count / SAMPLE_STRIDE : count;
}

/* What a function may write is put between two of these, which it may not. */
struct guard {
	u8 bytes[32];
};

#define GUARD_BYTE 0xa5

static inline void guard_set(struct guard *guard)
{
	memset(guard->bytes, GUARD_BYTE, sizeof(guard->bytes));
}

static inline bool guard_intact(const struct guard *guard)
{
	return !memchr_inv(guard->bytes, GUARD_BYTE, sizeof(guard->bytes));
}

/* The end of a page that is gone with the test; the next page is not mapped. */
u8 *page_end(struct kunit *test);

/* The same in every run: a failure that cannot be seen again is of no use. */
static inline void random_start(struct rnd_state *random)
{
	prandom_seed_state(random, 792);
}

#endif
