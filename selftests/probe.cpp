// SPDX-License-Identifier: GPL-2.0-only
//
// PROBE (RFC 8335): extended echo requests ask for the state of an interface.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/probes.hpp"
#include "lib/wire.hpp"

#include <net/if.h>

using counters::Change;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::next_answer;
using wire::require_answer;
using wire::Wire;

namespace {

using namespace probes;

constexpr std::uint16_t id = 0x8335;
constexpr std::uint8_t sequence = 0x5a;
constexpr std::uint8_t local = 1;

const counters::Values ignored{{"Icmp.InMsgs", 1}, {"IcmpMsg.InType42", 1}};

Bytes ipv6(std::uint8_t last)
{
	Bytes bytes(16);

	bytes[0] = 0xfd;
	bytes[15] = last;
	return bytes;
}

Ipv4 probe(const Bytes &data, std::uint8_t flags = local)
{
	std::uint32_t rest =
		packet::id_sequence(id, static_cast<std::uint16_t>(sequence << 8 | flags));

	return packet::datagram(
		{.type = packet::extended_echo, .code = 0, .rest = rest, .data = data});
}

Wire probe_server()
{
	Wire wire = wire::new_server();

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	return wire;
}

/// Expects the answer to @p data to have @p code and @p status, and to bring the query back.
void expect_reply(const Wire &wire, const Bytes &data, Code code, unsigned status,
		  const wire::Where &where = wire::Where::current())
{
	Change change(counters::Files::snmp);
	auto answer = require_answer(wire, probe(data), wire::Cast::unicast, where);

	expect_equal(answer.ip.source, packet::server, "source", where);
	expect_equal(answer.icmp.type, packet::Type::extended_echo_reply, "type", where);
	expect_equal(answer.icmp.code, code, "code", where);
	expect_equal(answer.icmp.id(), id, "identifier", where);
	expect_equal(answer.icmp.sequence() >> 8, sequence, "sequence number", where);
	expect_equal(answer.icmp.sequence() & 0xff, status, "status", where);
	expect_equal(answer.icmp.data, data, "data", where);
	change.expect_icmp(counters::sum(ignored, counters::one_reply()), "a probe", where);
	change.expect_outcomes({{"reply", 1}}, "a probe", where);
}

void expect_ignored(const Wire &wire, const Ipv4 &request, const char *outcome,
		    const wire::Where &where = wire::Where::current())
{
	Change change(counters::Files::snmp);

	wire::expect_no_answer(wire, request, wire::Cast::unicast, where);
	change.expect_icmp(ignored, "a probe without answer", where);
	change.expect_outcomes({{outcome, 1}}, "a probe without answer", where);
}

void disabled_by_default()
{
	auto wire = wire::new_server();

	expect_equal(host::sysctl("net/ipv4/icmp_echo_enable_probe"), "0",
		     "icmp_echo_enable_probe");
	expect_ignored(wire, probe(query(by_name, name("wire0"))), "ignore_probe");
}

void local_bit_clear()
{
	auto wire = probe_server();

	expect_ignored(wire, probe(query(by_name, name("wire0")), 0), "ignore_probe");
	expect_ignored(wire, probe(query(by_name, name("wire0")), 0xfe), "ignore_probe");
}

void echo_ignore_all()
{
	auto wire = probe_server();

	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	expect_ignored(wire, probe(query(by_name, name("wire0"))), "ignore_echo");
}

void interface_by_name()
{
	auto wire = probe_server();

	expect_reply(wire, query(by_name, name("wire0")), no_error, active | has_ipv4);
	expect_reply(wire, query(by_name, Bytes{'w', 'i', 'r', 'e', '0'}), no_error,
		     active | has_ipv4);
	host::run("ip link add name-of-15-char type veth peer name other");
	// With the padding that RFC 8335 wants, the longest names are too long for the built-in code.
	expect_reply(wire, query(by_name, name("name-of-15-char")), malformed_query, 0);
	expect_reply(wire,
		     query(by_name, Bytes{'n', 'a', 'm', 'e', '-', 'o', 'f', '-', '1', '5', '-',
					  'c', 'h', 'a', 'r'}),
		     no_error, 0);
	expect_reply(wire, query(by_name, name("wire")), no_such_interface, 0);
	expect_reply(wire, query(by_name, name("wire00")), no_such_interface, 0);
	expect_reply(wire, query(by_name, name("nobody")), no_such_interface, 0);
	expect_reply(wire, query(by_name, Bytes(4)), no_such_interface, 0);
}

void interface_by_index()
{
	auto wire = probe_server();

	expect_reply(wire, query(by_index, index(if_nametoindex("wire0"))), no_error,
		     active | has_ipv4);
	expect_reply(wire, query(by_index, index(4711)), no_such_interface, 0);
	expect_reply(wire, query(by_index, index(0)), no_such_interface, 0);
	expect_reply(wire, query(by_index, index(0xffffffff)), no_such_interface, 0);
}

void interface_by_ipv4_address()
{
	auto wire = probe_server();

	host::run("ip address add 192.0.2.1/32 dev wire0");
	expect_reply(wire, query(by_address, address(1, {10, 0, 0, 2})), no_error,
		     active | has_ipv4);
	expect_reply(wire, query(by_address, address(1, {192, 0, 2, 1})), no_error,
		     active | has_ipv4);
	expect_reply(wire, query(by_address, address(1, {10, 0, 0, 1})), no_such_interface, 0);
	expect_reply(wire, query(by_address, address(1, {0, 0, 0, 0})), no_such_interface, 0);
}

/// Without IPv6 there is no telling whose the address is: that no interface has it would be more than is known.
void interface_by_ipv6_address()
{
	auto wire = probe_server();
	Bytes mapped(16);

	add_interface("ip link set test0 up");
	if (kernel_has_ipv6())
		host::run("ip address add fd00::1/64 dev test0 nodad");
	mapped[10] = mapped[11] = 0xff;
	mapped[12] = 10;
	mapped[15] = 2;
	for (const Bytes &bytes : {ipv6(1), ipv6(2), Bytes(16), mapped}) {
		Bytes asked = query(by_address, address(2, bytes));

		if (!kernel_has_ipv6())
			expect_ignored(wire, probe(asked), "ignore_probe");
		else if (bytes == ipv6(1))
			expect_reply(wire, asked, no_error, active | has_ipv6);
		else
			expect_reply(wire, asked, no_such_interface, 0);
	}
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
	const unsigned own_ipv6 = kernel_has_ipv6() ? has_ipv6 : 0;
	if (own_ipv6)
		host::run("ip address add fd00::1/64 dev test0 nodad");
	expect_reply(wire, test0, no_error, active | own_ipv6);
	host::run("ip address add 10.0.2.2/24 dev test0");
	expect_reply(wire, test0, no_error, active | has_ipv4 | own_ipv6);
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
	expect_reply(wire, data, no_error, active | has_ipv4);
	data[2] ^= 0xff;
	expect_reply(wire, data, no_error, active | has_ipv4);
	data[6] = 9;
	expect_reply(wire, data, no_error, active | has_ipv4);
	data.insert(data.end(), 100, 0xee);
	expect_reply(wire, data, no_error, active | has_ipv4);
}

/// Only the sequence number and the status come back in the last word: reserved bits are cleared.
void reserved_bits_are_cleared()
{
	auto wire = probe_server();
	auto answer = require_answer(wire, probe(query(by_name, name("wire0")), 0xff));

	expect_equal(answer.icmp.sequence(), sequence << 8 | active | has_ipv4,
		     "sequence number and status");
}

void query_in_fragments()
{
	auto wire = probe_server();
	Bytes data = query(by_index, index(if_nametoindex("wire0")));

	data.insert(data.end(), 4000, 0x77);
	for (const Ipv4 &part : packet::fragment(probe(data), 1500))
		wire.send(part);
	auto answer = ktap::require_value(next_answer(wire), "an answer");
	expect_equal(answer.icmp.type, packet::Type::extended_echo_reply, "type");
	expect_equal(answer.icmp.sequence() & 0xff, active | has_ipv4, "status");
	expect_equal(answer.icmp.data, data, "data");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc8335_8_disabled_by_default", disabled_by_default},
			{"rfc8335_2_local_bit_clear_no_reply", local_bit_clear},
			{"echo_ignore_all_holds_for_probe", echo_ignore_all},
			{"rfc8335_2_1_interface_by_name", interface_by_name},
			{"rfc8335_2_1_interface_by_index", interface_by_index},
			{"rfc8335_2_1_interface_by_ipv4_address", interface_by_ipv4_address},
			{"rfc8335_2_1_interface_by_ipv6_address", interface_by_ipv6_address},
			{"rfc8335_3_status_bits", status_bits},
			{"rfc8335_4_malformed_query", malformed},
			{"extension_header_and_class_are_not_checked", what_is_not_checked},
			{"rfc8335_3_reserved_bits_are_cleared", reserved_bits_are_cleared},
			{"query_in_fragments", query_in_fragments},
		});
}
