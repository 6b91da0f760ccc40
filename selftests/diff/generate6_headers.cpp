// SPDX-License-Identifier: GPL-2.0-only
//
// Everything around a message: headers, addresses, fragments.

#include "generate6.hpp"
#include "generate_data.hpp"

#include <algorithm>
#include <array>

namespace diff::six {

namespace {

Address any_destination(Random &random, Packet6 &packet)
{
	static constexpr std::array<Address, 5> groups{packet6::all_nodes, packet6::all_nodes,
						       joined_group, joined_group, other_group};

	switch (random.below(9)) {
	case 0:
	case 1:
	case 2:
		packet.cast = wire::Cast::multicast;
		return random.pick(groups);
	case 3:
		return anycast_address;
	case 4:
		return routers_anycast;
	case 5:
		return host_link;
	case 6:
		return random.percent(50) ? remote(random.byte()) : loopback;
	case 7:
		packet.cast = wire::Cast::multicast;
		return host_address;
	default:
		return second_address;
	}
}

/// Options of a hop-by-hop or destination options header: known and unknown, of all four kinds of what to do with those.
Bytes any_options(Random &random)
{
	Bytes options;

	for (unsigned n = random.below(3); n; n--) {
		std::uint8_t type = random.percent(60) ? 1 : random.byte();
		// A jumbo payload, or a router alert.
		if (random.percent(8))
			type = random.percent(50) ? 0xc2 : 5;
		options =
			packet::concat({options, packet6::option(type, Bytes(random.below(6), 0))});
	}
	if (random.percent(8) && !options.empty())
		options[random.below(options.size())] = random.byte();
	return options;
}

void add_routing(Random &random, Packet6 &packet)
{
	static constexpr std::array<std::uint8_t, 5> types{0, 2, 4, 4, 3};
	std::vector<Address> segments{packet.ip.destination};

	if (random.percent(40))
		segments.push_back(random.percent(50) ? second_address : remote(1));
	packet.ip.extensions.push_back(packet6::routing(
		random.pick(types),
		static_cast<std::uint8_t>(random.percent(65) ? 0 : random.below(3)), segments));
	if (random.percent(15))
		packet.ip.extensions.back().contents[random.below(6)] ^= random.byte();
}

void add_extensions(Random &random, Packet6 &packet)
{
	static constexpr std::array<Address, 3> homes{remote(5), packet6::client, gateway};
	auto &extensions = packet.ip.extensions;

	if (random.percent(35))
		extensions.push_back({packet6::hop_by_hop, any_options(random)});
	if (random.percent(35))
		extensions.push_back({packet6::destination_options, any_options(random)});
	if (random.percent(30))
		add_routing(random, packet);
	if (random.percent(25)) {
		const Address home = random.pick(homes);
		extensions.push_back(packet6::home_address(home));
		packet.from = home;
	}
	// In another order than there should be.
	if (extensions.size() > 1 && random.percent(10))
		std::swap(extensions.front(), extensions.back());
}

/// The first two begin at the same place, or a byte apart; RFC 5722 has all of it thrown away then.
void overlap(Random &random, std::vector<packet6::Ipv6> &parts)
{
	packet6::Ipv6 &part = parts[random.below(parts.size())];

	if (part.fragment && part.fragment->offset >= 8)
		part.fragment->offset -= 8;
	else
		part.payload.resize(part.payload.size() + 8);
}

/// What has a checksum gets it before it is cut.
Bytes whole_payload(const Packet6 &packet)
{
	Packet6 plain{.ip = packet.ip, .sum = packet.sum, .from = packet.from, .to = packet.to};

	plain.ip.extensions.clear();
	const Bytes bytes = datagram_of(plain, {});
	return {bytes.end() - static_cast<std::ptrdiff_t>(packet.ip.payload.size()), bytes.end()};
}

} // namespace

void vary(Random &random, Packet6 &packet)
{
	packet6::Ipv6 &ip = packet.ip;
	const Patch *patch = packet.patch ? &*packet.patch : nullptr;
	const Address destination = ip.destination;

	if (random.percent(15))
		ip.traffic_class = random.byte();
	if (random.percent(20))
		ip.flow_label = random.below(1 << 20);
	if (random.percent(5))
		ip.hop_limit = random.byte();
	if (random.percent(25) && ip.protocol == IPPROTO_ICMPV6 && ip.hop_limit != 255)
		ip.source = any_source(random);
	if (random.percent(20))
		ip.destination = any_destination(random, packet);
	if (random.percent(20))
		add_extensions(random, packet);
	if (random.percent(10))
		packet.padding = static_cast<std::uint8_t>(random.below(30));
	if (random.percent(1))
		packet.version = static_cast<std::uint8_t>(random.below(16));
	if (random.percent(3))
		packet.length_lie = static_cast<int>(random.below(40)) - 30;
	// A checksum over a random number that is not right, or that is not where it should be, cannot be masked.
	if (patch && (packet.length_lie || packet.sum != Sum::right ||
		      ip.destination != destination || !ip.extensions.empty()))
		packet.patch.reset();
}

std::vector<Step> any_fragments(Random &random, Packet6 packet)
{
	std::vector<Step> steps;

	packet.patch.reset();
	if (packet.has_icmp())
		packet.ip.payload = whole_payload(packet);
	const auto id = static_cast<std::uint32_t>(random.next());
	std::vector<packet6::Ipv6> parts;
	const std::size_t kept =
		packet.ip.extensions.empty() ? 0 : random.below(packet.ip.extensions.size() + 1);
	if (random.percent(15)) {
		parts = {packet6::with_headers_in_payload(packet.ip, kept)};
		parts.front().fragment = packet6::Fragment{.id = id};
	} else {
		std::size_t headers = 48;
		for (std::size_t i = 0; i < kept; i++)
			headers += (2 + packet.ip.extensions[i].contents.size() + 7) / 8 * 8;
		std::size_t mtu = headers + 8 * std::size_t{random.between(1, 90)};
		if (packet.ip.payload.size() / (mtu - headers) > 12)
			mtu = 1500;
		parts = packet6::fragment(packet.ip, mtu, id, kept);
	}
	if (random.percent(50)) {
		for (std::size_t i = parts.size(); i > 1; i--)
			std::swap(parts[i - 1], parts[random.below(i)]);
	}
	if (random.percent(15))
		overlap(random, parts);
	if (random.percent(15))
		parts.erase(parts.begin() +
			    static_cast<std::ptrdiff_t>(random.below(parts.size())));
	steps.reserve(parts.size());
	for (packet6::Ipv6 &part : parts)
		steps.push_back({.packet6 = Packet6{.ip = std::move(part),
						    .cast = packet.cast,
						    .padding = packet.padding}});
	return steps;
}

} // namespace diff::six
