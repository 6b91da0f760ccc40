// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6 and the path: packets that are too big, for a router or for this host, and redirects (RFC 8201, 4;
// RFC 4861, 8). Other errors are for error6_ping.

#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/neighbours.hpp"
#include "lib/pinger.hpp"

#include <string>

namespace {

using errors6::remote;
using pinger::V6;
using Client = pinger::Client<V6>;

const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<V6>();
	return wire;
}

/// Expects that the socket learned of nothing.
void expect_nothing(const Client &client, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(sock6::wait_for(client.socket, 0), 0, what + ", POLLERR", where);
	ktap::expect(!sock6::next_error(client.socket), what + ", error queue", where);
}

/// RFC 8201, 4: only one that asked for errors is told. The route knows in any case, whichever socket it was.
void packet_too_big()
{
	std::uint8_t number = 10;

	for (bool connected : {false, true}) {
		for (int discovery : {IPV6_PMTUDISC_DONT, IPV6_PMTUDISC_WANT, IPV6_PMTUDISC_DO,
				      IPV6_PMTUDISC_PROBE}) {
			const std::string what = "IPV6_MTU_DISCOVER " + std::to_string(discovery);

			for (bool asks : {false, true}) {
				Client client(net(), remote(number++), connected, asks);

				sock6::set(client.socket, SOL_IPV6, IPV6_MTU_DISCOVER, discovery);
				net().send(errors6::too_big(1300, client.sent().build()));
				ktap::expect_equal(sock6::take_error(client.socket),
						   asks ? EMSGSIZE : 0, what);
				const auto error = sock6::next_error(client.socket);
				ktap::expect_equal(error ? error->info : 0, asks ? 1300U : 0U,
						   what + ", ee_info");
				ktap::expect_equal(errors6::learned_mtu(client.target), 1300,
						   what + ", route");
			}
		}
	}
}

/// What this host has no way to send is an error of its own, which the queue has, too.
void errors_of_this_host()
{
	Client client(net(), remote(40), true, true);
	const auto expect_local = [&](std::uint32_t mtu, const std::string &what) {
		const auto error = ktap::require_value(sock6::next_error(client.socket), what);

		ktap::expect_equal(error.number, EMSGSIZE, what + ", ee_errno");
		ktap::expect_equal(error.origin, SO_EE_ORIGIN_LOCAL, what + ", ee_origin");
		ktap::expect_equal(error.type, 0, what + ", ee_type");
		ktap::expect_equal(error.info, mtu, what + ", ee_info");
		ktap::expect_equal(error.destination.address, remote(40), what + ", destination");
		ktap::expect_equal(error.payload.size(), 0U, what + ", payload");
		ktap::expect_equal(sock6::take_error(client.socket), 0, what + ", SO_ERROR");
	};
	const auto send = [&](std::size_t size) {
		return sock6::send(client.socket, pinger::request<V6>(1, packet::pattern(size)));
	};

	ktap::expect_equal(send(1453), 0, "in fragments");
	sock6::set(client.socket, SOL_IPV6, IPV6_DONTFRAG, 1);
	ktap::expect_equal(send(1452), 0, "in one piece");
	expect_nothing(client, "both were sent");
	ktap::expect_equal(send(1453), EMSGSIZE, "IPV6_DONTFRAG");
	expect_local(1500, "IPV6_DONTFRAG");
	net().send(errors6::too_big(1300, client.sent().build()));
	sock6::forget_errors(client.socket);
	ktap::expect_equal(send(1253), EMSGSIZE, "the path's MTU");
	expect_local(1300, "the path's MTU");
	sock6::set(client.socket, SOL_IPV6, IPV6_RECVERR, 0);
	ktap::expect_equal(send(1253), EMSGSIZE, "without IPV6_RECVERR");
	expect_nothing(client, "without IPV6_RECVERR");
}

/// RFC 4861, 8: no error. The route changes, and the socket does not learn of it.
void redirects()
{
	Client client(net(), remote(50), true, true);

	host::run("ip -6 route add " + packet6::text(client.target) + " via fe80::1 dev wire0");
	net().send(neighbours::from_neighbour(
		neighbours::redirect(client.target, packet6::ipv6("fe80::3"), {2, 0, 0, 0, 0, 3},
				     client.sent()),
		{packet6::client_link, packet6::server_link}));
	ktap::expect_equal(errors::route_word(packet6::text(client.target), "via"), "fe80::3",
			   "gateway");
	expect_nothing(client, "redirect");
	net().send(pinger::reply<V6>(client.id, 1, {}, client.target));
	ktap::expect(sock6::receive(client.socket).has_value(), "the reply");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"rfc8201_4_packet_too_big", packet_too_big},
			  {"errors_of_this_host", errors_of_this_host},
			  {"rfc4861_8_redirects", redirects}});
}
