// SPDX-License-Identifier: GPL-2.0-only
//
// Node information queries (RFC 4620) for addresses: which of this host's are told, and in which order.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/node_info.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <unistd.h>

using packet6::ipv6;

namespace {

using namespace node_info;
using packet6::Ends;

constexpr std::uint16_t every_address = all | every_scope;

Query asked(unsigned flags)
{
	return {.question = ask_ipv6, .flags = static_cast<std::uint16_t>(flags)};
}

/// The addresses in @p data, each behind a time to live of 0; in order, unless @p as_told.
std::vector<std::string> addresses(const Bytes &data, bool as_told = false)
{
	constexpr std::size_t entry = 4 + 16;
	std::vector<std::string> found;

	ktap::require_equal(data.size() % entry, 0U, "whole addresses");
	for (std::size_t at = 0; at < data.size(); at += entry) {
		Address address{};

		ktap::expect_equal(packet::get32(data, at), 0U, "time to live");
		std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(at + 4), 16,
			    address.begin());
		found.push_back(packet6::text(address));
	}
	if (!as_told)
		std::ranges::sort(found);
	return found;
}

std::vector<std::string> told(const Wire &wire, unsigned flags, bool as_told = false,
			      const Where &where = Where::current())
{
	const auto answer =
		wire::require_answer(wire, datagram(asked(flags)), Cast::unicast, where);

	ktap::expect_equal(answer.icmp.code, node_info::told, "code", where);
	ktap::expect_equal(answer.icmp.rest & 0xffff, flags, "flags", where);
	return addresses({answer.icmp.data.begin() + 8, answer.icmp.data.end()}, as_told);
}

std::string joined(const std::vector<std::string> &all)
{
	std::string text;

	for (const std::string &one : all)
		text += one + " ";
	return text;
}

void expect_told(const Wire &wire, unsigned flags, std::vector<std::string> expected,
		 const Where &where = Where::current())
{
	std::ranges::sort(expected);
	ktap::expect_equal(joined(told(wire, flags, false, where)), joined(expected),
			   "flags " + std::to_string(flags), where);
}

/// A second device, whose addresses are told to those who ask for all.
void add_far()
{
	host::run("ip link add far type veth peer name end");
	wire6::quiet("far");
	wire6::quiet("end");
	host::run("ip link set far up; ip link set end up");
}

void scopes()
{
	auto wire = node_info::new_server(tell_ipv6);

	add_far();
	wire6::add_addresses("wire0", {"2001:db8::2/64", "fec0::2/64", "::10.0.0.2/96"});
	wire6::add_addresses("far", {"2001:db8:1::2/64", "fe80::99/64"});
	wire6::add_addresses("lo", {"2001:db8:2::2/128"});
	const std::vector<std::string> by_scope[] = {
		{"::10.0.0.2"}, {"fe80::2"}, {"fec0::2"}, {"2001:db8::2", "fd00::2"}};
	for (unsigned scopes = 0; scopes < 16; scopes++) {
		std::vector<std::string> expected;

		for (unsigned bit = 0; bit < 4; bit++)
			if (scopes & 1 << bit)
				expected.insert(expected.end(), by_scope[bit].begin(),
						by_scope[bit].end());
		expect_told(wire, scopes << 2, expected);
	}
	expect_told(wire, every_address,
		    {"::10.0.0.2", "2001:db8::2", "2001:db8:1::2", "2001:db8:2::2", "fd00::2",
		     "fe80::2", "fe80::99", "fec0::2"});
	expect_told(wire, all | global,
		    {"2001:db8::2", "2001:db8:1::2", "2001:db8:2::2", "fd00::2"});
	expect_told(wire, all, {});
}

