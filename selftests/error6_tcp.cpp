// SPDX-License-Identifier: GPL-2.0-only
//
// ICMPv6 errors about TCP segments (RFC 1122, 4.2.3.9; RFC 5927): connections that are being made, those that are there,
// and path MTU discovery.

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <linux/tcp.h>
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

constexpr std::uint16_t port = 80;

/// The next TCP segment on the wire, whole, as a router quotes it.
Ipv6 next_segment(const Address &to)
{
	Ipv6 ip;

	do {
		ip = ktap::require_value(net().receive<Ipv6>(), "TCP segment");
	} while (ip.protocol != IPPROTO_TCP || ip.destination != to);
	return ip;
}

/// A socket that has sent SYN, and that SYN.
struct Connecting {
	Connecting()
	{
		net().receive_all<Ipv6>(wire::milliseconds{0});
		socket = sock6::tcp();
		sock6::bind(socket, {errors6::host, 0});
		ktap::require_equal(sock6::connect(socket, {remote(1), port}), EINPROGRESS,
				    "connect");
		syn = next_segment(remote(1));
	}

	Socket socket;
	Ipv6 syn;
};

/// A connection whose peer does not exist: TCP_REPAIR makes it without a handshake.
struct Established {
	static constexpr std::uint32_t first = 1000;

	explicit Established(const Address &peer, bool wants_errors = false)
	{
		net();
		socket = sock6::tcp();
		sock6::bind(socket, {errors6::host, 0});
		sock6::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
		for (int queue : {TCP_SEND_QUEUE, TCP_RECV_QUEUE}) {
			sock6::set(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
			sock6::set(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, first);
		}
		ktap::require_equal(sock6::connect(socket, {peer, port}), 0, "connect");
		sock6::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
		if (wants_errors)
			sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
		// Without a byte in flight no sequence number is in the window.
		ktap::require_equal(sock6::send(socket, packet::pattern(100)), 0, "send");
		Bytes payload;
		packet::put16(payload, sock6::local(socket).port);
		packet::put16(payload, port);
		packet::put32(payload, first);
		sent = errors6::sent(IPPROTO_TCP, errors6::host, peer, payload);
	}

	std::uint8_t state() const
	{
		tcp_info info{};
		socklen_t size = sizeof(info);

		host::check(getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size),
			    "TCP_INFO");
		return info.tcpi_state;
	}

	Socket socket;
	Ipv6 sent;
};

void errors_about_a_syn_end_the_attempt()
{
	for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Connecting client;

		Change change;
		net().send(errors6::unreachable(mapping.code, client.syn.build()));
		ktap::expect(sock6::wait_for(client.socket, POLLOUT) & POLLERR, what + ", POLLERR");
		ktap::expect_equal(sock6::take_error(client.socket), mapping.number, what);
		change.expect_icmp(counters6::in(packet6::unreachable), what);
		change.expect_outcomes({{"deliver_error_tcp", 1}}, what);
	}
	Connecting late, broken, strange;
	net().send(errors6::time_exceeded(late.syn.build()));
	ktap::expect_equal(sock6::take_error(late.socket), EHOSTUNREACH, "time exceeded");
	net().send(errors6::parameter_problem(0, broken.syn.build()));
	ktap::expect_equal(sock6::take_error(broken.socket), EPROTO, "parameter problem");
	net().send(errors6::report(77, 0, 0, strange.syn.build()));
	ktap::expect_equal(sock6::take_error(strange.socket), EPROTO, "unknown type");
}

/// The ports and the sequence number.
void eight_bytes_of_a_syn_are_enough()
{
	Connecting client;
	Bytes quoted = client.syn.build();

	quoted.resize(errors6::header_length + 8);
	net().send(errors6::unreachable(Code::port_unreachable, quoted));
	ktap::expect_equal(sock6::take_error(client.socket), ECONNREFUSED, "SO_ERROR");
}

void errors_that_do_not_end_the_attempt()
{
	Connecting client;
	Bytes quoted = client.syn.build(), wrong_sequence = quoted, wrong_port = quoted;

	wrong_sequence[errors6::header_length + 4] ^= 0x40;
	wrong_port[errors6::header_length + 1] ^= 1;
	net().send(errors6::too_big(1400, quoted));
	counters::Change tcp;
	net().send(errors6::unreachable(Code::port_unreachable, wrong_sequence));
	ktap::expect_equal(tcp.snmp()["TcpExt.OutOfWindowIcmps"], 1, "OutOfWindowIcmps");
	Change change;
	net().send(errors6::unreachable(Code::port_unreachable, wrong_port));
	change.expect_icmp(errors6::refused(packet6::unreachable), "another port");
	change.expect_outcomes({{"deliver_error_tcp", 1}}, "another port");
	ktap::expect_equal(sock6::take_error(client.socket), 0, "SO_ERROR");
	ktap::expect_equal(sock6::wait_for(client.socket, POLLOUT), 0, "poll()");
}

void a_connection_survives_errors()
{
	Established connection(remote(2));

	// RFC 1122, 4.2.3.9: remembered in case the connection times out, and no more than that.
	for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);

		net().send(errors6::unreachable(mapping.code, connection.sent.build()));
		ktap::expect_equal(sock6::wait_for(connection.socket, 0), 0, what + ", POLLERR");
		ktap::expect_equal(sock6::take_error(connection.socket), mapping.number,
				   what + ", soft error");
	}
	ktap::expect_equal(sock6::send(connection.socket, packet::pattern(1)), 0, "send");
	ktap::expect_equal(connection.state(), 1, "state is ESTABLISHED");
}

