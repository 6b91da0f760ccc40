// SPDX-License-Identifier: GPL-2.0-only
//
// Requests answered as frames: icmpx_express_length() on any frame, icmpx_express_reply() on those that it lets pass.

#include "fuzz.hpp"

#include <algorithm>

namespace {

struct Frame {
	u8 bytes[ICMPX_FRAME_LEN];
};

constexpr std::size_t ip_at = 14;
constexpr std::size_t icmp_at = 34;

/// One's complement of the sum, odd bytes there are none.
unsigned sum(fuzz::Bytes bytes)
{
	unsigned total = 0;

	for (std::size_t i = 0; i < bytes.size(); i += 2)
		total += static_cast<unsigned>(bytes[i] << 8 | bytes[i + 1]);
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

/// Makes of any frame one that has a chance: what it must be is set, and then the header's checksum.
void mend(Frame &frame)
{
	u8 *bytes = frame.bytes;

	bytes[6] &= 0xfe;
	bytes[12] = 8;
	bytes[13] = 0;
	bytes[ip_at] = 0x45;
	bytes[ip_at + 6] &= 0x40;
	bytes[ip_at + 7] = 0;
	bytes[ip_at + 9] = 1;
	bytes[icmp_at] = 8;
	bytes[icmp_at + 1] = 0;
	bytes[ip_at + 10] = bytes[ip_at + 11] = 0;
	const unsigned check = ~sum(fuzz::Bytes(frame.bytes).subspan(ip_at, 20));
	bytes[ip_at + 10] = static_cast<u8>(check >> 8);
	bytes[ip_at + 11] = static_cast<u8>(check);
}

void check_reply(const Frame &request, const u8 *reply, u8 ttl)
{
	const fuzz::Bytes bytes(reply, ICMPX_FRAME_LEN);
	const u8 *asked = request.bytes;

	// To who asked, from who was asked: the reply goes nowhere else.
	fuzz::must(std::equal(asked, asked + 6, reply + 6));
	fuzz::must(std::equal(asked + 6, asked + 12, reply));
	fuzz::must(std::equal(asked + 26, asked + 30, reply + 30));
	fuzz::must(std::equal(asked + 30, asked + 34, reply + 26));
	fuzz::must(std::equal(asked + 12, asked + 18, reply + 12));
	fuzz::must(reply[ip_at + 6] == 0 && reply[ip_at + 7] == 0 && reply[ip_at + 8] == ttl);
	fuzz::must(reply[icmp_at] == 0 && reply[icmp_at + 1] == 0);
	fuzz::must(std::equal(asked + 38, asked + 42, reply + 38));
	fuzz::must(sum(bytes.subspan(ip_at, 20)) == 0xffff);
	// The message's sum has not changed, and so it is as right as the request's.
	fuzz::must(sum(bytes.subspan(icmp_at)) % 0xffff ==
		   sum(fuzz::Bytes(asked, ICMPX_FRAME_LEN).subspan(icmp_at)) % 0xffff);
	fuzz::must(reply[icmp_at + 2] != 0 || reply[icmp_at + 3] != 0);
}

void check(const Frame &frame, u32 len, u8 ttl, fuzz::Edge edge)
{
	static fuzz::Guarded guarded;
	const u32 total = icmpx_express_length(guarded.constant(frame, edge)->bytes, len);

	if (total == 0)
		return;
	fuzz::must(total >= ICMPX_FRAME_LEN - ip_at && total <= len);
	fuzz::must((frame.bytes[6] & 1) == 0 && frame.bytes[ip_at] == 0x45);
	fuzz::must(frame.bytes[26] < 224 && frame.bytes[30] < 224);
	fuzz::must(sum(fuzz::Bytes(frame.bytes).subspan(ip_at, 20)) == 0xffff);
	Frame *reply = guarded.writable(frame, edge);
	icmpx_express_reply(reply->bytes, ttl);
	check_reply(frame, reply->bytes, ttl);
	fuzz::must(icmpx_express_length(reply->bytes, len) == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto ttl = input.take<u8>();
	const auto mended = input.take<u8>();
	const u32 len = ICMPX_FRAME_LEN - ip_at + input.take<uint16_t>();
	auto frame = input.take<Frame>();

	if ((mended & 1) != 0)
		mend(frame);
	for (const fuzz::Edge edge : fuzz::both_edges)
		check(frame, len, ttl, edge);
	return 0;
}
