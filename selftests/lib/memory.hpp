/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the kernel's memory is used for (/proc/meminfo), to see that a use does not grow.
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <source_location>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

namespace memory {

/// KiB, without what caches would give back.
struct Use {
	std::int64_t slab = 0;
	std::int64_t percpu = 0;
	std::int64_t vmalloc = 0;
	/// All that is in use, by programs as well: it includes whole pages, and moves on its own.
	std::int64_t all = 0;

	std::string text() const
	{
		return "slab " + std::to_string(slab) + ", percpu " + std::to_string(percpu) +
		       ", vmalloc " + std::to_string(vmalloc) + ", all " + std::to_string(all) +
		       " KiB";
	}
};

/// Free pages that each processor keeps for itself, up to tens of MiB: not a part of what MemAvailable has.
inline std::int64_t kept_by_processors()
{
	constexpr std::int64_t page = 4;
	std::istringstream words(
		ktap::require_value(host::read_file("/proc/zoneinfo"), "zoneinfo"));
	std::int64_t pages = 0, count = 0;

	for (std::string word; words >> word;) {
		if (word == "count:" && words >> count)
			pages += count;
	}
	return page * pages;
}

inline Use used()
{
	std::istringstream lines(ktap::require_value(host::read_file("/proc/meminfo"), "meminfo"));
	std::string line;
	Use use;

	while (std::getline(lines, line)) {
		std::istringstream words(line);
		std::string name;
		std::int64_t value = 0;

		words >> name >> value;
		if (name == "MemTotal:")
			use.all += value;
		else if (name == "MemAvailable:")
			use.all -= value;
		else if (name == "Slab:")
			use.slab = value;
		else if (name == "Percpu:")
			use.percpu = value;
		else if (name == "VmallocUsed:")
			use.vmalloc = value;
	}
	use.all -= kept_by_processors();
	return use;
}

/// Has the kernel give up what it keeps for later: dentries and inodes of /proc, and with them the namespaces' entries;
/// empty pages of slabs; and what KASAN withholds of freed objects, which comes and goes by the MiB.
inline void shrink_caches()
{
	host::set_sysctl("vm/drop_caches", 2);
	for (const auto &cache : std::filesystem::directory_iterator("/sys/kernel/slab")) {
		// Those merged into one are links to it.
		if (!cache.is_symlink())
			host::check(host::write_file(cache.path() / "shrink", "1") ? 0 : -1,
				    "/sys/kernel/slab");
	}
}

/// What is used once everything that waits for its end has come to it: when slabs have not become less for three seconds.
inline Use settled()
{
	constexpr std::int64_t noise = 256;
	Use now = used();

	for (int calm = 0; calm < 3;) {
		shrink_caches();
		std::this_thread::sleep_for(std::chrono::seconds(1));
		const std::int64_t before = std::exchange(now, used()).slab;
		calm = now.slab < before - noise ? 0 : calm + 1;
	}
	return now;
}

/// Expects slabs and vmalloc() not to have grown by more than @p slack KiB, percpu memory by no more than 1 MiB, and all
/// together by no more than 16 MiB.
inline void expect_constant(const Use &before, const Use &after, std::int64_t slack,
			    const std::source_location &where = std::source_location::current())
{
	constexpr std::int64_t percpu_slack = 1024, noise = 16384;

	ktap::expect(after.slab - before.slab <= slack, "slab does not grow", where);
	ktap::expect(after.percpu - before.percpu <= percpu_slack, "percpu does not grow", where);
	ktap::expect(after.vmalloc - before.vmalloc <= slack, "vmalloc does not grow", where);
	ktap::expect(after.all - before.all <= noise, "memory does not grow", where);
}

} // namespace memory
