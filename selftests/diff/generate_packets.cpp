// SPDX-License-Identifier: GPL-2.0-only
//
// Requests, PROBE, what causes errors, and everything around a message.

#include "generate.hpp"
#include "sockets.hpp"

#include <algorithm>
#include <array>

namespace diff {

using packet::Type;

Bytes any_data(Random &random, std::size_t size)
{
	switch (random.below(6)) {
	case 0:
		return Bytes(size, 0);
	case 1:
		return Bytes(size, 0xff);
	default:
		return packet::pattern(size, random.byte());
	}
}

std::size_t any_length(Random &random)
{
	// What the smallest datagram that all hosts take, an MTU, a page have room for, and one byte around those.
	static constexpr std::array<std::size_t, 9> edges{12,	56,   520,  548, 568,
							  1252, 1472, 2048, 4000};

	switch (random.below(8)) {
	case 0:
		return random.below(64);
	case 1:
	case 2:
		return random.pick(edges) + random.below(9) - 4;
	case 3:
		return random.percent(4) ? random.below(20000) : random.below(1472);
	case 4:
		return 0;
	default:
		return random.below(100);
	}
}

Address any_source(Random &random)
{
	static constexpr std::array<Address, 12> odd{
		0,	    0x7f000001, 0xffffffff, 0xe0000001,	    0xf0000001, host_address,
		0x0a0000ff, 0x0a000000, 0x00000001, second_address, 0xefffffff, 0x7fffffff};

	switch (random.below(10)) {
	case 0:
		return random.pick(odd);
	case 1:
		return unreachable_host(random.byte());
	case 2:
	case 3:
		return remote(static_cast<std::uint8_t>(random.below(10)));
	case 4:
		return other_gateway;
	default:
		return gateway_address;
	}
}

namespace {

Address any_destination(Random &random, Packet &packet)
{
	static constexpr std::array<Address, 4> broadcast{0x0a0000ff, 0xffffffff, 0x0a000000,
							  0x0affffff};
	static constexpr std::array<Address, 3> multicast{0xe0000001, 0xe0000005, 0xef010101};

	switch (random.below(8)) {
	case 0:
		packet.cast = wire::Cast::broadcast;
		return random.pick(broadcast);
	case 1:
		packet.cast = wire::Cast::multicast;
		return random.pick(multicast);
	case 2:
		return 0x7f000001;
	case 3:
		return remote(random.byte());
	case 4:
		return unreachable_host(1);
	case 5:
		packet.cast = wire::Cast::broadcast;
		return host_address;
	default:
		return second_address;
	}
}

Sum any_sum(Random &random)
{
	static constexpr std::array sums{Sum::wrong, Sum::zero, Sum::absent, Sum::absent_garbage};

	return random.percent(75) ? Sum::right : random.pick(sums);
}

void put_ports(Bytes &bytes, std::uint16_t from, std::uint16_t to)
{
	packet::put16(bytes, from);
	packet::put16(bytes, to);
}

/// A SYN to the listener: what answers it is a connection that is half made.
Bytes syn(const packet::Ipv4 &ip)
{
	Bytes pseudo, segment;

	put_ports(segment, syn_port, listener_port);
	packet::put32(segment, 5000);
	packet::put32(segment, 0);
	packet::put16(segment, 0x5002);
	packet::put16(segment, 8192);
	packet::put32(segment, 0);
	packet::put32(pseudo, ip.source);
	packet::put32(pseudo, ip.destination);
	packet::put16(pseudo, IPPROTO_TCP);
	packet::put16(pseudo, static_cast<std::uint16_t>(segment.size()));
	std::uint16_t sum = packet::checksum(packet::concat({pseudo, segment}));
	segment[16] = static_cast<std::uint8_t>(sum >> 8);
	segment[17] = static_cast<std::uint8_t>(sum);
	return segment;
}

Bytes probe_object(Random &random)
{
	static constexpr std::array<std::string_view, 5> names{"wire0", "lo", "wire1", "",
							       "0123456789abcdef"};
	Bytes identity;
	std::uint8_t c_type = static_cast<std::uint8_t>(random.between(1, 3));

	if (c_type == 1) {
		std::string_view name = random.pick(names);
		identity.assign(name.begin(), name.end());
		if (random.percent(70))
			identity.resize((identity.size() + 3) / 4 * 4);
	} else if (c_type == 2) {
		packet::put32(identity, random.below(5));
	} else {
		bool six = random.percent(30);
		packet::put16(identity, six ? 2 : 1);
		identity.push_back(six ? 16 : 4);
		identity.push_back(0);
		if (six)
			identity.resize(20);
		else
			packet::put32(identity, random.percent(70) ? host_address : remote(1));
		if (random.percent(10))
			identity[random.below(4)] ^= static_cast<std::uint8_t>(1 + random.below(4));
	}
	if (random.percent(5))
		c_type = random.byte();
	Bytes object;
	auto length = static_cast<std::uint16_t>(4 + identity.size());
	packet::put16(object,
		      random.percent(10) ? static_cast<std::uint16_t>(random.below(40)) : length);
	object.push_back(3);
	object.push_back(c_type);
	object.insert(object.end(), identity.begin(), identity.end());
	return object;
}

} // namespace

Packet any_message(Random &random)
{
	static constexpr std::array<std::uint8_t, 6> rare{Type::echo_reply, 15, 16, 17, 18, 13};
	Packet packet;
	packet::Icmp icmp{
		.rest = packet::id_sequence(static_cast<std::uint16_t>(random.between(99, 106)),
					    static_cast<std::uint16_t>(random.below(3)))};
	unsigned kind = random.below(10);

	if (kind >= 6)
		icmp.type = kind == 6	? static_cast<std::uint8_t>(Type::echo_reply)
			    : kind == 7 ? static_cast<std::uint8_t>(Type::timestamp)
			    : kind == 8 ? random.pick(rare)
					: random.byte();
	// Those are for any_error() to make.
	if (icmp.type == Type::redirect)
		icmp.type = Type::echo;
	if (random.percent(15))
		icmp.code = random.byte();
	if (random.percent(5))
		icmp.rest = 0;
	icmp.data = any_data(random, any_length(random));
	packet.ip = packet::datagram(icmp);
	if (random.percent(2))
		packet.ip = packet::datagram(packet::echo_request(0, 0, Bytes(random.below(60))));
	if (random.percent(5))
		packet.ip.payload.resize(random.below(9));
	if (random.percent(3))
		packet.ip.payload.assign(random.below(40), 0);
	packet.sum = any_sum(random);
	return packet;
}

Packet any_probe(Random &random)
{
	packet::Icmp icmp{
		.type = static_cast<std::uint8_t>(random.percent(90) ? Type::extended_echo
								     : Type::extended_echo_reply),
		.code = static_cast<std::uint8_t>(random.percent(90) ? 0 : random.byte()),
		.rest = packet::id_sequence(
			static_cast<std::uint16_t>(random.between(99, 106)),
			static_cast<std::uint16_t>(random.percent(85) ? 1 : random.below(65536)))};
	Bytes object = probe_object(random);
	Packet packet;

	icmp.data = {0x20, 0, 0, 0};
	icmp.data.insert(icmp.data.end(), object.begin(), object.end());
	if (random.percent(10))
		icmp.data.resize(random.below(icmp.data.size() + 1));
	if (random.percent(10))
		icmp.data.resize(icmp.data.size() + random.below(60), 0xaa);
	packet.ip = packet::datagram(icmp);
	packet.sum = any_sum(random);
	return packet;
}

Packet any_cause(Random &random)
{
	Packet packet;
	packet::Ipv4 &ip = packet.ip;

	ip.source = random.percent(70) ? gateway_address : any_source(random);
	ip.protocol = IPPROTO_UDP;
	switch (random.below(8)) {
	case 0:
		ip.protocol = random.byte();
		ip.payload = any_data(random, random.below(80));
		break;
	case 1:
		ip.destination = remote(1);
		ip.ttl = static_cast<std::uint8_t>(random.below(3));
		break;
	case 2:
		ip.destination = unreachable_host(2);
		break;
	case 3:
		ip.destination = remote(1);
		ip.df = true;
		ip.payload.resize(random.between(200, 1700));
		break;
	case 4:
		ip.protocol = IPPROTO_TCP;
		ip.source = remote(9);
		ip.payload = syn(ip);
		return packet;
	case 5:
		ip.options = any_options(random);
		break;
	default:
		break;
	}
	if (ip.payload.empty() || ip.protocol == IPPROTO_UDP) {
		Bytes udp;
		auto size = static_cast<std::uint16_t>(8 + random.below(40));

		put_ports(udp, 4000, static_cast<std::uint16_t>(random.between(998, 1007)));
		packet::put16(udp, size);
		packet::put16(udp, 0);
		udp.resize(std::max<std::size_t>(size, ip.payload.size()));
		ip.payload = std::move(udp);
	}
	return packet;
}

void vary(Random &random, Packet &packet)
{
	packet::Ipv4 &ip = packet.ip;

	if (random.percent(15))
		ip.tos = random.byte();
	if (random.percent(10))
		ip.ttl = random.byte();
	if (random.percent(15))
		ip.df = true;
	if (random.percent(25) && ip.protocol == IPPROTO_ICMP)
		ip.source = any_source(random);
	if (random.percent(15))
		ip.destination = any_destination(random, packet);
	if (random.percent(10))
		ip.options = any_options(random);
	if (random.percent(10))
		packet.padding = static_cast<std::uint8_t>(random.below(30));
	if (random.percent(2))
		packet.reserved_flag = true;
	if (random.percent(1))
		packet.header_checksum_wrong = true;
	if (random.percent(1))
		packet.version = static_cast<std::uint8_t>(random.below(16));
	if (random.percent(2))
		packet.header_lie = static_cast<int>(random.between(1, 12)) - 6;
	if (random.percent(3))
		packet.length_lie = static_cast<int>(random.below(40)) - 30;
	ip.id = static_cast<std::uint16_t>(random.next());
	// A checksum over a random number that is not right, or that is not where it should be, cannot be masked.
	if (packet.header_lie || packet.length_lie || packet.sum == Sum::wrong ||
	    packet.sum == Sum::absent_garbage)
		packet.patch.reset();
}

} // namespace diff
