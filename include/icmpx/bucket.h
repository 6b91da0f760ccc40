/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_BUCKET_H
#define ICMPX_CORE_BUCKET_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * icmpx_bucket_earned() - Compute the tokens that come into a bucket.
 * @elapsed: time since it was filled last, in ticks
 * @ticks: ticks a second, at least 1
 * @rate: tokens a second
 *
 * More than a second is not made up for. Nothing overflows, whatever the
 * arguments.
 *
 * Return: whole tokens.
 */
u32 icmpx_bucket_earned(u32 elapsed, u32 ticks, u32 rate);

/**
 * icmpx_bucket_fill() - Compute what a bucket holds after tokens came in.
 * @credit: tokens that it holds; below 0 after a race for the last one
 * @earned: what came in
 * @burst: the most that it holds
 *
 * Return: the tokens that it holds then.
 */
s32 icmpx_bucket_fill(s32 credit, u32 earned, u32 burst);

/* How many errors a host may get at once that has had none for long. */
#define ICMPX_TOKENS_BURST 6

/**
 * icmpx_tokens_take() - Take from a bucket that earns with time what one event costs.
 * @tokens: in: what the bucket held when it was last asked; out: what it holds now
 * @elapsed: time since then, which is what it has earned
 * @cost: what one event costs, in the same unit; the bucket holds no more than
 *	%ICMPX_TOKENS_BURST events
 *
 * The limit for each host that Linux has always had (setting ratelimit).
 *
 * Return: true if there was as much.
 */
bool icmpx_tokens_take(u32 *tokens, u32 elapsed, u32 cost);

/**
 * icmpx_flow_allow() - Ask whether one more event conforms to a rate.
 * @arrival: in: when the next event was due, in nanoseconds, 0 at first; out:
 *	when the next one is due now. Left alone if the event does not conform.
 * @now: the time in nanoseconds
 * @rate: events a second, 1 to 1,000,000,000; what does not divide that is
 *	rounded up to a rate that does
 * @burst: events that may come at once, at least 1
 *
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling): a token
 * bucket whose whole state is one number, so that it can be updated with one
 * compare-and-swap.
 *
 * Return: true if the event conforms.
 */
bool icmpx_flow_allow(u64 *arrival, u64 now, u32 rate, u32 burst);

#ifdef __cplusplus
}
#endif

#endif
