// SPDX-License-Identifier: GPL-2.0-only
//
// Errors that a host sends about datagrams that it cannot deliver (RFC 1122, 3.2.2): what they quote and how they are
// marked, and about which datagrams there are none.

#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <netinet/in.h>

using counters::Change;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using sending::expect_error;
using sending::expect_none;
using sending::to_closed_port;
using sending::unlimited_host;
using sending::V4;
using sending::V6;
using wire::Cast;

namespace {

constexpr sending::Error port_unreachable{.code = 3};

/// As much of the datagram as fits into 576 bytes, or 1280.
template <typename F> void closed_port()
{
	constexpr std::size_t udp = F::header + 8, fits = F::largest - F::headers - udp;
	auto wire = unlimited_host<F>();

	for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{18}, fits - 1, fits,
				 fits + 1, std::size_t{1000}, 1500 - udp})
		expect_error(wire, to_closed_port<F>(size), {.code = F::port_unreachable});
}

template <typename F> void closed_port_of_fragments()
{
	auto wire = unlimited_host<F>();
	const auto whole = to_closed_port<F>(4000);
	const auto change = F::change();

	family::send_in_fragments(wire, whole);
	auto answer = ktap::require_value(family::next_answer<F>(wire), "an error");
	sending::expect_is(answer, whole, {.code = F::port_unreachable});
	sending::expect_counted_sent(change, F::Type::unreachable);
}

void unknown_protocol()
{
	auto wire = unlimited_host();
	Ipv4 about = to_closed_port();

	about.protocol = 253; // for experiments (RFC 3692)
	expect_error(wire, about, {.code = 2});
}

template <typename F> void type_of_service()
{
	auto wire = unlimited_host<F>();

	for (unsigned value = 0; value <= 255; value += 5) {
		auto about = to_closed_port<F>();

		F::set_class(about, static_cast<std::uint8_t>(value));
		expect_error(wire, about, {.code = F::port_unreachable});
	}
}

/// An identification of its own for each, and not the datagram's.
void identification()
{
	auto wire = unlimited_host();
	auto first = expect_error(wire, to_closed_port(), port_unreachable);
	auto next = expect_error(wire, to_closed_port(), port_unreachable);

	ktap::expect(first.ip.id != next.ip.id, "different identifications");
}

/// RFC 1812, 4.3.2.3: an error that cannot be larger quotes less.
void small_path()
{
	auto wire = unlimited_host();

	for (std::size_t mtu : {575, 100, 77, 76}) {
		host::run("ip route replace 10.0.0.1 dev wire0 mtu lock " + std::to_string(mtu));
		expect_error(wire, to_closed_port(1000), {.code = 3, .room = mtu});
	}
}

/// What has no room for the datagram's header is no error; what has, and no valid MTU, is one that failed.
void tiny_path()
{
	auto wire = unlimited_host();

	for (int mtu : {48, 67}) {
		host::run("ip route replace 10.0.0.1 dev wire0 mtu lock " + std::to_string(mtu));
		Change change;
		wire::expect_no_answer(wire, to_closed_port());
		change.expect_icmp(mtu < 49 ? counters::Values{}
					    : counters::Values{{"Icmp.OutErrors", 1}},
				   "no error");
		sending::expect_counted(change, {{"error_failed_mtu", 1}});
	}
}

/// RFC 792: the pointer is at the byte that is wrong.
void bad_option()
{
	auto wire = unlimited_host();
	Ipv4 about = to_closed_port();

	// A record route of two bytes, whose length is wrong.
	about.options = {7, 2, 4, 0};
	expect_error(wire, about, {.type = Type::parameter_problem, .code = 0, .rest = 21U << 24});
}

/// RFC 1122, 3.2.2.4 and 3.3.2: once the first fragment is there, and the others did not come.
void reassembly_timeout()
{
	auto wire = unlimited_host();
	auto parts = packet::fragment(to_closed_port(2000), 1500);

	host::set_sysctl("net/ipv4/ipfrag_time", 1);
	Change change;
	wire.send(parts[0]);
	auto answer =
		ktap::require_value(wire::next_answer(wire, wire::milliseconds(4000)), "an error");
	sending::expect_is(answer, parts[0], {.type = Type::time_exceeded, .code = 1});
	change.expect_icmp(
		{{"Icmp.OutMsgs", 1}, {"Icmp.OutTimeExcds", 1}, {"IcmpMsg.OutType11", 1}},
		"an error");

	wire.send(parts[1]);
	ktap::expect(!wire::next_answer(wire, wire::milliseconds(1500)),
		     "no error without the first");
}

