// SPDX-License-Identifier: GPL-2.0-only
//
// ICMPv6 errors about echo requests, and the ping sockets that sent them (RFC 4443, 2.4; ipv6(7)): which of them learns of
// which error, and what. Those opened before the module was loaded are for load_sockets.

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <string>
#include <vector>

#include <net/if.h>

namespace {

using errors6::Code;
using errors6::remote;
using packet::Bytes;
using packet::View;
using packet6::Address;
using packet6::Ipv6;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<V6>();
	return wire;
}

constexpr Address peer = remote(1);

enum Kind { unconnected, connected };

struct Client : pinger::Client<V6> {
	explicit Client(Kind kind, bool wants_errors, const Address &to = peer)
		: pinger::Client<V6>(net(), to, kind == connected, wants_errors)
	{
	}
};

sock6::Error next_error(const Client &client, const std::string &what,
			const wire::Where &where = wire::Where::current())
{
	return ktap::require_value(sock6::next_error(client.socket), what, where);
}

/// Expects that the socket learned of nothing.
void expect_nothing(const Client &client, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(sock6::wait_for(client.socket, 0), 0, what + ", POLLERR", where);
	ktap::expect(!sock6::next_error(client.socket), what + ", error queue", where);
}

void unreachable_codes()
{
	Client plain(connected, false), asking(unconnected, true);

	for (const errors6::Mapping &mapping : errors6::unreachable_codes) {
		const std::string what = "code " + std::to_string(mapping.code);
		const counters6::Change change;

		net().send(errors6::unreachable(mapping.code, plain.sent().build()));
		ktap::expect_equal(sock6::wait_for(plain.socket, 0), mapping.fatal ? POLLERR : 0,
				   what + ", POLLERR");
		ktap::expect_equal(sock6::take_error(plain.socket),
				   mapping.fatal ? mapping.number : 0, what);
		ktap::expect(!sock6::next_error(plain.socket), what + ", nobody asked for a queue");
		change.expect_icmp(counters6::in(packet6::unreachable), what);
		change.expect_outcomes({{"deliver_error_icmp", 1}}, what);

		net().send(errors6::unreachable(mapping.code, asking.sent().build(), 0xabcd1400));
		ktap::expect_equal(sock6::wait_for(asking.socket, 0), POLLERR, what + ", POLLERR");
		ktap::expect_equal(sock6::take_error(asking.socket), mapping.number,
				   what + ", SO_ERROR");
		const auto error = next_error(asking, what);
		ktap::expect_equal(error.number, mapping.number, what + ", ee_errno");
		ktap::expect_equal(error.code, mapping.code, what + ", ee_code");
		ktap::expect_equal(error.info, 0xabcd1400, what + ", ee_info");
		expect_nothing(asking, what + ", once");
	}
}

void an_unconnected_socket_that_does_not_want_errors_gets_none()
{
	Client client(unconnected, false);

	for (const errors6::Mapping &mapping : errors6::unreachable_codes)
		net().send(errors6::unreachable(mapping.code, client.sent().build()));
	net().send(errors6::parameter_problem(6, client.sent().build()));
	expect_nothing(client, "hard errors");
	// Which ends when it connects.
	ktap::require_equal(sock6::connect(client.socket, {peer, 0}), 0, "connect");
	net().send(errors6::unreachable(Code::port_unreachable, client.sent().build()));
	ktap::expect_equal(sock6::take_error(client.socket), ECONNREFUSED, "connected");
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
		{packet6::too_big, 0, 1500, 0, EMSGSIZE},
		{packet6::time_exceeded, 0, 0, 0, EHOSTUNREACH},
		{packet6::time_exceeded, 1, 0, 0, EHOSTUNREACH},
		{packet6::parameter_problem, 0, 40, EPROTO, EPROTO},
		{packet6::parameter_problem, 1, 6, EPROTO, EPROTO},
		{packet6::parameter_problem, 2, 0xffffffff, EPROTO, EPROTO},
		// RFC 4443, 2.4 (a): unknown errors are for whom they are about, too.
		{0, 0, 0, 0, EPROTO},
		{5, 0, 0, 0, EPROTO},
		{100, 0, 7, 0, EPROTO},
		{127, 255, 0x12345678, 0, EPROTO},
	};
	Client plain(connected, false), asking(unconnected, true);

	for (const Row &row : rows) {
		const std::string what =
			"type " + std::to_string(row.type) + " code " + std::to_string(row.code);

		net().send(errors6::report(row.type, row.code, row.rest, plain.sent().build()));
		ktap::expect_equal(sock6::take_error(plain.socket), row.hard, what);
		net().send(errors6::report(row.type, row.code, row.rest, asking.sent().build()));
		ktap::expect_equal(sock6::take_error(asking.socket), row.any, what + ", SO_ERROR");
		const auto error = next_error(asking, what);
		ktap::expect_equal(error.number, row.any, what + ", ee_errno");
		ktap::expect_equal(error.type, row.type, what + ", ee_type");
		ktap::expect_equal(error.code, row.code, what + ", ee_code");
		ktap::expect_equal(error.info, row.rest, what + ", ee_info");
	}
}

