/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What was learned about routes: what `ip route show cache` lists.
 */
#pragma once

#include "event.hpp"

namespace diff {

/// The exceptions of this namespace, in order: address, gateway, and the metrics that were learned.
Events learned_routes();

} // namespace diff
