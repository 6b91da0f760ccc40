// SPDX-License-Identifier: GPL-2.0-only
//
// Echo (RFC 792, RFC 1122 section 3.2.2.6): what was sent comes back, in a datagram that is the kernel's own.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <set>

using counters::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;

namespace {

constexpr std::uint16_t id = 0xbeef;

Ipv4 ping(std::uint16_t sequence, std::size_t size)
{
	return packet::datagram(packet::echo_request(id, sequence, packet::pattern(size)));
}

const counters::Values one_echo = counters::sum(
	{{"Icmp.InMsgs", 1}, {"Icmp.InEchos", 1}, {"IcmpMsg.InType8", 1}}, counters::one_reply());

void data_of_every_small_size()
{
	auto wire = wire::new_server();

	for (std::uint16_t size = 0; size <= 130; size++) {
		Ipv4 request = ping(size, size);
		expect_echo_reply(require_answer(wire, request), request);
	}
}

void counted_once()
{
	auto wire = wire::new_server();

	for (std::size_t size : {0, 56, 1472}) {
		Change change;
		require_answer(wire, ping(1, size));
		change.expect_icmp(one_echo, "one request, one reply");
		change.expect_outcomes({{"reply", 1}}, "one request");
	}
}

/// The sizes around which implementations change their mind: odd, an MTU's worth, one more, 64 KiB.
void data_of_typical_and_extreme_sizes_in_fragments()
{
	auto wire = wire::new_server();

	for (std::size_t size : {0, 1, 7, 8, 56, 1400, 1472, 1473, 8972, 65507}) {
		Ipv4 request = ping(static_cast<std::uint16_t>(size), size);
		Change change;

		for (const Ipv4 &part : packet::fragment(request, 1500))
			wire.send(part);
		auto answer = ktap::require_value(
			next_answer(wire), "an answer to " + std::to_string(size) + " bytes");
		expect_echo_reply(answer, request);
		expect(!answer.ip.df, "reply without DF");
		change.expect_icmp(one_echo, "one reassembled request");
		change.expect_outcomes({{"reply", 1}}, "one reassembled request");
	}
}

void fragments_out_of_order()
{
	auto wire = wire::new_server();

	for (std::size_t size : {1473, 8972, 65507}) {
		Ipv4 request = ping(2, size);
		auto parts = packet::fragment(request, 1500);

		std::ranges::reverse(parts);
		std::ranges::swap(parts.front(), parts[parts.size() / 2]);
		for (const Ipv4 &part : parts)
			wire.send(part);
		expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), request);
	}
}

void missing_fragment_no_reply()
{
	auto wire = wire::new_server();
	auto parts = packet::fragment(ping(3, 4000), 1500);
	Change change;

	wire.send(parts[0]);
	wire.send(parts[2]);
	expect(!next_answer(wire, wire::silence), "no answer to part of a request");
	change.expect_icmp({}, "part of a request");
	change.expect_outcomes({}, "part of a request");
}

/// Datagrams in one piece through a device with an MTU of 64 KiB.
void whole_datagrams_of_64_kib()
{
	auto wire = wire::new_server({.ethernet = false}, 65535);

	for (std::size_t size : {1473, 8972, 65506, 65507}) {
		Ipv4 request = ping(4, size);
		expect_echo_reply(require_answer(wire, request), request);
	}
}

/// How a stack cuts a datagram is its own affair, but the built-in code fills each fragment to a multiple of 8.
void reply_over_the_mtu_is_fragmented()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(5, 8972);
	Change change;

	request.df = true;
	wire.send(request);
	auto parts = wire.receive_all();
	ktap::require_equal(parts.size(), 7U, "fragments");
	for (std::size_t i = 0; i < parts.size(); i++) {
		expect_equal(parts[i].fragment_offset, i * 1480, "offset");
		expect_equal(parts[i].mf, i + 1 < parts.size(), "more fragments");
		expect_equal(parts[i].payload.size(), i + 1 < parts.size() ? 1480U : 100U,
			     "size of fragment");
		expect(!parts[i].df, "no DF");
	}
	auto whole = ktap::require_value(packet::reassemble(parts), "all fragments");
	expect_equal(whole.payload.size(), 8980U, "size of reply");
	change.expect_icmp(one_echo, "a reply in fragments is one reply");
	change.expect_outcomes({{"reply", 1}}, "a reply in fragments");
	if (auto stat = change.icmpx())
		expect_equal((*stat)["fragmented_replies"], 1, "fragmented_replies");
}

