// SPDX-License-Identifier: GPL-2.0-only
//
// What is known of the way of a reply over IPv6: hop limits, MTUs, next hops. What changes one of them changes the next reply,
// however many went before. (Which way that is, is in route6_cache.)

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/neighbours.hpp"
#include "lib/routes6.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using ktap::expect;
using ktap::expect_equal;
using neighbours::from_neighbour;
using neighbours::know;
using neighbours::mac_of;
using packet6::Address;
using packet6::ipv6;
using packet6::Ipv6;
using routes6::Net;
using routes6::ping;
using routes6::remote;
using wire::require_answer;
using wire6::next_hop_of_answer;
using wire6::Wire;

void one_lookup_serves_many()
{
	const Net net;

	host::need_icmpx6();
	net.warm(ping(), net.wire);
	auto before = ktap::require_value(counters6::icmpx(), "icmpx6_stat");
	for (int i = 0; i < 100; i++)
		require_answer(net.wire, ping());
	// One a second, and it does not take many.
	expect(counters::difference(before, *counters6::icmpx())["route_lookups"] < 20,
	       "100 replies without lookups");
}

void hop_limits()
{
	const Net net;
	const auto expect_hop_limit = [&](unsigned expected, const char *what,
					  const wire::Where &where = wire::Where::current()) {
		for (int i = 0; i < 6; i++)
			expect_equal(require_answer(net.wire, ping(), wire::Cast::unicast, where)
					     .ip.hop_limit,
				     expected, what, where);
	};

	expect_hop_limit(64, "at first");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 33);
	expect_hop_limit(33, "of the device");
	host::run("ip -6 route replace default dev wire0 hoplimit 7");
	expect_hop_limit(7, "of the route");
	host::run("ip -6 route replace default dev wire0 hoplimit 8");
	expect_hop_limit(8, "of the route, another one");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 34);
	expect_hop_limit(8, "of the route, not of the device");
	host::run("ip -6 route replace default dev wire0");
	expect_hop_limit(34, "of the device again");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 64);
	expect_hop_limit(64, "as at first");
}

/// RFC 4861, 4.2: a router says which hop limit is the one.
void hop_limit_of_a_router()
{
	const Net net;

	host::set_sysctl("net/ipv6/conf/wire0/accept_ra", 1);
	net.warm(ping(), net.wire);
	net.wire.send(from_neighbour(neighbours::router_advertisement(55, mac_of(1)),
				     {packet6::client_link, packet6::server_link}));
	expect_equal(require_answer(net.wire, ping()).ip.hop_limit, 55, "hop limit");
}

/// The size of the largest packet that a reply of 1400 bytes goes out in; it is all there, and for whom it was.
std::size_t largest_packet(const Wire &wire, const Address &peer,
			   const wire::Where &where = wire::Where::current())
{
	const Ipv6 request = ping({.source = peer}, 1400);
	std::size_t largest = 0;

	wire.send(request);
	auto parts = wire.receive_all<Ipv6>();
	for (const Ipv6 &part : parts)
		largest = std::max(largest, part.build().size());
	auto whole = ktap::require_value(packet6::reassemble(parts), "a reply", where);
	auto message = ktap::require_value(packet6::parse_icmp(whole), "a message", where);
	wire::expect_echo_reply({whole, message}, request, where);
	return largest;
}

constexpr std::size_t whole = 1448;

/// As large as fragments can be for @p mtu, when there is more than one.
constexpr std::size_t filled(std::size_t mtu) { return 48 + (mtu - 48) / 8 * 8; }

void mtu_of_the_route()
{
	const Net net;
	const auto expect_largest = [&](std::size_t size, const char *what) {
		for (int i = 0; i < 4; i++)
			expect_equal(largest_packet(net.wire, remote), size, what);
	};

	expect_largest(whole, "at first");
	host::run("ip -6 route replace default dev wire0 mtu 1300");
	expect_largest(filled(1300), "MTU of the route");
	host::run("ip -6 route replace default dev wire0 mtu lock 1290");
	expect_largest(filled(1290), "locked MTU of the route");
	host::run("ip -6 route replace default dev wire0");
	expect_largest(whole, "none");
}

