// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: which addresses bind(2) takes, and what a scope does. What is the same for both families is in
// ping_bind.

#include "lib/child.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/vrf.hpp"

#include <cstring>
#include <string>

#include <net/if.h>

namespace {

using packet6::Address;
using packet6::ipv6;
using packet6::server_link;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;

constexpr Address any = V6::any;
constexpr Address stranger = errors6::remote(7);
/// An index that no device has.
constexpr std::uint32_t no_device = 9999;

/// Both wires have the link-local address fe80::2.
struct Net {
	wire::Wire wire = pinger::new_network<V6>();
	wire::Wire other = wire6::second_wire();
	std::uint32_t index = if_nametoindex("wire0"), other_index = if_nametoindex("wire1"),
		      loopback_index = if_nametoindex("lo");
};

const Net &net()
{
	static const Net made;

	return made;
}

Socket fresh()
{
	net();
	return sock6::ping();
}

/// Returns 0 or the errno.
int try_to_bind(const Socket &socket, const Endpoint &local)
{
	return pinger::try_to_bind<V6>(socket, local);
}

int bound_device(const Socket &socket) { return sock::get(socket, SOL_SOCKET, SO_BINDTOIFINDEX); }

/// What a bind to @p address, with @p scope, comes to, and what getsockname() says before and after.
void expect_bound(const std::string &address, std::uint32_t scope, int error)
{
	Socket socket = fresh();
	const Endpoint wanted{ipv6(address), 0, scope};
	const std::string what = address + " with the scope " + std::to_string(scope);

	ktap::expect(sock6::local(socket) == Endpoint{}, what + ", before");
	ktap::expect_equal(try_to_bind(socket, wanted), error, what);
	const Endpoint local = sock6::local(socket);
	const bool link_local = address.starts_with("fe80");
	ktap::expect_equal(local.address, error ? any : wanted.address, what + ", address");
	ktap::expect_equal(local.port != 0, error == 0, what + ", identifier");
	// A scope says something about a link-local address alone.
	const std::uint32_t device = link_local && !error ? scope : 0;
	ktap::expect_equal(local.scope, device, what + ", scope");
	ktap::expect_equal(bound_device(socket), device, what + ", device");
}

void addresses()
{
	struct Row {
		const char *address;
		int error;
	};
	const Row rows[]{
		{"::", 0},
		{"::1", 0},
		{"fd00::2", 0},
		{"fd01::2", 0},
		{"fd00::1", EADDRNOTAVAIL},
		{"fd00::", EADDRNOTAVAIL},
		{"2001:db8::7", EADDRNOTAVAIL},
		{"fec0::2", EADDRNOTAVAIL},
		{"64:ff9b::a00:2", EADDRNOTAVAIL},
		// IPv4-compatible and IPv4-mapped (RFC 4291, 2.5.5); the latter are no addresses of IPv6.
		{"::10.0.0.2", EADDRNOTAVAIL},
		{"::ffff:10.0.0.2", EINVAL},
		{"::ffff:0.0.0.0", EINVAL},
		{"::ffff:127.0.0.1", EINVAL},
		{"ff01::1", EINVAL},
		{"ff02::1", EINVAL},
		{"ff05::2", EINVAL},
		{"ff0e::1", EINVAL},
	};

	for (const Row &row : rows)
		expect_bound(row.address, 0, row.error);
}

void scopes()
{
	struct Row {
		const char *address;
		std::uint32_t scope;
		int error;
	};
	const std::uint32_t wire0 = net().index, wire1 = net().other_index,
			    lo = net().loopback_index;
	const Row rows[]{
		{"fe80::2", 0, EINVAL},
		{"fe80::2", wire0, 0},
		{"fe80::2", wire1, 0},
		{"fe80::2", lo, EADDRNOTAVAIL},
		{"fe80::1", wire0, EADDRNOTAVAIL},
		{"fe80::2", no_device, ENODEV},
		{"ff02::1", wire0, EINVAL},
		{"::ffff:10.0.0.2", wire0, EINVAL},
		// It has to be a device's, and says nothing but where loopback's address is.
		{"::", wire0, 0},
		{"::1", lo, 0},
		{"::1", wire0, EADDRNOTAVAIL},
		{"fd00::2", wire0, 0},
		{"fd00::2", wire1, 0},
		{"fd00::1", wire0, EADDRNOTAVAIL},
		{"::", no_device, ENODEV},
		{"::1", no_device, ENODEV},
		{"fd00::2", no_device, ENODEV},
		{"fd00::1", no_device, ENODEV},
		{"ff02::1", no_device, EINVAL},
		{"fe80::2", 0xffffffff, ENODEV},
	};

	for (const Row &row : rows)
		expect_bound(row.address, row.scope, row.error);
}

/// The scope of a link-local address binds the socket to its device, which says where requests go and replies come from.
void a_scope_is_a_device()
{
	const Endpoint peer{packet6::client_link, 0, 0};
	Socket socket = fresh();

	ktap::require_equal(try_to_bind(socket, {server_link, 600, net().other_index}), 0, "bind");
	net().other.receive_all<packet6::Ipv6>(wire::milliseconds(0));
	// Where to, without a scope, is answered by the device, too.
	ktap::require_equal(sock6::send(socket, pinger::request<V6>(1), peer), 0, "send");
	auto request = ktap::require_value(wire6::next_answer(net().other), "request");
	ktap::expect_equal(request.ip.source, server_link, "source");
	ktap::expect_equal(request.icmp.id(), 600, "identifier");
	ktap::expect_equal(
		sock6::send(socket, pinger::request<V6>(1), Endpoint{peer.address, 0, net().index}),
		EINVAL, "send to the scope of another device");

	const auto reply = pinger::reply<V6>(600, 1, {}, packet6::client_link, server_link);
	net().wire.send(reply);
	ktap::expect(!sock::receive(socket), "a reply by the other device");
	net().other.send(reply);
	ktap::expect(sock::receive(socket).has_value(), "a reply by the device of the scope");
}

/// It replaces the one that SO_BINDTODEVICE chose, unless bind() fails.
void a_scope_that_contradicts_the_device()
{
	const int wire0 = static_cast<int>(net().index),
		  wire1 = static_cast<int>(net().other_index);
	Socket socket = fresh();

	ktap::require_equal(ping::try_to_bind_to_device(socket, "wire1"), 0, "wire1");
	ktap::expect_equal(try_to_bind(socket, {server_link, 0, net().index}), 0, "bind");
	ktap::expect_equal(bound_device(socket), wire0, "the device of the scope");
	ktap::expect_equal(sock6::local(socket).scope, wire0, "scope");

	Socket same = fresh();
	ktap::require_equal(ping::try_to_bind_to_device(same, "wire1"), 0, "wire1");
	ktap::expect_equal(try_to_bind(same, {server_link, 0, 0}), EINVAL, "a device is no scope");
	ktap::expect_equal(try_to_bind(same, {packet6::client_link, 0, net().index}), EADDRNOTAVAIL,
			   "another's address");
	ktap::expect_equal(try_to_bind(same, {server_link, 0, no_device}), ENODEV, "no such scope");
	ktap::expect_equal(bound_device(same), wire1, "device after failures");
	ktap::expect_equal(try_to_bind(same, {V6::server, 0, net().index}), 0,
			   "with an address that needs no scope");
	ktap::expect_equal(bound_device(same), wire1, "device after that");
}

void an_identifier_in_use_leaves_the_device()
{
	Socket holder = fresh(), unbound = fresh(), bound = fresh();

	sock::set(holder, SOL_SOCKET, SO_REUSEADDR, 0);
	sock6::bind(holder, {any, 800});
	ktap::require_equal(ping::try_to_bind_to_device(bound, "wire1"), 0, "wire1");
	for (const Socket *socket : {&unbound, &bound}) {
		const int before = bound_device(*socket);

		ktap::expect_equal(try_to_bind(*socket, {server_link, 800, net().index}),
				   EADDRINUSE, "bind");
		ktap::expect_equal(bound_device(*socket), before, "device");
		ktap::expect(sock6::local(*socket) == Endpoint{}, "getsockname");
		ktap::expect_equal(try_to_bind(*socket, {server_link, 0, net().index}), 0,
				   "another identifier");
	}
}

/// Expects of sockets that @p make makes that they may have addresses that are nobody's here, and what IPv6 has no bind for.
void expect_free(Socket (*make)(), const std::string &how)
{
	struct Row {
		Endpoint to;
		int error;
		const char *what;
	};
	const Row rows[]{
		{{stranger}, 0, "a stranger's"},
		{{V6::client}, 0, "a neighbour's"},
		{{ipv6("::10.0.0.2")}, 0, "IPv4-compatible"},
		{{packet6::client_link, 0, net().index}, 0, "a neighbour's link-local"},
		{{packet6::client_link, 0, 0}, EINVAL, "link-local without a scope"},
		{{packet6::client_link, 0, no_device}, ENODEV, "an unknown scope"},
		{{stranger, 0, no_device}, ENODEV, "an unknown scope, global"},
		{{packet6::all_nodes, 0, net().index}, EINVAL, "multicast"},
		{{ipv6("::ffff:10.0.0.2")}, EINVAL, "IPv4-mapped"},
	};

	for (const Row &row : rows) {
		Socket socket = make();

		ktap::expect_equal(try_to_bind(socket, row.to), row.error, how + ": " + row.what);
		ktap::expect_equal(sock6::local(socket).address, row.error ? any : row.to.address,
				   how + ": " + row.what + ", address");
	}
}

void addresses_that_are_not_ours()
{
	expect_free(
		[] {
			Socket socket = fresh();
			sock::set(socket, SOL_IPV6, IPV6_FREEBIND, 1);
			return socket;
		},
		"IPV6_FREEBIND");
	expect_free(
		[] {
			Socket socket = fresh();
			sock::set(socket, SOL_IPV6, IPV6_TRANSPARENT, 1);
			return socket;
		},
		"IPV6_TRANSPARENT");
	net();
	host::set_sysctl("net/ipv6/ip_nonlocal_bind", 1);
	expect_free(fresh, "ip_nonlocal_bind");
	host::set_sysctl("net/ipv6/ip_nonlocal_bind", 0);
	ktap::expect_equal(try_to_bind(fresh(), {stranger}), EADDRNOTAVAIL, "none of them");
	// That is the setting of IPv4.
	host::set_sysctl("net/ipv4/ip_nonlocal_bind", 1);
	ktap::expect_equal(try_to_bind(fresh(), {stranger}), EADDRNOTAVAIL, "IPv4's setting");
	host::set_sysctl("net/ipv4/ip_nonlocal_bind", 0);
	child::run([] {
		const int on = 1;

		child::become({});
		Socket socket = fresh();
		ktap::expect_equal(
			setsockopt(socket.get(), SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)), -1,
			"IPV6_TRANSPARENT, unprivileged");
		ktap::expect_equal(errno, EPERM, "IPV6_TRANSPARENT, unprivileged");
		sock::set(socket, SOL_IPV6, IPV6_FREEBIND, 1);
		ktap::expect_equal(try_to_bind(socket, {stranger}), 0, "IPV6_FREEBIND");
	});
}

