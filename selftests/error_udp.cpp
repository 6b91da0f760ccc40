// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP errors about UDP datagrams: which socket learns of them, and what (RFC 1122, 4.1.3.3).

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/epoll.h>
#include <thread>

namespace {

using counters::Change;
using errors::Code;
using errors::remote;
using packet::Bytes;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

constexpr Endpoint peer{remote(1), 9999};

/// A UDP socket and what a router quotes of a datagram that it sent to the peer.
struct Client {
	enum Kind { connected, unconnected };

	explicit Client(Kind kind = connected, bool wants_errors = false)
	{
		net();
		socket = sock::udp();
		sock::bind(socket, {errors::host, 0});
		if (kind == connected)
			ktap::require_equal(sock::connect(socket, peer), 0, "connect");
		if (wants_errors)
			sock::set(socket, SOL_IP, IP_RECVERR, 1);
		sent = errors::sent_udp(sock::local(socket), peer).build();
	}

	Socket socket;
	Bytes sent;
};

void unreachable_codes_on_a_connected_socket()
{
	Client client;

	for (const errors::Mapping &mapping : errors::unreachable_codes) {
		std::string what = "code " + std::to_string(mapping.code);
		Change change;

		net().send(errors::unreachable(mapping.code, client.sent));
		ktap::expect_equal(sock::take_error(client.socket),
				   mapping.fatal ? mapping.number : 0, what);
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			what);
		change.expect_outcomes({{"deliver_error_udp", 1}}, what);
	}
}

void unreachable_codes_on_a_socket_that_wants_errors()
{
	for (auto kind : {Client::connected, Client::unconnected}) {
		Client client(kind, true);

		for (const errors::Mapping &mapping : errors::unreachable_codes) {
			std::string what = "code " + std::to_string(mapping.code);

			net().send(errors::unreachable(mapping.code, client.sent));
			auto error = ktap::require_value(sock::next_error(client.socket), what);
			ktap::expect_equal(error.number, mapping.number, what + ", ee_errno");
			ktap::expect_equal(error.type, Type::unreachable, what + ", ee_type");
			ktap::expect_equal(error.code, mapping.code, what + ", ee_code");
			// Reading the last entry takes the pending error away, too.
			ktap::expect_equal(sock::take_error(client.socket), 0,
					   what + ", SO_ERROR afterwards");
			net().send(errors::unreachable(mapping.code, client.sent));
			ktap::expect_equal(sock::take_error(client.socket), mapping.number,
					   what + ", SO_ERROR");
			sock::forget_errors(client.socket);
		}
	}
}

void unreachable_codes_above_15_are_ignored()
{
	Client client(Client::connected, true);

	for (std::uint8_t code : {16, 19, 20, 31, 127, 128, 255}) {
		Change change;

		net().send(errors::unreachable(code, client.sent));
		ktap::expect_equal(sock::wait_for(client.socket, 0), 0,
				   "code " + std::to_string(code));
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			"code");
		change.expect_outcomes({{"ignore_code", 1}}, "code " + std::to_string(code));
	}
}

void an_unconnected_socket_that_does_not_want_errors_gets_none()
{
	Client client(Client::unconnected);

	for (const errors::Mapping &mapping : errors::unreachable_codes)
		net().send(errors::unreachable(mapping.code, client.sent));
	net().send(errors::parameter_problem(0, client.sent));
	ktap::expect_equal(sock::wait_for(client.socket, 0), 0, "POLLERR");
	ktap::expect_equal(sock::take_error(client.socket), 0, "SO_ERROR");
}

struct Expectation {
	std::uint8_t type;
	std::uint8_t code;
	std::uint32_t rest;
	/// What a connected socket gets, and one that wants errors.
	int hard;
	int any;
	std::uint32_t info;
	std::string counter;
	std::string outcome;
};

