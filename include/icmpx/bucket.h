/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits. A part of the C ABI, see core.h. */
#ifndef ICMPX_CORE_BUCKET_H
#define ICMPX_CORE_BUCKET_H

#include <icmpx/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * icmpx_bucket_earned() - Compute the tokens that a bucket has earned.
 * @elapsed: time since the bucket was last filled, in ticks
 * @ticks: ticks a second, at least 1
 * @rate: tokens a second
 *
 * At most one second counts. The result does not overflow, whatever the
 * arguments.
 *
 * Return: whole tokens.
 */
u32 icmpx_bucket_earned(u32 elapsed, u32 ticks, u32 rate);

/**
 * icmpx_bucket_fill() - Compute what a bucket holds after it earned tokens.
 * @credit: tokens that it held before; below 0 after a race for the last one
 * @earned: tokens that it earned
 * @burst: the most tokens that it can hold
 *
 * Return: the tokens that it holds then.
 */
s32 icmpx_bucket_fill(s32 credit, u32 earned, u32 burst);

/* The most errors that a host may get at once after a long time without one. */
#define ICMPX_TOKENS_BURST 6

/**
 * icmpx_tokens_take() - Take the cost of one event from a bucket that fills with time.
 * @tokens: in: what the bucket held at the last call; out: what it holds now
 * @elapsed: time since that call; the bucket has earned as many tokens
 * @cost: the cost of one event, in the same unit; the bucket holds at most
 *	%ICMPX_TOKENS_BURST times the cost
 *
 * This is the limit for each host of the built-in code (setting ratelimit).
 *
 * Return: true if the bucket held the cost.
 */
bool icmpx_tokens_take(u32 *tokens, u32 elapsed, u32 cost);

/**
 * icmpx_flow_allow() - Ask whether one more event conforms to a rate.
 * @arrival: in: when the next event was due, in nanoseconds, 0 at first; out:
 *	when the next one is due now; unchanged if the event does not conform
 * @now: the time in nanoseconds
 * @rate: events a second, 1 to 1,000,000,000; rounded up so that the interval
 *	between events is a whole number of nanoseconds
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
