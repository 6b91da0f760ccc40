// SPDX-License-Identifier: GPL-2.0-only
//
// The built-in ICMP of this kernel as the oracle: random sequences of packets are answered by it and by icmpx, and all
// that can be observed is the same, or is one of the differences in intended.cpp.
//
// Usage: differential [packets=N] [seed=S] [sequence=I] [family=4|6] [steps=N] [shrink=0]. Without a seed: one that is always the
// same and one of the day and the kernel, half of the packets each. With a sequence's number, that sequence alone. Of each sequence
// the first steps, all of them or N. With shrink=0 what differs is shown as it was met, which is quick, and long.

#include "compare.hpp"
#include "lib/bpf.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "print.hpp"
#include "runner.hpp"
#include "shrink.hpp"
#include "world.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <sys/utsname.h>

namespace {

using diff::Result;
using diff::Runner;
using diff::Sequence;
using std::chrono::steady_clock;

struct Arguments {
	std::uint64_t packets = 100'000;
	std::vector<std::uint64_t> seeds{};
	std::optional<std::uint64_t> sequence{};
	std::uint64_t shrink = 1;
	/// 0: both.
	std::uint64_t family = 0;
	/// At most so many of a sequence: a debug kernel is so slow that all would last until the kernel's timers fire.
	std::optional<std::uint64_t> steps{};

	bool wants(const Sequence &one) const
	{
		return sequence || !family || (family == 6) == (one.family == diff::Family::v6);
	}
};

/// Today and this kernel, as 20260131612 for 6.12: what one kernel is not asked today, another one is.
std::uint64_t seed_of_the_day()
{
	std::chrono::year_month_day day{
		std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now())};
	std::uint64_t date = static_cast<std::uint64_t>(static_cast<int>(day.year())) * 10000 +
			     static_cast<unsigned>(day.month()) * 100 +
			     static_cast<unsigned>(day.day());
	unsigned version = 0, patchlevel = 0;
	utsname kernel{};

	uname(&kernel);
	std::istringstream release(kernel.release);
	release >> version;
	release.ignore();
	release >> patchlevel;
	return date * 1000 + version * 100 + patchlevel;
}

Arguments parse(int argc, char **argv)
{
	Arguments arguments;

	for (int i = 1; i < argc; i++) {
		std::string word = argv[i];
		std::string name = word.substr(0, word.find('='));
		std::uint64_t value = std::stoull(word.substr(name.size() + 1));

		if (name == "packets")
			arguments.packets = value;
		else if (name == "seed")
			arguments.seeds = {value};
		else if (name == "sequence")
			arguments.sequence = value;
		else if (name == "shrink")
			arguments.shrink = value;
		else if (name == "family")
			arguments.family = value;
		else if (name == "steps")
			arguments.steps = value;
		else
			throw std::invalid_argument(word);
	}
	if (arguments.seeds.empty())
		arguments.seeds = {1, seed_of_the_day()};
	return arguments;
}

void say_lines(const std::string &text)
{
	std::istringstream lines(text);
	std::string line;

	while (std::getline(lines, line))
		ktap::say(line);
}

bool fails(Runner &runner, const Sequence &sequence, Result &result)
{
	result = runner.run({&sequence, 1}).front();
	return result.failed();
}

/// A difference, as small as it gets, and how to see it again. One that does not show again would not get smaller in any time.
void explain(Runner &runner, const Sequence &sequence, const Result &first,
	     const Arguments &arguments)
{
	ktap::failure(
		"the answers differ; again: make test-diff SEED=" + std::to_string(sequence.seed) +
		" SEQUENCE=" + std::to_string(sequence.number));
	if (arguments.steps)
		ktap::say("with STEPS=" + std::to_string(*arguments.steps));
	Result again;

	if (!arguments.shrink) {
		say_lines(report(sequence, first));
		return;
	}
	if (fails(runner, sequence, again)) {
		const Sequence smallest = shrink(runner, sequence, first);

		if (fails(runner, smallest, again)) {
			say_lines(report(smallest, again));
			return;
		}
	}
	ktap::say("once, and not again:");
	say_lines(report(sequence, first));
}

/// One line with all figures.
void say_figures(const Runner &runner, steady_clock::duration took)
{
	const diff::Figures &figures = runner.figures();
	double seconds = std::chrono::duration<double>(took).count();
	std::ostringstream line;

	line << figures.packets << " packets in " << figures.sequences << " sequences, each twice, "
	     << static_cast<std::uint64_t>(2.0 * static_cast<double>(figures.packets) / seconds)
	     << " packets a second; intended differences:";
	for (std::size_t i = 0; i < diff::intended.size(); i++)
		line << ' ' << diff::intended.at(i).name << ' ' << figures.intended.at(i);
	line << "; repeated for a timer: " << figures.repeated;
	ktap::say(line.str());
}

/// Whether a device can say here that what comes in has a right checksum; moves this process into a new namespace.
bool can_trust_checksums()
{
	host::enter_new_namespace();
	return bpf::trust_checksums("lo");
}

/// As many sequences of @p seed as make @p packets, a few at a time; the test ends after some that differ.
void compare(const Arguments &arguments, std::uint64_t seed)
{
	constexpr std::size_t batch_size = 40;
	constexpr int differences_shown = 5;
	const std::optional<std::uint64_t> only = arguments.sequence;
	const std::uint64_t packets = arguments.packets / arguments.seeds.size();
	const bool can_trust = can_trust_checksums();
	Runner runner;
	auto begin = steady_clock::now();
	std::uint64_t number = only.value_or(0);
	int shown = 0;

	if (!can_trust)
		ktap::say("without BPF classifiers: no device says that wrong checksums are right");
	do {
		std::vector<Sequence> batch;

		do {
			Sequence next = diff::generate(seed, number++);

			next.trusted &= can_trust;
			if (arguments.steps && next.steps.size() > *arguments.steps)
				next.steps.resize(*arguments.steps);
			if (arguments.wants(next))
				batch.push_back(std::move(next));
		} while (!only && batch.size() < batch_size);
		std::vector<Result> results = runner.run(batch);
		for (std::size_t i = 0; i < batch.size() && shown < differences_shown; i++) {
			if (results[i].failed()) {
				explain(runner, batch[i], results[i], arguments);
				shown++;
			}
		}
		ktap::progress(std::to_string(runner.figures().packets) + " packets");
	} while (!only && shown < differences_shown && runner.figures().packets < packets);
	say_figures(runner, steady_clock::now() - begin);
}

} // namespace

int main(int argc, char **argv)
{
	Arguments arguments;
	std::vector<ktap::Test> tests;

	try {
		arguments = parse(argc, argv);
	} catch (const std::exception &) {
		std::fprintf(stderr,
			     "usage: differential [packets=N] [seed=S] [sequence=I] [family=4|6] "
			     "[steps=N] [shrink=0]\n");
		return 2;
	}
	// Each test ends in a namespace of its own.
	const host::Namespace home = host::Namespace::current();
	tests.reserve(tests.size() + arguments.seeds.size());
	for (std::uint64_t seed : arguments.seeds)
		tests.push_back(
			{"differential_seed_" + std::to_string(seed), [seed, &arguments, &home] {
				 home.enter();
				 diff::prepare_kernel();
				 compare(arguments, seed);
			 }});
	return ktap::run(1, argv, tests);
}
