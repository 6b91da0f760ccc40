// SPDX-License-Identifier: GPL-2.0-only
//
// Path MTU discovery for IPv6 (RFC 8201): what a packet too big does to routes and sockets.

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <string>

namespace {

using counters6::Change;
using errors6::remote;
using packet::Bytes;
using packet6::Address;
using packet6::Ipv6;
using sock6::Endpoint;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

/// For experiments (RFC 3692): raw sockets alone have it.
constexpr std::uint8_t experimental = 253;

/// A socket that is connected, so that it keeps a route, and what it sent.
struct Client {
	enum Kind { udp, raw };

	explicit Client(const Address &address, int discovery = IPV6_PMTUDISC_WANT, Kind kind = udp)
		: peer{address, 9999}
	{
		net();
		socket = kind == udp ? sock6::udp() : sock6::raw(experimental);
		sock6::bind(socket, {errors6::host, 0});
		sock6::set(socket, SOL_IPV6, IPV6_MTU_DISCOVER, discovery);
		ktap::require_equal(sock6::connect(socket, peer), 0, "connect");
		sent = (kind == udp
				? errors6::sent_udp(sock6::local(socket), peer, packet::pattern(64))
				: errors6::sent(experimental, errors6::host, address,
						packet::pattern(64)))
			       .build();
	}

	int mtu() const { return sock6::get(socket, SOL_IPV6, IPV6_MTU); }

