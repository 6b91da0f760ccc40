// SPDX-License-Identifier: GPL-2.0-only
//
// Timestamp requests (RFC 792, page 16; RFC 1122, 3.2.2.8).

#include "lib/clock.hpp"
#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::next_answer;
using wire::require_answer;

namespace {

constexpr std::uint32_t id_sequence = 0xabcd1234;

const counters::Values one_request{
	{"Icmp.InMsgs", 1}, {"Icmp.InTimestamps", 1}, {"IcmpMsg.InType13", 1}};
const counters::Values one_answer = counters::sum(one_request, counters::one_reply());
const counters::Values one_error = counters::sum(one_request, {{"Icmp.InErrors", 1}});

/// A request with @p size bytes behind its header, of which the first 4 are the originate timestamp.
Ipv4 request(std::size_t size, std::uint8_t code = 0)
{
	return packet::datagram({.type = packet::timestamp,
				 .code = code,
				 .rest = id_sequence,
				 .data = packet::pattern(size, 0xa5)});
}

void expect_reply(const wire::Answer &answer, const Ipv4 &asked, std::int64_t since,
		  const wire::Where &where = wire::Where::current())
{
	Bytes originate(asked.payload.begin() + 8, asked.payload.begin() + 12);
	packet::View data = answer.icmp.data;

	expect_equal(answer.ip.destination, asked.source, "destination", where);
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type", where);
	expect_equal(answer.icmp.code, 0, "code", where);
	expect_equal(answer.icmp.rest, id_sequence, "identifier and sequence number", where);
	ktap::require_equal(data.size(), 12U, "size of the three timestamps", where);
	expect_equal(Bytes(data.begin(), data.begin() + 4), originate, "originate timestamp",
		     where);
	clock_of_day::expect_since(since, packet::get32(data, 4), "receive timestamp", where);
	expect_equal(packet::get32(data, 8), packet::get32(data, 4), "transmit timestamp", where);
}

void times_of_day()
{
	auto wire = wire::new_server();
	Change change;
	std::int64_t since = clock_of_day::now();
	Ipv4 asked = request(12);

	auto answer = require_answer(wire, asked);
	expect_equal(answer.ip.source, packet::server, "source");
	expect_equal(answer.ip.ttl, 64, "TTL");
	expect_reply(answer, asked, since);
	change.expect_icmp(one_answer, "a request of 20 bytes");
	change.expect_outcomes({{"reply", 1}}, "a request of 20 bytes");
}

/// RFC 792 has 20 bytes. Less is answered as long as there is something to return, more is cut.
void every_length()
{
	auto wire = wire::new_server();

	for (std::size_t size : {4, 5, 7, 8, 9, 11, 12, 13, 16, 56, 1400, 1472}) {
		Change change;
		std::int64_t since = clock_of_day::now();
		Ipv4 asked = request(size);

		expect_reply(require_answer(wire, asked), asked, since);
		change.expect_icmp(one_answer, "a request that is long enough");
		change.expect_outcomes({{"reply", 1}}, "a request that is long enough");
	}
}

void too_short()
{
	auto wire = wire::new_server();

	for (std::size_t size = 0; size < 4; size++) {
		Change change;

		wire::expect_no_answer(wire, request(size));
		change.expect_icmp(one_error, "a request without originate timestamp");
		change.expect_outcomes({{"drop_truncated", 1}},
				       "a request without originate timestamp");
	}
}

void code_of_the_reply_is_0()
{
	auto wire = wire::new_server();
	std::int64_t since = clock_of_day::now();
	Ipv4 asked = request(12, 77);

	expect_reply(require_answer(wire, asked), asked, since);
}

void request_in_fragments()
{
	auto wire = wire::new_server();
	std::int64_t since = clock_of_day::now();
	Ipv4 asked = request(4000);

	for (const Ipv4 &part : packet::fragment(asked, 1500))
		wire.send(part);
	expect_reply(ktap::require_value(next_answer(wire), "an answer"), asked, since);
}

void tos_is_returned()
{
	auto wire = wire::new_server();
	Ipv4 asked = request(12);

	for (std::uint8_t tos : {0x00, 0x03, 0xb8, 0xff}) {
		asked.tos = tos;
		expect_equal(require_answer(wire, asked).ip.tos, tos, "TOS");
	}
}

void broadcast_and_multicast()
{
	auto wire = wire::new_server();
	const std::pair<packet::Address, wire::Cast> several[] = {
		{0x0a0000ff, wire::Cast::broadcast},
		{0xffffffff, wire::Cast::broadcast},
		{0xe0000001, wire::Cast::multicast}};

	for (auto [address, cast] : several) {
		Ipv4 asked = request(12);
		asked.destination = address;

		host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 1);
		Change change;
		wire::expect_no_answer(wire, asked, cast);
		change.expect_icmp(one_error, "echo_ignore_broadcasts = 1");
		change.expect_outcomes({{"drop_broadcast", 1}}, "echo_ignore_broadcasts = 1");

		host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0);
		std::int64_t since = clock_of_day::now();
		change.restart();
		auto answer = require_answer(wire, asked, cast);
		expect_equal(answer.ip.source, packet::server, "source");
		expect_reply(answer, asked, since);
		change.expect_icmp(one_answer, "echo_ignore_broadcasts = 0");
		change.expect_outcomes({{"reply", 1}}, "echo_ignore_broadcasts = 0");
	}
}

