// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets that have the same identifier: which of them gets a reply or an error.

#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Type;
using ping::Endpoint;
using ping::Socket;

constexpr Address any = 0;
constexpr Address second = 0x0a00004d; // 10.0.0.77, our own, too
constexpr std::uint16_t id = 3000;

struct Net {
	wire::Wire wire = ping::new_network();
	wire::Wire other = wire::Wire::tap({.name = "wire1"});
};

const Net &net()
{
	static const Net made = [] {
		Net net;

		host::write_file("/proc/sys/net/ipv6/conf/wire1/disable_ipv6", "1");
		host::run("ip -batch - <<'END'\nlink set wire1 arp off up\n"
			  "address add 10.1.0.2/24 dev wire1\naddress add 10.0.0.77/24 dev wire0\n"
			  "END");
		return net;
	}();
	return made;
}

Socket bound(const Endpoint &local, const std::string &device = "")
{
	net();
	Socket socket = sock::ping();

	if (!device.empty())
		ktap::require_equal(ping::try_to_bind_to_device(socket, device), 0, device);
	sock::bind(socket, local);
	return socket;
}

using Named = std::map<std::string, const Socket *>;

/// Whose error queue or receive queue has something, which this takes away; "" for nobody's.
std::string who(const Named &sockets)
{
	std::string names;

	for (const auto &[name, socket] : sockets) {
		if (sock::receive(*socket) || sock::next_error(*socket))
			names += (names.empty() ? "" : " ") + name;
	}
	return names;
}

/// Has a reply and errors come to @p to by @p wire, and expects all of them at @p expected alone.
void expect_at(const Named &sockets, const wire::Wire &wire, Address to,
	       const std::string &expected, const std::string &what,
	       const wire::Where &where = wire::Where::current())
{
	packet::Ipv4 reply = ping::reply(id);
	Bytes sent = errors::sent(IPPROTO_ICMP, to, remote(1),
				  packet::echo_request(id, 1, packet::pattern(20)).build())
			     .build();

	for (const auto &[name, socket] : sockets)
		sock::set(*socket, SOL_IP, IP_RECVERR, 1);
	reply.destination = to;
	wire.send(reply);
	ktap::expect_equal(who(sockets), expected, what + ", a reply", where);
	for (std::uint8_t type : {Type::time_exceeded, Type::unreachable}) {
		packet::Ipv4 error = errors::report(type, 0, 0, sent);

		error.destination = to;
		wire.send(error);
		ktap::expect_equal(who(sockets), expected, what + ", an error", where);
	}
}

void the_last_one_gets_it()
{
	Socket first = bound({any, id}), middle = bound({any, id});
	{
		Socket last = bound({any, id});

		expect_at({{"first", &first}, {"middle", &middle}, {"last", &last}}, net().wire,
			  errors::host, "last", "three");
	}
	expect_at({{"first", &first}, {"middle", &middle}}, net().wire, errors::host, "middle",
		  "two");
	middle = Socket();
	expect_at({{"first", &first}}, net().wire, errors::host, "first", "one");

	// Nothing that a socket does later changes the order.
	middle = bound({any, id});
	ktap::expect_equal(sock::send(first, ping::request(1), Endpoint{remote(1), 0}), 0, "send");
	sock::set(first, SOL_SOCKET, SO_PRIORITY, 6);
	expect_at({{"first", &first}, {"middle", &middle}}, net().wire, errors::host, "middle",
		  "the first one has sent");
	shutdown(middle.get(), SHUT_RDWR);
	expect_at({{"first", &first}, {"middle", &middle}}, net().wire, errors::host, "middle",
		  "the last one is shut down");
}

/// Of those that an address does not rule out it is the last one again: a more precise one has no precedence.
void addresses()
{
	{
		Socket host = bound({errors::host, id}), wild = bound({any, id});
		Named both{{"host", &host}, {"wild", &wild}};

		expect_at(both, net().wire, errors::host, "wild", "wildcard last");
	}
	Socket wild = bound({any, id}), host = bound({errors::host, id});
	Socket other = bound({second, id});
	Named all{{"host", &host}, {"wild", &wild}, {"other", &other}};
	expect_at(all, net().wire, errors::host, "host", "the address");
	expect_at(all, net().wire, second, "other", "the other address");
	expect_at(all, net().other, 0x0a010002, "wild", "no one's address");
	// By whichever device.
	expect_at(all, net().other, second, "other", "the other address, another device");

	// Connecting chooses an address, and with that what does not arrive any more.
	Socket connected = bound({any, id});
	ktap::expect_equal(sock::connect(connected, {remote(1), 0}), 0, "connect");
	all["connected"] = &connected;
	expect_at(all, net().wire, errors::host, "connected", "the connection's address");
	expect_at(all, net().wire, second, "other", "not the connection's address");
	expect_at(all, net().other, 0x0a010002, "wild", "not the connection's address");
}

