// SPDX-License-Identifier: GPL-2.0-only
//
// Which way an ICMPv6 error goes, and what its header has from there: device, VRF, one of several paths, hop limit, flow label,
// size.

#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/vrf.hpp"

#include <algorithm>
#include <set>
#include <string>

using ktap::expect;
using ktap::expect_equal;
using packet6::Address;
using packet6::ipv6;
using packet6::Ipv6;
using sending::expect_error;
using sending::expect_error_over;
using sending::V6;
using sending::Wire;
using Error = sending::ErrorIn<V6>;

namespace {

constexpr Error port_unreachable{.code = V6::port_unreachable};

Ipv6 to_closed_port(const Address &to = V6::server, const Address &from = V6::client,
		    std::size_t size = 18)
{
	return sending::to_closed_port<V6>(size, to, from);
}

wire6::Answer answer_to(const Wire &wire, const Ipv6 &about,
			const wire::Where &where = wire::Where::current())
{
	wire.send(about);
	return ktap::require_value(wire6::next_answer(wire, wire::patience, where), "an error",
				   where);
}

/// One and the same address on either link, which nothing but the device tells apart.
void link_local_peers()
{
	auto wire = sending::unlimited_host<V6>();
	auto other = wire6::second_wire();

	for (const Address &to : {packet6::server_link, V6::server}) {
		const Ipv6 about = to_closed_port(to, packet6::client_link);
		Error expected = port_unreachable;

		expected.source = to;
		for (int round = 0; round < 2; round++) {
			expect_error(wire, about, expected);
			expect_error(other, about, expected);
		}
	}
}

/// For all others, the routes decide alone: the incoming device is not so much as preferred.
void routes_decide()
{
	auto wire = sending::unlimited_host<V6>();
	auto other = wire6::second_wire();

	expect_error_over(wire, other, to_closed_port(V6::server, V6::beyond), port_unreachable);
	host::run("ip -6 rule add oif wire1 table 100; ip -6 route add default dev wire1 table "
		  "100");
	expect_error_over(other, wire, to_closed_port(), port_unreachable);
}

/// The same addresses in a VRF and outside it.
void vrf_and_outside()
{
	vrf::need();
	auto outside = sending::unlimited_host<V6>();
	vrf::add("red", 10);
	auto inside = wire6::second_wire("fd00::2/64", "red");

	host::run("ip -6 route add default dev wire1 vrf red");
	for (const Ipv6 &about : {to_closed_port(), to_closed_port(V6::server, V6::elsewhere),
				  to_closed_port(packet6::server_link, packet6::client_link),
				  to_closed_port(V6::server, packet6::client_link)}) {
		Error expected = port_unreachable;

		expected.source = about.destination;
		for (int round = 0; round < 2; round++) {
			expect_error(outside, about, expected);
			expect_error(inside, about, expected);
		}
	}
}

/// A VRF has no way to what is only outside.
void no_way_back_in_a_vrf()
{
	vrf::need();
	auto outside = sending::unlimited_host<V6>();
	vrf::add("red", 10);
	auto inside = wire6::second_wire("fd00::2/64", "red");
	const Ipv6 about = to_closed_port(V6::server, V6::elsewhere);

	host::run("ip -6 route add unreachable default vrf red");
	sending::expect_none(inside, about, "error_failed_no_route");
	expect_error(outside, about, port_unreachable);
}

void hop_limit()
{
	auto wire = sending::unlimited_host<V6>();

	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 77);
	expect_equal(answer_to(wire, to_closed_port()).ip.hop_limit, 77, "of the device");
	host::run("ip -6 route add fd00::1 dev wire0 hoplimit 33");
	expect_equal(answer_to(wire, to_closed_port()).ip.hop_limit, 33, "of the route");
	expect_equal(answer_to(wire, to_closed_port(V6::server, V6::another)).ip.hop_limit, 77,
		     "of another route");
}

