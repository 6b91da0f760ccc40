// SPDX-License-Identifier: GPL-2.0-only
//
// Where a reply goes and which source address it has: RFC 1122 section 3.2.2.6 (unicast: the address that was asked;
// broadcast and multicast: one of the interface), policy routing, marks, VRFs.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

using counters::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Address;
using packet::Ipv4;
using wire::Cast;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;
using wire::Wire;

namespace {

constexpr Address all_ones = 0xffffffff;
constexpr Address subnet_broadcast = 0x0a0000ff;
constexpr Address all_hosts = 0xe0000001;
constexpr Address group = 0xe1020304;

Ipv4 ping(Address source = packet::client, Address destination = packet::server)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x77, 1, packet::pattern(16)));

	ip.source = source;
	ip.destination = destination;
	return ip;
}

/// A second wire: wire1 with 10.0.1.2/24.
Wire second_wire()
{
	Wire wire = Wire::tap({.name = "wire1"});

	host::try_run("echo 1 >/proc/sys/net/ipv6/conf/wire1/disable_ipv6");
	host::run(
		"ip link set wire1 arp off up && ip address add 10.0.1.2/24 broadcast + dev wire1");
	return wire;
}

void expect_source(const Wire &wire, const Ipv4 &request, Cast cast, Address source,
		   const char *what, const wire::Where &where = wire::Where::current())
{
	auto answer = require_answer(wire, request, cast, where);

	expect_equal(answer.ip.source, source, what, where);
	expect_equal(answer.ip.destination, request.source, "destination", where);
	expect_equal(answer.icmp.data, packet::pattern(16), "data", where);
}

void unicast_source_is_the_address_asked()
{
	auto wire = wire::new_server();

	host::need("dummy", "ip link add probe type dummy && ip link delete probe");
	host::run("ip address add 10.0.0.9/24 dev wire0; ip address add 192.0.2.1/32 dev lo;"
		  "ip link add far type dummy; ip link set far up; ip address add 198.51.100.1/24 "
		  "dev far");
	for (const char *address : {"10.0.0.2", "10.0.0.9", "192.0.2.1", "198.51.100.1"}) {
		Ipv4 request = ping(packet::client, packet::ipv4(address));
		expect_echo_reply(require_answer(wire, request), request);
	}
	Ipv4 request = ping(packet::ipv4("203.0.113.77"));
	expect_echo_reply(require_answer(wire, request), request);
}

void broadcast_is_ignored_by_default()
{
	auto wire = wire::new_server();

	for (Address destination : {subnet_broadcast, all_ones, all_hosts}) {
		Change change;
		wire::expect_no_answer(wire, ping(packet::client, destination), Cast::broadcast);
		change.expect_icmp({{"Icmp.InMsgs", 1},
				    {"Icmp.InErrors", 1},
				    {"Icmp.InEchos", 1},
				    {"IcmpMsg.InType8", 1}},
				   "echo_ignore_broadcasts = 1");
		change.expect_outcomes({{"drop_broadcast", 1}}, "echo_ignore_broadcasts = 1");
	}
}

void broadcast_source_is_an_address_of_the_interface()
{
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0);
	host::run("ip address add 10.0.0.9/24 dev wire0");
	for (Cast cast : {Cast::unicast, Cast::broadcast}) {
		expect_source(wire, ping(packet::client, subnet_broadcast), cast, packet::server,
			      "subnet broadcast");
		expect_source(wire, ping(packet::client, all_ones), cast, packet::server,
			      "255.255.255.255");
	}
	// The source is what the route back prefers, not merely any address of the interface.
	host::run("ip route add 203.0.113.0/24 dev wire0 src 10.0.0.9");
	expect_source(wire, ping(packet::ipv4("203.0.113.5"), subnet_broadcast), Cast::broadcast,
		      packet::ipv4("10.0.0.9"), "source that the route prefers");
}