void reply_fits_the_routes_mtu()
{
	auto wire = wire::new_server();

	host::run("ip route add 10.0.0.1/32 dev wire0 mtu 600");
	Ipv4 request = ping(6, 1400);
	wire.send(request);
	auto parts = wire.receive_all();
	ktap::require_equal(parts.size(), 3U, "fragments");
	for (const Ipv4 &part : parts)
		expect(part.payload.size() + 20 <= 600, "fragment within the route's MTU");
	auto whole = ktap::require_value(packet::reassemble(parts), "all fragments");
	auto icmp = ktap::require_value(packet::parse_icmp(whole.payload), "a message");
	expect_echo_reply({whole, icmp}, request);
}

/// RFC 1122, 3.2.2.6 leaves it open; the built-in code returns all eight bits, congestion marks included.
void tos_is_returned()
{
	auto wire = wire::new_server();

	for (unsigned tos = 0; tos < 256; tos++) {
		Ipv4 request = ping(7, 8);
		request.tos = static_cast<std::uint8_t>(tos);
		expect_equal(require_answer(wire, request).ip.tos, tos, "TOS");
	}
}

void ttl_is_ip_default_ttl()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(8, 8);

	request.ttl = 3;
	expect_equal(require_answer(wire, request).ip.ttl, 64, "default TTL");
	host::set_sysctl("net/ipv4/ip_default_ttl", 33);
	expect_equal(require_answer(wire, request).ip.ttl, 33, "TTL after ip_default_ttl = 33");
	host::run("ip route add 10.0.0.1/32 dev wire0 hoplimit 7");
	expect_equal(require_answer(wire, request).ip.ttl, 7, "TTL of the route");
}

void reply_has_no_df()
{
	auto wire = wire::new_server();

	for (std::size_t size : {0, 56, 1472}) {
		for (bool df : {false, true}) {
			Ipv4 request = ping(9, size);
			request.df = df;
			expect(!require_answer(wire, request).ip.df, "reply without DF");
		}
	}
	host::set_sysctl("net/ipv4/ip_no_pmtu_disc", 1);
	expect(!require_answer(wire, ping(9, 56)).ip.df, "reply without DF, ip_no_pmtu_disc = 1");
}

/// RFC 6864: what is fragmented must not have the identification of another datagram that may be on its way, even if it
/// answers the same request once more.
void fragments_of_small_replies_are_told_apart()
{
	auto wire = wire::new_server({}, 300);
	std::set<std::uint16_t> identifications;

	for (int i = 0; i < 4; i++) {
		Ipv4 request = ping(1, 400);
		request.id = 0;
		wire.send(request);
		auto reply = ktap::require_value(wire.receive(), "first fragment");
		ktap::expect(reply.mf, "it is a fragment");
		identifications.insert(reply.id);
		ktap::expect(wire.receive().has_value(), "second fragment");
	}
	expect_equal(identifications.size(), 4U, "identifications of four replies");
}

/// Ethernet pads short frames; what is behind the datagram is not part of it.
void padding_of_the_frame_is_not_echoed()
{
	auto wire = wire::new_server();
	Ipv4 request = ping(10, 3);
	Bytes bytes = request.build();

	bytes.insert(bytes.end(), 33, 0xee);
	wire.send_bytes(bytes);
	expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), request);
}

void code_of_the_request_is_returned()
{
	auto wire = wire::new_server();
	packet::Icmp message = packet::echo_request(id, 11, packet::pattern(8));

	message.code = 77;
	Ipv4 request = packet::datagram(message);
	expect_echo_reply(require_answer(wire, request), request);
}

