/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Parts of the generator that do not depend on the family.
 */
#pragma once

#include "message.hpp"
#include "random.hpp"

namespace diff {

/// Data of @p size bytes: all the same, or telling where they are.
Bytes any_data(Random &random, std::size_t size);

/// Lengths where something changes, and any others.
std::size_t any_length(Random &random);

} // namespace diff
