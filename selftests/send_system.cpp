// SPDX-License-Identifier: GPL-2.0-only
//
// Errors and the rest of the network stack: netfilter's REJECT, connection tracking, IP options and IPsec.

#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include <netinet/in.h>

using counters::Change;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using packet::View;
using sending::beyond;
using sending::expect_error;
using sending::Router;
using sending::RouterIn;
using sending::to_closed_port;
using sending::unlimited_host;
using sending::V4;
using sending::V6;

namespace {

/// Feeds @p text to nft; skips where the kernel has no nf_tables.
void nft(const std::string &text)
{
	if (!host::try_run("nft 'add table ip probe; delete table ip probe'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("nft -f - <<'END'\n" + text + "\nEND");
}

struct Reject {
	const char *type;
	std::uint8_t code;
};

/// All that nft knows (RFC 792, RFC 1812).
constexpr Reject rejects[] = {
	{"net-unreachable", 0},	  {"host-unreachable", 1}, {"prot-unreachable", 2},
	{"port-unreachable", 3},  {"net-prohibited", 9},   {"host-prohibited", 10},
	{"admin-prohibited", 13},
};

/// What is passed on has a smaller time to live when the hook forward sees it.
void expect_rejected(const Router &router, packet::Address to, std::uint8_t code)
{
	Ipv4 about = to_closed_port(18, to);
	Change change;

	router.near.send(about);
	auto answer = ktap::require_value(wire::next_answer(router.near), "an error");
	about.ttl -= to == beyond;
	sending::expect_is(answer, about, {.code = code});
	sending::expect_counted_sent(change, Type::unreachable);
}

void reject_in_every_hook()
{
	Router router;

	for (const char *hook : {"prerouting", "input", "forward"}) {
		for (const Reject &reject : rejects) {
			nft(std::string("add table ip t\ndelete table ip t\nadd table ip t\n"
					"add chain ip t c { type filter hook ") +
			    hook +
			    " priority 0; }\nadd rule ip t c meta l4proto udp reject with icmp "
			    "type " +
			    reject.type);
			const bool passing = std::string(hook) == "forward";
			expect_rejected(router, passing ? beyond : packet::server, reject.code);
		}
	}
}

/**
 * An error comes from no address but this host's, whatever its datagram was sent to (RFC 1122, 3.2.1.3): a firewall that
 * rejects before there is a route takes the one to the sender instead, which is a local one if the sender claims to be
 * this host, and may have written another destination into what came in.
 */
void rejected_from_elsewhere()
{
	Router router;
	Ipv4 about = to_closed_port(18, packet::ipv4("198.51.100.3"));

	nft("add table ip t\nadd chain ip t p { type filter hook prerouting priority 0; }\n"
	    "add chain ip t i { type filter hook input priority 0; }\n"
	    "add rule ip t p ip daddr 198.51.100.3 reject with icmp type admin-prohibited\n"
	    "add rule ip t i udp dport 9 ip daddr set 198.51.100.3 counter reject");
	for (const char *sender : {"127.0.0.1", "10.0.0.2", "10.0.1.2"}) {
		about.source = packet::ipv4(sender);
		sending::expect_none(router.near, about, "error_failed_no_route");
	}
	sending::expect_none(router.near, to_closed_port(18), "error_failed_no_route");
	ktap::expect(host::output_of("nft list chain ip t i").find("packets 1 ") !=
			     std::string::npos,
		     "one was rewritten");
}

/// A program whose datagram is rejected on its way out.
void reject_output()
{
	auto wire = unlimited_host();
	auto socket = sock::udp();

	nft("add table ip t\nadd chain ip t c { type filter hook output priority 0; }\n"
	    "add rule ip t c udp dport 9 reject with icmp type host-prohibited");
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	ktap::require_equal(sock::connect(socket, {packet::client, 9}), 0, "connect");
	sock::send(socket, packet::pattern(8));
	auto error = ktap::require_value(sock::next_error(socket), "an error");
	ktap::expect_equal(error.type, Type::unreachable, "type");
	ktap::expect_equal(error.code, 10, "code");
}

/// What runs out of time here.
template <typename F> typename F::Datagram expiring()
{
	auto about = to_closed_port<F>(18, F::beyond);

	F::set_hops(about, 1);
	return about;
}

/// Connection tracking knows whose error it is.
template <typename F> void related()
{
	RouterIn<F> router;
	const std::string table = F::table + " t";

	nft("add table " + table + "\nadd counter " + table + " related\nadd counter " + table +
	    " other\nadd chain " + table + " c { type filter hook output priority 0; }\nadd rule " +
	    table + " c ct state related counter name related\nadd rule " + table +
	    " c ct state != related counter name other");
	expect_error(router.near, expiring<F>(), {.type = F::Type::time_exceeded});
	expect_error(router.near, to_closed_port<F>(), {.code = F::port_unreachable});
	ktap::expect(host::output_of("nft list counter " + table + " related").find("packets 2 ") !=
			     std::string::npos,
		     "both errors are related");
	ktap::expect(host::output_of("nft list counter " + table + " other").find("packets 0 ") !=
			     std::string::npos,
		     "no other");
}

/// Of a dropped error IP says that it was discarded.
void dropped_on_the_way_out()
{
	auto wire = unlimited_host();

	nft("add table ip t\nadd chain ip t c { type filter hook output priority 0; }\n"
	    "add rule ip t c icmp type destination-unreachable drop");
	Change change;
	wire::expect_no_answer(wire, to_closed_port());
	auto moved = change.snmp();
	ktap::expect_equal(moved["Icmp.OutDestUnreachs"], 1, "OutDestUnreachs");
	ktap::expect_equal(moved["Ip.OutDiscards"], 1, "OutDiscards");
	sending::expect_counted(change, {{"error_failed_output", 1}});
}

Bytes record_route(std::initializer_list<packet::Address> recorded)
{
	Bytes option{7, 15, static_cast<std::uint8_t>(4 + 4 * recorded.size())};

	for (packet::Address address : recorded)
		packet::put32(option, address);
	option.resize(16);
	return option;
}

/// The host records itself on the datagram's way in and on the error's way out; the former is quoted.
void record_route_is_returned()
{
	auto wire = unlimited_host();
	Ipv4 about = to_closed_port(1000);

	about.options = record_route({});
	wire.send(about);
	auto answer = ktap::require_value(wire::next_answer(wire), "an error");
	ktap::expect_equal(answer.ip.options, record_route({packet::server, packet::server}),
			   "options");
	ktap::expect_equal(answer.ip.payload.size(), 576U - 36U, "length");
	Bytes quoted(answer.icmp.data.begin() + 20, answer.icmp.data.begin() + 36);
	ktap::expect_equal(quoted, record_route({packet::server}), "quoted options");
}

/// RFC 1122, 3.2.2: back by the reversed route.
void source_route_is_reversed()
{
	auto wire = unlimited_host();
	Ipv4 about = to_closed_port();
	constexpr packet::Address hop = 0x0a00000b;
	Bytes asked{131, 7, 8}, answered{131, 7, 4};

	host::set_sysctl("net/ipv4/conf/all/accept_source_route", 1);
	host::set_sysctl("net/ipv4/conf/wire0/accept_source_route", 1);
	packet::put32(asked, hop);
	packet::put32(answered, about.source);
	about.options = asked;
	answered.resize(8);
	wire.send(about);
	auto answer = ktap::require_value(wire::next_answer(wire), "an error");
	ktap::expect_equal(answer.ip.destination, hop, "first hop");
	ktap::expect_equal(answer.ip.options, answered, "options");
	ktap::expect_equal(answer.icmp.type, Type::unreachable, "type");
}

/// A tunnel to the client for what comes from beyond, not for what comes from the router itself.
template <typename F> void tunnel(const std::string &flags)
{
	const std::string ends = "src " + F::server_text + " dst " + F::client_text;

	host::need("xfrm_user", "ip xfrm state flush && ip xfrm policy flush");
	host::need(F::is_ipv6 ? "esp6" : "esp4",
		   "ip xfrm state add " + ends +
			   " proto esp spi 0x100 reqid 1 mode tunnel auth digest_null '' "
			   "enc 'ecb(cipher_null)' ''");
	host::run("ip xfrm policy add dir out src " + F::beyond_prefix + " dst " + F::client_text +
		  " " + flags + " tmpl " + ends + " proto esp reqid 1 mode tunnel");
}

/// RFC 4301, 6.2: only a policy that says so takes errors about what it protects.
template <typename F> void policy_without_the_flag()
{
	RouterIn<F> router;

	tunnel<F>("");
	expect_error(router.near, expiring<F>(), {.type = F::Type::time_exceeded});
}

template <typename F> void policy_with_the_flag()
{
	RouterIn<F> router;
	const auto about = expiring<F>();

	tunnel<F>("flag icmp");
	const auto change = F::change();
	router.near.send(about);
	auto outer = ktap::require_value(router.near.template receive<typename F::Datagram>(),
					 "a datagram");
	ktap::require_equal(outer.protocol, IPPROTO_ESP, "protocol");
	// SPI and sequence number; nothing is encrypted.
	auto inner = ktap::require_value(F::parse(View(outer.payload).subspan(8)), "inner");
	auto icmp = ktap::require_value(F::message(inner), "ICMP");
	ktap::expect_equal(icmp.type, F::Type::time_exceeded, "type");
	ktap::expect_equal(inner.destination, F::client, "destination");
	ktap::expect_equal(icmp.data, about.build(), "quoted");
	sending::expect_counted(change, {{"error_sent_time_exceeded", 1}});
}

/// What blocks the error itself is not asked about the datagram's reverse, unless that takes errors.
template <typename F> void policy_that_blocks()
{
	RouterIn<F> router;
	const std::string block = "ip xfrm policy add dir out src " + F::server_text + " dst " +
				  F::client_text + " proto " + (F::is_ipv6 ? "ipv6-icmp" : "icmp") +
				  " action block";

	host::need("xfrm_user", "ip xfrm state flush && ip xfrm policy flush");
	host::run(block);
	sending::expect_none(router.near, expiring<F>(), "error_failed_no_route");
	tunnel<F>("flag icmp");
	host::run(block);
	router.near.send(expiring<F>());
	auto outer = ktap::require_value(router.near.template receive<typename F::Datagram>(),
					 "a datagram");
	ktap::expect_equal(outer.protocol, IPPROTO_ESP, "protocol");
}

/// What holds for both families.
template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"related", related<F>},
		{"policy_without_the_flag", policy_without_the_flag<F>},
		{"policy_with_the_flag", policy_with_the_flag<F>},
		{"policy_that_blocks", policy_that_blocks<F>},
	};
}

