// SPDX-License-Identifier: GPL-2.0-only
//
// Errors about packets of IPv6 that sockets sent, did not send, or could not have sent.

#include "generate6.hpp"
#include "generate_data.hpp"
#include "sockets6.hpp"

#include <algorithm>
#include <array>

namespace diff::six {

namespace {

using packet6::Type;

constexpr std::size_t ip_header = 40, icmp_header = 8;

/// A packet as an error quotes it.
struct Quote {
	packet6::Ipv6 ip{};
	/// The sequence number in it, which is learned when it is sent.
	std::optional<Patch> patch{};
};

std::uint32_t any_delta(Random &random)
{
	static constexpr std::array<std::uint32_t, 6> off{1, 99, 100, 101, 0xffffffff, 0x80000000};

	return random.percent(75) ? 0 : random.pick(off);
}

void quote_tcp(Random &random, const SocketKind6 &kind, Quote &quote)
{
	constexpr std::uint16_t sequence_at = icmp_header + ip_header + 4;
	const std::uint32_t delta = any_delta(random);
	std::uint16_t peer_port = kind.peer.port;

	if (kind.has(K6::listens)) {
		quote.ip.destination = remote(9);
		peer_port = syn_port;
	}
	packet::put16(quote.ip.payload, kind.port);
	packet::put16(quote.ip.payload, peer_port);
	packet::put32(quote.ip.payload, first_sequence + delta);
	packet::put32(quote.ip.payload, 0);
	packet::put32(quote.ip.payload, 0x50100000);
	packet::put32(quote.ip.payload, 0);
	if (!kind.has(K6::established))
		quote.patch = Patch{
			.at = sequence_at, .connection = {0, kind.port, peer_port}, .delta = delta};
}

void quote_icmp(Random &random, const SocketKind6 &kind, Quote &quote)
{
	packet6::Icmp icmp = packet6::echo_request(
		is_ping(kind) ? kind.port : static_cast<std::uint16_t>(random.between(99, 106)), 1,
		any_data(random, random.below(40)));

	if (random.percent(20))
		icmp.type = Type::echo_reply;
	else if (random.percent(10))
		icmp.type = Type::extended_echo;
	else if (random.percent(5))
		icmp.type = random.byte();
	quote.ip.payload = icmp.build();
}

/// What the socket sent.
Quote quote_of(Random &random, const SocketKind6 &kind)
{
	Quote quote;
	packet6::Ipv6 &ip = quote.ip;

	ip.protocol = protocol_of(kind);
	ip.source = host_address;
	ip.destination = kind.peer != sock6::Endpoint{} ? kind.peer.address
			 : random.percent(50) ? remote(static_cast<std::uint8_t>(random.below(9)))
					      : packet6::client;
	if (ip.protocol == IPPROTO_TCP && kind.port) {
		quote_tcp(random, kind, quote);
	} else if (ip.protocol == IPPROTO_ICMPV6) {
		quote_icmp(random, kind, quote);
	} else {
		packet::put16(ip.payload, kind.port ? kind.port : 1001);
		packet::put16(ip.payload, kind.peer.port ? kind.peer.port : 2000);
		packet::put16(ip.payload, static_cast<std::uint16_t>(8 + random.below(40)));
		packet::put16(ip.payload, 0);
		ip.payload = packet::concat(
			{ip.payload, any_data(random, random.percent(80) ? random.below(40)
									 : random.below(1180))});
	}
	return quote;
}

/// A packet that need not be anybody's.
Quote quote_of_nobody(Random &random)
{
	static constexpr std::array<std::uint8_t, 12> protocols{0,  2,	4,  41, 43, 44,
								47, 50, 51, 59, 60, 255};
	Quote quote;

	quote.ip.protocol = random.percent(50) ? random.pick(protocols) : random.byte();
	quote.ip.source = random.percent(80) ? host_address : any_source(random);
	quote.ip.destination = any_source(random);
	quote.ip.payload = any_data(random, random.below(64));
	if (random.percent(20)) {
		// An error about an error.
		quote.ip.protocol = IPPROTO_ICMPV6;
		quote.ip.payload =
			packet::Icmp{
				.type = Type::unreachable,
				.code = 1,
				.data = quote_of(random, random.pick(socket_kinds6)).ip.build()}
				.build();
	}
	return quote;
}

/// Headers between the quoted IPv6 header and what its socket made. With a segment routing header, the destination is the next
/// segment, and the last one is where the packet goes.
void add_headers(Random &random, Quote &quote)
{
	packet6::Ipv6 &ip = quote.ip;

	quote.patch.reset();
	if (random.percent(25))
		ip.extensions.push_back({packet6::hop_by_hop, Bytes(6)});
	if (random.percent(40))
		ip.extensions.push_back({packet6::destination_options, Bytes(random.below(20))});
	if (random.percent(50)) {
		const std::uint8_t type = random.percent(60) ? 4 : 2 * random.below(2);
		ip.extensions.push_back(packet6::routing(
			type, static_cast<std::uint8_t>(random.below(3)),
			{random.percent(70) ? ip.destination : remote(1), remote(33)}));
		if (random.percent(50))
			ip.destination = remote(33);
	}
	if (random.percent(25))
		ip.fragment = packet6::Fragment{
			.offset = static_cast<std::uint16_t>(random.percent(70) ? 0 : 64),
			.more = random.percent(50)};
}

/// Makes the quoted packet a lie, or a stump.
Bytes distort(Random &random, Quote &quote)
{
	packet6::Ipv6 &ip = quote.ip;

	if (random.percent(20))
		add_headers(random, quote);
	if (random.percent(4))
		ip.source = any_source(random);
	if (random.percent(4))
		ip.destination = any_source(random);
	if (random.percent(5))
		ip.hop_limit = 0;
	Bytes bytes = ip.build();
	if (random.percent(3))
		bytes[0] = random.byte();
	if (random.percent(5))
		bytes[4 + random.below(2)] ^= random.byte();
	const unsigned cut = random.below(100);
	if (cut < 20)
		bytes.resize(std::min<std::size_t>(bytes.size(), ip_header + 8));
	else if (cut < 35)
		bytes.resize(random.below(bytes.size() + 1));
	return bytes;
}

std::uint32_t any_rest(Random &random, std::uint8_t type)
{
	static constexpr std::array<std::uint32_t, 14> mtus{
		0, 1, 68, 576, 1000, 1279, 1280, 1281, 1400, 1492, 1500, 9000, 65535, 0xffffffff};

	if (random.percent(5))
		return static_cast<std::uint32_t>(random.next());
	if (type == Type::too_big)
		return random.pick(mtus);
	if (type == Type::parameter_problem)
		return random.below(64);
	return 0;
}

/// RFC 4884: the quoted packet padded, its length in the header, and an object behind it.
void extend(Random &random, packet6::Icmp &icmp)
{
	const std::size_t units = random.percent(70) ? 16 : random.below(20);
	Bytes object,
		extension{static_cast<std::uint8_t>(random.percent(90) ? 0x20 : random.byte()), 0,
			  0, 0};

	icmp.data.resize(units * 8);
	icmp.rest |= static_cast<std::uint32_t>(random.percent(90) ? units : random.below(256))
		     << 24;
	packet::put16(object,
		      static_cast<std::uint16_t>(random.percent(80) ? 8 : random.below(16)));
	packet::put16(object, 0x0201);
	packet::put32(object, static_cast<std::uint32_t>(random.next()));
	extension = packet::concat({extension, object});
	if (random.percent(80))
		store16(extension, 2, packet::checksum(extension));
	if (random.percent(15))
		extension.resize(random.below(extension.size() + 1));
	icmp.data = packet::concat({icmp.data, extension});
}

std::uint8_t any_type(Random &random)
{
	static constexpr std::array<std::uint8_t, 5> unknown{0, 5, 100, 101, 127};

	switch (random.below(10)) {
	case 0:
		return Type::time_exceeded;
	case 1:
		return Type::parameter_problem;
	case 2:
		return random.percent(50) ? random.pick(unknown)
					  : static_cast<std::uint8_t>(random.below(128));
	case 3:
	case 4:
	case 5:
		return Type::too_big;
	default:
		return Type::unreachable;
	}
}

} // namespace

Packet6 any_error(Random &random)
{
	static constexpr std::array sums{Sum::wrong, Sum::absent, Sum::absent_garbage};
	Quote quote = random.percent(85) ? quote_of(random, random.pick(socket_kinds6))
					 : quote_of_nobody(random);
	packet6::Icmp icmp{.type = any_type(random)};
	Packet6 packet;

	icmp.code = static_cast<std::uint8_t>(icmp.type == Type::unreachable ? random.below(8)
					      : random.percent(70)	     ? 0
									     : random.below(8));
	if (random.percent(2))
		icmp.code = random.byte();
	icmp.rest = any_rest(random, icmp.type);
	icmp.data = distort(random, quote);
	if (random.percent(12))
		extend(random, icmp);
	packet.ip = packet6::datagram(icmp);
	// Part of a number could not be told from anything else when it is seen again.
	if (quote.patch && quote.patch->at + 4U <= packet.ip.payload.size())
		packet.patch = quote.patch;
	if (random.percent(10))
		packet.sum = random.pick(sums);
	return packet;
}

} // namespace diff::six
