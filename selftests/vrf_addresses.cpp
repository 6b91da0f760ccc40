// SPDX-License-Identifier: GPL-2.0-only
//
// One address in a VRF and outside it, and one for the peers on both sides: nothing but the VRF tells them apart.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/sending.hpp"
#include "lib/vrf.hpp"

#include <cerrno>
#include <string>
#include <vector>

namespace {

using packet::Bytes;
using pinger::V4;
using pinger::V6;
using sock::Socket;
using wire::Wire;

/// As often as it takes for whatever is kept of the first answer to serve the next.
constexpr int rounds = 8;

template <typename F> struct Net {
	Wire outside = pinger::new_network<F>();
	Wire inside;

	Net() : inside(make_inside()) { host::set_sysctl("net/ipv4/icmp_ratemask", 0); }

private:
	static Wire make_inside()
	{
		vrf::need();
		vrf::add("red", 10);
		return vrf::add_wire_of<F>("wire1", F::server_prefix, "red");
	}
};

template <typename F> const Net<F> &net()
{
	static const Net<F> made;
	return made;
}

/// One side, and what a socket is bound to that belongs there.
struct Side {
	const Wire &wire;
	const Wire &other;
	const char *device;
	const char *name;
};

template <typename F> struct Sides {
	Side outside{net<F>().outside, net<F>().inside, "wire0", "outside"};
	Side inside{net<F>().inside, net<F>().outside, "red", "inside"};
};

template <typename F>
void expect_silence(const Wire &wire, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect(wire.receive_all<typename F::Datagram>(wire::milliseconds(0)).empty(),
		     what + ", the other wire", where);
}

/// The same request on both wires in turn: each reply leaves by the wire of its request.
template <typename F> void echo()
{
	const Sides<F> sides;

	for (std::uint16_t round = 0; round < rounds; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			// From a peer on the link, and from one behind it.
			for (const auto &from : {F::client, F::remote(1)}) {
				const auto request = F::between(
					F::echo(0x77, round, packet::pattern(56)), from, F::server);

				wire::expect_echo_reply(wire::require_answer(side.wire, request),
							request);
				expect_silence<F>(side.other, side.name);
			}
		}
	}
}

/// Errors of ours, about the same datagram on both wires in turn.
void errors_sent()
{
	const Sides<V4> sides;
	const packet::Ipv4 about = errors::sent_udp({errors::router, 4000}, {errors::host, 9});

	for (int round = 0; round < rounds; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			sending::expect_error(side.wire, about,
					      {.type = packet::Type::unreachable,
					       .code = errors::Code::port_unreachable,
					       .rest = 0,
					       .source = errors::host});
			expect_silence<V4>(side.other, side.name);
		}
	}
}

template <typename F> Socket bound(Socket socket, const Side &side, std::uint16_t port)
{
	ktap::require_equal(ping::try_to_bind_to_device(socket, side.device), 0, side.name);
	bind(socket, typename F::Endpoint{F::server, port});
	sock::set(socket, F::level, F::recverr, 1);
	return socket;
}

/// An error that comes by one side is for the socket there, though another has the same addresses and ports.
template <typename F> void errors_received()
{
	const Sides<F> sides;
	constexpr std::uint16_t port = 5000;
	const typename F::Endpoint peer{F::remote(2), 5001};
	Socket outside = bound<F>(F::open(SOCK_DGRAM), sides.outside, port);
	Socket inside = bound<F>(F::open(SOCK_DGRAM), sides.inside, port);

	for (const Socket *socket : {&outside, &inside})
		ktap::require_equal(connect(*socket, peer), 0, "connect");
	const Bytes sent = F::sent_udp({F::server, port}, peer).build();
	for (int round = 0; round < 2; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			const bool in = &side.wire == &net<F>().inside;

			side.wire.send(
				F::report(F::Type::unreachable, F::port_unreachable, 0, sent));
			ktap::expect_equal(sock::take_error(in ? inside : outside), ECONNREFUSED,
					   std::string(side.name) + ", the socket there");
			ktap::expect_equal(sock::take_error(in ? outside : inside), 0,
					   std::string(side.name) + ", the other one");
			while (F::next_error(in ? inside : outside))
				;
			sock::take_error(in ? inside : outside);
			ktap::expect(!F::next_error(in ? outside : inside),
				     std::string(side.name) + ", the other one's queue");
		}
	}
}

template <typename F> void ping_sockets()
{
	const Sides<F> sides;
	constexpr std::uint16_t id = 3000;
	Socket outside = bound<F>(F::open(), sides.outside, id);
	Socket inside = bound<F>(F::open(), sides.inside, id);

	for (int round = 0; round < rounds; round++) {
		for (const Side &side : {sides.outside, sides.inside}) {
			const bool in = &side.wire == &net<F>().inside;
			const Socket &here = in ? inside : outside, &there = in ? outside : inside;
			const auto sequence = static_cast<std::uint16_t>(round);

			ktap::expect_equal(send(here, pinger::request<F>(sequence),
						typename F::Endpoint{F::client, 0}),
					   0, "send");
			const auto request =
				ktap::require_value(family::next_answer<F>(side.wire), side.name);
			ktap::expect_equal(request.icmp.id(), id, "identifier");
			expect_silence<F>(side.other, side.name);

			side.wire.send(pinger::reply<F>(id, sequence));
			ktap::expect(sock::receive(here).has_value(),
				     std::string(side.name) + ", the reply");
			ktap::expect(!sock::receive(there),
				     std::string(side.name) + ", the other one's reply");

			side.wire.send(F::report(F::Type::time_exceeded, 0, 0, request.ip.build()));
			const auto error = F::next_error(here);
			ktap::expect_equal(error ? error->number : 0, EHOSTUNREACH,
					   std::string(side.name) + ", the error");
			ktap::expect(!F::next_error(there),
				     std::string(side.name) + ", the other one's error");
		}
	}
}

/// What is learned of a path is learned of the one on that side.
template <typename F> void path_mtu()
{
	const Sides<F> sides;
	const auto learned = [](const char *vrf) {
		return host::output_of("ip route get " + F::text(F::remote(3)) + vrf);
	};
	Socket inside = bound<F>(F::open(), sides.inside, 3001);

	sides.inside.wire.send(F::too_big(1280, pinger::sent<F>(3001, F::remote(3))));
	ktap::expect_equal(F::next_error(inside).value_or(typename F::Error{}).info, 1280,
			   "ee_info");
	ktap::expect(learned(" vrf red").find("mtu 1280") != std::string::npos, "inside");
	ktap::expect(learned("").find("mtu") == std::string::npos, "outside");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"echo", echo<F>},
		{"errors_received", errors_received<F>},
		{"ping_sockets", ping_sockets<F>},
		{"path_mtu", path_mtu<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<ktap::Test> all = tests<V4>();

	all.push_back({"errors_sent", errors_sent});
	return ktap::run(argc, argv, family::both(std::move(all), tests<V6>()));
}
