// SPDX-License-Identifier: GPL-2.0-only
//
// Requests, PROBE, neighbour and listener discovery.

#include "generate6.hpp"
#include "generate_data.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace diff::six {

using packet6::Type;

Address any_source(Random &random)
{
	static constexpr std::array<Address, 8> odd{
		Address{}, loopback,	   packet6::all_nodes, host_address,
		host_link, second_address, anycast_address,    joined_group};

	switch (random.below(10)) {
	case 0:
		return random.pick(odd);
	case 1:
		return odd_host(random.percent(50) ? unreachable : prohibited, random.byte());
	case 2:
	case 3:
		return remote(static_cast<std::uint8_t>(random.below(10)));
	case 4:
		return other_gateway;
	case 5:
		return gateway;
	default:
		return packet6::client;
	}
}

namespace {

Sum any_sum(Random &random)
{
	static constexpr std::array sums{Sum::wrong, Sum::zero, Sum::absent, Sum::absent_garbage};

	return random.percent(78) ? Sum::right : random.pick(sums);
}

std::uint16_t any_id(Random &random) { return static_cast<std::uint16_t>(random.between(99, 106)); }

Bytes of(const Address &address) { return {address.begin(), address.end()}; }

Bytes probe_object(Random &random)
{
	static constexpr std::array<std::string_view, 5> names{"wire0", "lo", "wire1", "",
							       "0123456789abcdef"};
	static constexpr std::array<Address, 5> addresses{host_address, host_link, second_address,
							  remote(1), anycast_address};
	std::uint8_t c_type = static_cast<std::uint8_t>(random.between(1, 3));
	Bytes identity;

	if (c_type == 1) {
		const std::string_view name = random.pick(names);
		identity.assign(name.begin(), name.end());
		if (random.percent(70))
			identity.resize((identity.size() + 3) / 4 * 4);
	} else if (c_type == 2) {
		packet::put32(identity, random.below(5));
	} else {
		const bool four = random.percent(30);
		identity = {0, static_cast<std::uint8_t>(four ? 1 : 2),
			    static_cast<std::uint8_t>(four ? 4 : 16), 0};
		if (four)
			packet::put32(identity, random.percent(50) ? 0x7f000001 : 0x0a000001);
		else
			identity = packet::concat({identity, of(random.pick(addresses))});
		if (random.percent(10))
			identity[random.below(4)] ^= static_cast<std::uint8_t>(1 + random.below(4));
	}
	if (random.percent(5))
		c_type = random.byte();
	Bytes object;
	packet::put16(object, static_cast<std::uint16_t>(random.percent(10) ? random.below(40)
									    : 4 + identity.size()));
	object.push_back(3);
	object.push_back(c_type);
	return packet::concat({object, identity});
}

/// Types that the built-in code has work for that goes on later: not for any message.
bool is_discovery(std::uint8_t type)
{
	return (type >= Type::mld_query && type <= Type::redirect) || type == Type::mld2_report;
}

} // namespace

Packet6 any_message(Random &random)
{
	static constexpr std::array<std::uint8_t, 8> rare{Type::node_information_query,
							  Type::node_information_reply,
							  144,
							  145,
							  151,
							  153,
							  155,
							  200};
	packet6::Icmp icmp =
		packet6::echo_request(any_id(random), static_cast<std::uint16_t>(random.below(3)),
				      any_data(random, any_length(random)));
	Packet6 packet;

	switch (random.below(12)) {
	case 0:
	case 1:
		icmp.type = Type::echo_reply;
		break;
	case 2:
		icmp.type = random.pick(rare);
		break;
	case 3:
		icmp.type = random.byte();
		break;
	default:
		break;
	}
	if (is_discovery(icmp.type))
		icmp.type = Type::echo;
	if (random.percent(15))
		icmp.code = random.byte();
	if (random.percent(5))
		icmp.rest = 0;
	packet.ip = packet6::datagram(icmp);
	if (random.percent(5))
		packet.ip.payload.resize(random.below(9));
	if (random.percent(2))
		packet.ip.payload.assign(random.below(40), 0);
	packet.sum = any_sum(random);
	return packet;
}

