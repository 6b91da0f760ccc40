// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets that have the same identifier: which of them gets a reply or an error.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/vrf.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using pinger::V4;
using pinger::V6;
using sock::Socket;

constexpr std::uint16_t id = 3000;

/// Another address of ours on the first wire, and the one on the second.
template <typename F> typename F::Address second()
{
	return F::address(F::is_ipv6 ? "fd00::77" : "10.0.0.77");
}
template <typename F> typename F::Address on_other_wire()
{
	return F::address(F::is_ipv6 ? "fd01::2" : "10.0.1.2");
}

template <typename F> struct Net {
	wire::Wire wire = pinger::new_network<F>();
	wire::Wire other = family::second_wire<F>();
};

template <typename F> const Net<F> &net()
{
	static const Net<F> made = [] {
		Net<F> net;

		F::add_address("wire0", F::is_ipv6 ? "fd00::77/64" : "10.0.0.77/24");
		return net;
	}();
	return made;
}

template <typename F>
Socket bound(const typename F::Endpoint &local, const std::string &device = "")
{
	net<F>();
	Socket socket = F::open();

	if (!device.empty())
		ktap::require_equal(ping::try_to_bind_to_device(socket, device), 0, device);
	bind(socket, local);
	return socket;
}

using Named = std::map<std::string, const Socket *>;

/// Whose error queue or receive queue has something, which this takes away; "" for nobody's.
template <typename F> std::string who(const Named &sockets)
{
	std::string names;

	for (const auto &[name, socket] : sockets) {
		if (sock::receive(*socket) || F::next_error(*socket))
			names += (names.empty() ? "" : " ") + name;
	}
	return names;
}

/// Has a reply and errors come to @p to by @p wire, and expects all of them at @p expected alone.
template <typename F>
void expect_at(const Named &sockets, const wire::Wire &wire, const typename F::Address &to,
	       const std::string &expected, const std::string &what,
	       const wire::Where &where = wire::Where::current())
{
	for (const auto &[name, socket] : sockets)
		sock::set(*socket, F::level, F::recverr, 1);
	wire.send(pinger::reply<F>(id, 1, {}, F::client, to));
	ktap::expect_equal(who<F>(sockets), expected, what + ", a reply", where);
	for (std::uint8_t type : {F::Type::time_exceeded, F::Type::unreachable}) {
		wire.send(F::report(type, 0, 0, pinger::sent<F>(id, F::remote(1), to), to));
		ktap::expect_equal(who<F>(sockets), expected, what + ", an error", where);
	}
}

template <typename F> void the_last_one_gets_it()
{
	Socket first = bound<F>({F::any, id}), middle = bound<F>({F::any, id});
	{
		Socket last = bound<F>({F::any, id});

		expect_at<F>({{"first", &first}, {"middle", &middle}, {"last", &last}},
			     net<F>().wire, F::server, "last", "three");
	}
	expect_at<F>({{"first", &first}, {"middle", &middle}}, net<F>().wire, F::server, "middle",
		     "two");
	middle = Socket();
	expect_at<F>({{"first", &first}}, net<F>().wire, F::server, "first", "one");

	// Nothing that a socket does later changes the order.
	middle = bound<F>({F::any, id});
	ktap::expect_equal(
		send(first, pinger::request<F>(1), typename F::Endpoint{F::remote(1), 0}), 0,
		"send");
	sock::set(first, SOL_SOCKET, SO_PRIORITY, 6);
	expect_at<F>({{"first", &first}, {"middle", &middle}}, net<F>().wire, F::server, "middle",
		     "the first one has sent");
	shutdown(middle.get(), SHUT_RDWR);
	expect_at<F>({{"first", &first}, {"middle", &middle}}, net<F>().wire, F::server, "middle",
		     "the last one is shut down");
}

/// Of those that an address does not rule out it is the last one again: a more precise one has no precedence.
template <typename F> void addresses()
{
	{
		Socket host = bound<F>({F::server, id}), wild = bound<F>({F::any, id});
		Named both{{"host", &host}, {"wild", &wild}};

		expect_at<F>(both, net<F>().wire, F::server, "wild", "wildcard last");
	}
	Socket wild = bound<F>({F::any, id}), host = bound<F>({F::server, id});
	Socket other = bound<F>({second<F>(), id});
	Named all{{"host", &host}, {"wild", &wild}, {"other", &other}};
	expect_at<F>(all, net<F>().wire, F::server, "host", "the address");
	expect_at<F>(all, net<F>().wire, second<F>(), "other", "the other address");
	expect_at<F>(all, net<F>().other, on_other_wire<F>(), "wild", "no one's address");
	// By whichever device.
	expect_at<F>(all, net<F>().other, second<F>(), "other",
		     "the other address, another device");

	// Connecting chooses an address, and with that what does not arrive any more.
	Socket connected = bound<F>({F::any, id});
	ktap::expect_equal(connect(connected, typename F::Endpoint{F::remote(1), 0}), 0, "connect");
	all["connected"] = &connected;
	const auto chosen = F::local(connected).address;
	const bool is_second = chosen == second<F>();
	expect_at<F>(all, net<F>().wire, chosen, "connected", "the connection's address");
	expect_at<F>(all, net<F>().wire, is_second ? F::server : second<F>(),
		     is_second ? "host" : "other", "not the connection's address");
	expect_at<F>(all, net<F>().other, on_other_wire<F>(), "wild",
		     "not the connection's address");
}

