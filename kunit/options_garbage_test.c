// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP options that make no sense: offsets, lengths and pointers that anybody
 * can put there must not lead out of the structures.
 */
#include "options.h"

/* Which member has an offset. */
enum place {
	RR,
	TS,
	SRR,
	CIPSO_LABEL,
	PLACES,
};

static void set_place(struct icmpx_options *request, enum place place, u8 at)
{
	request->rr = place == RR ? at : 0;
	request->ts = place == TS ? at : 0;
	request->srr = place == SRR ? at : 0;
	request->cipso = place == CIPSO_LABEL ? at : 0;
}

static bool offset_fits(u8 at, u8 len)
{
	return !at || (at >= OPTIONS_AT && at - OPTIONS_AT < len);
}

/* Filling fills slots: it does not touch what says where they are. */
static bool head_kept(const struct icmpx_options *reply, const struct icmpx_options *filled, u8 at,
		      u8 head)
{
	const u32 offset = at - OPTIONS_AT;

	return !at || !memcmp(reply->bytes + offset, filled->bytes + offset, head);
}

/*
 * Has a reply made and filled, whatever comes of it. This runs millions of
 * times, so everything that it has to see is one assertion.
 */
static bool survives(const struct icmpx_options *request, bool ours, bool *done)
{
	const struct icmpx_options before = *request;
	struct guarded_options out, filled;
	const struct icmpx_options *reply = &out.options;
	__be32 address;

	memset(&out, GUARD_BYTE, sizeof(out));
	icmpx_options_prespecified(request, &address);
	*done = icmpx_options_echo(request, 0, ours, &out.options);
	if (!options_same(request, &before) || !guard_intact(&out.before) ||
	    !guard_intact(&out.after))
		return false;
	if (!*done)
		return true;
	if (reply->len > ICMPX_OPTIONS_MAX || reply->len % 4 ||
	    !offset_fits(reply->rr, reply->len) || !offset_fits(reply->ts, reply->len) ||
	    !offset_fits(reply->srr, reply->len) || !offset_fits(reply->cipso, reply->len))
		return false;

	filled = out;
	icmpx_options_fill(&filled.options, cpu_to_be32(0x5e5e5e5e), cpu_to_be32(0x6f6f6f6f),
			   cpu_to_be32(0x7a7a7a7a));
	return !memcmp(reply, &filled.options, offsetof(struct icmpx_options, bytes)) &&
	       !memcmp(reply->bytes + reply->len, filled.options.bytes + reply->len,
		       ICMPX_OPTIONS_MAX - reply->len) &&
	       head_kept(reply, &filled.options, reply->rr, 3) &&
	       head_kept(reply, &filled.options, reply->ts, 4) &&
	       head_kept(reply, &filled.options, reply->srr, 3) &&
	       guard_intact(&filled.before) && guard_intact(&filled.after);
}

static bool check(struct kunit *test, const struct icmpx_options *request, bool ours)
{
	bool done;

	KUNIT_ASSERT_TRUE_MSG(test, survives(request, ours, &done),
			      "ours %d, len %u, srr %u, rr %u, ts %u, cipso %u, needs %u %u %u, %*ph",
			      ours, request->len, request->srr, request->rr, request->ts,
			      request->cipso, request->rr_needaddr, request->ts_needtime,
			      request->ts_needaddr, ICMPX_OPTIONS_MAX, request->bytes);
	return done;
}

/* Offsets before the options, and behind all that there can be. */
static void offset_outside(struct kunit *test)
{
	for (enum place place = 0; place < PLACES; place++) {
		for (u32 at = 1; at <= 255; at++) {
			struct icmpx_options request = {};

			if (at >= OPTIONS_AT && at < OPTIONS_AT + ICMPX_OPTIONS_MAX)
				continue;
			set_place(&request, place, at);
			memset(request.bytes, 4, sizeof(request.bytes));
			for (u32 len = 0; len <= 255; len = sample_next(len, 255)) {
				request.len = len;
				KUNIT_ASSERT_FALSE_MSG(test, check(test, &request, true),
						       "offset %u, len %u", at, len);
			}
		}
	}
}

