// SPDX-License-Identifier: GPL-2.0-only
//
// Node information queries (RFC 4620): which are answered, what is told, and to whom. What is delayed is in node_info_wait.

#include "lib/node_info.hpp"
#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/socket6.hpp"
#include "lib/vrf.hpp"
#include "lib/wire6.hpp"

#include <string>

using ktap::expect_equal;
using packet6::Ends;
using packet6::ipv6;

namespace {

using namespace node_info;

const Address remote = ipv6("2001:db8::1");

/// With no icmpx at all, too.
void off_by_default()
{
	auto wire = wire6::new_server();

	for (Question question : {noop, ask_name, ask_ipv6, ask_ipv4, unused}) {
		for (const Address &destination : {packet6::server, packet6::all_nodes}) {
			counters6::Change change;
			wire::expect_no_answer(
				wire,
				datagram({.question = question}, {.destination = destination}),
				destination == packet6::server ? Cast::unicast : Cast::multicast);
			change.expect_icmp(counters6::in(packet6::node_information_query), "off");
			change.expect_outcomes({{"ignore_type", 1}}, "off");
		}
	}
	// A reply is for nobody here, whatever the setting.
	for (int mask : {0, 15}) {
		if (host::has_icmpx6())
			host::set_sysctl("net/icmpx6/node_info", mask);
		counters6::Change change;
		wire::expect_no_answer(wire,
				       packet6::datagram({.type = packet6::node_information_reply,
							  .data = Bytes(24)}));
		change.expect_icmp(counters6::in(packet6::node_information_reply), "a reply");
		change.expect_outcomes({{"ignore_type", 1}}, "a reply");
	}
}

/// What each value of the setting has each question answered with.
void every_mask()
{
	auto wire = node_info::new_server(1);

	set_name("r1");
	host::run("ip address add 192.0.2.1/24 dev wire0");
	for (unsigned mask = 1; mask < 16; mask++) {
		const std::string what = "mask " + std::to_string(mask);
		host::set_sysctl("net/icmpx6/node_info", mask);
		for (const Address &source : {packet6::client, remote}) {
			const Ends ends{.source = source};
			const bool heard = source != remote || (mask & tell_far);
			const auto if_told = [&](unsigned bit, const Bytes &data) {
				return heard && (mask & bit) == bit ? Expected{.data = data}
								    : Expected{.code = refused};
			};
			expect_reply(wire, {.question = noop, .code = by_name, .subject = {}},
				     if_told(0, {}), what + ", NOOP", ends);
			expect_reply(wire, {.question = ask_name}, if_told(1, data({dns("r1", 2)})),
				     what + ", name", ends);
			Expected told6 = if_told(2, data({bytes(packet6::server)}));
			told6.flags = global;
			expect_reply(wire, {.question = ask_ipv6, .flags = global}, told6,
				     what + ", IPv6", ends);
			expect_reply(wire, {.question = ask_ipv4},
				     if_told(4, data({bytes4("192.0.2.1")})), what + ", IPv4",
				     ends);
			for (unsigned other : {1U, 5U, 0x100U, 0x200U, 0xffffU})
				expect_reply(wire, {.question = static_cast<std::uint16_t>(other)},
					     {.code = unknown}, what + ", unknown", ends);
		}
	}
}

void names()
{
	auto wire = node_info::new_server(tell_name);
	const std::string long_label(63, 'n');

	// Nothing says which of the machine's names is that of a namespace.
	expect_reply(wire, {}, {.data = data({{}})}, "no name");
	for (const std::string &text : {std::string("r1"), std::string("x"), long_label}) {
		set_name(text);
		expect_reply(wire, {}, {.data = data({dns(text, 2)})}, text);
	}
	for (const char *text : {"r1.example", "a.b.c.d.e", "r1.", "R1.Example.ORG."}) {
		set_name(text);
		expect_reply(wire, {}, {.data = data({dns(text)})}, text);
	}
	for (const char *text : {"r1..example", ".r1", "."}) {
		set_name(text);
		expect_reply(wire, {}, {.data = data({{}})}, text);
	}
	set_name("r\u00e9seau");
	expect_reply(wire, {}, {.data = data({dns("r\u00e9seau", 2)})}, "UTF-8");
}

void subject_by_name()
{
	auto wire = node_info::new_server(tell_name);
	const auto asked = [](const Bytes &subject) {
		return Query{.code = by_name, .subject = subject};
	};
	const Expected fqdn{.data = data({dns("r1.example")})};

	set_name("r1.example");
	for (const Bytes &subject :
	     {dns("r1.example"), dns("R1.eXAMPLE"), dns("r1", 2), dns("R1", 2)})
		expect_reply(wire, asked(subject), fqdn, "this host");
	for (const Bytes &subject :
	     {dns("r2.example"), dns("r1.example.org"), dns("r1"), dns("r1", 3), dns("example", 2),
	      dns("r1.example", 2), dns("r1.example", 0), dns("r", 2), dns("r12", 2), Bytes{},
	      Bytes{0}, Bytes{0, 0}, Bytes{255}, Bytes{0xc0, 0x10}, Bytes(300, 1)})
		expect_silence(wire, asked(subject), "another");
	set_name("r1");
	for (const Bytes &subject : {dns("r1"), dns("r1", 2)})
		expect_reply(wire, asked(subject), {.data = data({dns("r1", 2)})}, "one label");
	expect_silence(wire, asked(dns("r1.example")), "its domain is not known");
	set_name("");
	for (const Bytes &subject : {dns("r1", 2), Bytes{}, Bytes{0}})
		expect_silence(wire, asked(subject), "a name while there is none");
}

void subject_by_address()
{
	auto wire = node_info::new_server(tell_name);
	const Expected self{.data = data({dns("r1", 2)})};

	set_name("r1");
	host::run("ip address add 192.0.2.1/24 dev wire0; ip address add 192.0.2.9/32 dev lo");
	wire6::add_addresses("lo", {"2001:db8::9/128"});
	host::run("ip link add far type veth peer name end");
	wire6::quiet("far");
	wire6::quiet("end");
	host::run("ip link set far up; ip link set end up");
	wire6::add_addresses("far", {"fe80::99/64", "2001:db8:1::1/64"});
	for (const char *own : {"fd00::2", "fe80::2", "2001:db8::9", "2001:db8:1::1"})
		expect_reply(wire, {.subject = bytes(ipv6(own))}, self, own);
	for (const char *other : {"fd00::1", "fe80::1", "fe80::99", "::", "ff02::1", "2001:db8::8"})
		expect_silence(wire, {.subject = bytes(ipv6(other))}, other);
	for (const char *own : {"192.0.2.1", "192.0.2.9"})
		expect_reply(wire, {.code = by_ipv4, .subject = bytes4(own)}, self, own);
	for (const char *other : {"192.0.2.2", "0.0.0.0", "255.255.255.255", "224.0.0.1"})
		expect_silence(wire, {.code = by_ipv4, .subject = bytes4(other)}, other);
}

void malformed()
{
	auto wire = node_info::new_server(15);
	const Bytes long_subject(2000, 0);

	set_name("r1");
	for (std::size_t size : {0U, 1U, 4U, 15U, 17U, 20U, 32U, 256U, 257U, 1000U})
		expect_silence(wire, {.subject = Bytes(size)}, "not 16 bytes");
	for (std::size_t size : {0U, 3U, 5U, 16U})
		expect_silence(wire, {.code = by_ipv4, .subject = Bytes(size)}, "not 4 bytes");
	for (unsigned code : {3U, 4U, 255U})
		expect_silence(wire, {.code = static_cast<std::uint8_t>(code)}, "no such code");
	// Too short for a nonce.
	for (std::size_t size = 0; size < 8; size++)
		expect_silence(wire, {.question = noop, .subject = {}, .nonce = Bytes(size, 1)},
			       "half a nonce");
	// RFC 4620, 6.1: whatever the code of a NOOP is, and what is behind it.
	for (unsigned code : {0U, 1U, 2U, 3U, 255U}) {
		for (const Bytes &subject : {Bytes{}, Bytes(16), Bytes(1000, 0xff)})
			expect_reply(wire,
				     {.question = noop,
				      .flags = 0xffff,
				      .code = static_cast<std::uint8_t>(code),
				      .subject = subject},
				     {}, "NOOP");
	}
}

/// Everything that a reply has of its query, and nothing else.
void header_of_the_reply()
{
	auto wire = node_info::new_server(tell_name | tell_ipv6 | tell_ipv4);
	Ipv6 query = datagram({});

	query.traffic_class = 0xb8;
	query.hop_limit = 1;
	const auto reply = require_answer(wire, query);
	expect_equal(reply.ip.traffic_class, 0xb8, "traffic class");
	expect_equal(reply.ip.hop_limit, 64, "hop limit");
	expect_equal(packet6::text(reply.ip.source), "fd00::2", "source");
	for (unsigned byte = 0; byte < 256; byte += 51) {
		const Query asked{.nonce = Bytes(8, static_cast<std::uint8_t>(byte))};
		expect_reply(wire, asked, {.data = data({{}})}, "nonce");
	}
	// Flags that a question does not have do not come back.
	expect_reply(wire, {.flags = 0xffff}, {.data = data({{}})}, "flags of a name");
	expect_reply(wire, {.question = 77, .flags = 0xffff}, {.code = unknown}, "of nothing");
	expect_reply(wire, {.question = ask_ipv4, .flags = 0xfffd}, {}, "flags of IPv4");
	expect_reply(wire, {.question = ask_ipv6, .flags = 0xffc1}, {}, "flags of IPv6");
	host::set_sysctl("net/icmpx6/node_info", tell_name);
	expect_reply(wire, {.question = ask_ipv6, .flags = 0xffff},
		     {.code = refused, .flags = 0x3e}, "flags of a refusal");
	expect_reply(wire, {}, {.data = data({{}})}, "asked by a link-local address",
		     {packet6::client_link, packet6::server_link});
}

/// A name as long as a query may have comes in pieces.
void query_in_fragments()
{
	auto wire = node_info::new_server(tell_name);
	const Query query{.question = noop, .code = by_name, .subject = Bytes(2000, 7)};

	for (const Ipv6 &part : packet6::fragment(datagram(query), 1280))
		wire.send(part);
	expect_contents(ktap::require_value(wire6::next_answer(wire), "a reply"), query, {},
			"in fragments");
}

/// RFC 4443, 2.4 (f), and the setting echo_ratelimit.
void limits()
{
	auto wire = node_info::new_server(tell_name);

	host::set_sysctl("net/icmpx6/echo_ratelimit", 1);
	host::set_sysctl("net/icmpx6/echo_burst", 1);
	expect_reply(wire, {}, {.data = data({{}})}, "the first");
	counters6::Change change;
	for (int i = 0; i < 20; i++)
		wire.send(datagram({}));
	ktap::expect((*change.icmpx())["limit_prefix"] >= 1, "echo_ratelimit holds");
	host::set_sysctl("net/icmpx6/echo_ratelimit", 0);
	wire.receive_all<Ipv6>();

	// A refusal is limited as an error is, any other reply if ratemask has its type.
	host::set_sysctl("net/ipv6/icmp/ratelimit", 60000);
	host::run("ip -6 route add fd00::1/128 dev wire0");
	for (int i = 0; i < 20; i++)
		expect_reply(wire, {}, {.data = data({{}})}, "told");
	change.restart();
	for (int i = 0; i < 20; i++)
		wire.send(datagram({.question = ask_ipv4}));
	ktap::expect_between((*change.icmpx())["reply_node_info_refused"], 1, 2, "refusals");
	expect_equal((*change.icmpx())["limit_host"] + (*change.icmpx())["reply_node_info_refused"],
		     20, "refusals, and what the limit stopped");
	wire.receive_all<Ipv6>();
	host::set_sysctl("net/ipv6/icmp/ratemask", "140");
	change.restart();
	wire::expect_no_answer(wire, datagram({}));
	change.expect_outcomes({{"limit_host", 1}}, "a type in ratemask");
}

/// A VRF is a network of its own.
void in_a_vrf()
{
	auto outside = node_info::new_server(15);

	vrf::need();
	vrf::add("red", 10);
	const Wire inside = wire6::second_wire("fd00::3/64", "red");
	host::run("ip -6 route add default dev wire1 vrf red; ip address add 192.0.2.3/24 dev "
		  "wire1; ip address add 192.0.2.2/24 dev wire0");
	const Query all6{.question = ask_ipv6,
			 .flags = all | global | link_local,
			 .code = by_name,
			 .subject = dns("r1", 2)};
	const Query all4{
		.question = ask_ipv4, .flags = all, .code = by_name, .subject = all6.subject};
	const Ends link_ends{packet6::client_link, packet6::server_link};
	const Ends inner{.destination = ipv6("fd00::3")};

	set_name("r1");
	for (int round = 0; round < 3; round++) {
		expect_reply(outside, all6,
			     {.flags = all6.flags,
			      .data = data({bytes(packet6::server), bytes(packet6::server_link)})},
			     "outside", link_ends);
		expect_reply(inside, all6,
			     {.flags = all6.flags,
			      .data = data({bytes(ipv6("fd00::3")), bytes(packet6::server_link)})},
			     "inside", link_ends);
		expect_reply(outside, all4, {.flags = all, .data = data({bytes4("192.0.2.2")})},
			     "outside");
		expect_reply(inside, all4, {.flags = all, .data = data({bytes4("192.0.2.3")})},
			     "inside", inner);
		for (const bool within : {false, true}) {
			const Wire &wire = within ? inside : outside;
			const Ends ends = within ? inner : Ends{};
			const char *other6 = within ? "fd00::2" : "fd00::3";
			const char *other4 = within ? "192.0.2.2" : "192.0.2.3";

			expect_silence(wire, {.subject = bytes(ipv6(other6))}, other6, ends);
			expect_silence(wire, {.code = by_ipv4, .subject = bytes4(other4)}, other4,
				       ends);
		}
	}
}

/// RFC 4620, 5: groups of link-local scope are heard, others are not.
void groups_of_wider_scope()
{
	auto wire = node_info::new_server(15);

	for (const char *group : {"ff05::abcd", "ff0e::abcd"}) {
		const auto joined = sock6::join(IPV6_JOIN_GROUP, ipv6(group), "wire0");
		counters6::Change change;
		wire.send(datagram({.question = noop}, {.destination = ipv6(group)}),
			  Cast::multicast);
		change.expect_outcomes({{"ignore_node_info", 1}}, group);
	}
	counters6::Change change;
	wire.send(datagram({.question = noop}, {.source = Address{}}));
	change.expect_outcomes({{"ignore_node_info", 1}}, "from nobody");
	ktap::expect(!wire6::next_of_type(wire, packet6::node_information_reply, wire::silence),
		     "no reply");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc4620_8_off_by_default", off_by_default},
				 {"rfc4620_5_every_mask", every_mask},
				 {"rfc4620_6_2_names", names},
				 {"rfc4620_5_subject_by_name", subject_by_name},
				 {"rfc4620_5_subject_by_address", subject_by_address},
				 {"rfc4620_4_malformed", malformed},
				 {"rfc4620_4_header_of_the_reply", header_of_the_reply},
				 {"query_in_fragments", query_in_fragments},
				 {"limits", limits},
				 {"in_a_vrf", in_a_vrf},
				 {"rfc4620_5_groups_of_wider_scope", groups_of_wider_scope},
			 });
}
