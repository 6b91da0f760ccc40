/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * IPv6 packets as values, as packet.hpp has IPv4's: extension headers, fragments, ICMPv6 messages.
 */
#pragma once

#include "packet.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace packet6 {

using packet::Bytes;
using packet::Checksum;
using packet::Icmp;
using packet::View;

/// An IPv6 address as the wire has it.
using Address = std::array<std::uint8_t, 16>;

/// The address that @p text ("fd00::1") means, and how it is written.
Address ipv6(std::string_view text);
std::string text(const Address &address);

/// The two ends of the wire in almost every test: fd00::1 and fd00::2, and their link-local addresses.
inline constexpr Address client{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
inline constexpr Address server{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
inline constexpr Address client_link{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
inline constexpr Address server_link{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
/// ff02::1.
inline constexpr Address all_nodes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

/// ICMPv6 types (RFC 4443, 2710, 4861, 3810, 4620, 6275, 3971, 4286, 6550, 8335).
enum Type : std::uint8_t {
	unreachable = 1,
	too_big = 2,
	time_exceeded = 3,
	parameter_problem = 4,
	echo = 128,
	echo_reply = 129,
	mld_query = 130,
	mld_report = 131,
	mld_done = 132,
	router_solicitation = 133,
	router_advertisement = 134,
	neighbour_solicitation = 135,
	neighbour_advertisement = 136,
	redirect = 137,
	node_information_query = 139,
	node_information_reply = 140,
	mld2_report = 143,
	extended_echo = 160,
	extended_echo_reply = 161,
};

/// What a next header field says.
enum Header : std::uint8_t {
	hop_by_hop = 0,
	tcp = 6,
	udp = 17,
	routing_header = 43,
	fragment_header = 44,
	icmp = 58,
	nothing = 59,
	destination_options = 60,
};

/// An extension header (RFC 8200, section 4) with a length: each but the fragment header.
struct Extension {
	std::uint8_t kind = Header::destination_options;
	/// What is behind the length; padded with zeros, which are options Pad1, to a multiple of 8 when built.
	Bytes contents{};
};

/// An option of a hop-by-hop or destination options header.
Bytes option(std::uint8_t type, const Bytes &data);

/// A destination options header with a Home Address option (RFC 6275, 6.3).
Extension home_address(const Address &home);

/// A routing header of @p type, in the form that types 0, 2 and 4 share.
Extension routing(std::uint8_t type, std::uint8_t segments_left,
		  const std::vector<Address> &addresses);

/// A fragment header.
struct Fragment {
	/// In bytes, a multiple of 8.
	std::uint16_t offset = 0;
	bool more = false;
	std::uint32_t id = 0x12345678;
};

/// An IPv6 header and what follows it.
struct Ipv6 {
	std::uint8_t traffic_class = 0;
	std::uint32_t flow_label = 0;
	std::uint8_t hop_limit = 64;
	Address source = client;
	Address destination = server;
	/// In this order, before a fragment header. Those behind one are in the payload.
	std::vector<Extension> extensions{};
	std::optional<Fragment> fragment{};
	/// What the payload is.
	std::uint8_t protocol = Header::icmp;
	Bytes payload{};

	Bytes build() const;
};

/// The datagram that @p bytes begin with; nothing when they are not IPv6 or shorter than the headers say.
std::optional<Ipv6> parse_ipv6(View bytes);

/// @p datagram with all of its extension headers but the first @p kept moved into the payload.
Ipv6 with_headers_in_payload(const Ipv6 &datagram, std::size_t kept = 0);

/// @p datagram in fragments that fit @p mtu, each with the first @p kept extension headers; as it is when it fits.
std::vector<Ipv6> fragment(const Ipv6 &datagram, std::size_t mtu, std::uint32_t id = Fragment{}.id,
			   std::size_t kept = 0);

/// The datagram that @p fragments are parts of, in whichever order; nothing when a part is missing.
std::optional<Ipv6> reassemble(std::vector<Ipv6> fragments);

/// The sum of a pseudo header (RFC 8200, 8.1).
std::uint32_t pseudo_header(const Address &source, const Address &destination, std::size_t length,
			    std::uint8_t protocol = Header::icmp);

/// The message in @p datagram; nothing when there are fewer than 8 bytes.
std::optional<Icmp> parse_icmp(const Ipv6 &datagram);

/// An echo request.
Icmp echo_request(std::uint16_t id, std::uint16_t sequence, Bytes data = {});

/// From where to where.
struct Ends {
	Address source = client;
	Address destination = server;
};

/// @p message in a datagram, with a checksum for @p ends.
Ipv6 datagram(const Icmp &message, const Ends &ends = {}, Checksum sum = Checksum::right);

} // namespace packet6
