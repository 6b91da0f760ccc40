// SPDX-License-Identifier: GPL-2.0-only
//
// Which of the 256 types is handled how, and what is counted (RFC 1122, 3.2.2; RFC 6633, 6918 and 8335 for what is no
// longer, or newly, in use): every type to this machine, by broadcast, by multicast; messages too short to have one.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using counters::Values;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::Cast;
using wire::Wire;

namespace {

/// How a type's messages are counted by name ("" for those that only have a number).
std::string name_of(unsigned type)
{
	switch (type) {
	case packet::echo_reply:
		return "EchoReps";
	case packet::unreachable:
		return "DestUnreachs";
	case packet::source_quench:
		return "SrcQuenchs";
	case packet::redirect:
		return "Redirects";
	case packet::echo:
		return "Echos";
	case packet::time_exceeded:
		return "TimeExcds";
	case packet::parameter_problem:
		return "ParmProbs";
	case packet::timestamp:
		return "Timestamps";
	case packet::timestamp_reply:
		return "TimestampReps";
	case packet::address_mask_request:
		return "AddrMasks";
	case packet::address_mask_reply:
		return "AddrMaskReps";
	default:
		return "";
	}
}

bool is_known(unsigned type)
{
	return type <= 18 || type == packet::extended_echo || type == packet::extended_echo_reply;
}

/// Errors about one of our UDP datagrams.
bool is_error(unsigned type)
{
	switch (type) {
	case packet::unreachable:
	case packet::source_quench:
	case packet::redirect:
	case packet::time_exceeded:
	case packet::parameter_problem:
		return true;
	default:
		return false;
	}
}

/// A message of @p type that has all that its type needs: the start of a datagram from here to a port nobody asked.
packet::Icmp message(unsigned type, unsigned code = 0)
{
	Ipv4 embedded{.protocol = 17, .source = packet::server, .destination = packet::client};

	embedded.payload = {0x30, 0x39, 0x30, 0x3a, 0, 8, 0, 0};
	return {.type = static_cast<std::uint8_t>(type),
		.code = static_cast<std::uint8_t>(code),
		.rest = 0x00070100,
		.data = embedded.build()};
}

/// What one message of @p type that got as far as having a type counts.
Values counted(unsigned type, const Values &more = {})
{
	Values values{{"Icmp.InMsgs", 1}, {"IcmpMsg.InType" + std::to_string(type), 1}};

	if (!name_of(type).empty())
		values["Icmp.In" + name_of(type)] = 1;
	return counters::sum(values, more);
}

const Values an_error{{"Icmp.InErrors", 1}};

struct Expected {
	Values counted;
	const char *outcome;
	bool answered = false;
};

/// A message of @p type to this machine, everything else at its default.
Expected expected_for_unicast(unsigned type)
{
	switch (type) {
	case packet::echo:
	case packet::timestamp:
		return {counted(type, counters::one_reply()), "reply", true};
	case packet::echo_reply:
	case packet::extended_echo_reply:
		return {counted(type), "drop_no_socket"};
	case packet::extended_echo:
		return {counted(type), "ignore_probe"};
	default:
		break;
	}
	if (!is_known(type))
		return {counted(type, an_error), "drop_unknown_type"};
	// UDP knows nobody who would like to hear of it, and counts that as ICMP's error.
	if (is_error(type))
		return {counted(type, an_error), "deliver_error_udp"};
	return {counted(type), "ignore_type"};
}

/// A message of @p type to a broadcast or multicast address.
Expected expected_for_broadcast(unsigned type, bool ignore_broadcasts)
{
	// The built-in code of Linux 6 looks at these before it looks at the address.
	if ((type == packet::extended_echo_reply || !is_known(type)) && !host::linux_since(7, 2))
		return expected_for_unicast(type);
	switch (type) {
	case packet::echo:
	case packet::timestamp:
		if (ignore_broadcasts)
			return {counted(type, an_error), "drop_broadcast"};
		return expected_for_unicast(type);
	case packet::address_mask_request:
	case packet::address_mask_reply:
	// And every built-in code at this one.
	case packet::extended_echo:
		return expected_for_unicast(type);
	default:
		return {counted(type, an_error), "drop_broadcast"};
	}
}

void expect_handled(const Wire &wire, const Ipv4 &ip, Cast cast, const Expected &expected,
		    const std::string &what, const wire::Where &where = wire::Where::current())
{
	Change change(counters::Files::snmp);

	wire.send(ip, cast);
	auto answer = next_answer(wire, expected.answered ? wire::patience : wire::milliseconds(0),
				  where);
	expect_equal(answer.has_value(), expected.answered, what + ": answered", where);
	change.expect_icmp(expected.counted, what, where);
	change.expect_outcomes({{expected.outcome, 1}}, what, where);
}

void every_type()
{
	auto wire = wire::new_server();

	for (unsigned type = 0; type < 256; type++)
		expect_handled(wire, packet::datagram(message(type)), Cast::unicast,
			       expected_for_unicast(type), "type " + std::to_string(type));
	expect(!wire.receive(wire::silence), "no more answers");
}

/// No type is handled differently because of a code, except unreachable, whose codes end at 15 (RFC 1812, 5.2.7.1).
void every_type_with_another_code()
{
	auto wire = wire::new_server();

	for (unsigned type = 0; type < 256; type++) {
		Expected expected = expected_for_unicast(type);
		if (type == packet::unreachable)
			expected = {counted(type), "ignore_code"};
		// Code 1 of time exceeded, reassembly, has an own test; 200 is none.
		expect_handled(wire, packet::datagram(message(type, 200)), Cast::unicast, expected,
			       "type " + std::to_string(type) + ", code 200");
	}
}

void every_type_with_wrong_checksum()
{
	auto wire = wire::new_server();
	const Expected wrong{{{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}, {"Icmp.InCsumErrors", 1}},
			     "drop_checksum"};

	for (unsigned type = 0; type < 256; type++)
		expect_handled(wire, packet::datagram(message(type), packet::Checksum::wrong),
			       Cast::unicast, wrong,
			       "type " + std::to_string(type) + ", wrong checksum");
	// One bit, wherever it is.
	for (unsigned bit = 0; bit < 36 * 8; bit += 3) {
		Ipv4 ip = packet::datagram(message(packet::echo));
		ip.payload.at(bit / 8) ^= static_cast<std::uint8_t>(1 << bit % 8);
		expect_handled(wire, ip, Cast::unicast, wrong,
			       "echo request, bit " + std::to_string(bit) + " flipped");
	}
	expect(!wire.receive(wire::silence), "no answers");
}

void every_type_to(packet::Address destination, Cast cast)
{
	auto wire = wire::new_server();

	for (bool ignore : {true, false}) {
		host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", ignore);
		for (unsigned type = 0; type < 48; type++) {
			Ipv4 ip = packet::datagram(message(type));
			ip.destination = destination;
			expect_handled(
				wire, ip, cast, expected_for_broadcast(type, ignore),
				"type " + std::to_string(type) +
					", echo_ignore_broadcasts = " + (ignore ? "1" : "0"));
		}
	}
	expect(!wire.receive(wire::silence), "no more answers");
}

/// What the built-in code does, and what makes PROBE nothing for a network with strangers: it answers broadcasts.
void probe_by_broadcast()
{
	auto wire = wire::new_server();
	Bytes query{0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1};
	Ipv4 ip = packet::datagram(
		{.type = packet::extended_echo, .code = 0, .rest = 0x00070101, .data = query});

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	ip.destination = packet::ipv4("10.0.0.255");
	expect_handled(wire, ip, Cast::broadcast,
		       {counted(packet::extended_echo, counters::one_reply()), "reply", true},
		       "PROBE by broadcast");
}

void echo_ignore_all()
{
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	for (unsigned type = 0; type < 48; type++) {
		Expected expected = expected_for_unicast(type);
		if (type == packet::echo || type == packet::extended_echo)
			expected = {counted(type), "ignore_echo"};
		expect_handled(wire, packet::datagram(message(type)), Cast::unicast, expected,
			       "type " + std::to_string(type) + ", echo_ignore_all = 1");
	}
}

/// Less than a header. Nothing at all has a wrong checksum, too: the sum of nothing is not -0.
void truncated_header()
{
	auto wire = wire::new_server();
	const Expected too_short{{{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}}, "drop_truncated"};
	const Expected wrong{{{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}, {"Icmp.InCsumErrors", 1}},
			     "drop_checksum"};
	Ipv4 ip;

	for (std::size_t size = 0; size < 8; size++) {
		ip.payload = Bytes(size, 0x11);
		expect_handled(wire, ip, Cast::unicast, wrong,
			       std::to_string(size) + " bytes, wrong checksum");
	}
	const Bytes right[] = {
		{0xff, 0xff},	       {0xff, 0xff, 0},		 {8, 0, 0xf7, 0xff},
		{8, 0, 0xf6, 0xff, 1}, {8, 0, 0xf6, 0xfe, 1, 1}, {8, 0, 0xf5, 0xfe, 1, 1, 1}};
	for (const Bytes &bytes : right) {
		ktap::require_equal(packet::checksum(bytes), 0, "the test's checksum");
		ip.payload = bytes;
		expect_handled(wire, ip, Cast::unicast, too_short,
			       std::to_string(bytes.size()) + " bytes");
	}
	// With these 8 there is a header.
	ip.payload = {8, 0, 0xf5, 0xfd, 1, 1, 1, 1};
	expect_handled(wire, ip, Cast::unicast,
		       {counted(packet::echo, counters::one_reply()), "reply", true}, "8 bytes");
}

/// A checksum comes before a type, a known type before a broadcast; on Linux 7 a broadcast before any type.
void order_of_the_checks()
{
	auto wire = wire::new_server();
	Ipv4 wrong = packet::datagram(message(77), packet::Checksum::wrong);
	Ipv4 unknown = packet::datagram(message(77));

	wrong.destination = unknown.destination = packet::ipv4("10.0.0.255");
	expect_handled(wire, wrong, Cast::broadcast,
		       {{{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}, {"Icmp.InCsumErrors", 1}},
			"drop_checksum"},
		       "wrong, unknown and broadcast");
	expect_handled(wire, unknown, Cast::broadcast, expected_for_broadcast(77, true),
		       "unknown and broadcast");
}

/// Whatever came in since the namespace was made has had an outcome, one.
void outcomes_equal_packets_in()
{
	host::need_icmpx();
	auto wire = wire::new_server();
	std::int64_t sent = 0;

	for (unsigned type = 0; type < 256; type += 5) {
		for (auto sum : {packet::Checksum::right, packet::Checksum::wrong}) {
			for (packet::Address destination :
			     {packet::server, packet::ipv4("10.0.0.255")}) {
				Ipv4 ip = packet::datagram(message(type, type & 15), sum);
				ip.destination = destination;
				wire.send(ip);
				sent++;
			}
		}
	}
	wire.receive_all();
	auto stat = *counters::icmpx();
	expect_equal(stat["packets_in"], sent, "packets_in");
	expect(counters::outcomes_equal_packets_in(stat),
	       "outcomes add up to packets_in: " + counters::text(stat));
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc1122_3_2_2_every_type", every_type},
			{"every_type_with_another_code", every_type_with_another_code},
			{"rfc792_every_type_with_wrong_checksum", every_type_with_wrong_checksum},
			{"rfc1122_3_2_2_every_type_by_subnet_broadcast",
			 [] {
				 every_type_to(packet::ipv4("10.0.0.255"), Cast::broadcast);
			 }},
			{"rfc1122_3_2_2_every_type_by_limited_broadcast",
			 [] {
				 every_type_to(packet::ipv4("255.255.255.255"), Cast::broadcast);
			 }},
			{"rfc1122_3_2_2_every_type_by_multicast",
			 [] {
				 every_type_to(packet::ipv4("224.0.0.1"), Cast::multicast);
			 }},
			{"rfc8335_probe_by_broadcast", probe_by_broadcast},
			{"rfc1812_4_3_3_6_echo_ignore_all", echo_ignore_all},
			{"rfc792_truncated_header", truncated_header},
			{"rfc1122_3_2_2_order_of_the_checks", order_of_the_checks},
			{"outcomes_equal_packets_in", outcomes_equal_packets_in},
		});
}
