// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Source prefixes that get fewer replies than they ask for, as the module tells them.
#pragma once

#include <cstdint>
#include <string>

#include "json.hpp"
#include "netlink.hpp"

namespace icmpxctl {

struct Prefix {
	/// AF_INET or AF_INET6.
	int family = 0;
	/// "192.0.2.0/24"
	std::string prefix;
	/// Requests without a reply since the limit began.
	std::uint64_t refused = 0;
	/// Milliseconds since the limit began, and since the last request without a reply.
	std::uint64_t age = 0, idle = 0;

	Json json() const;
};

/// What a message about a prefix says.
Prefix parse_prefix(const Attributes &attributes);

} // namespace icmpxctl
