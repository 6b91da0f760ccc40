// SPDX-License-Identifier: GPL-2.0-only
//
// Echo requests behind extension headers (RFC 8200, section 4): what they say is for IP; a reply has none of them.

#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <string>
#include <utility>
#include <vector>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet6::Extension;
using packet6::Header;
using packet6::ipv6;
using packet6::Ipv6;
using packet6::option;
using wire::Cast;
using wire::expect_echo_reply;
using wire6::next_answer;
using wire6::Wire;

namespace {

/// Options: the two highest bits of a type say what is done by those who do not know it.
enum Option : std::uint8_t {
	pad_n = 1,
	router_alert = 5,
	to_be_skipped = 0x1e,
	to_be_discarded = 0x5e,
	to_be_reported = 0x9e,
	to_be_reported_unless_multicast = 0xde,
	jumbo = 0xc2,
};

/// Codes of parameter problem.
enum Problem : std::uint8_t { wrong_field = 0, unknown_option = 2, incomplete_headers = 3 };

Ipv6 ping(std::size_t size = 56, const packet6::Ends &ends = {})
{
	return packet6::datagram(packet6::echo_request(0x79, 1, packet::pattern(size)), ends);
}

Ipv6 behind(std::vector<Extension> extensions, std::size_t size = 56)
{
	Ipv6 request = ping(size);

	request.extensions = std::move(extensions);
	return request;
}

Extension hop_by_hop(const Bytes &options) { return {Header::hop_by_hop, options}; }
Extension destination(const Bytes &options) { return {Header::destination_options, options}; }

void expect_plain_reply(const Wire &wire, const Ipv6 &request, const std::string &what,
			const wire::Where &where = wire::Where::current())
{
	auto answer = ktap::require_value(next_answer(wire, wire::patience, where), what, where);

	expect_echo_reply(answer, request, where);
	expect(answer.ip.extensions.empty(), what + ": no extension headers", where);
}

/// The reply to @p request, whose echo message is the one of @p plain.
void expect_reply(const Wire &wire, const Ipv6 &request, const Ipv6 &plain, const std::string &what,
		  const wire::Where &where = wire::Where::current())
{
	Change change;

	wire.send(request);
	expect_plain_reply(wire, plain, what, where);
	change.expect_icmp(counters6::one_echo(), what, where);
	change.expect_outcomes({{"reply", 1}}, what, where);
}

void expect_reply(const Wire &wire, const Ipv6 &request, const std::string &what,
		  const wire::Where &where = wire::Where::current())
{
	expect_reply(wire, request, request, what, where);
}

void expect_silence(const Wire &wire, const Ipv6 &request, const std::string &what,
		    Cast cast = Cast::unicast, const wire::Where &where = wire::Where::current())
{
	Change change;

	wire::expect_no_answer(wire, request, cast, where);
	change.expect_icmp({}, what, where);
	change.expect_outcomes({}, what, where);
}

void expect_problem(const Wire &wire, packet::View request, Problem problem, std::uint32_t pointer,
		    const std::string &what, const wire::Where &where = wire::Where::current())
{
	Change change;

	wire.send_bytes(request);
	auto answer = ktap::require_value(next_answer(wire, wire::patience, where), what, where);
	expect_equal(answer.icmp.type, packet6::parameter_problem, what, where);
	expect_equal(answer.icmp.code, problem, what + ", code", where);
	expect_equal(answer.icmp.rest, pointer, what + ", pointer", where);
	change.expect_icmp(counters6::out(packet6::parameter_problem), what, where);
	change.expect_outcomes({}, what, where);
}

void hop_by_hop_options()
{
	auto wire = wire6::new_server();

	expect_reply(wire, behind({hop_by_hop({})}), "none but Pad1");
	expect_reply(wire, behind({hop_by_hop(option(pad_n, Bytes(4)))}), "PadN");
	expect_reply(wire, behind({hop_by_hop(option(router_alert, {0, 0}))}), "router alert");
	expect_reply(wire, behind({hop_by_hop(option(to_be_skipped, Bytes(20, 0xaa)))}),
		     "an unknown one to be skipped");
	expect_silence(wire, behind({hop_by_hop(option(to_be_discarded, {1, 2, 3, 4}))}),
		       "an unknown one to be discarded");
	for (Option type : {to_be_reported, to_be_reported_unless_multicast})
		expect_problem(wire, behind({hop_by_hop(option(type, {1, 2, 3, 4}))}).build(),
			       unknown_option, 42, "an unknown one to be reported");
}

void destination_options()
{
	auto wire = wire6::new_server();

	expect_reply(wire, behind({destination({})}), "none but Pad1");
	expect_reply(wire, behind({destination(option(pad_n, Bytes(4)))}), "PadN");
	expect_reply(wire, behind({destination(option(to_be_skipped, Bytes(20, 0xaa)))}),
		     "an unknown one to be skipped");
	expect_reply(wire, behind({destination({}), destination(option(to_be_skipped, Bytes(12)))}),
		     "two headers");
	expect_silence(wire, behind({destination(option(to_be_discarded, {1, 2, 3, 4}))}),
		       "an unknown one to be discarded");
	for (Option type : {to_be_reported, to_be_reported_unless_multicast})
		expect_problem(wire, behind({destination(option(type, {1, 2, 3, 4}))}).build(),
			       unknown_option, 42, "an unknown one to be reported");
}

/// 2048 bytes, more than there is of the message.
void longest_header()
{
	auto wire = wire6::new_server({}, 9000);
	Bytes options;

	// net.ipv6.max_dst_opts_number is 8.
	for (int i = 0; i < 7; i++)
		options = packet::concat({options, option(to_be_skipped, Bytes(255, 0xaa))});
	options = packet::concat({options, option(to_be_skipped, Bytes(245, 0xaa))});
	expect_equal(options.size(), 2046U, "options");
	for (std::size_t size : {0, 56, 6000})
		expect_reply(wire, behind({destination(options)}, size), "the longest header");
}

/// RFC 4443, 2.4 (e.3): of what was sent to a group, only those options are reported that ask for it.
void unknown_options_by_multicast()
{
	auto wire = wire6::new_server();
	Ipv6 request = ping(56, {.destination = packet6::all_nodes});

	request.extensions = {destination(option(to_be_reported, {1, 2, 3, 4}))};
	wire.send(request, Cast::multicast);
	auto answer = ktap::require_value(next_answer(wire), "a report");
	expect_equal(answer.icmp.type, packet6::parameter_problem, "type");
	expect_equal(answer.icmp.code, unknown_option, "code");
	for (Option type : {to_be_reported_unless_multicast, to_be_discarded}) {
		request.extensions = {destination(option(type, {1, 2, 3, 4}))};
		expect_silence(wire, request, "not to be reported", Cast::multicast);
	}
	request.extensions = {destination(option(to_be_skipped, {1, 2, 3, 4}))};
	wire.send(request, Cast::multicast);
	expect_equal(ktap::require_value(next_answer(wire), "a reply").icmp.type,
		     packet6::echo_reply, "type");
}

/// RFC 6275, 6.3: for all above IP, the sender has its home address. The checksum is that of the home address, too.
void home_address()
{
	auto wire = wire6::new_server();
	const packet6::Address home = ipv6("fd00::77");
	const Ipv6 plain = ping(56, {.source = home});
	Ipv6 request = plain;

	request.source = packet6::client;
	request.extensions = {packet6::home_address(home)};
	expect_silence(wire, request, "a home address that nobody is bound to");
	if (!host::try_run("ip xfrm state add src fd00::77 dst fd00::2 proto hao mode ro "
			   "coa fd00::1"))
		ktap::skip("the kernel has no Mobile IPv6");
	Change change;
	wire::expect_no_answer(wire, request);
	change.expect_icmp({}, "no policy allows it");
	change.expect_outcomes({{"drop_policy", 1}}, "no policy allows it");
	host::run("ip xfrm policy add src fd00::77 dst fd00::2 dir in tmpl src fd00::77 "
		  "dst fd00::2 proto hao mode ro");
	expect_reply(wire, request, plain, "a home address that is bound");
	request.source = ipv6("fd00::99");
	expect_silence(wire, request, "a care-of address that is not bound");
	// A wrong sum is one of the other addresses.
	request = ping();
	request.extensions = {packet6::home_address(home)};
	change.restart();
	wire::expect_no_answer(wire, request);
	change.expect_icmp({{"Icmp6InMsgs", 1}, {"Icmp6InErrors", 1}, {"Icmp6InCsumErrors", 1}},
			   "a checksum of the care-of address");
	change.expect_outcomes({{"drop_checksum", 1}}, "a checksum of the care-of address");
	// And in fragments, behind it and before it.
	Ipv6 large = ping(4000, {.source = home});
	Ipv6 sent = large;
	sent.source = packet6::client;
	sent.extensions = {packet6::home_address(home)};
	for (std::size_t kept : {0, 1}) {
		for (const Ipv6 &part : packet6::fragment(sent, 1500, 77, kept))
			wire.send(part);
		expect_plain_reply(wire, large, "a home address and fragments");
	}
}

/// RFC 5095: source routes are refused, unless they have been gone to their end.
void routing_headers()
{
	auto wire = wire6::new_server();
	const std::vector<packet6::Address> one{ipv6("fd00::3")};
	const std::vector<packet6::Address> three{ipv6("fd00::3"), ipv6("fd00::4"),
						  ipv6("fd00::2")};

	for (std::uint8_t type : {0, 1, 253, 255}) {
		const std::string what = "type " + std::to_string(type);

		for (const auto &addresses : {std::vector<packet6::Address>{}, one, three})
			expect_reply(wire, behind({packet6::routing(type, 0, addresses)}), what);
		expect_problem(wire, behind({packet6::routing(type, 1, one)}).build(), wrong_field,
			       42, what + ", segments left");
	}
	// Type 2 is for a mobile node at home here, which nobody is; 3 and 4 are switched off.
	for (std::uint8_t type : {2, 3, 4}) {
		for (std::uint8_t left : {0, 1})
			expect_silence(wire, behind({packet6::routing(type, left, one)}),
				       "type " + std::to_string(type));
	}
}

void segment_routing()
{
	auto wire = wire6::new_server();
	const std::vector<packet6::Address> segments{ipv6("fd00::2"), ipv6("fd00::3")};

	if (!host::write_file("/proc/sys/net/ipv6/conf/all/seg6_enabled", "1") ||
	    !host::write_file("/proc/sys/net/ipv6/conf/wire0/seg6_enabled", "1"))
		ktap::skip("the kernel has no segment routing");
	expect_reply(wire, behind({packet6::routing(4, 0, segments)}), "at its end");
	expect_reply(wire,
		     behind({hop_by_hop({}), packet6::routing(4, 0, segments), destination({})}),
		     "at its end, with others");
	// The last segment is another host's: the request goes on. A router joins groups, and reports that, where there can be any.
	auto other = wire6::second_wire();
	host::run("ip link set wire0 multicast off; ip link set wire1 multicast off");
	host::set_sysctl("net/ipv6/conf/all/forwarding", 1);
	Ipv6 request = behind({packet6::routing(4, 1, {ipv6("fd01::3"), ipv6("fd00::2")})});
	Change change;
	wire.send(request);
	auto passed = ktap::require_value(other.receive<Ipv6>(), "the request, on its way");
	expect_equal(packet6::text(passed.destination), "fd01::3", "its destination");
	change.expect_icmp({}, "a request on its way");
	change.expect_outcomes({}, "a request on its way");
}

/// RFC 6946: a fragment that is all of it is a datagram.
void atomic_fragment()
{
	auto wire = wire6::new_server();

	for (std::size_t size : {0, 1, 56, 1400}) {
		Ipv6 request = ping(size);
		request.fragment = packet6::Fragment{};
		expect_reply(wire, request, "an atomic fragment");

		request = packet6::with_headers_in_payload(
			behind({destination(option(to_be_skipped, Bytes(12)))}, size));
		request.fragment = packet6::Fragment{};
		expect_reply(wire, request, ping(size), "an atomic fragment with options");
	}
}

/// RFC 7112: all headers are in the first fragment.
void headers_in_the_second_fragment()
{
	auto wire = wire6::new_server();
	const Ipv6 request = behind({destination(option(to_be_skipped, Bytes(252, 0xaa))),
				     destination(option(to_be_skipped, Bytes(252, 0xaa)))},
				    1400);
	const Ipv6 whole = packet6::with_headers_in_payload(request);
	Ipv6 first = whole;

	first.fragment = packet6::Fragment{.offset = 0, .more = true};
	first.payload.resize(264);
	expect_problem(wire, first.build(), incomplete_headers, 0, "the first of two fragments");
}

/// RFC 2675: a jumbo payload is larger than 65,535 bytes, and none else says that it is one.
void jumbo_payload_that_is_none()
{
	auto wire = wire6::new_server();

	for (std::uint32_t size : {0U, 72U, 65535U}) {
		Bytes value;
		packet::put32(value, size);
		Bytes bytes = behind({hop_by_hop(option(jumbo, value))}).build();
		bytes[4] = bytes[5] = 0;
		expect_problem(wire, bytes, wrong_field, 44, "a jumbo payload that is too small");
	}
	// Both lengths.
	Bytes value;
	packet::put32(value, 66000);
	expect_problem(wire, behind({hop_by_hop(option(jumbo, value))}).build(), wrong_field, 42,
		       "a jumbo payload and a length");
	// More than there is.
	Bytes bytes = behind({hop_by_hop(option(jumbo, value))}).build();
	bytes[4] = bytes[5] = 0;
	Change change;
	wire.send_bytes(bytes);
	expect(!next_answer(wire, wire::silence), "no answer to a jumbo payload cut off");
	change.expect_icmp({}, "a jumbo payload cut off");
	change.expect_outcomes({}, "a jumbo payload cut off");
}

/// A reply of more than 65,535 bytes would need a jumbo payload itself, and Linux sends none.
void jumbo_payload()
{
	auto wire = wire6::new_server({.ethernet = false}, 65535);
	constexpr std::size_t size = 66000;
	Bytes value;

	packet::put32(value, size + 16);
	Bytes bytes = behind({hop_by_hop(option(jumbo, value))}, size).build();
	bytes[4] = bytes[5] = 0;
	Change change;
	wire.send_bytes(bytes);
	expect(!next_answer(wire, wire::silence), "no answer to a jumbo payload");
	change.expect_icmp(counters::sum(counters6::in(packet6::echo), {{"Icmp6OutErrors", 1}}),
			   "a jumbo payload");
	change.expect_outcomes({{"drop_output", 1}}, "a jumbo payload");
}

void several_together()
{
	auto wire = wire6::new_server();
	const std::vector<packet6::Address> two{ipv6("fd00::3"), ipv6("fd00::2")};
	const std::vector<Extension> all{
		hop_by_hop(option(router_alert, {0, 0})),
		destination(option(to_be_skipped, Bytes(30, 0x11))),
		packet6::routing(0, 0, two),
		destination(option(to_be_skipped, Bytes(100))),
	};

	expect_reply(wire, behind(all), "in one piece");
	for (std::size_t size : {1300, 4000, 60000}) {
		for (std::size_t kept : {0, 1, 3, 4}) {
			const Ipv6 request = behind(all, size);

			// Hop-by-hop options belong to each fragment.
			if (kept == 0)
				continue;
			Change change;
			for (const Ipv6 &part : packet6::fragment(request, 1280, 1000, kept))
				wire.send(part);
			expect_plain_reply(wire, ping(size),
					   std::to_string(size) + " bytes, " +
						   std::to_string(kept) + " headers before");
			change.expect_icmp(counters6::one_echo(), "in fragments");
			change.expect_outcomes({{"reply", 1}}, "in fragments");
		}
	}
}

/// RFC 8200, 4.7: behind this there is nothing to read.
void no_next_header()
{
	auto wire = wire6::new_server();
	Ipv6 request = behind({destination({})});

	request.protocol = Header::nothing;
	expect_silence(wire, request, "no next header");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc8200_4_3_hop_by_hop_options", hop_by_hop_options},
			{"rfc8200_4_6_destination_options", destination_options},
			{"longest_header", longest_header},
			{"rfc4443_2_4_unknown_options_by_multicast", unknown_options_by_multicast},
			{"rfc6275_6_3_home_address", home_address},
			{"rfc5095_routing_headers", routing_headers},
			{"rfc8754_segment_routing", segment_routing},
			{"rfc6946_atomic_fragment", atomic_fragment},
			{"rfc7112_headers_in_the_second_fragment", headers_in_the_second_fragment},
			{"rfc2675_jumbo_payload_that_is_none", jumbo_payload_that_is_none},
			{"rfc2675_jumbo_payload", jumbo_payload},
			{"several_together", several_together},
			{"rfc8200_4_7_no_next_header", no_next_header},
		});
}
