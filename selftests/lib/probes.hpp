/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What a request by PROBE (RFC 8335) asks, which is the same over both families, and interfaces to ask about.
 */
#pragma once

#include "host.hpp"
#include "packet.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace probes {

using packet::Bytes;

enum Code : std::uint8_t { no_error = 0, malformed_query = 1, no_such_interface = 2 };
enum Status : std::uint8_t { active = 4, has_ipv4 = 2, has_ipv6 = 1 };
enum Identifier : std::uint8_t { by_name = 1, by_index = 2, by_address = 3 };

/// An extension structure (RFC 4884) with one interface identification object.
inline Bytes query(Identifier kind, const Bytes &identifier, int length = -1)
{
	Bytes bytes{0x20, 0, 0, 0};

	packet::put16(bytes,
		      static_cast<std::uint16_t>(length >= 0 ? length : 4 + identifier.size()));
	bytes.push_back(3);
	bytes.push_back(kind);
	bytes.insert(bytes.end(), identifier.begin(), identifier.end());
	std::uint16_t sum = packet::checksum(bytes);
	bytes[2] = static_cast<std::uint8_t>(sum >> 8);
	bytes[3] = static_cast<std::uint8_t>(sum);
	return bytes;
}

/// RFC 8335, 2.1: names are padded with zeros to whole words.
inline Bytes name(std::string_view text)
{
	Bytes bytes(text.begin(), text.end());

	bytes.resize((bytes.size() + 3) / 4 * 4);
	return bytes;
}

inline Bytes index(std::uint32_t number)
{
	Bytes bytes;

	packet::put32(bytes, number);
	return bytes;
}

inline Bytes address(std::uint16_t family, const Bytes &bytes, int length = -1)
{
	Bytes all;

	packet::put16(all, family);
	all.push_back(
		static_cast<std::uint8_t>(length >= 0 ? length : static_cast<int>(bytes.size())));
	all.push_back(0);
	return packet::concat({all, bytes});
}

/// What is no query, or an incomplete one: the answer to each is that it is malformed.
inline std::vector<Bytes> malformed_queries()
{
	const Bytes whole = query(by_name, name("wire0")), ipv4{10, 0, 0, 2}, ipv6(16);
	std::vector<Bytes> all{
		query(by_name, {}),
		query(by_name, name("name-of-16-chars")),
		query(by_name, Bytes(20, 'x')),
		query(by_name, Bytes(24, 'x')),
		query(by_index, {0, 0, 1}),
		query(by_index, {0, 0, 0, 1, 0}),
		query(by_index, {0, 0, 0, 0, 0, 0, 0, 1}),
		query(by_address, {0, 1, 4}),
		query(by_address, address(1, {10, 0, 0})),
		query(by_address, address(1, {10, 0, 0, 2, 0})),
		query(by_address, address(1, ipv4, 3)),
		query(by_address, address(1, ipv4, 5)),
		query(by_address, address(1, ipv6)),
		query(by_address, address(2, ipv4)),
		query(by_address, address(2, Bytes(15))),
		query(by_address, address(0, ipv4)),
		query(by_address, address(6, Bytes(6))),
		query(by_address, address(0xffff, ipv4)),
	};

	for (std::size_t size = 0; size < whole.size(); size++)
		all.emplace_back(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
	for (int length : {0, 1, 3, 4, 13, 25, 255, 0xffff})
		all.push_back(query(by_name, name("wire0"), length));
	for (std::uint8_t kind : {0, 4, 255})
		all.push_back(query(static_cast<Identifier>(kind), name("wire0")));
	return all;
}

/// A kernel booted with ipv6.disable=1 has none.
inline bool kernel_has_ipv6() { return host::read_file("/proc/self/net/if_inet6").has_value(); }

/// An interface named test0, up, with the addresses that @p commands give it and no other. It says nothing by itself.
inline void add_interface(const std::string &commands)
{
	host::run("ip link add test0 type veth peer name peer0");
	for (const char *end : {"test0", "peer0"})
		host::run(std::string("ip link set arp off dev ") + end +
			  (kernel_has_ipv6() ? " addrgenmode none" : ""));
	host::run("ip link set peer0 up");
	if (!commands.empty())
		host::run(commands);
}

} // namespace probes
