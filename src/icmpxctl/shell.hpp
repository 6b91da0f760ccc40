// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Commands that are printed for somebody to paste into a shell. Pure.
#pragma once

#include <string>
#include <string_view>

namespace icmpxctl {

/// A word as a POSIX shell takes it: as it is, or quoted. It has no byte that a terminal would not print, whatever the word has.
std::string shell_word(std::string_view word);

/**
 * A command that does its work in a network namespace.
 *
 * @param netns a name in /run/netns or a path, as -n has it; empty for that of the shell
 * @param command may begin with assignments of variables
 */
std::string in_netns(std::string_view netns, const std::string &command);

} // namespace icmpxctl
