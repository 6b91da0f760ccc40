// SPDX-License-Identifier: GPL-2.0-only
//
// How many echo requests one processor answers and two do at once, with the built-in code and with icmpx, each processor
// on a device of its own.
//
// Usage: scaling [ROUNDS]   as root, with ICMPX_KO and ICMPX_RELEASE in the environment and icmpx not loaded, on a machine
//                           with two processors. Prints a line for each code: medians of requests a second.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "tool.hpp"

#include <algorithm>
#include <array>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace {

constexpr unsigned processors = 2;
constexpr unsigned requests = 50'000;

std::string device(unsigned processor) { return "bench" + std::to_string(processor); }

std::string subnet(unsigned processor) { return "10.99." + std::to_string(processor); }

/// Stays on @p processor and has it answer; gives back the nanoseconds of one.
std::int64_t answer_on(unsigned processor, std::barrier<> &start)
{
	cpu_set_t set{};
	CPU_SET(processor, &set);
	host::check(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");

	host::Descriptor file(host::check(open("/proc/icmpx_bench", O_RDWR | O_CLOEXEC), "open"));
	const std::string line = device(processor) + ' ' + subnet(processor) + ".2 " +
				 subnet(processor) + ".1 8 56 " + std::to_string(requests);
	std::array<char, 32> result{};

	start.arrive_and_wait();
	host::check(static_cast<int>(write(file.get(), line.data(), line.size())), "write");
	host::check(static_cast<int>(pread(file.get(), result.data(), result.size() - 1, 0)),
		    "read");
	return std::stoll(result.data());
}

/// Requests a second that as many processors answer.
std::int64_t rate(unsigned count)
{
	std::vector<std::int64_t> nanoseconds(count);
	std::vector<std::thread> threads;
	std::barrier<> start(count);
	std::int64_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		threads.emplace_back([&, i] { nanoseconds[i] = answer_on(i, start); });
	for (std::thread &thread : threads)
		thread.join();
	for (std::int64_t one : nanoseconds)
		sum += 1'000'000'000 / one;
	return sum;
}

std::int64_t median(std::vector<std::int64_t> values)
{
	std::ranges::sort(values);
	return values[values.size() / 2];
}

int run(const std::vector<std::string> &arguments)
{
	const unsigned rounds =
		arguments.empty() ? 9 : static_cast<unsigned>(std::stoul(arguments[0]));
	const module::Helper bench("icmpx_bench");
	const module::Icmpx icmpx;
	std::vector<std::int64_t> rates[2][processors];

	host::try_run("modprobe dummy numdummies=0");
	for (unsigned i = 0; i < processors; i++) {
		host::run("ip link add " + device(i) + " type dummy && ip address add " +
			  subnet(i) + ".1/24 dev " + device(i) + " && ip link set " + device(i) +
			  " up");
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (bool ours : {false, true}) {
			if (ours)
				ktap::require_equal(icmpx.load(), 0, "loading");
			for (unsigned count = 1; count <= processors; count++)
				rates[ours][count - 1].push_back(rate(count));
			if (ours)
				ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
		}
	}
	for (bool ours : {false, true}) {
		const std::int64_t one = median(rates[ours][0]), two = median(rates[ours][1]);

		std::printf("%-10s %10lld %10lld %8.2f\n", ours ? "icmpx" : "built-in",
			    static_cast<long long>(one), static_cast<long long>(two),
			    static_cast<double>(two) / static_cast<double>(one));
	}
	return 0;
}

} // namespace

int main(int argc, char **argv) { return run_tool(argc, argv, run); }
