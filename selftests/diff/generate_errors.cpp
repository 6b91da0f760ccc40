// SPDX-License-Identifier: GPL-2.0-only
//
// Errors about datagrams that sockets sent, did not send, or could not have sent.

#include "generate.hpp"
#include "sockets.hpp"

#include <algorithm>
#include <array>

namespace diff {

namespace {

using packet::Type;

constexpr std::size_t ip_header = 20, icmp_header = 8;

/// A datagram as an error quotes it.
struct Quote {
	packet::Ipv4 ip{};
	/// The sequence number in it, which is learned when it is sent.
	std::optional<Patch> patch{};
};

/// Where a quoted segment's sequence number is counted from the ICMP message's begin, without options.
constexpr std::uint16_t sequence_at = icmp_header + ip_header + 4;

std::uint32_t any_delta(Random &random)
{
	static constexpr std::array<std::uint32_t, 6> off{1, 99, 100, 101, 0xffffffff, 0x80000000};

	return random.percent(75) ? 0 : random.pick(off);
}

void quote_tcp(Random &random, const SocketKind &kind, Quote &quote)
{
	std::uint32_t delta = any_delta(random);
	std::uint16_t peer_port = kind.peer.port;

	if (kind.has(K::listens)) {
		quote.ip.destination = remote(9);
		peer_port = syn_port;
	}
	packet::put16(quote.ip.payload, kind.port);
	packet::put16(quote.ip.payload, peer_port);
	packet::put32(quote.ip.payload, first_sequence + delta);
	packet::put32(quote.ip.payload, 0);
	packet::put32(quote.ip.payload, 0x50100000);
	packet::put32(quote.ip.payload, 0);
	if (!kind.has(K::established))
		quote.patch = Patch{.at = sequence_at,
				    .connection = {host_address, kind.port, peer_port},
				    .delta = delta};
}

void quote_icmp(Random &random, const SocketKind &kind, Quote &quote)
{
	packet::Icmp icmp = packet::echo_request(
		is_ping(kind) ? kind.port : static_cast<std::uint16_t>(random.between(99, 106)), 1,
		any_data(random, random.below(40)));

	if (random.percent(20))
		icmp.type = Type::echo_reply;
	else if (random.percent(10))
		icmp.type = Type::extended_echo;
	else if (random.percent(5))
		icmp.type = random.byte();
	if (random.percent(3))
		icmp.code = 1;
	quote.ip.payload = icmp.build();
}

/// What the socket sent.
Quote quote_of(Random &random, const SocketKind &kind)
{
	Quote quote;

	quote.ip.protocol = protocol_of(kind);
	quote.ip.source = host_address;
	quote.ip.destination = kind.peer.address ? kind.peer.address
			       : random.percent(50)
				       ? remote(static_cast<std::uint8_t>(random.below(9)))
				       : gateway_address;
	if (quote.ip.protocol == IPPROTO_TCP && kind.port) {
		quote_tcp(random, kind, quote);
	} else if (quote.ip.protocol == IPPROTO_ICMP) {
		quote_icmp(random, kind, quote);
	} else {
		packet::put16(quote.ip.payload, kind.port ? kind.port : 1001);
		packet::put16(quote.ip.payload, kind.peer.port ? kind.peer.port : 2000);
		packet::put16(quote.ip.payload, static_cast<std::uint16_t>(8 + random.below(40)));
		packet::put16(quote.ip.payload, 0);
		Bytes data = any_data(random,
				      random.percent(80) ? random.below(40) : random.below(1400));
		quote.ip.payload.insert(quote.ip.payload.end(), data.begin(), data.end());
	}
	return quote;
}

/// A datagram that need not be anybody's.
Quote quote_of_nobody(Random &random)
{
	static constexpr std::array<std::uint8_t, 12> protocols{0,  2,	4,   41,  47,  50,
								51, 94, 103, 132, 136, 255};
	Quote quote;

	quote.ip.protocol = random.percent(50) ? random.pick(protocols) : random.byte();
	quote.ip.source = random.percent(80) ? host_address : any_source(random);
	quote.ip.destination = any_source(random);
	quote.ip.payload = any_data(random, random.below(64));
	if (random.percent(20)) {
		// An error about an error.
		quote.ip.protocol = IPPROTO_ICMP;
		quote.ip.payload =
			packet::Icmp{.type = Type::unreachable,
				     .code = 1,
				     .data = quote_of(random, random.pick(socket_kinds)).ip.build()}
				.build();
	}
	return quote;
}

/// Makes the quoted datagram a lie, or a stump.
Bytes distort(Random &random, Quote &quote)
{
	packet::Ipv4 &ip = quote.ip;

	if (random.percent(8)) {
		ip.options = any_options(random);
		if (quote.patch)
			quote.patch->at = static_cast<std::uint16_t>(
				sequence_at + (ip.options.size() + 3) / 4 * 4);
	}
	if (random.percent(3))
		ip.fragment_offset = 8;
	if (random.percent(4))
		ip.source = any_source(random);
	if (random.percent(4))
		ip.destination = random.percent(50) ? 0x0a0000ff : any_source(random);
	if (random.percent(5))
		ip.ttl = 0;
	Bytes bytes = ip.build();
	if (random.percent(5))
		bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0xf0U) | random.below(16));
	if (random.percent(3))
		bytes[0] = random.byte();
	if (random.percent(5))
		bytes[2 + random.below(2)] ^= random.byte();
	if (random.percent(3))
		bytes[10] ^= 0x55;
	unsigned cut = random.below(100);
	if (cut < 20)
		bytes.resize(std::min<std::size_t>(bytes.size(), ip_header + 8));
	else if (cut < 35)
		bytes.resize(random.below(bytes.size() + 1));
	return bytes;
}

