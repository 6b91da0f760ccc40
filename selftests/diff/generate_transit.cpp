// SPDX-License-Identifier: GPL-2.0-only
//
// What a router cannot pass on, or may not, and fragments that stay alone.

#include "generate.hpp"
#include "router.hpp"
#include "sockets.hpp"

#include <array>

namespace diff {

namespace {

Bytes any_datagram(Random &random, std::uint16_t port, std::size_t size)
{
	Bytes udp;

	packet::put16(udp, 4000);
	packet::put16(udp, port);
	packet::put16(udp, static_cast<std::uint16_t>(8 + size));
	packet::put16(udp, 0);
	Bytes data = any_data(random, size);
	udp.insert(udp.end(), data.begin(), data.end());
	return udp;
}

Address any_hop(Random &random)
{
	static constexpr std::array odd{blackhole, prohibited, thrown, unreachable_host(1)};

	switch (random.below(8)) {
	case 0:
		return random.pick(odd);
	case 1:
		return random.percent(50) ? host_address : second_address;
	case 2:
		return remote(random.byte());
	case 3:
		// The router's own address there, and the network's broadcast ones.
		return far(random.percent(50) ? 1 : random.percent(50) ? 0 : 255);
	default:
		return far(static_cast<std::uint8_t>(random.between(2, 9)));
	}
}

} // namespace

Packet any_transit(Random &random)
{
	const auto port =
		static_cast<std::uint16_t>(random.between(first_rejected_port, out_rejected_port));
	Packet packet;
	packet::Ipv4 &ip = packet.ip;

	ip.source = any_source(random);
	ip.destination = any_hop(random);
	ip.df = random.percent(50);
	ip.protocol = IPPROTO_UDP;
	// Too large for the network behind, just not, or small.
	std::size_t size = random.percent(40) ? random.between(0, 60)
					      : random.between(far_mtu - 40, far_mtu + 20);
	if (random.percent(10))
		size = random.between(0, 1472);
	ip.payload = any_datagram(
		random, random.percent(60) ? port : static_cast<std::uint16_t>(2000), size);
	if (random.percent(25))
		ip.ttl = static_cast<std::uint8_t>(random.below(3));
	if (random.percent(15))
		ip.payload = any_message(random).ip.payload, ip.protocol = IPPROTO_ICMP;
	if (random.percent(10))
		ip.protocol = random.byte();
	return packet;
}

Packet lone_fragment(Random &random)
{
	Packet packet = random.percent(50)   ? any_transit(random)
			: random.percent(50) ? any_error(random)
					     : any_message(random);
	packet::Ipv4 &ip = packet.ip;

	// A number inside it that is random could not be masked.
	packet.patch.reset();
	ip.destination = random.percent(80) ? host_address : any_hop(random);
	ip.df = false;
	ip.mf = true;
	ip.payload.resize((ip.payload.size() + 15) / 8 * 8);
	if (random.percent(20)) {
		ip.fragment_offset = static_cast<std::uint16_t>(random.between(1, 100));
		ip.mf = random.percent(50);
	}
	vary(random, packet);
	return packet;
}

} // namespace diff