/// An address is ours when duplicate address detection is over.
void tentative_addresses()
{
	net();
	const wire::Wire wire = wire::Wire::tap({.name = "dad0"});

	host::set_sysctl("net/ipv6/conf/dad0/addr_gen_mode", 1);
	wire6::detect_duplicates("dad0");
	host::run("ip link set dad0 up && ip -6 address add fd05::2/64 dev dad0 && "
		  "ip -6 address add fd05::3/64 dev dad0 nodad");
	ktap::expect_equal(try_to_bind(fresh(), {ipv6("fd05::2")}), EADDRNOTAVAIL, "tentative");
	ktap::expect_equal(try_to_bind(fresh(), {ipv6("fd05::3")}), 0, "without detection");
	// Bound to, it stays so when it goes.
	Socket socket = fresh();
	sock6::bind(socket, {ipv6("fd05::3"), 850});
	host::run("ip -6 address delete fd05::3/64 dev dad0");
	ktap::expect_equal(try_to_bind(fresh(), {ipv6("fd05::3")}), EADDRNOTAVAIL, "deleted");
	ktap::expect(sock6::local(socket) == Endpoint{ipv6("fd05::3"), 850}, "getsockname");
}

void families_and_lengths()
{
	struct Row {
		sa_family_t family;
		socklen_t size;
		int error;
		const char *what;
	};
	const Row rows[]{
		{AF_INET6, sizeof(sockaddr_in6), 0, "as it should be"},
		{AF_INET6, sizeof(sockaddr_storage), 0, "longer"},
		{AF_INET6, sizeof(sockaddr_in6) - 1, EINVAL, "one byte short"},
		// RFC 2133's structure has no scope; connect() takes it.
		{AF_INET6, 24, EINVAL, "without a scope"},
		{AF_INET6, sizeof(sockaddr_in), EINVAL, "as long as IPv4's"},
		{AF_INET6, 2, EINVAL, "family alone"},
		{AF_INET6, 0, EINVAL, "nothing"},
		{AF_INET6, sizeof(sockaddr_storage) + 1, EINVAL, "longer than any address"},
		{AF_INET, sizeof(sockaddr_in6), EAFNOSUPPORT, "AF_INET"},
		// The length is looked at first.
		{AF_INET, sizeof(sockaddr_in), EINVAL, "AF_INET, as long as that is"},
		{AF_UNIX, sizeof(sockaddr_in6), EAFNOSUPPORT, "AF_UNIX"},
		// Unlike for IPv4, not even for any address.
		{AF_UNSPEC, sizeof(sockaddr_in6), EAFNOSUPPORT, "AF_UNSPEC"},
	};

	for (const Row &row : rows) {
		Socket socket = fresh();
		std::array<std::uint8_t, sizeof(sockaddr_storage) + 1> bytes{};
		sockaddr_in6 name = sock6::to_kernel({});

		name.sin6_family = row.family;
		std::memcpy(bytes.data(), &name, sizeof(name));
		int result = ::bind(socket.get(), reinterpret_cast<const sockaddr *>(bytes.data()),
				    row.size);
		ktap::expect_equal(result ? errno : 0, row.error, row.what);
		ktap::expect_equal(pinger::identifier<V6>(socket) != 0, row.error == 0, row.what);
	}
}

