/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What was learned about routes: what `ip route show cache` lists.
 */
#pragma once

#include "event.hpp"

#include <cstdint>
#include <set>

namespace diff {

/// The exceptions of this namespace, in order: address, gateway, and the metrics that were learned. One is listed once a
/// route has been made of it, so one is looked up to each of @p addresses first, in host byte order, with and
/// without packet_mark.
Events learned_routes(const std::set<std::uint32_t> &addresses);

/// The same of IPv6, which lists all of them.
Events learned_routes6();

} // namespace diff
