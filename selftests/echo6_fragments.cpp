// SPDX-License-Identifier: GPL-2.0-only
//
// Fragments (RFC 8200, section 4.5) of echo requests over IPv6, and of their replies: how a requester cut its request says
// nothing about how the reply is cut.

#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <string>
#include <vector>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet6::Ipv6;
using wire::expect_echo_reply;
using wire::require_answer;
using wire6::next_answer;

namespace {

Ipv6 ping(std::uint16_t sequence, std::size_t size)
{
	return packet6::datagram(packet6::echo_request(0x78, sequence, packet::pattern(size)));
}

/// A minor MTU; the usual one; one that is no multiple of 8; one of jumbo frames.
void sizes_up_to_64_kib_in_fragments()
{
	for (unsigned mtu : {1280U, 1500U, 1501U, 9000U}) {
		auto wire = wire6::new_server({}, mtu);

		for (std::size_t size : {0, 1, 7, 8, 56, 1232, 1233, 1400, 1452, 1453, 8952, 8953,
					 32768, 65519, 65527}) {
			Ipv6 request = ping(static_cast<std::uint16_t>(size), size);
			const std::string what =
				std::to_string(size) + " bytes, MTU " + std::to_string(mtu);
			Change change;

			for (const Ipv6 &part : packet6::fragment(request, mtu))
				wire.send(part);
			auto answer = ktap::require_value(next_answer(wire), what);
			expect_echo_reply(answer, request);
			change.expect_icmp(counters6::one_echo(), what);
			change.expect_outcomes({{"reply", 1}}, what);
		}
	}
}

void fragments_out_of_order()
{
	auto wire = wire6::new_server();

	for (std::size_t size : {1453, 8952, 65527}) {
		Ipv6 request = ping(2, size);
		auto parts = packet6::fragment(request, 1500);

		std::ranges::reverse(parts);
		std::ranges::swap(parts.front(), parts[parts.size() / 2]);
		for (const Ipv6 &part : parts)
			wire.send(part);
		expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), request);
	}
}

void missing_fragment_no_reply()
{
	auto wire = wire6::new_server();
	auto parts = packet6::fragment(ping(3, 4000), 1500);
	Change change;

	wire.send(parts[0]);
	wire.send(parts[2]);
	expect(!next_answer(wire, wire::silence), "no answer to part of a request");
	change.expect_icmp({}, "part of a request");
	change.expect_outcomes({}, "part of a request");
}

/// RFC 5722: a datagram whose fragments overlap is dropped as a whole.
void overlapping_fragments_no_reply()
{
	auto wire = wire6::new_server();
	auto parts = packet6::fragment(ping(3, 4000), 1500);
	Ipv6 overlap = parts[1];
	Change change;

	overlap.fragment->offset = static_cast<std::uint16_t>(overlap.fragment->offset - 8);
	wire.send(parts[0]);
	wire.send(overlap);
	wire.send(parts[1]);
	wire.send(parts[2]);
	expect(!next_answer(wire, wire::silence), "no answer to fragments that overlap");
	change.expect_icmp({}, "fragments that overlap");
	change.expect_outcomes({}, "fragments that overlap");
}

/// Datagrams in one piece through a device with an MTU of 64 KiB.
void whole_datagrams_of_64_kib()
{
	auto wire = wire6::new_server({.ethernet = false}, 65535);

	for (std::size_t size : {1453, 8952, 65486, 65487}) {
		Ipv6 request = ping(4, size);
		auto answer = require_answer(wire, request);

		expect_echo_reply(answer, request);
	}
}

/// Expects @p parts to be @p size bytes of payload as Linux cuts them for @p mtu: each but the last filled to a multiple of 8.
void expect_cut(const std::vector<Ipv6> &parts, std::size_t size, std::size_t mtu)
{
	const std::size_t most = (mtu - 48) / 8 * 8;
	std::size_t offset = 0;

	for (const Ipv6 &part : parts) {
		const bool last = offset + most >= size;

		ktap::require(part.fragment.has_value(), "a fragment header");
		expect_equal(part.fragment->offset, offset, "offset");
		expect_equal(part.fragment->more, !last, "more fragments");
		expect_equal(part.fragment->id, parts.front().fragment->id, "identification");
		expect_equal(part.payload.size(), last ? size - offset : most, "size");
		expect_equal(part.hop_limit, parts.front().hop_limit, "hop limit");
		expect_equal(part.flow_label, parts.front().flow_label, "flow label");
		expect_equal(part.traffic_class, parts.front().traffic_class, "traffic class");
		offset += part.payload.size();
	}
	expect_equal(offset, size, "size of the reply");
}

