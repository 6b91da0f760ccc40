// SPDX-License-Identifier: GPL-2.0-only
//
// What has this host send an ICMPv6 error (RFC 4443, 3), each of the kernel's parts that asks for one: its error is the one
// that was asked for, with the quoted packet as it was at that time.

#include "lib/ktap.hpp"
#include "lib/sending.hpp"

#include <netinet/in.h>

#include <string>
#include <vector>

using packet::Bytes;
using packet::View;
using packet6::Ipv6;
using packet6::Type;
using sending::expect_error;
using sending::V6;
using sending::Wire;
using Router = sending::RouterIn<V6>;
using Error = sending::ErrorIn<V6>;

namespace {

/// What this host passes on has a smaller hop limit by then.
Ipv6 passed_on(Ipv6 about)
{
	about.hop_limit--;
	return about;
}

/// Expects @p expected about what becomes of @p about on the way.
void expect_about(const Wire &wire, const Ipv6 &about, const Ipv6 &quoted, const Error &expected,
		  const counters::Values &besides = {},
		  const wire::Where &where = wire::Where::current())
{
	const auto change = V6::change();

	wire.send(about);
	const auto answer = ktap::require_value(wire6::next_answer(wire, wire::patience, where),
						"an error", where);
	sending::expect_is(answer, quoted, expected, where);
	change.expect_icmp(counters::sum(sending::sent<V6>(expected.type), besides),
			   "an error sent", where);
	sending::expect_counted(change, {{"error_sent_" + V6::names(expected.type).second, 1}},
				where);
}

Ipv6 to_closed_port(std::size_t size = 18, const packet6::Address &to = V6::server,
		    const packet6::Address &from = V6::client)
{
	return sending::to_closed_port<V6>(size, to, from);
}

void closed_port()
{
	auto wire = sending::unlimited_host<V6>();

	for (std::size_t size : {18, 1400})
		expect_error(wire, to_closed_port(size), {.code = V6::port_unreachable});
}

void hop_limit()
{
	Router router;

	for (std::uint8_t left : {0, 1}) {
		Ipv6 about = to_closed_port(18, V6::beyond);

		about.hop_limit = left;
		expect_error(router.near, about, {.type = Type::time_exceeded});
	}
}

void too_big_for_the_next_link()
{
	Router router(1300);

	expect_error(router.near, to_closed_port(1400, V6::beyond),
		     {.type = Type::too_big, .rest = 1300});
}

void no_route()
{
	Router router;

	host::run("ip -6 route delete default");
	expect_error(router.near, to_closed_port(18, V6::elsewhere), {.code = V6::no_route});
}

void routes_that_lead_nowhere()
{
	Router router;
	const std::string to = " 2001:db8:7::/64";

	for (const auto &[kind, code] : std::vector<std::pair<std::string, std::uint8_t>>{
		     {"unreachable", V6::no_route}, {"prohibit", V6::prohibited}}) {
		const std::string route = kind + to;

		host::run("ip -6 route add " + route);
		expect_error(router.near, to_closed_port(18, V6::elsewhere), {.code = code});
		host::run("ip -6 route delete " + route);
	}
	host::run("ip -6 route add blackhole" + to);
	const auto change = V6::change();
	wire::expect_no_answer(router.near, to_closed_port(18, V6::elsewhere));
	sending::expect_counted(change, {});
}

/// Two solicitations of wire1 have no answer.
void neighbour_that_does_not_answer()
{
	Router router;
	const Ipv6 about = to_closed_port(18, V6::beyond);

	host::run("ip link set wire1 arp on");
	host::set_sysctl("net/ipv6/neigh/wire1/retrans_time_ms", 50);
	host::set_sysctl("net/ipv6/neigh/wire1/mcast_solicit", 2);
	expect_about(router.near, about, passed_on(about), {.code = V6::address_unreachable},
		     counters6::out(Type::neighbour_solicitation, 2));
}

/// RFC 4443, 3.1: what is from a link-local address cannot leave its link.
void beyond_the_scope_of_the_source()
{
	Router router;
	Ipv6 about = to_closed_port(18, V6::beyond);

	about.source = packet6::client_link;
	expect_error(router.near, about, {.code = 2, .source = packet6::server_link});
}

void next_header_that_nobody_knows()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port();
	constexpr std::uint32_t next_header = 6;

	about.protocol = 200;
	expect_error(wire, about,
		     {.type = Type::parameter_problem, .code = 1, .rest = next_header});
	about.extensions = {{packet6::destination_options, Bytes(6)}};
	expect_error(wire, about, {.type = Type::parameter_problem, .code = 1, .rest = V6::header});
}

