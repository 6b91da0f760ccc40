// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: echo replies, and errors about echo requests (icmp(7)). Those opened before the module was loaded are
// for load_sockets.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <string>

namespace {

using counters::Change;
using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Type;
using sock::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = wire::new_server();

		host::set_sysctl("net/ipv4/ping_group_range", "0 2147483647");
		return made;
	}();
	return wire;
}

constexpr Address peer = remote(1);

struct Client {
	explicit Client(bool connected, bool wants_errors, Address to = peer) : target(to)
	{
		net();
		socket = sock::ping();
		sock::bind(socket, {0, 0});
		if (connected)
			ktap::require_equal(sock::connect(socket, {target, 0}), 0, "connect");
		if (wants_errors)
			sock::set(socket, SOL_IP, IP_RECVERR, 1);
		id = sock::local(socket).port;
	}

	/// The echo request that a router quotes.
	Bytes sent(std::uint8_t type = Type::echo, std::uint8_t code = 0) const
	{
		packet::Icmp request = packet::echo_request(id, 3, packet::pattern(20));

		request.type = type;
		request.code = code;
		return errors::sent(IPPROTO_ICMP, errors::host, target, request.build()).build();
	}

	Address target;
	Socket socket;
	std::uint16_t id;
};

packet::Ipv4 reply(std::uint16_t id, std::uint8_t type = Type::echo_reply)
{
	packet::Icmp message = packet::echo_request(id, 9, packet::pattern(30));

	message.type = type;
	return packet::datagram(message);
}

void echo_replies_reach_the_socket_that_asked()
{
	Client asking(false, false), other(false, false);

	for (std::uint8_t type : {Type::echo_reply, Type::extended_echo_reply}) {
		Change change;

		net().send(reply(asking.id, type));
		auto message = ktap::require_value(sock::receive(asking.socket), "reply");
		ktap::expect_equal(message, reply(asking.id, type).payload, "reply");
		ktap::expect_equal(sock::receive(other.socket).has_value(), false,
				   "another socket");
		change.expect_outcomes({{"deliver_ping", 1}}, "outcome");
	}
}

void echo_replies_that_nobody_asked_for()
{
	Client other(false, false);
	Change change;

	net().send(reply(static_cast<std::uint16_t>(other.id + 1)));
	ktap::expect_equal(sock::receive(other.socket).has_value(), false, "another socket");
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InEchoReps", 1}, {"IcmpMsg.InType0", 1}},
			   "counters");
	change.expect_outcomes({{"drop_no_socket", 1}}, "outcome");
}

void unreachable_codes()
{
	Client plain(true, false), asking(false, true);

	for (const errors::Mapping &mapping : errors::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Change change;

		net().send(errors::unreachable(mapping.code, plain.sent()));
		ktap::expect_equal(sock::take_error(plain.socket),
				   mapping.fatal ? mapping.number : 0, what);
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			what);
		change.expect_outcomes({{"deliver_error_icmp", 1}}, what);

		net().send(errors::unreachable(mapping.code, asking.sent()));
		auto error = ktap::require_value(sock::next_error(asking.socket), what);
		ktap::expect_equal(error.number, mapping.number, what + ", ee_errno");
	}
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
		{Type::time_exceeded, 0, 0, 0, EHOSTUNREACH},
		{Type::time_exceeded, 1, 0, 0, 0},
		{Type::parameter_problem, 0, 0, EPROTO, EPROTO},
		// No errors, but ping(8) wants to see them.
		{Type::source_quench, 0, 0, 0, EREMOTEIO},
		{Type::redirect, 1, errors::router, 0, EREMOTEIO},
	};

	for (const Row &row : rows) {
		std::string what =
			"type " + std::to_string(row.type) + " code " + std::to_string(row.code);
		Client plain(true, false), asking(false, true);

		net().send(errors::report(row.type, row.code, row.rest, plain.sent()));
		ktap::expect_equal(sock::take_error(plain.socket), row.hard, what);
		net().send(errors::report(row.type, row.code, row.rest, asking.sent()));
		auto error = sock::next_error(asking.socket);
		ktap::expect_equal(error ? error->number : 0, row.any, what + ", ee_errno");
	}
}

