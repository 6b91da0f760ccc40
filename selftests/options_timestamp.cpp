// SPDX-License-Identifier: GPL-2.0-only
//
// The Internet timestamp option (RFC 791, 3.1; RFC 1122, 3.2.2.6) in echo requests: filled in on arrival and on
// departure, for the three kinds of it.

#include "lib/clock.hpp"
#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using ktap::expect_equal;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::require_answer;

namespace {

constexpr Address stranger = 0xc0000207;
constexpr std::uint32_t old_time = 0x01020304;

enum Kind : std::uint8_t { only = 0, with_address = 1, prespecified = 3 };

Ipv4 ping(Bytes options)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x5454, 2, packet::pattern(24)));

	ip.options = std::move(options);
	return ip;
}

/// A timestamp option whose data are @p words, the next of which to be filled in is number @p next.
Bytes option(Kind kind, const std::vector<std::uint32_t> &words, std::size_t next,
	     unsigned overflow = 0)
{
	Bytes bytes{68, static_cast<std::uint8_t>(4 + 4 * words.size()),
		    static_cast<std::uint8_t>(5 + 4 * next),
		    static_cast<std::uint8_t>(overflow << 4 | kind)};

	for (std::uint32_t word : words)
		packet::put32(bytes, word);
	return bytes;
}

/**
 * Expects the reply to a request with @p asked to have @p answered, in which the words @p times (counted from 0) are
 * times of day between the request and now.
 */
void expect_options(const wire::Wire &wire, const Bytes &asked, Bytes answered,
		    const std::vector<std::size_t> &times,
		    const wire::Where &where = wire::Where::current())
{
	std::int64_t before = clock_of_day::now();
	Ipv4 request = ping(asked);
	auto answer = require_answer(wire, request, wire::Cast::unicast, where);

	expect_echo_reply(answer, request, where);
	ktap::require_equal(answer.ip.options.size(), answered.size(), "size of the options",
			    where);
	for (std::size_t word : times) {
		std::size_t at = 4 + 4 * word;
		clock_of_day::expect_since(before, packet::get32(answer.ip.options, at), "time",
					   where);
		std::copy_n(answer.ip.options.begin() + static_cast<std::ptrdiff_t>(at), 4,
			    answered.begin() + static_cast<std::ptrdiff_t>(at));
	}
	expect_equal(answer.ip.options, answered, "options of the reply", where);
}

void timestamps_only()
{
	auto wire = wire::new_server();

	expect_options(wire, option(only, {0, 0, 0}, 0), option(only, {0, 0, 0}, 2), {0, 1});
	expect_options(wire, option(only, {0, 0}, 0), option(only, {0, 0}, 2), {0, 1});
	expect_options(wire, option(only, {0}, 0), option(only, {0}, 1), {0});
	expect_options(wire, option(only, {old_time, 0, 0, 0}, 1),
		       option(only, {old_time, 0, 0, 0}, 3), {1, 2});
	expect_options(wire, option(only, {old_time, 0}, 1), option(only, {old_time, 0}, 2), {1});
	std::vector<std::uint32_t> nine(9);
	expect_options(wire, option(only, nine, 0), option(only, nine, 2), {0, 1});
	expect_options(wire, option(only, nine, 7), option(only, nine, 9), {7, 8});
}

void timestamps_with_addresses()
{
	auto wire = wire::new_server();
	constexpr Address us = packet::server;

	expect_options(wire, option(with_address, {0, 0, 0, 0, 0, 0}, 0),
		       option(with_address, {us, 0, us, 0, 0, 0}, 4), {1, 3});
	expect_options(wire, option(with_address, {0, 0, 0, 0}, 0),
		       option(with_address, {us, 0, us, 0}, 4), {1, 3});
	expect_options(wire, option(with_address, {0, 0}, 0), option(with_address, {us, 0}, 2),
		       {1});
	expect_options(wire, option(with_address, {stranger, old_time, 0, 0}, 2),
		       option(with_address, {stranger, old_time, us, 0}, 4), {3});
}

