// SPDX-License-Identifier: GPL-2.0-only
//
// Packets, with each of the allocations that they cause failing in its turn, and with many of them failing at random: a
// packet may be dropped, and is counted as what it was dropped for. Nothing else.
// A frame written to a tap device is handled, its answer queued, by the task that writes: so are its allocations.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/fault.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using counters::Change;
using counters::Values;
using fault::Injection;
using fault::Victims;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Icmp;
using packet::Ipv4;
using packet::Type;
using sock::Socket;
using std::chrono::milliseconds;

constexpr milliseconds now{0};

wire::Wire new_network()
{
	host::need_icmpx();
	wire::Wire wire = ping::new_network();

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	return wire;
}

/// A packet that may take memory, and comes in one frame or in several.
struct Kind {
	std::string name;
	std::vector<Ipv4> frames;
};

Ipv4 echo(std::size_t size, Bytes options = {})
{
	Ipv4 ip = packet::datagram(packet::echo_request(5, 1, packet::pattern(size)));

	ip.options = std::move(options);
	return ip;
}

/// PROBE for the interface with the address 10.0.0.2 (RFC 8335).
Ipv4 probe()
{
	Bytes object{0x20, 0, 0, 0, 0, 12, 3, 3, 0, 1, 4, 0, 10, 0, 0, 2};
	const std::uint16_t sum = packet::checksum(object);

	object[2] = static_cast<std::uint8_t>(sum >> 8);
	object[3] = static_cast<std::uint8_t>(sum);
	return packet::datagram({.type = Type::extended_echo, .rest = 0x0005'0101, .data = object});
}

std::vector<Kind> requests()
{
	const Bytes record_route{7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	Ipv4 timestamp = packet::datagram({.type = Type::timestamp, .rest = 5, .data = Bytes(12)});
	Ipv4 long_timestamp = timestamp;

	long_timestamp.payload =
		Icmp{.type = Type::timestamp, .rest = 5, .data = Bytes(200)}.build();
	return {{"a small echo request", {echo(56)}},
		{"a large one", {echo(1400)}},
		{"with options", {echo(56, record_route)}},
		{"in fragments", packet::fragment(echo(3000), 1500)},
		{"as large as there are", packet::fragment(echo(60000), 1500)},
		{"a timestamp", {timestamp}},
		{"a long timestamp", {long_timestamp}},
		{"PROBE", {probe()}}};
}

/// The reply without what differs from one to the next: the time, and the identification.
std::optional<Bytes> reply_in(std::vector<Ipv4> frames)
{
	auto whole = packet::reassemble(std::move(frames));

	if (!whole)
		return std::nullopt;
	expect(whole->checksum_right, "the IP header's checksum is right");
	auto icmp = ktap::require_value(packet::parse_icmp(whole->payload), "an ICMP message");
	expect(icmp.checksum_right, "the ICMP checksum is right");
	if (icmp.type == Type::timestamp_reply)
		std::fill(icmp.data.begin() + 4, icmp.data.end(), std::uint8_t{0});
	whole->payload = icmp.build();
	whole->id = 0;
	return whole->build();
}

void send(const wire::Wire &wire, const Kind &kind)
{
	for (const Ipv4 &frame : kind.frames)
		wire.send(frame);
}

bool replied(Values &moved) { return moved["reply_in_place"] + moved["reply_copied"] == 1; }

/// What must hold of a request that a failed allocation may have hit.
void expect_reply_or_drop(const Kind &kind, Values moved, const std::optional<Bytes> &reply,
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
Values each_request(const wire::Wire &wire, bool needed)
{
	Values outcomes;

	for (const Kind &kind : requests()) {
		Change change;

		send(wire, kind);
		const auto usual = reply_in(wire.receive_all(now));
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
				auto reply = reply_in(wire.receive_all(now));

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
void requests_in_place()
{
	wire::Wire wire = new_network();
	Values outcomes = each_request(wire, false);

	ktap::say(counters::text(outcomes));
	expect(outcomes["reply_in_place"] > 0, "replies in place");
}

void requests_that_somebody_reads()
{
	wire::Wire wire = new_network();
	const Socket reader = sock::raw(IPPROTO_ICMP);
	// Who has no room for a request does not share it.
	sock::set(reader, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
	Values outcomes = each_request(wire, true);

	ktap::say(counters::text(outcomes));
	expect(outcomes["reply_copied"] > 0, "replies that are copies");
	expect_equal(outcomes["reply_in_place"], 0, "replies in place");
}

/// An error about a datagram of @p socket, and the entry that it makes in its error queue.
void each_error(const wire::Wire &wire, const Socket &socket, const Ipv4 &error,
		const std::string &outcome, const std::string &entry_lost)
{
	int lost = 0;
	Change change;

	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	Injection injection(fault::icmpx());
	const int allocations = fault::each_allocation(
		Victims::self,
		[&] {
			change.restart();
			wire.send(error);
		},
		[&](bool hit) {
			auto moved = ktap::require_value(change.icmpx(), "counters");
			const int number = sock::take_error(socket);
			const auto entry = sock::next_error(socket);

			expect_equal(moved["packets_in"], 1, "packets_in");
			expect_equal(moved[outcome], 1, outcome + " of " + counters::text(moved));
			expect(counters::outcomes_equal_packets_in(moved), "one outcome");
			expect_equal(number, ECONNREFUSED, outcome + ": SO_ERROR");
			lost += !entry;
			expect(entry || hit, outcome + ": an entry, if nothing failed");
			if (entry) {
				expect_equal(entry->number, ECONNREFUSED, "the entry's errno");
				expect_equal(entry->offender, errors::router,
					     "the entry's offender");
			}
			if (!entry_lost.empty())
				expect_equal(moved[entry_lost], !entry, entry_lost);
			expect(!sock::next_error(socket), "one entry");
			fault::expect_calm_log();
		});
	ktap::say(outcome + ": " + std::to_string(allocations) + " allocations, " +
		  std::to_string(lost) + " entries lost");
	expect(lost > 0, outcome + ": an entry takes memory");
}

void errors_to_udp()
{
	wire::Wire wire = new_network();
	const Socket socket = sock::udp();

	sock::bind(socket, {errors::host, 4000});
	ktap::require_equal(sock::connect(socket, {errors::remote(1), 53}), 0, "connect");
	each_error(wire, socket,
		   errors::unreachable(
			   errors::port_unreachable,
			   errors::sent_udp({errors::host, 4000}, {errors::remote(1), 53}).build()),
		   "deliver_error_udp", "");
}

void errors_to_raw_sockets()
{
	wire::Wire wire = new_network();
	const Socket socket = sock::raw(253);

	ktap::require_equal(sock::connect(socket, {errors::remote(1), 0}), 0, "connect");
	// The one that nobody but a raw socket gets.
	const Bytes quoted =
		errors::sent(253, errors::host, errors::remote(1), packet::pattern(40)).build();
	each_error(wire, socket, errors::unreachable(errors::port_unreachable, quoted),
		   "deliver_error_raw", "");
}

void errors_to_ping_sockets()
{
	wire::Wire wire = new_network();
	const Socket socket = sock::ping();
	const Ipv4 request = ping::sent(wire, socket, {errors::remote(1), 0});

	each_error(wire, socket, errors::unreachable(errors::port_unreachable, request.build()),
		   "deliver_error_icmp", "ping_errors_dropped");
}

/// A connection that is being made ends with the error, whatever fails.
void errors_to_tcp()
{
	wire::Wire wire = new_network();
	Socket socket;
	std::uint8_t code = errors::port_unreachable;
	Change change;
	Ipv4 syn;

	auto prepare = [&] {
		wire.receive_all(now);
		socket = sock::tcp();
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
		ktap::require_equal(sock::connect(socket, {errors::remote(1), 80}), EINPROGRESS,
				    "connect");
		syn = ktap::require_value(wire.receive(), "SYN");
		change.restart();
	};
	prepare();
	Injection injection(fault::icmpx());
	fault::each_allocation(
		Victims::self, [&] { wire.send(errors::unreachable(code, syn.build())); },
		[&](bool) {
			change.expect_outcomes({{"deliver_error_tcp", 1}}, "the error");
			expect_equal(sock::take_error(socket), ECONNREFUSED, "SO_ERROR");
			prepare();
		});
	fault::expect_calm_log();
}

/// A reply that a ping socket waits for needs no memory at all; nor does one that nobody waits for.
void replies_to_ping_sockets()
{
	wire::Wire wire = new_network();
	const Socket socket = sock::ping();

	ping::sent(wire, socket, {errors::router, 0});
	const std::uint16_t id = ping::identifier(socket);
	Injection injection(fault::icmpx());
	injection.at_random(100);
	for (int i = 0; i < 10; i++) {
		Change change;

		wire.send(ping::reply(id, 1, packet::pattern(500)));
		change.expect_outcomes({{"deliver_ping", 1}}, "a reply");
		wire.send(ping::reply(static_cast<std::uint16_t>(id ^ 1)));
		change.expect_outcomes({{"deliver_ping", 1}, {"drop_no_socket", 1}}, "another's");
		expect_equal(sock::receive(socket).value_or(Bytes{}).size(), std::size_t{508},
			     "bytes");
	}
}

/// Nothing at all to be had: echo requests are answered still, as long as nobody reads them.
void no_memory_at_all()
{
	wire::Wire wire = new_network();

	// Each processor has its own route to a next hop, which needs no memory once it is made.
	host::stay_on_one_processor();
	// Up to a second after a device has a carrier, Linux looks at it, and forgets all routes.
	host::run("until ip -br link show dev wire0 | grep -qw UP; do sleep 0.05; done");
	wire.send(echo(56));
	wire.receive_all(now);
	const auto module = fault::icmpx();
	Change change;
	{
		Injection injection(module);

		injection.at_random(100);
		for (int i = 0; i < 10; i++)
			wire.send(echo(56));
	}
	expect_equal(wire.receive_all(now).size(), std::size_t{10}, "replies in place");
	change.expect_outcomes({{"reply_in_place", 10}}, "requests turned round");

	const Socket reader = sock::raw(IPPROTO_ICMP);
	change.restart();
	{
		Injection injection(module);

		injection.at_random(100);
		for (int i = 0; i < 10; i++)
			wire.send(echo(56));
	}
	expect_equal(wire.receive_all(now).size(), std::size_t{0}, "copies");
	change.expect_outcomes({{"drop_no_memory", 10}}, "requests that must be copied");
	expect_equal(change.icmp()["Icmp.OutErrors"], 10, "icmpOutErrors");
}

/// All kinds in turn, some of them read by somebody, while a third of the allocations fails.
void a_random_mixture()
{
	constexpr int count = 600, percent = 33;
	wire::Wire wire = new_network();
	// The same every time, as far as that is ours to say: which allocation fails is the kernel's choice.
	std::mt19937 random(2026); // NOLINT(cert-msc32-c,cert-msc51-cpp)
	const std::vector<Kind> kinds = requests();
	std::vector<std::optional<Bytes>> usual;
	Values outcomes;
	Socket reader;

	for (const Kind &kind : kinds) {
		send(wire, kind);
		usual.push_back(reply_in(wire.receive_all(now)));
	}
	Injection injection(fault::icmpx());
	injection.at_random(percent);
	for (int i = 0; i < count; i++) {
		const std::size_t which = random() % kinds.size();
		Change change;

		if (i % 20 == 0)
			reader = i % 40 ? sock::raw(IPPROTO_ICMP) : Socket{};
		send(wire, kinds[which]);
		auto moved = ktap::require_value(change.icmpx(), "counters");
		expect_reply_or_drop(kinds[which], moved, reply_in(wire.receive_all(now)),
				     usual[which]);
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
		expect(reply_in(wire.receive_all(now)) == usual[which],
		       kinds[which].name + ": the usual reply afterwards");
	}
}

/// Errors that this host sends: about a datagram to a closed port.
void errors_that_are_sent()
{
	wire::Wire wire = new_network();
	const Ipv4 about =
		errors::sent_udp({packet::client, 4000}, {packet::server, 9}, packet::pattern(100));
	Values outcomes;
	Change change;

	Injection injection(fault::icmpx());
	const auto check = [&](bool hit) {
		auto moved = ktap::require_value(change.icmpx(), "counters");
		auto answer = wire::next_answer(wire, wire::silence);
		expect_equal(moved["errors_wanted"], 1, "errors_wanted");
		expect_equal(moved["error_sent_unreachable"] + moved["error_failed_no_memory"] +
				     moved["error_failed_no_route"] + moved["error_failed_output"],
			     1, "one outcome: " + counters::text(moved));
		expect_equal(answer.has_value(), moved["error_sent_unreachable"] == 1, "sent");
		expect(hit || answer, "sent, if nothing failed");
		if (answer)
			expect_equal(answer->icmp.type, Type::unreachable, "type");
		outcomes = counters::sum(outcomes, moved);
		fault::expect_calm_log();
		change.restart();
	};
	const int allocations = fault::each_allocation(
		Victims::self, [&] { wire.send(about); }, check);
	ktap::say(std::to_string(allocations) + " allocations: " + counters::text(outcomes));
	expect(outcomes["error_failed_no_route"] > 0, "error_failed_no_route");
	expect(outcomes["error_failed_no_memory"] > 0, "error_failed_no_memory");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"requests_in_place", requests_in_place},
			  {"requests_that_somebody_reads", requests_that_somebody_reads},
			  {"errors_to_udp", errors_to_udp},
			  {"errors_to_raw_sockets", errors_to_raw_sockets},
			  {"errors_to_ping_sockets", errors_to_ping_sockets},
			  {"errors_to_tcp", errors_to_tcp},
			  {"replies_to_ping_sockets", replies_to_ping_sockets},
			  {"no_memory_at_all", no_memory_at_all},
			  {"a_random_mixture", a_random_mixture},
			  {"errors_that_are_sent", errors_that_are_sent}});
}
