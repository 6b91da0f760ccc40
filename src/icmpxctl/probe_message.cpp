// SPDX-License-Identifier: GPL-2.0-only
// PROBE, RFC 8335: requests, replies, and their words.
#include "probe_message.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstdio>
#include <limits>

namespace icmpxctl::probe {
namespace {

/// Types, RFC 8335, 2 and 3.
constexpr std::uint8_t kRequest4 = 42;
constexpr std::uint8_t kReply4 = 43;
constexpr std::uint8_t kRequest6 = 160;
constexpr std::uint8_t kReply6 = 161;

/// Where a header has its fields.
constexpr std::size_t kTypeAt = 0;
constexpr std::size_t kCodeAt = 1;
constexpr std::size_t kSequenceAt = 6;
constexpr std::size_t kStatusAt = 7;

/// The last byte of a request's header: the other bits are reserved, and 0.
constexpr std::uint8_t kLocal = 0x01;

/// The last byte of a reply's header.
constexpr unsigned kStateShift = 5;
constexpr std::uint8_t kActive = 0x04;
constexpr std::uint8_t kIpv4 = 0x02;
constexpr std::uint8_t kIpv6 = 0x01;

/// The extension structure (RFC 4884, 7): version in the upper half of its first byte, checksum in its third and fourth.
constexpr std::size_t kStructureHeaderLen = 4;
constexpr std::uint8_t kVersion = 2 << 4;
constexpr std::size_t kStructureChecksumAt = kHeaderLen + 2;

/// The interface identification object (RFC 8335, 2.1).
constexpr std::size_t kObjectHeaderLen = 4;
constexpr std::uint8_t kClass = 3;

enum CType : std::uint8_t { by_name = 1, by_index = 2, by_address = 3 };

/// Address family numbers of IANA.
constexpr std::uint16_t kAfiIpv4 = 1;
constexpr std::uint16_t kAfiIpv6 = 2;
constexpr std::uint16_t kAfiMac48 = 16389;

constexpr std::size_t kIpv4Len = 4;
constexpr std::size_t kIpv6Len = 16;
constexpr std::size_t kMacLen = 6;

void put16(Bytes &bytes, std::uint16_t value)
{
	bytes.push_back(static_cast<std::uint8_t>(value >> 8));
	bytes.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes &bytes, std::uint32_t value)
{
	put16(bytes, static_cast<std::uint16_t>(value >> 16));
	put16(bytes, static_cast<std::uint16_t>(value));
}

void put(Bytes &to, View from) { to.insert(to.end(), from.begin(), from.end()); }

/// The Internet checksum (RFC 1071) of an even number of bytes.
std::uint16_t checksum(View bytes)
{
	std::uint32_t sum = 0;

	for (std::size_t at = 0; at + 1 < bytes.size(); at += 2)
		sum += static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(~sum);
}

std::uint16_t address_family(const Bytes &address)
{
	switch (address.size()) {
	case kIpv4Len:
		return kAfiIpv4;
	case kIpv6Len:
		return kAfiIpv6;
	default:
		return kAfiMac48;
	}
}

/// The payload of an object, without padding.
struct Identity {
	CType type;
	Bytes bytes;
};

Identity identity(const Target &target)
{
	Bytes bytes;

	if (const auto *name = std::get_if<ByName>(&target)) {
		bytes.assign(name->name.begin(), name->name.end());
		return {by_name, bytes};
	}
	if (const auto *index = std::get_if<ByIndex>(&target)) {
		put32(bytes, index->index);
		return {by_index, bytes};
	}

	const Bytes &address = std::get<ByAddress>(target).address;

	put16(bytes, address_family(address));
	bytes.push_back(static_cast<std::uint8_t>(address.size()));
	bytes.push_back(0);
	put(bytes, address);
	return {by_address, bytes};
}

std::optional<Bytes> parse_ip(std::string_view text)
{
	const std::string terminated(text);
	Bytes bytes(kIpv6Len);

	if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1)
		return bytes;
	bytes.resize(kIpv4Len);
	if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1)
		return bytes;
	return std::nullopt;
}