void the_payload_begins_with_the_icmp_header()
{
	Client client(false, true);
	Bytes quoted = client.sent();

	net().send(errors::report(Type::time_exceeded, 0, 0, quoted));
	auto error = ktap::require_value(sock::next_error(client.socket), "error");
	ktap::expect_equal(error.payload, Bytes(quoted.begin() + 20, quoted.end()), "payload");
	ktap::expect_equal(error.destination.address, peer, "destination");
	ktap::expect_equal(error.offender, errors::router, "offender");
	ktap::expect_equal(error.number, EHOSTUNREACH, "ee_errno");
}

void fragmentation_needed_lowers_the_mtu()
{
	Client client(true, true, remote(2));

	net().send(errors::too_big(1234, client.sent()));
	ktap::expect_equal(ktap::require_value(sock::next_error(client.socket), "error").info, 1234,
			   "ee_info");
	ktap::expect_equal(errors::learned_mtu(client.target), 1234, "route");
}

void extended_echo_requests_have_errors_too()
{
	Client client(false, true);

	net().send(errors::report(Type::time_exceeded, 0, 0, client.sent(Type::extended_echo)));
	ktap::expect_equal(ktap::require_value(sock::next_error(client.socket), "error").number,
			   EHOSTUNREACH, "errno");
}

void messages_that_a_ping_socket_cannot_have_sent()
{
	Client client(false, true);

	net().send(errors::report(Type::time_exceeded, 0, 0, client.sent(Type::echo, 1)));
	net().send(errors::report(Type::time_exceeded, 0, 0, client.sent(Type::echo_reply)));
	net().send(errors::report(Type::time_exceeded, 0, 0, client.sent(Type::timestamp)));
	ktap::expect_equal(sock::wait_for(client.socket, 0), 0, "POLLERR");
	client.id++;
	net().send(errors::report(Type::time_exceeded, 0, 0, client.sent()));
	ktap::expect_equal(sock::wait_for(client.socket, 0), 0, "another socket's POLLERR");
}

void a_socket_bound_to_a_device_or_an_address()
{
	Client device(false, false), other_device(false, false);

	host::run("ip link show dummy0 || ip link add dummy0 type dummy; ip address replace "
		  "10.0.9.1/24 dev dummy0");
	setsockopt(device.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6);
	setsockopt(other_device.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "dummy0", 7);
	Socket address = sock::ping(), other_address = sock::ping();
	sock::bind(address, {errors::host, 7001});
	sock::bind(other_address, {packet::ipv4("10.0.9.1"), 7002});
	net().send(reply(device.id));
	net().send(reply(other_device.id));
	net().send(reply(7001));
	net().send(reply(7002));
	ktap::expect(sock::receive(device.socket).has_value(),
		     "bound to the device that it came by");
	ktap::expect(!sock::receive(other_device.socket), "bound to another device");
	ktap::expect(sock::receive(address).has_value(), "bound to the address that it came to");
	ktap::expect(!sock::receive(other_address), "bound to another address");
}

void a_full_receive_buffer()
{
	Client client(false, false);
	Change change;
	constexpr int count = 100;
	int received = 0;

	sock::set(client.socket, SOL_SOCKET, SO_RCVBUF, 4096);
	for (int i = 0; i < count; i++)
		net().send(reply(client.id));
	while (sock::receive(client.socket))
		received++;
	ktap::expect_between(received, 1, count - 1, "replies received");
	ktap::expect_equal(change.icmp()["Icmp.InEchoReps"], count, "replies counted");
	if (auto moved = change.icmpx()) {
		ktap::expect_equal((*moved)["deliver_ping"], received, "deliver_ping");
		ktap::expect_equal((*moved)["packets_in"], count, "packets_in");
		ktap::expect(counters::outcomes_equal_packets_in(*moved),
			     "the sum of outcomes is packets_in");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"echo_replies_reach_the_socket_that_asked",
		  echo_replies_reach_the_socket_that_asked},
		 {"echo_replies_that_nobody_asked_for", echo_replies_that_nobody_asked_for},
		 {"unreachable_codes", unreachable_codes},
		 {"other_types", other_types},
		 {"the_payload_begins_with_the_icmp_header",
		  the_payload_begins_with_the_icmp_header},
		 {"fragmentation_needed_lowers_the_mtu", fragmentation_needed_lowers_the_mtu},
		 {"extended_echo_requests_have_errors_too", extended_echo_requests_have_errors_too},
		 {"messages_that_a_ping_socket_cannot_have_sent",
		  messages_that_a_ping_socket_cannot_have_sent},
		 {"a_socket_bound_to_a_device_or_an_address",
		  a_socket_bound_to_a_device_or_an_address},
		 {"a_full_receive_buffer", a_full_receive_buffer}});
}
