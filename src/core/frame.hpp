// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Ethernet frames that are turned round: the header in front of IP.
#pragma once

#include "wire.hpp"

namespace icmpx {

/// Ethernet: two addresses and a type.
inline constexpr std::size_t kMacLen = 6;
inline constexpr std::size_t kEtherTypeAt = 12;
inline constexpr std::size_t kEtherLen = 14;

/// Exchanges two fields of a frame. @pre both are in the frame
template <typename T> void swap(MutableBytes frame, std::size_t a, std::size_t b)
{
	const T value = native<T>(frame, a);

	put_native(frame, a, native<T>(frame, b));
	put_native(frame, b, value);
}

/// Exchanges the addresses of both stations. @pre frame.size() >= kEtherLen
inline void swap_stations(MutableBytes frame)
{
	swap<u32>(frame, 0, kMacLen);
	swap<u16>(frame, sizeof(u32), kMacLen + sizeof(u32));
}

/// Tells whether the source address of the frame is that of one station, to which a
/// frame can be sent: neither a group address nor all zeros. @pre as swap_stations()
inline bool one_station(Bytes frame)
{
	return (frame[kMacLen] & 1) == 0 &&
	       (native<u16>(frame, kMacLen) | native<u32>(frame, kMacLen + 2)) != 0;
}

} // namespace icmpx
