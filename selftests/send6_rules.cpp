// SPDX-License-Identifier: GPL-2.0-only
//
// About which packets there are ICMPv6 errors, and about which there are none (RFC 4443, 2.4 (e)).

#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/socket6.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <linux/mroute6.h>
#include <net/if.h>
#include <netinet/in.h>

using packet::Bytes;
using packet::Icmp;
using packet6::Address;
using packet6::Extension;
using packet6::ipv6;
using packet6::Ipv6;
using packet6::Type;
using sending::expect_error;
using sending::expect_none;
using sending::V6;
using wire::Cast;
using Router = sending::RouterIn<V6>;
using Error = sending::ErrorIn<V6>;

namespace {

constexpr Error expired{.type = Type::time_exceeded};
constexpr Error unknown_option{.type = Type::parameter_problem, .code = 2, .rest = V6::header + 2};

Ipv6 to_closed_port(const Address &to = V6::server, const Address &from = V6::client)
{
	return sending::to_closed_port<V6>(18, to, from);
}

Ipv6 with_option(std::uint8_t type, const Address &to = V6::server)
{
	Ipv6 about = to_closed_port(to);

	about.extensions = {{packet6::destination_options, packet6::option(type, Bytes(4))}};
	return about;
}

/// What expires here, with @p payload of @p protocol.
Ipv6 expiring(std::uint8_t protocol, Bytes payload)
{
	Ipv6 about = errors6::sent(protocol, V6::client, V6::beyond, std::move(payload));

	about.hop_limit = 1;
	return about;
}

Ipv6 expiring_icmp(std::uint8_t type)
{
	return expiring(packet6::icmp, Icmp{.type = type, .data = packet::pattern(8)}.build());
}

/// (e.3): not about what was for a group, whatever is wrong with it, but for an option that says so.
void multicast_destination()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port(packet6::all_nodes);

	about.protocol = 200;
	expect_none(wire, about, "error_suppressed_broadcast");
	about = to_closed_port(packet6::all_nodes);
	about.extensions = {packet6::routing(253, 1, {V6::beyond})};
	wire::expect_no_answer(wire, about);
	for (const Cast cast : {Cast::multicast, Cast::broadcast})
		expect_none(wire, with_option(0xc0), "error_suppressed_link_broadcast", cast);
	for (const Cast cast : {Cast::unicast, Cast::multicast, Cast::broadcast}) {
		const Ipv6 option = with_option(0x80, packet6::all_nodes);
		const auto change = V6::change();

		wire.send(option, cast);
		sending::expect_is(ktap::require_value(wire6::next_answer(wire), "an error"),
				   option, unknown_option);
		sending::expect_counted_sent(change, Type::parameter_problem);
	}
}

/// (e.4) and (e.5): the frame says it, not the address.
void frame_for_others()
{
	auto wire = sending::unlimited_host<V6>();

	for (const Cast cast : {Cast::multicast, Cast::broadcast}) {
		expect_none(wire, to_closed_port(), "error_suppressed_link_broadcast", cast);
		// The exception holds here, too; the source is then chosen as for a group.
		const Ipv6 option = with_option(0x80);
		wire.send(option, cast);
		sending::expect_is(ktap::require_value(wire6::next_answer(wire), "an error"),
				   option, unknown_option);
	}
	Ipv6 fragment = to_closed_port();
	fragment.fragment = {.more = true};
	fragment.payload.resize(17);
	expect_none(wire, fragment, "error_suppressed_link_broadcast", Cast::multicast);
}

