/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Errors that the machine under test sends: what provokes one, and what has to come back. Templates, whose parameter is V4 or
 * V6; where none is said and none is to be told from an argument, it is V4.
 */
#pragma once

#include "counters.hpp"
#include "counters6.hpp"
#include "errors.hpp"
#include "errors6.hpp"
#include "family.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "packet6.hpp"
#include "wire.hpp"
#include "wire6.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

namespace sending {

using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using packet6::Ipv6;
using wire::Answer;
using wire::Wire;

using Where = std::source_location;

/// The names of what counts errors of a type in /proc/net/snmp (snmp6) and /proc/net/icmpx_stat (icmpx6_stat).
using Names = std::pair<std::string, std::string>;

struct V4 : family::V4 {
	/// A datagram is quoted as far as the error then fits into this (RFC 1812, 4.3.2.3), and what is not quoted of it.
	static constexpr std::size_t largest = 576, headers = 28;
	/// Where the machine has its second wire, and somebody whom it reaches there; a network that no wire leads to.
	static constexpr Address second = 0x0a000102, beyond = 0x0a000101, elsewhere = 0xc6336401;
	static inline const std::string beyond_text = "10.0.1.1", beyond_prefix = "10.0.1.0/24",
					elsewhere_prefix = "198.51.100.0/24";
	static constexpr std::uint8_t no_route = 0, address_unreachable = 1, port_unreachable = 3,
				      prohibited = 13;
	static inline const std::string ratelimit = "net/ipv4/icmp_ratelimit",
					ratemask = "net/ipv4/icmp_ratemask",
					fwmark_reflect = "net/ipv4/fwmark_reflect";
	/// Masks of no error, and of those about what is unreachable or has expired.
	static inline const std::string no_type = "0", some_types = "6168";
	static constexpr Address loopback = 0x7f000001;

