/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Messages of neighbour discovery (RFC 4861) and of multicast listener discovery (RFC 2710, RFC 3810), as a neighbour
 * sends them.
 */
#pragma once

#include "host.hpp"
#include "packet6.hpp"
#include "wire.hpp"

#include <cstdint>
#include <string>

namespace neighbours {

using packet::Bytes;
using packet6::Address;
using packet6::Icmp;
using packet6::Ipv6;

/// The MAC address of the neighbour with @p last.
constexpr wire::Mac mac_of(std::uint8_t last) { return {2, 0, 0, 0, 1, last}; }

/// Has the kernel know that @p address is at mac_of(@p last).
inline void know(const Address &address, std::uint8_t last, const std::string &device = "wire0",
		 const std::string &state = "permanent")
{
	host::run("ip -6 neighbour replace " + packet6::text(address) + " lladdr " +
		  wire::text(mac_of(last)) + " nud " + state + " dev " + device);
}

/// An option with a MAC address: of the source, or of the target.
enum class Link : std::uint8_t { source = 1, target = 2 };

inline Bytes link(Link kind, const wire::Mac &mac)
{
	return packet::concat({Bytes{static_cast<std::uint8_t>(kind), 1}, mac});
}

/// From @p ends, with the hop limit that says that no router was in between.
inline Ipv6 from_neighbour(const Icmp &message, const packet6::Ends &ends,
			   packet6::Checksum sum = packet6::Checksum::right)
{
	Ipv6 ip = packet6::datagram(message, ends, sum);

	ip.hop_limit = 255;
	return ip;
}

inline Icmp solicitation(const Address &target, const wire::Mac &mac)
{
	return {.type = packet6::neighbour_solicitation,
		.code = 0,
		.rest = 0,
		.data = packet::concat({target, link(Link::source, mac)})};
}

/// A solicited one, that overrides.
inline Icmp advertisement(const Address &target, const wire::Mac &mac)
{
	return {.type = packet6::neighbour_advertisement,
		.code = 0,
		.rest = 0x60000000,
		.data = packet::concat({target, link(Link::target, mac)})};
}

inline Icmp router_solicitation(const wire::Mac &mac)
{
	return {.type = packet6::router_solicitation,
		.code = 0,
		.rest = 0,
		.data = link(Link::source, mac)};
}

/// Of a default router, that says which hop limit to use.
inline Icmp router_advertisement(std::uint8_t hop_limit, const wire::Mac &mac)
{
	constexpr std::uint32_t lifetime = 1800;

	return {.type = packet6::router_advertisement,
		.code = 0,
		.rest = std::uint32_t{hop_limit} << 24 | lifetime,
		.data = packet::concat({Bytes(8), link(Link::source, mac)})};
}

/// For what is for @p destination there is a better next hop, @p target, which is at @p mac. About @p sent.
inline Icmp redirect(const Address &destination, const Address &target, const wire::Mac &mac,
		     const Ipv6 &sent)
{
	Bytes about = sent.build();

	about.resize((about.size() + 7) / 8 * 8);
	const Bytes header{4, static_cast<std::uint8_t>(about.size() / 8 + 1), 0, 0, 0, 0, 0, 0};
	return {.type = packet6::redirect,
		.code = 0,
		.rest = 0,
		.data = packet::concat(
			{target, destination, link(Link::target, mac), header, about})};
}

/// Has what a router sends of MLD: a link-local source, a hop limit of 1, and a router alert.
inline Ipv6 mld(const Icmp &message, const Address &destination)
{
	Ipv6 ip = packet6::datagram(message, {packet6::client_link, destination});

	ip.hop_limit = 1;
	ip.extensions = {{packet6::hop_by_hop, packet6::option(5, {0, 0})}};
	return ip;
}

/// A query about @p group, or about all of them if that is ::, to be answered within a millisecond.
inline Icmp mld_query(const Address &group, int version)
{
	const Bytes robustness_and_interval{2, 125, 0, 0};

	return {.type = packet6::mld_query,
		.code = 0,
		.rest = 0x00010000,
		.data = packet::concat({group, version == 2 ? robustness_and_interval : Bytes{}})};
}

} // namespace neighbours
