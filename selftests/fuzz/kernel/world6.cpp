// SPDX-License-Identifier: GPL-2.0-only
//
// Packets of IPv6 in.

#include "world.hpp"

#include <algorithm>
#include <iterator>

namespace kernel {

using packet6::Address;
using packet6::Bytes;
using packet6::Ipv6;
using packet6::Type;

namespace {

constexpr std::uint8_t types[] = {
	Type::echo,
	Type::echo_reply,
	Type::unreachable,
	Type::too_big,
	Type::time_exceeded,
	Type::parameter_problem,
	Type::extended_echo,
	Type::extended_echo_reply,
	Type::node_information_query,
	Type::node_information_reply,
	Type::mld_query,
	Type::neighbour_solicitation,
	Type::neighbour_advertisement,
	Type::router_advertisement,
	Type::redirect,
};

const Address addresses[] = {
	packet6::client,
	packet6::server,
	packet6::ipv6("fd01::1"),
	packet6::ipv6("fd01::2"),
	packet6::ipv6("ff02::1"),
	packet6::ipv6("ff02::2"),
	packet6::ipv6("ff02::1:ff00:2"),
	packet6::ipv6("ff02::2:ffc1:5e6e"),
	packet6::ipv6("fe80::1"),
	packet6::ipv6("fe80::2"),
	packet6::ipv6("::1"),
	packet6::ipv6("::"),
	packet6::ipv6("fd00::"),
	packet6::ipv6("2001:db8::1"),
	packet6::ipv6("2001:db8:1::1"),
	packet6::ipv6("2001:db8:2::1"),
	packet6::ipv6("::ffff:10.0.0.1"),
};

/// @p index by one of the addresses that mean something; half of them are @p usual.
Address address_of(std::uint8_t index, const Address &usual)
{
	return index < 128 ? usual : addresses[index % std::size(addresses)];
}

packet::Checksum checksum_of(const Op &op)
{
	return op.has(wrong_checksum) ? packet::Checksum::wrong : packet::Checksum::right;
}

/// One or two extension headers, their contents from the operation's bytes.
std::vector<packet6::Extension> extensions(const Op &op)
{
	constexpr std::uint8_t kinds[] = {packet6::hop_by_hop, packet6::destination_options};
	const std::uint8_t kind = kinds[op.part % 2];
	std::vector<packet6::Extension> all;

	switch (op.part / 2 % 4) {
	case 0:
		all.push_back({kind, packet6::option(op.bytes[0], fill(op, op.bytes[1] % 16))});
		break;
	case 1:
		all.push_back({kind, fill(op, op.bytes[1] % 40)});
		break;
	case 2:
		all.push_back(packet6::routing(op.bytes[0] % 6, op.bytes[1] % 4,
					       {addresses[op.bytes[2] % std::size(addresses)]}));
		break;
	default:
		all.push_back(packet6::home_address(addresses[op.bytes[2] % std::size(addresses)]));
		break;
	}
	if (op.part & 0x80)
		all.push_back({packet6::destination_options, Bytes(6)});
	return all;
}

wire::Cast cast_of(const Address &destination)
{
	return destination[0] == 0xff ? wire::Cast::multicast : wire::Cast::unicast;
}

} // namespace

Ipv6 World::recent6(const Op &op) const
{
	if (recent6_.empty())
		return {.source = packet6::server,
			.destination = packet6::client,
			.protocol = op.part,
			.payload = fill(op, 48)};
	return recent6_[op.slot % recent6_.size()];
}

void World::send(Ipv6 datagram, const Op &op)
{
	datagram.traffic_class = op.tos;
	// Neighbour discovery believes nothing that was forwarded.
	datagram.hop_limit = op.ttl ? op.ttl : 255;
	if (op.has(with_options))
		datagram.extensions = extensions(op);
	if (op.has(fragment))
		datagram.fragment = {.offset = static_cast<std::uint16_t>((op.code >> 1) * 8),
				     .more = (op.code & 1) != 0};
	send(datagram.build(), op, 54, cast_of(datagram.destination));
}

void World::packet6(const Op &op)
{
	packet::Icmp icmp{.type = op.has(as_it_is) ? op.type : types[op.type % std::size(types)],
			  .code = op.code,
			  .rest = op.rest,
			  .data = fill(op, size_of(op))};

	if (!op.has(as_it_is))
		icmp.code %= 3;
	Ipv6 datagram = packet6::datagram(icmp,
					  {address_of(op.source, packet6::client),
					   address_of(op.destination, packet6::server)},
					  checksum_of(op));
	if (op.has(as_it_is) && op.size < 8)
		datagram.payload.resize(op.size);
	send(std::move(datagram), op);
}

/// An error about what came out not long ago, or about what looks like it.
void World::error6(const Op &op)
{
	const Ipv6 embedded = recent6(op);
	packet::Icmp icmp{.type = static_cast<std::uint8_t>(1 + op.type % 4),
			  .code = static_cast<std::uint8_t>(op.code % 9),
			  .rest = op.rest,
			  .data = embedded.build()};

	if (!op.has(large))
		icmp.data.resize(std::min<std::size_t>(icmp.data.size(), op.size % 600));
	if (op.has(as_it_is))
		for (std::size_t i = 0; i + 1 < 8 && !icmp.data.empty(); i += 2)
			icmp.data[op.bytes[i] % icmp.data.size()] ^= op.bytes[i + 1];
	send(packet6::datagram(icmp,
			       {address_of(op.source, embedded.destination),
				address_of(op.destination, embedded.source)},
			       checksum_of(op)),
	     op);
}

/// The reply to what came out not long ago, if that was a request.
void World::answer6(const Op &op)
{
	const Ipv6 request = recent6(op);
	auto icmp = packet6::parse_icmp(request);

	if (!icmp)
		return;
	icmp->type =
		icmp->type == Type::extended_echo ? Type::extended_echo_reply : Type::echo_reply;
	icmp->rest ^= op.rest & 0xffff;
	send(packet6::datagram(*icmp, {address_of(op.source, request.destination), request.source},
			       checksum_of(op)),
	     op);
}

/// What this host has no use for, and may send an error about: closed ports, unknown protocols, what it is to forward.
void World::other6(const Op &op)
{
	constexpr std::uint8_t protocols[] = {17, 17, 6, 99, 58, 41, 59, 50};

	send(Ipv6{.source = address_of(op.source, packet6::client),
		  .destination = addresses[op.destination % std::size(addresses)],
		  .protocol =
			  op.has(as_it_is) ? op.type : protocols[op.type % std::size(protocols)],
		  .payload = fill(op, size_of(op))},
	     op);
}

} // namespace kernel
