/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What explains intended differences of IPv6.
 */
#pragma once

#include "compare.hpp"

namespace diff {

/// A request whose checksum a device said was right, and was not.
bool has_wrong_checksum6(const Packet6 &packet);
bool declared_right6(const Difference &difference);

/// A PROBE query whose code is not 0.
bool probe_code6(const Difference &difference);

/// An error to a link-local address.
bool is_from_link_local6(const Packet6 &packet);
bool reverse_route6(const Difference &difference);

inline constexpr Intended declared_right_6{.name = "declared-right-6",
					   .reason = "The same over IPv6 as declared-right.",
					   .explains = declared_right6,
					   .suspects6 = has_wrong_checksum6,
					   .family = Family::v6};
inline constexpr Intended probe_code_6{.name = "probe-code-6",
				       .reason = "The same over IPv6 as probe-code.",
				       .explains = probe_code6,
				       .family = Family::v6};
inline constexpr Intended reverse_route_6{
	.name = "reverse-route-6",
	.reason =
		"For each error, the built-in code also looks up the way of the packet's reverse, "
		"which only IPsec policies need. In a VRF there is none to a link-local address, "
		"and Ip6OutNoRoutes counts that of an error that is sent.",
	.explains = reverse_route6,
	.suspects6 = is_from_link_local6,
	.family = Family::v6};

} // namespace diff
