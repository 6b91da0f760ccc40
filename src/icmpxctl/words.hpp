// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Words that people write and read: names of settings, addresses, times, tables. No system below it but inet_ntop().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace icmpxctl {

/// "ipv4", "ipv6", or the number of another family.
std::string family_word(int family);

/// How many letters are to be put in, left out, replaced or swapped with their neighbours to make one word the other.
std::size_t distance(std::string_view left, std::string_view right);

/// The candidate that the word was probably meant to be. Empty if none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// A setting as a command line names it.
struct SettingName {
	/// AF_INET or AF_INET6, if the name says it.
	std::optional<int> family;
	/// What follows net.icmpx. or net.icmpx6.
	std::string name;
};

/// Takes net.icmpx.NAME, net.icmpx6.NAME and NAME; slashes stand for dots as in sysctl(8).
SettingName parse_setting(std::string_view word);

/// The name of a setting for sysctl(8).
std::string full_name(int family, std::string_view name);

/// An address in network order; "*" if it is unspecified, its bytes in hexadecimal if it is no address.
std::string address_word(std::span<const std::byte> address);

/// A time in the unit that suits it: "350 ms", "12 s", "3 min", "2 h", "4 d".
std::string time_word(std::uint64_t milliseconds);

/// A number of seconds such as "2" or "0.5", from 0.1 to a day.
std::optional<double> parse_seconds(std::string_view word);

/// Lines of cells, the first one of heads, as lines of text: columns are two blanks apart, and numbers end where their
/// column does.
std::vector<std::string> table(std::span<const std::vector<std::string>> rows);

} // namespace icmpxctl
