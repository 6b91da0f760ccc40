// SPDX-License-Identifier: GPL-2.0-only
//
// Requests over IPv6 answered as frames: icmpx6_express_length() on any frame, icmpx6_express_reply() on those that it lets
// pass.

#include "fuzz.hpp"

#include <algorithm>

namespace {

struct Frame {
	u8 bytes[ICMPX6_FRAME_LEN];
};

constexpr std::size_t ip_at = 14, source_at = ip_at + 8, destination_at = ip_at + 24;
constexpr std::size_t icmp_at = ip_at + 40;

/// One's complement of what the checksum of a message covers in these headers.
unsigned sum(const u8 *frame)
{
	unsigned total = 0;

	for (std::size_t i = source_at; i < ICMPX6_FRAME_LEN; i += 2)
		total += static_cast<unsigned>(frame[i] << 8 | frame[i + 1]);
	return total % 0xffff;
}

/// Makes of any frame one that has a chance.
void mend(Frame &frame)
{
	u8 *bytes = frame.bytes;

	bytes[6] &= 0xfe;
	bytes[12] = 0x86;
	bytes[13] = 0xdd;
	bytes[ip_at] = static_cast<u8>(0x60 | (bytes[ip_at] & 15));
	bytes[ip_at + 6] = 58;
	bytes[icmp_at] = 128;
	bytes[icmp_at + 1] = 0;
}

void check_reply(const Frame &request, const u8 *reply, u8 hop_limit)
{
	const u8 *asked = request.bytes;

	// To who asked, from who was asked: the reply goes nowhere else.
	fuzz::must(std::equal(asked, asked + 6, reply + 6));
	fuzz::must(std::equal(asked + 6, asked + 12, reply));
	fuzz::must(std::equal(asked + source_at, asked + destination_at, reply + destination_at));
	fuzz::must(std::equal(asked + destination_at, asked + icmp_at, reply + source_at));
	// Traffic class, flow label and length stay.
	fuzz::must(std::equal(asked + 12, asked + ip_at + 7, reply + 12));
	fuzz::must(reply[ip_at + 7] == hop_limit);
	fuzz::must(reply[icmp_at] == 129 && reply[icmp_at + 1] == 0);
	fuzz::must(std::equal(asked + icmp_at + 4, asked + ICMPX6_FRAME_LEN, reply + icmp_at + 4));
	// The message's sum has not changed, and so it is as right as the request's.
	fuzz::must(sum(reply) == sum(asked));
}

void check(const Frame &frame, u32 len, u8 hop_limit, fuzz::Edge edge)
{
	static fuzz::Guarded guarded;
	const u32 total = icmpx6_express_length(guarded.constant(frame, edge)->bytes, len);

	if (total == 0)
		return;
	fuzz::must(total >= ICMPX6_FRAME_LEN - ip_at && total <= len);
	fuzz::must((frame.bytes[6] & 1) == 0 && frame.bytes[ip_at] >> 4 == 6);
	fuzz::must(frame.bytes[source_at] != 0xff && frame.bytes[destination_at] != 0xff);
	Frame *reply = guarded.writable(frame, edge);
	icmpx6_express_reply(reply->bytes, hop_limit);
	check_reply(frame, reply->bytes, hop_limit);
	fuzz::must(icmpx6_express_length(reply->bytes, len) == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto hop_limit = input.take<u8>();
	const auto mended = input.take<u8>();
	const u32 len = ICMPX6_FRAME_LEN - ip_at + input.take<uint16_t>();
	auto frame = input.take<Frame>();

	if ((mended & 1) != 0)
		mend(frame);
	for (const fuzz::Edge edge : fuzz::both_edges)
		check(frame, len, hop_limit, edge);
	return 0;
}
