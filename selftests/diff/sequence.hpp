/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What both answer to: packets and calls, and the host that they meet. All of it follows from a seed and a number, and
 * is a plain value that can be made simpler.
 */
#pragma once

#include "lib/packet.hpp"
#include "lib/socket.hpp"
#include "lib/wire.hpp"
#include "message.hpp"
#include "sequence6.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace diff {

using sock::Endpoint;

inline constexpr Address host_address = packet::server;
inline constexpr Address second_address = 0x0a000014;
inline constexpr Address gateway_address = packet::client;
inline constexpr Address other_gateway = 0x0a000003;
/// Host number @p number in TEST-NET-1, behind the gateway.
constexpr Address remote(std::uint8_t number) { return 0xc0000200U | number; }
/// Host number @p number in a network to which the route is "unreachable".
constexpr Address unreachable_host(std::uint8_t number) { return 0xcb007100U | number; }

enum class Family : std::uint8_t { v4, v6 };

struct Packet {
	packet::Ipv4 ip;
	Sum sum = Sum::right;
	wire::Cast cast = wire::Cast::unicast;
	std::uint8_t version = 4;
	/// Added to what the IP header says of its length, in words, and of the datagram's, in bytes.
	int header_lie = 0, length_lie = 0;
	bool header_checksum_wrong = false;
	bool reserved_flag = false;
	/// Bytes in the frame after the datagram.
	std::uint8_t padding = 0;
	std::optional<Patch> patch{};

	/// Whether it begins with an ICMP header whose checksum can be set.
	bool has_icmp() const
	{
		return ip.protocol == IPPROTO_ICMP && !ip.fragment_offset && ip.payload.size() >= 4;
	}
};

/// What a program does: sends @p data by one of its sockets.
struct Call {
	std::uint8_t socket = 0;
	Endpoint to{};
	bool connected = false;
	int flags = 0;
	Bytes data{};
};

struct Setting {
	/// Below /proc/sys/net/ipv4/; in a sequence of IPv6, below /proc/sys/net/.
	std::string name;
	std::string value;
};

/// One of these.
struct Step {
	std::optional<Packet> packet{};
	std::optional<Call> call{};
	/// Only in sequences of IPv6.
	std::optional<Packet6> packet6{};
	std::optional<Call6> call6{};
	std::optional<Setting> setting{};

	/// The random number that its packet has to have, if there is one.
	const Patch *patch() const
	{
		if (packet && packet->patch)
			return &*packet->patch;
		return packet6 && packet6->patch ? &*packet6->patch : nullptr;
	}
};

enum class Limit { none, host, global };

/// What comes in is marked with, in a sequence that is so.
inline constexpr int packet_mark = 5;

struct Sequence {
	std::uint64_t seed = 0, number = 0;
	Family family = Family::v4;
	/// Which of socket_kinds or socket_kinds6 are open, a bit for each.
	std::uint32_t sockets = 0;
	unsigned mtu = 1500;
	Limit limit = Limit::none;
	/// Whether what comes in gets a mark, which another route goes by.
	bool marked = false;
	/// Whether a device says of all that comes in that its checksum is right, which it need not be.
	bool trusted = false;
	/// Whether it is a router (router.hpp).
	bool router = false;
	/// Whether fragments are given up at once, and what comes of that is waited for after each step.
	bool impatient = false;
	/// Whether the wire is in a VRF. Only of IPv6.
	bool vrf = false;
	/// Whether reports that timers send, after queries, are waited for. Only of IPv6.
	bool queried = false;
	/// Places (see Difference) after which counters are looked at, so that what they moved by is known to be one
	/// step's: after each one, or those in @p counted. At the end they always are.
	bool counts_each_step = false;
	std::set<std::size_t> counted{};
	std::vector<Setting> settings{};
	std::vector<Step> steps{};
};

/// Whether counters are looked at after @p place.
inline bool is_counted(const Sequence &sequence, std::size_t place)
{
	return sequence.counts_each_step || sequence.counted.contains(place);
}

/// Whether a sequence of IPv4 has messages of @p type limited: its ratemask is 0 unless it sets another one (world4.cpp).
bool is_limited(const Sequence &sequence, std::uint8_t type);

/// The datagram of @p packet, its padding included.
Bytes datagram_of(const Packet &packet, const Learned &learned);

/// Whether the datagram @p bytes is a redirect about a datagram whose header says that it is shorter than one can be.
bool is_malformed_redirect(View bytes);

/// What stands before its frame.
wire::VirtioHeader offload_of(const Packet &packet);

/// Sequence @p number of @p seed. Every third one is of IPv6.
Sequence generate(std::uint64_t seed, std::uint64_t number);

/// How many packets of @p sequence come in by the wire.
std::size_t packets_in(const Sequence &sequence);

} // namespace diff