void multicast_source_is_an_address_of_the_interface()
{
	auto wire = wire::new_server();
	host::Descriptor member(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	ip_mreqn join{};

	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0);
	expect_source(wire, ping(packet::client, all_hosts), Cast::multicast, packet::server,
		      "224.0.0.1");
	wire::expect_no_answer(wire, ping(packet::client, group), Cast::multicast);
	join.imr_multiaddr.s_addr = htonl(group);
	join.imr_address.s_addr = htonl(packet::server);
	host::check(setsockopt(member.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)),
		    "join the group");
	wire.receive_all();
	expect_source(wire, ping(packet::client, group), Cast::multicast, packet::server,
		      "a group that was joined");
}

void reply_follows_the_route_not_the_request()
{
	auto wire = wire::new_server();
	Wire other = second_wire();
	Ipv4 request = ping(packet::ipv4("10.0.1.77"), packet::server);

	host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/wire0/rp_filter", 0);
	wire.send(request);
	expect_echo_reply(
		ktap::require_value(next_answer(other), "the reply on the other interface"),
		request);
	expect(!next_answer(wire, wire::silence),
	       "nothing on the interface that the request came in by");
}

void policy_routing_by_source()
{
	auto wire = wire::new_server();
	Wire other = second_wire();
	Ipv4 request = ping();

	host::run("ip address add 10.0.0.9/24 dev wire0; ip rule add from 10.0.0.9 table 100;"
		  "ip route add default dev wire1 table 100");
	expect_echo_reply(require_answer(wire, request), request);
	request.destination = packet::ipv4("10.0.0.9");
	wire.send(request);
	expect_echo_reply(ktap::require_value(next_answer(other), "the reply by the rule's table"),
			  request);
}

void policy_routing_by_tos()
{
	auto wire = wire::new_server();
	Wire other = second_wire();
	Ipv4 request = ping();

	host::run("ip rule add tos 0x10 table 100; ip route add default dev wire1 table 100");
	expect_echo_reply(require_answer(wire, request), request);
	// The rule is also asked where the request comes from; without a filter that does not matter.
	host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/wire0/rp_filter", 0);
	for (std::uint8_t ecn : {0, 1, 2, 3}) {
		request.tos = 0x10 | ecn;
		wire.send(request);
		auto answer =
			ktap::require_value(next_answer(other), "the reply by the rule's table");
		expect_equal(answer.ip.tos, request.tos, "TOS");
	}
}

/// A prohibited route means silence and no reply counted.
void no_route_back()
{
	auto wire = wire::new_server();

	host::run("ip route add prohibit 10.0.0.1/32");
	Change change;
	wire::expect_no_answer(wire, ping());
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InEchos", 1}, {"IcmpMsg.InType8", 1}},
			   "no route back");
	change.expect_outcomes({{"drop_no_route", 1}}, "no route back");
}

void need_vrf()
{
	host::need("vrf", "ip link add probe type vrf table 999 && ip link delete probe");
}

void reply_stays_in_its_vrf()
{
	auto wire = wire::new_server();
	need_vrf();
	Wire other = second_wire();
	Ipv4 request = ping(packet::ipv4("10.0.1.1"), packet::ipv4("10.0.1.2"));

	// The main table would send the reply to wire0, and so would a lookup without the VRF.
	host::run("ip link add red type vrf table 10; ip link set red up; ip link set wire1 master "
		  "red;"
		  "ip route add 10.0.1.0/24 dev wire0 metric 1");
	other.send(request);
	expect_echo_reply(ktap::require_value(next_answer(other), "the reply in the VRF"), request);
	expect(!next_answer(wire, wire::silence), "nothing outside the VRF");
	Ipv4 plain = ping();
	expect_echo_reply(require_answer(wire, plain), plain);
}

