// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What icmpxctl doctor finds: facts about a machine in, findings out. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "firewall.hpp"

namespace icmpxctl {

/// What is known of one family of addresses.
struct FamilyFacts {
	/// icmpx has its slot, and serves its ping sockets.
	bool taken = false;
	/// icmpx sends its errors; nothing if icmpx could not be asked.
	std::optional<bool> sending;
	/// Ping sockets of the built-in code that are open in the namespace.
	unsigned builtin_sockets = 0;
	/// The counters of icmpx by name.
	std::map<std::string, std::uint64_t, std::less<>> counters;
	/// Whether a ping of this host to itself was counted by icmpx; nothing if it could not be tried.
	std::optional<bool> counted;
	/// Why it could not be tried; empty if it was, or if icmpx could not be asked.
	std::string untried;
};

struct Facts {
	/// The network namespace that they are of, as -n has it; empty for that of the shell.
	std::string netns;
	/// uname -r.
	std::string release;
	bool loaded = false;
	/// icmpx.ko is among the modules that modprobe finds for this kernel.
	bool installed = false;
	/// DKMS has the sources of icmpx; it has built them for this kernel; the kernel's headers are there.
	bool dkms = false, dkms_built = false, headers = false;
	/// The kernel takes signed modules alone.
	bool signed_only = false;
	/// What the kernel's log has about icmpx, oldest first; empty if it cannot be read.
	std::vector<std::string> log;
	/// Why the module could not be asked, though it is loaded.
	std::string netlink_error;
	/// Modules from outside the kernel that were loaded after icmpx.
	std::vector<std::string> newer_modules;
	/// The module's parameters.
	bool send = true, ipv6 = true;
	/// kernel.ftrace_enabled; nothing on a kernel without it.
	std::optional<bool> ftrace;
	/// Livepatches that have the functions for errors.
	std::vector<std::string> livepatches;
	FamilyFacts v4, v6;
	/// The kernel has IPv6.
	bool has_ipv6 = true;
	/// Settings by their names for sysctl(8): those that the namespace has.
	std::map<std::string, std::string, std::less<>> sysctls;
	/// Packets that rp_filter has dropped.
	std::uint64_t reverse_path_drops = 0;
	std::vector<FirewallDrop> firewall;
	/// Why the firewall could not be looked at; empty if it was.
	std::string firewall_unread;
};

enum class Level {
	problem, ///< something does not work as it could
	note	 ///< works as it was told to, or as usual, but may surprise
};

struct Finding {
	Level level;
	/// A short name for programs.
	std::string id;
	/// A sentence or two.
	std::string text;
	/// Commands, each of which is a step.
	std::vector<std::string> fix;
};

/// What is wrong, most important first.
std::vector<Finding> diagnose(const Facts &facts);

} // namespace icmpxctl
