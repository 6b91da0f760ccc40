// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP errors and raw sockets (raw(7)): who learns of which, and raw ICMP sockets beside our own handling.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <linux/icmp.h>
#include <string>

namespace {

using counters::Change;
using errors::Code;
using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Type;
using packet::View;
using sock::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

/// For experiments (RFC 3692): no part of the kernel handles it.
constexpr std::uint8_t experimental = 253;
constexpr Address peer = remote(1);

enum Kind { unconnected, connected };

Socket client(Kind kind, bool wants_errors, std::uint8_t protocol = experimental)
{
	net();
	Socket socket = sock::raw(protocol);

	if (kind == connected)
		ktap::require_equal(sock::connect(socket, {peer, 0}), 0, "connect");
	if (wants_errors)
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
	return socket;
}

const Bytes data = packet::pattern(40);

Bytes sent(std::uint8_t protocol = experimental)
{
	return errors::sent(protocol, errors::host, peer, data).build();
}

void unreachable_codes_on_a_connected_socket()
{
	Socket socket = client(connected, false);

	for (const errors::Mapping &mapping : errors::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Change change;

		net().send(errors::unreachable(mapping.code, sent()));
		ktap::expect_equal(sock::take_error(socket), mapping.fatal ? mapping.number : 0,
				   what);
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			what);
		change.expect_outcomes({{"deliver_error_raw", 1}}, what);
	}
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	net().send(errors::too_big(1400, sent()));
	ktap::expect_equal(sock::take_error(socket), 0, "fragmentation needed, IP_PMTUDISC_DONT");
}

void unreachable_codes_on_a_socket_that_wants_errors()
{
	for (Kind kind : {connected, unconnected}) {
		Socket socket = client(kind, true);

		for (const errors::Mapping &mapping : errors::unreachable_codes) {
			std::string what = "code " + std::to_string(mapping.code);

			net().send(errors::unreachable(mapping.code, sent(), 1400));
			ktap::expect_equal(sock::wait_for(socket, 0), POLLERR, what + ", POLLERR");
			auto error = ktap::require_value(sock::next_error(socket), what);
			ktap::expect_equal(error.number, mapping.number, what + ", ee_errno");
			ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP, what + ", ee_origin");
			ktap::expect_equal(error.type, Type::unreachable, what + ", ee_type");
			ktap::expect_equal(error.code, mapping.code, what + ", ee_code");
			ktap::expect_equal(error.info,
					   mapping.code == Code::fragmentation_needed ? 1400 : 0,
					   what);
			ktap::expect_equal(error.offender, errors::router, what + ", offender");
			ktap::expect_equal(error.destination.address, peer, what + ", destination");
			ktap::expect_equal(error.destination.port, 0, what + ", destination port");
			ktap::expect_equal(error.payload, data, what + ", payload");
		}
	}
}

void an_unconnected_socket_that_does_not_want_errors_gets_none()
{
	Socket socket = client(unconnected, false);

	for (const errors::Mapping &mapping : errors::unreachable_codes)
		net().send(errors::unreachable(mapping.code, sent()));
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "POLLERR");
}

void other_types()
{
	struct Row {
		std::uint8_t type;
		std::uint8_t code;
		std::uint32_t rest;
		int hard;
		int any;
		std::uint32_t info;
	};
	const Row rows[]{
		{Type::time_exceeded, 0, 0, 0, EHOSTUNREACH, 0},
		{Type::time_exceeded, 1, 0, 0, 0, 0},
		{Type::parameter_problem, 0, 0x05000000, EPROTO, EPROTO, 5},
		{Type::source_quench, 0, 0, 0, 0, 0},
		{Type::redirect, 1, errors::router, 0, 0, 0},
		{Type::unreachable, 16, 0, 0, 0, 0},
	};
	Socket plain = client(connected, false), asking = client(unconnected, true);

	for (const Row &row : rows) {
		std::string what =
			"type " + std::to_string(row.type) + " code " + std::to_string(row.code);

		net().send(errors::report(row.type, row.code, row.rest, sent()));
		ktap::expect_equal(sock::take_error(plain), row.hard, what);
		auto error = sock::next_error(asking);
		ktap::expect_equal(error ? error->number : 0, row.any, what + ", ee_errno");
		ktap::expect_equal(error ? error->info : 0, row.info, what + ", ee_info");
	}
}