/// A VRF with a queueing discipline has what goes out of it pass that.
void reply_waits_in_its_vrf()
{
	auto wire = wire::new_server();
	need_vrf();
	Wire other = second_wire();
	Ipv4 request = ping(packet::ipv4("10.0.1.1"), packet::ipv4("10.0.1.2"));
	const std::string sent = "tc -s qdisc show dev red | awk '/Sent/ { print $4 }'";

	host::run("ip link add red type vrf table 10; ip link set red up; ip link set wire1 master "
		  "red; tc qdisc replace dev red root pfifo");
	const long before = std::stol(host::output_of(sent));
	for (int i = 0; i < 4; i++) {
		other.send(request);
		expect_echo_reply(ktap::require_value(next_answer(other), "the reply"), request);
	}
	expect_equal(std::stol(host::output_of(sent)) - before, 4, "replies through the VRF");
}

void broadcast_in_a_vrf()
{
	auto wire = wire::new_server();
	need_vrf();
	Wire other = second_wire();

	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0);
	host::run("ip link add red type vrf table 10; ip link set red up; ip link set wire1 master "
		  "red");
	expect_source(other, ping(packet::ipv4("10.0.1.1"), packet::ipv4("10.0.1.255")),
		      Cast::broadcast, packet::ipv4("10.0.1.2"), "broadcast in the VRF");
}

/// ip-sysctl: fwmark_reflect. The rule shows which mark the reply's route lookup sees.
void fwmark_reflect_routes_the_reply()
{
	auto wire = wire::new_server();
	Wire other = second_wire();
	Ipv4 request = ping();

	if (!host::try_run("nft 'add table ip t; add chain ip t in { type filter hook prerouting "
			   "priority -150; };"
			   "add rule ip t in meta mark set 0x51'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("ip rule add fwmark 0x51 table 100; ip route add default dev wire1 table 100");
	expect_echo_reply(require_answer(wire, request), request);
	host::set_sysctl("net/ipv4/fwmark_reflect", 1);
	wire.send(request);
	expect_echo_reply(ktap::require_value(next_answer(other), "the reply by its mark"),
			  request);
}

/// RFC 1122, 3.2.1.3: no reply comes from an address that is not this host's, and a firewall may have written one into
/// the request.
void rewritten_destination()
{
	auto wire = wire::new_server();
	Ipv4 request = ping();

	if (!host::try_run("nft 'add table ip t; add chain ip t in { type filter hook input "
			   "priority 0; };"
			   "add rule ip t in icmp type echo-request ip daddr set 203.0.113.9'"))
		ktap::skip("the kernel has no nf_tables");
	for (int i = 0; i < 3; i++) {
		Change change;
		wire::expect_no_answer(wire, request);
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InEchos", 1}, {"IcmpMsg.InType8", 1}},
			"an address of nobody's");
		change.expect_outcomes({{"drop_no_route", 1}}, "an address of nobody's");
	}
	host::run("ip address add 203.0.113.9/32 dev lo");
	wire.send(request);
	auto answer = ktap::require_value(next_answer(wire), "a reply");
	expect_equal(answer.ip.source, packet::ipv4("203.0.113.9"), "the source");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc1122_3_2_2_6_unicast_source_is_the_address_asked",
			 unicast_source_is_the_address_asked},
			{"rfc1122_3_2_2_6_broadcast_ignored_by_default",
			 broadcast_is_ignored_by_default},
			{"rfc1122_3_2_2_6_source_for_broadcast",
			 broadcast_source_is_an_address_of_the_interface},
			{"rfc1122_3_2_2_6_source_for_multicast",
			 multicast_source_is_an_address_of_the_interface},
			{"reply_follows_the_route_not_the_request",
			 reply_follows_the_route_not_the_request},
			{"policy_routing_by_source", policy_routing_by_source},
			{"policy_routing_by_tos", policy_routing_by_tos},
			{"fwmark_reflect_routes_the_reply", fwmark_reflect_routes_the_reply},
			{"no_route_back_no_reply", no_route_back},
			{"rfc1122_3_2_1_3_rewritten_destination", rewritten_destination},
			{"reply_stays_in_its_vrf", reply_stays_in_its_vrf},
			{"reply_waits_in_its_vrf", reply_waits_in_its_vrf},
			{"source_for_broadcast_in_a_vrf", broadcast_in_a_vrf},
		});
}
