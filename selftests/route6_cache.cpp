// SPDX-License-Identifier: GPL-2.0-only
//
// Routes of replies over IPv6: whatever changes where a reply goes changes it for the next one, however many went before.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/routes6.hpp"
#include "lib/vrf.hpp"
#include "lib/wire6.hpp"

#include <string>
#include <vector>

#include <unistd.h>

namespace {

using ktap::expect;
using ktap::expect_equal;
using packet6::Address;
using packet6::ipv6;
using packet6::Ipv6;
using routes6::Net;
using routes6::ping;
using routes6::remote;
using wire::Cast;

void ip_route()
{
	const Net net;

	net.expect_moved_by("ip -6 route add 2001:db8::/64 dev wire1");
	net.expect_back_by("ip -6 route replace 2001:db8::/64 dev wire0");
	net.expect_moved_by("ip -6 route change 2001:db8::/64 dev wire1");
	net.expect_back_by("ip -6 route add 2001:db8::5 dev wire0");
	net.expect_moved_by("ip -6 route delete 2001:db8::5");
	net.expect_back_by("ip -6 route delete 2001:db8::/64");
	net.expect_moved_by("ip -6 route replace default dev wire1");
	net.expect_back_by("ip -6 route add default dev wire0 metric 10");
	net.expect_moved_by("ip -6 route delete default metric 10");
	net.expect_back_by("ip -6 route append default dev wire0");
	for (const char *type : {"prohibit", "unreachable", "blackhole"}) {
		net.expect_none_by(std::string("ip -6 route add ") + type + " 2001:db8::5");
		host::run("ip -6 route delete 2001:db8::5");
		net.expect_on(net.wire, ping(), "the reply after that");
	}
	net.expect_none_by("ip -6 route flush default");
}

/// A route that is none for replies of this host, but for those of one of its addresses.
void source_routes()
{
	const Net net;

	net.warm(ping(), net.wire);
	if (!host::try_run("ip -6 route add 2001:db8::/64 from fd00::9 dev wire1"))
		ktap::skip("the kernel has no routes by source");
	net.expect_on(net.wire, ping(), "another source");
	net.expect_moved_by("ip -6 route add 2001:db8::/64 from fd00::/64 dev wire1");
	// It is preferred to that one, in whose part of the table it is not.
	net.expect_back_by("ip -6 route add 2001:db8::5 dev wire0");
	net.expect_moved_by("ip -6 route delete 2001:db8::5");
	net.expect_back_by("ip -6 route delete 2001:db8::/64 from fd00::/64");
}

/// A route that is added to a table which Linux looks at before that of the kept route.
void other_tables()
{
	const Net net;

	net.expect_moved_by("ip -6 route add 2001:db8::5 dev wire1 table local");
	net.expect_back_by("ip -6 route delete 2001:db8::5 dev wire1 table local");
	host::run("ip -6 rule add to 2001:db8::/32 table 100");
	net.expect_moved_by("ip -6 route add default dev wire1 table 100");
	net.expect_back_by("ip -6 route flush table 100");
	net.expect_none_by("ip -6 route add blackhole 2001:db8::5 table 100");
}

/// A route that stays what it is, and goes where its next hop does.
void next_hop_objects()
{
	const Net net;

	if (!host::try_run("ip -6 nexthop add id 1 dev wire0"))
		ktap::skip("the kernel has no next hops of their own");
	host::run("ip -6 route add 2001:db8::/64 nhid 1");
	net.expect_moved_by("ip -6 nexthop replace id 1 dev wire1");
	net.expect_back_by("ip -6 nexthop replace id 1 dev wire0");
	net.expect_none_by("ip -6 nexthop replace id 1 blackhole");
	host::run("ip -6 nexthop delete id 1");
	net.expect_on(net.wire, ping(), "the reply by the default route");
}

void ip_rule()
{
	const Net net;

	host::run("ip -6 route add default dev wire1 table 100");
	net.expect_moved_by("ip -6 rule add from fd00::2 table 100");
	net.expect_back_by("ip -6 rule delete from fd00::2");
	net.expect_moved_by("ip -6 rule add to 2001:db8::/32 table 100");
	net.expect_back_by("ip -6 rule add to 2001:db8::5 table main priority 1");
	net.expect_moved_by("ip -6 rule delete priority 1");
	net.expect_back_by("ip -6 route flush table 100");
	net.expect_none_by("ip -6 rule add to 2001:db8::5 prohibit priority 1");
}

/// Marks are of packets: the same flow has its replies here and there.
void marks()
{
	const Net net;
	Ipv6 marked = ping();

	marked.hop_limit = 33;
	if (!host::try_run("nft 'add table ip6 t; add chain ip6 t in { type filter hook prerouting "
			   "priority -150; };"
			   "add rule ip6 t in ip6 hoplimit 33 meta mark set 0x51'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("ip -6 rule add fwmark 0x51 table 100; ip -6 route add default dev wire1 table "
		  "100");
	net.warm(marked, net.wire);
	host::set_sysctl("net/ipv6/fwmark_reflect", 1);
	for (int round = 0; round < 6; round++) {
		net.expect_on(net.other, marked, "marked");
		net.expect_on(net.wire, ping(), "not marked");
	}
	net.warm(marked, net.other);
	host::set_sysctl("net/ipv6/fwmark_reflect", 0);
	net.expect_on(net.wire, marked, "fwmark_reflect = 0");
}

void ipsec_policies()
{
	const Net net;
	const std::string blocked = "src fd00::2 dst 2001:db8::5 dir out";

	net.warm(ping(), net.wire);
	if (!host::try_run("ip xfrm policy add " + blocked + " action block"))
		ktap::skip("the kernel has no IPsec");
	wire::expect_no_answer(net.wire, ping());
	host::run("ip xfrm policy delete " + blocked);
	net.warm(ping(), net.wire);
	net.expect_none_by("ip xfrm policy add " + blocked + " action block");
}

void addresses()
{
	const Net net;
	const Ipv6 neighbour = ping({.source = ipv6("fd03::1")});
	const Ipv6 asked = ping({remote, ipv6("fd00::9")});

	net.warm(neighbour, net.wire);
	wire6::add_addresses("wire1", {"fd03::2/64"});
	net.expect_on(net.other, neighbour, "a new prefix");
	net.expect_back_by("ip -6 address delete fd03::2/64 dev wire1", neighbour);

	wire::expect_no_answer(net.wire, asked);
	wire6::add_addresses("wire0", {"fd00::9/64"});
	net.expect_none_by("ip -6 address delete fd00::9/64 dev wire0", asked);
	wire6::add_addresses("wire1", {"fd00::9/64"});
	host::run("ip -6 route delete fd00::/64 dev wire1");
	net.warm(asked, net.wire);

	// A peer's address that becomes this host's: the reply stays here.
	net.warm(ping(), net.wire);
	wire6::add_addresses("lo", {"2001:db8::5/128"});
	wire::expect_no_answer(net.wire, ping());
	host::run("ip -6 address delete 2001:db8::5/128 dev lo");
	net.expect_on(net.wire, ping(), "the peer's address again");
}

/// The source of a reply to a group is chosen among addresses that come and go, by their lifetimes, routes and labels.
void chosen_sources()
{
	const Net net;
	const Ipv6 request = ping({remote, packet6::all_nodes});
	const auto expect_source = [&](const char *source, const char *what,
				       const wire::Where &where = wire::Where::current()) {
		for (int i = 0; i < 6; i++) {
			auto answer = require_answer(net.wire, request, Cast::multicast, where);
			expect_equal(packet6::text(answer.ip.source), source, what, where);
		}
	};

	expect_source("fd00::2", "the only one");
	wire6::add_addresses("wire0", {"2001:db8::2/64"});
	expect_source("2001:db8::2", "one of the same prefix");
	host::run("ip -6 address change 2001:db8::2/64 dev wire0 preferred_lft 0 valid_lft "
		  "forever");
	expect_source("fd00::2", "deprecated");
	host::run("ip -6 address change 2001:db8::2/64 dev wire0 preferred_lft forever valid_lft "
		  "forever");
	expect_source("2001:db8::2", "preferred again");
	host::run("ip -6 route replace 2001:db8::/64 dev wire0 metric 1 src fd00::2");
	expect_source("fd00::2", "the route's");
	host::run("ip -6 route delete 2001:db8::/64 dev wire0 metric 1");
	expect_source("2001:db8::2", "not the route's");
	host::run("ip -6 address delete 2001:db8::2/64 dev wire0");
	expect_source("fd00::2", "the only one again");
}

void links()
{
	const Net net;
	const std::string moved = "ip -6 route add 2001:db8::/64 dev wire1";

	host::run(moved);
	net.expect_back_by("ip link set wire1 down");
	net.expect_moved_by("ip link set wire1 up && " + moved);
	net.expect_back_by("echo 1 >/proc/sys/net/ipv6/conf/wire1/disable_ipv6");
	net.expect_moved_by("echo 0 >/proc/sys/net/ipv6/conf/wire1/disable_ipv6 && " + moved);
}

/// The kernel notices after a while; from then on, a route says so.
void await_carrier(bool carrier)
{
	host::run(std::string("ip link set wire1 carrier ") + (carrier ? "on" : "off"));
	for (int tries = 0; tries < 1000; tries++) {
		if ((host::output_of("ip -6 route show dev wire1").find("linkdown") ==
		     std::string::npos) == carrier)
			return;
		usleep(10000);
	}
	ktap::fatal("no route says linkdown, or still does");
}

void carrier()
{
	const Net net;

	host::run("ip -6 route add 2001:db8::/64 dev wire1");
	host::set_sysctl("net/ipv6/conf/wire1/ignore_routes_with_linkdown", 1);
	for (int round = 0; round < 2; round++) {
		net.warm(ping(), net.other);
		await_carrier(false);
		net.expect_on(net.wire, ping(), "the reply without a carrier");
		net.warm(ping(), net.wire);
		await_carrier(true);
		net.expect_on(net.other, ping(), "the reply with the carrier back");
	}
}

void a_device_that_goes()
{
	const Net net;

	host::need("dummy", "ip link add probe type dummy && ip link delete probe");
	host::run("ip link add gone type dummy; ip link set gone up;"
		  "ip -6 route add 2001:db8::/64 dev gone");
	for (int i = 0; i < 6; i++)
		wire::expect_no_answer(net.wire, ping());
	// It waits for all who use it.
	host::run("timeout 10 ip link delete gone");
	net.expect_on(net.wire, ping(), "the reply by another device");
}

/// Sends requests until a reply is on @p where, as all are from then on.
void await_on(const Net &net, const routes6::Wire &where, const std::string &what)
{
	for (int tries = 0; tries < 1000; tries++) {
		net.wire.send(ping());
		if (!where.receive_all<Ipv6>(wire::milliseconds(0)).empty())
			return net.expect_on(where, ping(), what);
		usleep(10000);
		net.wire.receive_all<Ipv6>(wire::milliseconds(0));
		net.other.receive_all<Ipv6>(wire::milliseconds(0));
	}
	ktap::fatal(what);
}

/// What the kernel tells nobody of: it is seen after a while.
void what_changes_silently()
{
	const Net net;
	const std::string ignore = "net/ipv6/conf/wire1/ignore_routes_with_linkdown";

	host::run("ip -6 route add 2001:db8::/64 dev wire1");
	net.warm(ping(), net.other);
	await_carrier(false);
	for (int i = 0; i < 6; i++)
		wire::expect_no_answer(net.wire, ping());
	host::set_sysctl(ignore, 1);
	await_on(net, net.wire, "a route that is ignored");
	await_carrier(true);
	net.warm(ping(), net.other);
	host::run("ip -6 route replace 2001:db8::/64 dev wire1 expires 1");
	await_on(net, net.wire, "a route that has expired");
}

/// Sends @p request on wire1, some times, and expects each reply on @p out.
void expect_way(const Net &net, const Ipv6 &request, const routes6::Wire &out, const char *what)
{
	for (int i = 0; i < 6; i++) {
		net.other.send(request);
		auto answer = wire6::next_answer(out);
		if (expect(answer.has_value(), what))
			wire::expect_echo_reply(*answer, request);
	}
}

/// One pair of link-local addresses on two links: each reply is on the link that its request came by.
void two_links()
{
	const Net net;
	const Ipv6 request = ping({ipv6("fe80::1"), ipv6("fe80::2")});

	for (int round = 0; round < 2; round++) {
		net.warm(request, net.wire);
		expect_way(net, request, net.other, "on the second link");
	}
}

/// Changes the master of wire1, and waits until its address is in use again.
void enslave(const std::string &how)
{
	wire6::LocalRoutes routes;

	host::run("ip link set wire1 " + how);
	routes.await(ipv6("fd01::2"));
}

/// A wire with a route back outside its VRF that is not the one inside.
void into_a_vrf_and_out()
{
	const Net net;
	const Ipv6 request = ping({ipv6("fd01::1"), ipv6("fd01::2")});

	vrf::need();
	vrf::add("red", 10);
	host::run("ip -6 route add fd01::1 dev wire0");
	host::set_sysctl("net/ipv6/conf/wire1/keep_addr_on_down", 1);
	for (int round = 0; round < 2; round++) {
		expect_way(net, request, net.wire, "outside the VRF");
		enslave("master red");
		expect_way(net, request, net.other, "in the VRF");
		enslave("nomaster");
	}
	expect_way(net, request, net.wire, "outside again");
}

/// From one VRF, whose route leads elsewhere, into another.
void from_one_vrf_into_another()
{
	const Net net;
	const Ipv6 request = ping({ipv6("fd01::1"), ipv6("fd01::2")});

	vrf::need();
	vrf::add("red", 10);
	vrf::add("blue", 20);
	host::set_sysctl("net/ipv6/conf/wire1/keep_addr_on_down", 1);
	enslave("master red");
	host::run("ip -6 route add fd01::1 dev wire0 table 10");
	for (int round = 0; round < 2; round++) {
		expect_way(net, request, net.wire, "in the one VRF");
		enslave("master blue");
		expect_way(net, request, net.other, "in the other VRF");
		enslave("master red");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"ip_route", ip_route},
				 {"source_routes", source_routes},
				 {"other_tables", other_tables},
				 {"next_hop_objects", next_hop_objects},
				 {"ip_rule", ip_rule},
				 {"marks", marks},
				 {"ipsec_policies", ipsec_policies},
				 {"addresses", addresses},
				 {"chosen_sources", chosen_sources},
				 {"links", links},
				 {"carrier", carrier},
				 {"a_device_that_goes", a_device_that_goes},
				 {"what_changes_silently", what_changes_silently},
				 {"two_links", two_links},
				 {"into_a_vrf_and_out", into_a_vrf_and_out},
				 {"from_one_vrf_into_another", from_one_vrf_into_another},
			 });
}
