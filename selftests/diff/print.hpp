/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Sequences and answers, for people to read.
 */
#pragma once

#include "runner.hpp"
#include "sequence.hpp"

#include <string>

namespace diff {

/// What a datagram of either family says.
std::string datagram_text(View datagram);

/// The first of @p bytes, and how many there are.
std::string hex(View bytes);

/// Lines that tell of @p sequence, and of each answer where the two differ.
std::string report(const Sequence &sequence, const Result &result);

} // namespace diff