/// Types 10…… and 11……; the latter says nothing about what was for a group.
void option_that_nobody_knows()
{
	auto wire = sending::unlimited_host<V6>();
	const Error expected{.type = Type::parameter_problem, .code = 2, .rest = V6::header + 2};

	for (std::uint8_t kind : {packet6::destination_options, packet6::hop_by_hop}) {
		for (std::uint8_t type : {0x80, 0xbe, 0xc0, 0xfe}) {
			Ipv6 about = to_closed_port();

			about.extensions = {{kind, packet6::option(type, Bytes(4))}};
			expect_error(wire, about, expected);
			about.destination = packet6::all_nodes;
			if (type < 0xc0) {
				expect_error(wire, about, expected);
				continue;
			}
			const auto change = V6::change();
			wire::expect_no_answer(wire, about);
			sending::expect_counted(change, {});
		}
	}
}

void routing_header_that_nobody_knows()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port();

	about.extensions = {packet6::routing(253, 1, {V6::beyond})};
	expect_error(wire, about, {.type = Type::parameter_problem, .rest = V6::header + 2});
}

/// RFC 8200, 4.5: where the wrong length is.
void fragment_of_a_wrong_length()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port();

	about.fragment = {.more = true};
	about.payload.resize(17);
	expect_error(wire, about, {.type = Type::parameter_problem, .rest = 4});
}

/// What would be more than 65,535 bytes, and where it says so.
void fragment_beyond_the_end()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port();

	about.fragment = {.offset = 0xfff8, .more = false};
	expect_error(wire, about, {.type = Type::parameter_problem, .rest = V6::header + 2});
}

void reassembly_timeout()
{
	auto wire = sending::unlimited_host<V6>();
	const auto parts = packet6::fragment(to_closed_port(2000), 1500);

	host::set_sysctl("net/ipv6/ip6frag_time", 1);
	const auto change = V6::change();
	wire.send(parts[0]);
	const auto answer = ktap::require_value(wire6::next_answer(wire, wire::milliseconds(10000)),
						"an error");
	sending::expect_is(answer, parts[0], {.type = Type::time_exceeded, .code = 1});
	sending::expect_counted_sent(change, Type::time_exceeded);
}

/// A packet in a packet, where there is no such tunnel.
void tunnel_that_is_not_there()
{
	host::need_module("ip6_tunnel");
	auto wire = sending::unlimited_host<V6>();
	Ipv6 about = to_closed_port();

	about.payload = about.build();
	about.protocol = IPPROTO_IPV6;
	expect_error(wire, about, {.code = V6::port_unreachable});
}

/**
 * A router of IPv4 between the ends of a tunnel tells this host; who sent into the tunnel is to be told so by that router, as it
 * were. Linux lets no packet from such an address out, but to another of these.
 */
void error_of_ipv4_for_a_tunnel()
{
	host::need_module("sit");
	Router router;
	packet::Ipv4 outer;

	host::write_file("/proc/sys/net/ipv4/conf/wire0/rp_filter", "0");
	host::run("ip address add 10.0.0.2/24 dev wire0; ip route add default dev wire0;"
		  "ip tunnel add tunnel mode sit local 10.0.0.2 remote 192.0.2.1;"
		  "ip link set tunnel up");
	outer.source = packet::server;
	outer.destination = packet::ipv4("192.0.2.1");
	outer.protocol = IPPROTO_IPV6;
	for (const bool expires : {false, true}) {
		const std::uint8_t of_ipv4 =
			expires ? packet::Type::time_exceeded : packet::Type::unreachable;
		const Error expected{.type = expires ? Type::time_exceeded : Type::unreachable,
				     .code = expires ? std::uint8_t{0} : V6::address_unreachable,
				     .source = packet6::ipv6("::ffff:10.0.0.1")};
		const auto mapped = packet6::ipv6("::ffff:10.0.0.9");
		const Ipv6 about = to_closed_port(18, V6::elsewhere, mapped);
		auto change = V6::change();

		outer.payload = about.build();
		router.near.send(errors::report(of_ipv4, expires ? 0 : 1, 0, outer.build()));
		const auto answer =
			ktap::require_value(wire6::next_answer(router.near), "an error");
		sending::expect_is(answer, about, expected);
		sending::expect_counted_sent(change, expected.type);

		change.restart();
		outer.payload = to_closed_port(18, V6::elsewhere).build();
		router.near.send(errors::report(of_ipv4, expires ? 0 : 1, 0, outer.build()));
		ktap::expect(!wire6::next_answer(router.near, wire::silence), "no error");
		change.expect_icmp({}, "an error that cannot leave");
		sending::expect_counted(change, {{"error_failed_no_route", 1}});
	}
}

