// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// A terminal that pictures are drawn on, one over the other.
#pragma once

#include <string>
#include <vector>

#include "rates.hpp"

namespace icmpxctl {

/// Whether the standard output is a terminal that can be drawn on.
bool is_screen();

/// The size of the terminal, or what COLUMNS says, or 80 columns and 24 rows.
Canvas measure_screen();

/// The terminal's alternate screen, without its cursor, for as long as the object lives. All that changes is what escape
/// sequences can change back: modes of the line stay as they are.
class Screen {
public:
	Screen() { enter(); }
	~Screen() { leave(); }
	Screen(const Screen &) = delete;
	Screen &operator=(const Screen &) = delete;

	/// Puts lines in place of those that were there, in one write.
	void draw(const std::vector<std::string> &lines);
	/// Gives the terminal back until enter().
	void leave();
	void enter();

private:
	bool entered_ = false;
};

} // namespace icmpxctl
