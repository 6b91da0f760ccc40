// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Names that others have given, as text that a terminal only shows. Pure.
#pragma once

#include <string>
#include <string_view>

namespace icmpxctl {

/**
 * Writes in hexadecimal (`\x1b`) what a terminal may obey, or what is no text at all.
 *
 * Any user names programs and, in a network namespace of their own, devices: such a name may have the escape sequences of a
 * terminal in it, or a line's end. Escaped are the control characters, C0 but for the tab, DEL and C1, and bytes that are not
 * UTF-8. A tab stays: it only moves the cursor, and the kernel puts tabs between the numbers of a setting. A backslash stays,
 * too, so the text does not say for sure what the bytes were; JSON does.
 */
std::string printable(std::string_view text);

} // namespace icmpxctl
