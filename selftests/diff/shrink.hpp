/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Makes a sequence that two answers differ on as small and plain as it can be.
 */
#pragma once

#include "runner.hpp"
#include "sequence.hpp"

namespace diff {

/// A simpler sequence on which they still differ as they did in @p first; @p sequence itself if nothing can go.
Sequence shrink(Runner &runner, Sequence sequence, const Result &first);

} // namespace diff
