// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: bind(2), by address and by identifier, which stands where other protocols have a port. Which addresses IPv6
// has to bind to is in ping6_bind.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/vrf.hpp"

#include <set>
#include <string>
#include <vector>

namespace {

using packet::Address;
using pinger::identifier;
using pinger::V4;
using pinger::V6;
using sock::Endpoint;
using sock::Socket;

constexpr Address any = V4::any;
constexpr Address loopback = V4::loopback;
constexpr Address stranger = errors::remote(7);

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>();
	return wire;
}

template <typename F = V4> Socket fresh()
{
	net<F>();
	return F::open();
}

/// Returns 0 or the errno.
template <typename F = V4> int try_to_bind(const Socket &socket, const typename F::Endpoint &local)
{
	return pinger::try_to_bind<F>(socket, local);
}

/// F::own() without the prefix.
template <typename F> typename F::Address own_address(int number)
{
	const std::string prefix = F::own(number);

	return F::address(prefix.substr(0, prefix.find('/')));
}

/// Expects the next request on the wire.
template <typename F>
wire::AnswerIn<typename F::Datagram> next_request(const std::string &what,
						  const wire::Where &where = wire::Where::current())
{
	return ktap::require_value(family::next_answer<F>(net<F>(), wire::patience, where), what,
				   where);
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
	net<V4>();
	host::set_sysctl("net/ipv4/ip_nonlocal_bind", 1);
	expect_all(fresh<V4>, "ip_nonlocal_bind");
	host::set_sysctl("net/ipv4/ip_nonlocal_bind", 0);
	ktap::expect_equal(try_to_bind(fresh(), {stranger, 0}), EADDRNOTAVAIL, "none of them");
}

/// What is bound is what requests come from and replies must go to, even if it is nobody's here.
template <typename F> void a_bound_address_is_the_source()
{
	const std::string second_text = F::is_ipv6 ? "fd00::4d" : "10.0.0.77";
	const std::string prefix = second_text + (F::is_ipv6 ? "/64" : "/24");
	const auto second = F::address(second_text);
	Socket socket = fresh<F>();

	F::add_address("wire0", prefix);
	bind(socket, typename F::Endpoint{second, 600});
	net<F>().receive_all(wire::milliseconds(0));
	ktap::require_equal(
		send(socket, pinger::request<F>(1), typename F::Endpoint{F::remote(7), 0}), 0,
		"send");
	auto request = next_request<F>("request");
	ktap::expect_equal(request.ip.source, second, "source");
	ktap::expect_equal(request.icmp.id(), 600, "identifier");

	Socket transparent = fresh<F>();
	sock::set(transparent, F::level, F::transparent, 1);
	bind(transparent, typename F::Endpoint{F::remote(7), 601});
	ktap::require_equal(
		send(transparent, pinger::request<F>(1), typename F::Endpoint{F::client, 0}), 0,
		"send transparently");
	request = next_request<F>("request");
	ktap::expect_equal(request.ip.source, F::remote(7), "source");

	net<F>().send(pinger::reply<F>(600));
	ktap::expect(!sock::receive(socket), "a reply to another of our addresses");
	net<F>().send(pinger::reply<F>(600, 1, {}, F::client, second));
	ktap::expect(sock::receive(socket).has_value(), "a reply to the bound address");
	host::run("ip address delete " + prefix + " dev wire0");
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
		ktap::expect_equal(identifier<V4>(socket) != 0, row.error == 0, row.what);
	}
	sockaddr_in name = sock::to_kernel({any, 0});
	ktap::expect_equal(
		::bind(fresh().get(), reinterpret_cast<const sockaddr *>(&name), 129) ? errno : 0,
		EINVAL, "longer than any address");
	// Without a family, the address from before stays.
	const Socket socket = fresh();
	sock::bind(socket, {V4::loopback, 0});
	name.sin_family = AF_UNSPEC;
	const auto *nobody = reinterpret_cast<const sockaddr *>(&name);
	host::check(::connect(socket.get(), nobody, sizeof(name)), "connect");
	host::check(::bind(socket.get(), nobody, sizeof(name)), "bind");
	ktap::expect_equal(sock::local(socket).address, V4::loopback, "the address from before");
}