Packet6 any_probe(Random &random)
{
	packet6::Icmp icmp{
		.type = static_cast<std::uint8_t>(random.percent(90) ? Type::extended_echo
								     : Type::extended_echo_reply),
		.code = static_cast<std::uint8_t>(random.percent(90) ? 0 : random.byte()),
		.rest = packet::id_sequence(
			any_id(random),
			static_cast<std::uint16_t>(random.percent(85) ? 1 : random.below(65536)))};
	Packet6 packet;

	icmp.data = packet::concat({Bytes{0x20, 0, 0, 0}, probe_object(random)});
	if (random.percent(10))
		icmp.data.resize(random.below(icmp.data.size() + 1));
	if (random.percent(10))
		icmp.data.resize(icmp.data.size() + random.below(60), 0xaa);
	packet.ip = packet6::datagram(icmp);
	packet.sum = any_sum(random);
	return packet;
}

Packet6 any_discovery(Random &random)
{
	static constexpr std::array<Address, 5> targets{host_address, second_address, host_link,
							anycast_address, remote(1)};
	static constexpr std::array types{
		Type::router_solicitation,     Type::router_advertisement,
		Type::neighbour_solicitation,  Type::neighbour_solicitation,
		Type::neighbour_advertisement, Type::redirect};
	const Type type = random.pick(types);
	const bool redirect = type == Type::redirect;
	packet6::Icmp icmp{.type = type, .rest = 0};
	Packet6 packet;

	if (type == Type::neighbour_advertisement)
		icmp.rest = random.below(8) << 29;
	if (redirect)
		icmp.data = of(random.percent(70) ? other_gateway : random.pick(targets));
	else if (type != Type::router_solicitation)
		icmp.data =
			type == Type::router_advertisement ? Bytes(8) : of(random.pick(targets));
	if (redirect)
		icmp.data = packet::concat(
			{icmp.data, of(remote(static_cast<std::uint8_t>(random.below(9))))});
	if (random.percent(60))
		icmp.data = packet::concat(
			{icmp.data, Bytes{static_cast<std::uint8_t>(random.percent(50) ? 1 : 2), 1,
					  2, 0, 0, 0, 0, 1}});
	if (random.percent(5))
		icmp.data.resize(random.below(icmp.data.size() + 1));
	if (random.percent(5))
		icmp.code = 1;
	packet.ip = packet6::datagram(
		icmp, {.source = redirect	      ? gateway
				 : random.percent(80) ? packet6::client
						      : gateway,
		       .destination = random.percent(70) ? host_address : host_link});
	packet.ip.hop_limit = random.percent(92) ? 255 : 64;
	packet.sum = random.percent(92) ? Sum::right : any_sum(random);
	return packet;
}

Packet6 any_query(Random &random)
{
	const bool general = random.percent(60);
	const bool second_version = random.percent(60);
	packet6::Icmp icmp{.type = Type::mld_query, .rest = 0, .data = Bytes(16)};
	Packet6 packet;

	if (!general)
		icmp.data = of(random.percent(70) ? joined_group : other_group);
	// A robustness of 1 and an interval.
	if (second_version)
		icmp.data = packet::concat({icmp.data, Bytes{1, 125, 0, 0}});
	if (random.percent(15))
		icmp.type = random.percent(50) ? Type::mld_done : Type::mld2_report;
	if (random.percent(5))
		icmp.data.resize(random.below(icmp.data.size() + 1));
	packet.ip = packet6::datagram(icmp,
				      {.source = random.percent(90) ? gateway : packet6::client,
				       .destination = general ? packet6::all_nodes : joined_group});
	packet.cast = wire::Cast::multicast;
	packet.ip.hop_limit = 1;
	if (random.percent(85))
		packet.ip.extensions = {{packet6::hop_by_hop, packet6::option(5, Bytes{0, 0})}};
	packet.sum = random.percent(92) ? Sum::right : Sum::wrong;
	return packet;
}

} // namespace diff::six
