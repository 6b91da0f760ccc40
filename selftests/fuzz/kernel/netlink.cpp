// SPDX-License-Identifier: GPL-2.0-only
//
// Requests by netlink: those that mean something, and those whose attributes are any bytes.

#include "world.hpp"

#include "lib/genetlink.hpp"

#include <string>

#include <sys/socket.h>

namespace kernel {

namespace {

using netlink::Bytes;
using netlink::Message;

constexpr const char *names[] = {"echo_ratelimit", "echo_burst",	   "errors_extension_to",
				 "node_name",	   "node_address",	   "express",
				 "ratemask",	   "ping_group_range",	   "errors_extension_mask",
				 "ratelimit",	   "echo_ratelimit_prefix"};
constexpr const char *values[] = {
	"0",	 "1",	"7",   "1000000", "",  "10.0.0.0/8 fd00::/8", "wire0 parts", "lo",
	"0-127", "0 1", "::1", "a name",  "-1"};

/// Text that means something, or the operation's bytes.
std::string text_of(const Op &op, std::span<const char *const> known, std::uint8_t index)
{
	if (!op.has(as_it_is))
		return known[index % known.size()];
	return {reinterpret_cast<const char *>(op.bytes), op.part % sizeof(op.bytes)};
}

/// Attributes of right types and wrong sizes, nested ones and such as end after the message.
void add_any(Message &message, const Op &op)
{
	const std::size_t most = op.has(large) ? 64 : 1;

	for (std::size_t turn = 0; turn < most; turn++)
		for (std::size_t at = 0; at + 4 <= sizeof(op.bytes); at += 4) {
			std::uint32_t word = 0;

			std::memcpy(&word, op.bytes + at, sizeof(word));
			message.append(word);
		}
}

} // namespace

void World::netlink(const Op &op)
{
	const auto command =
		static_cast<std::uint8_t>(op.has(as_it_is) ? op.type : 1 + op.type % ICMPX_CMD_MAX);
	const bool lists = command == ICMPX_CMD_COUNTERS_GET || command == ICMPX_CMD_SOCKET_GET ||
			   command == ICMPX_CMD_LIMITED_GET || command == ICMPX_CMD_EXPRESS_GET;
	const bool dumps = op.has(fragment) != lists;
	const auto flags = static_cast<std::uint16_t>(dumps ? NLM_F_DUMP : NLM_F_ACK);
	// The kernel refuses every message whose reserved bytes are not 0.
	const std::uint16_t reserved = op.has(wrong_checksum) ? op.tos : 0;
	Message message(family_, flags, genlmsghdr{command, op.ttl, reserved});
	Bytes answer(1 << 15);

	if (op.has(patched)) {
		add_any(message, op);
	} else if (command == ICMPX_CMD_EXPRESS_ADD || command == ICMPX_CMD_EXPRESS_DEL) {
		message.put(ICMPX_A_EXPRESS_NAME, text_of(op, values, op.source));
		if (op.has(with_options))
			message.put(ICMPX_A_EXPRESS_IFINDEX, op.rest);
	} else {
		message.put_bytes(ICMPX_A_SETTING_FAMILY,
				  {static_cast<std::uint8_t>(op.code & 1   ? AF_INET
							     : op.code & 2 ? AF_INET6
									   : op.code)});
		if (!dumps)
			message.put(ICMPX_A_SETTING_NAME, text_of(op, names, op.source));
		if (command == ICMPX_CMD_SETTING_SET)
			message.put(ICMPX_A_SETTING_VALUE, text_of(op, values, op.destination));
	}
	const Bytes bytes = message.build();
	// What the kernel refuses to take changes nothing.
	if (::send(netlink_.get(), bytes.data(), bytes.size(), 0) < 0)
		return;
	set_by_netlink_ |= command == ICMPX_CMD_SETTING_SET || command == ICMPX_CMD_EXPRESS_ADD;
	// The rest of a long list is left to the next request, which so meets one that is under way.
	if (!op.has(in_parts))
		while (recv(netlink_.get(), answer.data(), answer.size(), 0) > 0)
			;
}

} // namespace kernel
