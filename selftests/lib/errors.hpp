/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * ICMP errors as a router sends them about datagrams of ours, and what sockets make of them.
 */
#pragma once

#include "host.hpp"
#include "packet.hpp"
#include "socket.hpp"
#include "wire.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <sstream>
#include <string>

namespace errors {

using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using packet::View;
using sock::Endpoint;

/// The machine under test, and who reports an error to it (see wire::new_server()).
inline constexpr Address host = packet::server;
inline constexpr Address router = packet::client;

/// Host number @p number in TEST-NET-1 (RFC 5737), behind the router. Tests that change routes take one each.
constexpr Address remote(std::uint8_t number) { return 0xc0000200U | number; }

/// What a socket is told about an unreachable destination: RFC 1122, 4.1.3.3, as Linux maps it.
struct Mapping {
	std::uint8_t code;
	int number;
	/// Whether it is an error for those who have not asked for errors; RFC 1122, 3.2.2.1 has which are not.
	bool fatal;
};

/// RFC 792, RFC 1122 (3.2.2.1) and RFC 1812 (5.2.7.1) define codes 0 to 15.
inline constexpr std::array<Mapping, 16> unreachable_codes{{
	{0, ENETUNREACH, false},
	{1, EHOSTUNREACH, false},
	{2, ENOPROTOOPT, true},
	{3, ECONNREFUSED, true},
	{4, EMSGSIZE, true},
	{5, EOPNOTSUPP, false},
	{6, ENETUNREACH, true},
	{7, EHOSTDOWN, true},
	{8, ENONET, true},
	{9, ENETUNREACH, true},
	{10, EHOSTUNREACH, true},
	{11, ENETUNREACH, false},
	{12, EHOSTUNREACH, false},
	{13, EHOSTUNREACH, true},
	{14, EHOSTUNREACH, true},
	{15, EHOSTUNREACH, true},
}};

enum Code : std::uint8_t { host_unreachable = 1, port_unreachable = 3, fragmentation_needed = 4 };

/// A datagram of ours, for a router to quote.
inline Ipv4 sent(std::uint8_t protocol, Address from, Address to, Bytes payload)
{
	Ipv4 ip;

	ip.protocol = protocol;
	ip.source = from;
	ip.destination = to;
	ip.payload = std::move(payload);
	return ip;
}

/// A UDP datagram of ours; checksum 0 stands for none (RFC 768).
inline Ipv4 sent_udp(const Endpoint &from, const Endpoint &to, View data = {},
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

/// An error about @p quoted, which may be anything, in the datagram that carries it.
inline Ipv4 report(std::uint8_t type, std::uint8_t code, std::uint32_t rest, View quoted,
		   Address from = router)
{
	Ipv4 ip = packet::datagram(
		{.type = type, .code = code, .rest = rest, .data = {quoted.begin(), quoted.end()}});

	ip.source = from;
	return ip;
}

inline Ipv4 unreachable(std::uint8_t code, View quoted, std::uint32_t rest = 0)
{
	return report(packet::Type::unreachable, code, rest, quoted);
}

/// Fragmentation needed, and the next hop's MTU (RFC 1191, 4).
inline Ipv4 too_big(std::uint16_t mtu, View quoted)
{
	return unreachable(Code::fragmentation_needed, quoted, mtu);
}

/// The parameter problem at byte @p pointer of @p quoted (RFC 792).
inline Ipv4 parameter_problem(std::uint8_t pointer, View quoted)
{
	return report(packet::Type::parameter_problem, 0, std::uint32_t{pointer} << 24, quoted);
}

/// @p address as in "192.0.2.1".
inline std::string text(Address address)
{
	in_addr bytes{htonl(address)};

	return inet_ntoa(bytes); // NOLINT(concurrency-mt-unsafe): no test has threads that do this
}

/// The word behind @p name in what `ip route get` says of @p to; "" when it says no such thing. Routes may go by more than
/// an address, as in "192.0.2.1 mark 7".
inline std::string route_word(const std::string &to, const std::string &name)
{
	std::istringstream words(host::output_of("ip route get " + to));
	std::string word;

	while (words >> word) {
		if (word == name) {
			words >> word;
			return word == "lock" ? (words >> word, word) : word;
		}
	}
	return "";
}
inline std::string route_word(Address to, const std::string &name)
{
	return route_word(text(to), name);
}

/// The path MTU that was learned, 0 if none was; the gateway, "" if there is none.
inline int learned_mtu(const std::string &to)
{
	std::string mtu = route_word(to, "mtu");

	return mtu.empty() ? 0 : std::stoi(mtu);
}
inline int learned_mtu(Address to, const std::string &more = "")
{
	return learned_mtu(text(to) + " " + more);
}

inline std::string gateway(Address to) { return route_word(to, "via"); }

} // namespace errors
