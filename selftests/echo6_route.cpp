// SPDX-License-Identifier: GPL-2.0-only
//
// Which way a reply goes: the device that its request came by is preferred where routes leave a choice, and a must for
// link-local peers; rules, marks, VRFs.

#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/vrf.hpp"
#include "lib/wire6.hpp"

#include <string>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet6::ipv6;
using packet6::Ipv6;
using wire::Cast;
using wire::expect_echo_reply;
using wire::require_answer;
using wire6::next_answer;
using wire6::Wire;

namespace {

const packet6::Address remote = ipv6("2001:db8::5");

Ipv6 ping(const packet6::Ends &ends = {})
{
	return packet6::datagram(packet6::echo_request(0x77, 1, packet::pattern(16)), ends);
}

/// wire0, which has the default route, and wire1.
struct Net {
	Wire wire = wire6::new_server();
	Wire other = wire6::second_wire();

	/// Sends @p request on @p in and expects the reply on @p out, and nothing on the other wire.
	static void expect_way(const Wire &in, const Wire &out, const Wire &not_out,
			       const Ipv6 &request, const std::string &what,
			       const wire::Where &where = wire::Where::current())
	{
		in.send(request);
		auto answer = next_answer(out);
		if (ktap::expect(answer.has_value(), what, where))
			expect_echo_reply(*answer, request, where);
		expect(not_out.receive_all<Ipv6>(wire::milliseconds(0)).empty(),
		       what + ": nothing on the other wire", where);
	}