/// Six bytes of two hexadecimal digits, with colons between them.
std::optional<Bytes> parse_mac(std::string_view text)
{
	constexpr std::size_t stride = 3;
	Bytes bytes;

	if (text.size() != kMacLen * stride - 1)
		return std::nullopt;
	for (std::size_t at = 0; at < text.size(); at += stride) {
		const char *const end = text.data() + at + 2;
		std::uint8_t byte = 0;
		const auto [stop, error] = std::from_chars(text.data() + at, end, byte, 16);

		if (error != std::errc() || stop != end)
			return std::nullopt;
		if (at + 2 < text.size() && *end != ':')
			return std::nullopt;
		bytes.push_back(byte);
	}
	return bytes;
}

std::string ip_text(int family, const Bytes &address)
{
	std::array<char, INET6_ADDRSTRLEN> buffer{};

	inet_ntop(family, address.data(), buffer.data(), buffer.size());
	return buffer.data();
}

std::string mac_text(const Bytes &address)
{
	std::string text;

	for (const std::uint8_t byte : address) {
		std::array<char, 4> buffer{};

		std::snprintf(buffer.data(), buffer.size(), "%s%02x", text.empty() ? "" : ":",
			      byte);
		text += buffer.data();
	}
	return text;
}

/// The name of a number, out of a table that is indexed by it.
template <std::size_t N>
std::string named(const std::array<std::string_view, N> &names, unsigned number)
{
	if (number < names.size() && !names[number].empty())
		return std::string(names[number]);
	return std::to_string(number);
}

constexpr std::array<std::string_view, 5> kCodeNames{"no_error", "malformed_query",
						     "no_such_interface", "no_such_table_entry",
						     "several_interfaces"};
constexpr std::array<std::string_view, 7> kStateNames{
	"reserved", "incomplete", "reachable", "stale", "delay", "probe", "failed"};

std::string found_words(const Reply &reply)
{
	if (!reply.active)
		return "not active";
	if (!reply.ipv4 && !reply.ipv6)
		return "active, neither IPv4 nor IPv6";
	return std::string("active,") + (reply.ipv4 ? " IPv4" : "") + (reply.ipv6 ? " IPv6" : "");
}

/// Destination unreachable, RFC 792, RFC 1122, RFC 1812.
constexpr std::array<std::string_view, 16> kUnreachable4{"Network unreachable",
							 "Host unreachable",
							 "Protocol unreachable",
							 "Port unreachable",
							 "Fragmentation needed",
							 "Source route failed",
							 "Network unknown",
							 "Host unknown",
							 "Source host isolated",
							 "Network prohibited",
							 "Host prohibited",
							 "Network unreachable for type of service",
							 "Host unreachable for type of service",
							 "Packet filtered",
							 "Precedence violation",
							 "Precedence cutoff"};
/// RFC 4443, RFC 8883.
constexpr std::array<std::string_view, 7> kUnreachable6{"No route",
							"Administratively prohibited",
							"Beyond scope of source address",
							"Address unreachable",
							"Port unreachable",
							"Source address failed policy",
							"Reject route"};

std::string unreachable(std::string_view what)
{
	return "Destination unreachable: " + std::string(what);
}

std::string other_error(std::uint8_t type, std::uint8_t code)
{
	return "ICMP error of type " + std::to_string(type) + ", code " + std::to_string(code);
}

std::string error_words4(std::uint8_t type, std::uint8_t code, std::uint32_t info)
{
	constexpr std::uint8_t fragmentation_needed = 4;

	switch (type) {
	case 3:
		if (code >= kUnreachable4.size())
			return unreachable("code " + std::to_string(code));
		return unreachable(kUnreachable4[code]) +
		       (code == fragmentation_needed ? " (mtu = " + std::to_string(info) + ")"
						     : "");
	case 5:
		return "Redirect";
	case 11:
		return code ? "Time exceeded: Fragment reassembly" : "Time exceeded: Time to live";
	case 12:
		return "Parameter problem";
	default:
		return other_error(type, code);
	}
}

std::string error_words6(std::uint8_t type, std::uint8_t code, std::uint32_t info)
{
	switch (type) {
	case 1:
		if (code >= kUnreachable6.size())
			return unreachable("code " + std::to_string(code));
		return unreachable(kUnreachable6[code]);
	case 2:
		return "Packet too big (mtu = " + std::to_string(info) + ")";
	case 3:
		return code ? "Time exceeded: Fragment reassembly" : "Time exceeded: Hop limit";
	case 4:
		return "Parameter problem";
	default:
		return other_error(type, code);
	}
}

} // namespace

