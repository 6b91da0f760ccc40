// SPDX-License-Identifier: GPL-2.0-only
//
// Fuzzes icmpx.ko in a running kernel: libFuzzer makes the inputs, KCOV says where they led, KASAN and others what was
// wrong with that. Packets come in through netif_receive_skb(), which for what a program writes to a tap device runs
// before write() returns. Run by scripts/fuzz-kernel; FUZZ_SITES is a file from scripts/kcov-sites.

#include "coverage.hpp"
#include "log.hpp"
#include "world.hpp"

#include "lib/counters.hpp"
#include "lib/counters6.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>

#include <unistd.h>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t max_size);

namespace {

using kernel::Op;

/// How many inputs a world sees.
constexpr unsigned long inputs_a_world = 2000;

/// Everything that lives as long as the program.
struct Machine {
	kernel::Log log;
	std::unique_ptr<kernel::World> world = std::make_unique<kernel::World>();
	kernel::Coverage coverage{std::getenv("FUZZ_SITES")};
	unsigned long inputs = 0;
	unsigned long packets = 0;
};

Machine *machine;

/// Each packet must have come to exactly one end, once those are through that ksoftirqd was left with, and those that have to
/// wait for up to a second for their answer (RFC 4620, 5).
void check_counters(std::optional<counters::Values> (*read)())
{
	std::optional<counters::Values> stat;

	for (int tries = 0; tries < 10000; tries++) {
		stat = read();
		if (stat && counters::outcomes_equal_packets_in(*stat))
			return;
		usleep(1000);
	}
	std::fprintf(stderr, "outcomes do not add up: %s\n",
		     stat ? counters::text(*stat).c_str() : "no counters");
	std::abort();
}

void renew_world()
{
	machine->packets += machine->world->packets();
	machine->world.reset();
	machine->world = std::make_unique<kernel::World>();
}

void report()
{
	std::fprintf(stderr, "# kernel: %lu inputs, %lu packets\n", machine->inputs,
		     machine->packets + machine->world->packets());
	machine->coverage.report();
}

/// An operation that no other one was the model for.
Op any_op(std::minstd_rand &random)
{
	Op op;
	auto *bytes = reinterpret_cast<std::uint8_t *>(&op);

	for (std::size_t i = 0; i < sizeof(op); i++)
		bytes[i] = static_cast<std::uint8_t>(random() >> 8);
	// Most flags make an operation one that ends early.
	op.flags &=
		static_cast<std::uint8_t>(random() >> 8) & static_cast<std::uint8_t>(random() >> 8);
	op.kind %= kernel::kinds;
	return op;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int * /*argc*/, char *** /*argv*/)
{
	machine = new Machine;
	std::atexit(report);
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (size == 0)
		return 0;
	if (++machine->inputs % inputs_a_world == 0)
		renew_world();
	machine->log.announce({data, size});
	machine->coverage.collect();
	for (const Op &op : kernel::operations({data, size})) {
		machine->world->carry_out(op);
		machine->coverage.collect();
	}
	machine->world->tidy_up();
	machine->coverage.collect();
	if (machine->inputs % 16 == 0)
		for (auto read : {counters::icmpx, counters6::icmpx})
			check_counters(read);
	if (machine->log.complained())
		std::abort();
	return 0;
}

/// Inputs stay whole operations: one is added, taken away, moved, repeated, or changed in its bytes.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size,
					       std::size_t max_size, unsigned seed)
{
	std::minstd_rand random(seed);
	std::vector<Op> ops = kernel::operations({data, size});
	const std::size_t most = std::min(max_size / sizeof(Op), kernel::most_ops);
	const std::size_t at = ops.empty() ? 0 : random() % ops.size();
	const auto choice = ops.empty() ? 0 : random() % 8;

	if (choice <= 1 && ops.size() < most)
		ops.insert(ops.begin() + static_cast<std::ptrdiff_t>(at), any_op(random));
	else if (choice == 2 && ops.size() > 1)
		ops.erase(ops.begin() + static_cast<std::ptrdiff_t>(at));
	else if (choice == 3 && ops.size() < most)
		ops.push_back(ops[at]);
	else if (choice == 4 && ops.size() > 1)
		std::swap(ops[at], ops[random() % ops.size()]);
	else if (!ops.empty())
		LLVMFuzzerMutate(reinterpret_cast<std::uint8_t *>(&ops[at]), sizeof(Op),
				 sizeof(Op));
	std::memcpy(data, ops.data(), ops.size() * sizeof(Op));
	return ops.size() * sizeof(Op);
}
