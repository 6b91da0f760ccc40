/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Which blocks of icmpx.ko this thread went through in the kernel, as KCOV tells.
 */
#pragma once

#include "lib/host.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kernel {

/// What KCOV records of this thread. libFuzzer sees it as counters, one for each block of icmpx.ko.
class Coverage {
public:
	/// Reads where the blocks are, as scripts/kcov-sites prints it, from @p path.
	explicit Coverage(const std::string &path);

	/// Counts what was recorded since it was called last, and starts again.
	void collect();
	/// Prints what all inputs together reached, for each source file.
	void report() const;

private:
	/// A block: its source file, and whether it was ever reached.
	struct Block {
		std::size_t file;
		bool reached = false;
	};

	void read_sites(const std::string &path);
	std::size_t file_of(const std::string &name);

	host::Descriptor kcov_;
	std::uint64_t *recorded_ = nullptr;
	std::vector<std::string> files_;
	std::vector<Block> blocks_;
	/// For each byte of the module's text from base_ on: the block that returns there, counted from 1.
	std::vector<std::uint16_t> block_at_;
	std::uint64_t base_ = 0;
};

} // namespace kernel
