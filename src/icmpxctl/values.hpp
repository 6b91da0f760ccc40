// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What releases of Linux and values of settings say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace icmpxctl {

/// A number, and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// A number that may be negative, and nothing else.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Whether a release is of a Linux that icmpx is made for.
bool is_supported(std::string_view release);

/// Whether DKMS builds icmpx for it: dkms.conf has the list.
bool is_packaged(std::string_view release);

/// Whether a list of types such as `0-1,3-127`, as net.ipv6.icmp.ratemask has it, has a type in it.
bool has_type(std::string_view list, unsigned type);

/// Such a list without a type.
std::string without_type(std::string_view list, unsigned type);

} // namespace icmpxctl
