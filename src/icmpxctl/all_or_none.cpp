// SPDX-License-Identifier: GPL-2.0-only
#include "all_or_none.hpp"

#include <string>

namespace icmpxctl {

namespace {

/// Returns what is to be said of those that could not be changed back.
std::string undo_all(Arguments names, const Change &undo)
{
	std::string left;

	for (auto name = names.rbegin(); name != names.rend(); ++name) {
		try {
			undo(*name);
		} catch (const Error &error) {
			left += std::string("\nnot undone: ") + error.what();
		}
	}
	return left;
}

} // namespace

void all_or_none(Arguments names, const Change &change, const Change &undo)
{
	for (std::size_t i = 0; i < names.size(); ++i) {
		try {
			change(names[i]);
		} catch (const Error &error) {
			throw Error(error.what() + undo_all(names.first(i), undo), error.status());
		}
	}
}

} // namespace icmpxctl