/// The peer says where requests go. It is the identifier that replies find their socket by, whichever host they are from.
template <typename F> void a_connected_socket_hears_other_hosts()
{
	Socket socket = bound<F>({F::any, id});

	for (std::uint8_t peer : {1, 2}) {
		ktap::require_equal(connect(socket, typename F::Endpoint{F::remote(peer), 0}), 0,
				    "connect");
		for (std::uint8_t host : {1, 2}) {
			const auto to = F::local(socket).address;

			net<F>().wire.send(pinger::reply<F>(id, 1, {}, F::remote(host), to));
			ktap::expect(F::receive(socket).from ==
					     typename F::Endpoint{F::remote(host), 0},
				     "source");
		}
	}
	net<F>().wire.send(pinger::reply<F>(id, 1, {}, F::remote(1), F::many), F::to_many);
	ktap::expect(!sock::receive(socket), "to many");
}

template <typename F> void devices()
{
	Socket wild = bound<F>({F::any, id});
	{
		Socket device = bound<F>({F::any, id}, "wire0"),
		       other = bound<F>({F::any, id}, "wire1");
		Named all{{"device", &device}, {"other", &other}, {"wild", &wild}};

		expect_at<F>(all, net<F>().wire, F::server, "device", "by wire0");
		expect_at<F>(all, net<F>().other, F::server, "other", "by wire1");
		// Bound while it is in use.
		ktap::expect_equal(ping::try_to_bind_to_device(device, "wire1"), 0, "wire1");
		expect_at<F>(all, net<F>().wire, F::server, "wild", "by wire0, nobody bound to it");
		expect_at<F>(all, net<F>().other, F::server, "other", "by wire1, two bound to it");
	}
	Socket device = bound<F>({F::any, id}, "wire0"), last = bound<F>({F::any, id});
	expect_at<F>({{"device", &device}, {"last", &last}}, net<F>().wire, F::server, "last",
		     "wildcard last");
}

/// A reply that came into a VRF is for those that are bound to the VRF or to its device, and for those bound to none.
template <typename F> void in_a_vrf()
{
	vrf::need();
	wire::Wire outside = pinger::new_network<F>();
	vrf::add("red", 10);
	wire::Wire inside = vrf::add_wire_of<F>("wire1", F::own(1), "red");
	const auto address = on_other_wire<F>();
	auto make = [](const std::string &device) {
		Socket socket = F::open();

		ktap::require_equal(ping::try_to_bind_to_device(socket, device), 0, "device");
		bind(socket, typename F::Endpoint{F::any, id});
		return socket;
	};

	Socket wild = make("");
	expect_at<F>({{"wild", &wild}}, inside, address, "wild", "nobody is bound to a device");
	for (const char *device : {"red", "wire1"}) {
		Socket in_vrf = make(device);
		Named both{{"vrf", &in_vrf}, {"wild", &wild}};

		expect_at<F>(both, inside, address, "vrf", std::string("into the VRF, ") + device);
		expect_at<F>(both, outside, F::server, "wild", std::string("past it, ") + device);
	}
	Socket other = make("wire0");
	Named both{{"other", &other}, {"wild", &wild}};
	expect_at<F>(both, inside, address, "wild", "into the VRF, bound outside");
	expect_at<F>(both, outside, F::server, "other", "past it, bound outside");
}

template <typename F> void network_namespaces()
{
	Socket here = bound<F>({F::any, id});
	host::Namespace first = host::Namespace::current();
	wire::Wire elsewhere = pinger::new_network<F>();
	Socket there = F::open();

	bind(there, typename F::Endpoint{F::any, id});
	Named both{{"here", &here}, {"there", &there}};
	expect_at<F>(both, net<F>().wire, F::server, "here", "to the first one");
	expect_at<F>(both, elsewhere, F::server, "there", "to the second one");
	there = Socket();
	expect_at<F>({{"here", &here}}, elsewhere, F::server, "", "to nobody");
	// Whose socket it is does not change with where its process goes.
	expect_at<F>({{"here", &here}}, net<F>().wire, F::server, "here", "to the first one again");
	first.enter();
}

/// Neighbours in whatever table there is: identifiers that differ in one bit, or by a power of two.
template <typename F> void others_with_similar_identifiers()
{
	std::set<std::uint16_t> ids{id};
	std::vector<Socket> sockets;

	for (int bit = 0; bit < 16; bit++) {
		ids.insert(static_cast<std::uint16_t>(id ^ 1 << bit));
		ids.insert(static_cast<std::uint16_t>(id + (1 << bit)));
	}
	sockets.reserve(ids.size());
	for (std::uint16_t each : ids)
		sockets.push_back(bound<F>({F::any, each}));
	for (std::uint16_t each : ids) {
		std::set<std::uint16_t> reached;

		net<F>().wire.send(pinger::reply<F>(each));
		for (const Socket &socket : sockets) {
			if (sock::receive(socket))
				reached.insert(pinger::identifier<F>(socket));
		}
		ktap::expect(reached == std::set<std::uint16_t>{each},
			     "identifier " + std::to_string(each) + " alone");
	}
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"the_last_one_gets_it", the_last_one_gets_it<F>},
		{"addresses", addresses<F>},
		{"a_connected_socket_hears_other_hosts", a_connected_socket_hears_other_hosts<F>},
		{"devices", devices<F>},
		{"network_namespaces", network_namespaces<F>},
		{"others_with_similar_identifiers", others_with_similar_identifiers<F>},
		// Makes a network of its own, and does not come back.
		{"vrf", in_a_vrf<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
