// SPDX-License-Identifier: GPL-2.0-only
#include "programs.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

namespace icmpxctl {

namespace {

template <typename Number> std::optional<Number> parse(std::string_view text)
{
	Number number = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);

	if (error != std::errc{} || end != text.data() + text.size())
		return {};
	return number;
}

/// The inode in what a link of /proc/PID/fd says: socket:[INODE].
std::optional<std::uint64_t> socket_inode(std::string_view link)
{
	constexpr std::string_view head = "socket:[";

	if (!link.starts_with(head) || !link.ends_with(']'))
		return {};
	link.remove_prefix(head.size());
	link.remove_suffix(1);
	return parse<std::uint64_t>(link);
}

} // namespace

Holders socket_holders()
{
	using std::filesystem::directory_iterator;

	Holders holders;
	// Processes come and go, and not all may be looked into: no error ends this.
	std::error_code ignored;

	for (directory_iterator process("/proc", ignored), end; process != end;
	     process.increment(ignored)) {
		const auto pid = parse<int>(process->path().filename().native());

		if (!pid)
			continue;

		std::string name;
		std::ifstream comm(process->path() / "comm");

		// A name may have a line's end in it. The kernel puts one behind it.
		std::getline(comm, name, '\0');
		if (name.ends_with('\n'))
			name.pop_back();
		for (directory_iterator file(process->path() / "fd", ignored); file != end;
		     file.increment(ignored)) {
			const auto link = std::filesystem::read_symlink(file->path(), ignored);
			const auto inode = socket_inode(link.native());
			const auto fd = parse<int>(file->path().filename().native());

			if (inode && fd)
				holders.emplace(*inode,
						Program{.name = name, .pid = *pid, .fd = *fd});
		}
	}
	return holders;
}

} // namespace icmpxctl