/// RFC 1624: an incremental update must not turn 0xffff, the checksum of zeros, into 0, nor the other way round.
void checksum_at_the_edges_of_ones_complement()
{
	auto wire = wire::new_server();
	auto echo = [&](std::uint32_t rest, const Bytes &data) {
		Ipv4 request = packet::datagram({.type = 8, .code = 0, .rest = rest, .data = data});
		expect_echo_reply(require_answer(wire, request), request);
	};

	for (std::uint32_t word : {1U, 0xffffU, 0xffff0000U, 0xf7ffU, 0xf800U, 0x07ffU, 0x0800U,
				   0x0801U, 0xf7feU, 0xf7ff0001U})
		echo(word, {});
	echo(0xf7fe, {0x00, 0x01});
	// Both 0 and 0xffff are right where the rest adds up to -0: the one that a sender would not choose.
	Ipv4 request = packet::datagram({.type = 8, .code = 0, .rest = 0xf7ff, .data = {}});
	expect_equal(packet::get16(request.payload, 2), 0, "the checksum to replace");
	request.payload[2] = request.payload[3] = 0xff;
	expect_echo_reply(require_answer(wire, request), request);
}

/// The sum of an all-zero message is 0, its checksum 0xffff (RFC 792); with 0 a receiver would find it wrong. The
/// built-in code sends 0, since it begins to add with -0.
void checksum_of_an_all_zero_reply()
{
	auto wire = wire::new_server();

	if (!host::has_icmpx())
		ktap::skip("the built-in code sends a wrong checksum");
	for (std::size_t size : {0, 1, 56, 57}) {
		Ipv4 request = packet::datagram(packet::echo_request(0, 0, Bytes(size)));
		auto answer = require_answer(wire, request);
		expect_equal(packet::get16(answer.ip.payload, 2), 0xffff, "checksum");
	}
}

void every_identifier_and_sequence_number_bit()
{
	auto wire = wire::new_server();

	for (std::uint32_t bit = 0; bit < 32; bit++) {
		for (std::uint32_t rest : {1U << bit, ~(1U << bit)}) {
			Ipv4 request = packet::datagram(
				{.type = 8, .code = 0, .rest = rest, .data = packet::pattern(5)});
			expect_echo_reply(require_answer(wire, request), request);
		}
	}
}

/// Two requests on their way at the same time do not share anything.
void burst_of_requests_each_with_its_own_reply()
{
	auto wire = wire::new_server();
	constexpr std::uint16_t count = 200;
	Change change;

	for (std::uint16_t sequence = 0; sequence < count; sequence++)
		wire.send(ping(sequence, sequence));
	for (std::uint16_t sequence = 0; sequence < count; sequence++) {
		auto answer = ktap::require_value(next_answer(wire), "an answer");
		expect_echo_reply(answer, ping(sequence, sequence));
	}
	change.expect_outcomes({{"reply", count}}, "requests");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc792_data_of_every_small_size", data_of_every_small_size},
			{"rfc792_identifier_and_sequence_number",
			 every_identifier_and_sequence_number_bit},
			{"rfc792_code_of_the_request", code_of_the_request_is_returned},
			{"rfc1122_3_2_2_6_sizes_up_to_65507_in_fragments",
			 data_of_typical_and_extreme_sizes_in_fragments},
			{"rfc1122_3_3_2_fragments_out_of_order", fragments_out_of_order},
			{"rfc1122_3_3_2_missing_fragment_no_reply", missing_fragment_no_reply},
			{"rfc1122_3_2_2_6_whole_datagrams_of_64_kib", whole_datagrams_of_64_kib},
			{"rfc1122_3_3_3_reply_over_the_mtu_is_fragmented",
			 reply_over_the_mtu_is_fragmented},
			{"reply_fits_the_mtu_of_the_route", reply_fits_the_routes_mtu},
			{"tos_and_ecn_bits_are_returned", tos_is_returned},
			{"rfc1122_3_2_1_7_ttl_is_ip_default_ttl", ttl_is_ip_default_ttl},
			{"reply_has_no_df", reply_has_no_df},
			{"rfc6864_fragments_of_small_replies_are_told_apart",
			 fragments_of_small_replies_are_told_apart},
			{"padding_of_the_frame_is_not_echoed", padding_of_the_frame_is_not_echoed},
			{"rfc1624_checksum_at_the_edges", checksum_at_the_edges_of_ones_complement},
			{"rfc792_checksum_of_an_all_zero_reply", checksum_of_an_all_zero_reply},
			{"burst_of_requests_each_with_its_own_reply",
			 burst_of_requests_each_with_its_own_reply},
			{"counted_once", counted_once},
		});
}
