// SPDX-License-Identifier: GPL-2.0-only
//
// Errors that a router sends (RFC 1812, 4.3 and 5.2.7), from which address, and about which datagrams there are none.

#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

using counters::Change;
using packet::Icmp;
using packet::Ipv4;
using packet::Type;
using sending::beyond;
using sending::expect_error;
using sending::expect_error_over;
using sending::expect_none;
using sending::Router;
using sending::RouterIn;
using sending::to_closed_port;
using sending::V4;
using sending::V6;

namespace {

constexpr packet::Address elsewhere = 0xc6336401; // TEST-NET-2

/// A datagram that runs out of time here.
Ipv4 expiring(std::size_t size = 18)
{
	Ipv4 about = to_closed_port(size, beyond);

	about.ttl = 1;
	return about;
}

/// The same with an ICMP message of @p type in it.
Ipv4 expiring_icmp(std::uint8_t type)
{
	Ipv4 about = expiring();

	about.protocol = 1;
	about.payload = Icmp{.type = type, .data = packet::pattern(8)}.build();
	return about;
}

constexpr sending::Error expired{.type = Type::time_exceeded};

template <typename F> void time_to_live()
{
	RouterIn<F> router;

	for (std::size_t size : {0, 18, 600, 1400}) {
		for (std::uint8_t left : {0, 1}) {
			auto about = to_closed_port<F>(size, F::beyond);

			F::set_hops(about, left);
			expect_error(router.near, about, {.type = F::Type::time_exceeded});
		}
	}
}

void fragmentation_needed()
{
	Router router(600);
	Ipv4 about = to_closed_port(1000, beyond);

	about.df = true;
	expect_error(router.near, about, {.code = 4, .rest = 600});
}

void routes_that_lead_nowhere()
{
	Router router;

	struct Way {
		const char *kind;
		std::uint8_t code;
	};
	for (const Way &way : {Way{"unreachable", 1}, Way{"prohibit", 13}}) {
		host::run(std::string("ip route replace ") + way.kind + " 198.51.100.0/24");
		expect_error(router.near, to_closed_port(18, elsewhere), {.code = way.code});
	}
	host::run("ip route replace blackhole 198.51.100.0/24");
	Change change;
	wire::expect_no_answer(router.near, to_closed_port(18, elsewhere));
	sending::expect_counted(change, {});
	host::run("ip route delete 198.51.100.0/24; ip route delete default");
	expect_error(router.near, to_closed_port(18, elsewhere), {.code = 0});
}

/// Nobody says which hardware address the next one has (RFC 1812, 5.2.7.1).
void neighbour_that_does_not_answer()
{
	Router router;

	host::run("ip link set wire1 arp on");
	host::set_sysctl("net/ipv4/neigh/wire1/retrans_time_ms", 50);
	host::set_sysctl("net/ipv4/neigh/wire1/mcast_solicit", 1);
	Ipv4 about = to_closed_port(18, beyond), passed_on = about;
	Change change;
	router.near.send(about);
	auto answer = ktap::require_value(wire::next_answer(router.near), "an error");
	passed_on.ttl--;
	sending::expect_is(answer, passed_on, {.code = 1});
	sending::expect_counted_sent(change, Type::unreachable);
}

/// RFC 1812, 5.2.7.2: the way is out where it came in.
void redirect()
{
	Router router;

	host::set_sysctl("net/ipv4/conf/all/send_redirects", 1);
	host::set_sysctl("net/ipv4/conf/wire0/send_redirects", 1);
	host::run("ip route add 198.51.100.0/24 via 10.0.0.9");
	Ipv4 about = to_closed_port(18, elsewhere);
	router.near.send(about);
	Change change;
	auto all = router.near.receive_all();
	// The redirect, and the datagram passed on: both about what is left of its time to live.
	about.ttl--;
	ktap::require_equal(all.size(), 2, "datagrams");
	auto icmp = ktap::require_value(packet::parse_icmp(all[0].payload), "a redirect");
	sending::expect_is({all[0], icmp}, about,
			   {.type = Type::redirect, .code = 1, .rest = packet::ipv4("10.0.0.9")});
	ktap::expect_equal(all[1].destination, elsewhere, "what is passed on");
}

/// RFC 1122, 3.2.2: an error about none but the first fragment.
void later_fragments()
{
	Router router;
	Ipv4 about = expiring();

	about.mf = true;
	expect_error(router.near, about, expired);
	about.fragment_offset = 8;
	expect_none(router.near, about, "error_suppressed_fragment");
	about.mf = false;
	about.fragment_offset = 1480;
	expect_none(router.near, about, "error_suppressed_fragment");
}

void errors_about_errors()
{
	Router router;

	for (std::uint8_t type : {0, 8, 13, 14, 15, 16, 17, 18})
		expect_error(router.near, expiring_icmp(type), expired);
	for (std::uint8_t type : {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 19, 42, 43, 255})
		expect_none(router.near, expiring_icmp(type), "error_suppressed_error");
}

/// ICMP without so much as its type: it could be an error.
void icmp_of_no_bytes()
{
	Router router;
	Ipv4 about = expiring_icmp(8);

	about.payload.clear();
	expect_none(router.near, about, "error_suppressed_error");
	about.payload = {8};
	expect_error(router.near, about, expired);
	about.payload = {3};
	expect_none(router.near, about, "error_suppressed_error");
}

/// By default the route back says from which address; with the setting, the interface that the datagram came by.
void source_address()
{
	Router router;
	Ipv4 about = expiring();

	about.destination = packet::client;
	about.source = packet::ipv4("10.0.0.77");
	expect_error_over(router.far, router.near, about, expired);
	host::set_sysctl("net/ipv4/icmp_errors_use_inbound_ifaddr", 1);
	sending::Error inbound = expired;
	inbound.source = sending::second;
	expect_error_over(router.far, router.near, about, inbound);
}

/// What was sent to an address of ours is answered from it.
template <typename F> void source_is_where_it_was_sent_to()
{
	RouterIn<F> router;

	if constexpr (!F::is_ipv6)
		host::set_sysctl("net/ipv4/icmp_errors_use_inbound_ifaddr", 1);
	expect_error(router.near, to_closed_port<F>(18, F::second),
		     {.code = F::port_unreachable, .source = F::second});
}

/// RFC 7600, 4.8: a router without addresses.
void no_source_address()
{
	Router router;

	host::run("ip address flush dev wire0; ip address flush dev wire1;"
		  "ip route replace default dev wire0; ip route add 10.0.1.0/24 dev wire1");
	sending::Error dummy = expired;
	dummy.source = packet::ipv4("192.0.0.8");
	expect_error(router.near, expiring(), dummy);
}

/// A rule for marks chooses the way back, where packets' marks are reflected. Only IPv6 has the source be of the way in.
template <typename F> void mark()
{
	RouterIn<F> router;
	auto about = to_closed_port<F>(18, F::beyond);

	if (!host::try_run("nft 'add table ip probe; delete table ip probe'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("nft 'add table " + F::table + " t; add chain " + F::table +
		  " t in { type filter hook prerouting priority -150; }; add rule " + F::table +
		  " t in mark set 7'");
	host::run("ip " + F::option + " rule add fwmark 7 iif lo table 100; ip " + F::option +
		  " route add default dev wire1 table 100");
	F::set_hops(about, 1);
	expect_error(router.near, about, {.type = F::Type::time_exceeded});
	host::set_sysctl(F::fwmark_reflect, 1);
	expect_error_over(
		router.near, router.far, about,
		{.type = F::Type::time_exceeded, .source = F::is_ipv6 ? F::server : F::second});
}

/// An error goes back in the VRF that the datagram is in, whatever the main table says.
void vrf()
{
	Router router;

	host::need("vrf", "ip link add vrf0 type vrf table 10");
	host::run(
		"ip link set vrf0 up; ip link set wire0 master vrf0; ip link set wire1 master vrf0;"
		"ip route add default dev wire0 table 10; ip route replace unreachable default");
	for (const char *device : {"all", "wire0", "wire1"})
		host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
	expect_error(router.near, expiring(), expired);
	expect_error(router.near, to_closed_port(), {.code = 3});
}

/// What holds for both families.
template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"time_to_live", time_to_live<F>},
		{"source_is_where_it_was_sent_to", source_is_where_it_was_sent_to<F>},
		{"mark", mark<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	std::ranges::move(
		std::vector<ktap::Test>{
			{"fragmentation_needed", fragmentation_needed},
			{"routes_that_lead_nowhere", routes_that_lead_nowhere},
			{"neighbour_that_does_not_answer", neighbour_that_does_not_answer},
			{"redirect", redirect},
			{"later_fragments", later_fragments},
			{"errors_about_errors", errors_about_errors},
			{"icmp_of_no_bytes", icmp_of_no_bytes},
			{"source_address", source_address},
			{"no_source_address", no_source_address},
			{"vrf", vrf},
		},
		std::back_inserter(all));
	return ktap::run(argc, argv, all);
}