/// Without A: the interface that the subject belongs to.
void interface_of_the_subject()
{
	auto wire = node_info::new_server(tell_ipv6 | tell_ipv4);
	Query query = asked(global);

	add_far();
	wire6::add_addresses("far", {"2001:db8:1::2/64"});
	host::run("ip address add 192.0.2.2/24 dev wire0; ip address add 192.0.2.7/24 dev wire0;"
		  "ip address add 198.51.100.2/24 dev far; ip address add 203.0.113.2/32 dev lo");
	const Bytes on_wire = data({bytes4("192.0.2.2"), bytes4("192.0.2.7")});
	const Bytes on_far = data({bytes4("198.51.100.2")});
	query.subject = bytes(ipv6("2001:db8:1::2"));
	expect_reply(wire, query, {.flags = global, .data = data({query.subject})}, "of far");
	query.subject = bytes4("198.51.100.2");
	query.code = by_ipv4;
	expect_reply(wire, query, {.flags = global, .data = data({bytes(ipv6("2001:db8:1::2"))})},
		     "of far, by its IPv4 address");
	expect_reply(wire, {.question = ask_ipv4}, {.data = on_wire}, "IPv4, of wire0");
	expect_reply(wire,
		     {.question = ask_ipv4, .code = by_ipv4, .subject = bytes4("198.51.100.2")},
		     {.data = on_far}, "IPv4, of far");
	expect_reply(wire, {.question = ask_ipv4, .flags = all},
		     {.flags = all,
		      .data = packet::concat({data({bytes4("203.0.113.2")}), on_wire, on_far})},
		     "IPv4, of all");
	// By the name: those of the interface that the query came by.
	set_name("r1");
	query = asked(global);
	query.code = by_name;
	query.subject = dns("r1", 2);
	expect_reply(wire, query, {.flags = global, .data = data({bytes(packet6::server)})},
		     "by the name");
}

void preferred_before_deprecated()
{
	auto wire = node_info::new_server(tell_ipv6);

	add_far();
	wire6::add_addresses("far", {"2001:db8:1::2/64"});
	wire6::add_addresses("wire0", {"2001:db8::2/64"});
	host::run("ip -6 address change fd00::2/64 dev wire0 preferred_lft 0 valid_lft forever");
	const auto found = told(wire, all | global, true);
	ktap::require_equal(found.size(), 3U, "addresses");
	ktap::expect_equal(found.back(), "fd00::2", "the deprecated one is the last");
}

/// The source of the next message of a type. A reply to a group waits for a second at most.
void expect_source(const Wire &wire, packet6::Type type, const std::string &source,
		   const Where &where = Where::current())
{
	const auto answer = ktap::require_value(
		wire6::next_of_type(wire, type, wire::milliseconds{60000}, where), "a reply",
		where);

	ktap::expect_equal(packet6::text(answer.ip.source), source, "source", where);
}

/// Addresses that are there so that nobody tells whose they are.
void temporary()
{
	auto wire = node_info::new_server(tell_ipv6 | tell_name);

	host::set_sysctl("net/ipv6/conf/wire0/use_tempaddr", 2);
	host::run("ip -6 address add 2001:db8::2/64 dev wire0 mngtmpaddr nodad valid_lft 3600 "
		  "preferred_lft 1800");
	std::string temporary = host::output_of(
		"for i in $(seq 1000); do ip -6 -o address show dev wire0 temporary -tentative | "
		"sed -nE 's#.*inet6 ([^/]*)/.*#\\1#p' | grep . && break; sleep 0.1; done");
	temporary = temporary.substr(0, temporary.find('\n'));
	if (temporary.empty())
		ktap::skip("the kernel makes no temporary addresses");
	wire::require_answer(wire, packet6::datagram(packet6::echo_request(1, 1),
						     {.destination = ipv6(temporary)}));
	expect_told(wire, all | global, {"2001:db8::2", "fd00::2"});
	expect_silence(wire, {.subject = bytes(ipv6(temporary))}, "as a subject");
	expect_silence(wire, {}, "as a destination", {.destination = ipv6(temporary)});
	expect_silence(wire, {.question = noop}, "as a destination",
		       {.destination = ipv6(temporary)});

	// Linux chooses the source of what answers a group, and prefers a temporary address.
	const Ends to_group{.source = ipv6("2001:db8::1"), .destination = packet6::all_nodes};
	wire.send(packet6::datagram(packet6::echo_request(1, 1), to_group), Cast::multicast);
	expect_source(wire, packet6::echo_reply, temporary);
	host::set_sysctl("net/icmpx6/node_info", tell_ipv6 | tell_name | tell_far);
	for (const Question question : {ask_name, ask_ipv4, unused}) {
		wire.send(datagram({.question = question}, to_group), Cast::multicast);
		expect_source(wire, packet6::node_information_reply, "2001:db8::2");
	}
}

