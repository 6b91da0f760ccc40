// SPDX-License-Identifier: GPL-2.0-only
//
// Replies: a checksum that was carried over is the one that a sum over the whole message gives (RFC 1624, RFC 1071).

#include "fuzz.hpp"

#include <algorithm>

namespace {

/// What of an IPv6 header goes into the checksum, beside length and next header.
struct Addresses {
	u8 bytes[32];
};

/// @p sum and that of @p bytes.
u16 folded_sum(u64 sum, fuzz::Bytes bytes)
{
	for (std::size_t i = 0; i < bytes.size(); i++)
		sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<u16>(sum);
}

/// @p pseudo is the sum of the pseudo header (RFC 8200, 8.1), 0 over IPv4.
void put_checksum(u64 pseudo, std::vector<u8> &message)
{
	message[2] = message[3] = 0;
	const u16 checksum = static_cast<u16>(~folded_sum(pseudo, message));
	message[2] = static_cast<u8>(checksum >> 8);
	message[3] = static_cast<u8>(checksum);
}

/// The checksum that @p message should have.
void expect_right(u64 pseudo, std::vector<u8> message)
{
	const std::vector<u8> carried = message;

	put_checksum(pseudo, message);
	fuzz::must(message == carried);
}

/// The requests that there are, those of ICMPv6 last.
enum Kind : u8 { echo, probe, timestamp, echo6, probe6, kinds };

/// What the core makes of a request's first bytes, with the message as it is afterwards.
struct Request {
	Kind kind;
	u8 code;
	u8 status;
	__be32 now;
};

bool reply(const Request &request, std::vector<u8> &message, fuzz::Edge edge)
{
	static fuzz::Guarded memory;
	const std::size_t size = ICMPX_HEADER_LEN +
				 (request.kind == timestamp ? std::size_t{ICMPX_TIMESTAMP_LEN} : 0);
	u8 *bytes = memory.writable(fuzz::Bytes(message).first(size), edge);
	bool carried = true;

	switch (request.kind) {
	case echo:
		carried = icmpx_echo_reply(bytes);
		break;
	case probe:
		icmpx_probe_reply(bytes, request.code, request.status);
		break;
	case echo6:
		icmpx6_echo_reply(bytes);
		break;
	case probe6:
		icmpx6_probe_reply(bytes, request.code, request.status);
		break;
	default:
		icmpx_timestamp_reply(bytes, request.now);
	}
	std::copy_n(bytes, size, message.begin());
	return carried;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	constexpr u8 requests[kinds]{8, 42, 13, 128, 160}, replies[kinds]{0, 43, 14, 129, 161};
	fuzz::Input input(data, size);
	Request request{};
	Addresses addresses{};

	request.kind = static_cast<Kind>(input.take<u8>() % kinds);
	request.code = input.take<u8>();
	request.status = input.take<u8>();
	request.now = input.take<__be32>();
	const bool v6 = request.kind == echo6 || request.kind == probe6;
	if (v6)
		addresses = input.take<Addresses>();
	std::vector<u8> message(input.rest().begin(), input.rest().end());
	message.resize(request.kind == timestamp
			       ? ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN
			       : std::max<std::size_t>(message.size(), ICMPX_HEADER_LEN));
	message[0] = requests[request.kind];
	const u64 pseudo = v6 ? folded_sum(message.size() + 58, addresses.bytes) : 0;
	put_checksum(pseudo, message);
	for (const fuzz::Edge edge : fuzz::both_edges) {
		std::vector<u8> answer = message;
		const bool carried = reply(request, answer, edge);

		fuzz::must(answer[0] == replies[request.kind]);
		if (carried)
			expect_right(pseudo, answer);
	}
	return 0;
}
