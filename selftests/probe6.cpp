// SPDX-License-Identifier: GPL-2.0-only
//
// PROBE (RFC 8335) over IPv6: extended echo requests ask for the state of an interface, whichever family its addresses have.

#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/probes.hpp"
#include "lib/wire6.hpp"

#include <string>

#include <net/if.h>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet6::Ipv6;
using wire::Cast;
using wire::require_answer;
using wire6::Wire;

namespace {

using namespace probes;

constexpr std::uint16_t id = 0x8335;
constexpr std::uint8_t sequence = 0x5a;
constexpr std::uint8_t local = 1;

const counters::Values ignored = counters6::in(packet6::extended_echo);
const counters::Values answered =
	counters::sum(ignored, counters6::out(packet6::extended_echo_reply));

Bytes ipv6(const char *text)
{
	const packet6::Address address = packet6::ipv6(text);

	return {address.begin(), address.end()};
}

Ipv6 probe(const Bytes &data, std::uint8_t flags = local, const packet6::Ends &ends = {})
{
	std::uint32_t rest =
		packet::id_sequence(id, static_cast<std::uint16_t>(sequence << 8 | flags));

	return packet6::datagram(
		{.type = packet6::extended_echo, .code = 0, .rest = rest, .data = data}, ends);
}

Wire probe_server()
{
	Wire wire = wire6::new_server();

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	return wire;
}

/// Expects @p answer to have @p code and @p status, and to bring @p data back.
void expect_answer(const wire6::Answer &answer, const Bytes &data, std::uint8_t code,
		   unsigned status, const wire::Where &where = wire::Where::current())
{
	expect_equal(answer.icmp.type, packet6::extended_echo_reply, "type", where);
	expect_equal(answer.icmp.code, code, "code", where);
	expect_equal(answer.icmp.id(), id, "identifier", where);
	expect_equal(answer.icmp.sequence() >> 8, sequence, "sequence number", where);
	expect_equal(answer.icmp.sequence() & 0xff, status, "status", where);
	expect_equal(answer.icmp.data, data, "data", where);
}

void expect_reply(const Wire &wire, const Bytes &data, Code code, unsigned status,
		  const wire::Where &where = wire::Where::current())
{
	Change change;
	auto answer = require_answer(wire, probe(data), Cast::unicast, where);

	expect_equal(answer.ip.source, packet6::server, "source", where);
	expect_equal(answer.ip.destination, packet6::client, "destination", where);
	expect_answer(answer, data, code, status, where);
	change.expect_icmp(answered, "a probe", where);
	change.expect_outcomes({{"reply", 1}}, "a probe", where);
}

void expect_ignored(const Wire &wire, const Ipv6 &request, const char *outcome,
		    Cast cast = Cast::unicast, const wire::Where &where = wire::Where::current())
{
	Change change;

	wire::expect_no_answer(wire, request, cast, where);
	change.expect_icmp(ignored, "a probe without answer", where);
	change.expect_outcomes({{outcome, 1}}, "a probe without answer", where);
}

void disabled_by_default()
{
	auto wire = wire6::new_server();

	for (std::uint8_t flags : {0, 1})
		expect_ignored(wire, probe(query(by_name, name("wire0")), flags), "ignore_probe");
}

/// The setting is that of IPv4: there is one for both families.
void setting_takes_effect_at_once()
{
	auto wire = wire6::new_server();
	const Ipv6 request = probe(query(by_name, name("wire0")));

	for (int value : {0, 1, 0, 1}) {
		host::set_sysctl("net/ipv4/icmp_echo_enable_probe", value);
		if (value)
			expect_reply(wire, query(by_name, name("wire0")), no_error,
				     active | has_ipv6);
		else
			expect_ignored(wire, request, "ignore_probe");
	}
}

void local_bit_clear()
{
	auto wire = probe_server();

	for (std::uint8_t flags : {0x00, 0xfe, 0x80})
		expect_ignored(wire, probe(query(by_name, name("wire0")), flags), "ignore_probe");
}

void echo_ignore_all()
{
	auto wire = probe_server();

	host::set_sysctl("net/ipv6/icmp/echo_ignore_all", 1);
	for (std::uint8_t flags : {0, 1})
		expect_ignored(wire, probe(query(by_name, name("wire0")), flags), "ignore_echo");
	// That of IPv4 is for IPv4.
	host::set_sysctl("net/ipv6/icmp/echo_ignore_all", 0);
	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	expect_reply(wire, query(by_name, name("wire0")), no_error, active | has_ipv6);
}

void multicast_and_anycast()
{
	auto wire = probe_server();
	const Bytes asked = query(by_name, name("wire0"));
	const Ipv6 to_all = probe(asked, local, {.destination = packet6::all_nodes});
	const Ipv6 to_any = probe(asked, local, {.destination = packet6::ipv6("2001:db8:5::")});

	// Linux takes the first address of a prefix for an anycast one.
	host::run("ip -6 route add local 2001:db8:5::/64 dev lo");
	auto answer = require_answer(wire, to_all, Cast::multicast);
	expect_equal(answer.ip.source, packet6::server, "source");
	expect_answer(answer, asked, no_error, active | has_ipv6);
	expect_answer(require_answer(wire, to_any), asked, no_error, active | has_ipv6);

	host::set_sysctl("net/ipv6/icmp/echo_ignore_multicast", 1);
	expect_ignored(wire, to_all, "ignore_multicast", Cast::multicast);
	expect_answer(require_answer(wire, to_any), asked, no_error, active | has_ipv6);
	host::set_sysctl("net/ipv6/icmp/echo_ignore_anycast", 1);
	wire::expect_no_answer(wire, to_any);
	expect_reply(wire, asked, no_error, active | has_ipv6);
}

void interface_by_name()
{
	auto wire = probe_server();

	expect_reply(wire, query(by_name, name("wire0")), no_error, active | has_ipv6);
	expect_reply(wire, query(by_name, Bytes{'w', 'i', 'r', 'e', '0'}), no_error,
		     active | has_ipv6);
	expect_reply(wire, query(by_name, name("lo")), no_error, active | has_ipv4 | has_ipv6);
	for (const char *nobodys : {"wire", "wire00", "nobody"})
		expect_reply(wire, query(by_name, name(nobodys)), no_such_interface, 0);
	expect_reply(wire, query(by_name, Bytes(4)), no_such_interface, 0);
}

void interface_by_index()
{
	auto wire = probe_server();

	expect_reply(wire, query(by_index, index(if_nametoindex("wire0"))), no_error,
		     active | has_ipv6);
	for (std::uint32_t nobodys : {4711U, 0U, 0xffffffffU})
		expect_reply(wire, query(by_index, index(nobodys)), no_such_interface, 0);
}

void interface_by_ipv4_address()
{
	auto wire = probe_server();

	host::run("ip address add 192.0.2.1/32 dev wire0");
	expect_reply(wire, query(by_address, address(1, {192, 0, 2, 1})), no_error,
		     active | has_ipv4 | has_ipv6);
	expect_reply(wire, query(by_address, address(1, {127, 0, 0, 1})), no_error,
		     active | has_ipv4 | has_ipv6);
	for (const Bytes &nobodys : {Bytes{192, 0, 2, 2}, Bytes(4), Bytes{224, 0, 0, 1}})
		expect_reply(wire, query(by_address, address(1, nobodys)), no_such_interface, 0);
}

void interface_by_ipv6_address()
{
	auto wire = probe_server();

	wire6::add_addresses("wire0", {"2001:db8::1/128"});
	host::run("ip address add 192.0.2.1/32 dev wire0");
	const unsigned all = active | has_ipv4 | has_ipv6;
	for (const char *own : {"fd00::2", "2001:db8::1", "fe80::2", "::1"})
		expect_reply(wire, query(by_address, address(2, ipv6(own))), no_error, all);
	for (const char *nobodys :
	     {"fd00::1", "::", "fe80::3", "ff02::1", "::ffff:192.0.2.1", "::192.0.2.1", "fd00::"})
		expect_reply(wire, query(by_address, address(2, ipv6(nobodys))), no_such_interface,
			     0);
}

void status_bits()
{
	auto wire = probe_server();
	Bytes test0 = query(by_name, name("test0"));

	add_interface("");
	expect_reply(wire, test0, no_error, 0);
	host::run("ip address add 10.0.2.2/24 dev test0");
	expect_reply(wire, test0, no_error, has_ipv4);
	host::run("ip link set test0 up");
	expect_reply(wire, test0, no_error, active | has_ipv4);
	host::run("ip address flush dev test0");
	expect_reply(wire, test0, no_error, active);
	wire6::add_addresses("test0", {"fd02::1/64"});
	expect_reply(wire, test0, no_error, active | has_ipv6);
	host::run("ip address add 10.0.2.2/24 dev test0");
	expect_reply(wire, test0, no_error, active | has_ipv4 | has_ipv6);
}

void malformed()
{
	auto wire = probe_server();

	for (const Bytes &data : malformed_queries())
		expect_reply(wire, data, malformed_query, 0);
}

/// The built-in code looks at nothing but the length and the kind of the first object.
void what_is_not_checked()
{
	auto wire = probe_server();
	Bytes data = query(by_name, name("wire0"));

	data[0] = 0x10;
	expect_reply(wire, data, no_error, active | has_ipv6);
	data[2] ^= 0xff;
	expect_reply(wire, data, no_error, active | has_ipv6);
	data[6] = 9;
	expect_reply(wire, data, no_error, active | has_ipv6);
	data.insert(data.end(), 100, 0xee);
	expect_reply(wire, data, no_error, active | has_ipv6);
}

/// Only the sequence number and the status come back in the last word: reserved bits are cleared. The code is the answer's.
void last_word_and_code()
{
	auto wire = probe_server();
	const Bytes asked = query(by_name, name("wire0"));

	expect_answer(require_answer(wire, probe(asked, 0xff)), asked, no_error, active | has_ipv6);
	packet6::Icmp message = *packet6::parse_icmp(probe(asked));
	for (std::uint8_t code : {1, 2, 255}) {
		message.code = code;
		// The built-in code leaves the query's, even if it says that there is no such interface.
		expect_answer(require_answer(wire, packet6::datagram(message)), asked,
			      host::has_icmpx6() ? std::uint8_t{no_error} : code,
			      active | has_ipv6);
	}
}

void query_in_fragments()
{
	auto wire = probe_server();
	Bytes data = query(by_index, index(if_nametoindex("wire0")));

	data.insert(data.end(), 4000, 0x77);
	for (const Ipv6 &part : packet6::fragment(probe(data), 1500))
		wire.send(part);
	expect_answer(ktap::require_value(wire6::next_answer(wire), "an answer"), data, no_error,
		      active | has_ipv6);
}

/// The other bits of a reply are those of an echo reply.
void header_of_the_reply()
{
	auto wire = probe_server();
	const Bytes asked = query(by_name, name("wire0"));
	Ipv6 request = probe(asked, local, {packet6::client_link, packet6::server_link});

	request.traffic_class = 0xb9;
	request.flow_label = 0x12345;
	request.hop_limit = 3;
	host::set_sysctl("net/ipv6/flowlabel_reflect", 4);
	auto answer = require_answer(wire, request);
	expect_answer(answer, asked, no_error, active | has_ipv6);
	expect_equal(answer.ip.source, packet6::server_link, "source");
	expect_equal(answer.ip.traffic_class, 0xb9, "traffic class");
	expect_equal(answer.ip.flow_label, 0x12345U, "flow label");
	expect_equal(answer.ip.hop_limit, 64, "hop limit");
	// Whatever sum it has to be.
	for (std::uint32_t word = 0; word < 16; word++) {
		Bytes data = query(by_index, index(word * 0x11111111U));

		auto reply = require_answer(wire, probe(data));
		expect(packet::get16(reply.ip.payload, 2) != 0xffff, "no checksum is 0xffff");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc8335_8_disabled_by_default", disabled_by_default},
			{"setting_takes_effect_at_once", setting_takes_effect_at_once},
			{"rfc8335_2_local_bit_clear_no_reply", local_bit_clear},
			{"echo_ignore_all_holds_for_probe", echo_ignore_all},
			{"multicast_and_anycast", multicast_and_anycast},
			{"rfc8335_2_1_interface_by_name", interface_by_name},
			{"rfc8335_2_1_interface_by_index", interface_by_index},
			{"rfc8335_2_1_interface_by_ipv4_address", interface_by_ipv4_address},
			{"rfc8335_2_1_interface_by_ipv6_address", interface_by_ipv6_address},
			{"rfc8335_3_status_bits", status_bits},
			{"rfc8335_4_malformed_query", malformed},
			{"extension_header_and_class_are_not_checked", what_is_not_checked},
			{"rfc8335_3_last_word_and_code", last_word_and_code},
			{"query_in_fragments", query_in_fragments},
			{"header_of_the_reply", header_of_the_reply},
		});
}