	static Datagram sent_udp(std::size_t size, const Address &to, const Address &from)
	{
		return errors::sent_udp({from, 4242}, {to, 9}, packet::pattern(size));
	}
	static Names names(std::uint8_t type)
	{
		switch (type) {
		case Type::unreachable:
			return {"DestUnreachs", "unreachable"};
		case Type::redirect:
			return {"Redirects", "redirect"};
		case Type::time_exceeded:
			return {"TimeExcds", "time_exceeded"};
		case Type::parameter_problem:
			return {"ParmProbs", "parameter_problem"};
		default:
			ktap::fatal("no error that is sent");
		}
	}
	static counters::Values snmp() { return counters::snmp(); }
	static std::optional<counters::Values> stat() { return counters::icmpx(); }
	/// A second wire, wire1.
	static Wire add_far(unsigned mtu)
	{
		Wire far = Wire::tap({.name = "wire1"});

		quiet("wire1");
		host::run("ip link set wire1 arp off mtu " + std::to_string(mtu) +
			  " up; ip address add 10.0.1.2/24 dev wire1");
		return far;
	}
	static void forward()
	{
		host::set_sysctl("net/ipv4/ip_forward", 1);
		accept_any_source("wire1");
		for (const char *device : {"all", "wire0", "wire1"})
			host::set_sysctl(std::string("net/ipv4/conf/") + device + "/send_redirects",
					 0);
	}
	/// By wire0 and @p another.
	static void accept_any_source(const std::string &another = "all")
	{
		for (const std::string &device :
		     {std::string("all"), std::string("wire0"), another})
			host::set_sysctl("net/ipv4/conf/" + device + "/rp_filter", 0);
	}
	/// Nobody's limit depends on how wide the route to it is.
	static void add_own_route(const Address & /*to*/) {}
	static sock::Socket udp() { return sock::udp(); }
	static int connect(const sock::Socket &socket, const Address &to, std::uint16_t port)
	{
		return sock::connect(socket, {to, port});
	}
	/// RFC 1812, 4.3.2.5: precedence 6, and the datagram's type of service.
	static void expect_header(const Datagram &ip, const Datagram &about, const Where &where)
	{
		ktap::expect_equal(ip.tos, 0xc0 | (about.tos & 0x1e), "type of service", where);
		ktap::expect_equal(ip.ttl, 64, "time to live", where);
		ktap::expect(!ip.df, "it may be fragmented", where);
	}
	static std::size_t options_of(const Datagram &ip) { return ip.options.size(); }
};

struct V6 : family::V6 {
	/// RFC 4443, 2.4 (c).
	static constexpr std::size_t largest = 1280, headers = 48;
	static constexpr Address second{0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
	static constexpr Address beyond{0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	static constexpr Address elsewhere{0x20, 1, 0x0d, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	static inline const std::string beyond_text = "fd01::1", beyond_prefix = "fd01::/64",
					elsewhere_prefix = "2001:db8:7::/64";
	static constexpr std::uint8_t no_route = 0, address_unreachable = 3, port_unreachable = 4,
				      prohibited = 1;
	static inline const std::string ratelimit = "net/ipv6/icmp/ratelimit",
					ratemask = "net/ipv6/icmp/ratemask",
					fwmark_reflect = "net/ipv6/fwmark_reflect";
	static inline const std::string no_type = "255", some_types = "1,3";
	static constexpr Address loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	/// Without a checksum, UDP takes none (RFC 8200, 8.1).
	static Datagram sent_udp(std::size_t size, const Address &to, const Address &from)
	{
		Datagram ip = errors6::sent_udp({from, 4242}, {to, 9}, packet::pattern(size));
		const std::uint16_t sum = packet::checksum(
			ip.payload,
			packet6::pseudo_header(from, to, ip.payload.size(), ip.protocol));

		ip.payload[6] = static_cast<std::uint8_t>(sum >> 8);
		ip.payload[7] = static_cast<std::uint8_t>(sum);
		return ip;
	}
	static Names names(std::uint8_t type)
	{
		const std::string snmp(counters6::name_of(type));

		switch (type) {
		case Type::unreachable:
			return {snmp, "unreachable"};
		case Type::too_big:
			return {snmp, "packet_too_big"};
		case Type::time_exceeded:
			return {snmp, "time_exceeded"};
		case Type::parameter_problem:
			return {snmp, "parameter_problem"};
		default:
			ktap::fatal("no error that is sent");
		}
	}
	static counters::Values snmp() { return counters6::snmp(); }
	static std::optional<counters::Values> stat() { return counters6::icmpx(); }
	static Wire add_far(unsigned mtu)
	{
		Wire far = wire6::second_wire();

		host::run("ip link set wire1 mtu " + std::to_string(mtu));
		return far;
	}
	static void forward()
	{
		// A router would join groups, and report that.
		host::run("ip link set wire0 multicast off; ip link set wire1 multicast off");
		host::set_sysctl("net/ipv6/conf/all/forwarding", 1);
	}
	static void accept_any_source() {}
	/// Linux 6 allows for more errors on the way to a wider prefix.
	static void add_own_route(const Address &to)
	{
		host::run("ip -6 route add " + packet6::text(to) + " dev wire0");
	}
	static sock::Socket udp() { return sock6::udp(); }
	static int connect(const sock::Socket &socket, const Address &to, std::uint16_t port)
	{
		return sock6::connect(socket, {to, port});
	}
	static void expect_header(const Datagram &ip, const Datagram & /*not of that*/,
				  const Where &where)
	{
		ktap::expect_equal(ip.traffic_class, 0, "traffic class", where);
		ktap::expect_equal(ip.hop_limit, 64, "hop limit", where);
		ktap::expect(ip.extensions.empty(), "no extension header", where);
	}
	static std::size_t options_of(const Datagram & /*in the quoted packet*/) { return 0; }
};

/// The family that datagrams or counters of the type T are of.
template <typename T>
using Of =
	std::conditional_t<std::is_same_v<T, Ipv6> || std::is_same_v<T, counters6::Change>, V6, V4>;

/// What an error has to be.
template <typename F> struct ErrorIn {
	std::uint8_t type = F::Type::unreachable;
	std::uint8_t code = 0;
	std::uint32_t rest = 0;
	typename F::Address source = F::server;
	/// The most that the error may be, with its headers but for options.
	std::size_t room = F::largest;
};
using Error = ErrorIn<V4>;

/// The error about @p Datagram, whose family is told from that alone.
template <typename Datagram> using ErrorAbout = std::type_identity_t<ErrorIn<Of<Datagram>>>;

inline constexpr Address second = V4::second;
inline constexpr Address beyond = V4::beyond;
inline constexpr std::size_t headers = V4::headers;

/// A UDP datagram from the client to a port where nobody is.
template <typename F = V4>
typename F::Datagram to_closed_port(std::size_t size = 18,
				    const typename F::Address &to = F::server,
				    const typename F::Address &from = F::client)
{
	return F::sent_udp(size, to, from);
}

/// Whether the errors that are sent here are icmpx's.
template <typename F = V4> bool ours()
{
	auto stat = F::stat();

	return stat && (*stat)["sending"] == 1;
}

/// Expects that what was counted of errors since is @p expected, and their sum as wanted; holds where they are not ours.
template <typename Change>
bool expect_counted(const Change &change, const counters::Values &expected,
		    const Where &where = Where::current())
{
	if (!ours<Of<Change>>())
		return true;
	counters::Values all = expected;
	for (const auto &[name, value] : expected)
		all["errors_wanted"] += value;
	auto moved = counters::only(*change.icmpx(), {"error_", "errors_wanted"});
	return ktap::expect_equal(counters::text(moved), counters::text(all), "icmpx_stat", where);
}

/// What the kernel counts of @p count errors of @p type.
template <typename F> counters::Values sent(std::uint8_t type, int count = 1)
{
	return {{F::icmp + "OutMsgs", count},
		{F::icmp + "Out" + F::names(type).first, count},
		{F::out_type + std::to_string(type), count}};
}

/// Expects that one error of @p type was sent, and nothing else.
template <typename Change>
void expect_counted_sent(const Change &change, std::uint8_t type,
			 const Where &where = Where::current())
{
	using F = Of<Change>;

	change.expect_icmp(sent<F>(type), "an error sent", where);
	expect_counted(change, {{"error_sent_" + F::names(type).second, 1}}, where);
}

/// Expects @p answer to be @p expected about the datagram @p about, byte for byte.
template <typename Datagram>
void expect_is(const std::type_identity_t<wire::AnswerIn<Datagram>> &answer, const Datagram &about,
	       const ErrorAbout<Datagram> &expected, const Where &where = Where::current())
{
	using F = Of<Datagram>;
	Bytes quoted = about.build();
	std::size_t room = expected.room - F::headers - F::options_of(answer.ip);

	quoted.resize(std::min(quoted.size(), room));
	ktap::expect_equal(answer.icmp.type, expected.type, "type", where);
	ktap::expect_equal(answer.icmp.code, expected.code, "code", where);
	ktap::expect_equal(answer.icmp.rest, expected.rest, "second word", where);
	ktap::expect_equal(answer.icmp.data, quoted, "quoted datagram", where);
	ktap::expect_equal(answer.ip.source, expected.source, "source", where);
	ktap::expect_equal(answer.ip.destination, about.source, "destination", where);
	F::expect_header(answer.ip, about, where);
}

/// Sends @p about over @p wire and expects @p expected to come back over @p back, and to be counted.
template <typename Datagram>
wire::AnswerIn<Datagram>
expect_error_over(const Wire &wire, const Wire &back, const Datagram &about,
		  const ErrorAbout<Datagram> &expected, const Where &where = Where::current())
{
	const auto change = Of<Datagram>::change();

	wire.send(about);
	auto answer = ktap::require_value(wire::next_answer<Datagram>(back, wire::patience, where),
					  "an error", where);
	expect_is(answer, about, expected, where);
	expect_counted_sent(change, expected.type, where);
	return answer;
}

template <typename Datagram>
wire::AnswerIn<Datagram> expect_error(const Wire &wire, const Datagram &about,
				      const ErrorAbout<Datagram> &expected,
				      const Where &where = Where::current())
{
	return expect_error_over(wire, wire, about, expected, where);
}

/// Sends @p about and expects no error; where icmpx would have sent it, @p rule is counted.
template <typename Datagram>
void expect_none(const Wire &wire, const Datagram &about, const std::string &rule,
		 wire::Cast cast = wire::Cast::unicast, const Where &where = Where::current())
{
	const auto change = Of<Datagram>::change();

	wire::expect_no_answer(wire, about, cast, where);
	expect_counted(change, {{rule, 1}}, where);
}

/// Lifts the limits of errors.
template <typename F = V4> void limit_none() { host::set_sysctl(F::ratemask, F::no_type); }

/// A router between wire0 and wire1, where 10.0.1.0/24 (fd01::/64) is; no limit, and no redirects but where a test wants them.
template <typename F> struct RouterIn {
	Wire near = F::new_server();
	Wire far;

	explicit RouterIn(unsigned mtu = 1500) : far(F::add_far(mtu))
	{
		F::forward();
		limit_none<F>();
	}
};
using Router = RouterIn<V4>;

/// A host with one wire and no limit.
template <typename F = V4> Wire unlimited_host()
{
	Wire wire = F::new_server();

	limit_none<F>();
	return wire;
}

} // namespace sending