void fragmentation_needed_lowers_the_mtu()
{
	Socket socket = client(unconnected, false);
	Bytes quoted = errors::sent(experimental, errors::host, remote(3), data).build();

	net().send(errors::too_big(1333, quoted));
	ktap::expect_equal(errors::learned_mtu(remote(3)), 1333, "route");
}

void with_ip_hdrincl_the_header_is_payload()
{
	Socket socket = client(unconnected, true);
	packet::Ipv4 datagram = errors::sent(experimental, errors::host, peer, data);

	datagram.options = Bytes(8, 1);
	net().send(errors::unreachable(Code::host_unreachable, datagram.build()));
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "without").payload, data,
			   "without");
	sock::set(socket, SOL_IP, IP_HDRINCL, 1);
	net().send(errors::unreachable(Code::host_unreachable, datagram.build()));
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "with").payload,
			   datagram.build(), "with");
}

void extended_errors()
{
	Socket socket = client(unconnected, true);
	Bytes quoted = errors::sent(experimental, errors::host, peer, packet::pattern(108)).build();
	const Bytes extension{0x20, 0, 0xdf, 0xff};

	sock::set(socket, SOL_IP, IP_RECVERR_RFC4884, 1);
	net().send(errors::report(Type::time_exceeded, 0, 32U << 16,
				  packet::concat({quoted, extension})));
	auto error = ktap::require_value(sock::next_error(socket), "error");
	ktap::expect_equal(error.payload.size(), 112U, "payload");
	ktap::expect_equal(error.extensions_at, 108,
			   "extensions, from the beginning of the payload");
	ktap::expect_equal(error.extensions_invalid, false, "flagged as invalid");
}

void only_a_socket_that_may_have_sent_it_learns_of_it()
{
	Socket other_protocol = client(unconnected, true, experimental + 1),
	       other_peer = client(unconnected, true), other_address = client(unconnected, true),
	       other_device = client(unconnected, true), same_address = client(unconnected, true),
	       same_device = client(unconnected, true);

	host::run("ip link show dummy0 || ip link add dummy0 type dummy; ip address replace "
		  "10.0.9.1/24 dev dummy0");
	sock::connect(other_peer, {remote(2), 0});
	sock::bind(other_address, {packet::ipv4("10.0.9.1"), 0});
	sock::bind(same_address, {errors::host, 0});
	setsockopt(other_device.get(), SOL_SOCKET, SO_BINDTODEVICE, "dummy0", 7);
	setsockopt(same_device.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6);
	net().send(errors::unreachable(Code::host_unreachable, sent()));
	ktap::expect_equal(sock::wait_for(other_protocol, 0), 0, "another protocol");
	ktap::expect_equal(sock::wait_for(other_peer, 0), 0, "connected to another peer");
	ktap::expect_equal(sock::wait_for(other_address, 0), 0, "bound to another address");
	ktap::expect_equal(sock::wait_for(other_device, 0), 0, "bound to another device");
	ktap::expect_equal(sock::wait_for(same_address, 0), POLLERR, "bound to that address");
	ktap::expect_equal(sock::wait_for(same_device, 0), POLLERR, "bound to that device");
}

