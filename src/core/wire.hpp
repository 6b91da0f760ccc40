// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The wire format: byte order, the numbers of RFC 792 and its successors, and
/// where fields are.
#pragma once

#include <icmpx/types.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace icmpx {

using Bytes = std::span<const u8>;
using MutableBytes = std::span<u8>;
using Header = std::span<u8, ICMPX_HEADER_LEN>;
using ConstHeader = std::span<const u8, ICMPX_HEADER_LEN>;

/// ICMP types (RFC 792, 950, 1256, 8335).
enum Type : u8 {
	kEchoReply = 0,
	kUnreachable = 3,
	kSourceQuench = 4,
	kRedirect = 5,
	kEcho = 8,
	kTimeExceeded = 11,
	kParameterProblem = 12,
	kTimestamp = 13,
	kTimestampReply = 14,
	kAddressMask = 17,
	kAddressMaskReply = 18,
	kExtendedEcho = 42,
	kExtendedEchoReply = 43,
};

/// ICMPv6 types (RFC 4443, 2710, 3810, 4861, 2894, 4620, 8335). Those below the first informational
/// one are errors.
enum Type6 : u8 {
	kUnreachable6 = 1,
	kPacketTooBig6 = 2,
	kTimeExceeded6 = 3,
	kParameterProblem6 = 4,
	kFirstInformational6 = 128,
	kEcho6 = kFirstInformational6,
	kEchoReply6 = 129,
	kMldQuery = 130,
	kMldReport = 131,
	kMldDone = 132,
	kRouterSolicitation = 133,
	kRedirect6 = 137,
	kRouterRenumbering = 138,
	kNodeInfoQuery = 139,
	kNodeInfoReply = 140,
	kMldReport2 = 143,
	kExtendedEcho6 = 160,
	kExtendedEchoReply6 = 161,
	kLastAssigned6 = kExtendedEchoReply6,
};

/// The highest type that has a bit in a rate mask, and the last one before the
/// types of RFC 8335.
inline constexpr u8 kLastClassicType = kAddressMaskReply;

/// Codes of destination unreachable (RFC 792, RFC 1812).
inline constexpr u8 kFragmentationNeeded = 4;
inline constexpr u8 kLastUnreachableCode = 15;
/// Code of time exceeded: fragment reassembly (RFC 792).
inline constexpr u8 kReassembly = 1;

/// Where the fields of the fixed header are (RFC 792).
inline constexpr std::size_t kTypeAt = 0;
inline constexpr std::size_t kCodeAt = 1;
inline constexpr std::size_t kChecksumAt = 2;
inline constexpr std::size_t kRestAt = 4;
inline constexpr std::size_t kSequenceAt = 6;

/// The IPv4 header (RFC 791, 3.1).
inline constexpr std::size_t kIpHeaderLen = 20;
inline constexpr std::size_t kIpProtocolAt = 9;

/// Reads a 16-bit field. @pre at + 2 <= bytes.size()
constexpr u16 load16(Bytes bytes, std::size_t at)
{
	return static_cast<u16>(bytes[at] << 8 | bytes[at + 1]);
}

/// Reads a 32-bit field. @pre at + 4 <= bytes.size()
constexpr u32 load32(Bytes bytes, std::size_t at)
{
	return static_cast<u32>(load16(bytes, at)) << 16 | load16(bytes, at + 2);
}

/// Writes a 16-bit field. @pre at + 2 <= bytes.size()
constexpr void store16(MutableBytes bytes, std::size_t at, u16 value)
{
	bytes[at] = static_cast<u8>(value >> 8);
	bytes[at + 1] = static_cast<u8>(value);
}

/// Reads a field in the byte order of this machine. For fields that are only moved or summed
/// up: a sum is the same in both byte orders (RFC 1071, 2). @pre at + sizeof(T) <= bytes.size()
template <typename T> T native(Bytes bytes, std::size_t at)
{
	T value;

	__builtin_memcpy(&value, bytes.data() + at, sizeof(value));
	return value;
}

/// Writes a field in the byte order of this machine. @pre as native()
template <typename T> void put_native(MutableBytes bytes, std::size_t at, T value)
{
	__builtin_memcpy(bytes.data() + at, &value, sizeof(value));
}

/// Reads an address or a time in network order. @pre at + 4 <= bytes.size()
constexpr __be32 load_be32(Bytes bytes, std::size_t at)
{
	const u32 value = load32(bytes, at);

	if constexpr (std::endian::native == std::endian::little)
		return static_cast<__be32>(__builtin_bswap32(value));
	else
		return static_cast<__be32>(value);
}

/// Writes an address or a time in network order. @pre at + 4 <= bytes.size()
constexpr void store_be32(MutableBytes bytes, std::size_t at, __be32 value)
{
	u32 host = static_cast<u32>(value);

	if constexpr (std::endian::native == std::endian::little)
		host = __builtin_bswap32(host);
	store16(bytes, at, static_cast<u16>(host >> 16));
	store16(bytes, at + 2, static_cast<u16>(host));
}

} // namespace icmpx
