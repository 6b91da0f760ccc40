// SPDX-License-Identifier: GPL-2.0-only

#include "runner.hpp"

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "world.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>

namespace diff {

namespace {

/// Sets the clock to the same time of day for each sequence. A word of an option that is no time is masked if it looks like one:
/// this way it is, or is not, in every run. At this time, small numbers do not, and midnight is far enough.
void set_time_of_day()
{
	using namespace std::chrono;

	const auto today = floor<days>(system_clock::now());
	const timespec time{.tv_sec = system_clock::to_time_t(today + 23h + 47min + 35s),
			    .tv_nsec = 0};

	host::check(clock_settime(CLOCK_REALTIME, &time), "clock_settime");
}

} // namespace

/// A machine that was busy with something else long enough for a timer of Linux's to fire says nothing of ICMP.
Record Runner::run_in_time(const Sequence &sequence)
{
	constexpr int tries = 20;

	for (int i = 0; i < tries; i++) {
		set_time_of_day();
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