template <typename F> void identifiers_by_name()
{
	for (int id : {1, 8, 255, 256, 1023, 0x1234, 0x3412, 65535}) {
		Socket socket = fresh<F>();
		typename F::Endpoint local{F::any, static_cast<std::uint16_t>(id)};
		std::string what = "identifier " + std::to_string(id);

		ktap::expect_equal(try_to_bind<F>(socket, local), 0, what);
		ktap::expect(F::local(socket) == local, what + ", getsockname");
		net<F>().send(pinger::reply<F>(local.port));
		ktap::expect(sock::receive(socket).has_value(), what + ", a reply to it");
	}
}

/// Identifier 0 asks for one; every one of them is another one, and none is 0.
template <typename F> void identifiers_of_the_kernels_choice()
{
	const typename F::Endpoint self{F::loopback, 0};
	std::vector<Socket> sockets;
	std::set<std::uint16_t> ids;
	constexpr std::size_t count = 200;

	for (std::size_t i = 0; i < count; i++) {
		Socket socket = fresh<F>();

		ktap::expect_equal(identifier<F>(socket), 0, "before");
		// All three ways to get one.
		if (i % 3 == 0)
			bind(socket, typename F::Endpoint{F::any, 0});
		else if (i % 3 == 1)
			ktap::expect_equal(connect(socket, self), 0, "connect");
		else
			ktap::expect_equal(send(socket, pinger::request<F>(1), self), 0, "send");
		ids.insert(identifier<F>(socket));
		sockets.push_back(std::move(socket));
	}
	ktap::expect_equal(ids.size(), count, "different identifiers");
	ktap::expect(!ids.contains(0), "none is 0");
}

template <typename F> void once_is_enough()
{
	using End = typename F::Endpoint;
	const End self{F::loopback, 0}, foreign{F::remote(7), 0};
	Socket bound = fresh<F>();

	bind(bound, End{F::any, 700});
	for (const End &again : {End{F::any, 700}, End{F::any, 701}, self})
		ktap::expect_equal(try_to_bind<F>(bound, again), EINVAL, "bound by name");
	ktap::expect(F::local(bound) == End{F::any, 700}, "what it was bound to");

	Socket chosen = fresh<F>(), sent = fresh<F>(), connected = fresh<F>();
	bind(chosen, End{F::any, 0});
	ktap::expect_equal(send(sent, pinger::request<F>(1), self), 0, "send");
	ktap::expect_equal(connect(connected, self), 0, "connect");
	for (const Socket *socket : {&chosen, &sent, &connected})
		ktap::expect_equal(try_to_bind<F>(*socket, {F::any, 702}), EINVAL,
				   "has an identifier");
	// Which is asked about first: an address that cannot be bound to.
	ktap::expect_equal(try_to_bind<F>(bound, foreign), EADDRNOTAVAIL, "and a wrong address");

	Socket refused = fresh<F>();
	ktap::expect_equal(try_to_bind<F>(refused, {foreign.address, 703}), EADDRNOTAVAIL,
			   "refused");
	ktap::expect_equal(try_to_bind<F>(refused, {F::any, 703}), 0, "after having been refused");
}

/// One that does not want to share its identifier.
template <typename F> Socket strict()
{
	Socket socket = fresh<F>();

	sock::set(socket, SOL_SOCKET, SO_REUSEADDR, 0);
	return socket;
}

