// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP errors about TCP segments (RFC 1122, 4.2.3.9; RFC 5927): connections that are being made, those that are there,
// and path MTU discovery.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <linux/tcp.h>
#include <string>

namespace {

using counters::Change;
using errors::Code;
using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

constexpr std::uint16_t port = 80;

/// The next TCP segment on the wire, whole, as a router quotes it.
packet::Ipv4 next_segment(Address to)
{
	packet::Ipv4 ip;

	do {
		ip = ktap::require_value(net().receive(), "TCP segment");
	} while (ip.protocol != IPPROTO_TCP || ip.destination != to);
	return ip;
}

/// A socket that has sent SYN, and that SYN.
struct Connecting {
	Connecting()
	{
		net().receive_all(wire::milliseconds{0});
		socket = sock::tcp();
		sock::bind(socket, {errors::host, 0});
		ktap::require_equal(sock::connect(socket, {remote(1), port}), EINPROGRESS,
				    "connect");
		syn = next_segment(remote(1));
	}

	Socket socket;
	packet::Ipv4 syn;
};

/// A connection whose peer does not exist: TCP_REPAIR makes it without a handshake.
struct Established {
	static constexpr std::uint32_t first = 1000;

	explicit Established(Address peer, bool wants_errors = false)
	{
		net();
		socket = sock::tcp();
		sock::bind(socket, {errors::host, 0});
		sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
		for (int queue : {TCP_SEND_QUEUE, TCP_RECV_QUEUE}) {
			sock::set(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
			sock::set(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, first);
		}
		ktap::require_equal(sock::connect(socket, {peer, port}), 0, "connect");
		sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
		if (wants_errors)
			sock::set(socket, SOL_IP, IP_RECVERR, 1);
		// Without a byte in flight no sequence number is in the window.
		ktap::require_equal(sock::send(socket, packet::pattern(100)), 0, "send");
		Endpoint own = sock::local(socket);
		packet::put16(sent.payload, own.port);
		packet::put16(sent.payload, port);
		packet::put32(sent.payload, first);
		sent.protocol = IPPROTO_TCP;
		sent.source = own.address;
		sent.destination = peer;
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
	packet::Ipv4 sent;
};

void errors_about_a_syn_end_the_attempt()
{
	for (const errors::Mapping &mapping : errors::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Connecting client;

		if (mapping.code == Code::fragmentation_needed)
			continue;
		Change change;
		net().send(errors::unreachable(mapping.code, client.syn.build()));
		ktap::expect(sock::wait_for(client.socket, POLLOUT) & POLLERR, what + ", POLLERR");
		ktap::expect_equal(sock::take_error(client.socket), mapping.number, what);
		change.expect_outcomes({{"deliver_error_tcp", 1}}, what);
	}
	Connecting late, broken;
	net().send(errors::report(Type::time_exceeded, 0, 0, late.syn.build()));
	ktap::expect_equal(sock::take_error(late.socket), EHOSTUNREACH, "time exceeded");
	net().send(errors::parameter_problem(0, broken.syn.build()));
	ktap::expect_equal(sock::take_error(broken.socket), EPROTO, "parameter problem");
}

/// RFC 792 has routers quote 8 bytes: the ports and the sequence number.
void eight_bytes_of_a_syn_are_enough()
{
	Connecting client;
	Bytes quoted = client.syn.build();

	quoted.resize(28);
	net().send(errors::unreachable(Code::port_unreachable, quoted));
	ktap::expect_equal(sock::take_error(client.socket), ECONNREFUSED, "SO_ERROR");
}

void errors_that_do_not_end_the_attempt()
{
	Connecting client;
	Bytes quoted = client.syn.build(), wrong_sequence = quoted, wrong_port = quoted;

	wrong_sequence[24] ^= 0x40;
	wrong_port[21] ^= 1;
	net().send(errors::report(Type::source_quench, 0, 0, quoted));
	net().send(errors::report(Type::time_exceeded, 1, 0, quoted));
	net().send(errors::unreachable(16, quoted));
	net().send(errors::too_big(1280, quoted));
	Change change;
	net().send(errors::unreachable(Code::port_unreachable, wrong_sequence));
	ktap::expect_equal(change.snmp()["TcpExt.OutOfWindowIcmps"], 1, "OutOfWindowIcmps");
	change.restart();
	net().send(errors::unreachable(Code::port_unreachable, wrong_port));
	ktap::expect_equal(change.icmp()["Icmp.InErrors"], 1, "InErrors");
	ktap::expect_equal(sock::take_error(client.socket), 0, "SO_ERROR");
	ktap::expect_equal(sock::wait_for(client.socket, POLLOUT), 0, "poll()");
}

void a_connection_survives_errors()
{
	Established connection(remote(2));

	// RFC 1122, 4.2.3.9: remembered in case the connection times out, and no more than that.
	for (const errors::Mapping &mapping : errors::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);

		if (mapping.code == Code::fragmentation_needed)
			continue;
		net().send(errors::unreachable(mapping.code, connection.sent.build()));
		ktap::expect_equal(sock::wait_for(connection.socket, 0), 0, what + ", POLLERR");
		ktap::expect_equal(sock::take_error(connection.socket), mapping.number,
				   what + ", soft error");
	}
	net().send(errors::report(Type::time_exceeded, 0, 0, connection.sent.build()));
	ktap::expect_equal(sock::wait_for(connection.socket, 0), 0, "time exceeded, POLLERR");
	ktap::expect_equal(sock::take_error(connection.socket), EHOSTUNREACH,
			   "time exceeded, soft error");
	ktap::expect_equal(sock::send(connection.socket, packet::pattern(1)), 0, "send");
	ktap::expect_equal(connection.state(), 1, "state is ESTABLISHED");
}

void a_connection_that_wants_errors_is_told()
{
	Established connection(remote(3), true);

	for (const errors::Mapping &mapping : errors::unreachable_codes) {
		if (mapping.code == Code::fragmentation_needed)
			continue;
		net().send(errors::unreachable(mapping.code, connection.sent.build()));
		ktap::expect(sock::wait_for(connection.socket, 0) & POLLERR, "POLLERR");
		ktap::expect_equal(sock::take_error(connection.socket), mapping.number,
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
		packet::Ipv4 other = connection.sent;
		Change change;

		other.payload.resize(4);
		packet::put32(other.payload, sequence);
		net().send(errors::unreachable(Code::port_unreachable, other.build()));
		net().send(errors::too_big(600, other.build()));
		ktap::expect_equal(sock::take_error(connection.socket), 0, "SO_ERROR");
		ktap::expect_equal(change.snmp()["TcpExt.OutOfWindowIcmps"], 2, "OutOfWindowIcmps");
	}
	ktap::expect_equal(sock::get(connection.socket, SOL_IP, IP_MTU), 1500, "IP_MTU");
}

void fragmentation_needed_lowers_the_segment_size()
{
	Established connection(remote(5));

	ktap::expect_equal(sock::get(connection.socket, SOL_IP, IP_MTU), 1500, "IP_MTU before");
	net().send(errors::too_big(1000, connection.sent.build()));
	ktap::expect_equal(sock::get(connection.socket, SOL_IP, IP_MTU), 1000, "IP_MTU");
	ktap::expect_equal(errors::learned_mtu(remote(5)), 1000, "route");
	ktap::expect_equal(sock::take_error(connection.socket), 0, "SO_ERROR");
}

void the_meanings_of_ip_no_pmtu_disc()
{
	struct Row {
		int setting;
		std::uint8_t host;
		int mtu;
		const char *outcome;
	};
	const Row rows[]{
		{0, 10, 1000, "deliver_error_tcp"},
		{2, 12, 1500, "ignore_pmtu"},
		// TCP has checked the sequence number before it believes.
		{3, 13, 1000, "deliver_error_tcp"},
	};

	for (const Row &row : rows) {
		std::string what = "ip_no_pmtu_disc " + std::to_string(row.setting);
		Established connection(remote(row.host));
		Change change;

		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", row.setting);
		net().send(errors::too_big(1000, connection.sent.build()));
		host::set_sysctl("net/ipv4/ip_no_pmtu_disc", 0);
		ktap::expect_equal(sock::get(connection.socket, SOL_IP, IP_MTU), row.mtu, what);
		change.expect_outcomes({{row.outcome, 1}}, what);
	}
}

void a_listener_is_not_disturbed()
{
	net();
	Socket listener = sock::tcp();
	sock::bind(listener, {errors::host, 0});
	host::check(listen(listener.get(), 1), "listen");
	Bytes payload;
	packet::put16(payload, sock::local(listener).port);
	packet::put16(payload, port);
	packet::put32(payload, 0);
	Change change;
	net().send(errors::unreachable(
		Code::port_unreachable,
		errors::sent(IPPROTO_TCP, errors::host, remote(6), payload).build()));
	ktap::expect_equal(sock::take_error(listener), 0, "SO_ERROR");
	ktap::expect_equal(change.icmp()["Icmp.InErrors"], 1, "InErrors");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"errors_about_a_syn_end_the_attempt", errors_about_a_syn_end_the_attempt},
		 {"eight_bytes_of_a_syn_are_enough", eight_bytes_of_a_syn_are_enough},
		 {"errors_that_do_not_end_the_attempt", errors_that_do_not_end_the_attempt},
		 {"a_connection_survives_errors", a_connection_survives_errors},
		 {"a_connection_that_wants_errors_is_told", a_connection_that_wants_errors_is_told},
		 {"only_a_sequence_number_in_flight_is_believed",
		  only_a_sequence_number_in_flight_is_believed},
		 {"fragmentation_needed_lowers_the_segment_size",
		  fragmentation_needed_lowers_the_segment_size},
		 {"the_meanings_of_ip_no_pmtu_disc", the_meanings_of_ip_no_pmtu_disc},
		 {"a_listener_is_not_disturbed", a_listener_is_not_disturbed}});
}
