/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Errors that the machine under test sends: what provokes one, and what has to come back.
 */
#pragma once

#include "counters.hpp"
#include "errors.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "wire.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace sending {

using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using wire::Answer;
using wire::Wire;

using Where = std::source_location;

/// Where the machine has its second wire, and somebody whom it reaches there.
inline constexpr Address second = 0x0a000102;
inline constexpr Address beyond = 0x0a000101;

/// A datagram is quoted as far as the error then fits into this (RFC 1812, 4.3.2.3).
inline constexpr std::size_t largest = 576;
inline constexpr std::size_t headers = 28;

/// What an error has to be.
struct Error {
	std::uint8_t type = Type::unreachable;
	std::uint8_t code = 0;
	std::uint32_t rest = 0;
	Address source = packet::server;
	/// The most that the error may be, with its headers but for options.
	std::size_t room = largest;
};

/// A UDP datagram from the client to a port where nobody is.
inline Ipv4 to_closed_port(std::size_t size = 18, Address to = packet::server)
{
	return errors::sent_udp({packet::client, 4242}, {to, 9}, packet::pattern(size));
}

/// The names of what counts errors of @p type in /proc/net/snmp and /proc/net/icmpx_stat.
inline std::pair<std::string, std::string> names(std::uint8_t type)
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

/// Whether the errors that are sent here are icmpx's.
inline bool ours()
{
	auto stat = counters::icmpx();

	return stat && (*stat)["sending"] == 1;
}

/// Expects that what was counted of errors since is @p expected, and their sum as wanted; holds where they are not ours.
inline bool expect_counted(const counters::Change &change, const counters::Values &expected,
			   const Where &where = Where::current())
{
	if (!ours())
		return true;
	counters::Values all = expected;
	for (const auto &[name, value] : expected)
		all["errors_wanted"] += value;
	auto moved = counters::only(*change.icmpx(), {"error_", "errors_wanted"});
	return ktap::expect_equal(counters::text(moved), counters::text(all), "icmpx_stat", where);
}

/// Expects that one error of @p type was sent, and nothing else.
inline void expect_counted_sent(const counters::Change &change, std::uint8_t type,
				const Where &where = Where::current())
{
	auto [snmp, stat] = names(type);

	change.expect_icmp({{"Icmp.OutMsgs", 1},
			    {"Icmp.Out" + snmp, 1},
			    {"IcmpMsg.OutType" + std::to_string(type), 1}},
			   "an error sent", where);
	expect_counted(change, {{"error_sent_" + stat, 1}}, where);
}

/// Expects @p answer to be @p expected about the datagram @p about, byte for byte.
inline void expect_is(const Answer &answer, const Ipv4 &about, const Error &expected,
		      const Where &where = Where::current())
{
	Bytes quoted = about.build();
	std::size_t room = expected.room - headers - answer.ip.options.size();

	quoted.resize(std::min(quoted.size(), room));
	ktap::expect_equal(answer.icmp.type, expected.type, "type", where);
	ktap::expect_equal(answer.icmp.code, expected.code, "code", where);
	ktap::expect_equal(answer.icmp.rest, expected.rest, "second word", where);
	ktap::expect_equal(answer.icmp.data, quoted, "quoted datagram", where);
	ktap::expect_equal(answer.ip.source, expected.source, "source", where);
	ktap::expect_equal(answer.ip.destination, about.source, "destination", where);
	// RFC 1812, 4.3.2.5: precedence 6, and the datagram's type of service.
	ktap::expect_equal(answer.ip.tos, 0xc0 | (about.tos & 0x1e), "type of service", where);
	ktap::expect_equal(answer.ip.ttl, 64, "time to live", where);
	ktap::expect(!answer.ip.df, "it may be fragmented", where);
}

/// Sends @p about over @p wire and expects @p expected to come back over @p back, and to be counted.
inline Answer expect_error_over(const Wire &wire, const Wire &back, const Ipv4 &about,
				const Error &expected, const Where &where = Where::current())
{
	counters::Change change;

	wire.send(about);
	Answer answer = ktap::require_value(wire::next_answer(back, wire::patience, where),
					    "an error", where);
	expect_is(answer, about, expected, where);
	expect_counted_sent(change, expected.type, where);
	return answer;
}

inline Answer expect_error(const Wire &wire, const Ipv4 &about, const Error &expected,
			   const Where &where = Where::current())
{
	return expect_error_over(wire, wire, about, expected, where);
}

/// Sends @p about and expects no error; where icmpx would have sent it, @p rule is counted.
inline void expect_none(const Wire &wire, const Ipv4 &about, const std::string &rule,
			wire::Cast cast = wire::Cast::unicast,
			const Where &where = Where::current())
{
	counters::Change change;

	wire::expect_no_answer(wire, about, cast, where);
	expect_counted(change, {{rule, 1}}, where);
}

/// A router between wire0 and wire1, where 10.0.1.0/24 is; no limit, and no redirects but where a test wants them.
struct Router {
	Wire near = wire::new_server();
	Wire far = Wire::tap({.name = "wire1"});

	explicit Router(unsigned mtu = 1500)
	{
		host::write_file("/proc/sys/net/ipv6/conf/wire1/disable_ipv6", "1");
		host::run("ip link set wire1 arp off mtu " + std::to_string(mtu) +
			  " up; ip address add 10.0.1.2/24 dev wire1");
		host::set_sysctl("net/ipv4/ip_forward", 1);
		host::set_sysctl("net/ipv4/icmp_ratemask", 0);
		for (const char *device : {"all", "wire0", "wire1"}) {
			const std::string settings = std::string("net/ipv4/conf/") + device;

			host::set_sysctl(settings + "/rp_filter", 0);
			host::set_sysctl(settings + "/send_redirects", 0);
		}
	}
};

/// A host with one wire and no limit.
inline Wire unlimited_host()
{
	Wire wire = wire::new_server();

	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	return wire;
}

} // namespace sending
