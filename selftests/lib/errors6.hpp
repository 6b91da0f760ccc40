/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * ICMPv6 errors as a router sends them about packets of ours, as errors.hpp has those of IPv4.
 */
#pragma once

#include "counters6.hpp"
#include "errors.hpp"
#include "packet6.hpp"
#include "socket6.hpp"
#include "wire6.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

namespace errors6 {

using errors::Mapping;
using packet6::Address;
using packet6::Bytes;
using packet6::Ipv6;
using packet6::View;
using sock6::Endpoint;

/// The machine under test, and who reports an error to it (see wire6::new_server()).
inline constexpr Address host = packet6::server;
inline constexpr Address router = packet6::client;

/// Length of the IPv6 header.
inline constexpr std::size_t header_length = 40;

/// Host number @p number in 2001:db8::/64 (RFC 3849), behind the router. Tests that change routes take one each.
constexpr Address remote(std::uint8_t number)
{
	return {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
}

/// RFC 4443, 3.1, has codes 0 to 6. Of others Linux knows only that the destination is unreachable.
inline constexpr std::array<Mapping, 9> unreachable_codes{{
	{0, ENETUNREACH, false},
	{1, EACCES, true},
	{2, EHOSTUNREACH, false},
	{3, EHOSTUNREACH, false},
	{4, ECONNREFUSED, true},
	{5, EACCES, true},
	{6, EACCES, true},
	{7, EPROTO, true},
	{255, EPROTO, true},
}};

enum Code : std::uint8_t { no_route = 0, address_unreachable = 3, port_unreachable = 4 };

/// A packet of ours, for a router to quote.
inline Ipv6 sent(std::uint8_t protocol, const Address &from, const Address &to, Bytes payload)
{
	return {.source = from,
		.destination = to,
		.protocol = protocol,
		.payload = std::move(payload)};
}

/// A UDP datagram of ours; nobody looks at its checksum.
inline Ipv6 sent_udp(const Endpoint &from, const Endpoint &to, View data = {},
		     std::uint8_t protocol = IPPROTO_UDP)
{
	Bytes payload;

	packet::put16(payload, from.port);
	packet::put16(payload, to.port);
	packet::put16(payload, static_cast<std::uint16_t>(8 + data.size()));
	packet::put16(payload, 0);
	payload.insert(payload.end(), data.begin(), data.end());
	return sent(protocol, from.address, to.address, std::move(payload));
}

/// An error about @p quoted, which may be anything, in the packet that carries it.
inline Ipv6 report(std::uint8_t type, std::uint8_t code, std::uint32_t rest, View quoted,
		   const Address &from = router)
{
	return packet6::datagram(
		{.type = type, .code = code, .rest = rest, .data = {quoted.begin(), quoted.end()}},
		{.source = from, .destination = host});
}

inline Ipv6 unreachable(std::uint8_t code, View quoted, std::uint32_t rest = 0)
{
	return report(packet6::unreachable, code, rest, quoted);
}

inline Ipv6 too_big(std::uint32_t mtu, View quoted)
{
	return report(packet6::too_big, 0, mtu, quoted);
}

inline Ipv6 time_exceeded(View quoted, std::uint32_t rest = 0)
{
	return report(packet6::time_exceeded, 0, rest, quoted);
}

/// The parameter problem at byte @p pointer of @p quoted.
inline Ipv6 parameter_problem(std::uint32_t pointer, View quoted)
{
	return report(packet6::parameter_problem, 0, pointer, quoted);
}

/// What Linux counts of an error that it could not do anything with, beside the message.
inline counters::Values refused(unsigned type)
{
	return counters::sum(counters6::in(type), {{"Icmp6InErrors", 1}});
}

/// The path MTU that was learned, 0 if none was.
inline int learned_mtu(const Address &to) { return errors::learned_mtu(packet6::text(to)); }

} // namespace errors6