void tentative()
{
	auto wire = node_info::new_server(tell_ipv6 | tell_name);

	host::run("ip link add far type veth peer name end");
	wire6::quiet("far");
	wire6::quiet("end");
	wire6::detect_duplicates("far");
	host::run("ip link set end up; ip link set far up; "
		  "ip -6 address add 2001:db8:1::2/64 dev far");
	ktap::require(!host::output_of("ip -6 -o address show dev far tentative").empty(),
		      "an address under duplicate address detection");
	// It is counted, and is not to be counted beside what is tested.
	for (int tries = 0; counters6::snmp()["Icmp6OutType135"] == 0; tries++) {
		ktap::require(tries < 6000, "a solicitation");
		usleep(10'000);
	}
	expect_told(wire, all | global, {"fd00::2"});
	expect_silence(wire, {.subject = bytes(ipv6("2001:db8:1::2"))}, "as a subject");
}

/// RFC 4620, 6.3: T says that there was no room for all. A reply fits into the smallest MTU.
void too_many()
{
	auto wire = node_info::new_server(tell_ipv6 | tell_ipv4);
	constexpr std::size_t fit6 = 61, fit4 = 153;
	std::string batch;

	for (std::size_t i = 1; i < fit6; i++)
		batch += "address add 2001:db8::" + std::to_string(i) + "/64 dev wire0 nodad\n";
	host::run("ip -6 -batch - <<'END'\n" + batch + "END");
	ktap::expect_equal(told(wire, global).size(), fit6, "as many as fit");
	host::run("ip -6 address add 2001:db8::ffff/64 dev wire0 nodad");
	const auto answer6 = wire::require_answer(wire, datagram(asked(global)));
	ktap::expect_equal(answer6.icmp.rest & 0xffff, global | node_info::truncated, "flags");
	ktap::expect_equal(answer6.icmp.data.size(), 8 + 20 * fit6, "bytes");
	ktap::expect(answer6.ip.payload.size() + 40 <= 1280, "fits into the smallest MTU");

	batch.clear();
	for (std::size_t i = 1; i <= fit4; i++)
		batch += "address add 192.0.2." + std::to_string(i) + "/24 dev wire0\n";
	host::run("ip -batch - <<'END'\n" + batch + "END");
	for (bool more : {false, true}) {
		if (more)
			host::run("ip address add 192.0.2.254/24 dev wire0");
		const auto answer = wire::require_answer(wire, datagram({.question = ask_ipv4}));
		ktap::expect_equal(answer.icmp.rest & 0xffff, more ? node_info::truncated : 0,
				   "flags of IPv4");
		ktap::expect_equal(answer.icmp.data.size(), 8 + 8 * fit4, "bytes of IPv4");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"rfc4620_6_3_scopes", scopes},
				 {"rfc4620_6_3_interface_of_the_subject", interface_of_the_subject},
				 {"rfc4620_6_3_preferred_first", preferred_before_deprecated},
				 {"rfc4620_8_temporary_addresses", temporary},
				 {"rfc4862_5_4_tentative_addresses", tentative},
				 {"rfc4620_6_3_truncated", too_many},
			 });
}
