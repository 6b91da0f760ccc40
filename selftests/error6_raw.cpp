// SPDX-License-Identifier: GPL-2.0-only
//
// ICMPv6 errors and raw sockets (ipv6(7)): which socket learns of which, and what of the packet it gets.

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <netinet/icmp6.h>
#include <string>

namespace {

using counters6::Change;
using errors6::Code;
using errors6::remote;
using packet::Bytes;
using packet6::Address;
using packet6::Ipv6;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

/// For experiments (RFC 3692): no part of the kernel handles it.
constexpr std::uint8_t experimental = 253;
constexpr Address peer = remote(1);

enum Kind { unconnected, connected };

Socket client(Kind kind, bool wants_errors, std::uint8_t protocol = experimental)
{
	net();
	Socket socket = sock6::raw(protocol);

	if (kind == connected)
		ktap::require_equal(sock6::connect(socket, {peer, 0}), 0, "connect");
	if (wants_errors)
		sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	return socket;
}

const Bytes data = packet::pattern(40);

Ipv6 sent(std::uint8_t protocol = experimental)
{
	return errors6::sent(protocol, errors6::host, peer, data);
}

void unreachable_codes_on_a_connected_socket()
{
	Socket socket = client(connected, false);

	for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Change change;

		net().send(errors6::unreachable(mapping.code, sent().build()));
		ktap::expect_equal(sock6::take_error(socket), mapping.fatal ? mapping.number : 0,
				   what);
		change.expect_icmp(counters6::in(packet6::unreachable), what);
		change.expect_outcomes({{"deliver_error_raw", 1}}, what);
	}
}

void unreachable_codes_on_a_socket_that_wants_errors()
{
	for (Kind kind : {connected, unconnected}) {
		Socket socket = client(kind, true);

		for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
			std::string what = "code " + std::to_string(mapping.code);

			net().send(errors6::unreachable(mapping.code, sent().build(), 0xabcd1400));
			ktap::expect_equal(sock6::wait_for(socket, 0), POLLERR, what + ", POLLERR");
			ktap::expect_equal(sock6::take_error(socket), mapping.number,
					   what + ", SO_ERROR");
			auto error = ktap::require_value(sock6::next_error(socket), what);
			ktap::expect_equal(error.number, mapping.number, what + ", ee_errno");
			ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP6, what + ", ee_origin");
			ktap::expect_equal(error.type, packet6::unreachable, what + ", ee_type");
			ktap::expect_equal(error.code, mapping.code, what + ", ee_code");
			ktap::expect_equal(error.info, 0xabcd1400, what + ", ee_info");
			ktap::expect_equal(packet6::text(error.offender),
					   packet6::text(errors6::router), what + ", offender");
			ktap::expect_equal(packet6::text(error.destination.address),
					   packet6::text(peer), what + ", destination");
			ktap::expect_equal(error.destination.port, 0, what + ", destination port");
			ktap::expect_equal(error.payload, data, what + ", payload");
			ktap::expect_equal(error.extensions_at, 0, what + ", extensions");
		}
	}
}

void an_unconnected_socket_that_does_not_want_errors_gets_none()
{
	Socket socket = client(unconnected, false);

	for (const errors6::Mapping &mapping : errors6::unreachable_codes)
		net().send(errors6::unreachable(mapping.code, sent().build()));
	net().send(errors6::too_big(1333, sent().build()));
	ktap::expect_equal(sock6::wait_for(socket, 0), 0, "POLLERR");
	// There is no other part of Linux that sent it.
	ktap::expect_equal(errors6::learned_mtu(peer), 0, "route");
}

void other_types()
{
	struct Row {
		std::uint8_t type;
		std::uint8_t code;
		std::uint32_t rest;
		int hard;
		int any;
	};
	const Row rows[]{
		{packet6::time_exceeded, 0, 0, 0, EHOSTUNREACH},
		{packet6::time_exceeded, 1, 0, 0, EHOSTUNREACH},
		{packet6::parameter_problem, 0, 40, EPROTO, EPROTO},
		{packet6::parameter_problem, 1, 6, EPROTO, EPROTO},
		{0, 0, 0, 0, EPROTO},
		{5, 0, 0, 0, EPROTO},
		{127, 0, 0xffffffff, 0, EPROTO},
	};
	Socket plain = client(connected, false), asking = client(unconnected, true);

	for (const Row &row : rows) {
		std::string what =
			"type " + std::to_string(row.type) + " code " + std::to_string(row.code);
		Change change;

		net().send(errors6::report(row.type, row.code, row.rest, sent().build()));
		ktap::expect_equal(sock6::take_error(plain), row.hard, what);
		auto error = ktap::require_value(sock6::next_error(asking), what);
		ktap::expect_equal(error.number, row.any, what + ", ee_errno");
		ktap::expect_equal(error.info, row.rest, what + ", ee_info");
		change.expect_icmp(counters6::in(row.type), what);
		change.expect_outcomes({{"deliver_error_raw", 1}}, what);
	}
}