std::uint32_t any_rest(Random &random, std::uint8_t type, std::uint8_t code)
{
	static constexpr std::array<std::uint32_t, 12> mtus{0,	  1,	68,   296,  552,  576,
							    1000, 1280, 1400, 1500, 9000, 65535};
	static constexpr std::array<std::uint32_t, 9> gateways{
		other_gateway, other_gateway, 0x0a000004, gateway_address, host_address, 0,
		0x0a0000ff,    0xe0000001,    0xcb007101};

	if (random.percent(5))
		return static_cast<std::uint32_t>(random.next());
	if (type == Type::redirect)
		return random.pick(gateways);
	if (type == Type::unreachable && code == 4)
		return random.pick(mtus);
	if (type == Type::parameter_problem)
		return random.below(256) << 24;
	return 0;
}

/// RFC 4884: the quoted datagram padded, its length in the header, and an object behind it.
void extend(Random &random, packet::Icmp &icmp)
{
	std::size_t words = random.percent(70) ? 32 : random.below(40);

	icmp.data.resize(words * 4);
	icmp.rest |= static_cast<std::uint32_t>(random.percent(90) ? words : random.below(256))
		     << 16;
	Bytes object;
	packet::put16(object,
		      static_cast<std::uint16_t>(random.percent(80) ? 8 : random.below(16)));
	packet::put16(object, 0x0201);
	packet::put32(object, static_cast<std::uint32_t>(random.next()));
	Bytes extension{static_cast<std::uint8_t>(random.percent(90) ? 0x20 : random.byte()), 0, 0,
			0};
	extension.insert(extension.end(), object.begin(), object.end());
	std::uint16_t sum = packet::checksum(extension);
	if (random.percent(80)) {
		extension[2] = static_cast<std::uint8_t>(sum >> 8);
		extension[3] = static_cast<std::uint8_t>(sum);
	}
	if (random.percent(15))
		extension.resize(random.below(extension.size() + 1));
	icmp.data.insert(icmp.data.end(), extension.begin(), extension.end());
}

} // namespace

Packet any_error(Random &random)
{
	static constexpr std::array<std::uint8_t, 5> types{Type::source_quench, Type::redirect,
							   Type::redirect, Type::time_exceeded,
							   Type::parameter_problem};
	static constexpr std::array sums{Sum::wrong, Sum::absent, Sum::absent_garbage};
	Quote quote = random.percent(85) ? quote_of(random, random.pick(socket_kinds))
					 : quote_of_nobody(random);
	Packet packet;
	packet::Icmp icmp{.type = Type::unreachable};

	if (random.percent(55))
		icmp.type = random.pick(types);
	icmp.code = static_cast<std::uint8_t>(
		icmp.type == Type::unreachable
			? (random.percent(25) ? 4 : random.below(17))
			: (random.percent(70) ? random.below(2) : random.below(8)));
	if (random.percent(2))
		icmp.code = random.byte();
	icmp.rest = any_rest(random, icmp.type, icmp.code);
	icmp.data = distort(random, quote);
	if (random.percent(12) && icmp.type != Type::redirect)
		extend(random, icmp);
	packet.ip = packet::datagram(icmp);
	// Which is for malformed_redirect(), where nothing else is in the way.
	if (is_malformed_redirect(datagram_of(packet, {})))
		packet.ip.payload[icmp_header] = 0x45;
	// Part of a number could not be told from anything else when it is seen again.
	if (quote.patch && quote.patch->at + 4U <= packet.ip.payload.size())
		packet.patch = quote.patch;
	if (random.percent(10))
		packet.sum = random.pick(sums);
	return packet;
}

Packet malformed_redirect(Random &random)
{
	Quote quote = quote_of(random, random.pick(socket_kinds));
	Bytes bytes = quote.ip.build();

	bytes[0] = static_cast<std::uint8_t>(0x40 | random.below(5));
	bytes.resize(std::min<std::size_t>(bytes.size(), random.percent(50) ? 28 : 64));
	return {.ip = packet::datagram({.type = Type::redirect,
					.code = 1,
					.rest = any_rest(random, Type::redirect, 1),
					.data = std::move(bytes)}),
		.patch = quote.patch};
}

} // namespace diff
