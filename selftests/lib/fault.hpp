/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Allocations that fail on demand: fault injection of a debug kernel (Documentation/fault-injection). Needs failslab and
 * fail_page_alloc with their stack filter, so a program that uses this is for the debug kernel alone.
 */
#pragma once

#include "host.hpp"

#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

namespace fault {

/// Addresses of code of the kernel: what has none of it on its stack gets its memory.
struct Code {
	std::uint64_t begin = 0;
	std::uint64_t end = UINT64_MAX;
};

/// All code.
inline constexpr Code anywhere{};

/// The kernel's function @p name; the test ends if there is none.
Code function(const std::string &name);

/// All of icmpx, which must be loaded.
Code icmpx();

/// While this lives allocations under some code may fail, and the console is silent: a kernel without memory tells of it.
class Injection {
public:
	explicit Injection(const Code &code);
	Injection(const Injection &) = delete;
	Injection &operator=(const Injection &) = delete;
	~Injection();

	/// Lets no allocation under @p code fail that failslab looks at, in place of those for slabs' directories.
	void spare(const Code &code);

	/// Lets @p percent of allocations fail, whoever makes them.
	void at_random(int percent);
};

/// The tasks of whose allocations the Nth fails.
class Victims {
public:
	/// This thread.
	static Victims self();
	/// The kernel's workers. (Of the kernel, not of this thread: use a Code that nothing else runs.)
	static Victims workers();

	/// What the tasks did since arm().
	struct Outcome {
		/// Whether one came to its Nth allocation, which failed.
		bool hit;
		/// Whether one made an allocation at all.
		bool counted;
	};

	void arm(int nth) const;
	Outcome disarm() const;

private:
	std::vector<host::Descriptor> tasks_;
	mutable int nth_ = 0;
};

/**
 * Lets the first, the second, … allocation of @p victims fail while @p attempt runs, until it makes fewer; and all that once
 * more, since what is there after the first time need not be asked for again, and what the debug kernel asks for itself
 * now and then (pages to keep stacks in) is counted, so that another one does not fail.
 *
 * @p check runs after each attempt, with memory for all; it gets whether one failed. Either last time none does. Returns
 * how many allocations @p attempt makes in the end.
 */
int each_allocation(const std::function<Victims()> &victims, const std::function<void()> &attempt,
		    const std::function<void(bool hit)> &check);

/// Whether somebody wrote what @p pattern matches (std::regex) into the kernel's log since the last forget_log().
bool logged(const std::string &pattern);

/// Expects that the log holds nothing but messages and the stacks of allocations that failed, and empties it then.
void expect_calm_log(const std::source_location &where = std::source_location::current());

} // namespace fault
