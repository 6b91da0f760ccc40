// SPDX-License-Identifier: GPL-2.0-only
// Echo requests answered as the frames that they came in.
#include "checksum.hpp"

#include <initializer_list>

namespace icmpx {
namespace {

using Frame = std::span<u8, ICMPX_FRAME_LEN>;
using ConstFrame = std::span<const u8, ICMPX_FRAME_LEN>;

/// Ethernet: two addresses and a type.
constexpr std::size_t kMacLen = 6;
constexpr std::size_t kEtherTypeAt = 12;
constexpr u16 kEtherTypeIpv4 = 0x0800;

/// The fields of the IPv4 header (RFC 791, 3.1), counted from the start of the frame.
constexpr std::size_t kIpAt = 14;
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
/// The checksum of a request whose reply has one of zero's two forms: which one, only the
/// data could tell.
constexpr u16 kAmbiguous = 0xffff - kEchoRequest;

static_assert(kIcmpAt + ICMPX_HEADER_LEN == ICMPX_FRAME_LEN);
static_assert(update(kAmbiguous, kEchoRequest, kEchoReply << 8) == 0);

/// Reads a field in the byte order of this machine: for what is only moved or summed up,
/// which is the same in both (RFC 1071, 2).
template <typename T> T native(ConstFrame frame, std::size_t at)
{
	T value;

	__builtin_memcpy(&value, frame.data() + at, sizeof(value));
	return value;
}

template <typename T> void put_native(Frame frame, std::size_t at, T value)
{
	__builtin_memcpy(frame.data() + at, &value, sizeof(value));
}

template <typename T> void swap(Frame frame, std::size_t a, std::size_t b)
{
	const T value = native<T>(frame, a);

	put_native(frame, a, native<T>(frame, b));
	put_native(frame, b, value);
}

/// Tells whether a station sent it that can be sent to: no group, and not nobody.
bool one_station(ConstFrame frame)
{
	return (frame[kMacLen] & 1) == 0 &&
	       (native<u16>(frame, kMacLen) | native<u32>(frame, kMacLen + 2)) != 0;
}

/// Tells whether a host can have the address (RFC 1122, 3.2.1.3): it is not of this
/// network, of loopback, a group, reserved or a broadcast.
bool possible_host(u8 first_byte)
{
	return first_byte != 0 && first_byte != 127 && first_byte < 224;
}

bool header_sum_right(ConstFrame frame)
{
	u64 sum = 0;

	for (std::size_t at = kIpAt; at < kIcmpAt; at += sizeof(u32))
		sum += native<u32>(frame, at);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return fold(static_cast<u32>(sum)) == 0xffff;
}

bool header_plain(ConstFrame frame)
{
	return frame[kIpAt + kIpProtocolAt] == kProtocolIcmp &&
	       load16(frame, kIcmpAt) == kEchoRequest && frame[kIpAt] == kNoOptions &&
	       load16(frame, kEtherTypeAt) == kEtherTypeIpv4 &&
	       (load16(frame, kFragmentAt) & kFragmentMask) == 0;
}

/// Sets identification and time to live, and lets the reply be fragmented. Addresses that
/// change places leave the sum as it is.
void renew_header(Frame frame, u16 id, u8 ttl)
{
	u32 sum = static_cast<u16>(~native<u16>(frame, kIpChecksumAt));

	for (const std::size_t at : {kIdAt, kFragmentAt, kTtlAt})
		sum += static_cast<u16>(~native<u16>(frame, at));
	put_native(frame, kIdAt, id);
	put_native<u16>(frame, kFragmentAt, 0);
	frame[kTtlAt] = ttl;
	for (const std::size_t at : {kIdAt, kTtlAt})
		sum += native<u16>(frame, at);
	put_native(frame, kIpChecksumAt, static_cast<u16>(~fold(sum)));
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
	if (load16(headers, kIcmpAt + kChecksumAt) == kAmbiguous || !header_sum_right(headers))
		return 0;
	return total;
}

void icmpx_express_reply(u8 *frame, u8 ttl)
{
	using namespace icmpx;

	const Frame headers{frame, ICMPX_FRAME_LEN};
	const u32 id = load16(headers, kIdAt) + load16(headers, kIcmpAt + kRestAt) +
		       load16(headers, kIcmpAt + kSequenceAt);

	renew_header(headers, static_cast<u16>(id), ttl);
	swap<u32>(headers, kSourceAt, kDestinationAt);
	swap<u32>(headers, 0, kMacLen);
	swap<u16>(headers, sizeof(u32), kMacLen + sizeof(u32));
	store16(headers, kIcmpAt + kChecksumAt,
		update(load16(headers, kIcmpAt + kChecksumAt), kEchoRequest, kEchoReply << 8));
	store16(headers, kIcmpAt, kEchoReply << 8);
}