void a_raw_socket_and_the_protocol_both_learn_of_it()
{
	Socket raw = client(unconnected, true, IPPROTO_UDP),
	       second = client(unconnected, true, IPPROTO_UDP);
	Socket udp = sock::udp();

	sock::bind(udp, {errors::host, 0});
	sock::connect(udp, {peer, 9999});
	Bytes quoted = errors::sent_udp(sock::local(udp), {peer, 9999}, data).build();
	Change change;
	net().send(errors::unreachable(Code::port_unreachable, quoted));
	ktap::expect_equal(sock::take_error(udp), ECONNREFUSED, "UDP socket");
	for (const Socket *socket : {&raw, &second}) {
		auto error = ktap::require_value(sock::next_error(*socket), "raw socket");
		ktap::expect_equal(error.payload, Bytes(quoted.begin() + 20, quoted.end()),
				   "raw socket's payload");
	}
	change.expect_outcomes({{"deliver_error_udp", 1}}, "outcome");
	if (auto moved = change.icmpx())
		ktap::expect_equal((*moved)["errors_to_raw_sockets"], 1, "errors_to_raw_sockets");
}

void no_socket_and_no_protocol()
{
	Change change;

	net().send(errors::unreachable(Code::host_unreachable, sent()));
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			   "counters");
	change.expect_outcomes({{"drop_no_protocol", 1}}, "outcome");
}

/// Raw ICMP sockets read what comes in, whatever we do with it: their copy must not be the one that becomes the reply.
void a_raw_icmp_socket_reads_requests_as_they_came()
{
	Socket socket = client(unconnected, false, IPPROTO_ICMP);
	packet::Ipv4 request =
		packet::datagram(packet::echo_request(0x4242, 7, packet::pattern(200)));

	net().receive_all();
	net().send(request);
	auto reply = ktap::require_value(net().receive(), "reply");
	auto message = ktap::require_value(packet::parse_icmp(reply.payload), "reply");
	ktap::expect_equal(message.type, Type::echo_reply, "reply's type");
	auto copy = ktap::require_value(sock::receive(socket), "raw socket's copy");
	ktap::expect_equal(copy, request.build(), "raw socket's copy");
}

void an_icmp_filter_chooses_types()
{
	Socket socket = client(unconnected, true, IPPROTO_ICMP);
	icmp_filter filter{~(1U << Type::time_exceeded)};
	packet::Icmp probe = packet::echo_request(1, 1);
	Bytes quoted = errors::sent(IPPROTO_ICMP, errors::host, peer, probe.build()).build();

	host::check(setsockopt(socket.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)),
		    "ICMP_FILTER");
	net().send(packet::datagram(packet::echo_request(1, 1)));
	net().send(errors::unreachable(Code::host_unreachable, quoted));
	ktap::expect_equal(sock::wait_for(socket, POLLIN) & POLLIN, 0, "types that are filtered");
	// The filter is for what is read, not for errors about what was sent.
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "error").number,
			   EHOSTUNREACH, "error");
	net().send(errors::report(Type::time_exceeded, 0, 0, quoted));
	sock::forget_errors(socket);
	auto message = ktap::require_value(sock::receive(socket), "a type that is not");
	ktap::expect_equal(message[20], Type::time_exceeded, "type");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"unreachable_codes_on_a_connected_socket",
		  unreachable_codes_on_a_connected_socket},
		 {"unreachable_codes_on_a_socket_that_wants_errors",
		  unreachable_codes_on_a_socket_that_wants_errors},
		 {"an_unconnected_socket_that_does_not_want_errors_gets_none",
		  an_unconnected_socket_that_does_not_want_errors_gets_none},
		 {"other_types", other_types},
		 {"fragmentation_needed_lowers_the_mtu", fragmentation_needed_lowers_the_mtu},
		 {"with_ip_hdrincl_the_header_is_payload", with_ip_hdrincl_the_header_is_payload},
		 {"extended_errors", extended_errors},
		 {"only_a_socket_that_may_have_sent_it_learns_of_it",
		  only_a_socket_that_may_have_sent_it_learns_of_it},
		 {"a_raw_socket_and_the_protocol_both_learn_of_it",
		  a_raw_socket_and_the_protocol_both_learn_of_it},
		 {"no_socket_and_no_protocol", no_socket_and_no_protocol},
		 {"a_raw_icmp_socket_reads_requests_as_they_came",
		  a_raw_icmp_socket_reads_requests_as_they_came},
		 {"an_icmp_filter_chooses_types", an_icmp_filter_chooses_types}});
}
