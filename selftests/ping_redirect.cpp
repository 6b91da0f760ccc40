// SPDX-License-Identifier: GPL-2.0-only
//
// Redirects about requests of ping sockets: the gateway has forwarded the request all the same, so the reply comes, too.

#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <cerrno>
#include <string>

#include <linux/errqueue.h>
#include <poll.h>

namespace {

using errors::remote;
using packet::Address;
using packet::Type;
using ping::Socket;

/// Not the same from both ends: a wrong byte order shows.
constexpr Address new_gateway = 0x0a000003;

const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = ping::new_network();

		host::run("ip route replace default via 10.0.0.1 dev wire0");
		for (const char *device : {"all", "wire0"}) {
			const std::string conf = std::string("net/ipv4/conf/") + device;

			host::set_sysctl(conf + "/accept_redirects", 1);
			host::set_sysctl(conf + "/secure_redirects", 1);
		}
		return made;
	}();
	return wire;
}

/// A socket that has sent a request, about which a redirect and then the reply have come.
struct Redirected {
	explicit Redirected(Address peer, bool wants_errors = true, bool connected = false)
		: to{peer, 0}
	{
		// What earlier tests have sent.
		net().receive_all(wire::milliseconds(0));
		socket = sock::ping();
		sock::set(socket, SOL_IP, IP_RECVERR, wants_errors);
		if (connected)
			ktap::require_equal(sock::connect(socket, to), 0, "connect");
		sent = ping::sent(net(), socket, to);
		net().send(errors::report(Type::redirect, 1, new_gateway, sent.build()));
		reply = ping::reply(ping::identifier(socket), 1, {}, peer);
		net().send(reply);
	}

	void expect_reply(const std::string &what) const
	{
		ktap::expect_equal(ktap::require_value(sock::receive(socket), what), reply.payload,
				   what);
		ktap::expect(!sock::receive(socket), "only one, " + what);
	}

	sock::Endpoint to;
	Socket socket;
	packet::Ipv4 sent, reply;
};

void the_error_names_the_gateway_in_host_order()
{
	Redirected client(remote(1));
	auto error = ktap::require_value(sock::next_error(client.socket), "error");

	ktap::expect_equal(error.info, new_gateway, "ee_info");
	ktap::expect_equal(error.number, EREMOTEIO, "ee_errno");
	ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP, "ee_origin");
	ktap::expect_equal(error.type, Type::redirect, "ee_type");
	ktap::expect_equal(error.code, 1, "ee_code");
	ktap::expect_equal(error.offender, errors::router, "offender");
	ktap::expect_equal(error.destination.address, remote(1), "destination");
	ktap::expect_equal(error.payload, client.sent.payload, "payload");
	ktap::expect(!sock::next_error(client.socket), "there is one error");
	client.expect_reply("the reply");
	ktap::expect_equal(errors::gateway(remote(1)), "10.0.0.3", "gateway");
}

/// The error that is pending is told once, by whichever call comes first.
void exactly_one_call_fails()
{
	for (bool connected : {false, true}) {
		const std::string kind = connected ? ", connected" : ", not connected";
		const auto peer = [&](std::uint8_t number) {
			return remote(static_cast<std::uint8_t>(number + connected));
		};

		Redirected receiving(peer(10), true, connected);
		ktap::expect_equal(control::receive(receiving.socket).error, EREMOTEIO,
				   "the first recvmsg()" + kind);
		receiving.expect_reply("the second recvmsg()" + kind);
		ktap::expect_equal(sock::send(receiving.socket, ping::request(2), receiving.to), 0,
				   "sendto() after recvmsg()" + kind);

		Redirected sending(peer(20), true, connected);
		ktap::expect_equal(sock::send(sending.socket, ping::request(2), sending.to),
				   EREMOTEIO, "the first sendto()" + kind);
		ktap::expect_equal(sock::send(sending.socket, ping::request(3), sending.to), 0,
				   "the second sendto()" + kind);
		sending.expect_reply("recvmsg() after sendto()" + kind);

		Redirected asking(peer(30), true, connected);
		ktap::expect_equal(sock::take_error(asking.socket), EREMOTEIO,
				   "the first SO_ERROR" + kind);
		ktap::expect_equal(sock::take_error(asking.socket), 0,
				   "the second SO_ERROR" + kind);
		asking.expect_reply("recvmsg() after SO_ERROR" + kind);
	}
}

