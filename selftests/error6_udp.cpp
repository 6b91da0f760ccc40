// SPDX-License-Identifier: GPL-2.0-only
//
// ICMPv6 errors about UDP datagrams: which socket learns of them, and what (RFC 4443, 2.4 and 3).

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <net/if.h>
#include <string>
#include <thread>

namespace {

using counters6::Change;
using errors6::Code;
using errors6::remote;
using packet::Bytes;
using sock6::Endpoint;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

constexpr Endpoint peer{remote(1), 9999};

/// A UDP socket and what a router quotes of a datagram that it sent to the peer.
struct Client {
	enum Kind { connected, unconnected };

	explicit Client(Kind kind = connected, bool wants_errors = false)
	{
		net();
		socket = sock6::udp();
		sock6::bind(socket, {errors6::host, 0});
		if (kind == connected)
			ktap::require_equal(sock6::connect(socket, peer), 0, "connect");
		if (wants_errors)
			sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
		sent = errors6::sent_udp(sock6::local(socket), peer).build();
	}

	Socket socket;
	Bytes sent;
};

void unreachable_codes_on_a_connected_socket()
{
	Client client;

	for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Change change;

		net().send(errors6::unreachable(mapping.code, client.sent));
		ktap::expect_equal(sock6::take_error(client.socket),
				   mapping.fatal ? mapping.number : 0, what);
		change.expect_icmp(counters6::in(packet6::unreachable), what);
		change.expect_outcomes({{"deliver_error_udp", 1}}, what);
	}
}

void unreachable_codes_on_a_socket_that_wants_errors()
{
	for (auto kind : {Client::connected, Client::unconnected}) {
		Client client(kind, true);

		for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
			std::string what = "code " + std::to_string(mapping.code);

			net().send(errors6::unreachable(mapping.code, client.sent));
			auto error = ktap::require_value(sock6::next_error(client.socket), what);
			ktap::expect_equal(error.number, mapping.number, what + ", ee_errno");
			ktap::expect_equal(error.type, packet6::unreachable, what + ", ee_type");
			ktap::expect_equal(error.code, mapping.code, what + ", ee_code");
			// Reading the last entry takes the pending error away, too.
			ktap::expect_equal(sock6::take_error(client.socket), 0,
					   what + ", SO_ERROR afterwards");
			net().send(errors6::unreachable(mapping.code, client.sent));
			ktap::expect_equal(sock6::take_error(client.socket), mapping.number,
					   what + ", SO_ERROR");
			sock6::forget_errors(client.socket);
		}
	}
}

void an_unconnected_socket_that_does_not_want_errors_gets_none()
{
	Client client(Client::unconnected);

	for (const errors6::Mapping &mapping : errors6::unreachable_codes)
		net().send(errors6::unreachable(mapping.code, client.sent));
	net().send(errors6::parameter_problem(0, client.sent));
	ktap::expect_equal(sock6::wait_for(client.socket, 0), 0, "POLLERR");
	ktap::expect_equal(sock6::take_error(client.socket), 0, "SO_ERROR");
}

struct Expectation {
	std::uint8_t type;
	std::uint8_t code;
	std::uint32_t rest;
	/// What a connected socket gets, and one that wants errors.
	int hard;
	int any;
};

void other_types()
{
	const std::vector<Expectation> expectations{
		{packet6::too_big, 0, 1400, EMSGSIZE, EMSGSIZE},
		// RFC 4443, 3.2: a receiver ignores the code.
		{packet6::too_big, 7, 1400, EMSGSIZE, EMSGSIZE},
		{packet6::time_exceeded, 0, 0, 0, EHOSTUNREACH},
		{packet6::time_exceeded, 1, 0, 0, EHOSTUNREACH},
		{packet6::time_exceeded, 2, 77, 0, EHOSTUNREACH},
		{packet6::parameter_problem, 0, 4, EPROTO, EPROTO},
		{packet6::parameter_problem, 1, 6, EPROTO, EPROTO},
		{packet6::parameter_problem, 2, 0xffffffff, EPROTO, EPROTO},
		{packet6::parameter_problem, 3, 0, EPROTO, EPROTO},
		// RFC 4443, 2.4 (a): of a type that is not known.
		{0, 0, 1, 0, EPROTO},
		{5, 0, 2, 0, EPROTO},
		{100, 0, 3, 0, EPROTO},
		{101, 1, 4, 0, EPROTO},
		{127, 255, 5, 0, EPROTO},
	};

	for (const Expectation &row : expectations) {
		std::string what =
			"type " + std::to_string(row.type) + " code " + std::to_string(row.code);
		Client plain;

		Change change;

		net().send(errors6::report(row.type, row.code, row.rest, plain.sent));
		ktap::expect_equal(sock6::take_error(plain.socket), row.hard, what);
		change.expect_icmp(counters6::in(row.type), what);
		change.expect_outcomes({{"deliver_error_udp", 1}}, what);

		Client asking(Client::connected, true);
		net().send(errors6::report(row.type, row.code, row.rest, asking.sent));
		auto error = ktap::require_value(sock6::next_error(asking.socket), what);
		ktap::expect_equal(error.number, row.any, what + ", ee_errno");
		ktap::expect_equal(error.type, row.type, what + ", ee_type");
		ktap::expect_equal(error.code, row.code, what + ", ee_code");
		ktap::expect_equal(error.info, row.rest, what + ", ee_info");
	}
}

