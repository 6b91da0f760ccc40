/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Extensions of errors (RFC 4884) that tell of interfaces (RFC 5837), as they have to be.
 */
#pragma once

#include "counters.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "sending.hpp"
#include "wire.hpp"

#include <cstdint>
#include <initializer_list>
#include <net/if.h>
#include <string>

namespace extension {

using packet::Address;
using packet::Bytes;
using packet::Ipv4;

/// Where an extension is, whatever the datagram's length.
inline constexpr std::size_t original = 128;

/// An object for the interface @p index, as RFC 5837 has it and Linux fills it in; @p address in network order, empty for none;
/// @p name may be empty.
inline Bytes object_with(std::uint8_t role, unsigned index, const std::string &name,
			 packet::View address, std::uint32_t mtu)
{
	const int parts = 9 | (address.empty() ? 0 : 4) | (name.empty() ? 0 : 2);
	Bytes content;

	packet::put32(content, index);
	if (!address.empty()) {
		packet::put16(content, address.size() == 4 ? 1 : 2);
		packet::put16(content, 0);
		content.insert(content.end(), address.begin(), address.end());
	}
	if (!name.empty()) {
		Bytes text{0};
		text.insert(text.end(), name.begin(), name.end());
		text.resize(20);
		text[0] = static_cast<std::uint8_t>(text.size());
		content.insert(content.end(), text.begin(), text.end());
	}
	packet::put32(content, mtu);

	Bytes whole;
	packet::put16(whole, static_cast<std::uint16_t>(4 + content.size()));
	whole.push_back(2);
	whole.push_back(static_cast<std::uint8_t>(role << 6 | parts));
	whole.insert(whole.end(), content.begin(), content.end());
	return whole;
}

/// The same with an address of IPv4; 0 for none.
inline Bytes object(std::uint8_t role, unsigned index, const std::string &name, Address address,
		    std::uint32_t mtu)
{
	Bytes bytes;

	if (address)
		packet::put32(bytes, address);
	return object_with(role, index, name, bytes, mtu);
}

inline Bytes object(std::uint8_t role, const std::string &name, Address address, std::uint32_t mtu)
{
	return object(role, if_nametoindex(name.c_str()), name, address, mtu);
}

/// The same with an address of IPv6.
inline Bytes object(std::uint8_t role, const std::string &name, const packet6::Address &address,
		    std::uint32_t mtu)
{
	return object_with(role, if_nametoindex(name.c_str()), name, address, mtu);
}

/// An object that identifies a node (draft-ietf-intarea-extended-icmp-nodeid, 2); either part may be empty.
inline Bytes node(packet::View address, const std::string &name)
{
	Bytes content;

	if (!address.empty()) {
		packet::put16(content, address.size() == 4 ? 1 : 2);
		packet::put16(content, 0);
		content.insert(content.end(), address.begin(), address.end());
	}
	if (!name.empty()) {
		Bytes text{0};
		text.insert(text.end(), name.begin(), name.end());
		text.resize((text.size() + 3) / 4 * 4);
		text[0] = static_cast<std::uint8_t>(text.size());
		content.insert(content.end(), text.begin(), text.end());
	}
	Bytes whole;
	packet::put16(whole, static_cast<std::uint16_t>(4 + content.size()));
	whole.push_back(5);
	whole.push_back((address.empty() ? 0 : 4) | (name.empty() ? 0 : 2));
	whole.insert(whole.end(), content.begin(), content.end());
	return whole;
}

/// An extension of these objects.
inline Bytes build(std::initializer_list<Bytes> objects)
{
	Bytes whole{0x20, 0, 0, 0};

	for (const Bytes &part : objects)
		whole.insert(whole.end(), part.begin(), part.end());
	std::uint16_t sum = packet::checksum(whole);
	whole[2] = static_cast<std::uint8_t>(sum >> 8);
	whole[3] = static_cast<std::uint8_t>(sum);
	return whole;
}

/// What @p about is quoted as, with @p extension behind it.
template <typename Datagram> Bytes extended(const Datagram &about, const Bytes &extension)
{
	Bytes data = about.build();

	data.resize(original);
	data.insert(data.end(), extension.begin(), extension.end());
	return data;
}

/// Sends @p about and expects @p expected with @p extension to come back, and to be counted.
template <typename Datagram>
void expect_extended(const wire::Wire &wire, const Datagram &about,
		     const sending::ErrorAbout<Datagram> &expected, const Bytes &extension,
		     const wire::Where &where = wire::Where::current())
{
	using F = sending::Of<Datagram>;
	// RFC 4884, 4.1 and 4.4: the original datagram's length, in words of 32 or of 64 bits.
	const std::uint32_t length = F::is_ipv6 ? 16U << 24 : 32U << 16;
	const auto change = F::change();
	const auto answer = wire::require_answer(wire, about, wire::Cast::unicast, where);

	ktap::expect_equal(answer.icmp.type, expected.type, "type", where);
	ktap::expect_equal(answer.icmp.code, expected.code, "code", where);
	ktap::expect_equal(answer.icmp.rest, expected.rest | length, "second word", where);
	ktap::expect_equal(answer.icmp.data, extended(about, extension), "message", where);
	ktap::expect_equal(answer.ip.destination, about.source, "destination", where);
	sending::expect_counted_sent(change, expected.type, where);
}

} // namespace extension
