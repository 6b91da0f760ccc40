// SPDX-License-Identifier: GPL-2.0-only

#include "log.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace kernel {

namespace {

/// Bytes of an input for each line: a record of the log has about a thousand.
constexpr std::size_t line_size = 384;

/// How complaints begin that do not end the machine; scripts/vm has all.
constexpr std::string_view complaints[] = {
	"BUG: ",	"WARNING: ",	 "UBSAN",	   "refcount_t:", "suspicious RCU",
	"possible rec", "possible circ", "INFO: rcu",	   "INFO: task",  "soft lockup",
	"_del corrupt", "_add corrupt",	 "object already",
};

bool is_complaint(std::string_view record)
{
	return std::any_of(std::begin(complaints), std::end(complaints), [&](auto complaint) {
		return record.find(complaint) != std::string_view::npos;
	});
}

} // namespace

Log::Log()
	: write_(host::check(open("/dev/kmsg", O_WRONLY | O_CLOEXEC), "/dev/kmsg")),
	  read_(host::check(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), "/dev/kmsg"))
{
	host::check(lseek(read_.get(), 0, SEEK_END) < 0 ? -1 : 0, "the end of /dev/kmsg");
}

void Log::announce(std::span<const std::uint8_t> input)
{
	static constexpr char digits[] = "0123456789abcdef";

	number_++;
	do {
		const auto part = input.first(std::min(input.size(), line_size));
		// Level 7, which does not go to the console unless the kernel dies.
		std::string line = "<7>fuzz " + std::to_string(number_) + " ";

		for (const std::uint8_t byte : part) {
			line += digits[byte >> 4];
			line += digits[byte & 0xf];
		}
		host::check(static_cast<int>(write(write_.get(), line.data(), line.size())),
			    "write to /dev/kmsg");
		input = input.subspan(part.size());
	} while (!input.empty());
}

bool Log::complained()
{
	std::array<char, 8192> record;
	bool complaint = false;

	for (;;) {
		const ssize_t size = read(read_.get(), record.data(), record.size());

		// EPIPE: the log went round; the next record is the oldest that is left.
		if (size < 0 && errno == EPIPE)
			continue;
		if (size <= 0)
			return complaint;
		const std::string_view text(record.data(), static_cast<std::size_t>(size));
		complaint |= is_complaint(text);
		if (complaint)
			std::fprintf(stderr, "%.*s", static_cast<int>(text.size()), text.data());
	}
}

} // namespace kernel
