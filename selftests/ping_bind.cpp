// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: bind(2), by address and by identifier, which stands where other protocols have a port.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <set>
#include <string>

namespace {

using packet::Address;
using ping::Endpoint;
using ping::identifier;
using ping::Socket;
using ping::try_to_bind;

constexpr Address any = 0;
constexpr Address loopback = 0x7f000001;
constexpr Address stranger = errors::remote(7);

const wire::Wire &net()
{
	static const wire::Wire wire = ping::new_network();
	return wire;
}

Socket fresh()
{
	net();
	return sock::ping();
}

void addresses()
{
	struct Row {
		Address address;
		int error;
		const char *what;
	};
	const Row rows[]{
		{any, 0, "any"},
		{errors::host, 0, "our own"},
		{loopback, 0, "loopback"},
		{0x7f123456, 0, "all of 127.0.0.0/8 is our own"},
		{errors::router, EADDRNOTAVAIL, "a neighbour's"},
		{stranger, EADDRNOTAVAIL, "a stranger's"},
		{0x0a0000ff, EADDRNOTAVAIL, "the network's broadcast"},
		{0xffffffff, EADDRNOTAVAIL, "limited broadcast"},
		{0xe0000001, EADDRNOTAVAIL, "all hosts"},
		{0xefffffff, EADDRNOTAVAIL, "some multicast group"},
	};

	for (const Row &row : rows) {
		Socket socket = fresh();

		ktap::expect_equal(try_to_bind(socket, {row.address, 0}), row.error, row.what);
		Endpoint local = sock::local(socket);
		ktap::expect_equal(local.address, row.error ? any : row.address, row.what);
		ktap::expect_equal(local.port != 0, row.error == 0, row.what);
	}
}

/// Three ways to bind to an address that is nobody's here; none makes multicast or broadcast an address to bind to.
void addresses_that_are_not_ours()
{
	auto expect_all = [](Socket (*make)(), const std::string &how) {
		ktap::expect_equal(try_to_bind(make(), {stranger, 0}), 0, how);
		ktap::expect_equal(try_to_bind(make(), {errors::router, 0}), 0, how);
		ktap::expect_equal(try_to_bind(make(), {0x0a0000ff, 0}), EADDRNOTAVAIL,
				   how + ", broadcast");
		ktap::expect_equal(try_to_bind(make(), {0xffffffff, 0}), EADDRNOTAVAIL,
				   how + ", limited broadcast");
		ktap::expect_equal(try_to_bind(make(), {0xe0000001, 0}), EADDRNOTAVAIL,
				   how + ", multicast");
	};

	expect_all(
		[] {
			Socket socket = fresh();
			sock::set(socket, SOL_IP, IP_FREEBIND, 1);
			return socket;
		},
		"IP_FREEBIND");
	expect_all(
		[] {
			Socket socket = fresh();
			sock::set(socket, SOL_IP, IP_TRANSPARENT, 1);
			return socket;
		},
		"IP_TRANSPARENT");
	net();
	host::set_sysctl("net/ipv4/ip_nonlocal_bind", 1);
	expect_all(fresh, "ip_nonlocal_bind");
	host::set_sysctl("net/ipv4/ip_nonlocal_bind", 0);
	ktap::expect_equal(try_to_bind(fresh(), {stranger, 0}), EADDRNOTAVAIL, "none of them");
}

/// What is bound is what requests come from and replies must go to, even if it is nobody's here.
void a_bound_address_is_the_source()
{
	host::run(
		"ip address add 10.0.0.77/24 dev wire0 || ip address show dev wire0 to 10.0.0.77");
	const Address second = packet::ipv4("10.0.0.77");
	Socket socket = fresh();

	sock::bind(socket, {second, 600});
	net().receive_all(wire::milliseconds(0));
	ktap::require_equal(sock::send(socket, ping::request(1), Endpoint{stranger, 0}), 0, "send");
	auto request = ktap::require_value(wire::next_answer(net()), "request");
	ktap::expect_equal(request.ip.source, second, "source");
	ktap::expect_equal(request.icmp.id(), 600, "identifier");

	Socket transparent = fresh();
	sock::set(transparent, SOL_IP, IP_TRANSPARENT, 1);
	sock::bind(transparent, {stranger, 601});
	ktap::require_equal(sock::send(transparent, ping::request(1), Endpoint{errors::router, 0}),
			    0, "send transparently");
	request = ktap::require_value(wire::next_answer(net()), "request");
	ktap::expect_equal(request.ip.source, stranger, "source");

	packet::Ipv4 reply = ping::reply(600);
	net().send(reply);
	ktap::expect(!sock::receive(socket), "a reply to another of our addresses");
	reply.destination = second;
	net().send(reply);
	ktap::expect(sock::receive(socket).has_value(), "a reply to the bound address");
}

void families_and_lengths()
{
	struct Row {
		sa_family_t family;
		Address address;
		socklen_t size;
		int error;
		const char *what;
	};
	const Row rows[]{
		{AF_INET, any, sizeof(sockaddr_in), 0, "as it should be"},
		{AF_INET, any, sizeof(sockaddr_in6), 0, "longer"},
		{AF_INET, any, sizeof(sockaddr_in) - 1, EINVAL, "one byte short"},
		{AF_INET, any, 2, EINVAL, "family alone"},
		{AF_INET, any, 0, EINVAL, "nothing"},
		{AF_INET6, any, sizeof(sockaddr_in6), EAFNOSUPPORT, "AF_INET6"},
		{AF_UNIX, any, sizeof(sockaddr_in), EAFNOSUPPORT, "AF_UNIX"},
		// The length is looked at first.
		{AF_INET6, any, 4, EINVAL, "AF_INET6, short"},
		// Programs that leave the family out and want any address have always been let through.
		{AF_UNSPEC, any, sizeof(sockaddr_in), 0, "AF_UNSPEC, any address"},
		{AF_UNSPEC, errors::host, sizeof(sockaddr_in), EAFNOSUPPORT,
		 "AF_UNSPEC, an address"},
	};

	for (const Row &row : rows) {
		Socket socket = fresh();
		sockaddr_storage name{};
		sockaddr_in address = sock::to_kernel({row.address, 0});

		address.sin_family = row.family;
		std::memcpy(&name, &address, sizeof(address));
		int result =
			::bind(socket.get(), reinterpret_cast<const sockaddr *>(&name), row.size);
		ktap::expect_equal(result ? errno : 0, row.error, row.what);
		ktap::expect_equal(identifier(socket) != 0, row.error == 0, row.what);
	}
	sockaddr_in name = sock::to_kernel({any, 0});
	ktap::expect_equal(
		::bind(fresh().get(), reinterpret_cast<const sockaddr *>(&name), 129) ? errno : 0,
		EINVAL, "longer than any address");
}

void identifiers_by_name()
{
	for (int id : {1, 8, 255, 256, 1023, 0x1234, 0x3412, 65535}) {
		Socket socket = fresh();
		Endpoint local{any, static_cast<std::uint16_t>(id)};
		std::string what = "identifier " + std::to_string(id);

		ktap::expect_equal(try_to_bind(socket, local), 0, what);
		ktap::expect(sock::local(socket) == local, what + ", getsockname");
		net().send(ping::reply(local.port));
		ktap::expect(sock::receive(socket).has_value(), what + ", a reply to it");
	}
}

/// Identifier 0 asks for one; every one of them is another one, and none is 0.
void identifiers_of_the_kernels_choice()
{
	std::vector<Socket> sockets;
	std::set<std::uint16_t> ids;
	constexpr std::size_t count = 200;

	for (std::size_t i = 0; i < count; i++) {
		Socket socket = fresh();

		ktap::expect_equal(identifier(socket), 0, "before");
		// All three ways to get one.
		if (i % 3 == 0)
			sock::bind(socket, {any, 0});
		else if (i % 3 == 1)
			ktap::expect_equal(sock::connect(socket, {loopback, 0}), 0, "connect");
		else
			ktap::expect_equal(
				sock::send(socket, ping::request(1), Endpoint{loopback, 0}), 0,
				"send");
		ids.insert(identifier(socket));
		sockets.push_back(std::move(socket));
	}
	ktap::expect_equal(ids.size(), count, "different identifiers");
	ktap::expect(!ids.contains(0), "none is 0");
}

void once_is_enough()
{
	Socket bound = fresh();
	sock::bind(bound, {any, 700});
	for (Endpoint again : {Endpoint{any, 700}, Endpoint{any, 701}, Endpoint{loopback, 0}})
		ktap::expect_equal(try_to_bind(bound, again), EINVAL, "bound by name");
	ktap::expect(sock::local(bound) == Endpoint{any, 700}, "what it was bound to");

	Socket chosen = fresh(), sent = fresh(), connected = fresh();
	sock::bind(chosen, {any, 0});
	ktap::expect_equal(sock::send(sent, ping::request(1), Endpoint{loopback, 0}), 0, "send");
	ktap::expect_equal(sock::connect(connected, {loopback, 0}), 0, "connect");
	for (const Socket *socket : {&chosen, &sent, &connected})
		ktap::expect_equal(try_to_bind(*socket, {any, 702}), EINVAL, "has an identifier");
	// Which is asked about first: an address that cannot be bound to.
	ktap::expect_equal(try_to_bind(bound, {stranger, 0}), EADDRNOTAVAIL, "and a wrong address");

	Socket refused = fresh();
	ktap::expect_equal(try_to_bind(refused, {stranger, 703}), EADDRNOTAVAIL, "refused");
	ktap::expect_equal(try_to_bind(refused, {any, 703}), 0, "after having been refused");
}

/// Ping sockets are born with SO_REUSEADDR. Only where both have it may two have one identifier, whatever their addresses.
void identifiers_in_use()
{
	Socket first = fresh(), second = fresh(), third = fresh(), strict = fresh();

	ktap::expect_equal(sock::get(first, SOL_SOCKET, SO_REUSEADDR), 1, "SO_REUSEADDR at first");
	sock::bind(first, {any, 800});
	ktap::expect_equal(try_to_bind(second, {any, 800}), 0, "both with it");
	sock::set(strict, SOL_SOCKET, SO_REUSEADDR, 0);
	ktap::expect_equal(try_to_bind(strict, {any, 800}), EADDRINUSE, "the newcomer without it");
	ktap::expect_equal(try_to_bind(strict, {loopback, 800}), EADDRINUSE, "another address");
	ktap::expect_equal(identifier(strict), 0, "none after that");
	sock::set(first, SOL_SOCKET, SO_REUSEADDR, 0);
	ktap::expect_equal(try_to_bind(third, {any, 800}), EADDRINUSE, "one of two without it");
	first = Socket();
	ktap::expect_equal(try_to_bind(third, {any, 800}), 0, "when that one is closed");
	second = Socket();
	third = Socket();
	ktap::expect_equal(try_to_bind(strict, {any, 800}), 0, "when all are closed");
	ktap::expect_equal(try_to_bind(fresh(), {any, 800}), EADDRINUSE, "its holder without it");
	ktap::expect_equal(try_to_bind(fresh(), {any, 801}), 0, "another identifier");

	// SO_REUSEPORT is no second way.
	Socket fourth = fresh(), fifth = fresh();
	for (const Socket *socket : {&fourth, &fifth}) {
		sock::set(*socket, SOL_SOCKET, SO_REUSEADDR, 0);
		sock::set(*socket, SOL_SOCKET, SO_REUSEPORT, 1);
	}
	sock::bind(fourth, {any, 802});
	ktap::expect_equal(try_to_bind(fifth, {any, 802}), EADDRINUSE, "SO_REUSEPORT");
}

void identifiers_of_another_namespace()
{
	Socket here = fresh();
	host::Namespace first = host::Namespace::current();

	sock::set(here, SOL_SOCKET, SO_REUSEADDR, 0);
	sock::bind(here, {any, 900});
	host::enter_new_namespace();
	ping::allow();
	Socket there = sock::ping();
	sock::set(there, SOL_SOCKET, SO_REUSEADDR, 0);
	ktap::expect_equal(try_to_bind(there, {any, 900}), 0, "in use elsewhere");
	first.enter();
}

void devices()
{
	net();
	host::run("ip link show dummy0 || ip link add dummy0 type dummy; ip address replace "
		  "10.0.9.1/24 dev dummy0; ip link set dummy0 up");
	Socket socket = fresh();

	ktap::expect_equal(ping::try_to_bind_to_device(socket, "none0"), ENODEV, "no such device");
	ktap::expect_equal(ping::try_to_bind_to_device(socket, "wire0"), 0, "a device");
	// A device that is no VRF does not narrow down which addresses are local.
	ktap::expect_equal(try_to_bind(socket, {packet::ipv4("10.0.9.1"), 950}), 0,
			   "another device's address");

	Socket out = fresh();
	ktap::expect_equal(ping::try_to_bind_to_device(out, "wire0"), 0, "wire0");
	net().receive_all(wire::milliseconds(0));
	// Its route leads over dummy0.
	ktap::expect_equal(sock::send(out, ping::request(1), Endpoint{packet::ipv4("10.0.9.5"), 0}),
			   0, "send");
	auto request = ktap::require_value(wire::next_answer(net()), "request on wire0");
	ktap::expect_equal(request.ip.source, errors::host, "source");
	net().send(ping::reply(identifier(out)));
	ktap::expect(sock::receive(out).has_value(), "a reply by that device");
	ktap::expect_equal(ping::try_to_bind_to_device(out, "dummy0"), 0, "dummy0");
	net().send(ping::reply(identifier(out)));
	ktap::expect(!sock::receive(out), "a reply by another device");
	ktap::expect_equal(ping::try_to_bind_to_device(out, ""), 0, "no device any more");
	net().send(ping::reply(identifier(out)));
	ktap::expect(sock::receive(out).has_value(), "a reply by any device");
}

/// In a VRF the addresses that count as ours are those of its table.
void vrf()
{
	host::need("vrf", "ip link add probe type vrf table 999 && ip link delete probe");
	wire::Wire blue = ping::new_network();
	host::run("ip link add red type vrf table 10; ip link set red up; ip link add dummy1 type "
		  "dummy; ip link set dummy1 master red; ip address add 10.0.8.1/24 dev dummy1; ip "
		  "link set dummy1 up");
	const Address inside = packet::ipv4("10.0.8.1");
	Socket socket = sock::ping();

	ktap::expect_equal(try_to_bind(socket, {inside, 0}), EADDRNOTAVAIL, "from outside");
	for (const char *device : {"red", "dummy1"}) {
		Socket bound = sock::ping();

		ktap::expect_equal(ping::try_to_bind_to_device(bound, device), 0, device);
		ktap::expect_equal(try_to_bind(bound, {errors::host, 0}), EADDRNOTAVAIL,
				   std::string("an address from outside, in ") + device);
		ktap::expect_equal(try_to_bind(bound, {inside, 0}), 0,
				   std::string("its own address, in ") + device);
		ktap::expect_equal(sock::send(bound, ping::request(1), Endpoint{inside, 0}), 0,
				   std::string("send, in ") + device);
		ktap::expect(sock::receive(bound, 1000).has_value(),
			     std::string("a reply, in ") + device);
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"addresses", addresses},
			  {"addresses_that_are_not_ours", addresses_that_are_not_ours},
			  {"a_bound_address_is_the_source", a_bound_address_is_the_source},
			  {"families_and_lengths", families_and_lengths},
			  {"identifiers_by_name", identifiers_by_name},
			  {"identifiers_of_the_kernels_choice", identifiers_of_the_kernels_choice},
			  {"once_is_enough", once_is_enough},
			  {"identifiers_in_use", identifiers_in_use},
			  {"identifiers_of_another_namespace", identifiers_of_another_namespace},
			  {"devices", devices},
			  {"vrf", vrf}});
}
