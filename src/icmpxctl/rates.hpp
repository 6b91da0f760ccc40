// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What `icmpxctl stats -w` shows: how fast counters grow, and a bar for each outcome. Pure: no clock, no terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "counters.hpp"

namespace icmpxctl {

struct Rate {
	std::string name;
	/// Events in a second.
	double rate = 0;
	/// Of the sum that the outcome is a part of, from 0 to 1; 0 for what is no outcome.
	double share = 0;
};

/// How fast the counters of one family of addresses grow.
struct Rates {
	/// AF_INET or AF_INET6.
	int family = 0;
	/// Messages that came in, and errors that were to be sent; their outcomes, and facts that add up to nothing. Each
	/// list has the fastest first, and nothing that did not happen.
	double packets = 0, errors = 0;
	std::vector<Rate> outcomes, error_outcomes, facts;
};

/**
 * Compares the counters of two times.
 *
 * A counter that is less than it was is new: the module was loaded again in between, and has counted from zero on.
 *
 * @param before   the counters at the first time
 * @param after    those at the second time
 * @param seconds  the time in between, more than 0
 */
std::vector<Rates> compare(const std::vector<Counters> &before, const std::vector<Counters> &after,
			   double seconds);

/// A rate as text: three digits, or more for what is a thousand and more.
std::string rate_word(double rate);

/// The look of what is drawn.
struct Canvas {
	/// Columns and rows; no line is longer, and there are not more lines.
	std::size_t width = 80, height = 24;
	/// Whether the terminal takes UTF-8; bars are of '#' otherwise.
	bool blocks = true;
};

/// A bar of at most that many columns, filled up with blanks. A share of more than nothing is not drawn as nothing.
std::string bar(double share, std::size_t width, bool blocks);

/// The rates as lines of text, the last of which says how many there was no room for.
std::vector<std::string> draw(const std::vector<Rates> &rates, const Canvas &canvas);

} // namespace icmpxctl