/// The tunnel's own device would take it, but not the way to its other end.
void too_big_for_a_tunnel()
{
	host::need_module("ip6_tunnel");
	Router router(1400);
	const Ipv6 about = to_closed_port(1400, V6::elsewhere);

	host::run("ip -6 tunnel add tunnel mode ip6ip6 local fd01::2 remote fd01::1 "
		  "encaplimit none");
	wire6::quiet("tunnel");
	host::run("ip link set tunnel mtu 1500 multicast off up;"
		  "ip -6 route add 2001:db8:7::/64 dev tunnel");
	expect_about(router.near, about, passed_on(about), {.type = Type::too_big, .rest = 1360});
}

/// What ESP adds: an IPv6 header, eight bytes of its own and two at the end, which is that of a word.
void too_big_for_ipsec(const std::string &module, const std::string &add, const std::string &key)
{
	constexpr unsigned mtu = 1400;
	constexpr std::uint32_t left = (mtu - V6::header - 8) / 4 * 4 - 2;

	host::need_module(module);
	Router router(mtu);
	const Ipv6 about = to_closed_port(1400, V6::elsewhere);
	const std::string ends = " src fd01::2 dst fd01::1 proto esp mode tunnel reqid 1 ";

	host::need("esp6", "ip xfrm state add spi 0x100" + ends + key +
				   " auth digest_null '' enc 'ecb(cipher_null)' ''");
	host::run("ip xfrm policy add dir out dst 2001:db8:7::/64 " + key + " tmpl" + ends +
		  "; ip link add tunnel type " + add);
	wire6::quiet("tunnel");
	host::run("ip link set tunnel mtu 1500 multicast off up;"
		  "ip -6 route add 2001:db8:7::/64 dev tunnel");
	expect_about(router.near, about, passed_on(about), {.type = Type::too_big, .rest = left});
}

void too_big_for_an_xfrm_interface()
{
	too_big_for_ipsec("xfrm_interface", "xfrm dev wire1 if_id 42", "if_id 42");
}

void too_big_for_vti()
{
	too_big_for_ipsec("ip6_vti", "vti6 local fd01::2 remote fd01::1 key 42", "mark 42");
}

struct Reject {
	const char *type;
	std::uint8_t code;
};

/// All that nft knows.
constexpr Reject rejects[] = {
	{"no-route", 0},	 {"admin-prohibited", 1}, {"addr-unreachable", 3},
	{"port-unreachable", 4}, {"policy-fail", 5},	  {"reject-route", 6},
};

/// The hook forward sees the smaller hop limit.
void reject_in_every_hook()
{
	if (!host::try_run("nft 'add table ip6 probe; delete table ip6 probe'"))
		ktap::skip("the kernel has no nf_tables");
	Router router;

	for (const std::string hook : {"prerouting", "input", "forward"}) {
		const bool passing = hook == "forward";
		const Ipv6 about = to_closed_port(18, passing ? V6::beyond : V6::server);

		for (const Reject &reject : rejects) {
			host::run("nft 'add table ip6 t; delete table ip6 t; add table ip6 t;"
				  "add chain ip6 t c { type filter hook " +
				  hook +
				  " priority 0; }; add rule ip6 t c meta l4proto udp reject with "
				  "icmpv6 type " +
				  reject.type + "'");
			expect_about(router.near, about, passing ? passed_on(about) : about,
				     {.code = reject.code});
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4443_3_1_closed_port", closed_port},
			{"rfc4443_3_3_hop_limit", hop_limit},
			{"rfc4443_3_2_too_big_for_the_next_link", too_big_for_the_next_link},
			{"rfc4443_3_1_no_route", no_route},
			{"routes_that_lead_nowhere", routes_that_lead_nowhere},
			{"neighbour_that_does_not_answer", neighbour_that_does_not_answer},
			{"rfc4443_3_1_beyond_the_scope_of_the_source",
			 beyond_the_scope_of_the_source},
			{"rfc4443_3_4_next_header_that_nobody_knows",
			 next_header_that_nobody_knows},
			{"rfc8200_4_2_option_that_nobody_knows", option_that_nobody_knows},
			{"rfc8200_4_4_routing_header_that_nobody_knows",
			 routing_header_that_nobody_knows},
			{"rfc8200_4_5_fragment_of_a_wrong_length", fragment_of_a_wrong_length},
			{"rfc8200_4_5_fragment_beyond_the_end", fragment_beyond_the_end},
			{"rfc4443_3_3_reassembly_timeout", reassembly_timeout},
			{"tunnel_that_is_not_there", tunnel_that_is_not_there},
			{"error_of_ipv4_for_a_tunnel", error_of_ipv4_for_a_tunnel},
			{"too_big_for_a_tunnel", too_big_for_a_tunnel},
			{"too_big_for_an_xfrm_interface", too_big_for_an_xfrm_interface},
			{"too_big_for_vti", too_big_for_vti},
			{"reject_in_every_hook", reject_in_every_hook},
		});
}
