// SPDX-License-Identifier: GPL-2.0-only
//
// IP options, fragments, and what programs send.

#include "generate.hpp"
#include "router.hpp"
#include "sockets.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace diff {

namespace {

constexpr std::size_t options_room = 40;

/// Addresses that an option may hold; in any other data of theirs the highest bit is set, as in no time of day.
void put_address(Random &random, Bytes &option)
{
	static constexpr std::array<Address, 7> addresses{
		host_address, second_address, gateway_address, other_gateway,
		0xc0000201,   0xcb007101,     0xe0000001};

	packet::put32(option, random.percent(80)
				      ? random.pick(addresses)
				      : static_cast<Address>(random.next()) | 0x80000000);
}

Bytes route_option(Random &random, std::uint8_t type)
{
	unsigned slots = random.below(10), used = random.below(slots + 1);
	Bytes option{type, static_cast<std::uint8_t>(3 + 4 * slots),
		     static_cast<std::uint8_t>(4 + 4 * used)};

	for (unsigned i = 0; i < slots; i++)
		put_address(random, option);
	return option;
}

Bytes timestamp_option(Random &random)
{
	static constexpr std::array<std::uint8_t, 5> flags{0, 1, 3, 2, 0xf};
	std::uint8_t flag = random.pick(flags);
	unsigned width = flag == 0 ? 1 : 2, slots = random.below(9 / width + 1);
	unsigned used = random.below(slots + 1);
	Bytes option{
		68, static_cast<std::uint8_t>(4 + 4 * width * slots),
		static_cast<std::uint8_t>(5 + 4 * width * used),
		static_cast<std::uint8_t>((random.percent(80) ? 0 : random.below(16)) << 4 | flag)};

	for (unsigned i = 0; i < slots * width; i++)
		put_address(random, option);
	return option;
}

Bytes other_option(Random &random)
{
	static constexpr std::array<std::uint8_t, 8> types{130, 133, 134, 136, 148, 149, 82, 25};
	std::uint8_t type = random.percent(80) ? random.pick(types) : random.byte();
	std::size_t size = type == 148 ? 4 : random.between(2, 12);
	Bytes option{type, static_cast<std::uint8_t>(size)};

	option.resize(size, random.percent(50) ? 0 : 0xa5);
	return option;
}

Bytes one_option(Random &random)
{
	switch (random.below(7)) {
	case 0:
		return {1};
	case 1:
		return route_option(random, 131);
	case 2:
		return route_option(random, 137);
	case 3:
		return timestamp_option(random);
	case 4:
		return other_option(random);
	default:
		return route_option(random, 7);
	}
}

} // namespace

Bytes any_options(Random &random)
{
	Bytes options;

	for (unsigned n = random.between(1, 3); n; n--) {
		Bytes one = one_option(random);

		if (random.percent(12))
			one[random.below(std::min<std::size_t>(one.size(), 4))] =
				random.percent(50) ? static_cast<std::uint8_t>(random.below(48))
						   : random.byte();
		if (options.size() + one.size() <= options_room)
			options.insert(options.end(), one.begin(), one.end());
	}
	if (random.percent(5))
		options.insert(options.end(), options_room - options.size(), random.byte());
	return options;
}

namespace {

/// A fragment that lies over the end of another.
void overlap(Random &random, std::vector<packet::Ipv4> &parts)
{
	std::size_t which = random.below(parts.size());
	packet::Ipv4 copy = parts[which];

	if (copy.payload.size() > 8 && random.percent(70)) {
		copy.payload.erase(copy.payload.begin(), copy.payload.begin() + 8);
		copy.fragment_offset = static_cast<std::uint16_t>(copy.fragment_offset + 8);
	}
	parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(random.below(parts.size() + 1)),
		     std::move(copy));
}

} // namespace

std::vector<Step> any_fragments(Random &random, Packet packet)
{
	std::vector<Step> steps;

	if (packet.has_icmp())
		packet.ip.payload = [&packet] {
			Packet whole{.ip = packet.ip, .sum = packet.sum};
			whole.ip.options.clear();
			Bytes bytes = datagram_of(whole, {});
			return Bytes(bytes.begin() + 20, bytes.end());
		}();
	packet.ip.df = false;
	// Options may be longer than what is cut here has room for, or be no options that could be copied.
	packet.ip.options.clear();
	auto parts = packet::fragment(packet.ip, 28 + 8 * std::size_t{random.between(0, 90)});
	if (parts.size() > 12)
		parts = packet::fragment(packet.ip, 1500);
	if (random.percent(50)) {
		for (std::size_t i = parts.size(); i > 1; i--)
			std::swap(parts[i - 1], parts[random.below(i)]);
	}
	if (random.percent(15))
		overlap(random, parts);
	if (random.percent(15))
		parts.erase(parts.begin() +
			    static_cast<std::ptrdiff_t>(random.below(parts.size())));
	steps.reserve(steps.size() + parts.size());
	for (packet::Ipv4 &part : parts)
		steps.push_back({.packet = Packet{.ip = std::move(part),
						  .sum = Sum::right,
						  .cast = packet.cast,
						  .padding = packet.padding}});
	return steps;
}

namespace {

/// A request for a ping socket to send, or what is none.
Bytes ping_data(Random &random)
{
	std::uint8_t type = random.percent(85) ? 8 : random.percent(50) ? 42 : random.byte();
	Bytes message{type, static_cast<std::uint8_t>(random.percent(95) ? 0 : 1), 0, 0, 0, 0};

	packet::put16(message, static_cast<std::uint16_t>(random.below(4)));
	Bytes data = any_data(random, random.percent(80) ? random.below(100) : any_length(random));
	message.insert(message.end(), data.begin(), data.end());
	if (random.percent(5))
		message.resize(random.below(8));
	return message;
}

} // namespace

Call any_call(Random &random)
{
	static constexpr std::array<Address, 10> destinations{
		gateway_address, 0xc0000201, 0xc0000208,   0xcb007101, 0x0a0000ff,
		0xe0000001,	 0x7f000001, host_address, far(2),     prohibited};
	static constexpr std::array<int, 5> flags{0, 0, 0, MSG_DONTROUTE, MSG_OOB};
	static constexpr std::uint32_t pings = sockets_that(is_ping);
	Call call;

	do {
		call.socket = static_cast<std::uint8_t>(random.below(socket_kinds.size()));
	} while (is_tcp(socket_kinds[call.socket]) ||
		 (random.percent(60) && !(pings >> call.socket & 1)));
	const SocketKind &kind = socket_kinds[call.socket];
	call.connected = kind.peer.address ? random.percent(80) : random.percent(3);
	call.to = {random.pick(destinations), random.percent(80)   ? std::uint16_t{2000}
					      : random.percent(50) ? std::uint16_t{0}
								   : out_rejected_port};
	call.flags = random.pick(flags);
	call.data = is_ping(kind) ? ping_data(random) : any_data(random, random.below(200));
	return call;
}

} // namespace diff