void poll_tells_of_both()
{
	Redirected client(remote(40));

	ktap::expect_equal(sock::wait_for(client.socket, POLLIN), POLLIN | POLLERR, "poll()");
	ktap::expect_equal(sock::next_error(client.socket).has_value(), true, "error");
	// The error queue is empty, and with it goes what was pending.
	ktap::expect_equal(sock::wait_for(client.socket, POLLIN), POLLIN,
			   "poll() after the error queue was read");
	client.expect_reply("the reply");
}

/// A redirect is no error: without IP_RECVERR no call fails, and the route changes all the same.
void without_recverr_no_call_fails()
{
	for (bool connected : {false, true}) {
		const Address peer = remote(static_cast<std::uint8_t>(50 + connected));
		Redirected client(peer, false, connected);

		ktap::expect_equal(sock::wait_for(client.socket, POLLIN), POLLIN, "poll()");
		ktap::expect_equal(sock::take_error(client.socket), 0, "SO_ERROR");
		ktap::expect(!sock::next_error(client.socket), "the error queue is empty");
		client.expect_reply("the reply");
		ktap::expect_equal(errors::gateway(peer), "10.0.0.3", "gateway");
	}
}

/// A connected socket that was told of another path's MTU keeps that route: a redirect changes its gateway alone.
void leaves_path_mtus_alone(const std::string &what, std::uint8_t number)
{
	const Address peer = remote(number),
		      elsewhere = remote(static_cast<std::uint8_t>(number + 1));
	Socket connected = sock::ping(), other = sock::ping();
	const auto sent_by = [&](const Socket &socket) {
		const packet::Icmp request =
			packet::echo_request(ping::identifier(socket), 1, packet::pattern(20));

		return errors::sent(IPPROTO_ICMP, errors::host, elsewhere, request.build()).build();
	};

	sock::bind(other, {0, 0});
	ktap::require_equal(sock::connect(connected, {peer, 0}), 0, "connect, " + what);
	net().send(errors::too_big(1200, sent_by(connected)));
	sock::take_error(connected);
	ktap::expect_equal(sock::get(connected, SOL_IP, IP_MTU), 1200, "IP_MTU, learned, " + what);
	net().send(errors::report(Type::redirect, 1, new_gateway, sent_by(other)));
	ktap::expect_equal(sock::send(connected, ping::request(1)), 0, "send, " + what);
	ktap::expect_equal(sock::get(connected, SOL_IP, IP_MTU), 1200,
			   "IP_MTU after a redirect, " + what);
	ktap::expect_equal(errors::learned_mtu(elsewhere), 1200, "route, " + what);
	ktap::expect_equal(errors::gateway(elsewhere), "10.0.0.3", "gateway, " + what);
}

/// Rules have the kernel look at the socket's mark and user, and so have VRFs, which bring a rule of their own.
void a_redirect_leaves_path_mtus_alone()
{
	net();
	leaves_path_mtus_alone("no rules", 50);
	host::run("ip rule add pref 100 from 198.18.0.1 table 99");
	leaves_path_mtus_alone("a rule", 60);
	host::run("ip rule delete pref 100");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"the_error_names_the_gateway_in_host_order",
			   the_error_names_the_gateway_in_host_order},
			  {"exactly_one_call_fails", exactly_one_call_fails},
			  {"poll_tells_of_both", poll_tells_of_both},
			  {"a_redirect_leaves_path_mtus_alone", a_redirect_leaves_path_mtus_alone},
			  {"without_recverr_no_call_fails", without_recverr_no_call_fails}});
}