void every_unknown_type()
{
	for (unsigned type = 0; type < 128; type = type == 0 ? 5 : type + 1) {
		const std::string what = "type " + std::to_string(type);
		Client client(Client::unconnected, true);
		Change change;

		net().send(errors6::report(static_cast<std::uint8_t>(type), 0, type, client.sent));
		auto error = ktap::require_value(sock6::next_error(client.socket), what);
		ktap::expect_equal(error.type, static_cast<int>(type), what);
		change.expect_icmp(counters6::in(type), what);
		change.expect_outcomes({{"deliver_error_udp", 1}}, what);
	}
}

void calls_report_the_error_once()
{
	Client client;
	Bytes data = packet::pattern(10);

	net().send(errors6::unreachable(Code::port_unreachable, client.sent));
	ktap::expect_equal(sock6::send(client.socket, data), ECONNREFUSED, "first send");
	ktap::expect_equal(sock6::send(client.socket, data), 0, "second send");
	net().send(errors6::unreachable(Code::port_unreachable, client.sent));
	ktap::expect_equal(recv(client.socket.get(), data.data(), data.size(), MSG_DONTWAIT), -1,
			   "first recv");
	ktap::expect_equal(errno, ECONNREFUSED, "first recv");
	ktap::expect_equal(recv(client.socket.get(), data.data(), data.size(), MSG_DONTWAIT), -1,
			   "second recv");
	ktap::expect_equal(errno, EAGAIN, "second recv");
}

void wakes_a_sleeper_in_poll()
{
	Client client;
	short events = 0;
	std::thread sleeper([&] { events = sock6::wait_for(client.socket, POLLIN, 5000); });

	std::this_thread::sleep_for(wire::silence);
	net().send(errors6::unreachable(Code::port_unreachable, client.sent));
	sleeper.join();
	ktap::expect_equal(events & POLLERR, POLLERR, "poll() says POLLERR");
}

/// Linux 7 has no UDP-Lite any more.
bool has_udplite() { return !host::linux_since(7, 0); }

void nobody_else_gets_it()
{
	Client client(Client::connected, true);
	Endpoint own = sock6::local(client.socket);
	auto port = static_cast<std::uint16_t>(own.port + 1);
	const std::vector<std::pair<std::string, packet6::Ipv6>> strangers{
		{"another port of ours", errors6::sent_udp({own.address, port}, peer)},
		{"another port of the peer", errors6::sent_udp(own, {peer.address, 9998})},
		{"another peer", errors6::sent_udp(own, {remote(2), peer.port})},
		{"not our address", errors6::sent_udp({errors6::router, own.port}, peer)},
		{"the other way round", errors6::sent_udp(peer, own)},
		{"UDP-Lite", errors6::sent_udp(own, peer, {}, IPPROTO_UDPLITE)},
	};

	for (const auto &[what, datagram] : strangers) {
		const bool known = datagram.protocol != IPPROTO_UDPLITE || has_udplite();
		const char *outcome = "deliver_error_other";
		Change change;

		if (datagram.protocol == IPPROTO_UDP)
			outcome = "deliver_error_udp";
		else if (!known)
			outcome = "drop_no_protocol";
		net().send(errors6::unreachable(Code::port_unreachable, datagram.build()));
		ktap::expect_equal(sock6::wait_for(client.socket, 0), 0, what);
		// The error is about nothing that we know, says the protocol, if it is one that Linux has.
		change.expect_icmp(known ? errors6::refused(packet6::unreachable)
					 : counters6::in(packet6::unreachable),
				   what);
		change.expect_outcomes({{outcome, 1}}, what);
	}
	net().send(errors6::unreachable(Code::port_unreachable, client.sent));
	ktap::expect_equal(sock6::wait_for(client.socket, 0), POLLERR, "the right one");
}