std::optional<Target> parse_target(std::string_view text)
{
	if (text.empty() || text.size() > kNameMax)
		return std::nullopt;
	if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
		std::uint32_t index = 0;
		const auto [stop, error] =
			std::from_chars(text.data(), text.data() + text.size(), index);

		if (error != std::errc() || index == 0)
			return std::nullopt;
		return ByIndex{index};
	}
	if (std::optional<Bytes> address = parse_ip(text))
		return ByAddress{std::move(*address)};
	if (std::optional<Bytes> address = parse_mac(text))
		return ByAddress{std::move(*address)};
	return ByName{std::string(text)};
}

std::string text(const Target &target)
{
	if (const auto *name = std::get_if<ByName>(&target))
		return name->name;
	if (const auto *index = std::get_if<ByIndex>(&target))
		return std::to_string(index->index);

	const Bytes &address = std::get<ByAddress>(target).address;

	if (address.size() == kIpv4Len)
		return ip_text(AF_INET, address);
	if (address.size() == kIpv6Len)
		return ip_text(AF_INET6, address);
	return mac_text(address);
}

bool is_address(const Target &target) { return std::holds_alternative<ByAddress>(target); }

Bytes request(Ip ip, std::uint8_t sequence, bool local, const Target &target)
{
	const auto [type, payload] = identity(target);
	const std::size_t padded = (payload.size() + 3) / 4 * 4;
	Bytes message{ip == Ip::v4 ? kRequest4 : kRequest6, 0, 0, 0, 0, 0, sequence,
		      local ? kLocal : std::uint8_t{0}};

	put(message, std::array<std::uint8_t, kStructureHeaderLen>{kVersion, 0, 0, 0});
	put16(message, static_cast<std::uint16_t>(kObjectHeaderLen + padded));
	message.push_back(kClass);
	message.push_back(type);
	put(message, payload);
	message.resize(kHeaderLen + kStructureHeaderLen + kObjectHeaderLen + padded);

	const std::uint16_t sum = checksum(View(message).subspan(kHeaderLen));

	message[kStructureChecksumAt] = static_cast<std::uint8_t>(sum >> 8);
	message[kStructureChecksumAt + 1] = static_cast<std::uint8_t>(sum);
	return message;
}

std::uint8_t sequence_of(const Bytes &request) { return request[kSequenceAt]; }

std::optional<Reply> parse_reply(Ip ip, View message)
{
	if (message.size() < kHeaderLen || message[kTypeAt] != (ip == Ip::v4 ? kReply4 : kReply6))
		return std::nullopt;

	const std::uint8_t status = message[kStatusAt];

	return Reply{.code = static_cast<Code>(message[kCodeAt]),
		     .sequence = message[kSequenceAt],
		     .state = static_cast<State>(status >> kStateShift),
		     .active = (status & kActive) != 0,
		     .ipv4 = (status & kIpv4) != 0,
		     .ipv6 = (status & kIpv6) != 0};
}

std::optional<std::uint8_t> quoted_sequence(Ip ip, View message)
{
	if (message.size() < kHeaderLen ||
	    message[kTypeAt] != (ip == Ip::v4 ? kRequest4 : kRequest6))
		return std::nullopt;
	return message[kSequenceAt];
}

bool says_yes(const Reply &reply, bool local)
{
	if (reply.code != Code::found)
		return false;
	if (local)
		return reply.active;
	return reply.state == State::reachable || reply.state == State::stale ||
	       reply.state == State::delay || reply.state == State::probe;
}

std::string words(const Reply &reply, bool local)
{
	switch (reply.code) {
	case Code::found:
		return local ? found_words(reply) : "neighbour: " + name(reply.state);
	case Code::malformed_query:
		return "malformed query";
	case Code::no_such_interface:
		return "no such interface";
	case Code::no_such_entry:
		return "no such table entry";
	case Code::several_interfaces:
		return "ambiguous: several interfaces";
	}
	return "unknown code " + name(reply.code);
}

std::string name(Code code) { return named(kCodeNames, static_cast<unsigned>(code)); }

std::string name(State state) { return named(kStateNames, static_cast<unsigned>(state)); }

std::string error_words(Ip ip, std::uint8_t type, std::uint8_t code, std::uint32_t info)
{
	return ip == Ip::v4 ? error_words4(type, code, info) : error_words6(type, code, info);
}

} // namespace icmpxctl::probe
