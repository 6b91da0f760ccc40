// SPDX-License-Identifier: GPL-2.0-only
#include "printable.hpp"

#include <cstddef>
#include <cstdint>

namespace icmpxctl {

namespace {

/// How many bytes a character of UTF-8 has by its first one; 0 if none begins so.
std::size_t length_by(std::uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	return 0;
}

/// The length of the character that a text begins with; 0 if the text begins with what is no UTF-8, or is to be escaped.
std::size_t printable_length(std::string_view text)
{
	constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const auto first = static_cast<std::uint8_t>(text[0]);
	const std::size_t length = length_by(first);

	if (length == 0 || length > text.size())
		return 0;
	if (length == 1)
		return (first >= 0x20 && first != 0x7f) || first == '\t';

	char32_t character = first & (0x7fU >> length);

	for (const char next : text.substr(1, length - 1)) {
		const auto byte = static_cast<std::uint8_t>(next);

		if ((byte & 0xc0U) != 0x80)
			return 0;
		character = character << 6 | (byte & 0x3fU);
	}

	const bool is_c1 = character >= 0x80 && character < 0xa0;
	const bool is_surrogate = character >= 0xd800 && character < 0xe000;
	const bool is_utf8 = character >= least[length] && character <= 0x10ffff && !is_surrogate;

	return is_utf8 && !is_c1 ? length : 0;
}

} // namespace

std::string printable(std::string_view text)
{
	constexpr std::string_view digits = "0123456789abcdef";
	std::string shown;

	while (!text.empty()) {
		std::size_t length = printable_length(text);

		if (length) {
			shown += text.substr(0, length);
		} else {
			const auto byte = static_cast<std::uint8_t>(text[0]);

			shown += "\\x";
			shown += digits[byte >> 4U];
			shown += digits[byte & 0xfU];
			length = 1;
		}
		text.remove_prefix(length);
	}
	return shown;
}

} // namespace icmpxctl