/// A flow label means nothing to bind(), and getsockname() has none.
void flow_labels()
{
	Socket socket = fresh();
	sockaddr_in6 name = sock6::to_kernel({any, 860});
	socklen_t size = sizeof(name);

	name.sin6_flowinfo = htonl(0x12345);
	ktap::expect_equal(
		::bind(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name)), 0,
		"bind");
	host::check(getsockname(socket.get(), reinterpret_cast<sockaddr *>(&name), &size),
		    "getsockname");
	ktap::expect_equal(size, sizeof(name), "length of the name");
	ktap::expect_equal(name.sin6_family, AF_INET6, "family");
	ktap::expect_equal(ntohs(name.sin6_port), 860, "identifier");
	ktap::expect_equal(name.sin6_flowinfo, 0U, "flow label");
}

/// A socket of a VRF may have the link-local address of a device in it, and leaves the VRF for the device.
void link_local_in_a_vrf()
{
	vrf::need();
	const wire::Wire first = pinger::new_network<V6>();
	vrf::add("red", 10);
	const wire::Wire inside = wire6::second_wire("fd08::2/64", "red");
	const std::uint32_t index = if_nametoindex("wire1");

	for (const char *device : {"red", "wire1", ""}) {
		Socket socket = sock6::ping();
		const std::string what = std::string("bound to \"") + device + '"';

		ktap::require_equal(ping::try_to_bind_to_device(socket, device), 0, what);
		ktap::expect_equal(try_to_bind(socket, {server_link, 0, index}), 0, what);
		ktap::expect_equal(bound_device(socket), index, what + ", device");
		inside.receive_all<packet6::Ipv6>(wire::milliseconds(0));
		ktap::expect_equal(
			sock6::send(socket, pinger::request<V6>(1), Endpoint{packet6::client_link}),
			0, what + ", send");
		ktap::expect(wire6::next_answer(inside).has_value(), what + ", request");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"addresses", addresses},
		 {"scopes", scopes},
		 {"a_scope_is_a_device", a_scope_is_a_device},
		 {"a_scope_that_contradicts_the_device", a_scope_that_contradicts_the_device},
		 {"an_identifier_in_use_leaves_the_device", an_identifier_in_use_leaves_the_device},
		 {"addresses_that_are_not_ours", addresses_that_are_not_ours},
		 {"tentative_addresses", tentative_addresses},
		 {"families_and_lengths", families_and_lengths},
		 {"flow_labels", flow_labels},
		 {"link_local_in_a_vrf", link_local_in_a_vrf}});
}
