// SPDX-License-Identifier: GPL-2.0-only
//
// Source routes (RFC 791, 3.1; RFC 1122, 3.2.1.8 and 3.2.2.6: the reply goes back by the reversed route).

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using wire::require_answer;

namespace {

enum Kind : std::uint8_t { loose = 131, strict = 137 };

constexpr Address a = 0x0a00000b, b = 0x0a00000c, c = 0x0a00000d;

Ipv4 ping(Bytes options)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x5353, 2, packet::pattern(24)));

	ip.options = std::move(options);
	return ip;
}

Bytes route(Kind kind, const std::vector<Address> &hops, std::size_t next)
{
	Bytes option{kind, static_cast<std::uint8_t>(3 + 4 * hops.size()),
		     static_cast<std::uint8_t>(4 + 4 * next)};

	for (Address hop : hops)
		packet::put32(option, hop);
	return option;
}

Bytes padded(Bytes options)
{
	options.resize((options.size() + 3) / 4 * 4);
	return options;
}

wire::Wire server_that_accepts()
{
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/conf/all/accept_source_route", 1);
	host::set_sysctl("net/ipv4/conf/wire0/accept_source_route", 1);
	return wire;
}

/// Expects the reply to a request with @p asked to go to @p first_hop with @p answered.
void expect_route(const wire::Wire &wire, const Bytes &asked, Address first_hop,
		  const Bytes &answered, const wire::Where &where = wire::Where::current())
{
	auto answer = require_answer(wire, ping(asked), wire::Cast::unicast, where);

	expect_equal(answer.ip.source, packet::server, "source", where);
	expect_equal(answer.ip.destination, first_hop, "destination", where);
	expect_equal(answer.ip.options, padded(answered), "options of the reply", where);
	expect_equal(answer.icmp.type, packet::Type::echo_reply, "type", where);
	expect_equal(answer.icmp.data, packet::pattern(24), "data", where);
}

void reversed()
{
	auto wire = server_that_accepts();

	for (Kind kind : {loose, strict}) {
		expect_route(wire, route(kind, {a}, 1), a, route(kind, {packet::client}, 0));
		expect_route(wire, route(kind, {a, b}, 2), b, route(kind, {a, packet::client}, 0));
		expect_route(wire, route(kind, {a, b, c}, 3), c,
			     route(kind, {b, a, packet::client}, 0));
	}
	std::vector<Address> nine, back;
	for (Address hop = 0x0a000020; hop < 0x0a000029; hop++)
		nine.push_back(hop);
	back.assign(nine.rbegin() + 1, nine.rend());
	back.push_back(packet::client);
	expect_route(wire, route(loose, nine, 9), nine.back(), route(loose, back, 0));
}

/// A route without hops, before and behind its end, is no route.
void empty()
{
	auto wire = server_that_accepts();

	for (Kind kind : {loose, strict}) {
		expect_route(wire, route(kind, {}, 0), packet::client, {});
		expect_route(wire, route(kind, {}, 4), packet::client, {});
	}
}

/// RFC 1812, 5.2.4.1 has seen senders that put their own address in front of the route.
void senders_own_address_is_not_doubled()
{
	auto wire = server_that_accepts();

	expect_route(wire, route(loose, {packet::client, a}, 2), a,
		     route(loose, {packet::client}, 0));
	expect_route(wire, route(loose, {packet::client}, 1), packet::client, {});
}

/// A router on the way has put its address in place of the hop, and moved the pointer.
void recorded_by_the_last_hop()
{
	auto wire = server_that_accepts();
	Ipv4 request = ping(route(loose, {a, packet::server}, 1));

	// Both left is the last hop's address, which is our own: the route ends here, the pointer is moved here.
	request.destination = packet::server;
	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::echo_reply, "type");
	expect_equal(answer.ip.destination, a, "destination");
	expect_equal(answer.ip.options, padded(route(loose, {packet::client}, 0)),
		     "options of the reply");
}