/// Ping sockets are born with SO_REUSEADDR. Only where both have it may two have one identifier, whatever their addresses.
template <typename F> void identifiers_in_use()
{
	using End = typename F::Endpoint;
	const End wanted{F::any, 800};
	Socket first = fresh<F>(), second = fresh<F>(), third = fresh<F>(), alone = strict<F>();

	ktap::expect_equal(sock::get(first, SOL_SOCKET, SO_REUSEADDR), 1, "SO_REUSEADDR at first");
	bind(first, wanted);
	ktap::expect_equal(try_to_bind<F>(second, wanted), 0, "both with it");
	ktap::expect_equal(try_to_bind<F>(alone, wanted), EADDRINUSE, "the newcomer without it");
	ktap::expect_equal(try_to_bind<F>(alone, {F::loopback, 800}), EADDRINUSE,
			   "another address");
	ktap::expect_equal(identifier<F>(alone), 0, "none after that");
	sock::set(first, SOL_SOCKET, SO_REUSEADDR, 0);
	ktap::expect_equal(try_to_bind<F>(third, wanted), EADDRINUSE, "one of two without it");
	first = Socket();
	ktap::expect_equal(try_to_bind<F>(third, wanted), 0, "when that one is closed");
	second = Socket();
	third = Socket();
	ktap::expect_equal(try_to_bind<F>(alone, wanted), 0, "when all are closed");
	ktap::expect_equal(try_to_bind<F>(fresh<F>(), wanted), EADDRINUSE, "its holder without it");
	ktap::expect_equal(try_to_bind<F>(fresh<F>(), {F::any, 801}), 0, "another identifier");

	// SO_REUSEPORT is no second way.
	Socket fourth = strict<F>(), fifth = strict<F>();
	for (const Socket *socket : {&fourth, &fifth})
		sock::set(*socket, SOL_SOCKET, SO_REUSEPORT, 1);
	bind(fourth, End{F::any, 802});
	ktap::expect_equal(try_to_bind<F>(fifth, {F::any, 802}), EADDRINUSE, "SO_REUSEPORT");
}

template <typename F> void identifiers_of_another_namespace()
{
	Socket here = strict<F>();
	host::Namespace first = host::Namespace::current();

	bind(here, typename F::Endpoint{F::any, 900});
	host::enter_new_namespace();
	ping::allow();
	Socket there = F::open();
	sock::set(there, SOL_SOCKET, SO_REUSEADDR, 0);
	ktap::expect_equal(try_to_bind<F>(there, {F::any, 900}), 0, "in use elsewhere");
	first.enter();
}

/// Both families share one space of identifiers; icmpx's sockets of one and the built-in ones of the other do not.
template <typename F, typename Other> void one_space_of_identifiers()
{
	const host::Namespace before = host::Namespace::current();

	if (pinger::is_icmpx<V4>() != pinger::is_icmpx<V6>())
		ktap::skip("the sockets of one family are icmpx's");
	host::enter_new_namespace();
	ping::allow();
	for (int shares : {0, 1, 2, 3}) {
		const std::string what = "who shares: " + std::to_string(shares);
		Socket holder = F::open(), newcomer = Other::open();

		sock::set(holder, SOL_SOCKET, SO_REUSEADDR, shares & 1);
		sock::set(newcomer, SOL_SOCKET, SO_REUSEADDR, shares >> 1);
		bind(holder, typename F::Endpoint{F::any, 1000});
		ktap::expect_equal(try_to_bind<Other>(newcomer, {Other::any, 1000}),
				   shares == 3 ? 0 : EADDRINUSE, what);
		holder = Socket();
		ktap::expect_equal(try_to_bind<Other>(newcomer, {Other::any, 1000}),
				   shares == 3 ? EINVAL : 0, what + ", after it is closed");
	}
	before.enter();
}

