// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * Messages of PROBE (RFC 8335): extended echo requests, the replies to them, and what these say in words. Pure: bytes in,
 * bytes out.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace icmpxctl::probe {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

/// The IP version that messages go by: the numbers of their types differ.
enum class Ip : std::uint8_t { v4 = 4, v6 = 6 };

/// The interface that a request asks about: by name, index or address.
struct ByName {
	std::string name;

	bool operator==(const ByName &) const = default;
};

struct ByIndex {
	std::uint32_t index;

	bool operator==(const ByIndex &) const = default;
};

/// The address is in network order: 4 bytes of IPv4, 16 of IPv6, or 6 of a link-layer address.
struct ByAddress {
	Bytes address;

	bool operator==(const ByAddress &) const = default;
};

using Target = std::variant<ByName, ByIndex, ByAddress>;

/// The longest name that a request may have: that of an ifName (RFC 2863).
inline constexpr std::size_t kNameMax = 255;

/// The header of a request, and of a reply.
inline constexpr std::size_t kHeaderLen = 8;

/**
 * Reads what a user calls an interface: an address of IPv4, of IPv6 or of Ethernet, an index (digits alone, 1 to 2^32 - 1),
 * else a name.
 *
 * @return nothing if it is empty, longer than a name may be, or an index out of range
 */
std::optional<Target> parse_target(std::string_view text);

/// What parse_target() reads, in one spelling.
std::string text(const Target &target);

/// Whether a request may ask about the table of neighbours: RFC 8335, 2 wants an address then.
bool is_address(const Target &target);

/**
 * Makes an extended echo request. The kernel writes identifier and checksum of the message into what a ping socket sends; the
 * checksum of the extension structure is the sender's (RFC 4884, 7) and is here.
 *
 * @param local the L bit: the interface is one of the probed node, not one of a neighbour of it
 */
Bytes request(Ip ip, std::uint8_t sequence, bool local, const Target &target);

/// The sequence number of a request that request() has made.
std::uint8_t sequence_of(const Bytes &request);

/// Codes of a reply.
enum class Code : std::uint8_t {
	found = 0,
	malformed_query = 1,
	no_such_interface = 2,
	no_such_entry = 3,
	several_interfaces = 4
};

/// State of an entry in the table of neighbours (ARP, neighbour cache), in the reply to a request without L bit.
enum class State : std::uint8_t {
	reserved = 0,
	incomplete = 1,
	reachable = 2,
	stale = 3,
	delay = 4,
	probe = 5,
	failed = 6
};

/// An extended echo reply. Code and state are as they came, known or not.
struct Reply {
	Code code;
	std::uint8_t sequence;
	State state;
	bool active;
	bool ipv4;
	bool ipv6;

	bool operator==(const Reply &) const = default;
};

/**
 * Reads an extended echo reply.
 *
 * @param message from its type on, as a ping socket receives it
 * @return nothing if it is another message, or shorter than a header
 */
std::optional<Reply> parse_reply(Ip ip, View message);

/**
 * Finds the sequence number in an extended echo request that an error quotes, of which there may be little.
 *
 * @param message from its type on, as an error queue has it
 * @return nothing if it is another message, or too short to have one
 */
std::optional<std::uint8_t> quoted_sequence(Ip ip, View message);

/// Whether a reply says yes: the interface is active; of a neighbour, that its link-layer address is known.
bool says_yes(const Reply &reply, bool local);

/// What a reply says, such as `active, IPv4 IPv6` or `no such interface`.
std::string words(const Reply &reply, bool local);

/// The name of a code or a state, as in JSON: words with underscores; the number where it has no name.
std::string name(Code code);
std::string name(State state);

/**
 * What an ICMP error says, such as `Destination unreachable: Host unreachable`.
 *
 * @param info as in sock_extended_err: the MTU, of an error that says that something was too big
 */
std::string error_words(Ip ip, std::uint8_t type, std::uint8_t code, std::uint32_t info);

} // namespace icmpxctl::probe
