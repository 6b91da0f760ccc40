// SPDX-License-Identifier: GPL-2.0-only
//
// Requests, with each of the allocations that they cause failing in its turn, and with many of them failing at random: a
// request may be dropped, and is counted as what it was dropped for. Nothing else.
// A frame written to a tap device is handled, its answer queued, by the task that writes: so are its allocations.

#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/fault.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using counters::Values;
using family::V4;
using family::V6;
using fault::Injection;
using fault::Victims;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Icmp;
using packet::Ipv4;
using packet6::Ipv6;
using sock::Socket;
using std::chrono::milliseconds;

constexpr milliseconds now{0};

template <typename F> wire::Wire new_network()
{
	F::need_icmpx();
	wire::Wire wire = F::new_server();

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	return wire;
}

/// A packet that may take memory, and comes in one frame or in several.
template <typename F> struct Kind {
	std::string name;
	std::vector<typename F::Datagram> frames;
	wire::Cast cast = wire::Cast::unicast;
};

template <typename F> typename F::Datagram echo(std::size_t size)
{
	return F::datagram(F::echo(5, 1, packet::pattern(size)));
}

/// PROBE for the interface with the server's address (RFC 8335).
template <typename F> typename F::Datagram probe()
{
	Bytes object = F::is_ipv6 ? Bytes{0x20, 0, 0, 0, 0, 24, 3, 3, 0, 2, 16, 0}
				  : Bytes{0x20, 0, 0, 0, 0, 12, 3, 3, 0, 1, 4, 0};

	if constexpr (F::is_ipv6)
		object.insert(object.end(), F::server.begin(), F::server.end());
	else
		packet::put32(object, F::server);
	const std::uint16_t sum = packet::checksum(object);
	object[2] = static_cast<std::uint8_t>(sum >> 8);
	object[3] = static_cast<std::uint8_t>(sum);
	return F::datagram({.type = F::Type::extended_echo, .rest = 0x0005'0101, .data = object});
}

/// Those that only one family has.
template <typename F> std::vector<Kind<F>> more_requests();

template <> std::vector<Kind<V4>> more_requests<V4>()
{
	Ipv4 timestamp =
		packet::datagram({.type = V4::Type::timestamp, .rest = 5, .data = Bytes(12)});
	Ipv4 long_timestamp = timestamp, record_route = echo<V4>(56);

	long_timestamp.payload =
		Icmp{.type = V4::Type::timestamp, .rest = 5, .data = Bytes(200)}.build();
	record_route.options = {7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	return {{"with options", {record_route}},
		{"a timestamp", {timestamp}},
		{"a long timestamp", {long_timestamp}}};
}

template <> std::vector<Kind<V6>> more_requests<V6>()
{
	Ipv6 options = echo<V6>(56);

	options.extensions = {{.contents = Bytes(6)}};
	return {{"behind a header", {options}},
		{"to many",
		 {V6::datagram(V6::echo(5, 1, packet::pattern(56)), V6::many)},
		 V6::to_many}};
}

template <typename F> std::vector<Kind<F>> requests()
{
	std::vector<Kind<F>> all{{"a small echo request", {echo<F>(56)}},
				 {"a large one", {echo<F>(1400)}},
				 {"in fragments", fragment(echo<F>(3000), 1500)},
				 {"as large as there are", fragment(echo<F>(60000), 1500)},
				 {"PROBE", {probe<F>()}}};

	std::ranges::move(more_requests<F>(), std::back_inserter(all));
	return all;
}

/// The reply without what differs from one to the next: the time, and the identification.
template <typename F> std::optional<Bytes> next_reply(const wire::Wire &wire)
{
	auto whole = reassemble(wire.receive_all<typename F::Datagram>(now));

	if (!whole)
		return std::nullopt;
	auto icmp = ktap::require_value(F::message(*whole), "an ICMP message");
	expect(icmp.checksum_right, "the ICMP checksum is right");
	if constexpr (!F::is_ipv6) {
		expect(whole->checksum_right, "the IP header's checksum is right");
		if (icmp.type == F::Type::timestamp_reply)
			std::fill(icmp.data.begin() + 4, icmp.data.end(), std::uint8_t{0});
		whole->payload = icmp.build();
		whole->id = 0;
	}
	return whole->build();
}

template <typename F> void send(const wire::Wire &wire, const Kind<F> &kind)
{
	for (const auto &frame : kind.frames)
		wire.send(frame, kind.cast);
}

bool replied(Values &moved) { return moved["reply_in_place"] + moved["reply_copied"] == 1; }

/// What must hold of a request that a failed allocation may have hit.
template <typename F>
void expect_reply_or_drop(const Kind<F> &kind, Values moved, const std::optional<Bytes> &reply,
			  const std::optional<Bytes> &usual)
{
	expect_equal(moved["packets_in"], 1, kind.name + ": packets_in");
	expect(counters::outcomes_equal_packets_in(moved),
	       kind.name + ": an outcome for each packet: " + counters::text(moved));
	if (reply)
		expect(reply == usual, kind.name + ": the usual reply");
	const std::int64_t dropped =
		moved["drop_no_memory"] + moved["drop_no_route"] + moved["drop_output"];
	expect_equal(dropped, !replied(moved), kind.name + ": " + counters::text(moved));
	expect_equal(reply.has_value(), replied(moved), kind.name + ": " + counters::text(moved));
}

/// Lets each allocation that requests cause fail; returns what that made of them all. @p needed: whether each has some.
template <typename F> Values each_request(const wire::Wire &wire, bool needed)
{
	Values outcomes;

	for (const Kind<F> &kind : requests<F>()) {
		auto change = F::change();

		send(wire, kind);
		const auto usual = next_reply<F>(wire);
		expect(usual.has_value(), kind.name + " is answered");
		Injection injection(fault::icmpx());
		int hits = 0;
		const int allocations = fault::each_allocation(
			Victims::self,
			[&] {
				change.restart();
				send(wire, kind);
			},
			[&](bool hit) {
				auto moved = ktap::require_value(change.icmpx(), "counters");
				auto reply = next_reply<F>(wire);

				hits += hit && !reply;
				expect(hit || reply, kind.name + ": a reply, if nothing failed");
				expect_reply_or_drop(kind, moved, reply, usual);
				outcomes = counters::sum(outcomes, moved);
			});
		ktap::say(kind.name + ": " + std::to_string(allocations) + " allocations, " +
			  std::to_string(hits) + " of them necessary");
		expect(hits > 0 || !needed, kind.name + " is dropped for lack of memory");
		fault::expect_calm_log();
	}
	return outcomes;
}

/// Nothing is allocated for a reply that is its request turned round, but for a route that is new and for fragments.
template <typename F> void requests_in_place()
{
	wire::Wire wire = new_network<F>();
	Values outcomes = each_request<F>(wire, false);

	ktap::say(counters::text(outcomes));
	expect(outcomes["reply_in_place"] > 0, "replies in place");
}

template <typename F> void requests_that_somebody_reads()
{
	wire::Wire wire = new_network<F>();
	const Socket reader = F::raw();
	// Who has no room for a request does not share it.
	sock::set(reader, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	Values outcomes = each_request<F>(wire, true);

	ktap::say(counters::text(outcomes));
	expect(outcomes["reply_copied"] > 0, "replies that are copies");
	expect_equal(outcomes["reply_in_place"], 0, "replies in place");
}

/// Nothing at all to be had: echo requests are answered still, as long as nobody reads them.
template <typename F> void no_memory_at_all()
{
	wire::Wire wire = new_network<F>();

	// Each processor has its own route to a next hop, which needs no memory once it is made.
	host::stay_on_one_processor();
	// Up to a second after a device has a carrier, Linux looks at it, and forgets all routes.
	host::run("until ip -br link show dev wire0 | grep -qw UP; do sleep 0.05; done");
	for (int i = 0; i < 3; i++)
		wire.send(echo<F>(56));
	wire.receive_all<typename F::Datagram>(now);
	const auto module = fault::icmpx();
	auto change = F::change();
	{
		Injection injection(module);

		injection.at_random(100);
		for (int i = 0; i < 10; i++)
			wire.send(echo<F>(56));
	}
	expect_equal(wire.receive_all<typename F::Datagram>(now).size(), std::size_t{10},
		     "replies in place");
	change.expect_outcomes({{"reply_in_place", 10}}, "requests turned round");

	const Socket reader = F::raw();
	change.restart();
	{
		Injection injection(module);

		injection.at_random(100);
		for (int i = 0; i < 10; i++)
			wire.send(echo<F>(56));
	}
	expect_equal(wire.receive_all<typename F::Datagram>(now).size(), std::size_t{0}, "copies");
	change.expect_outcomes({{"drop_no_memory", 10}}, "requests that must be copied");
	expect_equal(change.snmp()[F::icmp + "OutErrors"], 10, "OutErrors");
}

/// All kinds in turn, some of them read by somebody, while a third of the allocations fails.
template <typename F> void a_random_mixture()
{
	constexpr int count = 600, percent = 33;
	wire::Wire wire = new_network<F>();
	// The same every time, as far as that is ours to say: which allocation fails is the kernel's choice.
	std::mt19937 random(2026); // NOLINT(cert-msc32-c,cert-msc51-cpp)
	const std::vector<Kind<F>> kinds = requests<F>();
	std::vector<std::optional<Bytes>> usual;
	Values outcomes;
	Socket reader;

	for (const Kind<F> &kind : kinds) {
		send(wire, kind);
		usual.push_back(next_reply<F>(wire));
	}
	Injection injection(fault::icmpx());
	injection.at_random(percent);
	for (int i = 0; i < count; i++) {
		const std::size_t which = random() % kinds.size();
		auto change = F::change();

		if (i % 20 == 0)
			reader = i % 40 ? F::raw() : Socket{};
		send(wire, kinds[which]);
		auto moved = ktap::require_value(change.icmpx(), "counters");
		expect_reply_or_drop(kinds[which], moved, next_reply<F>(wire), usual[which]);
		outcomes = counters::sum(outcomes, moved);
	}
	injection.at_random(0);
	ktap::say(counters::text(outcomes));
	expect_equal(outcomes["packets_in"], count, "packets_in");
	expect(outcomes["drop_no_memory"] > 0, "some were dropped");
	expect(outcomes["reply_in_place"] > 0 && outcomes["reply_copied"] > 0, "others were not");
	fault::expect_calm_log();
	reader = Socket{};
	for (std::size_t which = 0; which < kinds.size(); which++) {
		send(wire, kinds[which]);
		expect(next_reply<F>(wire) == usual[which],
		       kinds[which].name + ": the usual reply afterwards");
	}
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"requests_in_place", requests_in_place<F>},
		{"requests_that_somebody_reads", requests_that_somebody_reads<F>},
		{"no_memory_at_all", no_memory_at_all<F>},
		{"a_random_mixture", a_random_mixture<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
