// SPDX-License-Identifier: GPL-2.0-only
//
// Replies: a checksum that was carried over is the one that a sum over the whole message gives (RFC 1624, RFC 1071).

#include "fuzz.hpp"

#include <algorithm>

namespace {

u16 folded_sum(const std::vector<u8> &bytes)
{
	u64 sum = 0;

	for (std::size_t i = 0; i < bytes.size(); i++)
		sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<u16>(sum);
}

void put_checksum(std::vector<u8> &message)
{
	message[2] = message[3] = 0;
	const u16 checksum = static_cast<u16>(~folded_sum(message));
	message[2] = static_cast<u8>(checksum >> 8);
	message[3] = static_cast<u8>(checksum);
}

/// The checksum that @p message should have.
void expect_right(std::vector<u8> message)
{
	const std::vector<u8> carried = message;

	put_checksum(message);
	fuzz::must(message == carried);
}

/// What the core makes of a request's first bytes, with the message as it is afterwards.
struct Request {
	u8 kind;
	u8 code;
	u8 status;
	__be32 now;
};

bool reply(const Request &request, std::vector<u8> &message, fuzz::Edge edge)
{
	static fuzz::Guarded memory;
	const std::size_t size =
		ICMPX_HEADER_LEN + (request.kind == 2 ? std::size_t{ICMPX_TIMESTAMP_LEN} : 0);
	u8 *bytes = memory.writable(fuzz::Bytes(message).first(size), edge);
	bool carried = true;

	if (request.kind == 0)
		carried = icmpx_echo_reply(bytes);
	else if (request.kind == 1)
		icmpx_probe_reply(bytes, request.code, request.status);
	else
		icmpx_timestamp_reply(bytes, request.now);
	std::copy_n(bytes, size, message.begin());
	return carried;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	constexpr u8 requests[]{8, 42, 13}, replies[]{0, 43, 14};
	fuzz::Input input(data, size);
	Request request{};

	request.kind = input.take<u8>() % 3;
	request.code = input.take<u8>();
	request.status = input.take<u8>();
	request.now = input.take<__be32>();
	std::vector<u8> message(input.rest().begin(), input.rest().end());
	message.resize(request.kind == 2 ? ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN
					 : std::max<std::size_t>(message.size(), ICMPX_HEADER_LEN));
	message[0] = requests[request.kind];
	put_checksum(message);
	for (const fuzz::Edge edge : fuzz::both_edges) {
		std::vector<u8> answer = message;
		const bool carried = reply(request, answer, edge);

		fuzz::must(answer[0] == replies[request.kind]);
		if (carried)
			expect_right(answer);
	}
	return 0;
}