/// What has the first bit of its type set is no error (RFC 4443, 2.1), whatever it quotes.
void messages_that_are_no_errors()
{
	Client client(connected, true);

	for (int type = 128; type < 256; type++)
		net().send(errors6::report(static_cast<std::uint8_t>(type), 0, 0,
					   client.sent().build()));
	expect_nothing(client, "types from 128 on");
}

void everything_about_the_error()
{
	Client client(unconnected, true);
	const Ipv6 sent = client.sent();
	const Address router = packet6::ipv6("2001:db8:9::9");

	net().send(errors6::report(packet6::time_exceeded, 0, 0, sent.build(), router));
	const auto error = next_error(client, "error");
	ktap::expect_equal(error.payload, sent.payload, "the payload begins with the request");
	ktap::expect_equal(error.destination.address, peer, "destination");
	ktap::expect_equal(error.destination.port, 0, "destination port");
	ktap::expect_equal(error.destination.scope, 0U, "destination scope");
	ktap::expect_equal(error.offender, router, "offender");
	ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP6, "ee_origin");
	ktap::expect_equal(error.truncated, false, "MSG_TRUNC");

	net().send(errors6::time_exceeded(sent.build()));
	const auto part = ktap::require_value(sock6::next_error(client.socket, 10), "error");
	ktap::expect_equal(part.payload, Bytes(sent.payload.begin(), sent.payload.begin() + 10),
			   "payload");
	ktap::expect_equal(part.truncated, true, "MSG_TRUNC");
}

/// The headers that a program asks for are those of the packet that the error came in.
void control_messages_are_of_the_error()
{
	Client client(unconnected, true);
	Ipv6 error = errors6::unreachable(Code::no_route, client.sent().build());

	for (int option : {IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_RECVPKTINFO})
		sock6::set(client.socket, SOL_IPV6, option, 1);
	error.hop_limit = 77;
	error.traffic_class = 0x2e;
	net().send(error);
	const auto received = V6::receive(client.socket, MSG_ERRQUEUE | MSG_DONTWAIT);
	ktap::expect_equal(received.flags, MSG_ERRQUEUE, "msg_flags");
	ktap::expect_equal(received.messages.size(), 4U, "messages");
	ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_HOPLIMIT).value_or(-1), 77,
			   "IPV6_HOPLIMIT");
	ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_TCLASS).value_or(-1), 0x2e,
			   "IPV6_TCLASS");
	ktap::expect_equal(ktap::require_value(received.value<in6_pktinfo>(SOL_IPV6, IPV6_PKTINFO),
					       "IPV6_PKTINFO")
				   .ipi6_ifindex,
			   if_nametoindex("wire0"), "ipi6_ifindex");
}

/// RFC 4007, 6.
void link_local_peers()
{
	Client client(unconnected, true, packet6::client_link);
	Ipv6 sent = client.sent();

	sent.source = packet6::server_link;
	net().send(errors6::report(packet6::unreachable, Code::no_route, 0, sent.build(),
				   packet6::client_link));
	const auto error = next_error(client, "error");
	ktap::expect(error.destination ==
			     Endpoint{packet6::client_link, 0, if_nametoindex("wire0")},
		     "destination, with its interface");
	ktap::expect_equal(error.offender, packet6::client_link, "offender");
}

/// What a ping socket cannot have sent, or another has.
void messages_of_others()
{
	Client client(connected, true);
	Client other(connected, true);
	const auto time_exceeded = [&](const Ipv6 &sent) {
		net().send(errors6::time_exceeded(sent.build()));
	};

	// Of PROBE, the built-in code forgets to look after errors.
	for (std::uint8_t type : {packet6::echo_reply, packet6::extended_echo,
				  packet6::extended_echo_reply, packet6::mld_query})
		time_exceeded(client.sent(type));
	for (std::uint8_t code : {1, 255})
		time_exceeded(client.sent(packet6::echo, code));
	expect_nothing(client, "no echo request");
	other.id = static_cast<std::uint16_t>(client.id ^ 1);
	time_exceeded(other.sent());
	expect_nothing(client, "another identifier");
	// It is the identifier that counts, and where the error came to, not whom the request was for.
	client.target = remote(2);
	time_exceeded(client.sent());
	ktap::expect_equal(next_error(client, "another destination").destination.address, remote(2),
			   "another destination");
	Ipv6 sent = client.sent();
	sent.source = remote(3);
	time_exceeded(sent);
	next_error(client, "another source");
	sock6::forget_errors(client.socket);
	net().send(V6::report(packet6::time_exceeded, 0, 0, client.sent().build(),
			      packet6::server_link));
	expect_nothing(client, "to another address than the socket's");
}