/// RFC 6437: a flow's label is its own, whatever that of its packet was.
void flow_label()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port();

	host::set_sysctl("net/ipv6/auto_flowlabels", 1);
	const std::uint32_t label = answer_to(wire, about).ip.flow_label;
	expect(label != 0, "a label");
	for (std::uint32_t of_packet : {0x12345U, 0xfffffU}) {
		about.flow_label = of_packet;
		host::set_sysctl("net/ipv6/flowlabel_reflect", of_packet == 0xfffff ? 7 : 0);
		expect_equal(answer_to(wire, about).ip.flow_label, label, "the same label");
	}
	std::set<std::uint32_t> labels;
	for (std::uint8_t host = 1; host <= 8; host++)
		labels.insert(answer_to(wire, to_closed_port(V6::server, errors6::remote(host)))
				      .ip.flow_label);
	expect(labels.size() > 4, "other flows have others");
	host::set_sysctl("net/ipv6/auto_flowlabels", 0);
	expect_equal(answer_to(wire, about).ip.flow_label, 0U, "no label");
}

/// RFC 4443, 2.4 (c): what any link takes whole.
void smallest_link()
{
	auto wire = V6::new_server({}, 1280);

	sending::limit_none<V6>();
	for (std::size_t size : {1183, 1184, 1185, 1232}) {
		const Ipv6 about = to_closed_port(V6::server, V6::client, size);

		wire.send(about);
		const auto error = ktap::require_value(wire.receive<Ipv6>(), "an error");
		expect(!error.fragment, "in one piece");
		expect_equal(error.build().size(), std::min<std::size_t>(1280, 48 + 48 + size),
			     "its size");
		sending::expect_is({error, ktap::require_value(packet6::parse_icmp(error), "ICMP")},
				   about, port_unreachable);
	}
}

/// A flow's errors take one path of those that are as good, and all of them together take each.
void paths_as_good_as_each_other()
{
	auto wire = sending::unlimited_host<V6>();
	auto other = wire6::second_wire();
	constexpr int flows = 32, times = 3;
	int by_other = 0;

	host::run("ip -6 route add 2001:db8:7::/64 nexthop via fe80::1 dev wire0 "
		  "nexthop via fe80::1 dev wire1");
	for (int policy : {0, 1}) {
		host::set_sysctl("net/ipv6/fib_multipath_hash_policy", policy);
		for (int flow = 1; flow <= flows; flow++) {
			const Ipv6 about = to_closed_port(
				V6::server, ipv6("2001:db8:7::" + std::to_string(flow)));

			for (int i = 0; i < times; i++)
				wire.send(about);
			const std::size_t here = wire.receive_all<Ipv6>().size();
			const std::size_t there = other.receive_all<Ipv6>().size();
			expect_equal(here + there, std::size_t{times}, "errors");
			expect(here == 0 || there == 0, "all of them by one path");
			by_other += there > 0;
		}
		ktap::expect_between(by_other, 4, flows - 4, "flows by the other path");
		by_other = 0;
	}
}

/// The error has its packet's mark where marks are reflected, and none else.
void mark_of_the_error()
{
	auto wire = sending::unlimited_host<V6>();

	if (!host::try_run("nft 'add table ip6 t; add chain ip6 t in { type filter hook prerouting "
			   "priority -150; }; add rule ip6 t in meta mark set 0x51;"
			   "add chain ip6 t out { type filter hook output priority 0; };"
			   "add rule ip6 t out meta mark 0x51 counter'"))
		ktap::skip("the kernel has no nf_tables");
	int marked = 0;
	for (int reflected : {0, 1, 0}) {
		host::set_sysctl(V6::fwmark_reflect, reflected);
		expect_error(wire, to_closed_port(), port_unreachable);
		marked += reflected;
		const std::string counted = "packets " + std::to_string(marked) + " ";
		expect(host::output_of("nft list chain ip6 t out").find(counted) !=
			       std::string::npos,
		       counted + "with the mark");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc4007_9_link_local_peers", link_local_peers},
				 {"routes_decide", routes_decide},
				 {"vrf_and_outside", vrf_and_outside},
				 {"no_way_back_in_a_vrf", no_way_back_in_a_vrf},
				 {"hop_limit", hop_limit},
				 {"rfc6437_3_flow_label", flow_label},
				 {"rfc4443_2_4_smallest_link", smallest_link},
				 {"paths_as_good_as_each_other", paths_as_good_as_each_other},
				 {"mark_of_the_error", mark_of_the_error},
			 });
}