/* An option that is not all inside the options is refused. */
static void check_length(struct kunit *test, enum place place, u8 at, u8 length, u8 pointer)
{
	const u8 head = place == CIPSO_LABEL ? 2 : 3;
	const u8 shortest = place == TS ? 4 : head;
	const u8 offset = at - OPTIONS_AT;
	struct icmpx_options request = { .rr_needaddr = 1, .ts_needtime = 1, .ts_needaddr = 1 };

	set_place(&request, place, at);
	memset(request.bytes, 1, sizeof(request.bytes));
	if (offset + 1 < ICMPX_OPTIONS_MAX)
		request.bytes[offset + 1] = length;
	if (offset + 2 < ICMPX_OPTIONS_MAX)
		request.bytes[offset + 2] = pointer;
	for (u32 len = 0; len <= ICMPX_OPTIONS_MAX + 2; len++) {
		const u32 end = min(len, ICMPX_OPTIONS_MAX);
		bool done;

		/* The last turn: a length that only a bug can bring. */
		request.len = len <= ICMPX_OPTIONS_MAX + 1 ? len : 255;
		done = check(test, &request, true);
		if (length < shortest || offset + head > end || offset + length > end)
			KUNIT_ASSERT_FALSE_MSG(test, done,
					       "kind %u, offset %u, length %u of %u, pointer %u",
					       place, at, length, len, pointer);
	}
}

static const enum place places[] = { RR, TS, SRR, CIPSO_LABEL };

static void describe_place(const enum place *place, char *description)
{
	static const char *const names[] = { "record_route", "timestamp", "source_route", "cipso" };

	strscpy(description, names[*place], KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(places, places, describe_place);

static void every_offset_and_length(struct kunit *test)
{
	static const u8 pointers[] = { 0, 4, 5, 255 };
	const enum place place = *(const enum place *)test->param_value;

	for (u32 at = OPTIONS_AT; at < OPTIONS_AT + ICMPX_OPTIONS_MAX; at++)
		for (u32 length = 0; length <= 255; length = sample_next(length, 255))
			for (u32 i = 0; i < ARRAY_SIZE(pointers); i++)
				check_length(test, place, at, length, pointers[i]);
}

/* At both ends of the options, where a step too far is a step out. */
static void every_pointer_and_length(struct kunit *test)
{
	const enum place place = *(const enum place *)test->param_value;

	for (u32 length = 0; length <= ICMPX_OPTIONS_MAX + 1; length++) {
		for (u32 pointer = 0; pointer <= 255; pointer = sample_next(pointer, 255)) {
			check_length(test, place, OPTIONS_AT, length, pointer);
			check_length(test, place, OPTIONS_AT + ICMPX_OPTIONS_MAX - length, length,
				     pointer);
		}
	}
}

/* What this host needs does not have to fit the flags, nor one need another. */
static void timestamp_every_need(struct kunit *test)
{
	for (u32 flags = 0; flags < 16; flags++) {
		for (u32 length = 0; length <= ICMPX_OPTIONS_MAX; length++) {
			for (u32 pointer = 0; pointer <= length + 1; pointer++) {
				struct icmpx_options request = {
					.len = ICMPX_OPTIONS_MAX,
					.ts = OPTIONS_AT,
					.bytes = { TIMESTAMP, length, pointer, flags },
				};

				for (u32 needs = 0; needs < 4; needs++) {
					request.ts_needtime = needs & 1;
					request.ts_needaddr = needs >> 1;
					check(test, &request, false);
					check(test, &request, true);
				}
			}
		}
	}
}

/* Bytes that may be taken for offsets, lengths and pointers. */
static u8 plausible(u32 random)
{
	switch (random >> 8 & 3) {
	case 0:
		return OPTIONS_AT + (random & 0xff) % ICMPX_OPTIONS_MAX;
	case 1:
		return (random & 0xff) % (ICMPX_OPTIONS_MAX + 2);
	case 2:
		return (random & 0xff) % 12;
	default:
		return random;
	}
}

static void anything(struct kunit *test)
{
	struct rnd_state random;
	u32 done = 0;

	random_start(&random);
	for (u32 i = 0; i < sample_count(300000); i++) {
		struct icmpx_options request;
		u8 *bytes = (u8 *)&request;

		for (u32 k = 0; k < sizeof(request); k++)
			bytes[k] = plausible(prandom_u32_state(&random));
		if (i % 2)
			request.len = ICMPX_OPTIONS_MAX;
		/* With all four, hardly any request would get through. */
		if (i & 4)
			set_place(&request, i / 8 % PLACES, request.rr);
		done += check(test, &request, i & 1);
	}
	KUNIT_EXPECT_GT(test, done, sample_count(1000));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(offset_outside),
	KUNIT_CASE_PARAM(every_offset_and_length, places_gen_params),
	KUNIT_CASE_PARAM(every_pointer_and_length, places_gen_params),
	KUNIT_CASE(timestamp_every_need),
	KUNIT_CASE(anything),
	{}
};

struct kunit_suite icmpx_options_garbage_suite = {
	.name = "icmpx_options_garbage",
	.test_cases = cases,
};
