// SPDX-License-Identifier: GPL-2.0-only
//
// One address in a VRF and outside it, and one for the peers on both sides: nothing but the VRF tells them apart.

#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"
#include "lib/sending.hpp"
#include "lib/vrf.hpp"

#include <cerrno>
#include <string>

namespace {

using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using ping::Socket;
using wire::Wire;

/// As often as it takes for whatever is kept of the first answer to serve the next.
constexpr int rounds = 8;

struct Net {
	Wire outside = ping::new_network();
	Wire inside;

	Net() : inside(make_inside()) { host::set_sysctl("net/ipv4/icmp_ratemask", 0); }

private:
	static Wire make_inside()
	{
		vrf::need();
		vrf::add("red", 10);
		Wire made = vrf::add_wire("wire1", "10.0.0.2/24", "red");
		host::run("ip route add default dev wire1 vrf red");
		return made;
	}
};

const Net &net()
{
	static const Net made;
	return made;
}

/// One side, and what a socket is bound to that belongs there.
struct Side {
	const Wire &wire;
	const Wire &other;
	const char *device;
	const char *name;
};

struct Sides {
	Side outside{net().outside, net().inside, "wire0", "outside"};
	Side inside{net().inside, net().outside, "red", "inside"};
};

void expect_silence(const Wire &wire, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect(wire.receive_all(wire::milliseconds(0)).empty(), what + ", the other wire",
		     where);
}

/// The same request on both wires in turn: each reply leaves by the wire of its request.
void echo()
{
	const Sides sides;

	for (int round = 0; round < rounds; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			Ipv4 request = packet::datagram(packet::echo_request(
				0x77, static_cast<std::uint16_t>(round), packet::pattern(56)));

			// From a peer on the link, and from one behind it.
			for (Address from : {packet::client, remote(1)}) {
				request.source = from;
				wire::expect_echo_reply(wire::require_answer(side.wire, request),
							request);
				expect_silence(side.other, side.name);
			}
		}
	}
}

/// Errors of ours, about the same datagram on both wires in turn.
void errors_sent()
{
	const Sides sides;
	const Ipv4 about = errors::sent_udp({errors::router, 4000}, {errors::host, 9});

	for (int round = 0; round < rounds; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			sending::expect_error(side.wire, about,
					      {.type = Type::unreachable,
					       .code = errors::Code::port_unreachable,
					       .rest = 0,
					       .source = errors::host});
			expect_silence(side.other, side.name);
		}
	}
}

Socket bound(Socket socket, const Side &side, std::uint16_t port)
{
	ktap::require_equal(ping::try_to_bind_to_device(socket, side.device), 0, side.name);
	sock::bind(socket, {errors::host, port});
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	return socket;
}

/// An error that comes by one side is for the socket there, though another has the same addresses and ports.
void errors_received()
{
	const Sides sides;
	constexpr std::uint16_t port = 5000;
	const sock::Endpoint peer{remote(2), 5001};
	Socket outside = bound(sock::udp(), sides.outside, port);
	Socket inside = bound(sock::udp(), sides.inside, port);

	for (const Socket *socket : {&outside, &inside})
		ktap::require_equal(sock::connect(*socket, peer), 0, "connect");
	const Bytes sent = errors::sent_udp({errors::host, port}, peer).build();
	for (int round = 0; round < 2; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			const bool in = &side.wire == &net().inside;

			side.wire.send(errors::unreachable(errors::Code::port_unreachable, sent));
			ktap::expect_equal(sock::take_error(in ? inside : outside), ECONNREFUSED,
					   std::string(side.name) + ", the socket there");
			ktap::expect_equal(sock::take_error(in ? outside : inside), 0,
					   std::string(side.name) + ", the other one");
			sock::forget_errors(in ? inside : outside);
			ktap::expect(!sock::next_error(in ? outside : inside),
				     std::string(side.name) + ", the other one's queue");
		}
	}
}

void ping_sockets()
{
	const Sides sides;
	constexpr std::uint16_t id = 3000;
	Socket outside = bound(sock::ping(), sides.outside, id);
	Socket inside = bound(sock::ping(), sides.inside, id);

	for (int round = 0; round < rounds; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			const bool in = &side.wire == &net().inside;
			const Socket &here = in ? inside : outside, &there = in ? outside : inside;
			const auto sequence = static_cast<std::uint16_t>(round);

			ktap::expect_equal(sock::send(here, ping::request(sequence),
						      sock::Endpoint{packet::client, 0}),
					   0, "send");
			const auto request =
				ktap::require_value(wire::next_answer(side.wire), side.name);
			ktap::expect_equal(request.icmp.id(), id, "identifier");
			expect_silence(side.other, side.name);

			side.wire.send(ping::reply(id, sequence));
			ktap::expect(sock::receive(here).has_value(),
				     std::string(side.name) + ", the reply");
			ktap::expect(!sock::receive(there),
				     std::string(side.name) + ", the other one's reply");

			side.wire.send(
				errors::report(Type::time_exceeded, 0, 0, request.ip.build()));
			const auto error = sock::next_error(here);
			ktap::expect_equal(error ? error->number : 0, EHOSTUNREACH,
					   std::string(side.name) + ", the error");
			ktap::expect(!sock::next_error(there),
				     std::string(side.name) + ", the other one's error");
		}
	}
}

/// What is learned of a path is learned of the one on that side.
void path_mtu()
{
	const Sides sides;
	const auto learned = [](const char *vrf) {
		return host::output_of("ip route get " + errors::text(remote(3)) + vrf);
	};
	Socket inside = bound(sock::ping(), sides.inside, 3001);
	const Bytes sent = errors::sent(IPPROTO_ICMP, errors::host, remote(3),
					packet::echo_request(3001, 1, packet::pattern(64)).build())
				   .build();

	sides.inside.wire.send(errors::too_big(1280, sent));
	ktap::expect_equal(sock::next_error(inside).value_or(sock::Error{}).info, 1280, "ee_info");
	ktap::expect(learned(" vrf red").find("mtu 1280") != std::string::npos, "inside");
	ktap::expect(learned("").find("mtu") == std::string::npos, "outside");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"echo", echo},
			  {"errors_sent", errors_sent},
			  {"errors_received", errors_received},
			  {"ping_sockets", ping_sockets},
			  {"path_mtu", path_mtu}});
}