/// RFC 8201, 4: the packet has to become smaller; of these, only IPV6_PMTUDISC_DO makes that the program's affair.
void packet_too_big()
{
	struct Row {
		int discovery;
		int hard;
	};
	const Row rows[]{{IPV6_PMTUDISC_DONT, 0},
			 {IPV6_PMTUDISC_WANT, 0},
			 {IPV6_PMTUDISC_DO, EMSGSIZE},
			 {IPV6_PMTUDISC_PROBE, 0}};
	std::uint8_t number = 10;

	for (const Row &row : rows) {
		const std::string what = "IPV6_MTU_DISCOVER " + std::to_string(row.discovery);
		const Address destination = remote(number++);
		Socket plain = client(unconnected, false), asking = client(unconnected, true);

		sock6::connect(plain, {destination, 0});
		for (const Socket *socket : {&plain, &asking})
			sock6::set(*socket, SOL_IPV6, IPV6_MTU_DISCOVER, row.discovery);
		net().send(errors6::too_big(
			1333,
			errors6::sent(experimental, errors6::host, destination, data).build()));
		ktap::expect_equal(sock6::take_error(plain), row.hard, what);
		ktap::expect_equal(sock6::take_error(asking), EMSGSIZE, what + ", SO_ERROR");
		auto error = ktap::require_value(sock6::next_error(asking), what);
		ktap::expect_equal(error.number, EMSGSIZE, what + ", ee_errno");
		ktap::expect_equal(error.info, 1333U, what + ", ee_info");
		ktap::expect_equal(errors6::learned_mtu(destination), 1333, what + ", route");
		ktap::expect_equal(sock6::get(plain, SOL_IPV6, IPV6_MTU), 1333, what + ", socket");
	}
}

void headers_are_payload_only_with_hdrincl()
{
	constexpr int ipv6_hdrincl = 36;
	Socket socket = client(unconnected, true);
	Ipv6 datagram = sent();

	datagram.extensions = {
		{.kind = packet6::hop_by_hop, .contents = packet6::option(0x1e, Bytes(10))},
		{.contents = packet6::option(0x1e, Bytes(2))}};
	net().send(errors6::unreachable(Code::no_route, datagram.build()));
	ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "without").payload, data,
			   "without");
	sock6::set(socket, SOL_IPV6, ipv6_hdrincl, 1);
	net().send(errors6::unreachable(Code::no_route, datagram.build()));
	ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "with").payload,
			   datagram.build(), "with");
}

void only_a_socket_that_may_have_sent_it_learns_of_it()
{
	Socket other_protocol = client(unconnected, true, experimental + 1),
	       other_peer = client(unconnected, true), other_address = client(unconnected, true),
	       other_device = client(unconnected, true), same_address = client(unconnected, true),
	       same_device = client(unconnected, true);

	host::need("dummy", "ip link show dummy0 || ip link add dummy0 up type dummy");
	wire6::add_addresses("dummy0", {"fd09::1/64"});
	sock6::connect(other_peer, {remote(2), 0});
	sock6::bind(other_address, {packet6::ipv6("fd09::1"), 0});
	sock6::bind(same_address, {errors6::host, 0});
	setsockopt(other_device.get(), SOL_SOCKET, SO_BINDTODEVICE, "dummy0", 7);
	setsockopt(same_device.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6);
	net().send(errors6::unreachable(Code::no_route, sent().build()));
	ktap::expect_equal(sock6::wait_for(other_protocol, 0), 0, "another protocol");
	ktap::expect_equal(sock6::wait_for(other_peer, 0), 0, "connected to another peer");
	ktap::expect_equal(sock6::wait_for(other_address, 0), 0, "bound to another address");
	ktap::expect_equal(sock6::wait_for(other_device, 0), 0, "bound to another device");
	ktap::expect_equal(sock6::wait_for(same_address, 0), POLLERR, "bound to that address");
	ktap::expect_equal(sock6::wait_for(same_device, 0), POLLERR, "bound to that device");
}

