// SPDX-License-Identifier: GPL-2.0-only
//
// Routes that lead from one VRF into another: errors about what goes that way, and what comes back along it.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/vrf.hpp"

#include <string>
#include <utility>

namespace {

using packet::Address;
using packet::Ipv4;
using packet::Type;
using wire::Wire;

constexpr Address red_address = 0x0a000002, blue_address = 0x0a000102;
constexpr Address red_peer = 0x0a000001, blue_peer = 0x0a000101;

/// wire0 with 10.0.0.0/24 in the VRF red, wire1 with 10.0.1.0/24 in blue, with routes to each other.
struct Net {
	Wire red, blue;

	Net() : red(make_red()), blue(vrf::add_wire("wire1", "10.0.1.2/24", "blue", 1300))
	{
		host::run("ip route add 10.0.1.0/24 dev blue vrf red");
		host::run("ip route add 10.0.0.0/24 dev red vrf blue");
		host::set_sysctl("net/ipv4/ip_forward", 1);
		host::set_sysctl("net/ipv4/icmp_ratemask", 0);
		for (const char *device : {"all", "wire0", "wire1", "red", "blue"})
			host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
	}

private:
	static Wire make_red()
	{
		host::enter_new_namespace();
		vrf::need();
		vrf::add("red", 10);
		vrf::add("blue", 20);
		return vrf::add_wire("wire0", "10.0.0.2/24", "red");
	}
};

const Net &net()
{
	static const Net made;
	return made;
}

Ipv4 udp(Address from, Address to, std::size_t size = 20)
{
	Ipv4 ip = errors::sent_udp({from, 4000}, {to, 9}, packet::pattern(size));

	ip.df = true;
	return ip;
}

/// Sends @p about on @p wire, and expects the error that quotes it as @p quoted to come back there, and nothing on
/// @p other.
void expect_error(const Wire &wire, const Wire &other, const Ipv4 &about, const Ipv4 &quoted,
		  const sending::Error &expected, const wire::Where &where = wire::Where::current())
{
	// Twice: the second one finds what the first has left.
	for (int round = 0; round < 2; round++) {
		counters::Change change(counters::Files::snmp);

		wire.send(about);
		const auto answer = ktap::require_value(
			wire::next_answer(wire, wire::patience, where), "an error", where);
		sending::expect_is(answer, quoted, expected, where);
		sending::expect_counted_sent(change, expected.type, where);
	}
	ktap::expect(other.receive_all(wire::milliseconds(0)).empty(), "nothing on the other wire",
		     where);
}

/// @p ip as it is once it has been forwarded into the other VRF.
Ipv4 forwarded(Ipv4 ip)
{
	ip.ttl--;
	return ip;
}

/// The topology is what it is to be: datagrams pass both ways.
void datagrams_pass()
{
	for (int round = 0; round < 2; round++) {
		net().red.send(udp(red_peer, blue_peer));
		auto there = ktap::require_value(net().blue.receive(), "from red to blue");
		ktap::expect_equal(there.ttl, 63, "TTL");
		net().blue.send(udp(blue_peer, red_peer));
		ktap::require_value(net().red.receive(), "from blue to red");
	}
}

void time_exceeded()
{
	Ipv4 about = udp(red_peer, blue_peer);

	about.ttl = 1;
	expect_error(net().red, net().blue, about, about,
		     {.type = Type::time_exceeded, .code = 0, .rest = 0, .source = red_address});
	std::swap(about.source, about.destination);
	expect_error(net().blue, net().red, about, about,
		     {.type = Type::time_exceeded, .code = 0, .rest = 0, .source = blue_address});
}

/// It is the other VRF that cannot send it on, and the error has its address.
void fragmentation_needed()
{
	const Ipv4 about = udp(red_peer, blue_peer, 1400);

	expect_error(net().red, net().blue, about, forwarded(about),
		     {.type = Type::unreachable,
		      .code = errors::Code::fragmentation_needed,
		      .rest = 1300,
		      .source = blue_address});
}

/// Our own address in the other VRF answers across the route: echo replies, and errors.
void own_address_in_the_other()
{
	Ipv4 request = packet::datagram(packet::echo_request(0x77, 1, packet::pattern(56)));

	request.destination = blue_address;
	for (int round = 0; round < 4; round++)
		wire::expect_echo_reply(wire::require_answer(net().red, request), request);
	const Ipv4 about = udp(red_peer, blue_address);
	expect_error(net().red, net().blue, about, forwarded(about),
		     {.type = Type::unreachable,
		      .code = errors::Code::port_unreachable,
		      .rest = 0,
		      .source = blue_address});
}

/// An error from a router in one VRF about a datagram from the other is led back along the route.
void errors_pass_through()
{
	const Ipv4 about = udp(red_peer, blue_peer);
	Ipv4 error = errors::report(Type::unreachable, errors::Code::host_unreachable, 0,
				    about.build(), 0x0a000109);

	error.destination = red_peer;
	net().blue.send(error);
	const auto there = ktap::require_value(wire::next_answer(net().red), "the error in red");
	ktap::expect_equal(there.ip.source, error.source, "source");
	ktap::expect_equal(there.icmp.data, about.build(), "quoted datagram");
}

/// Without a route back there is no way for the error.
void no_way_back()
{
	Ipv4 about = udp(red_peer, blue_peer);

	about.ttl = 1;
	about.source = 0xc0000207; // 192.0.2.7, which red has no route to
	net().red.send(about);
	ktap::expect(net().red.receive_all().empty(), "nothing on red's wire");
	ktap::expect(net().blue.receive_all(wire::milliseconds(0)).empty(),
		     "nothing on blue's wire");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"datagrams_pass", datagrams_pass},
			  {"time_exceeded", time_exceeded},
			  {"fragmentation_needed", fragmentation_needed},
			  {"own_address_in_the_other", own_address_in_the_other},
			  {"errors_pass_through", errors_pass_through},
			  {"no_way_back", no_way_back}});
}
