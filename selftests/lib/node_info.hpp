/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Node information queries (RFC 4620): asked, and what comes back.
 */
#pragma once

#include "counters6.hpp"
#include "ktap.hpp"
#include "packet6.hpp"
#include "wire6.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace node_info {

using packet::Bytes;
using packet6::Address;
using packet6::Ipv6;
using wire::Cast;
using wire::Where;
using wire6::Wire;

/// Bits of net.icmpx6.node_info.
enum Mask : unsigned { tell_name = 1, tell_ipv6 = 2, tell_ipv4 = 4, tell_far = 8 };

/// What is asked (Qtype).
enum Question : std::uint16_t { noop = 0, unused = 1, ask_name = 2, ask_ipv6 = 3, ask_ipv4 = 4 };

/// The code of a query: what its subject is.
enum Subject : std::uint8_t { by_ipv6 = 0, by_name = 1, by_ipv4 = 2 };

/// The code of a reply.
enum Result : std::uint8_t { told = 0, refused = 1, unknown = 2 };

enum Flag : std::uint16_t {
	truncated = 0x01,
	all = 0x02,
	compatible = 0x04,
	link_local = 0x08,
	site_local = 0x10,
	global = 0x20,
	every_scope = compatible | link_local | site_local | global,
};

struct Query {
	std::uint16_t question = ask_name;
	std::uint16_t flags = 0;
	std::uint8_t code = by_ipv6;
	Bytes subject{packet6::server.begin(), packet6::server.end()};
	Bytes nonce{0xde, 0xad, 0xbe, 0xef, 0, 0xff, 0x80, 1};
};

inline Ipv6 datagram(const Query &query, const packet6::Ends &ends = {})
{
	return packet6::datagram({.type = packet6::node_information_query,
				  .code = query.code,
				  .rest = std::uint32_t{query.question} << 16 | query.flags,
				  .data = packet::concat({query.nonce, query.subject})},
				 ends);
}

/// A subject, and what is told behind it.
inline Bytes bytes(const Address &address) { return {address.begin(), address.end()}; }

inline Bytes bytes4(std::string_view text)
{
	Bytes address;

	packet::put32(address, packet::ipv4(text));
	return address;
}

/// The labels of @p text in the wire format of DNS, and @p zeros lengths of 0.
inline Bytes dns(std::string_view text, std::size_t zeros = 1)
{
	Bytes wire;

	while (!text.empty()) {
		const std::string_view label = text.substr(0, text.find('.'));

		wire.push_back(static_cast<std::uint8_t>(label.size()));
		wire.insert(wire.end(), label.begin(), label.end());
		text.remove_prefix(std::min(text.size(), label.size() + 1));
	}
	wire.insert(wire.end(), zeros, 0);
	return wire;
}

/// A time to live of 0 in front of each of @p entries: the data of a reply.
inline Bytes data(std::initializer_list<Bytes> entries)
{
	Bytes all;

	for (const Bytes &entry : entries) {
		packet::put32(all, 0);
		all.insert(all.end(), entry.begin(), entry.end());
	}
	return all;
}

/// What a reply is to say.
struct Expected {
	std::uint8_t code = told;
	std::uint16_t flags = 0;
	Bytes data{};
};

/// A new server with wire0 whose setting is @p mask; refusals are not limited there.
inline Wire new_server(unsigned mask)
{
	host::need_icmpx6();
	Wire wire = wire6::new_server();

	host::set_sysctl("net/icmpx6/node_info", mask);
	host::set_sysctl("net/ipv6/icmp/ratelimit", 0);
	if (host::read_file("/proc/sys/net/ipv4/icmp_msgs_per_sec")) {
		host::set_sysctl("net/ipv4/icmp_msgs_per_sec", 1000000);
		host::set_sysctl("net/ipv4/icmp_msgs_burst", 1000000);
	}
	return wire;
}

/// With a newline: nothing at all would be no write.
inline void set_name(const std::string &name)
{
	host::set_sysctl("net/icmpx/node_name", name + "\n");
}

inline void expect_contents(const wire6::Answer &answer, const Query &query,
			    const Expected &expected, const std::string &what,
			    const Where &where = Where::current())
{
	ktap::expect_equal(answer.icmp.type, packet6::node_information_reply, what + ": type",
			   where);
	ktap::expect_equal(answer.icmp.code, expected.code, what + ": code", where);
	ktap::expect_equal(answer.icmp.rest >> 16, query.question, what + ": question", where);
	ktap::expect_equal(answer.icmp.rest & 0xffff, expected.flags, what + ": flags", where);
	ktap::require(answer.icmp.data.size() >= 8, what + ": a nonce", where);
	ktap::expect_equal(Bytes(answer.icmp.data.begin(), answer.icmp.data.begin() + 8),
			   query.nonce, what + ": nonce", where);
	ktap::expect_equal(Bytes(answer.icmp.data.begin() + 8, answer.icmp.data.end()),
			   expected.data, what + ": data", where);
}

/// Sends @p query and expects a reply at once, and what is counted of both.
inline wire6::Answer expect_reply(const Wire &wire, const Query &query, const Expected &expected,
				  const std::string &what, const packet6::Ends &ends = {},
				  const Where &where = Where::current())
{
	counters6::Change change("");
	auto answer = wire::require_answer(wire, datagram(query, ends), Cast::unicast, where);

	expect_contents(answer, query, expected, what, where);
	ktap::expect_equal(packet6::text(answer.ip.destination), packet6::text(ends.source),
			   what + ": destination", where);
	change.expect_icmp(counters::sum(counters6::in(packet6::node_information_query),
					 counters6::out(packet6::node_information_reply)),
			   what, where);
	change.expect_outcomes(
		{{expected.code == told ? "reply_node_info" : "reply_node_info_refused", 1}}, what,
		where);
	return answer;
}

/// Sends @p query and expects nothing.
inline void expect_silence(const Wire &wire, const Query &query, const std::string &what,
			   const packet6::Ends &ends = {}, Cast cast = Cast::unicast,
			   const char *outcome = "ignore_node_info",
			   const Where &where = Where::current())
{
	counters6::Change change("");

	wire::expect_no_answer(wire, datagram(query, ends), cast, where);
	change.expect_icmp(counters6::in(packet6::node_information_query), what, where);
	change.expect_outcomes({{outcome, 1}}, what, where);
}

} // namespace node_info