/// The request begins behind whatever headers it has (RFC 8200, 4.1), and 8 bytes of it are enough.
void extension_headers_in_what_is_quoted()
{
	Client client(unconnected, true);
	Ipv6 sent = client.sent();
	const Bytes data = sent.payload;

	for (std::uint8_t kind : {packet6::hop_by_hop, packet6::destination_options}) {
		sent.extensions.push_back(
			{.kind = kind, .contents = packet6::option(0x1e, packet::pattern(20))});
		const std::string what = std::to_string(sent.extensions.size()) + " headers";

		net().send(errors6::time_exceeded(sent.build()));
		const auto error = next_error(client, what);
		ktap::expect_equal(error.payload, data, what + ", payload");
		ktap::expect_equal(error.destination.address, peer, what + ", destination");
	}
	sent.fragment = packet6::Fragment{.offset = 0, .more = true};
	net().send(errors6::time_exceeded(sent.build()));
	ktap::expect_equal(next_error(client, "first fragment").payload, data, "first fragment");
	sent.fragment = packet6::Fragment{.offset = 8, .more = true};
	net().send(errors6::time_exceeded(sent.build()));
	expect_nothing(client, "a later fragment");

	const Bytes whole = client.sent().build();
	net().send(errors6::time_exceeded(View(whole).first(48)));
	ktap::expect_equal(next_error(client, "8 bytes").payload,
			   Bytes(data.begin(), data.begin() + 8), "8 bytes");
	net().send(errors6::time_exceeded(View(whole).first(47)));
	expect_nothing(client, "7 bytes");
}

/// RFC 4884, 4: of types 1 and 3 alone, in words of 64 bits, counted from the request on.
void extended_errors()
{
	Client client(unconnected, true);
	const Bytes whole = client.sent(packet6::echo, 0, packet::pattern(300)).build();
	// One object of 8 bytes.
	const Bytes extensions{0x20, 0, 0x41, 0xf1, 0, 8, 1, 1, 0xde, 0xad, 0xbe, 0xef};
	const Bytes body = packet::concat({View(whole).first(128), extensions});

	for (bool asks : {false, true}) {
		sock6::set(client.socket, SOL_IPV6, IPV6_RECVERR_RFC4884, asks);
		for (std::uint8_t type : {1, 2, 3, 4, 5}) {
			const std::string what = "type " + std::to_string(type);

			net().send(errors6::report(type, 0, 16U << 24, body));
			const auto error = next_error(client, what);
			ktap::expect_equal(error.extensions_at,
					   asks && (type == 1 || type == 3) ? 128 - 40 : 0,
					   what + ": where they begin");
			ktap::expect_equal(error.payload, Bytes(body.begin() + 40, body.end()),
					   what + ": payload");
		}
	}
}

/// The error that is pending is told once, by whichever call comes first; the queue keeps its entry.
void exactly_one_call_fails()
{
	for (Kind kind : {unconnected, connected}) {
		Client client(kind, true);
		const Endpoint to{client.target, 0};
		const auto fail = [&] {
			net().send(errors6::time_exceeded(client.sent().build()));
		};

		fail();
		ktap::expect_equal(V6::receive(client.socket).error, EHOSTUNREACH, "recvmsg");
		ktap::expect_equal(V6::receive(client.socket).error, EAGAIN, "recvmsg again");
		fail();
		ktap::expect_equal(sock6::send(client.socket, pinger::request<V6>(2), to),
				   EHOSTUNREACH, "sendto");
		ktap::expect_equal(sock6::send(client.socket, pinger::request<V6>(3), to), 0,
				   "sendto again");
		fail();
		ktap::expect_equal(sock6::take_error(client.socket), EHOSTUNREACH, "SO_ERROR");
		ktap::expect_equal(sock6::take_error(client.socket), 0, "SO_ERROR again");
		for (int i = 0; i < 3; i++)
			next_error(client, "an entry of each");
		expect_nothing(client, "the queue is empty");
	}
}

void the_queue_is_bounded_by_the_receive_buffer()
{
	Client client(unconnected, true);
	int entries = 0;

	sock6::set(client.socket, SOL_SOCKET, SO_RCVBUF, 4096);
	for (int i = 0; i < 100; i++)
		net().send(errors6::time_exceeded(
			client.sent(packet6::echo, 0, packet::pattern(500)).build()));
	while (sock6::next_error(client.socket))
		entries++;
	ktap::expect_between(entries, 1, 20, "entries");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"rfc4443_3_1_unreachable_codes", unreachable_codes},
		 {"an_unconnected_socket_that_does_not_want_errors_gets_none",
		  an_unconnected_socket_that_does_not_want_errors_gets_none},
		 {"other_types", other_types},
		 {"messages_that_are_no_errors", messages_that_are_no_errors},
		 {"everything_about_the_error", everything_about_the_error},
		 {"control_messages_are_of_the_error", control_messages_are_of_the_error},
		 {"rfc4007_6_link_local_peers", link_local_peers},
		 {"messages_of_others", messages_of_others},
		 {"extension_headers_in_what_is_quoted", extension_headers_in_what_is_quoted},
		 {"rfc4884_extended_errors", extended_errors},
		 {"exactly_one_call_fails", exactly_one_call_fails},
		 {"the_queue_is_bounded_by_the_receive_buffer",
		  the_queue_is_bounded_by_the_receive_buffer}});
}