void a_raw_socket_and_the_protocol_both_learn_of_it()
{
	Socket raw = client(unconnected, true, IPPROTO_UDP),
	       second = client(unconnected, true, IPPROTO_UDP);
	Socket udp = sock6::udp();

	sock6::bind(udp, {errors6::host, 0});
	sock6::connect(udp, {peer, 9999});
	Bytes quoted = errors6::sent_udp(sock6::local(udp), {peer, 9999}, data).build();
	Change change;
	net().send(errors6::unreachable(Code::port_unreachable, quoted));
	ktap::expect_equal(sock6::take_error(udp), ECONNREFUSED, "UDP socket");
	for (const Socket *socket : {&raw, &second}) {
		auto error = ktap::require_value(sock6::next_error(*socket), "raw socket");
		ktap::expect_equal(error.payload, Bytes(quoted.begin() + 40, quoted.end()),
				   "raw socket's payload");
	}
	change.expect_outcomes({{"deliver_error_udp", 1}}, "outcome");
	if (auto moved = change.icmpx())
		ktap::expect_equal((*moved)["errors_to_raw_sockets"], 1, "errors_to_raw_sockets");
}

void no_socket_and_no_protocol()
{
	net();
	for (std::uint8_t protocol : {std::uint8_t{1}, std::uint8_t{99}, experimental}) {
		const std::string what = "protocol " + std::to_string(protocol);
		Change change;

		net().send(errors6::unreachable(Code::no_route, sent(protocol).build()));
		change.expect_icmp(counters6::in(packet6::unreachable), what);
		change.expect_outcomes({{"drop_no_protocol", 1}}, what);
	}
}

/// A raw socket of ICMPv6 reads all that comes in, and learns of errors about what it sent.
void raw_sockets_of_icmpv6()
{
	Socket reading = client(unconnected, false, IPPROTO_ICMPV6),
	       asking = client(unconnected, true, IPPROTO_ICMPV6);
	icmp6_filter filter{};
	const packet::Icmp probe = packet6::echo_request(1, 1, data);
	Ipv6 error = errors6::unreachable(
		Code::address_unreachable,
		packet6::datagram(probe, {.source = errors6::host, .destination = peer}).build());

	ICMP6_FILTER_SETBLOCKALL(&filter);
	host::check(setsockopt(asking.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)),
		    "ICMP6_FILTER");
	Change change;
	net().send(error);
	ktap::expect_equal(ktap::require_value(sock6::receive(reading), "copy"), error.payload,
			   "copy");
	// The filter is for what is read, not for errors about what was sent.
	ktap::expect_equal(sock6::wait_for(asking, POLLIN) & POLLIN, 0, "a type that is filtered");
	auto entry = ktap::require_value(sock6::next_error(asking), "error");
	ktap::expect_equal(entry.number, EHOSTUNREACH, "ee_errno");
	ktap::expect_equal(entry.payload.size(), data.size() + 8, "payload");
	change.expect_icmp(counters6::in(packet6::unreachable), "an error about an echo request");
	change.expect_outcomes({{"deliver_error_icmp", 1}}, "an error about an echo request");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"rfc4443_3_1_codes_on_a_connected_socket",
		  unreachable_codes_on_a_connected_socket},
		 {"rfc4443_3_1_codes_on_a_socket_that_wants_errors",
		  unreachable_codes_on_a_socket_that_wants_errors},
		 {"an_unconnected_socket_that_does_not_want_errors_gets_none",
		  an_unconnected_socket_that_does_not_want_errors_gets_none},
		 {"other_types", other_types},
		 {"rfc8201_4_packet_too_big", packet_too_big},
		 {"headers_are_payload_only_with_hdrincl", headers_are_payload_only_with_hdrincl},
		 {"only_a_socket_that_may_have_sent_it_learns_of_it",
		  only_a_socket_that_may_have_sent_it_learns_of_it},
		 {"a_raw_socket_and_the_protocol_both_learn_of_it",
		  a_raw_socket_and_the_protocol_both_learn_of_it},
		 {"no_socket_and_no_protocol", no_socket_and_no_protocol},
		 {"raw_sockets_of_icmpv6", raw_sockets_of_icmpv6}});
}
