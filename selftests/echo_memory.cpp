// SPDX-License-Identifier: GPL-2.0-only
//
// Memory of replies that cannot leave is bounded by the control socket's send buffer: a flood of the largest pings
// there are costs a machine little, and it answers again as soon as the way out is free.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <sstream>

using counters::Change;
using ktap::expect;
using ktap::expect_between;
using ktap::expect_equal;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::require_answer;
using wire::Wire;

namespace {

constexpr int flood = 120;
constexpr std::int64_t kib = 1024;

/// What all the flood's replies would need: 7.5 MiB.
constexpr std::int64_t all_replies = flood * 64 * kib;

/// The control socket of each CPU may hold two of the largest datagrams (RFC 1122, 3.2.2.6), and as much again before
/// it refuses. The sender runs on one CPU at a time, but may be moved.
constexpr std::int64_t bound = all_replies / 4;

Ipv4 ping(std::size_t size)
{
	return packet::datagram(packet::echo_request(0x4d4d, 1, packet::pattern(size)));
}

std::int64_t available_memory()
{
	std::istringstream file(host::read_file("/proc/meminfo").value_or(""));
	std::string word;

	while (file >> word) {
		std::int64_t value;
		if (word == "MemAvailable:" && file >> value)
			return value * kib;
	}
	return 0;
}

/// Bytes that wait in the qdisc of wire0.
std::int64_t backlog()
{
	std::string text =
		host::output_of("tc -s -j qdisc show dev wire0 | tr ',{' '\\n\\n' | sed -n "
				"'s/.*\"backlog\":\\([0-9]*\\).*/\\1/p' | sort -n | tail -n 1");

	return text.empty() ? -1 : std::stoll(text);
}

/// A way out that takes longer than the test. (Not netem: it relieves the socket of what it holds.)
void hold_replies()
{
	host::need("sch_tbf",
		   "tc qdisc replace dev wire0 root tbf rate 8kbit burst 70000 limit 100000000");
}

void release_replies(const Wire &wire)
{
	host::run("tc qdisc delete dev wire0 root");
	wire.receive_all();
}

void expect_bounded(const Change &change, std::int64_t memory_before)
{
	auto moved = change.snmp();
	std::int64_t refused = moved["Icmp.OutErrors"];

	expect_equal(moved["Icmp.InEchos"], flood, "requests");
	expect_between(refused, flood / 2, flood - 1,
		       "replies that the send buffer refused (OutErrors)");
	expect_equal(moved["Icmp.OutEchoReps"], flood - refused, "replies sent");
	expect_between(backlog(), 60 * kib, bound, "bytes in the qdisc");
	expect(memory_before - available_memory() < 3 * all_replies, "memory is still there");
	change.expect_outcomes({{"reply", flood - refused}, {"drop_no_buffer", refused}},
			       "the flood");
}

void whole_requests()
{
	auto wire = wire::new_server({.ethernet = false}, 65535);
	Ipv4 request = ping(65507);
	std::int64_t memory = available_memory();

	hold_replies();
	Change change;
	for (int i = 0; i < flood; i++)
		wire.send(request);
	expect_bounded(change, memory);
	release_replies(wire);
	expect_echo_reply(require_answer(wire, request), request);
}

/// In fragments, what arrives is a list of buffers, each with its own overhead.
void requests_in_fragments()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(65507);
	std::int64_t memory = available_memory();

	hold_replies();
	Change change;
	for (int i = 0; i < flood; i++) {
		request.id = static_cast<std::uint16_t>(i);
		for (const Ipv4 &part : packet::fragment(request, 1500))
			wire.send(part);
	}
	expect_bounded(change, memory);
	release_replies(wire);
	Ipv4 small = ping(56);
	expect_echo_reply(require_answer(wire, small), small);
}

/// Small ones count with the memory that they take, not with their payload.
void small_requests()
{
	auto wire = wire::new_server();
	constexpr int small_flood = 3000;

	hold_replies();
	Change change;
	for (int i = 0; i < small_flood; i++)
		wire.send(ping(0));
	auto moved = change.snmp();
	std::int64_t refused = moved["Icmp.OutErrors"];
	expect_between(refused, 1, small_flood - 100,
		       "replies that the send buffer refused (OutErrors)");
	expect_equal(moved["Icmp.OutEchoReps"], small_flood - refused, "replies sent");
	change.expect_outcomes({{"reply", small_flood - refused}, {"drop_no_buffer", refused}},
			       "the flood");
	release_replies(wire);
	expect_echo_reply(require_answer(wire, ping(0)), ping(0));
}

/// A neighbour that never answers ARP holds what its queue takes; the rest goes. Nothing of it stays.
void unresolvable_next_hop()
{
	auto wire = wire::new_server({}, 9000);
	Ipv4 request = ping(8900);
	std::int64_t memory = available_memory();

	host::run("ip link set wire0 arp on");
	Change change;
	for (int i = 0; i < 10 * flood; i++)
		wire.send(request);
	auto moved = change.snmp();
	expect_equal(moved["Icmp.InEchos"], 10 * flood, "requests");
	expect(memory - available_memory() < 3 * all_replies, "memory is still there");
	host::run("ip neighbour replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev wire0");
	wire.receive_all();
	expect_echo_reply(require_answer(wire, request), request);
	if (auto stat = counters::icmpx())
		expect(counters::outcomes_equal_packets_in(*stat), "outcomes add up to packets_in");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"flood_of_64_kib_requests", whole_requests},
				 {"flood_of_64_kib_requests_in_fragments", requests_in_fragments},
				 {"flood_of_small_requests", small_requests},
				 {"flood_and_unresolvable_next_hop", unresolvable_next_hop},
			 });
}