void refused_without_accept_source_route()
{
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/conf/all/accept_source_route", 0);
	for (Kind kind : {loose, strict}) {
		Change change;
		wire::expect_no_answer(wire, ping(route(kind, {a}, 1)));
		change.expect_icmp({}, "refused by IP");
		change.expect_outcomes({}, "refused by IP");
	}
}

void two_routes_are_malformed()
{
	auto wire = server_that_accepts();
	Bytes both = packet::concat({route(loose, {a}, 1), route(strict, {b}, 1)});
	auto answer = require_answer(wire, ping(both));

	expect_equal(answer.icmp.type, packet::Type::parameter_problem, "type");
	expect_equal(answer.icmp.rest, 27U << 24, "pointer to the second one");
}

void timestamp_request_by_a_route()
{
	auto wire = server_that_accepts();
	Ipv4 request =
		packet::datagram({.type = 13, .code = 0, .rest = 7, .data = packet::pattern(12)});

	request.options = route(loose, {a, b}, 2);
	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type");
	expect_equal(answer.ip.destination, b, "destination");
	expect_equal(answer.ip.options, padded(route(loose, {a, packet::client}, 0)),
		     "options of the reply");
}

void with_record_route_and_timestamp()
{
	auto wire = server_that_accepts();
	Bytes record{7, 7, 4, 0, 0, 0, 0};
	Bytes stamp{68, 8, 9, 0x00, 1, 2, 3, 4};
	auto answer = require_answer(
		wire, ping(packet::concat({stamp, route(loose, {a, b}, 2), record})));

	expect_equal(answer.ip.destination, b, "destination");
	expect_equal(answer.ip.options,
		     padded(packet::concat({Bytes{7, 7, 8, 10, 0, 0, 2},
					    Bytes{68, 8, 9, 0x10, 1, 2, 3, 4},
					    route(loose, {a, packet::client}, 0)})),
		     "record route, timestamp, source route");
}

/// RFC 791: a source route is copied into every fragment.
void reply_in_fragments()
{
	auto wire = server_that_accepts();
	Ipv4 request = packet::datagram(packet::echo_request(0x5353, 2, packet::pattern(4000)));

	request.options = route(loose, {a, b}, 2);
	wire.send(request);
	auto parts = wire.receive_all();
	ktap::require_equal(parts.size(), 3U, "fragments");
	for (const Ipv4 &part : parts) {
		expect_equal(part.options, padded(route(loose, {a, packet::client}, 0)),
			     "options of a fragment");
		expect_equal(part.destination, b, "destination of a fragment");
	}
	auto whole = ktap::require_value(packet::reassemble(parts), "all fragments");
	auto icmp = ktap::require_value(packet::parse_icmp(whole.payload), "a message");
	expect_equal(icmp.data, packet::pattern(4000), "data");
	expect(icmp.checksum_right, "the reply's checksum is right");
}

/// The reply's route is looked up for the first hop, not for the one that asked.
void routed_to_the_first_hop()
{
	auto wire = server_that_accepts();

	host::run("ip route add prohibit 10.0.0.1/32; ip route add prohibit 10.0.0.13/32");
	expect_route(wire, route(loose, {a}, 1), a, route(loose, {packet::client}, 0));
	Change change;
	wire::expect_no_answer(wire, ping(route(loose, {a, b, c}, 3)));
	change.expect_outcomes({{"drop_no_route", 1}}, "no route to the first hop");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc1122_3_2_2_6_source_route_is_reversed", reversed},
			{"source_route_without_hops", empty},
			{"rfc1812_5_2_4_1_senders_own_address", senders_own_address_is_not_doubled},
			{"rfc791_source_route_recorded_by_the_last_hop", recorded_by_the_last_hop},
			{"source_route_refused_without_accept_source_route",
			 refused_without_accept_source_route},
			{"rfc1812_5_2_4_1_two_source_routes", two_routes_are_malformed},
			{"source_route_of_a_timestamp_request", timestamp_request_by_a_route},
			{"source_route_with_record_route_and_timestamp",
			 with_record_route_and_timestamp},
			{"rfc791_source_route_in_every_fragment", reply_in_fragments},
			{"reply_is_routed_to_the_first_hop", routed_to_the_first_hop},
		});
}