void mtu_of_the_device()
{
	const Net net;
	const auto expect_largest = [&](std::size_t size, const char *what) {
		for (int i = 0; i < 4; i++)
			expect_equal(largest_packet(net.wire, remote), size, what);
	};

	expect_largest(whole, "at first");
	host::run("ip link set wire0 mtu 1300");
	expect_largest(filled(1300), "MTU of the device");
	host::set_sysctl("net/ipv6/conf/wire0/mtu", 1280);
	expect_largest(1280, "MTU of the device for IPv6");
	host::run("ip link set wire0 mtu 1500");
	expect_largest(whole, "as at first");
}

/// A router's report that the reply to @p peer was larger than @p mtu.
Ipv6 too_big(const Address &peer, std::uint32_t mtu)
{
	const packet6::Icmp reply{.type = packet6::echo_reply,
				  .code = 0,
				  .rest = 0x00770001,
				  .data = packet::pattern(1100)};

	return packet6::datagram(
		{.type = packet6::too_big,
		 .code = 0,
		 .rest = mtu,
		 .data = packet6::datagram(reply, {packet6::server, peer}).build()});
}

/// RFC 8201: what a path is too narrow for is learned from the routers on it.
void path_mtu()
{
	const Net net;
	const Address others = ipv6("2001:db8::6");

	for (int i = 0; i < 4; i++)
		expect_equal(largest_packet(net.wire, remote), whole, "at first");
	net.wire.send(too_big(remote, 1300));
	for (int i = 0; i < 4; i++) {
		expect_equal(largest_packet(net.wire, remote), filled(1300), "a narrow path");
		expect_equal(largest_packet(net.wire, others), whole, "another path");
	}
	net.wire.send(too_big(remote, 1280));
	expect_equal(largest_packet(net.wire, remote), 1280, "a narrower one");
	// RFC 8201, 4: a path does not get wider by that, and none can be narrower than 1280.
	net.wire.send(too_big(remote, 1400));
	expect_equal(largest_packet(net.wire, remote), 1280, "no wider one");
	net.wire.send(too_big(others, 1000));
	expect_equal(largest_packet(net.wire, others), whole, "no path is that narrow");
	net.wire.send(too_big(others, 1281));
	expect_equal(largest_packet(net.wire, others), 1280, "this one may be");
	host::run("ip -6 route flush cache");
	for (const Address &peer : {remote, others})
		expect_equal(largest_packet(net.wire, peer), whole, "forgotten");
}

/// The route that a path was learned for gives way to another.
void path_mtu_of_another_route()
{
	const Net net;

	expect_equal(largest_packet(net.wire, remote), whole, "at first");
	net.wire.send(too_big(remote, 1300));
	expect_equal(largest_packet(net.wire, remote), filled(1300), "a narrow path");
	host::run("ip -6 route add 2001:db8::/64 dev wire0");
	expect_equal(largest_packet(net.wire, remote), whole, "another route");
}

void neighbours_that_move()
{
	const Net net;
	const Ipv6 request = ping({.source = packet6::client});

	know(packet6::client, 1);
	net.warm(request, net.wire);
	expect(next_hop_of_answer(net.wire, request) == mac_of(1), "a neighbour");
	know(packet6::client, 2);
	expect(next_hop_of_answer(net.wire, request) == mac_of(2), "one that has moved");
	host::run("ip -6 neighbour delete fd00::1 dev wire0");
	expect(next_hop_of_answer(net.wire, request) != mac_of(2), "one that is forgotten");
	know(packet6::client, 3);
	expect(next_hop_of_answer(net.wire, request) == mac_of(3), "one that is back");
}

void gateways()
{
	const Net net;

	know(ipv6("fe80::11"), 11);
	know(ipv6("fe80::12"), 12);
	host::run("ip -6 route replace default via fe80::11 dev wire0");
	net.warm(ping(), net.wire);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(11), "a gateway");
	host::run("ip -6 route replace default via fe80::12 dev wire0");
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(12), "another");
	host::run("ip -6 route replace default dev wire0");
	know(remote, 13);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(13), "none");
}

