// SPDX-License-Identifier: GPL-2.0-only
//
// What /proc/net/icmpx_stat says of ping sockets. drop_ambiguous takes more sockets than there are identifiers: see
// ping_scale.

#include "lib/counters.hpp"
#include "lib/ping.hpp"

#include <string>

#include <linux/filter.h>

namespace {

using counters::Change;
using counters::Values;
using errors::remote;
using packet::Bytes;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

constexpr Endpoint peer{remote(1), 0};

Values moved(const Change &change)
{
	return counters::only(ktap::require_value(change.icmpx(), "icmpx_stat"), {"ping_"});
}

void expect_moved(const Change &change, const Values &expected, std::string_view what)
{
	ktap::expect_equal(counters::text(moved(change)), counters::text(expected), what);
}

/// The error that a router sends about a request of @p socket.
void report(const wire::Wire &net, std::uint16_t id)
{
	const Bytes request = packet::echo_request(id, 1, Bytes(20)).build();

	net.send(errors::report(
		Type::time_exceeded, 0, 0,
		errors::sent(IPPROTO_ICMP, errors::host, peer.address, request).build()));
}

void open_sockets()
{
	host::need_icmpx();
	ping::new_network();
	Change change;
	Socket idle = sock::ping(), first = sock::ping(), second = sock::ping();

	sock::bind(first, {0, 0});
	sock::bind(second, {0, 0});
	expect_moved(change, {{"ping_sockets", 2}}, "two that have an identifier");
	second = Socket();
	expect_moved(change, {{"ping_sockets", 1}}, "one closed");
	host::Namespace home = host::Namespace::current();
	ping::new_network();
	ktap::expect_equal(ktap::require_value(counters::icmpx(), "icmpx_stat")["ping_sockets"], 0,
			   "another namespace");
	home.enter();
}

void sending()
{
	host::need_icmpx();
	wire::Wire net = ping::new_network();
	Socket socket = sock::ping();

	sock::bind(socket, {0, 0});
	Change change;
	ktap::expect_equal(sock::send(socket, ping::request(1), peer), 0, "send");
	expect_moved(change, {{"ping_sent", 1}}, "sent");
	change.restart();
	ktap::expect_equal(sock::send(socket, ping::request(1, {}, Type::echo_reply), peer), EINVAL,
			   "send a reply");
	ktap::expect_equal(sock::send(socket, ping::request(1)), EDESTADDRREQ, "send to nobody");
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	ktap::expect_equal(sock::send(socket, ping::request(1, packet::pattern(1500)), peer),
			   EMSGSIZE, "send too much");
	expect_moved(change, {{"ping_send_failed", 3}}, "not sent");
	change.restart();
	ktap::expect_equal(control::send(socket, ping::request(1), peer, {}, control::msg_probe), 0,
			   "MSG_PROBE");
	expect_moved(change, {}, "MSG_PROBE");
}

void replies_that_a_socket_does_not_take()
{
	host::need_icmpx();
	wire::Wire net = ping::new_network();
	Socket socket = sock::ping();

	sock::bind(socket, {0, 0});
	const std::uint16_t id = ping::identifier(socket);
	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	Change change;
	for (int i = 0; i < 50; i++)
		net.send(ping::reply(id, 1, packet::pattern(500)));
	int received = 0;
	while (sock::receive(socket))
		received++;
	ktap::expect_between(received, 1, 49, "replies that fit");
	change.expect_outcomes({{"deliver_ping", received}, {"drop_socket_full", 50 - received}},
			       "a full buffer");

	sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	sock_fprog program{1, &nothing};
	host::check(
		setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
		"SO_ATTACH_FILTER");
	change.restart();
	net.send(ping::reply(id));
	change.expect_outcomes({{"drop_socket_filter", 1}}, "a filter");
	change.restart();
	net.send(ping::reply(static_cast<std::uint16_t>(id ^ 1)));
	change.expect_outcomes({{"drop_no_socket", 1}}, "nobody's identifier");
}

void errors_about_requests()
{
	host::need_icmpx();
	wire::Wire net = ping::new_network();
	Socket socket = sock::ping();

	sock::bind(socket, {0, 0});
	const std::uint16_t id = ping::identifier(socket);
	Change change;
	report(net, id);
	expect_moved(change, {{"ping_errors", 1}}, "to one that did not ask");
	change.restart();
	report(net, static_cast<std::uint16_t>(id ^ 1));
	expect_moved(change, {{"ping_errors_unmatched", 1}}, "nobody's identifier");

	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	change.restart();
	report(net, id);
	expect_moved(change, {{"ping_errors", 1}, {"ping_errors_queued", 1}}, "to one that asked");
	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	change.restart();
	for (int i = 0; i < 50; i++)
		report(net, id);
	int queued = 0;
	while (sock::next_error(socket))
		queued++;
	ktap::expect_between(queued, 2, 50, "errors that fit");
	expect_moved(change,
		     {{"ping_errors", 50},
		      {"ping_errors_dropped", 51 - queued},
		      {"ping_errors_queued", queued - 1}},
		     "a full queue");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"open_sockets", open_sockets},
		 {"sending", sending},
		 {"replies_that_a_socket_does_not_take", replies_that_a_socket_does_not_take},
		 {"errors_about_requests", errors_about_requests}});
}
