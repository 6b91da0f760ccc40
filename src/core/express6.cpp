// SPDX-License-Identifier: GPL-2.0-only
// Echo requests over IPv6 answered in the frames that they came in.
#include <icmpx/express.h>

#include "checksum.hpp"
#include "frame.hpp"

namespace icmpx {
namespace {

using Frame6 = std::span<u8, ICMPX6_FRAME_LEN>;
using ConstFrame6 = std::span<const u8, ICMPX6_FRAME_LEN>;

constexpr u16 kEtherTypeIpv6 = 0x86dd;

/// The fields of the IPv6 header (RFC 8200, 3), counted from the start of the frame.
constexpr std::size_t kIp6At = kEtherLen;
constexpr std::size_t kPayloadLengthAt = kIp6At + 4;
constexpr std::size_t kNextHeaderAt = kIp6At + 6;
constexpr std::size_t kHopLimitAt = kIp6At + 7;
constexpr std::size_t kSource6At = kIp6At + 8;
constexpr std::size_t kDestination6At = kIp6At + 24;
constexpr std::size_t kAddress6Len = 16;
constexpr std::size_t kIp6HeaderLen = 40;
constexpr std::size_t kIcmp6At = kIp6At + kIp6HeaderLen;

constexpr u8 kVersion6 = 6;
constexpr u8 kProtocolIcmp6 = 58;
constexpr u16 kEchoRequest6 = kEcho6 << 8;
constexpr u8 kMulticast = 0xff;

static_assert(kIcmp6At + ICMPX_HEADER_LEN == ICMPX6_FRAME_LEN);

/// Tells whether an address may be that of a host on a link (RFC 4291, 2.5): it is neither a
/// group, nor one of those that begin with 64 zero bits: unspecified, loopback, and IPv4's.
bool possible_host6(Bytes address)
{
	return address[0] != kMulticast && native<u64>(address, 0) != 0;
}

bool header6_plain(ConstFrame6 frame)
{
	return frame[kNextHeaderAt] == kProtocolIcmp6 && load16(frame, kIcmp6At) == kEchoRequest6 &&
	       frame[kIp6At] >> 4 == kVersion6 && load16(frame, kEtherTypeAt) == kEtherTypeIpv6;
}

} // namespace
} // namespace icmpx

u32 icmpx6_express_length(const u8 *frame, u32 len)
{
	using namespace icmpx;

	const ConstFrame6 headers{frame, ICMPX6_FRAME_LEN};
	const u32 total = kIp6HeaderLen + load16(headers, kPayloadLengthAt);

	// A jumbogram has a length of 0, and an extension header.
	if (!header6_plain(headers) || total < kIp6HeaderLen + ICMPX_HEADER_LEN || total > len)
		return 0;
	if (!possible_host6(headers.subspan<kSource6At, kAddress6Len>()) ||
	    !possible_host6(headers.subspan<kDestination6At, kAddress6Len>()) ||
	    !one_station(headers))
		return 0;
	return total;
}

void icmpx6_express_reply(u8 *frame, u8 hop_limit)
{
	using namespace icmpx;

	const Frame6 headers{frame, ICMPX6_FRAME_LEN};

	swap<u64>(headers, kSource6At, kDestination6At);
	swap<u64>(headers, kSource6At + sizeof(u64), kDestination6At + sizeof(u64));
	swap_stations(headers);
	headers[kHopLimitAt] = hop_limit;
	put_native(headers, kIcmp6At + kChecksumAt,
		   echo6_reply_checksum(native<u16>(headers, kIcmp6At + kChecksumAt)));
	headers[kIcmp6At] = kEchoReply6;
}