	Endpoint peer;
	Socket socket;
	Bytes sent;
};

void lowers_the_mtu_of_the_route_and_the_socket(Client::Kind kind, std::uint8_t number)
{
	Client client(remote(number), IPV6_PMTUDISC_DO, kind);
	const std::size_t header = kind == Client::udp ? 48 : 40;

	ktap::expect_equal(client.mtu(), 1500, "IPV6_MTU before");
	net().send(errors6::too_big(1400, client.sent));
	ktap::expect_equal(sock6::take_error(client.socket), EMSGSIZE, "SO_ERROR");
	ktap::expect_equal(client.mtu(), 1400, "IPV6_MTU");
	ktap::expect_equal(errors6::learned_mtu(client.peer.address), 1400, "route");
	ktap::expect_equal(sock6::send(client.socket, packet::pattern(1401 - header)), EMSGSIZE,
			   "a byte too many");
	ktap::expect_equal(sock6::send(client.socket, packet::pattern(1400 - header)), 0,
			   "as much as fits");
	net().send(errors6::too_big(1450, client.sent));
	ktap::expect_equal(client.mtu(), 1400, "IPV6_MTU after a message with a larger one");
	net().send(errors6::too_big(1280, client.sent));
	ktap::expect_equal(client.mtu(), 1280, "IPV6_MTU after a message with a smaller one");
	ktap::expect_equal(errors6::learned_mtu(remote(99)), 0, "route to another host");
}

void of_udp() { lowers_the_mtu_of_the_route_and_the_socket(Client::udp, 1); }
void of_raw_sockets() { lowers_the_mtu_of_the_route_and_the_socket(Client::raw, 2); }

void packets_are_fragmented_as_the_route_says()
{
	Client client(remote(3), IPV6_PMTUDISC_WANT);

	net().send(errors6::too_big(1300, client.sent));
	sock6::take_error(client.socket);
	net().receive_all<Ipv6>();
	ktap::expect_equal(sock6::send(client.socket, packet::pattern(1400)), 0, "send");
	auto fragments = net().receive_all<Ipv6>();
	ktap::expect_equal(fragments.size(), 2U, "fragments");
	for (const Ipv6 &part : fragments)
		ktap::expect(part.build().size() <= 1300, "a fragment fits");
}

/// RFC 8200, 5: no link has less than 1280 bytes.
void an_mtu_below_the_least_changes_nothing()
{
	std::uint8_t number = 30;

	for (std::uint32_t mtu : {0, 1, 68, 576, 1279}) {
		for (Client::Kind kind : {Client::udp, Client::raw}) {
			Client client(remote(number++), IPV6_PMTUDISC_DO, kind);

			net().send(errors6::too_big(mtu, client.sent));
			ktap::expect_equal(client.mtu(), 1500,
					   "IPV6_MTU after " + std::to_string(mtu));
			ktap::expect_equal(errors6::learned_mtu(client.peer.address), 0, "route");
			// The program is told nevertheless.
			ktap::expect_equal(sock6::take_error(client.socket), EMSGSIZE, "SO_ERROR");
		}
	}
}

void an_mtu_above_that_of_the_device_changes_nothing()
{
	for (std::uint32_t mtu : {1501U, 9000U, 65536U, 0xffffffffU}) {
		Client client(remote(40), IPV6_PMTUDISC_DO);

		net().send(errors6::too_big(mtu, client.sent));
		ktap::expect_equal(client.mtu(), 1500, "IPV6_MTU");
		ktap::expect_equal(errors6::learned_mtu(client.peer.address), 0, "route");
	}
}

/// An echo reply of ours, as the router quotes it.
Bytes message_to(const Address &to, std::uint8_t type)
{
	packet::Icmp message = packet6::echo_request(7, 1, packet::pattern(56));

	message.type = type;
	return packet6::datagram(message, {.source = errors6::host, .destination = to}).build();
}

void errors_about_echo_replies_lower_the_mtu()
{
	const Address pinger = remote(60);
	Change change;

	net();
	change.restart();
	net().send(errors6::too_big(1280, message_to(pinger, packet6::echo_reply)));
	change.expect_icmp(counters6::in(packet6::too_big), "error");
	change.expect_outcomes({{"deliver_error_icmp", 1}}, "error");
	ktap::expect_equal(errors6::learned_mtu(pinger), 1280, "route");

	net().receive_all<Ipv6>();
	net().send(packet6::datagram(packet6::echo_request(7, 2, packet::pattern(1400)),
				     {.source = pinger}));
	auto fragments = net().receive_all<Ipv6>();
	ktap::require_equal(fragments.size(), 2U, "fragments of the next reply");
	auto whole = ktap::require_value(packet6::reassemble(fragments), "reply");
	auto reply = ktap::require_value(packet6::parse_icmp(whole), "reply");
	ktap::expect_equal(reply.data, packet::pattern(1400), "data");
	ktap::expect(reply.checksum_right, "checksum");
}

/// As the built-in code has it: of whatever type the message is.
void errors_about_every_message_of_icmpv6()
{
	std::uint8_t number = 70;

	for (std::uint8_t type :
	     {packet6::echo, packet6::extended_echo, packet6::extended_echo_reply,
	      packet6::neighbour_advertisement, packet6::unreachable}) {
		const Address target = remote(number++);

		net().send(errors6::too_big(1300, message_to(target, type)));
		ktap::expect_equal(errors6::learned_mtu(target), 1300,
				   "type " + std::to_string(type));
	}
}

void other_errors_about_echo_replies_change_nothing()
{
	const Address pinger = remote(90);
	Bytes quoted = message_to(pinger, packet6::echo_reply);

	for (std::uint8_t type : {0, 1, 3, 4, 5, 127})
		net().send(errors6::report(type, 0, 1280, quoted));
	ktap::expect_equal(errors6::learned_mtu(pinger), 0, "route");
}

/// Such a socket looks the route up for each packet.
void a_socket_that_is_not_connected()
{
	const Endpoint peer{remote(100), 0};
	net();
	Socket socket = sock6::raw(experimental);

	sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	sock6::set(socket, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	ktap::expect_equal(sock6::send(socket, packet::pattern(1400), peer), 0, "send before");
	net().send(errors6::too_big(1300, errors6::sent(experimental, errors6::host, peer.address,
							packet::pattern(1400))
						  .build()));
	sock6::forget_errors(socket);
	ktap::expect_equal(sock6::send(socket, packet::pattern(1400), peer), EMSGSIZE,
			   "send after");
	ktap::expect_equal(sock6::send(socket, packet::pattern(1260), peer), 0, "as much as fits");
}

/// The mark of a socket chooses the route that learns.
void the_mark_of_the_socket()
{
	const Endpoint peer{remote(110), 0};

	net();
	host::need("dummy", "ip link show dummy1 || ip link add dummy1 up type dummy");
	host::run(
		"ip -6 rule add fwmark 7 table 100; ip -6 route add default dev dummy1 table 100");
	for (int mark : {0, 7}) {
		Socket socket = sock6::raw(experimental);

		sock6::set(socket, SOL_SOCKET, SO_MARK, mark);
		sock6::bind(socket, {errors6::host, 0});
		ktap::require_equal(sock6::connect(socket, peer), 0, "connect");
		net().send(errors6::too_big(1300 + static_cast<std::uint32_t>(mark),
					    errors6::sent(experimental, errors6::host, peer.address,
							  packet::pattern(40))
						    .build()));
		ktap::expect_equal(sock6::get(socket, SOL_IPV6, IPV6_MTU), 1300 + mark,
				   "mark " + std::to_string(mark));
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"rfc8201_4_of_udp", of_udp},
		 {"rfc8201_4_of_raw_sockets", of_raw_sockets},
		 {"packets_are_fragmented_as_the_route_says",
		  packets_are_fragmented_as_the_route_says},
		 {"rfc8200_5_an_mtu_below_the_least_changes_nothing",
		  an_mtu_below_the_least_changes_nothing},
		 {"an_mtu_above_that_of_the_device_changes_nothing",
		  an_mtu_above_that_of_the_device_changes_nothing},
		 {"errors_about_echo_replies_lower_the_mtu",
		  errors_about_echo_replies_lower_the_mtu},
		 {"errors_about_every_message_of_icmpv6", errors_about_every_message_of_icmpv6},
		 {"other_errors_about_echo_replies_change_nothing",
		  other_errors_about_echo_replies_change_nothing},
		 {"a_socket_that_is_not_connected", a_socket_that_is_not_connected},
		 {"the_mark_of_the_socket", the_mark_of_the_socket}});
}
