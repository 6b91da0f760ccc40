/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The kernel's log: each input is written there before it is tried, so that it is beside what the kernel says of it, also
 * when that is the last that it says.
 */
#pragma once

#include "lib/host.hpp"

#include <cstdint>
#include <span>

namespace kernel {

class Log {
public:
	Log();

	/// Writes down an input that will be tried now.
	void announce(std::span<const std::uint8_t> input);
	/// Whether the kernel has complained since this was asked last; the complaint is printed.
	bool complained();

private:
	host::Descriptor write_;
	host::Descriptor read_;
	unsigned long number_ = 0;
};

} // namespace kernel