void redirects()
{
	const Net net;
	const Address better = ipv6("fe80::3"), best = ipv6("fe80::4");
	const Ipv6 sent = packet6::datagram({.type = packet6::echo_reply, .data = {1, 2, 3, 4}},
					    {packet6::server, remote});
	const auto redirect_to = [&](const Address &from, const Address &to, std::uint8_t last) {
		net.wire.send(from_neighbour(neighbours::redirect(remote, to, mac_of(last), sent),
					     {from, packet6::server_link}));
	};

	host::run("ip -6 route replace default via fe80::1 dev wire0");
	know(packet6::client_link, 1);
	know(better, 3);
	know(best, 4);
	know(remote, 5);
	net.warm(ping(), net.wire);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(1), "the gateway");
	redirect_to(packet6::client_link, better, 3);
	net.warm(ping(), net.wire);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(3), "what a redirect named");
	redirect_to(better, best, 4);
	net.warm(ping(), net.wire);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(4), "what that one named");
	// RFC 4861, 8.3: the destination itself, when it is a neighbour.
	redirect_to(best, remote, 5);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(5), "the destination");
	host::run("ip -6 route flush cache");
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(1), "the gateway again");
	host::set_sysctl("net/ipv6/conf/wire0/accept_redirects", 0);
	redirect_to(packet6::client_link, better, 3);
	expect(next_hop_of_answer(net.wire, ping()) == mac_of(1), "accept_redirects = 0");
}

/// Of several next hops, a flow has one that is on the device that its requests come by, whatever other flows there are.
void next_hops_of_flows()
{
	const Net net;
	std::vector<Ipv6> requests;
	std::vector<wire::Mac> first;

	for (std::uint8_t last : {11, 12, 13}) {
		const Address gateway = ipv6("fe80::" + std::to_string(last));

		know(gateway, last, "wire0");
		know(gateway, last, "wire1");
	}
	if (!host::try_run("ip -6 route add 2001:db8::/64 nexthop via fe80::11 dev wire0 "
			   "nexthop via fe80::12 dev wire0 nexthop via fe80::13 dev wire1"))
		ktap::skip("the kernel has no multipath routes");
	for (std::uint8_t peer = 1; peer <= 24; peer++) {
		Address from = remote;

		from[15] = peer;
		requests.push_back(ping({.source = from}));
		first.push_back(next_hop_of_answer(net.wire, requests.back()));
	}
	for (int round = 0; round < 3; round++) {
		for (std::size_t i = 0; i < requests.size(); i++) {
			expect(next_hop_of_answer(net.wire, requests[i]) == first[i],
			       "the flow's next hop");
			expect(next_hop_of_answer(net.other, requests[i]) == mac_of(13),
			       "the next hop on the other device");
		}
	}
	host::run("ip -6 route replace 2001:db8::/64 nexthop via fe80::13 dev wire0 "
		  "nexthop via fe80::12 dev wire1");
	for (const Ipv6 &request : requests) {
		expect(next_hop_of_answer(net.wire, request) == mac_of(13), "the new next hop");
		expect(next_hop_of_answer(net.other, request) == mac_of(12),
		       "the new one on the other device");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"one_lookup_serves_many", one_lookup_serves_many},
				 {"hop_limits", hop_limits},
				 {"rfc4861_4_2_hop_limit_of_a_router", hop_limit_of_a_router},
				 {"mtu_of_the_route", mtu_of_the_route},
				 {"mtu_of_the_device", mtu_of_the_device},
				 {"rfc8201_4_path_mtu", path_mtu},
				 {"path_mtu_of_another_route", path_mtu_of_another_route},
				 {"neighbours_that_move", neighbours_that_move},
				 {"gateways", gateways},
				 {"rfc4861_8_3_redirects", redirects},
				 {"next_hops_of_flows", next_hops_of_flows},
			 });
}
