// SPDX-License-Identifier: GPL-2.0-only
//
// ICMPv6 errors about protocols other than TCP and UDP: those of tunnels and of other modules, and ping sockets.

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <string>

namespace {

using counters6::Change;
using errors6::remote;
using packet::Bytes;
using packet::View;
using packet6::Address;
using packet6::Ipv6;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

constexpr std::uint8_t ipip = 4, ipv6 = 41, gre = 47, sctp_protocol = 132;

/// An error about a tunnel's packet lowers the MTU of the route to the tunnel's end.
void lowers_the_mtu_towards(const Ipv6 &about, const std::string &what)
{
	Change change;

	net().send(errors6::too_big(1400, about.build()));
	ktap::expect_equal(errors6::learned_mtu(about.destination), 1400, what);
	change.expect_icmp(counters6::in(packet6::too_big), what);
	change.expect_outcomes({{"deliver_error_other", 1}}, what);
}

void add_tunnel(const std::string &module, const std::string &type, const Address &end)
{
	std::string device = "t" + module;

	net();
	host::need(module, "ip link show " + device + " || ip -6 link add " + device + " type " +
				   type + " local fd00::2 remote " + packet6::text(end));
	wire6::quiet(device);
	host::run("ip link set " + device + " up");
}

/// A packet in the tunnel, from somewhere behind this host.
Ipv6 inner()
{
	return errors6::sent_udp({packet6::ipv6("fd00::99"), 1}, {remote(50), 2}, Bytes(80));
}

Ipv6 tunnelled(std::uint8_t protocol, const Address &end, const Bytes &payload)
{
	return errors6::sent(protocol, errors6::host, end, payload);
}

void gre_tunnel()
{
	const Bytes header{0, 0, 0x86, 0xdd};

	add_tunnel("ip6_gre", "ip6gre", remote(1));
	lowers_the_mtu_towards(tunnelled(gre, remote(1), packet::concat({header, inner().build()})),
			       "GRE");
}

void ipv6_tunnel()
{
	add_tunnel("ip6_tunnel", "ip6tnl mode any", remote(2));
	lowers_the_mtu_towards(tunnelled(ipv6, remote(2), inner().build()), "IPv6 in IPv6");
	lowers_the_mtu_towards(
		tunnelled(ipip, remote(2),
			  errors::sent_udp({errors::host, 1}, {errors::remote(1), 2}, Bytes(80))
				  .build()),
		"IPv4 in IPv6");
}

/// RFC 2473, 8: the host that sent the packet in the tunnel is told, by an error about that packet. What Linux puts in front of it,
/// a limit of encapsulation (5.1), is left out.
void a_tunnel_tells_the_sender()
{
	add_tunnel("ip6_tunnel", "ip6tnl mode any", remote(2));
	for (bool limit : {false, true}) {
		Ipv6 about = tunnelled(ipv6, remote(2), inner().build());

		if (limit)
			about.extensions = {{.contents = packet6::option(4, {4})}};
		net().receive_all<Ipv6>();
		net().send(errors6::unreachable(errors6::Code::no_route, about.build()));
		auto answer = ktap::require_value(wire6::next_answer(net()), "error");
		ktap::expect_equal(answer.icmp.type, packet6::unreachable, "type");
		ktap::expect_equal(answer.icmp.code, errors6::Code::address_unreachable, "code");
		ktap::expect_equal(packet6::text(answer.ip.destination),
				   packet6::text(inner().source), "destination");
		ktap::expect_equal(answer.icmp.data, inner().build(), "quotation");
	}
}

void a_tunnel_that_nobody_has()
{
	add_tunnel("ip6_tunnel", "ip6tnl mode any", remote(2));
	Change change;
	net().send(errors6::too_big(1400, tunnelled(ipv6, remote(3), inner().build()).build()));
	ktap::expect_equal(errors6::learned_mtu(remote(3)), 0, "route");
	change.expect_icmp(counters6::in(packet6::too_big), "another end");
	change.expect_outcomes({{"deliver_error_other", 1}}, "another end");
}

/// An SCTP socket that has sent INIT, and that.
void sctp()
{
	net();
	host::need("sctp");
	Socket socket(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP));
	if (socket.get() < 0)
		ktap::skip("the kernel has no SCTP");
	sock6::bind(socket, {errors6::host, 0});
	net().receive_all<Ipv6>(wire::milliseconds{0});
	ktap::require_equal(sock6::connect(socket, {remote(4), 80}), EINPROGRESS, "connect");
	Ipv6 init = ktap::require_value(net().receive<Ipv6>(), "INIT");
	ktap::require_equal(init.protocol, sctp_protocol, "protocol of INIT");

