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

inline constexpr Intended declared_right_6{.name = "declared-right-6",
					   .reason = "The same over IPv6 as declared-right.",
					   .explains = declared_right6,
					   .suspects6 = has_wrong_checksum6,
					   .family = Family::v6};
inline constexpr Intended probe_code_6{.name = "probe-code-6",
				       .reason = "The same over IPv6 as probe-code.",
				       .explains = probe_code6,
				       .family = Family::v6};

} // namespace diff