void other_types()
{
	const std::vector<Expectation> expectations{
		{Type::time_exceeded, 0, 0, 0, EHOSTUNREACH, 0, "Icmp.InTimeExcds",
		 "deliver_error_udp"},
		// Somebody did not get all fragments of a datagram: nothing to tell the socket that sent them.
		{Type::time_exceeded, 1, 0, 0, 0, 0, "Icmp.InTimeExcds", "ignore_reassembly"},
		{Type::time_exceeded, 2, 0, 0, EHOSTUNREACH, 0, "Icmp.InTimeExcds",
		 "deliver_error_udp"},
		{Type::parameter_problem, 0, 0, EPROTO, EPROTO, 0, "Icmp.InParmProbs",
		 "deliver_error_udp"},
		{Type::parameter_problem, 0, 0x11ffffff, EPROTO, EPROTO, 17, "Icmp.InParmProbs",
		 "deliver_error_udp"},
		{Type::parameter_problem, 1, 0xff000000, EPROTO, EPROTO, 255, "Icmp.InParmProbs",
		 "deliver_error_udp"},
		// RFC 6633, 3: a host ignores source quench.
		{Type::source_quench, 0, 0, 0, 0, 0, "Icmp.InSrcQuenchs", "deliver_error_udp"},
		{Type::redirect, 1, errors::router, 0, 0, 0, "Icmp.InRedirects",
		 "deliver_error_udp"},
	};

	for (const Expectation &row : expectations) {
		std::string what =
			"type " + std::to_string(row.type) + " code " + std::to_string(row.code);
		Client plain;

		Change change;

		net().send(errors::report(row.type, row.code, row.rest, plain.sent));
		ktap::expect_equal(sock::take_error(plain.socket), row.hard, what);
		change.expect_icmp({{"Icmp.InMsgs", 1},
				    {row.counter, 1},
				    {"IcmpMsg.InType" + std::to_string(row.type), 1}},
				   what);
		change.expect_outcomes({{row.outcome, 1}}, what);

		Client asking(Client::connected, true);
		net().send(errors::report(row.type, row.code, row.rest, asking.sent));
		auto error = sock::next_error(asking.socket);
		ktap::expect_equal(error ? error->number : 0, row.any, what + ", ee_errno");
		if (error)
			ktap::expect_equal(error->info, row.info, what + ", ee_info");
	}
}

void calls_report_the_error_once()
{
	Client client;
	Bytes data = packet::pattern(10);

	net().send(errors::unreachable(Code::port_unreachable, client.sent));
	ktap::expect_equal(sock::send(client.socket, data), ECONNREFUSED, "first send");
	ktap::expect_equal(sock::send(client.socket, data), 0, "second send");
	net().send(errors::unreachable(Code::port_unreachable, client.sent));
	ktap::expect_equal(recv(client.socket.get(), data.data(), data.size(), MSG_DONTWAIT), -1,
			   "first recv");
	ktap::expect_equal(errno, ECONNREFUSED, "first recv");
	ktap::expect_equal(recv(client.socket.get(), data.data(), data.size(), MSG_DONTWAIT), -1,
			   "second recv");
	ktap::expect_equal(errno, EAGAIN, "second recv");
}

/// Runs @p sleeper, which waits for the error, while the error comes; the time that it took must be short.
template <typename Sleeper> void wake(const Client &client, Sleeper sleeper)
{
	std::thread thread(sleeper);

	std::this_thread::sleep_for(wire::silence);
	net().send(errors::unreachable(Code::port_unreachable, client.sent));
	thread.join();
}

void wakes_a_sleeper_in_poll()
{
	Client client;
	short events = 0;

	wake(client, [&] { events = sock::wait_for(client.socket, POLLIN, 5000); });
	ktap::expect_equal(events & POLLERR, POLLERR, "poll() says POLLERR");
}

void wakes_a_sleeper_in_epoll()
{
	Client client;
	Socket epoll(host::check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
	epoll_event wanted{}, got{};
	int ready = 0;

	wanted.events = EPOLLIN | EPOLLET;
	host::check(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, client.socket.get(), &wanted),
		    "epoll_ctl");
	wake(client, [&] { ready = epoll_wait(epoll.get(), &got, 1, 5000); });
	ktap::expect_equal(ready, 1, "epoll_wait() finds the socket");
	ktap::expect_equal(got.events & EPOLLERR, static_cast<unsigned>(EPOLLERR),
			   "epoll_wait() says EPOLLERR");
}

void wakes_a_sleeper_in_recv()
{
	Client client;
	int number = 0;

	wake(client, [&] {
		char byte;
		timeval limit{5, 0};
		setsockopt(client.socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		number = recv(client.socket.get(), &byte, 1, 0) < 0 ? errno : 0;
	});
	ktap::expect_equal(number, ECONNREFUSED, "recv()");
}

void raises_sigio()
{
	Client client;
	sigset_t set;
	siginfo_t info{};
	const timespec limit{2, 0};

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, nullptr);
	host::check(fcntl(client.socket.get(), F_SETOWN, getpid()), "F_SETOWN");
	host::check(fcntl(client.socket.get(), F_SETSIG, SIGIO), "F_SETSIG");
	host::check(fcntl(client.socket.get(), F_SETFL, O_ASYNC), "F_SETFL");
	net().send(errors::unreachable(Code::port_unreachable, client.sent));
	ktap::require_equal(sigtimedwait(&set, &info, &limit), SIGIO, "signal");
	ktap::expect_equal(info.si_fd, client.socket.get(), "si_fd");
	ktap::expect_equal(info.si_code, POLL_ERR, "si_code");
}

