// SPDX-License-Identifier: GPL-2.0-only
//
// IP options that are not returned (RFC 1122, 3.2.1.8), and requests whose options are malformed: IP tells the sender
// (RFC 1122, 3.2.2.5), ICMP never sees them.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;

namespace {

Ipv4 ping(Bytes options)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x4f4f, 2, packet::pattern(24)));

	ip.options = std::move(options);
	return ip;
}

void expect_options(const wire::Wire &wire, const Bytes &asked, const Bytes &answered,
		    const wire::Where &where = wire::Where::current())
{
	Ipv4 request = ping(asked);
	Change change;
	auto answer = require_answer(wire, request, wire::Cast::unicast, where);

	expect_echo_reply(answer, request, where);
	expect_equal(answer.ip.options, answered, "options of the reply", where);
	change.expect_outcomes({{"reply", 1}}, "a request with options", where);
}

void padding()
{
	auto wire = wire::new_server();

	expect_options(wire, Bytes(4, 1), {});
	expect_options(wire, Bytes(4, 0), {});
	expect_options(wire, {1, 1, 0, 0}, {});
	expect_options(wire, Bytes(40, 1), {});
	expect_options(wire, Bytes(40, 0), {});
	// What is behind the end of the list is not an option.
	expect_options(wire, {0, 7, 7, 4, 0, 0, 0, 0}, {});
	expect_options(wire, {7, 3, 4, 0, 68, 4, 5, 0}, {7, 3, 4, 0});
}

void not_returned()
{
	auto wire = wire::new_server();

	expect_options(wire, {148, 4, 0, 0}, {});
	expect_options(wire, {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {});
	expect_options(wire, {136, 4, 0, 7}, {});
	for (std::uint8_t unknown : {0x1e, 0x5e, 0x9e, 0xde, 0x52, 0x0b})
		expect_options(wire, {unknown, 6, 1, 2, 3, 4, 1, 1}, {});
	expect_options(wire, {0x5e, 2, 1, 1}, {});
}

/// Options by their faults; the pointer says which octet of the header is wrong.
void malformed()
{
	struct Case {
		Bytes options;
		unsigned pointer;
		const char *what;
	};
	const Case cases[] = {
		{{0x5e, 0, 0, 0}, 20, "length 0"},
		{{0x5e, 1, 0, 0}, 20, "length 1"},
		{{0x5e, 5, 0, 0}, 20, "longer than the header"},
		{{1, 1, 1, 0x5e}, 23, "no room for a length"},
		{{1, 0x5e, 9, 0}, 21, "longer than the header, behind another one"},
		{{7, 2, 0, 0}, 21, "record route without pointer"},
		{{7, 7, 3, 0, 0, 0, 0, 0}, 22, "record route's pointer before its data"},
		{{7, 7, 5, 0, 0, 0, 0, 0}, 22, "record route's pointer where no address fits"},
		{{7, 3, 4, 7, 3, 4, 0, 0}, 23, "two record routes"},
		{{68, 3, 5, 0}, 21, "timestamp without flags"},
		{{68, 8, 4, 0, 0, 0, 0, 0}, 22, "timestamp's pointer before its data"},
		{{68, 8, 6, 0, 0, 0, 0, 0}, 22, "timestamp's pointer where no time fits"},
		{{68, 8, 5, 1, 0, 0, 0, 0}, 22, "no room for an address and a time"},
		{{68, 8, 5, 3, 0, 0, 0, 0}, 22, "no room for a prespecified address and a time"},
		{{68, 4, 5, 0xf0}, 23, "overflow counter full"},
		{{68, 4, 5, 0, 68, 4, 5, 0}, 24, "two timestamps"},
		{{131, 2, 0, 0}, 21, "source route without pointer"},
		{{131, 7, 3, 10, 0, 0, 1, 0}, 22, "source route's pointer before its data"},
		{{148, 3, 0, 0}, 21, "router alert without value"},
		{{134, 2, 0, 0}, 21, "label without domain"},
	};
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/icmp_ratelimit", 0);
	for (const Case &test : cases) {
		Change change;
		Ipv4 request = ping(test.options);
		auto answer = require_answer(wire, request);

		expect_equal(answer.icmp.type, packet::Type::parameter_problem, test.what);
		expect_equal(answer.icmp.code, 0, test.what);
		expect_equal(answer.icmp.rest, test.pointer << 24, test.what);
		auto moved = change.snmp();
		expect_equal(moved["Ip.InHdrErrors"], 1, test.what);
		expect_equal(moved["Icmp.InMsgs"], 0, test.what);
		expect_equal(moved["Icmp.OutParmProbs"], 1, test.what);
		change.expect_outcomes({}, test.what);
	}
}

void options_of_a_timestamp_request()
{
	auto wire = wire::new_server();
	Ipv4 request =
		packet::datagram({.type = 13, .code = 0, .rest = 7, .data = packet::pattern(12)});

	request.options = {1, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0};
	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type");
	expect_equal(answer.ip.options, Bytes{7, 11, 12, 10, 0, 0, 2, 10, 0, 0, 2, 0},
		     "options of the reply");
}

void options_of_a_probe()
{
	auto wire = wire::new_server();
	Bytes query{0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1};
	Ipv4 request = packet::datagram(
		{.type = packet::extended_echo, .code = 0, .rest = 0x70101, .data = query});

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	request.options = {1, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0};
	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::extended_echo_reply, "type");
	expect_equal(answer.ip.options, Bytes{7, 11, 12, 10, 0, 0, 2, 10, 0, 0, 2, 0},
		     "options of the reply");
}

/// All the options there is room for, in a request in fragments, answered in fragments.
void largest_header_and_fragments()
{
	auto wire = wire::new_server();
	Ipv4 request = ping({});

	request.payload = packet::echo_request(1, 2, packet::pattern(65000)).build();
	request.options =
		packet::concat({Bytes{68, 12, 5, 0}, Bytes(8), Bytes{1, 7, 27, 4}, Bytes(24)});
	ktap::require_equal(request.options.size(), 40U, "options");
	for (const Ipv4 &part : packet::fragment(request, 1500))
		wire.send(part);
	auto answer = ktap::require_value(next_answer(wire), "an answer");
	expect_echo_reply(answer, request);
	ktap::require_equal(answer.ip.options.size(), 40U, "options of the reply");
	expect_equal(Bytes(answer.ip.options.begin(), answer.ip.options.begin() + 11),
		     Bytes{7, 27, 12, 10, 0, 0, 2, 10, 0, 0, 2}, "record route");
	expect_equal(Bytes(answer.ip.options.begin() + 27, answer.ip.options.begin() + 31),
		     Bytes{68, 12, 13, 0}, "timestamp");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc791_padding_is_not_returned", padding},
				 {"rfc1122_3_2_1_8_other_options_are_not_returned", not_returned},
				 {"rfc1122_3_2_2_5_malformed_options", malformed},
				 {"options_of_a_timestamp_request", options_of_a_timestamp_request},
				 {"options_of_a_probe", options_of_a_probe},
				 {"largest_header_and_fragments", largest_header_and_fragments},
			 });
}
