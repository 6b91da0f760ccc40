// SPDX-License-Identifier: GPL-2.0-only
//
// Replies to node information queries that many nodes get wait for a random time (RFC 4620, 5): how many may, what is sent
// then, and what becomes of them when the namespace or the module goes.

#include "lib/child.hpp"
#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/node_info.hpp"
#include "lib/socket6.hpp"
#include "lib/vrf.hpp"
#include "lib/wire6.hpp"

#include <chrono>
#include <set>
#include <string>
#include <unistd.h>

using packet6::Ends;
using packet6::ipv6;

namespace {

using namespace node_info;

/// A reply waits for a second at most; what is waited for here comes sooner or later on any machine.
constexpr wire::milliseconds cap{60000};
constexpr std::int64_t bound = 32;

const Ends to_all{.destination = packet6::all_nodes};

Query numbered(unsigned number)
{
	return {.question = noop,
		.subject = {},
		.nonce = {0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(number >> 8),
			  static_cast<std::uint8_t>(number)}};
}

wire6::Answer next_reply(const Wire &wire, const Where &where = Where::current())
{
	return ktap::require_value(
		wire6::next_of_type(wire, packet6::node_information_reply, cap, where), "a reply",
		where);
}

counters::Values now() { return ktap::require_value(counters6::icmpx(), "counters"); }

/// How many replies wait, by what was counted of them.
std::int64_t waiting()
{
	counters::Values stat = now();

	return stat["reply_node_info_late"] - stat["node_info_sent_late"] -
	       stat["node_info_lost_late"];
}

void by_multicast()
{
	auto wire = node_info::new_server(tell_name);
	const auto joined = sock6::join(IPV6_JOIN_GROUP, ipv6("ff02::2:ff12:3456"), "wire0");
	const Query query{.code = by_name, .subject = dns("r1", 2)};

	set_name("r1.example");
	wire.receive_all<Ipv6>();
	for (const Address &group : {packet6::all_nodes, ipv6("ff02::2:ff12:3456")}) {
		for (const auto &[source, own] :
		     {std::pair(packet6::client, packet6::server),
		      std::pair(packet6::client_link, packet6::server_link)}) {
			counters6::Change change;
			wire.send(datagram(query, {source, group}), Cast::multicast);
			const auto reply = next_reply(wire);
			expect_contents(reply, query, {.data = data({dns("r1.example")})},
					"multicast");
			ktap::expect_equal(packet6::text(reply.ip.source), packet6::text(own),
					   "source");
			change.expect_icmp(
				counters::sum(counters6::in(packet6::node_information_query),
					      counters6::out(packet6::node_information_reply)),
				"multicast");
			change.expect_outcomes({{"reply_node_info_late", 1}}, "multicast");
			ktap::expect_equal((*change.icmpx())["node_info_sent_late"], 1, "sent");
		}
	}
	expect_silence(wire, {.code = by_name, .subject = dns("r2", 2)}, "about another", to_all,
		       Cast::multicast);
	// What is refused waits, too.
	wire.send(
		datagram({.question = ask_ipv4, .code = by_name, .subject = dns("r1", 2)}, to_all),
		Cast::multicast);
	ktap::expect_equal(next_reply(wire).icmp.code, refused, "code");
}

/// An address that several nodes may have.
void by_anycast()
{
	auto wire = node_info::new_server(tell_name);

	host::run("ip link set wire0 multicast off");
	const auto joined = sock6::join(sock6::join_anycast, ipv6("fd00::aa"), "wire0");
	counters6::Change change;
	wire.send(datagram(numbered(1), {.destination = ipv6("fd00::aa")}));
	expect_contents(next_reply(wire), numbered(1), {}, "anycast");
	change.expect_outcomes({{"reply_node_info_late", 1}}, "anycast");
}

/// The delays of replies differ, and so does their order from that of the queries. That all of 16 come in order has a chance of
/// one in 20 million million, and of what is sent at once none comes in another.
void delays_are_random()
{
	auto wire = node_info::new_server(tell_name);
	constexpr unsigned count = 16;
	std::set<unsigned> seen;
	bool in_order = true;

	for (unsigned i = 0; i < count; i++)
		wire.send(datagram(numbered(i), to_all), Cast::multicast);
	for (unsigned i = 0; i < count; i++) {
		const unsigned number = next_reply(wire).icmp.data.at(7);

		in_order &= number == i;
		seen.insert(number);
	}
	ktap::expect_equal(seen.size(), count, "each query has a reply");
	ktap::expect(!in_order, "replies come in another order than their queries");
	ktap::expect_equal(waiting(), 0, "replies that wait");
}

/// However many queries there are.
void bounded()
{
	auto wire = node_info::new_server(tell_name);
	const auto until = std::chrono::steady_clock::now() + cap;
	counters::Values stat;
	unsigned sent = 0;

	while (stat["drop_no_buffer"] == 0 && std::chrono::steady_clock::now() < until) {
		wire.send(datagram(numbered(sent++), to_all), Cast::multicast);
		stat = now();
		ktap::require(waiting() <= bound, "no more wait than may");
	}
	ktap::require(stat["drop_no_buffer"] == 1, "the bound is reached");
	ktap::expect(counters::outcomes_equal_packets_in(now()), "every query has an outcome");
	// A query to this host alone needs no room.
	wire.send(datagram({.question = noop}));
	ktap::expect_equal(now()["reply_node_info"], 1, "a reply to unicast meanwhile");
	const auto late = now()["reply_node_info_late"];
	ktap::expect(late >= bound, "as many wait as may");
	for (std::int64_t i = 0; i < late + 1; i++)
		next_reply(wire);
	ktap::expect_equal(waiting(), 0, "replies that wait");
	wire.send(datagram(numbered(1), to_all), Cast::multicast);
	next_reply(wire);
}

/// Returns what was counted when no reply waits any more.
counters::Values when_none_waits()
{
	const auto until = std::chrono::steady_clock::now() + cap;

	while (waiting() != 0 && std::chrono::steady_clock::now() < until)
		usleep(10000);
	return now();
}

/// A reply that cannot be sent when it is due is lost, and counted as that.
void no_way_back()
{
	auto wire = node_info::new_server(tell_name | tell_far);
	constexpr unsigned count = 16;

	host::run("ip -6 route delete default");
	for (unsigned i = 0; i < count; i++)
		wire.send(datagram(numbered(i), {ipv6("2001:db8::1"), packet6::all_nodes}),
			  Cast::multicast);
	auto stat = when_none_waits();
	ktap::expect_equal(stat["reply_node_info_late"], count, "queries");
	ktap::expect_equal(stat["node_info_lost_late"], count, "lost");
}

/// Some may be sent before the device is gone, and the others are not.
void device_goes()
{
	auto wire = node_info::new_server(tell_name);
	constexpr unsigned count = 16;

	for (unsigned i = 0; i < count; i++)
		wire.send(datagram(numbered(i), to_all), Cast::multicast);
	host::run("ip link delete wire0");
	auto stat = when_none_waits();
	ktap::expect_equal(stat["reply_node_info_late"], count, "queries");
	ktap::expect_equal(stat["node_info_sent_late"] + stat["node_info_lost_late"], count,
			   "sent or lost");
}

/// A reply tells what is so when it is sent.
void told_as_it_is_then()
{
	auto wire = node_info::new_server(tell_ipv4);
	const Query query{.question = ask_ipv4, .code = by_name, .subject = dns("r1", 2)};
	bool changed = false;

	set_name("r1");
	// The delay may be over before the address is there: then again.
	for (int round = 0; round < 100 && !changed; round++) {
		host::run("ip -4 address flush dev wire0");
		wire.send(datagram(query, to_all), Cast::multicast);
		host::run("ip address add 192.0.2.1/24 dev wire0");
		changed = next_reply(wire).icmp.data.size() == 8 + 8;
	}
	ktap::expect(changed, "an address that came after the query");
}

void in_a_vrf()
{
	auto outside = node_info::new_server(tell_name);

	vrf::need();
	vrf::add("red", 10);
	const Wire inside = wire6::second_wire("fd00::2/64", "red");
	host::run("ip -6 route add default dev wire1 vrf red");
	for (int round = 0; round < 3; round++) {
		for (const Address &source : {packet6::client, packet6::client_link}) {
			inside.send(datagram(numbered(7), {source, packet6::all_nodes}),
				    Cast::multicast);
			expect_contents(next_reply(inside), numbered(7), {}, "inside");
			ktap::expect(!outside.receive<Ipv6>(wire::silence), "nothing outside");
		}
	}
}

void namespace_ends()
{
	host::need_icmpx6();
	for (int round = 0; round < 20; round++) {
		auto wire = node_info::new_server(tell_name);

		for (unsigned i = 0; i < bound; i++)
			wire.send(datagram(numbered(i), to_all), Cast::multicast);
		// The namespace is left with the next one; with nobody in it, it ends.
	}
	host::enter_new_namespace();
}

void module_goes()
{
	module::Icmpx icmpx;

	for (int round = 0; round < 5; round++) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		if (!host::has_icmpx6())
			ktap::skip("needs ICMPv6 of icmpx");
		auto wire = node_info::new_server(tell_name);
		for (unsigned i = 0; i < bound; i++)
			wire.send(datagram(numbered(i), to_all), Cast::multicast);
		ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
		wire.receive_all<Ipv6>();
		ktap::expect(!wire.receive<Ipv6>(wire::milliseconds(100)), "nothing is sent after");
		wire::expect_no_answer(wire, datagram(numbered(1)));
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc4620_5_by_multicast", by_multicast},
				 {"rfc4620_5_by_anycast", by_anycast},
				 {"rfc4620_5_delays_are_random", delays_are_random},
				 {"bounded", bounded},
				 {"no_way_back", no_way_back},
				 {"device_goes", device_goes},
				 {"told_as_it_is_then", told_as_it_is_then},
				 {"in_a_vrf", in_a_vrf},
				 {"namespace_ends", namespace_ends},
				 {"module_goes", module_goes},
			 });
}