/// Linux 7 has no UDP-Lite any more.
bool has_udplite() { return !host::linux_since(7, 0); }

void nobody_else_gets_it()
{
	Client client(Client::connected, true);
	Endpoint own = sock::local(client.socket);
	auto port = static_cast<std::uint16_t>(own.port + 1);
	const std::vector<std::pair<std::string, packet::Ipv4>> strangers{
		{"another port of ours", errors::sent_udp({own.address, port}, peer)},
		{"another port of the peer", errors::sent_udp(own, {peer.address, 9998})},
		{"another peer", errors::sent_udp(own, {remote(2), peer.port})},
		{"not our address", errors::sent_udp({errors::router, own.port}, peer)},
		{"the other way round", errors::sent_udp(peer, own)},
		{"UDP-Lite", errors::sent_udp(own, peer, {}, IPPROTO_UDPLITE)},
	};

	for (const auto &[what, datagram] : strangers) {
		Change change;

		net().send(errors::unreachable(Code::port_unreachable, datagram.build()));
		ktap::expect_equal(sock::wait_for(client.socket, 0), 0, what);
		// The error is about nothing that we know: an error in itself (RFC 2011, icmpInErrors),
		// says the protocol, if it is one that Linux has.
		counters::Values counted{
			{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}};
		if (datagram.protocol != IPPROTO_UDPLITE || has_udplite())
			counted["Icmp.InErrors"] = 1;
		change.expect_icmp(counted, what);
	}
	net().send(errors::unreachable(Code::port_unreachable, client.sent));
	ktap::expect_equal(sock::wait_for(client.socket, 0), POLLERR, "the right one");
}

void udplite()
{
	if (!has_udplite())
		ktap::skip("the kernel has no UDP-Lite");
	Socket socket = sock::open(SOCK_DGRAM, IPPROTO_UDPLITE);

	net();
	sock::bind(socket, {errors::host, 0});
	ktap::require_equal(sock::connect(socket, peer), 0, "connect");
	net().send(errors::unreachable(
		Code::port_unreachable,
		errors::sent_udp(sock::local(socket), peer, {}, IPPROTO_UDPLITE).build()));
	ktap::expect_equal(sock::take_error(socket), ECONNREFUSED, "SO_ERROR");
}

void a_socket_bound_to_a_device_gets_what_came_by_it()
{
	Client here(Client::connected, true), elsewhere(Client::connected, true);

	host::run("ip link show dummy0 || ip link add dummy0 type dummy");
	setsockopt(here.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 6);
	setsockopt(elsewhere.socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "dummy0", 7);
	net().send(errors::unreachable(Code::port_unreachable, here.sent));
	net().send(errors::unreachable(Code::port_unreachable, elsewhere.sent));
	ktap::expect_equal(sock::wait_for(here.socket, 0), POLLERR,
			   "bound to the device that it came by");
	ktap::expect_equal(sock::wait_for(elsewhere.socket, 0), 0, "bound to another one");
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
		 {"unreachable_codes_above_15_are_ignored", unreachable_codes_above_15_are_ignored},
		 {"an_unconnected_socket_that_does_not_want_errors_gets_none",
		  an_unconnected_socket_that_does_not_want_errors_gets_none},
		 {"other_types", other_types},
		 {"calls_report_the_error_once", calls_report_the_error_once},
		 {"wakes_a_sleeper_in_poll", wakes_a_sleeper_in_poll},
		 {"wakes_a_sleeper_in_epoll", wakes_a_sleeper_in_epoll},
		 {"wakes_a_sleeper_in_recv", wakes_a_sleeper_in_recv},
		 {"raises_sigio", raises_sigio},
		 {"nobody_else_gets_it", nobody_else_gets_it},
		 {"udplite", udplite},
		 {"a_socket_bound_to_a_device_gets_what_came_by_it",
		  a_socket_bound_to_a_device_gets_what_came_by_it}});
}
