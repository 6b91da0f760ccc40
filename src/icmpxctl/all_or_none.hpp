// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// A change of several things that is made as a whole. Pure: the caller knows how one is made.
#pragma once

#include <functional>

#include "command.hpp"

namespace icmpxctl {

/// Changes one thing, or throws an Error.
using Change = std::function<void(const char *name)>;

/**
 * Changes things in their order, until one is refused: then those that were changed are changed back, the last one first.
 *
 * One that cannot be changed back does not keep the others from it. The Error that is thrown then says why the change was
 * refused, and after that what was left changed, and why.
 */
void all_or_none(Arguments names, const Change &change, const Change &undo);

} // namespace icmpxctl