/// A socket that has this host forward what is for a group from wire0 to wire1, as long as it is open.
sock6::Socket multicast_router(const Address &group)
{
	sock6::Socket socket = sock6::raw(IPPROTO_ICMPV6);
	int on = 1;

	if (setsockopt(socket.get(), IPPROTO_IPV6, MRT6_INIT, &on, sizeof(on)) != 0)
		ktap::skip("the kernel does not forward multicast");
	mf6cctl entry{};
	for (mifi_t i : {mifi_t{0}, mifi_t{1}}) {
		mif6ctl device{};

		device.mif6c_mifi = i;
		device.vifc_threshold = 1;
		device.mif6c_pifi = static_cast<std::uint16_t>(
			if_nametoindex(("wire" + std::to_string(i)).c_str()));
		host::check(setsockopt(socket.get(), IPPROTO_IPV6, MRT6_ADD_MIF, &device,
				       sizeof(device)),
			    "MRT6_ADD_MIF");
	}
	std::ranges::copy(V6::client, entry.mf6cc_origin.sin6_addr.s6_addr);
	std::ranges::copy(group, entry.mf6cc_mcastgrp.sin6_addr.s6_addr);
	entry.mf6cc_origin.sin6_family = entry.mf6cc_mcastgrp.sin6_family = AF_INET6;
	IF_SET(1, &entry.mf6cc_ifset);
	host::check(setsockopt(socket.get(), IPPROTO_IPV6, MRT6_ADD_MFC, &entry, sizeof(entry)),
		    "MRT6_ADD_MFC");
	return socket;
}

/// (e.3): the other exception is what path MTU discovery needs.
void too_big_for_a_group()
{
	const Address group = ipv6("ff0e::7");
	Router router(1300);

	const sock6::Socket routes = multicast_router(group);
	const Ipv6 about = sending::to_closed_port<V6>(1400, group);
	Ipv6 passed_on = about;
	const auto change = V6::change();

	passed_on.hop_limit--;
	router.near.send(about, Cast::multicast);
	sending::expect_is(ktap::require_value(wire6::next_answer(router.near), "an error"),
			   passed_on, {.type = Type::too_big, .rest = 1300});
	sending::expect_counted(change, {{"error_sent_packet_too_big", 1}});
}

/// (e.6): nobody is there.
void unspecified_source()
{
	auto wire = sending::unlimited_host<V6>();

	expect_none(wire, to_closed_port(V6::server, ipv6("::")), "error_suppressed_source");
	Ipv6 about = with_option(0x80, packet6::all_nodes);
	about.source = ipv6("::");
	expect_none(wire, about, "error_suppressed_source");
}

/// IPv6 itself takes none of these.
void multicast_source()
{
	auto wire = sending::unlimited_host<V6>();

	for (const char *from : {"ff02::1", "ff0e::1", "::1"}) {
		const auto change = V6::change();

		wire::expect_no_answer(wire, to_closed_port(V6::server, ipv6(from)));
		change.expect_icmp({}, from);
		sending::expect_counted(change, {});
	}
}

/// (e.6): one of many. The first address of a prefix is all its routers' (RFC 4291, 2.6.1).
void anycast_source()
{
	auto wire = sending::unlimited_host<V6>();
	const Ipv6 about = to_closed_port(V6::server, ipv6("fd00::"));
	const std::string as_unicast = "net/ipv6/icmp/error_anycast_as_unicast";

	expect_none(wire, about, "error_suppressed_source");
	if (!host::read_file("/proc/sys/" + as_unicast))
		return;
	host::set_sysctl(as_unicast, 1);
	expect_error(wire, about, {.code = V6::port_unreachable});
	host::set_sysctl(as_unicast, 0);
	expect_none(wire, about, "error_suppressed_source");
}

/// (e.1): and all below 128 are errors, known or not. About redirects there are some, against (e.2).
void errors_about_errors()
{
	Router router;

	for (std::uint8_t type : {0, 1, 2, 3, 4, 5, 100, 101, 127})
		expect_none(router.near, expiring_icmp(type), "error_suppressed_error");
	for (std::uint8_t type :
	     {128, 129, 130, 131, 133, 134, 135, 136, 137, 139, 143, 151, 160, 200, 255})
		expect_error(router.near, expiring_icmp(type), expired);
}