template <typename F> void loopback()
{
	auto wire = F::new_server();
	auto socket = F::udp();

	ktap::require_equal(F::connect(socket, F::loopback, 9), 0, "connect");
	// Limits do not apply there.
	for (int i = 0; i < 20; i++) {
		const auto change = F::change();
		sock::send(socket, packet::pattern(8));
		ktap::expect_equal(sock::take_error(socket), ECONNREFUSED, "error");
		sending::expect_counted(change, {{"error_sent_unreachable", 1}});
	}
}

template <typename F> void broadcast_frame()
{
	auto wire = unlimited_host<F>();

	for (const Cast cast : {Cast::broadcast, Cast::multicast})
		expect_none(wire, to_closed_port<F>(), "error_suppressed_link_broadcast", cast);
}

/// UDP says nothing about broadcasts by itself, so a protocol that nobody knows does.
void broadcast_address()
{
	auto wire = unlimited_host();

	for (const char *to : {"10.0.0.255", "255.255.255.255", "224.0.0.1"}) {
		Ipv4 about = to_closed_port(18, packet::ipv4(to));

		about.protocol = 253;
		expect_none(wire, about, "error_suppressed_broadcast");
	}
}

/// The first bytes of a datagram whose header says more than there is: nothing is delivered, nothing sent.
template <typename F> void truncated()
{
	auto wire = unlimited_host<F>();
	Bytes bytes = to_closed_port<F>().build();

	bytes.resize(F::header + 10);
	const auto change = F::change();
	wire.send_bytes(bytes);
	ktap::expect(!family::next_answer<F>(wire, wire::silence), "no error");
	change.expect_icmp({}, "nothing");
}

/**
 * RFC 1122, 3.2.2: a source that is a broadcast address of a link is no host. Without the reverse path filter the
 * built-in code sends the error to all of them.
 */
void broadcast_source()
{
	auto wire = unlimited_host();

	if (!sending::ours())
		ktap::skip("an intended difference of icmpx");
	host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/wire0/rp_filter", 0);
	// An address that the kernel did not make itself is not one that it looks for on the way in.
	host::run("ip route add broadcast 10.9.0.255 dev wire0 table local");
	Ipv4 about = to_closed_port();
	about.source = packet::ipv4("10.9.0.255");
	expect_none(wire, about, "error_suppressed_source");
}

/// Linux knows hosts of class E, and of 0/8: they get their errors.
void odd_sources()
{
	auto wire = unlimited_host();

	for (const char *from : {"240.0.0.1", "255.255.255.254"}) {
		Ipv4 about = to_closed_port();

		about.source = packet::ipv4(from);
		expect_error(wire, about, port_unreachable);
	}
}

template <typename F> void no_way_back()
{
	auto wire = unlimited_host<F>();

	F::accept_any_source();
	host::run("ip " + F::option + " route add prohibit " + F::client_text);
	expect_none(wire, to_closed_port<F>(), "error_failed_no_route");
}

/// What holds for both families.
template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"closed_port", closed_port<F>},
		{"closed_port_of_fragments", closed_port_of_fragments<F>},
		{"type_of_service", type_of_service<F>},
		{"loopback", loopback<F>},
		{"broadcast_frame", broadcast_frame<F>},
		{"truncated", truncated<F>},
		{"no_way_back", no_way_back<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	std::ranges::move(std::vector<ktap::Test>{{"unknown_protocol", unknown_protocol},
						  {"identification", identification},
						  {"small_path", small_path},
						  {"tiny_path", tiny_path},
						  {"bad_option", bad_option},
						  {"reassembly_timeout", reassembly_timeout},
						  {"broadcast_address", broadcast_address},
						  {"broadcast_source", broadcast_source},
						  {"odd_sources", odd_sources}},
			  std::back_inserter(all));
	return ktap::run(argc, argv, all);
}
