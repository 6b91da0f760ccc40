// SPDX-License-Identifier: GPL-2.0-only
//
// Limits: no arithmetic overflows, and no more is allowed than a rate and a burst say.

#include "fuzz.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto elapsed = input.take<u32>();
	const auto ticks = std::max<u32>(input.take<u32>(), 1);
	const auto rate = input.take<u32>();
	const auto burst = input.take<u32>();
	const auto credit = input.take<s32>();
	const u32 earned = icmpx_bucket_earned(elapsed, ticks, rate);

	fuzz::must(earned <= rate);
	const s32 filled = icmpx_bucket_fill(credit, earned, burst);
	fuzz::must(filled <= 0 || static_cast<u32>(filled) <= burst || filled <= credit);

	// At one instant, a burst and no more.
	const u32 flow_rate = 1 + rate % 1000000;
	const u32 flow_burst = 1 + burst % 64;
	const u64 now = input.take<u64>() >> 1;
	const auto before = input.take<u64>();
	static fuzz::Guarded memory;

	for (const fuzz::Edge edge : fuzz::both_edges) {
		u64 *arrival = memory.writable(u64{0}, edge);
		u32 allowed = 0;

		for (u32 i = 0; i < flow_burst + 4; i++)
			allowed += icmpx_flow_allow(arrival, now, flow_rate, flow_burst);
		fuzz::must(allowed <= flow_burst);
		// Whatever a bucket holds, the clock running backwards included.
		*arrival = before;
		if (!icmpx_flow_allow(arrival, now, flow_rate, flow_burst))
			fuzz::must(*arrival == before);
	}

	const u32 cost = std::max<u32>(rate, 1);
	for (const fuzz::Edge edge : fuzz::both_edges) {
		u32 *tokens = memory.writable(burst, edge);
		u32 taken = 0;

		for (u32 i = 0; i < ICMPX_TOKENS_BURST + 4; i++)
			taken += icmpx_tokens_take(tokens, i == 0 ? elapsed : 0, cost);
		fuzz::must(taken <= ICMPX_TOKENS_BURST);
		fuzz::must(*tokens < cost);
	}
	return 0;
}