/// RFC 8200, 4.5: the source is the only one who fragments.
void reply_over_the_mtu_is_fragmented()
{
	for (unsigned mtu : {1280U, 1284U, 1500U, 1503U}) {
		auto wire = wire6::new_server({}, mtu);

		for (std::size_t size : {1233, 1453, 1456, 2889, 4000, 8952, 65527}) {
			Ipv6 request = ping(5, size);
			Change change;

			if (size + 48 <= mtu)
				continue;
			request.traffic_class = 0x48;
			for (const Ipv6 &part : packet6::fragment(request, 1280))
				wire.send(part);
			auto parts = wire.receive_all<Ipv6>();
			auto whole =
				ktap::require_value(packet6::reassemble(parts), "all fragments");
			auto message = ktap::require_value(packet6::parse_icmp(whole), "a message");
			expect_echo_reply({whole, message}, request);
			expect_cut(parts, size + 8, mtu);
			change.expect_icmp(counters6::one_echo(),
					   "a reply in fragments is one reply");
			change.expect_outcomes({{"reply", 1}}, "a reply in fragments");
			if (auto stat = change.icmpx())
				expect_equal((*stat)["fragmented_replies"], 1,
					     "fragmented_replies");
			auto ip = change.snmp();
			expect_equal(ip["Ip6FragOKs"], 1, "Ip6FragOKs");
			expect_equal(ip["Ip6FragCreates"], parts.size(), "Ip6FragCreates");
		}
	}
}

/// A request in one piece is no larger than the MTU was: what is less than that is the route's, and it is kept to.
void reply_fits_the_routes_mtu()
{
	auto wire = wire6::new_server();

	for (unsigned mtu : {1000U, 1280U, 1300U, 1497U}) {
		host::run("ip -6 route replace fd00::1/128 dev wire0 mtu " + std::to_string(mtu));
		Ipv6 request = ping(6, 1452);
		wire.send(request);
		auto parts = wire.receive_all<Ipv6>();
		expect_equal(parts.size(), 2U, "fragments");
		auto whole = ktap::require_value(packet6::reassemble(parts), "all fragments");
		auto message = ktap::require_value(packet6::parse_icmp(whole), "a message");
		expect_echo_reply({whole, message}, request);
		expect_cut(parts, 1460, mtu);
	}
}

/// RFC 7739: the identification of fragments of two replies to one peer is not the same.
void fragmented_replies_are_told_apart()
{
	auto wire = wire6::new_server({}, 1280);
	std::vector<std::uint32_t> identifications;

	for (int i = 0; i < 8; i++) {
		for (const Ipv6 &part : packet6::fragment(ping(1, 2000), 1280))
			wire.send(part);
		auto parts = wire.receive_all<Ipv6>();
		ktap::require_equal(parts.size(), 2U, "fragments");
		identifications.push_back(parts[0].fragment.value().id);
	}
	std::ranges::sort(identifications);
	expect(std::ranges::adjacent_find(identifications) == identifications.end(),
	       "eight identifications");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4443_4_sizes_up_to_65527_in_fragments",
			 sizes_up_to_64_kib_in_fragments},
			{"rfc8200_4_5_fragments_out_of_order", fragments_out_of_order},
			{"rfc8200_4_5_missing_fragment_no_reply", missing_fragment_no_reply},
			{"rfc5722_overlapping_fragments_no_reply", overlapping_fragments_no_reply},
			{"whole_datagrams_of_64_kib", whole_datagrams_of_64_kib},
			{"rfc8200_4_5_reply_over_the_mtu_is_fragmented",
			 reply_over_the_mtu_is_fragmented},
			{"reply_fits_the_mtu_of_the_route", reply_fits_the_routes_mtu},
			{"rfc7739_fragmented_replies_are_told_apart",
			 fragmented_replies_are_told_apart},
		});
}
