// SPDX-License-Identifier: GPL-2.0-only
//
// Which of the 256 types of ICMPv6 is handled how, and what is counted, in the namespace and on the device (RFC 4443, 2.4;
// RFC 8335): every type to this machine and to a group; messages too short to have one.

#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <string>

using counters::Values;
using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet6::Ipv6;
using wire::Cast;
using wire6::Wire;

namespace {

constexpr unsigned first_informational = 128;

bool is_error(unsigned type) { return type < first_informational; }

/// The outcome of messages that the built-in code gets as they came in, whatever is wrong with them; none for others.
const char *handed_on(unsigned type)
{
	switch (type) {
	case packet6::router_solicitation:
	case packet6::router_advertisement:
	case packet6::neighbour_solicitation:
	case packet6::neighbour_advertisement:
	case packet6::redirect:
		return "pass_nd";
	case packet6::mld_query:
	case packet6::mld_report:
	case packet6::mld_done:
	case packet6::mld2_report:
		return "pass_mld";
	default:
		return nullptr;
	}
}

/// Assigned by IANA, and of no use to a host: node information, mobile prefixes, and the like.
bool is_assigned(unsigned type)
{
	constexpr unsigned router_renumbering = 138, last = 161;

	return type < first_informational + 10 || (type >= router_renumbering && type <= last);
}

/// A message of @p type that has all that its type needs: the start of a datagram from here to a port nobody asked.
packet6::Icmp message(unsigned type, unsigned code = 0)
{
	Ipv6 embedded;

	embedded.source = packet6::server;
	embedded.destination = packet6::client;
	embedded.protocol = packet6::udp;
	embedded.payload = {0x30, 0x39, 0x30, 0x3a, 0, 8, 0, 0};
	return {.type = static_cast<std::uint8_t>(type),
		.code = static_cast<std::uint8_t>(code),
		.rest = 0x00070100,
		.data = embedded.build()};
}

struct Expected {
	Values counted;
	const char *outcome;
	bool answered = false;
};

/// A message of @p type whose checksum is right, everything else at its default. Neither its code nor whether it is for a
/// group matters.
Expected expected_for(unsigned type)
{
	const Values counted = counters6::in(type);

	if (type == packet6::echo)
		return {counters6::one_echo(), "reply", true};
	if (type == packet6::extended_echo)
		return {counted, "ignore_probe"};
	// UDP knows nobody who would like to hear of it, and counts that as ICMP's error.
	if (is_error(type))
		return {counters::sum(counted, {{"Icmp6InErrors", 1}}), "deliver_error_udp"};
	// Of ND and MLD, these are not what they would have to be: from a neighbour, that is with a hop limit of 255, or with a
	// router alert.
	if (handed_on(type))
		return {counted, handed_on(type)};
	if (type == packet6::echo_reply || type == packet6::extended_echo_reply)
		return {counted, "drop_no_socket"};
	return {counted, is_assigned(type) ? "ignore_type" : "drop_unknown_type"};
}

Expected expected_for_wrong_checksum(unsigned type)
{
	return {{{"Icmp6InMsgs", 1}, {"Icmp6InErrors", 1}, {"Icmp6InCsumErrors", 1}},
		handed_on(type) ? handed_on(type) : "drop_checksum"};
}

Expected expected_for_truncated(unsigned type)
{
	return {{{"Icmp6InMsgs", 1}, {"Icmp6InErrors", 1}},
		handed_on(type) ? handed_on(type) : "drop_truncated"};
}

void expect_handled(const Wire &wire, const Ipv6 &ip, Cast cast, const Expected &expected,
		    const std::string &what, const wire::Where &where = wire::Where::current())
{
	Change change;

	wire.send(ip, cast);
	auto answer = wire6::next_answer(
		wire, expected.answered ? wire::patience : wire::milliseconds(0), where);
	expect_equal(answer.has_value(), expected.answered, what + ": answered", where);
	change.expect_icmp(expected.counted, what, where);
	change.expect_outcomes({{expected.outcome, 1}}, what, where);
}

void every_type_to(const packet6::Address &destination, Cast cast)
{
	auto wire = wire6::new_server();

	for (unsigned code : {0, 1, 255}) {
		for (unsigned type = 0; type < 256; type++)
			expect_handled(wire,
				       packet6::datagram(message(type, code),
							 {.destination = destination}),
				       cast, expected_for(type),
				       "type " + std::to_string(type) + ", code " +
					       std::to_string(code));
	}
	expect(!wire.receive<Ipv6>(wire::silence), "no more answers");
}

void every_type_with_wrong_checksum()
{
	auto wire = wire6::new_server();

	for (unsigned type = 0; type < 256; type++)
		expect_handled(wire, packet6::datagram(message(type), {}, packet6::Checksum::wrong),
			       Cast::unicast, expected_for_wrong_checksum(type),
			       "type " + std::to_string(type) + ", wrong checksum");
	// One bit, wherever it is.
	for (unsigned bit = 0; bit < 56 * 8; bit += bit < 64 ? 1 : 5) {
		Ipv6 ip = packet6::datagram(message(packet6::echo));
		ip.payload.at(bit / 8) ^= static_cast<std::uint8_t>(1 << bit % 8);
		expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(ip.payload[0]),
			       "echo request, bit " + std::to_string(bit) + " flipped");
	}
	expect(!wire.receive<Ipv6>(wire::silence), "no answers");
}

