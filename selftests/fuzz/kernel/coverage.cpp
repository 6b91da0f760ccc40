// SPDX-License-Identifier: GPL-2.0-only

#include "coverage.hpp"

#include "lib/ktap.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace kernel {

namespace {

/// Places in KCOV's buffer. With the whole kernel instrumented, what one packet goes through is some ten thousand.
constexpr std::size_t capacity = 1 << 18;
constexpr std::size_t most_blocks = 1 << 14;

/// libFuzzer clears these before each input, and counts after it what is not 0.
[[gnu::section("__libfuzzer_extra_counters")]] std::uint8_t counters[most_blocks];

struct Site {
	std::uint64_t address;
	std::string file;
};

std::uint64_t section_address(const std::string &section)
{
	const auto text = host::read_file("/sys/module/icmpx/sections/" + section);

	return text ? std::strtoull(text->c_str(), nullptr, 16) : 0;
}

/// @return where the calls return to; 0 for those of what is freed after loading
std::vector<Site> sites(const std::string &path)
{
	std::ifstream lines(path);
	std::string section, file;
	std::uint64_t offset;
	std::vector<Site> all;

	while (lines >> section >> std::hex >> offset >> file) {
		const bool freed = section.starts_with(".init");
		const std::uint64_t begin = freed ? 0 : section_address(section);

		all.push_back({begin ? begin + offset + 4 : 0, file});
	}
	return all;
}

} // namespace

Coverage::Coverage(const std::string &path)
	: kcov_(host::check(open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC), "kcov"))
{
	read_sites(path);
	host::check(ioctl(kcov_.get(), KCOV_INIT_TRACE, capacity), "KCOV_INIT_TRACE");
	void *room = mmap(nullptr, capacity * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
			  MAP_SHARED, kcov_.get(), 0);
	host::check(room == MAP_FAILED ? -1 : 0, "mmap of kcov");
	recorded_ = static_cast<std::uint64_t *>(room);
	host::check(ioctl(kcov_.get(), KCOV_ENABLE, 0 /* KCOV_TRACE_PC */), "KCOV_ENABLE");
}

std::size_t Coverage::file_of(const std::string &name)
{
	const auto found = std::find(files_.begin(), files_.end(), name);

	if (found == files_.end())
		files_.push_back(name);
	return static_cast<std::size_t>(std::find(files_.begin(), files_.end(), name) -
					files_.begin());
}

void Coverage::read_sites(const std::string &path)
{
	const std::vector<Site> all = sites(path);
	std::uint64_t last = 0;

	ktap::require(!all.empty(), "places in " + path);
	ktap::require(all.size() <= most_blocks, "a counter for each place in " + path);
	for (const Site &site : all) {
		blocks_.push_back({file_of(site.file)});
		if (site.address == 0)
			continue;
		base_ = base_ == 0 ? site.address : std::min(base_, site.address);
		last = std::max(last, site.address);
	}
	block_at_.resize(last - base_ + 1);
	for (std::size_t i = 0; i < all.size(); i++)
		if (all[i].address != 0)
			block_at_[all[i].address - base_] = static_cast<std::uint16_t>(i + 1);
}

void Coverage::collect()
{
	const std::uint64_t count = __atomic_load_n(recorded_, __ATOMIC_RELAXED);

	for (std::uint64_t i = 1; i <= count; i++) {
		const std::uint64_t offset = recorded_[i] - base_;
		const std::size_t block = offset < block_at_.size() ? block_at_[offset] : 0;

		if (block == 0)
			continue;
		blocks_[block - 1].reached = true;
		if (counters[block - 1] != UINT8_MAX)
			counters[block - 1]++;
	}
	__atomic_store_n(recorded_, 0, __ATOMIC_RELAXED);
}

void Coverage::report() const
{
	std::size_t all_reached = 0;

	for (std::size_t file = 0; file < files_.size(); file++) {
		const auto blocks = std::count_if(blocks_.begin(), blocks_.end(),
						  [&](auto &block) { return block.file == file; });
		const auto reached =
			std::count_if(blocks_.begin(), blocks_.end(), [&](auto &block) {
				return block.file == file && block.reached;
			});

		all_reached += static_cast<std::size_t>(reached);
		std::fprintf(stderr, "# %-24s %4zd of %4zd blocks, %3zd %%\n", files_[file].c_str(),
			     reached, blocks, 100 * reached / blocks);
	}
	std::fprintf(stderr, "# %-24s %4zu of %4zu blocks, %3zu %%\n", "icmpx.ko", all_reached,
		     blocks_.size(), 100 * all_reached / blocks_.size());
}

} // namespace kernel
