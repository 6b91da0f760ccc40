/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A host with two wires, and whether it keeps the route of a reply.
 */
#pragma once

#include "counters.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "wire.hpp"

#include <cstdint>
#include <string>

namespace routes {

using packet::Address;
using packet::Ipv4;
using wire::Wire;

/// TEST-NET-3, which the default route leads to.
inline constexpr Address remote = 0xcb007105; // 203.0.113.5

inline Ipv4 ping(Address source = remote, Address destination = packet::server,
		 std::size_t size = 16)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x77, 1, packet::pattern(size)));

	ip.source = source;
	ip.destination = destination;
	return ip;
}

/// How often the route of a reply was looked up.
inline std::int64_t lookups()
{
	return ktap::require_value(counters::icmpx(), "icmpx_stat")["route_lookups"];
}

/// wire0, which has the default route, and wire1, where replies are not to be unless a test says so.
struct Net {
	Wire wire;
	Wire other;

	Net() : wire(wire::new_server()), other(Wire::tap({.name = "wire1"}))
	{
		host::stay_on_one_processor();
		host::need_icmpx();
		host::try_run("echo 1 >/proc/sys/net/ipv6/conf/wire1/disable_ipv6");
		host::run("ip link set wire1 arp off up && ip address add 10.0.1.2/24 broadcast + "
			  "dev wire1");
		host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
		host::set_sysctl("net/ipv4/conf/wire0/rp_filter", 0);
		host::set_sysctl("net/ipv4/conf/wire1/rp_filter", 0);
	}

	void expect_on(const Wire &where, const Ipv4 &request, const char *what,
		       const ktap::Location &location = ktap::Location::current()) const
	{
		wire.send(request);
		auto answer = wire::next_answer(where);
		if (ktap::expect(answer.has_value(), what, location))
			wire::expect_echo_reply(*answer, request, location);
		ktap::expect(wire.receive_all(wire::milliseconds(0)).empty() &&
				     other.receive_all(wire::milliseconds(0)).empty(),
			     "nothing else on either wire", location);
	}

	/// Sends @p request until its route is kept; the test ends when it never is.
	void keep(const Ipv4 &request, const Wire &where,
		  const ktap::Location &location = ktap::Location::current()) const
	{
		for (int tries = 0; tries < 20; tries++) {
			std::int64_t before = lookups();

			expect_on(where, request, "the reply before the change", location);
			if (lookups() == before)
				return;
		}
		ktap::fatal("the route is not kept", location);
	}

	/// The route of @p request is kept on the first wire; after @p command the next reply is on the second.
	void expect_moved_by(const std::string &command, const Ipv4 &request = ping(),
			     const ktap::Location &location = ktap::Location::current()) const
	{
		keep(request, wire, location);
		host::run(command, location);
		expect_on(other, request, command.c_str(), location);
	}

	/// The other way round.
	void expect_back_by(const std::string &command, const Ipv4 &request = ping(),
			    const ktap::Location &location = ktap::Location::current()) const
	{
		keep(request, other, location);
		host::run(command, location);
		expect_on(wire, request, command.c_str(), location);
	}
};

} // namespace routes
