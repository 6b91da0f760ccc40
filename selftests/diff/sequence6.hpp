/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What both answer to of IPv6: packets, calls, and the addresses of the host that they meet.
 */
#pragma once

#include "lib/packet6.hpp"
#include "lib/socket6.hpp"
#include "lib/wire.hpp"
#include "message.hpp"

#include <cstdint>
#include <optional>

namespace diff {

namespace six {

using packet6::Address;

/// fd00::@p number, an address of the wire's network.
constexpr Address neighbour(std::uint8_t number)
{
	return {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
}

inline constexpr Address host_address = packet6::server;
inline constexpr Address host_link = packet6::server_link;
inline constexpr Address second_address = neighbour(0x20);
/// An anycast address that a socket of the host has joined.
inline constexpr Address anycast_address = neighbour(0xaa);
/// The first address of the network, which all of its routers have.
inline constexpr Address routers_anycast = neighbour(0);
/// The default router.
inline constexpr Address gateway = packet6::client_link;
inline constexpr Address other_gateway{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3};
/// ff05::1:3, which a socket of the host has joined, and one that none has.
inline constexpr Address joined_group{0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3};
inline constexpr Address other_group{0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99};
inline constexpr Address loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

/// Host number @p number in 2001:db8::/64, behind the router.
constexpr Address remote(std::uint8_t number)
{
	return {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
}

/// Host number @p number in a network to which there is a route of one of these types.
enum Odd : std::uint8_t { unreachable = 1, prohibited = 2, blackhole = 3 };
constexpr Address odd_host(Odd odd, std::uint8_t number)
{
	return {0x20, 1, 0x0d, 0xb8, 0, odd, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
}

/// Host number @p number in the network behind the host, where it is a router.
constexpr Address far(std::uint8_t number)
{
	return {0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number};
}
inline constexpr Address far_address = far(2);
/// The MTU there.
inline constexpr unsigned far_mtu = 1280;

} // namespace six

struct Packet6 {
	packet6::Ipv6 ip;
	Sum sum = Sum::right;
	wire::Cast cast = wire::Cast::unicast;
	/// Between which addresses the message was, where an extension header has others than the IPv6 header.
	std::optional<six::Address> from{}, to{};
	std::uint8_t version = 6;
	/// Added to what the IPv6 header says of its length.
	int length_lie = 0;
	/// Bytes in the frame after the packet.
	std::uint8_t padding = 0;
	std::optional<Patch> patch{};

	/// Whether it begins with an ICMPv6 header whose checksum can be set. What is cut into fragments has one before that.
	bool has_icmp() const
	{
		return ip.protocol == IPPROTO_ICMPV6 && ip.payload.size() >= 4 && !ip.fragment;
	}
};

/// What a program does: sends @p data by one of its sockets.
struct Call6 {
	std::uint8_t socket = 0;
	sock6::Endpoint to{};
	bool connected = false;
	int flags = 0;
	Bytes data{};
};

/// The bytes of @p packet, its padding included.
Bytes datagram_of(const Packet6 &packet, const Learned &learned);

/// What stands before its frame.
wire::VirtioHeader offload_of(const Packet6 &packet);

} // namespace diff