/// The same behind extension headers, as far as there are any to follow.
void errors_behind_headers()
{
	Router router;
	const Extension options{packet6::destination_options, Bytes(6)};

	for (const auto &extensions :
	     {std::vector{options}, std::vector{options, packet6::routing(0, 0, {V6::client})}}) {
		Ipv6 about = expiring_icmp(Type::unreachable);

		about.extensions = extensions;
		expect_none(router.near, about, "error_suppressed_error");
		about = expiring_icmp(Type::echo);
		about.extensions = extensions;
		expect_error(router.near, about, expired);
	}
	// What is not there to say what is next is taken for something else, and what says that for what it says.
	expect_error(router.near, expiring(packet6::destination_options, {}), expired);
	expect_error(router.near, expiring(packet6::destination_options, {packet6::icmp}), expired);
	expect_none(router.near, expiring(packet6::destination_options, {packet6::icmp, 9, 0, 0}),
		    "error_suppressed_error");
	expect_error(router.near, expiring(packet6::nothing, {}), expired);
}

/// Without so much as its type, it could be an error.
void icmp_of_no_bytes()
{
	Router router;

	expect_none(router.near, expiring(packet6::icmp, {}), "error_suppressed_error");
	expect_error(router.near, expiring(packet6::icmp, {Type::echo}), expired);
	expect_none(router.near, expiring(packet6::icmp, {Type::unreachable}),
		    "error_suppressed_error");
}

/// A first fragment may end before the type (RFC 8200, 4.5); the others have none, whatever they are of.
void fragments()
{
	Router router;

	for (std::uint8_t type : {Type::unreachable, Type::echo}) {
		Ipv6 about = expiring_icmp(type);

		about.fragment = {.more = true};
		if (type == Type::unreachable)
			expect_none(router.near, about, "error_suppressed_error");
		else
			expect_error(router.near, about, expired);
		about.fragment->offset = 8;
		expect_error(router.near, about, expired);
		about.fragment->more = false;
		expect_error(router.near, about, expired);
		// Alone, it is no part of anything (RFC 6946).
		about.fragment->offset = 0;
		if (type == Type::unreachable)
			expect_none(router.near, about, "error_suppressed_error");
		about.payload.clear();
		about.fragment->more = true;
		expect_error(router.near, about, expired);
		about.fragment->more = false;
		expect_none(router.near, about, "error_suppressed_error");
	}
}

/// RFC 6275, 9.3.2: the error is for where the packet came from, and quotes it as it came.
void home_address()
{
	auto wire = sending::unlimited_host<V6>();
	const Address home = ipv6("fd00::77");
	Ipv6 about = to_closed_port(V6::server, home);

	if (!host::try_run("ip xfrm state add src fd00::77 dst fd00::2 proto hao mode ro "
			   "coa fd00::1"))
		ktap::skip("the kernel has no Mobile IPv6");
	host::run("ip xfrm policy add src fd00::77 dst fd00::2 dir in tmpl src fd00::77 "
		  "dst fd00::2 proto hao mode ro");
	about.source = V6::client;
	about.extensions = {packet6::home_address(home)};
	expect_error(wire, about, {.code = V6::port_unreachable});
	// Behind that option, another one that nobody knows.
	about.extensions.front().contents = packet::concat(
		{about.extensions.front().contents, packet6::option(0x80, Bytes(6))});
	expect_error(wire, about,
		     {.type = Type::parameter_problem, .code = 2, .rest = V6::header + 24});
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc4443_2_4_multicast_destination", multicast_destination},
				 {"rfc4443_2_4_frame_for_others", frame_for_others},
				 {"rfc4443_2_4_too_big_for_a_group", too_big_for_a_group},
				 {"rfc4443_2_4_unspecified_source", unspecified_source},
				 {"multicast_source", multicast_source},
				 {"rfc4443_2_4_anycast_source", anycast_source},
				 {"rfc4443_2_4_errors_about_errors", errors_about_errors},
				 {"errors_behind_headers", errors_behind_headers},
				 {"icmp_of_no_bytes", icmp_of_no_bytes},
				 {"rfc8200_4_5_fragments", fragments},
				 {"rfc6275_9_3_2_home_address", home_address},
			 });
}