void udplite()
{
	if (!has_udplite())
		ktap::skip("the kernel has no UDP-Lite");
	Socket socket = sock6::open(SOCK_DGRAM, IPPROTO_UDPLITE);

	net();
	sock6::bind(socket, {errors6::host, 0});
	ktap::require_equal(sock6::connect(socket, peer), 0, "connect");
	Change change;
	net().send(errors6::unreachable(
		Code::port_unreachable,
		errors6::sent_udp(sock6::local(socket), peer, {}, IPPROTO_UDPLITE).build()));
	ktap::expect_equal(sock6::take_error(socket), ECONNREFUSED, "SO_ERROR");
	change.expect_icmp(counters6::in(packet6::unreachable), "UDP-Lite");
	change.expect_outcomes({{"deliver_error_other", 1}}, "UDP-Lite");
}

void a_socket_bound_to_a_device_gets_what_came_by_it()
{
	Client here(Client::connected, true), elsewhere(Client::connected, true);

	host::need("dummy", "ip link show dummy0 || ip link add dummy0 type dummy");
	setsockopt(here.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6);
	setsockopt(elsewhere.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "dummy0", 7);
	net().send(errors6::unreachable(Code::port_unreachable, here.sent));
	net().send(errors6::unreachable(Code::port_unreachable, elsewhere.sent));
	ktap::expect_equal(sock6::wait_for(here.socket, 0), POLLERR,
			   "bound to the device that it came by");
	ktap::expect_equal(sock6::wait_for(elsewhere.socket, 0), 0, "bound to another one");
}

/// A link-local address means nothing without its link (RFC 4007, 6): the one that the error came by.
void a_link_local_peer()
{
	net();
	const Endpoint neighbour{packet6::client_link, 9999, if_nametoindex("wire0")};
	Socket socket = sock6::udp();

	sock6::bind(socket, {packet6::server_link, 0, neighbour.scope});
	ktap::require_equal(sock6::connect(socket, neighbour), 0, "connect");
	sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	net().send(errors6::report(packet6::unreachable, Code::port_unreachable, 0,
				   errors6::sent_udp(sock6::local(socket), neighbour).build(),
				   packet6::client_link));
	auto error = ktap::require_value(sock6::next_error(socket), "error");
	ktap::expect_equal(error.number, ECONNREFUSED, "ee_errno");
	ktap::expect_equal(packet6::text(error.offender), packet6::text(packet6::client_link),
			   "offender");
	ktap::expect(error.destination == neighbour, "destination, with its interface");
}

/// An IPv6 socket that talks to an IPv4 host learns of ICMP's errors as before.
void a_peer_of_ipv4()
{
	net();
	host::run("ip address replace 10.0.0.2/24 dev wire0; ip route replace default dev wire0");
	const Endpoint mapped{packet6::ipv6("::ffff:192.0.2.1"), 9999};
	Socket socket = sock6::udp();

	sock6::set(socket, SOL_IPV6, IPV6_V6ONLY, 0);
	ktap::require_equal(sock6::connect(socket, mapped), 0, "connect");
	sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	Change change;
	net().send(errors::unreachable(errors::Code::port_unreachable,
				       errors::sent_udp({errors::host, sock6::local(socket).port},
							{errors::remote(1), 9999})
					       .build()));
	auto error = sock6::next_error(socket);
	ktap::expect_equal(sock6::take_error(socket) || error, true, "error");
	change.expect_icmp({}, "nothing of ICMPv6");
	change.expect_outcomes({}, "nothing of ICMPv6");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"rfc4443_3_1_codes_on_a_connected_socket",
			   unreachable_codes_on_a_connected_socket},
			  {"rfc4443_3_1_codes_on_a_socket_that_wants_errors",
			   unreachable_codes_on_a_socket_that_wants_errors},
			  {"an_unconnected_socket_that_does_not_want_errors_gets_none",
			   an_unconnected_socket_that_does_not_want_errors_gets_none},
			  {"other_types", other_types},
			  {"rfc4443_2_4_a_every_unknown_type", every_unknown_type},
			  {"calls_report_the_error_once", calls_report_the_error_once},
			  {"wakes_a_sleeper_in_poll", wakes_a_sleeper_in_poll},
			  {"nobody_else_gets_it", nobody_else_gets_it},
			  {"udplite", udplite},
			  {"a_socket_bound_to_a_device_gets_what_came_by_it",
			   a_socket_bound_to_a_device_gets_what_came_by_it},
			  {"rfc4007_6_a_link_local_peer", a_link_local_peer},
			  {"a_peer_of_ipv4", a_peer_of_ipv4}});
}
