// SPDX-License-Identifier: GPL-2.0-only
// Echo requests answered in the frames that they came in.
#include <icmpx/express.h>

#include "checksum.hpp"
#include "frame.hpp"

namespace icmpx {
namespace {

using Frame = std::span<u8, ICMPX_FRAME_LEN>;
using ConstFrame = std::span<const u8, ICMPX_FRAME_LEN>;

constexpr u16 kEtherTypeIpv4 = 0x0800;

/// The fields of the IPv4 header (RFC 791, 3.1), counted from the start of the frame.
constexpr std::size_t kIpAt = kEtherLen;
constexpr std::size_t kTotalLengthAt = kIpAt + 2;
constexpr std::size_t kIdAt = kIpAt + 4;
constexpr std::size_t kFragmentAt = kIpAt + 6;
constexpr std::size_t kTtlAt = kIpAt + 8;
constexpr std::size_t kIpChecksumAt = kIpAt + 10;
constexpr std::size_t kSourceAt = kIpAt + 12;
constexpr std::size_t kDestinationAt = kIpAt + 16;
constexpr std::size_t kIcmpAt = kIpAt + kIpHeaderLen;

constexpr u8 kNoOptions = 0x45;
constexpr u8 kProtocolIcmp = 1;
/// More fragments, the offset, and the bit that is reserved: all but "don't fragment".
constexpr u16 kFragmentMask = 0xbfff;
constexpr u16 kEchoRequest = kEcho << 8;

static_assert(kIcmpAt + ICMPX_HEADER_LEN == ICMPX_FRAME_LEN);

/// Tells whether a host can have the address (RFC 1122, 3.2.1.3): it is not one of this
/// network or of loopback, and neither a group, nor reserved, nor a broadcast address.
bool possible_host(u8 first_byte)
{
	return first_byte != 0 && first_byte != 127 && first_byte < 224;
}

/// Sums up the IP header: the result equals the sum of RFC 1071, modulo 65,535.
u64 header_sum(ConstFrame frame)
{
	static_assert(kIpHeaderLen == 5 * sizeof(u32));

	return u64{native<u32>(frame, kIpAt)} + native<u32>(frame, kIpAt + 4) +
	       native<u32>(frame, kIpAt + 8) + native<u32>(frame, kIpAt + 12) +
	       native<u32>(frame, kIpAt + 16);
}

/// One's complement has two zeros, 0 and 0xffff. The sum of a right header is 0xffff: only
/// a header of all zeros would have the sum 0.
bool header_sum_right(ConstFrame frame) { return header_sum(frame) % 0xffff == 0; }

bool header_plain(ConstFrame frame)
{
	return frame[kIpAt + kIpProtocolAt] == kProtocolIcmp &&
	       load16(frame, kIcmpAt) == kEchoRequest && frame[kIpAt] == kNoOptions &&
	       load16(frame, kEtherTypeAt) == kEtherTypeIpv4 &&
	       (load16(frame, kFragmentAt) & kFragmentMask) == 0;
}

/// Sets identification and time to live, and lets the reply be fragmented.
void renew_header(Frame frame, u16 id, u8 ttl)
{
	store16(frame, kIdAt, id);
	put_native<u16>(frame, kFragmentAt, 0);
	frame[kTtlAt] = ttl;
	put_native<u16>(frame, kIpChecksumAt, 0);
	put_native(frame, kIpChecksumAt, static_cast<u16>(~fold64(header_sum(frame))));
}

} // namespace
} // namespace icmpx

u32 icmpx_express_length(const u8 *frame, u32 len)
{
	using namespace icmpx;

	const ConstFrame headers{frame, ICMPX_FRAME_LEN};
	const u32 total = load16(headers, kTotalLengthAt);

	if (!header_plain(headers) || total < kIpHeaderLen + ICMPX_HEADER_LEN || total > len)
		return 0;
	if (!possible_host(headers[kSourceAt]) || !possible_host(headers[kDestinationAt]) ||
	    !one_station(headers))
		return 0;
	if (native<u16>(headers, kIcmpAt + kChecksumAt) == kLeadsToAmbiguous ||
	    !header_sum_right(headers))
		return 0;
	return total;
}

void icmpx_express_reply(u8 *frame, u8 ttl)
{
	using namespace icmpx;

	const Frame headers{frame, ICMPX_FRAME_LEN};
	const u32 id = u32{load16(headers, kIdAt)} + load16(headers, kIcmpAt + kRestAt) +
		       load16(headers, kIcmpAt + kSequenceAt);

	swap<u32>(headers, kSourceAt, kDestinationAt);
	renew_header(headers, static_cast<u16>(id), ttl);
	swap_stations(headers);
	put_native(headers, kIcmpAt + kChecksumAt,
		   echo_reply_checksum(native<u16>(headers, kIcmpAt + kChecksumAt)));
	headers[kIcmpAt] = kEchoReply;
}
