// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP errors about protocols other than ICMP, TCP and UDP: those that other modules handle.

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
	static const wire::Wire wire = wire::new_server();
	return wire;
}

/// An error about a tunnel's packet, of which @p payload is what comes behind its outer header.
void lowers_the_mtu_towards(std::uint8_t protocol, Address end, Bytes payload,
			    const std::string &what)
{
	Change change;

	payload.resize(64);
	net().send(
		errors::too_big(1300, errors::sent(protocol, errors::host, end, payload).build()));
	ktap::expect_equal(errors::learned_mtu(end), 1300, what);
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			   what);
	change.expect_outcomes({{"deliver_error_other", 1}}, what);
}

void add_tunnel(const std::string &type, Address end)
{
	std::string device = "t" + type;

	net();
	host::need(type, "ip link show " + device + " || ip link add " + device + " up type " +
				 type + " local 10.0.0.2 remote " + errors::text(end));
}

void gre()
{
	add_tunnel("gre", remote(1));
	lowers_the_mtu_towards(IPPROTO_GRE, remote(1), {0, 0, 8, 0}, "route to the tunnel's end");
}

void ipip()
{
	add_tunnel("ipip", remote(2));
	lowers_the_mtu_towards(IPPROTO_IPIP, remote(2), {}, "route to the tunnel's end");
}

void ipip_that_nobody_sent()
{
	add_tunnel("ipip", remote(2));
	Change change;
	net().send(errors::too_big(
		1300, errors::sent(IPPROTO_IPIP, errors::host, remote(3), Bytes(64)).build()));
	ktap::expect_equal(errors::learned_mtu(remote(3)), 0, "route");
	ktap::expect_equal(change.icmp()["Icmp.InDestUnreachs"], 1, "InDestUnreachs");
	change.expect_outcomes({{"deliver_error_other", 1}}, "outcome");
}

/// An SCTP socket that has sent INIT, and that.
void sctp()
{
	net();
	host::need("sctp");
	Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP));
	if (socket.get() < 0)
		ktap::skip("the kernel has no SCTP");
	sock::bind(socket, {errors::host, 0});
	net().receive_all(wire::milliseconds{0});
	ktap::require_equal(sock::connect(socket, {remote(4), 80}), EINPROGRESS, "connect");
	packet::Ipv4 init = ktap::require_value(net().receive(), "INIT");
	ktap::require_equal(init.protocol, IPPROTO_SCTP, "protocol of INIT");

	Change change;
	packet::Ipv4 other = init;
	other.payload[0] ^= 0x40;
	net().send(errors::unreachable(2, other.build()));
	ktap::expect_equal(change.icmp()["Icmp.InErrors"], 1,
			   "InErrors after an error about another port");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), 0, "poll() after that");
	change.restart();
	// RFC 9260, 10: protocol unreachable ends the association.
	net().send(errors::unreachable(2, init.build()));
	ktap::expect(sock::wait_for(socket, POLLOUT, 1000) & (POLLERR | POLLHUP | POLLOUT),
		     "poll()");
	ktap::expect(sock::take_error(socket) != 0, "SO_ERROR");
	change.expect_outcomes({{"deliver_error_other", 1}}, "outcome");
}

void protocols_that_nobody_handles()
{
	net();
	for (std::uint8_t protocol : {0, 3, 99, 143, 252, 254}) {
		for (std::uint8_t type : {Type::unreachable, Type::time_exceeded, Type::redirect}) {
			std::string what = "protocol " + std::to_string(protocol) + ", type " +
					   std::to_string(type);
			Change change;

			net().send(errors::report(
				type, 0, errors::router,
				errors::sent(protocol, errors::host, remote(5), Bytes(8)).build()));
			ktap::expect_equal(change.icmp()["Icmp.InMsgs"], 1, what);
			ktap::expect_equal(change.icmp()["Icmp.InErrors"], 0, what);
			change.expect_outcomes({{"drop_no_protocol", 1}}, what);
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"gre", gre},
			  {"ipip", ipip},
			  {"ipip_that_nobody_sent", ipip_that_nobody_sent},
			  {"sctp", sctp},
			  {"protocols_that_nobody_handles", protocols_that_nobody_handles}});
}
