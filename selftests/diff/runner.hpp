/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Runs sequences with the built-in ICMP and with icmpx.
 */
#pragma once

#include "compare.hpp"
#include "lib/module.hpp"

#include <span>
#include <vector>

namespace diff {

/// What came of one sequence.
struct Result {
	Record builtin, icmpx;
	Comparison comparison;

	bool failed() const
	{
		return !comparison.unexplained.empty() || !icmpx.broken_ledger.empty();
	}
};

struct Figures {
	std::uint64_t packets = 0, sequences = 0, repeated = 0;
	IntendedCounts intended{};
};

class Runner {
public:
	/// Runs all of @p sequences, first with the built-in code, then with icmpx.
	std::vector<Result> run(std::span<const Sequence> sequences);

	const Figures &figures() const { return figures_; }

private:
	Record run_in_time(const Sequence &sequence);
	void run_both(std::span<const Sequence> sequences, std::vector<Result> &results);
	void count_apart(std::span<const Sequence> sequences, std::vector<Result> &results);

	module::Icmpx icmpx_{};
	bool loaded_ = false;
	Figures figures_{};
};

} // namespace diff