/// A reply over IPv6 leaves through a tunnel over IPv4, and netfilter rejects the datagram that carries it: the error is of the
/// other family, so that no recursion is feared.
void reject_of_what_carries_a_reply()
{
	host::need_module("ip_gre");
	auto wire = V6::new_server();

	host::run("ip address add 10.0.0.2/24 dev wire0; ip route add default dev wire0;"
		  "ip tunnel add tunnel mode gre local 10.0.0.2 remote 192.0.2.1;"
		  "ip link set tunnel up; ip -6 route add " +
		  V6::elsewhere_prefix + " dev tunnel");
	nft("add table ip t\nadd chain ip t c { type filter hook output priority 0; }\n"
	    "add rule ip t c ip protocol gre reject with icmp type port-unreachable");
	const sock::Socket told = sock::raw(IPPROTO_ICMP);
	const auto change = V4::change();

	wire.send(V6::between(V6::echo(1, 1, packet::pattern(56)), V6::elsewhere, V6::server));
	ktap::expect(sock::receive(told, 20000).has_value(), "this host is told");
	sending::expect_counted(change, {{"error_sent_unreachable", 1}});
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	std::ranges::move(
		std::vector<ktap::Test>{
			{"reject_in_every_hook", reject_in_every_hook},
			{"rfc1122_3_2_1_3_rejected_from_elsewhere", rejected_from_elsewhere},
			{"reject_output", reject_output},
			{"dropped_on_the_way_out", dropped_on_the_way_out},
			{"reject_of_what_carries_a_reply", reject_of_what_carries_a_reply},
			{"record_route_is_returned", record_route_is_returned},
			{"source_route_is_reversed", source_route_is_reversed},
		},
		std::back_inserter(all));
	return ktap::run(argc, argv, all);
}
