// SPDX-License-Identifier: GPL-2.0-only
//
// Echo over IPv6 (RFC 4443, section 4): what was sent comes back, in a datagram that is the kernel's own.

#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <vector>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet6::Ipv6;
using wire::expect_echo_reply;
using wire::require_answer;
using wire6::next_answer;
using wire6::Wire;

namespace {

constexpr std::uint16_t id = 0xbeef;

Ipv6 ping(std::uint16_t sequence, std::size_t size)
{
	return packet6::datagram(packet6::echo_request(id, sequence, packet::pattern(size)));
}

void data_of_every_small_size()
{
	auto wire = wire6::new_server();

	for (std::uint16_t size = 0; size <= 130; size++) {
		Ipv6 request = ping(size, size);
		auto answer = require_answer(wire, request);

		expect_echo_reply(answer, request);
		expect(answer.ip.extensions.empty(), "no extension headers");
	}
}

void counted_once()
{
	auto wire = wire6::new_server();

	for (std::size_t size : {0, 56, 1452}) {
		Change change;
		const auto before = counters6::snmp("wire0");
		require_answer(wire, ping(1, size));
		change.expect_icmp(counters6::one_echo(), "one request, one reply");
		change.expect_outcomes({{"reply", 1}}, "one request");
		for (auto moved :
		     {change.snmp(), counters::difference(before, counters6::snmp("wire0"))}) {
			const auto octets = static_cast<std::int64_t>(48 + size);

			expect_equal(moved["Ip6InReceives"], 1, "Ip6InReceives");
			expect_equal(moved["Ip6InDelivers"], 1, "Ip6InDelivers");
			expect_equal(moved["Ip6InOctets"], octets, "Ip6InOctets");
			expect_equal(moved["Ip6OutRequests"], 1, "Ip6OutRequests");
			expect_equal(moved["Ip6OutOctets"], octets, "Ip6OutOctets");
		}
	}
}

/// RFC 4443 leaves it open; the built-in code returns all eight bits, congestion marks included.
void traffic_class_is_returned()
{
	auto wire = wire6::new_server();

	for (unsigned traffic_class = 0; traffic_class < 256; traffic_class++) {
		Ipv6 request = ping(7, 8);
		request.traffic_class = static_cast<std::uint8_t>(traffic_class);
		expect_equal(require_answer(wire, request).ip.traffic_class, traffic_class,
			     "traffic class");
	}
}

void expect_hop_limit(const Wire &wire, unsigned expected, const char *what,
		      const wire::Where &where = wire::Where::current())
{
	for (std::uint8_t of_request : {1, 3, 255}) {
		Ipv6 request = ping(8, 8);

		request.hop_limit = of_request;
		expect_equal(require_answer(wire, request).ip.hop_limit, expected, what, where);
	}
}

void hop_limit()
{
	auto wire = wire6::new_server();

	expect_hop_limit(wire, 64, "default hop limit");
	host::set_sysctl("net/ipv6/conf/all/hop_limit", 77);
	expect_hop_limit(wire, 64, "hop limit of the device, not of all");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 33);
	expect_hop_limit(wire, 33, "hop limit of the device");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 255);
	expect_hop_limit(wire, 255, "largest hop limit");
	host::run("ip -6 route add fd00::1/128 dev wire0 hoplimit 7");
	expect_hop_limit(wire, 7, "hop limit of the route");
	host::run("ip -6 route delete fd00::1/128 dev wire0 hoplimit 7");
	expect_hop_limit(wire, 255, "hop limit of the device again");
}

/// Ethernet pads short frames; what is behind the datagram is not part of it.
void padding_of_the_frame_is_not_echoed()
{
	auto wire = wire6::new_server();

	for (std::size_t padding : {1, 33}) {
		Ipv6 request = ping(10, 3);
		Bytes bytes = request.build();

		bytes.insert(bytes.end(), padding, 0xee);
		wire.send_bytes(bytes);
		expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), request);
	}
}

void code_of_the_request_is_returned()
{
	auto wire = wire6::new_server();

	for (std::uint8_t code : {1, 77, 255}) {
		packet6::Icmp message = packet6::echo_request(id, 11, packet::pattern(8));

		message.code = code;
		Ipv6 request = packet6::datagram(message);
		expect_echo_reply(require_answer(wire, request), request);
	}
}

std::uint16_t checksum_of(const Ipv6 &ip) { return packet::get16(ip.payload, 2); }

