/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * How much of it a test does, where it is the volume that tests.
 */
#pragma once

#include "host.hpp"

#include <cstdlib>
#include <string>

#include <unistd.h>

namespace volume {

/// Whether this is a debug kernel, on which everything takes ten times as long: one with KASAN and kmemleak, or KCSAN.
inline bool debug_kernel()
{
	return access("/sys/kernel/debug/kmemleak", F_OK) == 0 ||
	       access("/sys/kernel/debug/kcsan", F_OK) == 0;
}

/// What the environment says of @p name; where it says nothing, @p stock or, on a debug kernel, @p debug.
inline int count(const char *name, int stock, int debug)
{
	const char *wanted = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody sets any

	if (wanted)
		return std::stoi(wanted);
	return debug_kernel() ? debug : stock;
}

} // namespace volume