/// echo_ignore_all is about echo only.
void echo_ignore_all_does_not_matter()
{
	auto wire = wire::new_server();
	std::int64_t since = clock_of_day::now();
	Ipv4 asked = request(12);

	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	expect_reply(require_answer(wire, asked), asked, since);
}

/// Every request is ignored, also one that is too short, and nothing is an error; other requests are answered.
void timestamp_ignore_all()
{
	host::need_icmpx();
	auto wire = wire::new_server();
	const char *setting = "net/icmpx/timestamp_ignore_all";
	Ipv4 asked = request(12);

	for (int round = 0; round < 2; round++) {
		host::set_sysctl(setting, 1);
		for (std::size_t size : {0, 3, 12, 1400}) {
			Change change;

			wire::expect_no_answer(wire, request(size));
			change.expect_icmp(one_request, "counted as received");
			change.expect_outcomes({{"ignore_timestamp", 1}}, "the outcome");
		}
		require_answer(wire, packet::datagram(packet::echo_request(1, 1)));
		host::set_sysctl(setting, 0);
		std::int64_t since = clock_of_day::now();
		expect_reply(require_answer(wire, asked), asked, since);
	}
}

/// What echo_ignore_broadcasts refuses is refused first, as a request that came by broadcast.
void timestamp_ignore_all_by_broadcast()
{
	host::need_icmpx();
	auto wire = wire::new_server();
	Ipv4 asked = request(12);

	asked.destination = packet::ipv4("10.0.0.255");
	host::set_sysctl("net/icmpx/timestamp_ignore_all", 1);
	for (int ignore : {1, 0}) {
		host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", ignore);
		Change change;
		wire::expect_no_answer(wire, asked, wire::Cast::broadcast);
		change.expect_outcomes({{ignore ? "drop_broadcast" : "ignore_timestamp", 1}},
				       "the outcome");
	}
}

/// The setting is the namespace's own.
void timestamp_ignore_all_elsewhere()
{
	host::need_icmpx();
	wire::new_server();
	host::set_sysctl("net/icmpx/timestamp_ignore_all", 1);
	auto other = wire::new_server();

	require_answer(other, request(12));
}

/// The clock is the one that the machine shows, and it runs.
void clock_runs()
{
	auto wire = wire::new_server();
	auto first = require_answer(wire, request(12));

	host::run("sleep 0.05");
	auto second = require_answer(wire, request(12));
	std::int64_t passed = std::int64_t{packet::get32(second.icmp.data, 4)} -
			      packet::get32(first.icmp.data, 4);
	ktap::expect_between((passed + clock_of_day::day) % clock_of_day::day, 50, 10000,
			     "milliseconds between two");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc792_times_of_day", times_of_day},
			{"rfc792_clock_runs", clock_runs},
			{"rfc792_every_length_from_12", every_length},
			{"rfc792_too_short_is_an_error", too_short},
			{"rfc792_code_of_the_reply_is_0", code_of_the_reply_is_0},
			{"rfc1122_3_2_2_8_broadcast_and_multicast", broadcast_and_multicast},
			{"request_in_fragments", request_in_fragments},
			{"tos_is_returned", tos_is_returned},
			{"echo_ignore_all_does_not_matter", echo_ignore_all_does_not_matter},
			{"timestamp_ignore_all", timestamp_ignore_all},
			{"timestamp_ignore_all_by_broadcast", timestamp_ignore_all_by_broadcast},
			{"timestamp_ignore_all_elsewhere", timestamp_ignore_all_elsewhere},
		});
}