	Change change;
	Ipv6 other = init;
	other.payload[0] ^= 0x40;
	net().send(errors6::unreachable(errors6::Code::port_unreachable, other.build()));
	change.expect_icmp(errors6::refused(packet6::unreachable), "another port");
	ktap::expect_equal(sock6::wait_for(socket, POLLOUT), 0, "poll() after that");
	change.restart();
	// RFC 9260, 10: an unknown next header ends the association.
	net().send(errors6::report(packet6::parameter_problem, 1, 6, init.build()));
	ktap::expect(sock6::wait_for(socket, POLLOUT, 1000) & (POLLERR | POLLHUP | POLLOUT),
		     "poll()");
	ktap::expect(sock6::take_error(socket) != 0, "SO_ERROR");
	change.expect_outcomes({{"deliver_error_other", 1}}, "outcome");
}

/// A ping socket, and the packet of a request that it sent.
struct Pinging {
	Pinging()
	{
		net();
		ping::allow();
		socket = sock6::ping();
		sock6::bind(socket, {errors6::host, 0});
		sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
		net().receive_all<Ipv6>();
		ktap::require_equal(
			sock6::send(socket,
				    packet6::echo_request(0, 1, packet::pattern(20)).build(),
				    sock6::Endpoint{remote(5), 0}),
			0, "send");
		request = ktap::require_value(net().receive<Ipv6>(), "request");
	}

	Socket socket;
	Ipv6 request;
};

/// Ping sockets of IPv6 are the built-in code's.
void ping_sockets()
{
	Pinging pinging;
	struct Row {
		std::uint8_t type;
		std::uint8_t code;
		int number;
	};
	const Row rows[]{
		{packet6::unreachable, 0, ENETUNREACH},	 {packet6::unreachable, 4, ECONNREFUSED},
		{packet6::too_big, 0, EMSGSIZE},	 {packet6::time_exceeded, 0, EHOSTUNREACH},
		{packet6::parameter_problem, 0, EPROTO}, {99, 0, EPROTO}};

	for (const Row &row : rows) {
		const std::string what =
			"type " + std::to_string(row.type) + ", code " + std::to_string(row.code);
		Change change;

		net().send(errors6::report(row.type, row.code, 1400, pinging.request.build()));
		auto error = ktap::require_value(sock6::next_error(pinging.socket), what);
		ktap::expect_equal(error.number, row.number, what + ", ee_errno");
		ktap::expect_equal(error.info, 1400U, what + ", ee_info");
		ktap::expect_equal(error.payload, pinging.request.payload, what + ", payload");
		change.expect_icmp(counters6::in(row.type), what);
		change.expect_outcomes({{"deliver_error_icmp", 1}}, what);
	}
}

void errors_about_other_messages_are_not_for_ping_sockets()
{
	Pinging pinging;

	// Of what this socket did not send; an identifier of another, a reply, a query by PROBE.
	for (std::size_t at : {errors6::header_length + 5, errors6::header_length + 0}) {
		Bytes quoted = pinging.request.build();

		quoted[at] ^= 1;
		net().send(errors6::unreachable(errors6::Code::no_route, quoted));
		ktap::expect_equal(sock6::wait_for(pinging.socket, 0), 0,
				   "byte " + std::to_string(at));
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"gre_tunnel", gre_tunnel},
			  {"ipv6_tunnel", ipv6_tunnel},
			  {"rfc2473_8_a_tunnel_tells_the_sender", a_tunnel_tells_the_sender},
			  {"a_tunnel_that_nobody_has", a_tunnel_that_nobody_has},
			  {"sctp", sctp},
			  {"ping_sockets", ping_sockets},
			  {"errors_about_other_messages_are_not_for_ping_sockets",
			   errors_about_other_messages_are_not_for_ping_sockets}});
}