/// Only the machine whose address is next fills in its time.
void timestamps_of_prespecified_addresses()
{
	auto wire = wire::new_server();
	constexpr Address us = packet::server;

	expect_options(wire, option(prespecified, {us, 0, us, 0}, 0),
		       option(prespecified, {us, 0, us, 0}, 4), {1, 3});
	expect_options(wire, option(prespecified, {us, 0, stranger, 0}, 0),
		       option(prespecified, {us, 0, stranger, 0}, 2), {1});
	expect_options(wire, option(prespecified, {us, 0}, 0), option(prespecified, {us, 0}, 2),
		       {1});
	expect_options(wire, option(prespecified, {stranger, 0, us, 0}, 0),
		       option(prespecified, {stranger, 0, us, 0}, 0), {});
	expect_options(wire, option(prespecified, {stranger, old_time, us, 0}, 2),
		       option(prespecified, {stranger, old_time, us, 0}, 4), {3});
	expect_options(wire, option(prespecified, {stranger, old_time}, 2),
		       option(prespecified, {stranger, old_time}, 2), {});
	host::run("ip address add 10.0.0.9/24 dev wire0");
	constexpr Address also_us = 0x0a000009;
	expect_options(wire, option(prespecified, {us, 0, also_us, 0}, 0),
		       option(prespecified, {us, 0, also_us, 0}, 4), {1, 3});
}

/// RFC 791: without room, the overflow counter counts the machines that would have written, here on arrival.
void overflow_is_counted()
{
	auto wire = wire::new_server();

	for (unsigned overflow = 0; overflow < 15; overflow++) {
		expect_options(wire, option(only, {old_time}, 1, overflow),
			       option(only, {old_time}, 1, overflow + 1), {});
		expect_options(wire, option(with_address, {stranger, old_time}, 2, overflow),
			       option(with_address, {stranger, old_time}, 2, overflow + 1), {});
		expect_options(wire, option(prespecified, {stranger, old_time}, 2, overflow),
			       option(prespecified, {stranger, old_time}, 2, overflow), {});
	}
}

/// RFC 791: an overflow of the overflow counter is an error, told by a parameter problem that points to it.
void overflow_of_the_overflow_counter()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(option(only, {old_time}, 1, 15));
	Change change;

	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::parameter_problem, "type");
	expect_equal(answer.icmp.rest, 23U << 24, "pointer");
	change.expect_outcomes({}, "not ICMP's packet");
}

/// Room for an address but not for a time behind it, on departure: no reply can be made of that.
void room_for_half_an_entry()
{
	auto wire = wire::new_server();
	Bytes half{68, 16, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	Change change;

	wire::expect_no_answer(wire, ping(half));
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InEchos", 1}, {"IcmpMsg.InType8", 1}},
			   "half an entry");
	change.expect_outcomes({{"drop_options", 1}}, "half an entry");
}

void unknown_kind_is_returned_unchanged()
{
	auto wire = wire::new_server();

	for (unsigned kind : {2U, 4U, 15U}) {
		Bytes asked = option(static_cast<Kind>(kind), {old_time, 0}, 1);
		expect_options(wire, asked, asked, {});
	}
}

/// Options that are returned come in one order, whatever the request's was, without what was between them.
void with_record_route()
{
	auto wire = wire::new_server();
	Bytes stamp = option(only, {0, 0}, 0);
	Bytes route{7, 7, 4, 0, 0, 0, 0};
	Bytes no_operation{1};
	std::int64_t before = clock_of_day::now();

	Ipv4 request = ping(packet::concat({stamp, no_operation, route}));
	auto answer = require_answer(wire, request);
	expect_echo_reply(answer, request);
	ktap::require_equal(answer.ip.options.size(), 20U, "size of the options");
	packet::View options = answer.ip.options;
	expect_equal(Bytes(options.begin(), options.begin() + 11),
		     Bytes{7, 7, 8, 10, 0, 0, 2, 68, 12, 13, 0},
		     "record route, then the timestamp");
	clock_of_day::expect_since(before, packet::get32(options, 11), "time of arrival");
	clock_of_day::expect_since(before, packet::get32(options, 15), "time of departure");
	expect_equal(options[19], 0, "end of list");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc791_timestamps_only", timestamps_only},
			{"rfc791_timestamps_with_addresses", timestamps_with_addresses},
			{"rfc791_timestamps_of_prespecified_addresses",
			 timestamps_of_prespecified_addresses},
			{"rfc791_timestamp_overflow_is_counted", overflow_is_counted},
			{"rfc791_timestamp_overflow_of_the_counter",
			 overflow_of_the_overflow_counter},
			{"timestamp_room_for_half_an_entry_no_reply", room_for_half_an_entry},
			{"timestamp_of_unknown_kind_is_returned",
			 unknown_kind_is_returned_unchanged},
			{"timestamp_with_record_route", with_record_route},
		});
}