/// The second word of an empty echo message of @p type to or from the server whose checksum is @p sum.
std::uint16_t word_for_checksum(packet6::Type type, std::uint16_t sum)
{
	const packet6::Icmp message{.type = type, .code = 0, .rest = 0, .data = {}};
	const std::uint32_t without =
		static_cast<std::uint16_t>(~checksum_of(packet6::datagram(message)));

	return packet::checksum({}, without + sum);
}

/// RFC 1624: an incremental update ends with the one form that a checksum has. The pseudo header is never zero, so the sum
/// is never +0, and the checksum never 0xffff.
void checksum_at_the_edges_of_ones_complement()
{
	auto wire = wire6::new_server();

	for (packet6::Type type : {packet6::echo, packet6::echo_reply}) {
		for (std::uint16_t sum :
		     {0x0000, 0x0001, 0x00ff, 0x0100, 0x0101, 0x7fff, 0x8000, 0xfeff, 0xfffe}) {
			for (std::uint16_t high : {0x0000, 0xffff}) {
				// 0xffff adds nothing, but is no zero.
				Ipv6 request =
					packet6::datagram({.type = packet6::echo,
							   .code = 0,
							   .rest = std::uint32_t{high} << 16 |
								   word_for_checksum(type, sum),
							   .data = {}});
				auto answer = require_answer(wire, request);

				expect_equal(
					checksum_of(type == packet6::echo ? request : answer.ip),
					sum, "the checksum to test with");
				expect_echo_reply(answer, request);
				expect(checksum_of(answer.ip) != 0xffff, "no checksum is 0xffff");
			}
		}
	}
}

/// No sender writes 0xffff for 0, but a receiver cannot tell them apart (RFC 1071): the reply is right all the same.
void checksum_of_the_request_is_all_ones()
{
	auto wire = wire6::new_server();
	Ipv6 request = packet6::datagram({.type = packet6::echo,
					  .code = 0,
					  .rest = word_for_checksum(packet6::echo, 0),
					  .data = {}});

	expect_equal(checksum_of(request), 0, "the checksum to replace");
	request.payload[2] = request.payload[3] = 0xff;
	auto answer = require_answer(wire, request);
	expect_echo_reply(answer, request);
	expect_equal(checksum_of(answer.ip), 0xfeff, "checksum");
}

void all_zero_data()
{
	auto wire = wire6::new_server();

	for (std::size_t size : {0, 1, 2, 56, 57}) {
		Ipv6 request = packet6::datagram(packet6::echo_request(0, 0, Bytes(size)));

		expect_echo_reply(require_answer(wire, request), request);
	}
}

void every_identifier_and_sequence_number_bit()
{
	auto wire = wire6::new_server();

	for (std::uint32_t bit = 0; bit < 32; bit++) {
		for (std::uint32_t rest : {1U << bit, ~(1U << bit)}) {
			Ipv6 request = packet6::datagram({.type = packet6::echo,
							  .code = 0,
							  .rest = rest,
							  .data = packet::pattern(5)});
			expect_echo_reply(require_answer(wire, request), request);
		}
	}
}

/// Two requests on their way at the same time do not share anything.
void burst_of_requests_each_with_its_own_reply()
{
	auto wire = wire6::new_server();
	constexpr std::uint16_t count = 200;
	Change change;

	for (std::uint16_t sequence = 0; sequence < count; sequence++)
		wire.send(ping(sequence, sequence));
	for (std::uint16_t sequence = 0; sequence < count; sequence++) {
		auto answer = ktap::require_value(next_answer(wire), "an answer");
		expect_echo_reply(answer, ping(sequence, sequence));
	}
	change.expect_icmp(counters::sum(counters6::in(packet6::echo, count),
					 counters6::out(packet6::echo_reply, count)),
			   "requests");
	change.expect_outcomes({{"reply", count}}, "requests");
}

std::uint32_t label_of_reply(const Wire &wire, std::uint16_t sequence, std::size_t size = 8)
{
	Ipv6 request = ping(sequence, size);

	request.flow_label = 0x12345;
	for (const Ipv6 &part : packet6::fragment(request, 1280))
		wire.send(part);
	return ktap::require_value(next_answer(wire), "an answer").ip.flow_label;
}

