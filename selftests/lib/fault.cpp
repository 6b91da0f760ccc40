// SPDX-License-Identifier: GPL-2.0-only

#include "fault.hpp"

#include "ktap.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <fcntl.h>
#include <sys/klog.h>
#include <unistd.h>

namespace fault {

namespace {

constexpr std::array<const char *, 2> mechanisms{"failslab", "fail_page_alloc"};
/// More than anything here allocates; who comes to it does not end.
constexpr int too_many = 2000;

enum LogAction : int { read_all = 3, clear = 5, console_level = 8 };
constexpr int silent_console = 1, usual_console = 5;

void set(const char *mechanism, const std::string &knob, const std::string &value)
{
	const std::string path = std::string("/sys/kernel/debug/") + mechanism + "/" + knob;

	ktap::require(host::write_file(path, value), "write " + value + " to " + path);
}

void set_all(const std::string &knob, const std::string &value)
{
	for (const char *mechanism : mechanisms)
		set(mechanism, knob, value);
}

/// Keeps @p mechanism off what has @p code on its stack.
void reject(const char *mechanism, const Code &code)
{
	set(mechanism, "reject-start", std::to_string(code.begin));
	set(mechanism, "reject-end", std::to_string(code.end));
}

/// Marks the slabs that failslab's filter lets fail: all but those of kmemleak and of debug objects, which are asked for
/// now and then, so that they would be counted, and then do without, or turn themselves off.
void mark_slabs()
{
	for (const auto &slab : std::filesystem::directory_iterator("/sys/kernel/slab")) {
		const std::string name = slab.path().filename().string();

		if (!name.starts_with("kmemleak_") && name != "debug_objects_cache")
			ktap::require(host::write_file(slab.path().string() + "/failslab", "1"),
				      name);
	}
}

struct Symbol {
	std::uint64_t address;
	std::string name, module;
};

std::vector<Symbol> symbols()
{
	std::ifstream file("/proc/kallsyms");
	std::vector<Symbol> all;
	std::string line;

	while (std::getline(file, line)) {
		std::istringstream words(line);
		std::string type;
		Symbol symbol{};

		words >> std::hex >> symbol.address >> type >> symbol.name >> symbol.module;
		if (type == "t" || type == "T")
			all.push_back(std::move(symbol));
	}
	std::ranges::stable_sort(all, {}, &Symbol::address);
	return all;
}

std::string log()
{
	std::string text(1 << 20, '\0');
	int size = host::check(klogctl(read_all, text.data(), static_cast<int>(text.size())),
			       "the kernel's log");

	text.resize(static_cast<std::size_t>(size));
	return text;
}

} // namespace

Code function(const std::string &name)
{
	const std::vector<Symbol> all = symbols();
	auto found = std::ranges::find(all, name, &Symbol::name);

	ktap::require(found != all.end(), "the kernel has " + name);
	auto next =
		std::ranges::upper_bound(found, all.end(), found->address, {}, &Symbol::address);
	ktap::require(next != all.end(), "something follows " + name);
	return {found->address, next->address};
}

Code icmpx()
{
	constexpr std::uint64_t page = 4096;
	Code code{UINT64_MAX, 0};

	for (const Symbol &symbol : symbols()) {
		if (symbol.module != "[icmpx]")
			continue;
		code.begin = std::min(code.begin, symbol.address);
		code.end = std::max(code.end, symbol.address + page);
	}
	ktap::require(code.end > 0, "icmpx is loaded");
	return code;
}

Injection::Injection(const Code &code)
{
	mark_slabs();
	set_all("probability", "0");
	set_all("times", "-1");
	set_all("interval", "1");
	set_all("space", "0");
	set_all("verbose", "0");
	set_all("task-filter", "N");
	set_all("stacktrace-depth", "32");
	set_all("require-start", std::to_string(code.begin));
	set_all("require-end", std::to_string(code.end));
	// Linux leaks the name of a slab whose directory in sysfs cannot be made.
	reject("failslab", function("sysfs_slab_add"));
	// Pages for a slab are asked for now and then: that an object of it cannot be had is up to failslab.
	reject("fail_page_alloc", function("alloc_slab_page"));
	set_all("ignore-gfp-wait", "N");
	set("failslab", "cache-filter", "Y");
	set("fail_page_alloc", "min-order", "0");
	klogctl(clear, nullptr, 0);
	klogctl(console_level, nullptr, silent_console);
}

void Injection::spare(const Code &code) { reject("failslab", code); }

Injection::~Injection()
{
	for (const char *mechanism : mechanisms)
		host::write_file(std::string("/sys/kernel/debug/") + mechanism + "/probability",
				 "0");
	klogctl(console_level, nullptr, usual_console);
}

void Injection::at_random(int percent) { set_all("probability", std::to_string(percent)); }

Victims Victims::self()
{
	Victims victims;

	victims.tasks_.emplace_back(
		host::check(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC), "fail-nth"));
	return victims;
}

Victims Victims::workers()
{
	Victims victims;

	for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
		const std::string path = entry.path().string();

		if (!host::read_file(path + "/comm").value_or("").starts_with("kworker/"))
			continue;
		// It may have ended meanwhile.
		host::Descriptor file(open((path + "/fail-nth").c_str(), O_RDWR | O_CLOEXEC));
		if (file.get() >= 0)
			victims.tasks_.push_back(std::move(file));
	}
	ktap::require(!victims.tasks_.empty(), "the kernel has workers");
	return victims;
}

void Victims::arm(int nth) const
{
	const std::string text = std::to_string(nth);

	nth_ = nth;
	for (const host::Descriptor &task : tasks_) {
		// A worker that has ended fails nothing.
		if (pwrite(task.get(), text.data(), text.size(), 0) < 0 && tasks_.size() == 1)
			ktap::fatal("fail-nth cannot be written");
	}
}

Victims::Outcome Victims::disarm() const
{
	Outcome outcome{};

	for (const host::Descriptor &task : tasks_) {
		std::array<char, 16> text{};

		if (pread(task.get(), text.data(), text.size() - 1, 0) <= 0)
			continue;
		const int left = std::atoi(text.data()); // NOLINT(cert-err34-c): a number
		outcome.hit |= left == 0;
		outcome.counted |= left != nth_;
	}
	arm(0);
	return outcome;
}

namespace {

/// As each_allocation(), once.
int sweep(const std::function<Victims()> &victims, const std::function<void()> &attempt,
	  const std::function<void(bool hit)> &check)
{
	for (int nth = 1; nth < too_many; nth++) {
		const Victims chosen = victims();

		chosen.arm(nth);
		attempt();
		const Victims::Outcome outcome = chosen.disarm();
		check(outcome.hit);
		if (!outcome.hit)
			return nth - 1;
	}
	ktap::fatal("there is no end of allocations");
}

} // namespace

int each_allocation(const std::function<Victims()> &victims, const std::function<void()> &attempt,
		    const std::function<void(bool hit)> &check)
{
	sweep(victims, attempt, check);
	return sweep(victims, attempt, check);
}

bool logged(const std::string &pattern) { return std::regex_search(log(), std::regex(pattern)); }

void expect_calm_log(const std::source_location &where)
{
	const std::regex complaint(
		"BUG: |WARNING: |INFO: |Oops|KASAN|UBSAN|refcount_t|suspicious RCU|"
		"possible (recursive|circular)|general protection|corrupt");
	const std::string text = log();

	if (std::regex_search(text, complaint))
		ktap::failure("the kernel complained:\n" + text, where);
	else
		klogctl(clear, nullptr, 0);
}

} // namespace fault
