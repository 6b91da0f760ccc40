// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include "wire.hpp"

namespace icmpx {

/// Folds a sum of 16-bit words to one's complement 16 bits.
constexpr u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<u16>(sum + (sum >> 16));
}

/// Computes the checksum of at most 64 KiB (RFC 1071).
/// @return the value for the checksum field, if that was 0 in @p bytes
constexpr u16 checksum(Bytes bytes)
{
	u32 sum = 0;
	std::size_t at = 0;

	for (; at + 2 <= bytes.size(); at += 2)
		sum += load16(bytes, at);
	if (at < bytes.size())
		sum += static_cast<u32>(bytes[at] << 8);
	return static_cast<u16>(~fold(sum));
}

/// Updates a checksum for one 16-bit field that changed (RFC 1624, eqn. 3).
constexpr u16 update(u16 checksum, u16 before, u16 after)
{
	const u32 sum =
		static_cast<u32>(static_cast<u16>(~checksum)) + static_cast<u16>(~before) + after;

	return static_cast<u16>(~fold(sum));
}

/// Overwrites the 16-bit field at @p at of a message and brings its checksum
/// up to date.
constexpr void replace16(Header header, std::size_t at, u16 value)
{
	const u16 sum = update(load16(header, kChecksumAt), load16(header, at), value);

	store16(header, at, value);
	store16(header, kChecksumAt, sum);
}

/// Tells whether an updated checksum is the one that a sum over the whole
/// message gives. Of zero's two forms the update yields 0x0000, a sum over
/// nothing but zeros 0xffff.
constexpr bool unambiguous(ConstHeader header) { return load16(header, kChecksumAt) != 0; }

} // namespace icmpx
