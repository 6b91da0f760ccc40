// SPDX-License-Identifier: GPL-2.0-only
// The routing header of a packet that a received error of ICMPv6 quotes.
#include <icmpx/error.h>

#include "wire.hpp"

namespace icmpx {
namespace {

/// A segment routing header (RFC 8754, 2): its length in units of 8 bytes, the first 8 not
/// included, the routing type, and the segments, the last one of the path first.
constexpr std::size_t kUnit = 8;
constexpr std::size_t kLengthAt = 1;
constexpr std::size_t kRoutingTypeAt = 2;
constexpr std::size_t kSegmentsLeftAt = 3;
constexpr std::size_t kLastEntryAt = 4;
constexpr std::size_t kSegmentsAt = 8;
constexpr std::size_t kSegmentLen = 16;
constexpr u8 kSegmentRouting = 4;

/// An object behind the segments: type, and length of what follows (RFC 8754, 2.1).
constexpr std::size_t kTlvHeaderLen = 2;
constexpr std::size_t kTlvLengthAt = 1;

/// As in the built-in code, a padding of one byte, which has no length, is read as if it had one.
constexpr bool filled(Bytes tlvs)
{
	while (!tlvs.empty()) {
		if (tlvs.size() < kTlvHeaderLen)
			return false;

		const std::size_t length = kTlvHeaderLen + tlvs[kTlvLengthAt];

		if (length > tlvs.size())
			return false;
		tlvs = tlvs.subspan(length);
	}
	return true;
}

constexpr bool valid(Bytes header)
{
	if (header.size() < kSegmentsAt || header[kRoutingTypeAt] != kSegmentRouting)
		return false;
	if ((header[kLengthAt] + 1) * kUnit != header.size())
		return false;

	const std::size_t segments = header[kLastEntryAt] + std::size_t{1};
	const std::size_t tlvs_at = kSegmentsAt + segments * kSegmentLen;

	// A reduced header has no copy of the first segment (RFC 8754, 4.1.1), which may be the
	// one that is left.
	if (header[kSegmentsLeftAt] > segments || tlvs_at > header.size())
		return false;
	return filled(header.subspan(tlvs_at));
}

} // namespace
} // namespace icmpx

bool icmpx6_segments_valid(const u8 *header, size_t len)
{
	return icmpx::valid(icmpx::Bytes{header, len});
}
