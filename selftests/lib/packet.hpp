/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * IPv4 and ICMP packets as values: built byte for byte as a test wants them, wrong ones included, and parsed.
 *
 * Everything here is in host byte order; building and parsing convert.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace packet {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

/// An IPv4 address in host byte order.
using Address = std::uint32_t;

/// The address that @p text ("10.0.0.1") means.
Address ipv4(std::string_view text);

/// The two ends of the wire in almost every test.
inline constexpr Address client = 0x0a000001;
inline constexpr Address server = 0x0a000002;

/// ICMP types (RFC 792, RFC 8335).
enum Type : std::uint8_t {
	echo_reply = 0,
	unreachable = 3,
	source_quench = 4,
	redirect = 5,
	echo = 8,
	time_exceeded = 11,
	parameter_problem = 12,
	timestamp = 13,
	timestamp_reply = 14,
	information_request = 15,
	information_reply = 16,
	address_mask_request = 17,
	address_mask_reply = 18,
	extended_echo = 42,
	extended_echo_reply = 43,
};

/// Appends @p value in network byte order.
void put16(Bytes &bytes, std::uint16_t value);
void put32(Bytes &bytes, std::uint32_t value);

/// Reads a value in network byte order; the bytes must be there.
std::uint16_t get16(View bytes, std::size_t offset);
std::uint32_t get32(View bytes, std::size_t offset);

/// Puts the parts one behind the other.
Bytes concat(std::initializer_list<View> parts);

/// @p size bytes in which each byte tells where it is, for up to 64 KiB.
Bytes pattern(std::size_t size, std::uint8_t seed = 0);

/// The Internet checksum (RFC 1071) of @p bytes; 0 over bytes that contain a right one. @p sum is that of 16-bit words that
/// are added to it, such as a pseudo header's.
std::uint16_t checksum(View bytes, std::uint32_t sum = 0);

/// An IPv4 header and what follows it.
struct Ipv4 {
	std::uint8_t tos = 0;
	std::uint16_t id = 0x1234;
	bool df = false;
	bool mf = false;
	/// In bytes, a multiple of 8.
	std::uint16_t fragment_offset = 0;
	std::uint8_t ttl = 64;
	std::uint8_t protocol = 1;
	Address source = client;
	Address destination = server;
	/// Padded with end-of-list bytes to a multiple of 4 when built.
	Bytes options{};
	Bytes payload{};
	/// Whether parsing found the header's checksum right; building always makes it right.
	bool checksum_right = true;

	Bytes build() const;
};

/// The datagram that @p bytes begin with; nothing when they are not IPv4 or shorter than the header says.
std::optional<Ipv4> parse_ipv4(View bytes);

/// @p datagram in fragments that fit @p mtu; options are copied into all as RFC 791 says, others only into the first.
std::vector<Ipv4> fragment(const Ipv4 &datagram, std::size_t mtu);

/// The datagram that @p fragments are parts of, in whichever order; nothing when a part is missing.
std::optional<Ipv4> reassemble(std::vector<Ipv4> fragments);

enum class Checksum { right, wrong };

/// An ICMP message, of either family: where a checksum is built or found right, @p pseudo_header is the sum of a pseudo header,
/// which IPv4 has none of.
struct Icmp {
	std::uint8_t type = Type::echo;
	std::uint8_t code = 0;
	/// The second word of the header: identifier and sequence, gateway, pointer or MTU.
	std::uint32_t rest = 0;
	Bytes data{};
	/// Whether parsing found the checksum right.
	bool checksum_right = true;

	std::uint16_t id() const { return static_cast<std::uint16_t>(rest >> 16); }
	std::uint16_t sequence() const { return static_cast<std::uint16_t>(rest); }
	Bytes build(Checksum sum = Checksum::right, std::uint32_t pseudo_header = 0) const;
};

/// The message in @p bytes; nothing when they are fewer than 8.
std::optional<Icmp> parse_icmp(View bytes, std::uint32_t pseudo_header = 0);

/// The second word of an echo message.
constexpr std::uint32_t id_sequence(std::uint16_t id, std::uint16_t sequence)
{
	return std::uint32_t{id} << 16 | sequence;
}

/// An echo request.
Icmp echo_request(std::uint16_t id, std::uint16_t sequence, Bytes data = {});

/// @p message in a datagram from the client to the server.
Ipv4 datagram(const Icmp &message, Checksum sum = Checksum::right);

} // namespace packet
