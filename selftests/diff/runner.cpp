// SPDX-License-Identifier: GPL-2.0-only

#include "runner.hpp"

#include "lib/clock.hpp"
#include "lib/ktap.hpp"
#include "world.hpp"

#include <chrono>
#include <thread>

namespace diff {

namespace {

/// Just after midnight (UTC) the time of day is a number as small as those of which datagrams are full, and what is not
/// a time would be masked as one; and midnight itself is not to come in the middle of a sequence.
void keep_off_midnight()
{
	constexpr std::int64_t small = 1 << 16, sequence_time = 1000;
	std::int64_t now = clock_of_day::now();

	if (now < small || now > clock_of_day::day - sequence_time)
		std::this_thread::sleep_for(std::chrono::milliseconds(
			(small - now + clock_of_day::day) % clock_of_day::day));
}

} // namespace

/// A machine that was busy with something else long enough for a timer of Linux's to fire says nothing of ICMP.
Record Runner::run_in_time(const Sequence &sequence)
{
	constexpr int tries = 20;

	for (int i = 0; i < tries; i++) {
		keep_off_midnight();
		Record record = diff::run(sequence);
		if (!record.stalled)
			return record;
		figures_.repeated++;
	}
	ktap::fatal("a sequence never ends within the time that timers leave it");
}

void Runner::run_both(std::span<const Sequence> sequences, std::vector<Result> &results)
{
	results.resize(sequences.size());
	if (loaded_)
		ktap::require_equal(icmpx_.unload_when_idle(), 0, "unloading");
	loaded_ = false;
	for (std::size_t i = 0; i < sequences.size(); i++)
		results[i].builtin = run_in_time(sequences[i]);
	ktap::require_equal(icmpx_.load(), 0, "loading");
	loaded_ = true;
	for (std::size_t i = 0; i < sequences.size(); i++) {
		results[i].icmpx = run_in_time(sequences[i]);
		results[i].comparison = compare(sequences[i], results[i].builtin, results[i].icmpx);
	}
}

/// Where an intended difference moves counters the sequence runs again, with a look at them before and after it: what
/// all the rest of it moves is then compared as ever.
void Runner::count_apart(std::span<const Sequence> sequences, std::vector<Result> &results)
{
	std::vector<std::size_t> which;
	std::vector<Sequence> again;
	std::vector<Result> counted;

	for (std::size_t i = 0; i < sequences.size(); i++) {
		if (results[i].comparison.to_count.empty())
			continue;
		which.push_back(i);
		again.push_back(sequences[i]);
		again.back().counted = results[i].comparison.to_count;
	}
	if (again.empty())
		return;
	run_both(again, counted);
	for (std::size_t i = 0; i < which.size(); i++)
		results[which[i]] = std::move(counted[i]);
}

std::vector<Result> Runner::run(std::span<const Sequence> sequences)
{
	std::vector<Result> results;

	run_both(sequences, results);
	count_apart(sequences, results);
	for (std::size_t i = 0; i < sequences.size(); i++) {
		figures_.packets += packets_in(sequences[i]);
		figures_.sequences++;
		for (std::size_t kind = 0; kind < intended_count; kind++)
			figures_.intended.at(kind) += results[i].comparison.intended.at(kind);
	}
	return results;
}

} // namespace diff
