// SPDX-License-Identifier: GPL-2.0-only
//
// Routes that are kept for replies: whatever changes where a reply goes changes it for the next one.

#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/routes.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <poll.h>
#include <unistd.h>

namespace {

using packet::Address;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;

using routes::lookups;
using routes::Net;
using routes::ping;
using routes::remote;

void one_lookup_serves_many()
{
	Net net;

	net.keep(ping(), net.wire);
	std::int64_t before = lookups();
	for (int i = 0; i < 100; i++)
		require_answer(net.wire, ping());
	// One a second, and it does not take many.
	ktap::expect(lookups() - before < 20, "100 replies without lookups");
}

void ip_route()
{
	Net net;

	net.expect_moved_by("ip route add 203.0.113.0/24 dev wire1");
	net.expect_back_by("ip route replace 203.0.113.0/24 dev wire0");
	net.expect_moved_by("ip route change 203.0.113.0/24 dev wire1");
	net.expect_back_by("ip route delete 203.0.113.0/24");
	net.expect_moved_by("ip route replace default dev wire1");
	net.expect_back_by("ip route prepend default dev wire0");
	host::run("ip route delete default dev wire1");
	net.keep(ping(), net.wire);
	host::run("ip route add prohibit 203.0.113.5");
	wire::expect_no_answer(net.wire, ping());
	host::run("ip route replace blackhole 203.0.113.5");
	wire::expect_no_answer(net.wire, ping());
}

/// What a route says of its packets it says of all of them.
void metrics()
{
	Net net;
	const Ipv4 large = ping(remote, packet::server, 1000);

	host::run("ip route add 203.0.113.0/24 dev wire0 hoplimit 33 mtu lock 700");
	net.keep(ping(), net.wire);
	ktap::expect_equal(require_answer(net.wire, ping()).ip.ttl, 33, "the hop limit");
	for (int i = 0; i < 3; i++) {
		net.wire.send(large);
		ktap::expect_equal(net.wire.receive_all().size(), 2, "fragments");
	}
}

void ip_rule()
{
	Net net;

	host::run("ip route add default dev wire1 table 100");
	net.expect_moved_by("ip rule add from 10.0.0.2 table 100");
	net.expect_back_by("ip rule delete from 10.0.0.2");
	net.expect_moved_by("ip rule add to 203.0.113.0/24 table 100");
	net.expect_back_by("ip rule add to 203.0.113.5 table main priority 1");
	net.expect_moved_by("ip rule delete priority 1");
}

void addresses()
{
	Net net;
	Ipv4 request = ping(packet::ipv4("10.0.2.1"));

	net.expect_moved_by("ip address add 10.0.2.2/24 dev wire1", request);
	net.expect_back_by("ip address delete 10.0.2.2/24 dev wire1", request);

	host::run("ip address add 10.0.0.9/24 dev wire0");
	request = ping(remote, packet::ipv4("10.0.0.9"));
	net.keep(request, net.wire);
	host::run("ip address delete 10.0.0.9/24 dev wire0");
	wire::expect_no_answer(net.wire, request);
}

/// The kernel notices after a while; from then on, a route says so.
void lose_carrier()
{
	host::run("ip link set wire1 carrier off");
	for (int tries = 0; tries < 100; tries++) {
		if (host::output_of("ip route show dev wire1").find("linkdown") !=
		    std::string::npos)
			return;
		usleep(50000);
	}
	ktap::fatal("no route says linkdown");
}

void links()
{
	Net net;

	host::run("ip route add 203.0.113.0/24 dev wire1");
	net.expect_back_by("ip link set wire1 down");
	net.expect_moved_by("ip link set wire1 up && ip route add 203.0.113.0/24 dev wire1");
	host::set_sysctl("net/ipv4/conf/wire1/ignore_routes_with_linkdown", 1);
	net.keep(ping(), net.other);
	lose_carrier();
	net.expect_on(net.wire, ping(), "the reply without a carrier");
	net.keep(ping(), net.wire);
	host::run("ip link set wire1 carrier on");
	for (int tries = 0; tries < 100; tries++) {
		if (host::output_of("ip route show dev wire1").find("linkdown") ==
		    std::string::npos)
			break;
		usleep(50000);
	}
	net.expect_on(net.other, ping(), "the reply with the carrier back");
}

void a_device_that_goes()
{
	Net net;

	host::run("ip link add gone type dummy; ip link set gone up; ip route add 203.0.113.0/24 "
		  "dev gone");
	for (int i = 0; i < 5; i++)
		net.wire.send(ping());
	std::int64_t before = lookups();
	net.wire.send(ping());
	ktap::expect_equal(lookups(), before, "the route is kept");
	// It waits for all who use it.
	host::run("timeout 10 ip link delete gone");
	net.expect_on(net.wire, ping(), "the reply by another device");
}

void vrf()
{
	Net net;
	Ipv4 request = ping(packet::ipv4("10.0.1.1"), packet::ipv4("10.0.1.2"));

	host::need("vrf", "ip link add probe type vrf table 999 && ip link delete probe");
	host::run("ip link add red type vrf table 10; ip link set red up; ip route add 10.0.1.1 "
		  "dev wire0");
	for (int i = 0; i < 5; i++) {
		net.other.send(request);
		expect_echo_reply(ktap::require_value(next_answer(net.wire), "outside the VRF"),
				  request);
	}
	host::run("ip link set wire1 master red");
	for (int i = 0; i < 5; i++) {
		net.other.send(request);
		expect_echo_reply(ktap::require_value(next_answer(net.other), "in the VRF"),
				  request);
	}
	host::run("ip link set wire1 nomaster");
	host::run("ip route replace 10.0.1.1 dev wire0");
	net.other.send(request);
	expect_echo_reply(ktap::require_value(next_answer(net.wire), "outside again"), request);
}

/// Whom the next frame of @p wire is for.
wire::Mac next_hop(const Net &net, const Ipv4 &request)
{
	std::array<std::uint8_t, 2048> frame{};
	pollfd events{net.wire.fd(), POLLIN, 0};
	wire::Mac mac{};

	net.wire.send(request);
	ktap::require(poll(&events, 1, 2000) == 1, "a reply");
	ktap::require(read(net.wire.fd(), frame.data(), frame.size()) > 14, "a frame");
	std::copy_n(frame.begin(), mac.size(), mac.begin());
	return mac;
}

constexpr wire::Mac mac_of(std::uint8_t last) { return {2, 0, 0, 0, 1, last}; }

void neighbours()
{
	Net net;
	const Ipv4 request = ping(packet::client);

	host::run("ip neighbour replace 10.0.0.1 lladdr 02:00:00:00:01:01 nud permanent dev wire0");
	net.keep(request, net.wire);
	ktap::expect(next_hop(net, request) == mac_of(1), "neighbour");
	host::run("ip neighbour replace 10.0.0.1 lladdr 02:00:00:00:01:02 nud permanent dev wire0");
	ktap::expect(next_hop(net, request) == mac_of(2), "neighbour with a new address");
}

packet::Bytes reply_to(Address to)
{
	packet::Icmp reply = packet::echo_request(7, 1, packet::pattern(56));

	reply.type = packet::Type::echo_reply;
	return errors::sent(IPPROTO_ICMP, packet::server, to, reply.build()).build();
}

void redirects()
{
	Net net;

	host::run("ip route replace default via 10.0.0.1 dev wire0;"
		  "ip neighbour replace 10.0.0.1 lladdr 02:00:00:00:01:01 nud permanent dev wire0;"
		  "ip neighbour replace 10.0.0.3 lladdr 02:00:00:00:01:03 nud permanent dev wire0");
	for (const char *name : {"accept_redirects", "secure_redirects", "shared_media"}) {
		host::set_sysctl(std::string("net/ipv4/conf/all/") + name, 1);
		host::set_sysctl(std::string("net/ipv4/conf/wire0/") + name, 1);
	}
	net.keep(ping(), net.wire);
	ktap::expect(next_hop(net, ping()) == mac_of(1), "gateway");
	net.wire.send(errors::report(packet::Type::redirect, 1, packet::ipv4("10.0.0.3"),
				     reply_to(remote), packet::ipv4("10.0.0.1")));
	ktap::expect(next_hop(net, ping()) == mac_of(3), "gateway that a redirect named");
}

void path_mtu()
{
	Net net;
	const Ipv4 request = ping(remote, packet::server, 1400);

	net.keep(request, net.wire);
	net.wire.send(errors::too_big(1000, reply_to(remote)));
	net.wire.send(request);
	ktap::expect_equal(net.wire.receive_all().size(), 2U, "fragments");

	host::run("ip link set wire1 mtu 1300");
	Ipv4 wide = ping(packet::ipv4("10.0.1.1"), packet::server, 1200);
	net.keep(wide, net.other);
	host::run("ip link set wire1 mtu 700");
	net.wire.send(wide);
	ktap::expect_equal(net.other.receive_all().size(), 2U, "fragments for a smaller MTU");
}

void next_hops_that_take_turns_are_not_kept()
{
	Net net;
	std::int64_t before = 0;

	if (!host::try_run("ip route add 203.0.113.0/24 nexthop dev wire0 nexthop dev wire1"))
		ktap::skip("the kernel has no multipath routes");
	before = lookups();
	for (int i = 0; i < 10; i++)
		net.wire.send(ping());
	ktap::expect_equal(lookups() - before, 10, "lookups of ten replies");
	net.wire.receive_all();
	net.other.receive_all();

	host::run("ip route replace 203.0.113.0/24 via 10.0.0.1 dev wire0");
	host::run("ip route append default via 10.0.1.1 dev wire1");
	net.keep(ping(), net.wire);
	before = lookups();
	for (int i = 0; i < 10; i++)
		net.wire.send(ping(packet::ipv4("198.51.100.1")));
	ktap::expect_equal(lookups() - before, 10, "lookups with two default routes");
}

/// What the kernel tells nobody: seen when the route's time is over.
void what_changes_silently_is_seen_in_a_second()
{
	Net net;

	host::run("ip route add 203.0.113.0/24 dev wire1");
	host::set_sysctl("net/ipv4/conf/wire1/ignore_routes_with_linkdown", 1);
	lose_carrier();
	net.keep(ping(), net.wire);
	host::set_sysctl("net/ipv4/conf/wire1/ignore_routes_with_linkdown", 0);
	usleep(1100000);
	wire::expect_no_answer(net.wire, ping());
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"one_lookup_serves_many", one_lookup_serves_many},
				 {"ip_route", ip_route},
				 {"metrics", metrics},
				 {"ip_rule", ip_rule},
				 {"addresses", addresses},
				 {"links", links},
				 {"a_device_that_goes", a_device_that_goes},
				 {"vrf", vrf},
				 {"neighbours", neighbours},
				 {"redirects", redirects},
				 {"path_mtu", path_mtu},
				 {"next_hops_that_take_turns_are_not_kept",
				  next_hops_that_take_turns_are_not_kept},
				 {"what_changes_silently_is_seen_in_a_second",
				  what_changes_silently_is_seen_in_a_second},
			 });
}