/// RFC 6437: a flow has one label, which says nothing of what is in it; the request's own is the requester's affair.
void flow_label_of_a_flow()
{
	auto wire = wire6::new_server();
	std::vector<std::uint32_t> labels;

	expect_equal(host::sysctl("net/ipv6/auto_flowlabels"), "1", "auto_flowlabels");
	for (int value : {1, 3}) {
		host::set_sysctl("net/ipv6/auto_flowlabels", value);
		for (std::uint16_t sequence : {1, 2, 3})
			labels.push_back(label_of_reply(wire, sequence));
		labels.push_back(label_of_reply(wire, 1, 1232));
		labels.push_back(label_of_reply(wire, 1, 4000));
	}
	expect(labels.front() != 0, "a label");
	for (std::uint32_t label : labels)
		expect_equal(label, labels.front(), "the flow's label");

	// RFC 6437 has 20 bits: of 32 peers, not all have the same.
	labels.clear();
	for (std::uint8_t peer = 1; peer <= 32; peer++) {
		packet6::Address from = packet6::client;

		from[14] = peer;
		labels.push_back(require_answer(wire, packet6::datagram(packet6::echo_request(1, 1),
									{.source = from}))
					 .ip.flow_label);
	}
	std::ranges::sort(labels);
	expect(labels.front() != labels.back(), "labels of other flows");
}

/// 0 is never, 2 is for sockets that ask for it.
void flow_label_switched_off()
{
	auto wire = wire6::new_server();

	label_of_reply(wire, 1);
	for (int value : {0, 2}) {
		host::set_sysctl("net/ipv6/auto_flowlabels", value);
		for (std::uint16_t sequence : {1, 2})
			expect_equal(label_of_reply(wire, sequence), 0U,
				     "label, auto_flowlabels = " + std::to_string(value));
	}
	host::set_sysctl("net/ipv6/auto_flowlabels", 1);
	expect(label_of_reply(wire, 1) != 0, "label, auto_flowlabels = 1");
}

/// ip-sysctl: flowlabel_reflect, a bit each for established, for closed connections, and for echo replies.
void flow_label_is_reflected()
{
	auto wire = wire6::new_server();
	const std::uint32_t own = label_of_reply(wire, 1);

	ktap::require(own != 0x12345, "another label than the request's");
	for (int value = 0; value < 8; value++) {
		host::set_sysctl("net/ipv6/flowlabel_reflect", value);
		for (std::size_t size : {8, 4000})
			expect_equal(label_of_reply(wire, 1, size), value & 4 ? 0x12345U : own,
				     "label, flowlabel_reflect = " + std::to_string(value));
	}
	// Nothing to reflect: the label is the flow's.
	expect_equal(require_answer(wire, ping(1, 8)).ip.flow_label, own, "label of an unlabelled");
	host::set_sysctl("net/ipv6/auto_flowlabels", 0);
	expect_equal(require_answer(wire, ping(1, 8)).ip.flow_label, 0U, "no label");
	expect_equal(label_of_reply(wire, 1), 0x12345U, "label, auto_flowlabels = 0");
	// All twenty bits.
	for (std::uint32_t label : {0x00001U, 0x80000U, 0xfffffU, 0x5a5a5U}) {
		Ipv6 request = ping(1, 8);

		request.flow_label = label;
		request.traffic_class = 0xff;
		auto answer = require_answer(wire, request);
		expect_equal(answer.ip.flow_label, label, "label");
		expect_equal(answer.ip.traffic_class, 0xff, "traffic class");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4443_4_data_of_every_small_size", data_of_every_small_size},
			{"rfc4443_4_identifier_and_sequence_number",
			 every_identifier_and_sequence_number_bit},
			{"rfc4443_4_code_of_the_request", code_of_the_request_is_returned},
			{"traffic_class_is_returned", traffic_class_is_returned},
			{"hop_limit", hop_limit},
			{"rfc6437_flow_label_of_a_flow", flow_label_of_a_flow},
			{"flow_label_switched_off", flow_label_switched_off},
			{"flow_label_is_reflected", flow_label_is_reflected},
			{"padding_of_the_frame_is_not_echoed", padding_of_the_frame_is_not_echoed},
			{"rfc1624_checksum_at_the_edges", checksum_at_the_edges_of_ones_complement},
			{"rfc1071_checksum_of_the_request_is_all_ones",
			 checksum_of_the_request_is_all_ones},
			{"all_zero_data", all_zero_data},
			{"burst_of_requests_each_with_its_own_reply",
			 burst_of_requests_each_with_its_own_reply},
			{"counted_once", counted_once},
		});
}
