// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include "wire.hpp"

#include <array>

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

/// Folds a sum of 32-bit words, less than 2^48, as fold().
constexpr u16 fold64(u64 sum)
{
	return fold(static_cast<u32>((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32)));
}

/// The difference between the types of an echo request and its reply, as the 16-bit word of
/// type and code.
inline constexpr u16 kEchoStep = std::bit_cast<u16>(std::array<u8, 2>{kEcho - kEchoReply, 0});

/// The one result of echo_reply_checksum() that may be wrong: a sum over the whole reply may
/// give the other form of zero. Only the data tell which form is right.
inline constexpr u16 kAmbiguous = 0xffff;

/// Computes the checksum of an echo reply from the checksum of its request: the amount taken
/// from the type is added (RFC 1624, eqn. 4). Both are in the byte order of this machine.
constexpr u16 echo_reply_checksum(u16 checksum)
{
	const u32 sum = u32{checksum} + kEchoStep;

	return static_cast<u16>(sum + (sum >> 16));
}

/// The one checksum of a request that leads to that result.
inline constexpr u16 kLeadsToAmbiguous = kAmbiguous - kEchoStep;

static_assert(echo_reply_checksum(kLeadsToAmbiguous) == kAmbiguous);

/// The difference between the types of an ICMPv6 echo reply and its request, as kEchoStep.
inline constexpr u16 kEchoStep6 = std::bit_cast<u16>(std::array<u8, 2>{kEchoReply6 - kEcho6, 0});

/// Computes the checksum of an ICMPv6 echo reply from the checksum of its request: the amount
/// added to the type is subtracted (RFC 1624, eqn. 4), with the borrow of one's complement. Both
/// are in the byte order of this machine. The result is never 0xffff, nor is that of a sum over
/// the reply: the addresses make it more than zero.
constexpr u16 echo6_reply_checksum(u16 checksum)
{
	const u16 borrow = checksum < kEchoStep6 ? 1 : 0;

	return static_cast<u16>(checksum - kEchoStep6 - borrow);
}

/// Overwrites the 16-bit field at @p at of a message and brings its checksum
/// up to date.
inline void replace16(Header header, std::size_t at, u16 value)
{
	const u16 before = native<u16>(header, at);

	store16(header, at, value);
	put_native(header, kChecksumAt,
		   update(native<u16>(header, kChecksumAt), before, native<u16>(header, at)));
}

} // namespace icmpx
