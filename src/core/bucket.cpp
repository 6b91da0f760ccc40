// SPDX-License-Identifier: GPL-2.0-only
// Rates: the token bucket of the global limit, that of each host, and the one-number
// bucket of the limit for each prefix.
#include <icmpx/bucket.h>

#include "wire.hpp"

#include <algorithm>
#include <limits>

u32 icmpx_bucket_earned(u32 elapsed, u32 ticks, u32 rate)
{
	// The result is at most rate, since at most one second counts. The product of
	// two 32-bit factors fits into 64 bits.
	return static_cast<u32>(u64{rate} * std::min(elapsed, ticks) / ticks);
}

s32 icmpx_bucket_fill(s32 credit, u32 earned, u32 burst)
{
	using s64 = std::int64_t;

	const s64 full = std::min<s64>(burst, std::numeric_limits<s32>::max());

	return static_cast<s32>(std::min(s64{credit} + earned, full));
}

bool icmpx_tokens_take(u32 *tokens, u32 elapsed, u32 cost)
{
	const u64 full =
		std::min<u64>(u64{cost} * ICMPX_TOKENS_BURST, std::numeric_limits<u32>::max());
	const u64 held = std::min(u64{*tokens} + elapsed, full);
	const bool enough = held >= cost;

	*tokens = static_cast<u32>(enough ? held - cost : held);
	return enough;
}

bool icmpx_flow_allow(u64 *arrival, u64 now, u32 rate, u32 burst)
{
	constexpr u64 kNanoseconds = 1'000'000'000;
	const u64 interval = kNanoseconds / rate;
	// A burst's first event conforms without any tolerance.
	const u64 tolerance = interval * (burst - 1);
	const u64 due = std::max(*arrival, now);

	if (due - now > tolerance)
		return false;
	*arrival = due + interval;
	return true;
}
