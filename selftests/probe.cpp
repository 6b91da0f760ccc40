// SPDX-License-Identifier: GPL-2.0-only
//
// PROBE (RFC 8335): extended echo requests ask for the state of an interface.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
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

enum Code : std::uint8_t { no_error = 0, malformed_query = 1, no_such_interface = 2 };
enum Status : std::uint8_t { active = 4, has_ipv4 = 2, has_ipv6 = 1 };
enum Identifier : std::uint8_t { by_name = 1, by_index = 2, by_address = 3 };

constexpr std::uint16_t id = 0x8335;
constexpr std::uint8_t sequence = 0x5a;
constexpr std::uint8_t local = 1;

const counters::Values ignored{{"Icmp.InMsgs", 1}, {"IcmpMsg.InType42", 1}};

/// An extension structure (RFC 4884) with one interface identification object.
Bytes query(Identifier kind, const Bytes &identifier, int length = -1)
{
	Bytes bytes{0x20, 0, 0, 0};

	packet::put16(bytes,
		      static_cast<std::uint16_t>(length >= 0 ? length : 4 + identifier.size()));
	bytes.push_back(3);
	bytes.push_back(kind);
	bytes.insert(bytes.end(), identifier.begin(), identifier.end());
	std::uint16_t sum = packet::checksum(bytes);
	bytes[2] = static_cast<std::uint8_t>(sum >> 8);
	bytes[3] = static_cast<std::uint8_t>(sum);
	return bytes;
}

/// RFC 8335, 2.1: names are padded with zeros to whole words.
Bytes name(std::string_view text)
{
	Bytes bytes(text.begin(), text.end());

	bytes.resize((bytes.size() + 3) / 4 * 4);
	return bytes;
}

Bytes index(std::uint32_t number)
{
	Bytes bytes;

	packet::put32(bytes, number);
	return bytes;
}

Bytes address(std::uint16_t family, const Bytes &bytes, int length = -1)
{
	Bytes all;

	packet::put16(all, family);
	all.push_back(
		static_cast<std::uint8_t>(length >= 0 ? length : static_cast<int>(bytes.size())));
	all.push_back(0);
	return packet::concat({all, bytes});
}

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

/// A kernel booted with ipv6.disable=1 has none.
bool kernel_has_ipv6() { return host::read_file("/proc/self/net/if_inet6").has_value(); }

/// An interface named test0, up, with the addresses that @p commands give it and no other.
void add_interface(const std::string &commands)
{
	host::run("ip link add test0 type veth peer name peer0; ip link set peer0 up");
	if (kernel_has_ipv6())
		host::run("ip link set test0 addrgenmode none");
	if (!commands.empty())
		host::run(commands);
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
	Bytes whole = query(by_name, name("wire0"));
	auto expect_malformed = [&](const Bytes &data,
				    const wire::Where &where = wire::Where::current()) {
		expect_reply(wire, data, malformed_query, 0, where);
	};

	for (std::size_t size = 0; size < whole.size(); size++)
		expect_malformed(
			Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
	expect_malformed(query(by_name, {}));
	for (int length : {0, 1, 3, 4, 13, 25, 255, 0xffff})
		expect_malformed(query(by_name, name("wire0"), length));
	expect_malformed(query(by_name, name("name-of-16-chars")));
	expect_malformed(query(by_name, Bytes(20, 'x')));
	expect_malformed(query(by_name, Bytes(24, 'x')));
	expect_malformed(query(by_index, {0, 0, 1}));
	expect_malformed(query(by_index, {0, 0, 0, 1, 0}));
	expect_malformed(query(by_index, {0, 0, 0, 0, 0, 0, 0, 1}));
	expect_malformed(query(by_address, {0, 1, 4}));
	expect_malformed(query(by_address, address(1, {10, 0, 0})));
	expect_malformed(query(by_address, address(1, {10, 0, 0, 2, 0})));
	expect_malformed(query(by_address, address(1, {10, 0, 0, 2}, 3)));
	expect_malformed(query(by_address, address(1, {10, 0, 0, 2}, 5)));
	expect_malformed(query(by_address, address(1, ipv6(1))));
	expect_malformed(query(by_address, address(2, {10, 0, 0, 2})));
	expect_malformed(query(by_address, address(2, Bytes(15))));
	expect_malformed(query(by_address, address(0, {10, 0, 0, 2})));
	expect_malformed(query(by_address, address(6, Bytes(6))));
	expect_malformed(query(by_address, address(0xffff, {10, 0, 0, 2})));
	for (std::uint8_t kind : {0, 4, 255})
		expect_malformed(query(static_cast<Identifier>(kind), name("wire0")));
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
