// SPDX-License-Identifier: GPL-2.0-only
//
// What is not ICMPv6: causes of errors, what a router passes on, and what programs send.

#include "generate6.hpp"
#include "generate_data.hpp"
#include "sockets6.hpp"

#include <array>

namespace diff::six {

namespace {

void put_sum(Bytes &bytes, std::size_t at, const packet6::Ipv6 &ip)
{
	store16(bytes, at, 0);
	store16(bytes, at,
		packet::checksum(bytes, packet6::pseudo_header(ip.source, ip.destination,
							       bytes.size(), ip.protocol)));
}

/// A UDP datagram to @p port, with a checksum for the addresses of @p ip.
Bytes udp(Random &random, const packet6::Ipv6 &ip, std::uint16_t port, std::size_t size)
{
	Bytes datagram;

	packet::put16(datagram, 4000);
	packet::put16(datagram, port);
	packet::put16(datagram, static_cast<std::uint16_t>(8 + size));
	packet::put16(datagram, 0);
	datagram = packet::concat({datagram, any_data(random, size)});
	put_sum(datagram, 6, ip);
	return datagram;
}

/// A SYN to the listener: what answers it is a connection that is half made.
Bytes syn(const packet6::Ipv6 &ip)
{
	Bytes segment;

	packet::put16(segment, syn_port);
	packet::put16(segment, listener_port);
	packet::put32(segment, 5000);
	packet::put32(segment, 0);
	packet::put16(segment, 0x5002);
	packet::put16(segment, 8192);
	packet::put32(segment, 0);
	put_sum(segment, 16, ip);
	return segment;
}

/// A request for a ping socket to send, or what is none.
Bytes ping_data(Random &random)
{
	constexpr std::uint8_t echo = packet6::echo, probe = packet6::extended_echo;
	std::uint8_t type = random.percent(85) ? echo : random.percent(50) ? probe : random.byte();
	Bytes message{type, static_cast<std::uint8_t>(random.percent(95) ? 0 : 1), 0, 0, 0, 0};

	packet::put16(message, static_cast<std::uint16_t>(random.below(4)));
	message = packet::concat(
		{message,
		 any_data(random, random.percent(80) ? random.below(100) : any_length(random))});
	if (random.percent(5))
		message.resize(random.below(8));
	return message;
}

} // namespace

Packet6 any_cause(Random &random)
{
	Packet6 packet;
	packet6::Ipv6 &ip = packet.ip;
	const auto port = static_cast<std::uint16_t>(random.between(998, 1007));

	ip.source = random.percent(70) ? packet6::client : any_source(random);
	ip.protocol = IPPROTO_UDP;
	switch (random.below(6)) {
	case 0:
		ip.protocol = random.byte();
		ip.payload = any_data(random, random.below(80));
		// A message of any kind would be one of those that timers answer.
		if (ip.protocol == IPPROTO_ICMPV6)
			ip.protocol = packet6::nothing;
		return packet;
	case 1:
		ip.destination = remote(1);
		break;
	case 2:
		ip.destination = odd_host(unreachable, 2);
		break;
	case 3:
		ip.protocol = IPPROTO_TCP;
		ip.source = remote(9);
		ip.payload = syn(ip);
		return packet;
	default:
		break;
	}
	ip.payload =
		udp(random, ip, port, random.percent(80) ? random.below(40) : any_length(random));
	return packet;
}

Packet6 any_transit(Random &random)
{
	Packet6 packet;
	packet6::Ipv6 &ip = packet.ip;

	ip.source = any_source(random);
	ip.protocol = IPPROTO_UDP;
	switch (random.below(8)) {
	case 0:
		ip.destination = odd_host(random.percent(50)   ? unreachable
					  : random.percent(50) ? prohibited
							       : blackhole,
					  random.byte());
		break;
	case 1:
		ip.destination = random.percent(50) ? host_address : far_address;
		break;
	case 2:
		ip.destination = remote(random.byte());
		break;
	case 3:
		ip.destination = random.percent(50) ? routers_anycast : far(0);
		break;
	default:
		ip.destination = far(static_cast<std::uint8_t>(random.between(3, 9)));
		break;
	}
	// Too large for the network behind, just not, or small.
	ip.payload = udp(random, ip, 2000,
			 random.percent(60) ? random.between(0, 60)
					    : random.between(far_mtu - 68, far_mtu + 60));
	if (random.percent(25))
		ip.hop_limit = static_cast<std::uint8_t>(random.below(3));
	if (random.percent(20)) {
		ip.protocol = IPPROTO_ICMPV6;
		ip.payload = any_message(random).ip.payload;
	}
	return packet;
}

Packet6 lone_fragment(Random &random)
{
	Packet6 packet = random.percent(50)   ? any_cause(random)
			 : random.percent(50) ? any_error(random)
					      : any_message(random);
	packet6::Ipv6 &ip = packet.ip;

	// A number inside it that is random could not be masked.
	packet.patch.reset();
	ip.destination = host_address;
	ip.payload.resize((ip.payload.size() + 15) / 8 * 8);
	ip.fragment =
		packet6::Fragment{.more = true, .id = static_cast<std::uint32_t>(random.next())};
	if (random.percent(20)) {
		ip.fragment->offset = static_cast<std::uint16_t>(random.between(1, 100) * 8);
		ip.fragment->more = random.percent(50);
	}
	return packet;
}

Call6 any_call(Random &random)
{
	static constexpr std::array<Address, 9> destinations{
		packet6::client, remote(1),    remote(8), odd_host(unreachable, 1), host_address,
		loopback,	 joined_group, far(3),	  anycast_address};
	Call6 call;

	do {
		call.socket = static_cast<std::uint8_t>(random.below(socket_kinds6.size()));
	} while (is_tcp(socket_kinds6.at(call.socket)) ||
		 socket_kinds6.at(call.socket).has(K6::header_included) ||
		 (random.percent(60) && !is_ping(socket_kinds6.at(call.socket))));
	const SocketKind6 &kind = socket_kinds6.at(call.socket);
	call.connected = kind.peer != sock6::Endpoint{} ? random.percent(80) : random.percent(3);
	call.to = {random.pick(destinations), kind.type == SOCK_RAW || random.percent(20)
						      ? std::uint16_t{0}
						      : std::uint16_t{2000}};
	call.flags = random.percent(10) ? MSG_DONTROUTE : 0;
	call.data = is_ping(kind) || is_raw_icmp(kind)
			    ? ping_data(random)
			    : any_data(random, random.below(random.percent(80) ? 200 : 3000));
	return call;
}

} // namespace diff::six
