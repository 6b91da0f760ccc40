// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What a command of icmpxctl is, and what all of them have in common.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace icmpxctl {

/// Exit statuses.
enum Status : int {
	kDone = 0,
	kRefused = 1, ///< the kernel refused it, or there is nothing of that name
	kMisused = 2, ///< the command line is wrong
};

/// Ends the program: main() prints the message, and exits with the status.
class Error : public std::runtime_error {
public:
	explicit Error(const std::string &message, int status = kRefused)
		: std::runtime_error(message), status_(status)
	{
	}

	int status() const { return status_; }

private:
	int status_;
};

/// The command line is wrong.
class Misuse : public Error {
public:
	explicit Misuse(const std::string &message) : Error(message, kMisused) {}
};

/// What stands before the command. The network namespace of -n has been entered before a command runs.
struct Options {
	bool json = false;
	/// AF_INET or AF_INET6, if -4 or -6 was given.
	std::optional<int> family;
	/// A name in /run/netns or a path, as given; empty if none was.
	std::string netns;
};

/// The words behind the name of the command; argv's, so NULL follows the last one.
using Arguments = std::span<char *const>;

/// A row of the table of commands.
struct Command {
	std::string_view name;
	/// A few words for the list of commands.
	std::string_view summary;
	/// What `help` prints: lines of at most 80 columns, each with its end.
	std::string_view usage;
	/// Does it. Returns a Status, or throws an Error.
	int (*run)(const Options &options, Arguments arguments);
};

/// All commands, in the order of the list in the help.
std::span<const Command *const> commands();

/// Returns NULL if there is no such command.
const Command *find_command(std::string_view name);

/// The version of the program, which is that of the module that it was built with.
inline constexpr std::string_view kVersion = "0.1";

extern const Command show, set, stats, sockets, limited, express, monitor, probe_command, metrics,
	doctor, help;

} // namespace icmpxctl