void a_connection_that_wants_errors_is_told()
{
	Established connection(remote(3), true);

	for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
		net().send(errors6::unreachable(mapping.code, connection.sent.build()));
		ktap::expect(sock6::wait_for(connection.socket, 0) & POLLERR, "POLLERR");
		ktap::expect_equal(sock6::take_error(connection.socket), mapping.number,
				   "code " + std::to_string(mapping.code));
	}
	ktap::expect_equal(connection.state(), 1, "state is ESTABLISHED");
}

void only_a_sequence_number_in_flight_is_believed()
{
	Established connection(remote(4), true);

	// RFC 5927, 4.1.
	for (std::uint32_t sequence :
	     {Established::first - 1, Established::first + 101, 0U, 0x80000000U}) {
		Ipv6 other = connection.sent;
		counters::Change tcp;

		other.payload.resize(4);
		packet::put32(other.payload, sequence);
		net().send(errors6::unreachable(Code::port_unreachable, other.build()));
		net().send(errors6::too_big(1300, other.build()));
		ktap::expect_equal(sock6::take_error(connection.socket), 0, "SO_ERROR");
		ktap::expect_equal(tcp.snmp()["TcpExt.OutOfWindowIcmps"], 2, "OutOfWindowIcmps");
	}
	ktap::expect_equal(sock6::get(connection.socket, SOL_IPV6, IPV6_MTU), 1500, "IPV6_MTU");
}

/// What the peer answers to @p syn: segments of 1440 bytes may come.
Ipv6 syn_ack(const Ipv6 &syn)
{
	constexpr std::uint8_t words = 6, syn_and_ack = 0x12;
	Ipv6 answer = errors6::sent(IPPROTO_TCP, syn.destination, syn.source, {});
	Bytes &segment = answer.payload;

	packet::put16(segment, port);
	packet::put16(segment, packet::get16(syn.payload, 0));
	packet::put32(segment, 1);
	packet::put32(segment, packet::get32(syn.payload, 4) + 1);
	packet::put16(segment, words << 12 | syn_and_ack);
	packet::put16(segment, 65535);
	packet::put32(segment, 0);
	packet::put16(segment, 2 << 8 | 4);
	packet::put16(segment, 1440);
	const auto sum =
		packet::checksum(segment, packet6::pseudo_header(answer.source, answer.destination,
								 segment.size(), IPPROTO_TCP));
	segment[16] = static_cast<std::uint8_t>(sum >> 8);
	segment[17] = static_cast<std::uint8_t>(sum);
	return answer;
}

void packet_too_big_lowers_the_segment_size()
{
	Connecting client;

	net().send(syn_ack(client.syn));
	ktap::require_equal(sock6::wait_for(client.socket, POLLOUT), POLLOUT, "connected");
	ktap::expect_equal(sock6::get(client.socket, SOL_IPV6, IPV6_MTU), 1500, "IPV6_MTU before");
	ktap::require_equal(sock6::send(client.socket, packet::pattern(1440)), 0, "send");
	Ipv6 segment = next_segment(remote(1));
	while (segment.payload.size() < 1440)
		segment = next_segment(remote(1));
	Change change;
	net().send(errors6::too_big(1350, packet::View(segment.build()).first(1232)));
	ktap::expect_equal(sock6::get(client.socket, SOL_IPV6, IPV6_MTU), 1350, "IPV6_MTU");
	ktap::expect_equal(errors6::learned_mtu(remote(1)), 1350, "route");
	ktap::expect_equal(sock6::take_error(client.socket), 0, "SO_ERROR");
	ktap::expect(next_segment(remote(1)).build().size() <= 1350, "sent again, and fits");
	change.expect_icmp(counters6::in(packet6::too_big), "packet too big");
	change.expect_outcomes({{"deliver_error_tcp", 1}}, "packet too big");
}

void a_listener_is_not_disturbed()
{
	net();
	Socket listener = sock6::tcp();
	sock6::bind(listener, {errors6::host, 0});
	host::check(listen(listener.get(), 1), "listen");
	Bytes payload;
	packet::put16(payload, sock6::local(listener).port);
	packet::put16(payload, port);
	packet::put32(payload, 0);
	Change change;
	net().send(errors6::unreachable(
		Code::port_unreachable,
		errors6::sent(IPPROTO_TCP, errors6::host, remote(6), payload).build()));
	ktap::expect_equal(sock6::take_error(listener), 0, "SO_ERROR");
	change.expect_icmp(errors6::refused(packet6::unreachable), "listener");
	change.expect_outcomes({{"deliver_error_tcp", 1}}, "listener");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"errors_about_a_syn_end_the_attempt", errors_about_a_syn_end_the_attempt},
		 {"eight_bytes_of_a_syn_are_enough", eight_bytes_of_a_syn_are_enough},
		 {"errors_that_do_not_end_the_attempt", errors_that_do_not_end_the_attempt},
		 {"rfc1122_4_2_3_9_a_connection_survives_errors", a_connection_survives_errors},
		 {"a_connection_that_wants_errors_is_told", a_connection_that_wants_errors_is_told},
		 {"rfc5927_4_1_only_a_sequence_number_in_flight_is_believed",
		  only_a_sequence_number_in_flight_is_believed},
		 {"rfc8201_packet_too_big_lowers_the_segment_size",
		  packet_too_big_lowers_the_segment_size},
		 {"a_listener_is_not_disturbed", a_listener_is_not_disturbed}});
}
