// SPDX-License-Identifier: GPL-2.0-only

#include "runner.hpp"

#include "lib/ktap.hpp"
#include "world.hpp"

namespace diff {

/// A machine that was busy with something else long enough for a timer of Linux's to fire says nothing of ICMP.
Record Runner::run_in_time(const Sequence &sequence)
{
	constexpr int tries = 20;

	for (int i = 0; i < tries; i++) {
		Record record = diff::run(sequence);
		if (!record.stalled)
			return record;
		figures_.repeated++;
	}
	ktap::fatal("a sequence never ends within the time that timers leave it");
}

std::vector<Result> Runner::run(std::span<const Sequence> sequences)
{
	std::vector<Result> results(sequences.size());

	if (loaded_)
		ktap::require_equal(icmpx_.unload_when_idle(), 0, "unloading");
	for (std::size_t i = 0; i < sequences.size(); i++)
		results[i].builtin = run_in_time(sequences[i]);
	ktap::require_equal(icmpx_.load(), 0, "loading");
	loaded_ = true;
	for (std::size_t i = 0; i < sequences.size(); i++) {
		results[i].icmpx = run_in_time(sequences[i]);
		results[i].places = unexplained(sequences[i], results[i].builtin,
						results[i].icmpx, figures_.intended);
		figures_.packets += packets_in(sequences[i]);
		figures_.sequences++;
	}
	return results;
}

} // namespace diff
