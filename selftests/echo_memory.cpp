// SPDX-License-Identifier: GPL-2.0-only
//
// Memory of replies that cannot leave is bounded by the control socket's send buffer: a flood of the largest pings
// there are costs a machine little, and it answers again as soon as the way out is free.

#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <sstream>
#include <string>
#include <vector>

using family::V4;
using family::V6;
using ktap::expect;
using ktap::expect_between;
using ktap::expect_equal;
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

/// The data of the largest request that fits into 65,535 bytes.
template <typename F> constexpr std::size_t largest = 65535 - F::header - 8;

template <typename F> typename F::Datagram ping(std::size_t size)
{
	return F::datagram(F::echo(0x4d4d, 1, packet::pattern(size)));
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

template <typename F> void release_replies(const Wire &wire)
{
	host::run("tc qdisc delete dev wire0 root");
	wire.receive_all<typename F::Datagram>();
}

/// Expects of @p sent requests that as many replies were sent as were not refused; returns how many were.
template <typename F> std::int64_t refused_of(const typename F::Change &change, std::int64_t sent)
{
	auto moved = change.snmp();
	const std::int64_t refused = moved[F::icmp + "OutErrors"];

	expect_equal(moved[F::icmp + "InEchos"], sent, "requests");
	expect_equal(moved[F::icmp + F::echo_replies], sent - refused, "replies sent");
	change.expect_outcomes({{"reply", sent - refused}, {"drop_no_buffer", refused}},
			       "the flood");
	return refused;
}

template <typename F>
void expect_bounded(const typename F::Change &change, std::int64_t memory_before)
{
	const std::int64_t refused = refused_of<F>(change, flood);

	expect_between(refused, flood / 2, flood - 1,
		       "replies that the send buffer refused (OutErrors)");
	expect_between(backlog(), 60 * kib, bound, "bytes in the qdisc");
	expect(memory_before - available_memory() < 3 * all_replies, "memory is still there");
}

template <typename F> void whole_requests()
{
	const Wire wire = F::new_server({.ethernet = false}, 65535);
	const auto request = ping<F>(largest<F>);
	std::int64_t memory = available_memory();

	hold_replies();
	const auto change = F::change();
	for (int i = 0; i < flood; i++)
		wire.send(request);
	expect_bounded<F>(change, memory);
	release_replies<F>(wire);
	expect_echo_reply(require_answer(wire, request), request);
}

/// In fragments, what arrives is a list of buffers, each with its own overhead.
template <typename F> void requests_in_fragments()
{
	const Wire wire = F::new_server();
	const auto request = ping<F>(largest<F>);
	std::int64_t memory = available_memory();

	hold_replies();
	const auto change = F::change();
	for (int i = 0; i < flood; i++) {
		for (const auto &part : F::fragments(request, 1500, static_cast<std::uint16_t>(i)))
			wire.send(part);
	}
	expect_bounded<F>(change, memory);
	release_replies<F>(wire);
	const auto small = ping<F>(56);
	expect_echo_reply(require_answer(wire, small), small);
}

/// Small ones count with the memory that they take, not with their payload.
template <typename F> void small_requests()
{
	const Wire wire = F::new_server();
	constexpr int small_flood = 3000;

	hold_replies();
	const auto change = F::change();
	for (int i = 0; i < small_flood; i++)
		wire.send(ping<F>(0));
	expect_between(refused_of<F>(change, small_flood), 1, small_flood - 100,
		       "replies that the send buffer refused (OutErrors)");
	release_replies<F>(wire);
	expect_echo_reply(require_answer(wire, ping<F>(0)), ping<F>(0));
}

/// A neighbour that does not say where it is holds what its queue takes; the rest goes. Nothing of it stays.
template <typename F> void unresolvable_next_hop()
{
	const Wire wire = F::new_server({}, 9000);
	const auto request = ping<F>(8900);
	std::int64_t memory = available_memory();

	host::run("ip link set wire0 arp on");
	const auto change = F::change();
	for (int i = 0; i < 10 * flood; i++)
		wire.send(request);
	expect_equal(change.snmp()[F::icmp + "InEchos"], 10 * flood, "requests");
	expect(memory - available_memory() < 3 * all_replies, "memory is still there");
	host::run("ip neighbour replace " + F::client_text + " lladdr 02:00:00:00:00:01 dev wire0");
	wire.receive_all<typename F::Datagram>();
	expect_echo_reply(require_answer(wire, request), request);
	if (auto stat = change.icmpx())
		expect(counters::outcomes_equal_packets_in(*stat), "outcomes add up to packets_in");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"flood_of_64_kib_requests", whole_requests<F>},
		{"flood_of_64_kib_requests_in_fragments", requests_in_fragments<F>},
		{"flood_of_small_requests", small_requests<F>},
		{"flood_and_unresolvable_next_hop", unresolvable_next_hop<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
