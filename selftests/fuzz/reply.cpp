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

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto kind = input.take<u8>();
	const auto code = input.take<u8>();
	const auto status = input.take<u8>();
	const auto now = input.take<__be32>();
	std::vector<u8> message = input.rest();

	message.resize(std::max<std::size_t>(message.size(), ICMPX_HEADER_LEN));
	if (kind % 3 == 2) {
		message.resize(ICMPX_HEADER_LEN + ICMPX_TIMESTAMP_LEN);
		icmpx_timestamp_reply(message.data(), now);
		fuzz::must(message[0] == 14);
		return 0;
	}
	message[0] = kind % 3 == 0 ? 8 : 42;
	put_checksum(message);
	const bool carried = kind % 3 == 0 ? icmpx_echo_reply(message.data())
					   : icmpx_probe_reply(message.data(), code, status);
	fuzz::must(message[0] == (kind % 3 == 0 ? 0 : 43));
	if (carried)
		expect_right(message);
	return 0;
}
