// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Standard output, of which a full disk is not to lose a part in silence.
#pragma once

namespace icmpxctl {

/// Has what was printed so far written. Throws Error if that, or what was to be written before, could not be.
void flush_output();

} // namespace icmpxctl
