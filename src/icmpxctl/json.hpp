// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What -j prints.
#pragma once

#include <nlohmann/json.hpp>

namespace icmpxctl {

/// Objects keep the order in which their members were added.
using Json = nlohmann::ordered_json;

/// Prints a value as one line, and flushes it.
void print(const Json &value);

} // namespace icmpxctl
