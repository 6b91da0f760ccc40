// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The counters of a network namespace, as the module tells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <icmpx/netlink.h>

namespace icmpxctl {

class Netlink;

struct Counter {
	std::string name;
	std::uint64_t value = 0;
	/// An icmpx_counter_kind, or one that only a newer module knows.
	unsigned kind = ICMPX_COUNTER_KIND_SUM;
};

/// Those of one family of addresses, in the module's order.
struct Counters {
	/// AF_INET or AF_INET6.
	int family = 0;
	std::vector<Counter> list;
};

/// Reads the counters of both families, or of one. Throws Error.
std::vector<Counters> read_counters(Netlink &netlink, std::optional<int> family);

} // namespace icmpxctl
