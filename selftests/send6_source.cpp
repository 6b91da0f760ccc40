// SPDX-License-Identifier: GPL-2.0-only
//
// From which address an ICMPv6 error comes (RFC 4443, 2.2): the packet's destination where that is this host's, else one that
// the way back prefers, else one of the interface that the packet came by.

#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/socket6.hpp"

#include <string>

using packet::Bytes;
using packet6::Address;
using packet6::ipv6;
using packet6::Ipv6;
using packet6::Type;
using sending::expect_error;
using sending::expect_error_over;
using sending::V6;
using Router = sending::RouterIn<V6>;

namespace {

Ipv6 to_closed_port(const Address &to = V6::server, const Address &from = V6::client)
{
	return sending::to_closed_port<V6>(18, to, from);
}

Ipv6 expiring(const Address &from = V6::client, const Address &to = V6::beyond)
{
	Ipv6 about = to_closed_port(to, from);

	about.hop_limit = 1;
	return about;
}

/// What has an error though it is for a group.
Ipv6 to_a_group(const Address &from)
{
	Ipv6 about = to_closed_port(packet6::all_nodes, from);

	about.extensions = {{packet6::destination_options, packet6::option(0x80, Bytes(4))}};
	return about;
}

void destination()
{
	auto wire = sending::unlimited_host<V6>();

	wire6::add_addresses("wire0", {"fd00::9/64", "2001:db8:1::1/128"});
	wire6::add_addresses("lo", {"2001:db8::1/128"});
	for (const char *to : {"fd00::2", "fd00::9", "2001:db8::1", "2001:db8:1::1", "fe80::2"}) {
		for (const char *from : {"fd00::1", "2001:db8:77::77", "fe80::1"})
			expect_error(wire, to_closed_port(ipv6(to), ipv6(from)),
				     {.code = V6::port_unreachable, .source = ipv6(to)});
	}
}

/// RFC 4291, 2.6: an error is no answer to which of them it was.
void anycast_destination()
{
	auto wire = sending::unlimited_host<V6>();
	const Address anycast = ipv6("fd00::aa");

	host::run("ip link set wire0 multicast off");
	const auto joined = sock6::join(sock6::join_anycast, anycast, "wire0");
	host::set_sysctl("net/ipv6/conf/all/forwarding", 1);
	for (const Address &to : {anycast, ipv6("fd00::")})
		expect_error(wire, to_closed_port(to),
			     {.code = V6::port_unreachable, .source = to});
}

/// Of a prefix that is this host's as a whole, no address is one of an interface.
void destination_in_a_local_prefix()
{
	auto wire = sending::unlimited_host<V6>();

	host::run("ip -6 route add local 2001:db8:5::/64 dev lo");
	expect_error(wire, to_closed_port(ipv6("2001:db8:5::1")), {.code = V6::port_unreachable});
}

void incoming_interface()
{
	Router router;
	const Address peer = ipv6("fd01::77");

	// The way back is another's, and has an address that would be nearer.
	expect_error_over(router.near, router.far, expiring(peer),
			  {.type = Type::time_exceeded, .source = V6::server});
	wire6::add_addresses("wire0", {"2001:db8:9::2/64"});
	expect_error_over(router.near, router.far, expiring(ipv6("fd01::77"), V6::elsewhere),
			  {.type = Type::time_exceeded, .source = V6::server});
	expect_error(router.near, expiring(ipv6("2001:db8:9::1")),
		     {.type = Type::time_exceeded, .source = ipv6("2001:db8:9::2")});
}

/// RFC 6724, 5: an address of another interface is better than one of too small a scope.
void incoming_interface_without_an_address()
{
	Router router;

	host::run("ip -6 address delete fd00::2/64 dev wire0; ip -6 route add fd00::/64 dev wire0");
	expect_error(router.near, expiring(), {.type = Type::time_exceeded, .source = V6::second});
}

void preferred_source()
{
	Router router;

	wire6::add_addresses("lo", {"2001:db8::9/128"});
	host::run("ip -6 route add fd00::1 dev wire0 src 2001:db8::9");
	expect_error(router.near, expiring(),
		     {.type = Type::time_exceeded, .source = ipv6("2001:db8::9")});
	expect_error(router.near, to_closed_port(), {.code = V6::port_unreachable});
	host::run("ip -6 route delete fd00::1 dev wire0");
	expect_error(router.near, expiring(), {.type = Type::time_exceeded});
	// Of the way back to somebody who is not asked by the interface that he comes by.
	host::run("ip -6 route add 2001:db8:8::/64 dev wire1 src 2001:db8::9");
	expect_error_over(router.near, router.far, expiring(ipv6("2001:db8:8::1")),
			  {.type = Type::time_exceeded, .source = ipv6("2001:db8::9")});
}

/// RFC 4007, 9: what is for a link-local address has to come from one.
void link_local_peer()
{
	Router router;

	expect_error(router.near, expiring(packet6::client_link),
		     {.type = Type::time_exceeded, .source = packet6::server_link});
	expect_error(router.far, expiring(packet6::client_link, V6::client),
		     {.type = Type::time_exceeded, .source = packet6::server_link});
	expect_error(router.near, to_closed_port(packet6::server_link, packet6::client_link),
		     {.code = V6::port_unreachable, .source = packet6::server_link});
}

void group()
{
	auto wire = sending::unlimited_host<V6>();
	const sending::ErrorIn<V6> problem{
		.type = Type::parameter_problem, .code = 2, .rest = V6::header + 2};

	expect_error(wire, to_a_group(V6::client), problem);
	auto from_link = problem;
	from_link.source = packet6::server_link;
	expect_error(wire, to_a_group(packet6::client_link), from_link);
	wire6::add_addresses("wire0", {"2001:db8::2/64"});
	auto from_prefix = problem;
	from_prefix.source = ipv6("2001:db8::2");
	expect_error(wire, to_a_group(ipv6("2001:db8::1")), from_prefix);
}

/// A router that is not known by any address but those of its links.
void nothing_but_link_local_addresses()
{
	Router router;

	host::run("ip -6 address delete fd00::2/64 dev wire0;"
		  "ip -6 address delete fd01::2/64 dev wire1;"
		  "ip -6 route add fd00::/64 dev wire0; ip -6 route add fd01::/64 dev wire1");
	expect_error(router.near, expiring(),
		     {.type = Type::time_exceeded, .source = packet6::server_link});
}

/// What has the place of a route in a packet that is only bridged is none of IPv6: the bridge has put it there for netfilter.
void bridged_and_rejected()
{
	auto wire = sending::unlimited_host<V6>();
	const Ipv6 about = to_closed_port(ipv6("fd00::9"));
	Bytes frame = wire.frame(about.build());

	host::need_module("br_netfilter");
	host::run("ip link add other type dummy; ip link add br0 type bridge mcast_snooping 0;"
		  "ip link set wire0 master br0; ip link set other master br0 up;"
		  "ip link set br0 up; ip -6 address flush dev wire0;"
		  "ip -6 neighbour add fd00::1 lladdr 02:00:00:00:00:77 dev br0 nud permanent");
	wire6::add_addresses("br0", {"fd00::2/64"});
	host::run(
		"nft 'add table ip6 t; add chain ip6 t c { type filter hook forward priority 0; };"
		"add rule ip6 t c meta l4proto udp reject with icmpv6 type port-unreachable'");
	// To a station behind the other port.
	frame[5] ^= 1;
	// With nothing to tell of the packet's way: the packet has no route.
	for (const int mask : {0, 7}) {
		if (mask && !sending::ours<V6>())
			break;
		if (mask)
			host::set_sysctl("net/icmpx6/errors_extension_mask", mask);
		wire.send_frame(frame);
		sending::expect_is(ktap::require_value(wire6::next_of_type(wire, Type::unreachable),
						       "an error"),
				   about, {.code = V6::port_unreachable});
	}
	// What bridges do in other tests is not to depend on this one.
	host::run("ip link delete br0");
	host::try_run("modprobe -r br_netfilter");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4443_2_2_destination", destination},
			{"anycast_destination", anycast_destination},
			{"destination_in_a_local_prefix", destination_in_a_local_prefix},
			{"incoming_interface", incoming_interface},
			{"rfc6724_5_incoming_interface_without_an_address",
			 incoming_interface_without_an_address},
			{"preferred_source", preferred_source},
			{"rfc4007_9_link_local_peer", link_local_peer},
			{"group", group},
			{"nothing_but_link_local_addresses", nothing_but_link_local_addresses},
			{"bridged_and_rejected", bridged_and_rejected},
		});
}
