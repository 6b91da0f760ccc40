// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The settings of a network namespace, as the module tells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.hpp"
#include "netlink.hpp"

namespace icmpxctl {

struct Setting {
	/// AF_INET for net.icmpx, AF_INET6 for net.icmpx6.
	int family = 0;
	std::string name;
	std::string value;
	/// Whether the value is one number, whatever the text looks like.
	bool is_number = false;
	/// The least and the greatest value that the module takes, if it limits it.
	std::optional<std::pair<std::int32_t, std::int32_t>> range;

	/// With the family, for sysctl(8).
	std::string full_name() const;
	/// The value of a setting that is a number. A name of digits alone is a name.
	std::optional<std::int64_t> number() const;
	/// A number if the setting is one, otherwise text.
	Json json() const;
};

/// What a message about a setting says.
Setting parse_setting(const Attributes &attributes);

/// Reads one setting. Throws Refused.
Setting read_setting(Netlink &netlink, int family, std::string_view name);

/// Reads the settings of both families, or of one. Throws Error.
std::vector<Setting> read_settings(Netlink &netlink, std::optional<int> family);

/// Throws an Error that says that there is no such setting, and which one was probably meant.
[[noreturn]] void no_setting(Netlink &netlink, const std::string &word);

} // namespace icmpxctl