void devices()
{
	Socket wild = bound({any, id});
	{
		Socket device = bound({any, id}, "wire0"), other = bound({any, id}, "wire1");
		Named all{{"device", &device}, {"other", &other}, {"wild", &wild}};

		expect_at(all, net().wire, errors::host, "device", "by wire0");
		expect_at(all, net().other, errors::host, "other", "by wire1");
		// Bound while it is in use.
		ktap::expect_equal(ping::try_to_bind_to_device(device, "wire1"), 0, "wire1");
		expect_at(all, net().wire, errors::host, "wild", "by wire0, nobody bound to it");
		expect_at(all, net().other, errors::host, "other", "by wire1, two bound to it");
	}
	Socket device = bound({any, id}, "wire0"), last = bound({any, id});
	expect_at({{"device", &device}, {"last", &last}}, net().wire, errors::host, "last",
		  "wildcard last");
}

/// A reply that came into a VRF is for those that are bound to the VRF or to its device, and for those bound to none.
void vrf()
{
	host::need("vrf", "ip link add probe type vrf table 999 && ip link delete probe");
	wire::Wire outside = ping::new_network();
	wire::Wire inside = wire::Wire::tap({.name = "wire1"});
	host::write_file("/proc/sys/net/ipv6/conf/wire1/disable_ipv6", "1");
	host::run(
		"ip link add red type vrf table 10; ip link set red up; ip link set wire1 arp off "
		"master red; ip link set wire1 up; ip address add 10.1.0.2/24 dev wire1; ip "
		"route add default dev wire1 vrf red");
	constexpr Address address = 0x0a010002;
	auto make = [](const std::string &device) {
		Socket socket = sock::ping();

		ktap::require_equal(ping::try_to_bind_to_device(socket, device), 0, "device");
		sock::bind(socket, {any, id});
		return socket;
	};

	Socket wild = make("");
	expect_at({{"wild", &wild}}, inside, address, "wild", "nobody is bound to a device");
	for (const char *device : {"red", "wire1"}) {
		Socket in_vrf = make(device);
		Named both{{"vrf", &in_vrf}, {"wild", &wild}};

		expect_at(both, inside, address, "vrf", std::string("into the VRF, ") + device);
		expect_at(both, outside, errors::host, "wild", std::string("past it, ") + device);
	}
	Socket other = make("wire0");
	Named both{{"other", &other}, {"wild", &wild}};
	expect_at(both, inside, address, "wild", "into the VRF, bound outside");
	expect_at(both, outside, errors::host, "other", "past it, bound outside");
}

void network_namespaces()
{
	Socket here = bound({any, id});
	host::Namespace first = host::Namespace::current();
	wire::Wire elsewhere = ping::new_network();
	Socket there = sock::ping();

	sock::bind(there, {any, id});
	Named both{{"here", &here}, {"there", &there}};
	expect_at(both, net().wire, errors::host, "here", "to the first one");
	expect_at(both, elsewhere, errors::host, "there", "to the second one");
	there = Socket();
	expect_at({{"here", &here}}, elsewhere, errors::host, "", "to nobody");
	// Whose socket it is does not change with where its process goes.
	expect_at({{"here", &here}}, net().wire, errors::host, "here", "to the first one again");
	first.enter();
}

/// Neighbours in whatever table there is: identifiers that differ in one bit, or by a power of two.
void others_with_similar_identifiers()
{
	std::set<std::uint16_t> ids{id};
	std::vector<Socket> sockets;

	for (int bit = 0; bit < 16; bit++) {
		ids.insert(static_cast<std::uint16_t>(id ^ 1 << bit));
		ids.insert(static_cast<std::uint16_t>(id + (1 << bit)));
	}
	sockets.reserve(ids.size());
	for (std::uint16_t each : ids)
		sockets.push_back(bound({any, each}));
	for (std::uint16_t each : ids) {
		std::set<std::uint16_t> reached;

		net().wire.send(ping::reply(each));
		for (const Socket &socket : sockets) {
			if (sock::receive(socket))
				reached.insert(ping::identifier(socket));
		}
		ktap::expect(reached == std::set<std::uint16_t>{each},
			     "identifier " + std::to_string(each) + " alone");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"the_last_one_gets_it", the_last_one_gets_it},
			  {"addresses", addresses},
			  {"devices", devices},
			  {"network_namespaces", network_namespaces},
			  {"others_with_similar_identifiers", others_with_similar_identifiers},
			  // Makes a network of its own, and does not come back.
			  {"vrf", vrf}});
}
