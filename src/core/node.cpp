// SPDX-License-Identifier: GPL-2.0-only
// The name of this host, as errors tell it: UTF-8, which other machines print.
#include <icmpx/extension.h>

#include "wire.hpp"

namespace icmpx {
namespace {

/// A character of UTF-8: how many bytes it has, 0 if there is none.
constexpr std::size_t kNone = 0;

constexpr bool continues(u8 byte) { return (byte & 0xc0U) == 0x80; }

/// RFC 3629, 4: by the first byte, how many there are, and which the second one may be. That
/// leaves out characters that are longer than they need be, surrogates, and what is above
/// U+10FFFF.
struct Lead {
	u8 first;
	u8 last;
	u8 bytes;
	u8 second_first;
	u8 second_last;
};

constexpr Lead kLeads[] = {
	{.first = 0xc2, .last = 0xdf, .bytes = 2, .second_first = 0x80, .second_last = 0xbf},
	{.first = 0xe0, .last = 0xe0, .bytes = 3, .second_first = 0xa0, .second_last = 0xbf},
	{.first = 0xe1, .last = 0xec, .bytes = 3, .second_first = 0x80, .second_last = 0xbf},
	{.first = 0xed, .last = 0xed, .bytes = 3, .second_first = 0x80, .second_last = 0x9f},
	{.first = 0xee, .last = 0xef, .bytes = 3, .second_first = 0x80, .second_last = 0xbf},
	{.first = 0xf0, .last = 0xf0, .bytes = 4, .second_first = 0x90, .second_last = 0xbf},
	{.first = 0xf1, .last = 0xf3, .bytes = 4, .second_first = 0x80, .second_last = 0xbf},
	{.first = 0xf4, .last = 0xf4, .bytes = 4, .second_first = 0x80, .second_last = 0x8f},
};

/// Control characters, which a terminal would obey, are none: U+0000 to U+001F, U+007F to U+009F.
constexpr bool is_control(Bytes character)
{
	return character.size() == 1 ? character[0] < 0x20 || character[0] == 0x7f
				     : character[0] == 0xc2 && character[1] < 0xa0;
}

/// @return the length of the character that @p text begins with, or kNone
constexpr std::size_t character(Bytes text)
{
	std::size_t bytes = kNone;

	if (text[0] < 0x80) {
		bytes = 1;
	} else {
		for (const Lead &lead : kLeads)
			if (text[0] >= lead.first && text[0] <= lead.last && text.size() > 1 &&
			    text[1] >= lead.second_first && text[1] <= lead.second_last)
				bytes = lead.bytes;
	}
	if (bytes == kNone || bytes > text.size() || is_control(text.first(bytes)))
		return kNone;
	for (std::size_t i = 2; i < bytes; ++i)
		if (!continues(text[i]))
			return kNone;
	return bytes;
}

constexpr std::size_t length_of(Bytes name)
{
	std::size_t fits = 0;

	for (std::size_t at = 0; at < name.size();) {
		const std::size_t bytes = character(name.subspan(at));

		if (bytes == kNone)
			return 0;
		at += bytes;
		if (at <= ICMPX_NODE_NAME_MAX)
			fits = at;
	}
	return fits;
}

} // namespace
} // namespace icmpx

size_t icmpx_node_name_length(const char *name, size_t len)
{
	return icmpx::length_of({reinterpret_cast<const u8 *>(name), len});
}