/// RFC 8200, 8.1: what the checksum is of includes where the message came from and where it went.
void checksum_of_other_addresses()
{
	auto wire = wire6::new_server();
	Ipv6 ip = packet6::datagram(message(packet6::echo));

	ip.source = packet6::ipv6("fd00::3");
	expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(packet6::echo),
		       "another source");
	ip = packet6::datagram(message(packet6::echo), {.destination = packet6::ipv6("fd00::9")});
	ip.destination = packet6::server;
	expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(packet6::echo),
		       "another destination");
	// As IPv4 has it, of nothing but the message.
	ip = packet6::datagram(message(packet6::echo));
	ip.payload = message(packet6::echo).build();
	expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(packet6::echo),
		       "no pseudo header");
}

void echo_ignore_all()
{
	auto wire = wire6::new_server();

	host::set_sysctl("net/ipv6/icmp/echo_ignore_all", 1);
	for (unsigned type = 0; type < 256; type++) {
		Expected expected = expected_for(type);
		if (type == packet6::echo || type == packet6::extended_echo)
			expected = {counters6::in(type), "ignore_echo"};
		expect_handled(wire, packet6::datagram(message(type)), Cast::unicast, expected,
			       "type " + std::to_string(type) + ", echo_ignore_all = 1");
	}
}

/// @p bytes in which the word at @p at is such that the sum over them and a pseudo header is right.
Ipv6 with_right_sum(Bytes bytes, std::size_t at)
{
	Ipv6 ip;

	bytes.at(at) = bytes.at(at + 1) = 0;
	std::uint16_t sum = packet::checksum(
		bytes, packet6::pseudo_header(ip.source, ip.destination, bytes.size()));
	bytes[at] = static_cast<std::uint8_t>(sum >> 8);
	bytes[at + 1] = static_cast<std::uint8_t>(sum);
	ip.payload = bytes;
	return ip;
}

void truncated_header()
{
	auto wire = wire6::new_server();
	Ipv6 ip;

	ip.payload.clear();
	expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(0), "no bytes");
	for (unsigned type = 0; type < 256; type++) {
		const std::string of_type = ", type " + std::to_string(type);
		Bytes bytes{static_cast<std::uint8_t>(type)};

		ip.payload = bytes;
		expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(type),
			       "1 byte" + of_type);
		for (std::size_t size : {4, 7}) {
			bytes.resize(size, 0x5a);
			ip = with_right_sum(bytes, 2);
			expect_handled(wire, ip, Cast::unicast, expected_for_truncated(type),
				       std::to_string(size) + " bytes" + of_type);
			ip.payload[2] ^= 1;
			expect_handled(wire, ip, Cast::unicast, expected_for_wrong_checksum(type),
				       std::to_string(size) + " bytes, wrong" + of_type);
		}
	}
	// So short that the type is a part of the sum.
	for (std::size_t size : {2, 3}) {
		ip = with_right_sum(Bytes(size, 0x5a), 0);
		expect_handled(wire, ip, Cast::unicast, expected_for_truncated(ip.payload[0]),
			       std::to_string(size) + " bytes");
	}
	for (std::size_t size : {5, 6, 8}) {
		Bytes bytes(size, 1);
		bytes[0] = packet6::echo;
		bytes[1] = 0;
		// With 8 bytes there is a header.
		expect_handled(wire, with_right_sum(bytes, 2), Cast::unicast,
			       size < 8 ? expected_for_truncated(packet6::echo)
					: expected_for(packet6::echo),
			       std::to_string(size) + " bytes");
	}
}

/// Errors that quote too little to say what they are about.
void truncated_errors()
{
	auto wire = wire6::new_server();

	for (unsigned type : {0U, 1U, 2U, 3U, 4U, 5U, 100U, 127U}) {
		const Values counted = counters::sum(counters6::in(type), {{"Icmp6InErrors", 1}});
		packet6::Icmp error = message(type);

		for (std::size_t size = 0; size < 48; size += size < 38 ? 13 : 1) {
			error.data = message(type).data;
			error.data.resize(size);
			expect_handled(wire, packet6::datagram(error), Cast::unicast,
				       {counted, size < 40 ? "drop_truncated" : "drop_embedded"},
				       "type " + std::to_string(type) + ", " +
					       std::to_string(size) + " bytes quoted");
		}
	}
}

/// Whatever came in since the namespace was made has had an outcome, one.
void outcomes_equal_packets_in()
{
	host::need_icmpx6();
	auto wire = wire6::new_server();
	std::int64_t sent = 0;

	for (unsigned type = 0; type < 256; type += 5) {
		for (auto sum : {packet6::Checksum::right, packet6::Checksum::wrong}) {
			for (const auto &destination : {packet6::server, packet6::all_nodes}) {
				wire.send(packet6::datagram(message(type, type & 15),
							    {.destination = destination}, sum));
				sent++;
			}
		}
	}
	wire.receive_all<Ipv6>();
	auto stat = *counters6::icmpx();
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
			{"rfc4443_2_4_every_type",
			 [] {
				 every_type_to(packet6::server, Cast::unicast);
			 }},
			{"rfc4443_2_4_every_type_by_multicast",
			 [] {
				 every_type_to(packet6::all_nodes, Cast::multicast);
			 }},
			{"rfc4443_2_3_every_type_with_wrong_checksum",
			 every_type_with_wrong_checksum},
			{"rfc8200_8_1_checksum_of_other_addresses", checksum_of_other_addresses},
			{"echo_ignore_all", echo_ignore_all},
			{"rfc4443_2_1_truncated_header", truncated_header},
			{"rfc4443_2_4_truncated_errors", truncated_errors},
			{"outcomes_equal_packets_in", outcomes_equal_packets_in},
		});
}
