// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The facts that icmpxctl doctor looks at, as they are here and now.
#pragma once

#include "findings.hpp"

namespace icmpxctl {

/// Reads files below /proc, /sys and /lib, asks the module and nft, and pings this host itself. What this process may not know
/// stays as it is in a new Facts.
///
/// @param netns the network namespace that this process has entered, as -n has it
Facts gather(const std::string &netns);

} // namespace icmpxctl