	void expect_back_on(const Wire &where_to, const Ipv6 &request, const std::string &what,
			    const wire::Where &where = wire::Where::current()) const
	{
		const Wire &not_out = &where_to == &wire ? other : wire;

		expect_way(wire, where_to, not_out, request, what, where);
	}
};

/// Two peers with the same link-local address, each on a link of its own: nothing but the device tells them apart.
void link_local_peers()
{
	const Net net;
	const Ipv6 requests[] = {ping({packet6::client_link, packet6::server_link}),
				 ping({packet6::client_link, packet6::server}),
				 ping({packet6::client_link, ipv6("fd01::2")})};

	for (int round = 0; round < 4; round++) {
		for (const Ipv6 &request : requests) {
			Net::expect_way(net.wire, net.wire, net.other, request, "by wire0");
			Net::expect_way(net.other, net.other, net.wire, request, "by wire1");
		}
	}
}

void link_local_peers_by_multicast()
{
	const Net net;
	const Ipv6 request = ping({packet6::client_link, packet6::all_nodes});

	for (int round = 0; round < 4; round++) {
		for (const Wire *wire : {&net.wire, &net.other}) {
			auto answer = require_answer(*wire, request, Cast::multicast);

			expect_equal(answer.ip.source, packet6::server_link, "source");
			expect_equal(answer.ip.destination, packet6::client_link, "destination");
		}
	}
	expect(net.wire.receive_all<Ipv6>(wire::milliseconds(0)).empty() &&
		       net.other.receive_all<Ipv6>(wire::milliseconds(0)).empty(),
	       "nothing else on either wire");
}

void address_of_another_device()
{
	const Net net;
	const Ipv6 request = ping({.destination = ipv6("fd01::2")});
	Change change;

	net.expect_back_on(net.wire, request, "a host's address is the host's");
	change.expect_icmp(counters6::one_echo(), "by wire0");
}

/// The more specific route is the better one, whichever device has it.
void more_specific_route()
{
	const Net net;
	const Ipv6 request = ping({.source = ipv6("fd01::77")});
	Change change;

	net.expect_back_on(net.other, request, "the prefix of another device");
	change.expect_icmp(counters6::one_echo(), counters6::in(packet6::echo),
			   "in by one device, out by another");
	change.expect_outcomes({{"reply", 1}}, "in by one device, out by another");
}

/// Of routes as good as each other, that of the incoming device is taken.
void incoming_device_is_preferred()
{
	const Net net;
	const Ipv6 request = ping({.source = remote});

	host::run("ip -6 route append default dev wire1");
	for (int round = 0; round < 4; round++) {
		Net::expect_way(net.wire, net.wire, net.other, request, "in by wire0");
		Net::expect_way(net.other, net.other, net.wire, request, "in by wire1");
	}
	// A lower metric comes first.
	host::run("ip -6 route add default dev wire1 metric 10");
	Net::expect_way(net.wire, net.other, net.wire, request, "in by wire0, metric of wire1");
	Net::expect_way(net.other, net.other, net.wire, request, "in by wire1, metric of wire1");
}

/// Where the source has to be chosen, the incoming device is a must: the reply to a group is sent where the group is.
void multicast_is_answered_on_its_link()
{
	const Net net;
	const Ipv6 request = ping({ipv6("fd01::77"), packet6::all_nodes});

	auto answer = require_answer(net.wire, request, Cast::multicast);
	expect_equal(packet6::text(answer.ip.source), "fd00::2", "source");
	expect(net.other.receive_all<Ipv6>(wire::milliseconds(0)).empty(), "nothing on wire1");
	// And without a route there, nothing.
	host::run("ip -6 route delete default");
	Change change;
	wire::expect_no_answer(net.wire, request, Cast::multicast);
	expect(net.other.receive_all<Ipv6>(wire::milliseconds(0)).empty(), "nothing on wire1");
	change.expect_icmp(counters6::in(packet6::echo), "no route on the link");
	change.expect_outcomes({{"drop_no_route", 1}}, "no route on the link");
}

void no_route_back()
{
	const Net net;

	for (const char *type : {"prohibit", "unreachable", "blackhole"}) {
		host::run(std::string("ip -6 route replace ") + type + " 2001:db8::5");
		Change change;
		wire::expect_no_answer(net.wire, ping({.source = remote}));
		change.expect_icmp(counters6::in(packet6::echo), type);
		change.expect_outcomes({{"drop_no_route", 1}}, type);
		host::run(std::string("ip -6 route delete ") + type + " 2001:db8::5");
	}
	host::run("ip -6 route delete default");
	Change change;
	wire::expect_no_answer(net.wire, ping({.source = remote}));
	change.expect_icmp(counters6::in(packet6::echo), "no route at all");
	change.expect_outcomes({{"drop_no_route", 1}}, "no route at all");
}

void policy_routing_by_source()
{
	const Net net;

	wire6::add_addresses("wire0", {"fd00::9/64"});
	host::run("ip -6 rule add from fd00::9 table 100; ip -6 route add default dev wire1 table "
		  "100");
	net.expect_back_on(net.wire, ping(), "another source");
	net.expect_back_on(net.other, ping({.destination = ipv6("fd00::9")}), "by the rule");
}

/// The reply is returned in the request's traffic class, and not routed by it.
void policy_routing_by_traffic_class()
{
	const Net net;
	Ipv6 request = ping();

	host::run("ip -6 rule add tos 0x10 table 100; ip -6 route add default dev wire1 table 100");
	request.traffic_class = 0x10;
	net.expect_back_on(net.wire, request, "no route by traffic class");
}

void policy_routing_by_protocol()
{
	const Net net;

	host::run("ip -6 rule add ipproto ipv6-icmp table 100;"
		  "ip -6 route add default dev wire1 table 100");
	net.expect_back_on(net.other, ping(), "by the rule");
}

/// A rule's outgoing device is that of who sends: of a reply, the one that its request came by.
void policy_routing_by_device()
{
	const Net net;
	const Ipv6 request = ping({.source = remote});

	host::run("ip -6 rule add oif wire0 table 100; ip -6 route add default dev wire1 table "
		  "100");
	Net::expect_way(net.wire, net.other, net.wire, request, "in by wire0");
	Net::expect_way(net.other, net.wire, net.other, request, "in by wire1");
}

/// ip-sysctl: fwmark_reflect. The rule shows which mark the reply's route lookup sees.
void fwmark_reflect_routes_the_reply()
{
	const Net net;

	if (!host::try_run("nft 'add table ip6 t; add chain ip6 t in { type filter hook prerouting "
			   "priority -150; };"
			   "add rule ip6 t in meta mark set 0x51;"
			   "add chain ip6 t out { type filter hook output priority 0; };"
			   "add rule ip6 t out meta mark 0x51 counter'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("ip -6 rule add fwmark 0x51 table 100; ip -6 route add default dev wire1 table "
		  "100");
	net.expect_back_on(net.wire, ping(), "fwmark_reflect = 0");
	host::set_sysctl("net/ipv6/fwmark_reflect", 1);
	net.expect_back_on(net.other, ping(), "fwmark_reflect = 1");
	expect(host::output_of("nft list chain ip6 t out").find("packets 1 ") != std::string::npos,
	       "the reply has the mark");
	host::set_sysctl("net/ipv6/fwmark_reflect", 0);
	net.expect_back_on(net.wire, ping(), "fwmark_reflect = 0 again");
}

/// A route may put what it leads to into another header, or have it go by way of others (RFC 8754).
void segment_routing()
{
	const Net net;
	const auto way = ipv6("fd00::99");

	if (!host::try_run("ip -6 route add 2001:db8::/64 encap seg6 mode encap segs fd00::99 dev "
			   "wire0"))
		ktap::skip("the kernel has no segment routing");
	// What is larger than the MTU then is cut outside, also where the way to the segment has a smaller one.
	for (std::size_t size : {16, 16, 16, 1300, 1400, 1401, 2000}) {
		if (size == 1401)
			host::run("ip -6 route add fd00::99 dev wire0 mtu 1300");
		const Ipv6 request = packet6::datagram(
			packet6::echo_request(0x77, 1, packet::pattern(size)), {.source = remote});

		net.wire.send(request);
		auto outer = ktap::require_value(net.wire.receive_whole<Ipv6>(), "a reply");
		expect_equal(packet6::text(outer.destination), packet6::text(way), "by way of");
		auto inner = ktap::require_value(packet6::parse_ipv6(outer.payload), "a header");
		auto message = ktap::require_value(packet6::parse_icmp(inner), "a message");
		expect(message.checksum_right, "its checksum is right");
		expect_echo_reply({inner, message}, request);
	}
	host::run(
		"ip -6 route replace 2001:db8::/64 encap seg6 mode inline segs fd00::99 dev wire0");
	for (int round = 0; round < 4; round++) {
		const Ipv6 request = ping({.source = remote});

		net.wire.send(request);
		auto reply = ktap::require_value(net.wire.receive<Ipv6>(), "a reply");
		expect_equal(packet6::text(reply.destination), packet6::text(way), "by way of");
		ktap::require_equal(reply.extensions.size(), 1U, "a routing header");
		reply.destination = remote;
		auto message = ktap::require_value(packet6::parse_icmp(reply), "a message");
		expect(message.checksum_right, "its checksum is right");
		expect_echo_reply({reply, message}, request);
	}
}

/// wire0 outside, and wire1 with the same addresses and peers inside a VRF.
struct Vrf {
	Wire outside = wire6::new_server();
	Wire inside;

	Vrf() : inside(make()) {}

private:
	static Wire make()
	{
		vrf::need();
		vrf::add("red", 10);
		Wire wire = wire6::second_wire("fd00::2/64", "red");
		host::run("ip -6 route add default dev wire1 vrf red");
		return wire;
	}
};

void one_address_in_a_vrf_and_outside()
{
	const Vrf net;
	const Ipv6 requests[] = {ping(), ping({.source = remote}),
				 ping({packet6::client_link, packet6::server_link}),
				 ping({packet6::client_link, packet6::server}),
				 ping({packet6::client, packet6::server_link})};

	for (int round = 0; round < 4; round++) {
		for (const Ipv6 &request : requests) {
			const std::string what = packet6::text(request.source) + " to " +
						 packet6::text(request.destination);

			Net::expect_way(net.outside, net.outside, net.inside, request,
					what + ", outside");
			Net::expect_way(net.inside, net.inside, net.outside, request,
					what + ", inside");
		}
	}
}

void counted_in_a_vrf()
{
	const Vrf net;
	Change change("wire1"), master("red");

	net.inside.send(ping());
	expect(next_answer(net.inside).has_value(), "an answer");
	change.expect_icmp(counters6::one_echo(), "in a VRF");
	change.expect_outcomes({{"reply", 1}}, "in a VRF");
	master.expect_icmp(counters6::one_echo(), {}, "in a VRF");
}

/// A VRF with a queueing discipline has what goes out of it pass that.
void reply_waits_in_its_vrf()
{
	const Vrf net;
	const std::string sent = "tc -s qdisc show dev red | awk '/Sent/ { print $4 }'";

	host::run("tc qdisc replace dev red root pfifo");
	const long before = std::stol(host::output_of(sent));
	for (int i = 0; i < 4; i++)
		expect_echo_reply(require_answer(net.inside, ping()), ping());
	expect_equal(std::stol(host::output_of(sent)) - before, 4, "replies through the VRF");
}

void multicast_in_a_vrf()
{
	const Vrf net;

	for (const packet6::Address &source : {packet6::client, packet6::client_link, remote}) {
		auto answer = require_answer(net.inside, ping({source, packet6::all_nodes}),
					     Cast::multicast);

		expect_equal(packet6::text(answer.ip.source),
			     source == packet6::client_link ? "fe80::2" : "fd00::2", "source");
		expect_equal(answer.ip.destination, source, "destination");
	}
	expect(net.outside.receive_all<Ipv6>().empty(), "nothing outside the VRF");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4007_9_link_local_peers", link_local_peers},
			{"rfc4007_9_link_local_peers_by_multicast", link_local_peers_by_multicast},
			{"rfc1122_3_3_4_2_address_of_another_device", address_of_another_device},
			{"more_specific_route", more_specific_route},
			{"incoming_device_is_preferred", incoming_device_is_preferred},
			{"multicast_is_answered_on_its_link", multicast_is_answered_on_its_link},
			{"no_route_back_no_reply", no_route_back},
			{"policy_routing_by_source", policy_routing_by_source},
			{"policy_routing_by_traffic_class", policy_routing_by_traffic_class},
			{"policy_routing_by_protocol", policy_routing_by_protocol},
			{"policy_routing_by_device", policy_routing_by_device},
			{"fwmark_reflect_routes_the_reply", fwmark_reflect_routes_the_reply},
			{"rfc8754_segment_routing", segment_routing},
			{"one_address_in_a_vrf_and_outside", one_address_in_a_vrf_and_outside},
			{"counted_in_a_vrf", counted_in_a_vrf},
			{"reply_waits_in_its_vrf", reply_waits_in_its_vrf},
			{"source_for_multicast_in_a_vrf", multicast_in_a_vrf},
		});
}
