// SPDX-License-Identifier: GPL-2.0-only
//
// Requests in fragments (RFC 791, 3.2): how a requester cut its request says nothing about how the reply is cut.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <string>
#include <vector>

using counters::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Ipv4;
using wire::expect_echo_reply;

namespace {

/// An echo request of @p size bytes, its ICMP header included.
Ipv4 request_of(std::size_t size)
{
	return packet::datagram(packet::echo_request(0x78, 1, packet::pattern(size - 8)));
}

/// How Linux cuts @p size bytes, @p most of which go into a fragment: all but the last in multiples of eight.
std::vector<std::size_t> cut(std::size_t size, std::size_t most)
{
	std::vector<std::size_t> sizes;

	for (; size > most; size -= sizes.back())
		sizes.push_back(most / 8 * 8);
	sizes.push_back(size);
	return sizes;
}

/// Sends @p request in fragments for @p request_mtu, and expects its reply in those that Linux makes for @p mtu.
void expect_cut(wire::Wire &wire, const Ipv4 &request, std::size_t request_mtu, std::size_t mtu)
{
	const std::string what = std::to_string(request.payload.size()) + " bytes for " +
				 std::to_string(request_mtu) + ", then " + std::to_string(mtu);

	for (const Ipv4 &part : packet::fragment(request, request_mtu))
		wire.send(part);
	auto parts = wire.receive_all();
	auto whole = ktap::require_value(packet::reassemble(parts), "a reply to " + what);
	expect_echo_reply({whole, ktap::require_value(packet::parse_icmp(whole.payload), what)},
			  request);

	const auto sizes = cut(whole.payload.size(), mtu - 20);
	std::size_t offset = 0;
	ktap::require_equal(parts.size(), sizes.size(), "fragments, " + what);
	for (std::size_t i = 0; i < parts.size(); i++) {
		expect_equal(parts[i].fragment_offset, offset, what);
		expect_equal(parts[i].payload.size(), sizes[i], what);
		expect_equal(parts[i].mf, i + 1 < parts.size(), what);
		expect_equal(parts[i].id, parts[0].id, what);
		expect(!parts[i].df && parts[i].checksum_right, what);
		expect_equal(parts[i].ttl, 64, what);
		offset += sizes[i];
	}
}

/// With 1504 bytes the last fragment may have 1484, the others 1480.
void cut_anew()
{
	for (std::size_t mtu : {1500, 1504, 1000}) {
		auto wire = wire::new_server(wire::Wire::Options{}, static_cast<unsigned>(mtu));

		for (std::size_t request_mtu : {1500, 1504, 1000, 996, 576}) {
			for (std::size_t size : {1481, 1485, 2960, 2964, 2965, 4440, 8980, 65515})
				expect_cut(wire, request_of(size), request_mtu, mtu);
		}
	}
}

/// Devices that give each fragment a buffer of its own leave it in that: those for bare IP datagrams do.
void cut_anew_from_buffers()
{
	auto wire = wire::new_server(wire::Wire::Options{.ethernet = false}, 1504);

	for (std::size_t request_mtu : {1500, 1504, 1000}) {
		for (std::size_t size : {1481, 1485, 2964, 2965, 8980, 65515})
			expect_cut(wire, request_of(size), request_mtu, 1504);
	}
}

/// Connection tracking puts fragments together before the stack does, and leaves each in its buffer.
void cut_anew_with_conntrack()
{
	auto wire = wire::new_server();

	host::track_connections();
	for (std::size_t request_mtu : {1500, 1000}) {
		for (std::size_t size : {1481, 2960, 2964, 8980, 65515})
			expect_cut(wire, request_of(size), request_mtu, 1500);
	}
}

void options_of_the_request()
{
	auto wire = wire::new_server();
	Ipv4 request = request_of(4000);

	// Record route, with room for two.
	request.options = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	for (const Ipv4 &part : packet::fragment(request, 1500))
		wire.send(part);
	auto parts = wire.receive_all();
	auto whole = ktap::require_value(packet::reassemble(parts), "a reply");
	expect_equal(whole.payload.size(), 4000U, "its size");
	ktap::require_equal(parts.size(), 3U, "fragments");
	expect_equal(parts[0].options.size(), 12U, "options of the first");
	// RFC 791: record route is in the first fragment alone. Linux leaves nothing in its place.
	expect(std::ranges::all_of(parts[1].options, [](auto byte) { return byte <= 1; }),
	       "none in the second");
}

/// That a path takes less than its device is known of its route.
void path_mtu_of_the_reply()
{
	auto wire = wire::new_server();

	host::run("ip route add 10.0.0.1/32 dev wire0 mtu 1000");
	expect_cut(wire, request_of(4000), 1500, 1000);
	expect_cut(wire, request_of(4000), 1000, 1000);
}

/// Buffers that are right as they are go back; smaller ones are copied.
void pieces_in_place()
{
	host::need_icmpx();
	auto wire = wire::new_server();

	host::track_connections();
	Change change;
	expect_cut(wire, request_of(8980), 1500, 1500);
	change.expect_outcomes({{"reply_in_place", 1}}, "pieces as Linux makes them");

	change.restart();
	expect_cut(wire, request_of(8980), 1000, 1500);
	change.expect_outcomes({{"reply_copied", 1}}, "smaller ones");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"rfc791_3_2_reply_is_cut_anew", cut_anew},
			  {"rfc791_3_2_reply_is_cut_anew_with_conntrack", cut_anew_with_conntrack},
			  {"rfc791_3_2_reply_is_cut_anew_from_buffers", cut_anew_from_buffers},
			  {"rfc791_3_2_options_of_the_request", options_of_the_request},
			  {"rfc791_3_2_path_mtu_of_the_reply", path_mtu_of_the_reply},
			  {"pieces_in_place", pieces_in_place}});
}