template <typename F> void devices()
{
	using End = typename F::Endpoint;

	net<F>();
	host::run("ip link add dummy0 type dummy");
	F::configure("dummy0", F::own(9));
	Socket socket = fresh<F>();

	ktap::expect_equal(ping::try_to_bind_to_device(socket, "none0"), ENODEV, "no such device");
	ktap::expect_equal(ping::try_to_bind_to_device(socket, "wire0"), 0, "a device");
	// A device that is no VRF does not narrow down which addresses are local.
	ktap::expect_equal(try_to_bind<F>(socket, {own_address<F>(9), 950}), 0,
			   "another device's address");

	Socket out = fresh<F>();
	ktap::expect_equal(ping::try_to_bind_to_device(out, "wire0"), 0, "wire0");
	net<F>().receive_all(wire::milliseconds(0));
	// Its route leads over dummy0.
	const End near{F::address(F::is_ipv6 ? "fd09::5" : "10.0.9.5"), 0};
	ktap::expect_equal(send(out, pinger::request<F>(1), near), 0, "send");
	auto request = next_request<F>("request on wire0");
	ktap::expect_equal(request.ip.source, F::server, "source");
	const auto reply = pinger::reply<F>(identifier<F>(out));
	net<F>().send(reply);
	ktap::expect(sock::receive(out).has_value(), "a reply by that device");
	ktap::expect_equal(ping::try_to_bind_to_device(out, "dummy0"), 0, "dummy0");
	net<F>().send(reply);
	ktap::expect(!sock::receive(out), "a reply by another device");
	ktap::expect_equal(ping::try_to_bind_to_device(out, ""), 0, "no device any more");
	net<F>().send(reply);
	ktap::expect(sock::receive(out).has_value(), "a reply by any device");
}

/// In a VRF the addresses that count as ours are those of its table.
template <typename F> void addresses_of_a_vrf()
{
	vrf::need();
	wire::Wire blue = pinger::new_network<F>();
	host::run("ip link add red type vrf table 10; ip link set red up; ip link add dummy1 type "
		  "dummy; ip link set dummy1 master red");
	F::configure("dummy1", F::own(8));
	const auto inside = own_address<F>(8);
	Socket socket = F::open();

	ktap::expect_equal(try_to_bind<F>(socket, {inside, 0}), EADDRNOTAVAIL, "from outside");
	for (const char *device : {"red", "dummy1"}) {
		Socket bound = F::open();

		ktap::expect_equal(ping::try_to_bind_to_device(bound, device), 0, device);
		ktap::expect_equal(try_to_bind<F>(bound, {F::server, 0}), EADDRNOTAVAIL,
				   std::string("an address from outside, in ") + device);
		ktap::expect_equal(try_to_bind<F>(bound, {inside, 0}), 0,
				   std::string("its own address, in ") + device);
		ktap::expect_equal(
			send(bound, pinger::request<F>(1), typename F::Endpoint{inside, 0}), 0,
			std::string("send, in ") + device);
		ktap::expect(sock::receive(bound, 1000).has_value(),
			     std::string("a reply, in ") + device);
	}
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"a_bound_address_is_the_source", a_bound_address_is_the_source<F>},
		{"identifiers_by_name", identifiers_by_name<F>},
		{"identifiers_of_the_kernels_choice", identifiers_of_the_kernels_choice<F>},
		{"once_is_enough", once_is_enough<F>},
		{"identifiers_in_use", identifiers_in_use<F>},
		{"identifiers_of_another_namespace", identifiers_of_another_namespace<F>},
		{"devices", devices<F>},
		{"vrf", addresses_of_a_vrf<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	// Those of IPv4 alone come first: they are in the network of the others.
	all.insert(all.begin(), {{"addresses", addresses},
				 {"addresses_that_are_not_ours", addresses_that_are_not_ours},
				 {"families_and_lengths", families_and_lengths}});
	all.insert(all.end(),
		   {{"one_space_of_identifiers", one_space_of_identifiers<V4, V6>},
		    {"ipv6_one_space_of_identifiers", one_space_of_identifiers<V6, V4>}});
	return ktap::run(argc, argv, all);
}
