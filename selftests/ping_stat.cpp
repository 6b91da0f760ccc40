// SPDX-License-Identifier: GPL-2.0-only
//
// What /proc/net/icmpx_stat and /proc/net/icmpx6_stat say of ping sockets. drop_ambiguous takes more sockets than there are
// identifiers: see ping_scale.

#include "lib/counters.hpp"
#include "lib/pinger.hpp"

#include <string>
#include <vector>

#include <linux/filter.h>

namespace {

using counters::Values;
using pinger::Socket;
using pinger::V4;
using pinger::V6;

/// What moved of ping sockets.
template <typename Change>
void expect_moved(const Change &change, const Values &expected, std::string_view what)
{
	const Values moved =
		counters::only(ktap::require_value(change.icmpx(), "icmpx's counters"), {"ping_"});

	ktap::expect_equal(counters::text(moved), counters::text(expected), what);
}

template <typename F> typename F::Endpoint peer() { return {F::remote(1), 0}; }

/// The error that a router sends about a request with that identifier.
template <typename F> void report(const wire::Wire &net, std::uint16_t id)
{
	net.send(F::report(F::Type::time_exceeded, 0, 0, pinger::sent<F>(id, F::remote(1))));
}

template <typename F> void open_sockets()
{
	F::need_icmpx();
	pinger::new_network<F>();
	typename F::Change change = F::change();
	Socket idle = F::open(), first = pinger::bound<F>(), second = pinger::bound<F>();

	expect_moved(change, {{"ping_sockets", 2}}, "two that have an identifier");
	second = Socket();
	expect_moved(change, {{"ping_sockets", 1}}, "one closed");
	host::Namespace home = host::Namespace::current();
	pinger::new_network<F>();
	change.restart();
	first = Socket();
	expect_moved(change, {}, "in another namespace");
	home.enter();
}

template <typename F> void sending()
{
	F::need_icmpx();
	const wire::Wire net = pinger::new_network<F>();
	const Socket socket = pinger::bound<F>();
	typename F::Change change = F::change();

	ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>()), 0, "send");
	expect_moved(change, {{"ping_sent", 1}}, "sent");
	change.restart();
	ktap::expect_equal(send(socket, pinger::request<F>(1, {}, F::Type::echo_reply), peer<F>()),
			   EINVAL, "send a reply");
	ktap::expect_equal(sock::send(socket, pinger::request<F>(1)), EDESTADDRREQ,
			   "send to nobody");
	sock::set(socket, F::level, F::mtu_discover, IP_PMTUDISC_DO);
	ktap::expect_equal(send(socket, pinger::request<F>(1, packet::pattern(1500)), peer<F>()),
			   EMSGSIZE, "send too much");
	expect_moved(change, {{"ping_send_failed", 3}}, "not sent");
	change.restart();
	if constexpr (!F::is_ipv6)
		ktap::expect_equal(control::send(socket, pinger::request<F>(1), peer<F>(), {},
						 control::msg_probe),
				   0, "MSG_PROBE");
	expect_moved(change, {}, "MSG_PROBE");
}

template <typename F> void replies_that_a_socket_does_not_take()
{
	F::need_icmpx();
	const wire::Wire net = pinger::new_network<F>();
	const Socket socket = pinger::bound<F>();
	const std::uint16_t id = pinger::identifier<F>(socket);

	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	typename F::Change change = F::change();
	for (int i = 0; i < 50; i++)
		net.send(pinger::reply<F>(id, 1, packet::pattern(500)));
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
	net.send(pinger::reply<F>(id));
	change.expect_outcomes({{"drop_socket_filter", 1}}, "a filter");
	change.restart();
	net.send(pinger::reply<F>(static_cast<std::uint16_t>(id ^ 1)));
	change.expect_outcomes({{"drop_no_socket", 1}}, "nobody's identifier");
}

template <typename F> void errors_about_requests()
{
	F::need_icmpx();
	const wire::Wire net = pinger::new_network<F>();
	const Socket socket = pinger::bound<F>();
	const std::uint16_t id = pinger::identifier<F>(socket);
	typename F::Change change = F::change();

	report<F>(net, id);
	expect_moved(change, {{"ping_errors", 1}}, "to one that did not ask");
	change.restart();
	report<F>(net, static_cast<std::uint16_t>(id ^ 1));
	expect_moved(change, {{"ping_errors_unmatched", 1}}, "nobody's identifier");

	sock::set(socket, F::level, F::recverr, 1);
	change.restart();
	report<F>(net, id);
	expect_moved(change, {{"ping_errors", 1}, {"ping_errors_queued", 1}}, "to one that asked");
	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	change.restart();
	for (int i = 0; i < 50; i++)
		report<F>(net, id);
	int queued = 0;
	while (F::next_error(socket))
		queued++;
	ktap::expect_between(queued, 2, 50, "errors that fit");
	expect_moved(change,
		     {{"ping_errors", 50},
		      {"ping_errors_dropped", 51 - queued},
		      {"ping_errors_queued", queued - 1}},
		     "a full queue");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"open_sockets", open_sockets<F>},
		{"sending", sending<F>},
		{"replies_that_a_socket_does_not_take", replies_that_a_socket_does_not_take<F>},
		{"errors_about_requests", errors_about_requests<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
