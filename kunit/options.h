/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites for IP options have in common.
 */
#ifndef ICMPX_KUNIT_OPTIONS_H
#define ICMPX_KUNIT_OPTIONS_H

#include <linux/unaligned.h>

#include "suites.h"

/* Types of options (RFC 791, 3.1; CIPSO). */
#define RECORD_ROUTE 7
#define TIMESTAMP 68
#define LOOSE_ROUTE 131
#define CIPSO 134
#define STRICT_ROUTE 137

/* Offsets count from the start of the IP header, which the options follow. */
#define OPTIONS_AT 20

struct guarded_options {
	struct guard before;
	struct icmpx_options options;
	struct guard after;
};

/* Puts an option behind those that are there. Returns its offset. */
static inline u8 options_put(struct icmpx_options *options, const u8 *option, u8 len)
{
	const u8 at = OPTIONS_AT + options->len;

	memcpy(options->bytes + options->len, option, len);
	options->len += len;
	return at;
}

/* Padding behind the last member is nobody's. */
static inline bool options_same(const struct icmpx_options *a, const struct icmpx_options *b)
{
	return !memcmp(a, b, offsetofend(struct icmpx_options, bytes));
}

/* Calls icmpx_options_echo() and sees that it writes all of @reply and nothing else. */
static inline bool options_echo(struct kunit *test, const struct icmpx_options *request,
				__be32 source, bool prespecified_is_ours,
				struct icmpx_options *reply)
{
	const struct icmpx_options before = *request;
	struct guarded_options first, second;
	bool done;

	memset(&first, GUARD_BYTE, sizeof(first));
	memset(&second, GUARD_BYTE, sizeof(second));
	memset(&second.options, 0, sizeof(second.options));
	done = icmpx_options_echo(request, source, prespecified_is_ours, &first.options);
	KUNIT_ASSERT_EQ(test, done, icmpx_options_echo(request, source, prespecified_is_ours,
						       &second.options));
	KUNIT_ASSERT_TRUE(test, options_same(&first.options, &second.options));
	KUNIT_ASSERT_TRUE(test, options_same(request, &before));
	KUNIT_ASSERT_TRUE(test, guard_intact(&first.before));
	KUNIT_ASSERT_TRUE(test, guard_intact(&first.after));
	*reply = first.options;
	return done;
}

/* The same for icmpx_options_fill(), which writes to the options' bytes only. */
static inline void options_fill(struct kunit *test, struct icmpx_options *reply, u32 source,
				u32 destination, u32 now)
{
	struct guarded_options filled;

	memset(&filled, GUARD_BYTE, sizeof(filled));
	filled.options = *reply;
	icmpx_options_fill(&filled.options, cpu_to_be32(source), cpu_to_be32(destination),
			   cpu_to_be32(now));
	KUNIT_ASSERT_MEMEQ(test, &filled.options, reply, offsetof(struct icmpx_options, bytes));
	KUNIT_ASSERT_MEMEQ(test, filled.options.bytes + reply->len, reply->bytes + reply->len,
			   ICMPX_OPTIONS_MAX - reply->len);
	KUNIT_ASSERT_TRUE(test, guard_intact(&filled.before));
	KUNIT_ASSERT_TRUE(test, guard_intact(&filled.after));
	*reply = filled.options;
}

#endif
