// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: to which addresses connect(2) and sendto(2) go, scopes, and the route that a connected socket keeps.
// What is the same for both families is in ping_connect; flow labels are in ping6_label.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <net/if.h>

namespace {

using packet6::Address;
using packet6::all_nodes;
using packet6::client_link;
using packet6::ipv6;
using packet6::Ipv6;
using packet6::server_link;
using pinger::peer_of;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;

constexpr Endpoint peer{V6::remote(1), 7};
/// An index that no device has.
constexpr std::uint32_t no_device = 9999;
/// struct sockaddr_in6 of RFC 2133, which had no scope.
constexpr socklen_t without_scope = 24;
const Address other_server = ipv6("fd01::2");

struct Net {
	wire::Wire wire = pinger::new_network<V6>();
	wire::Wire other = wire6::second_wire();
	/// Has no address at all.
	wire::Wire bare = wire::Wire::tap({.name = "bare0"});
	std::uint32_t index = if_nametoindex("wire0"), other_index = if_nametoindex("wire1"),
		      bare_index = if_nametoindex("bare0");
};

const Net &net()
{
	static const Net made = [] {
		Net net;

		wire6::quiet("bare0");
		host::run("ip -6 -batch - <<'END'\nlink set bare0 arp off up\n"
			  "route add fe80::/64 dev bare0\nroute add throw 2001:db8:1::/48\n"
			  "route add unreachable 2001:db8:2::/48\n"
			  "route add prohibit 2001:db8:3::/48\n"
			  "route add blackhole 2001:db8:4::/48\nEND");
		return net;
	}();
	return made;
}

Socket fresh()
{
	net().wire.receive_all<Ipv6>(wire::milliseconds(0));
	net().other.receive_all<Ipv6>(wire::milliseconds(0));
	return sock6::ping();
}

int bound_device(const Socket &socket) { return sock::get(socket, SOL_SOCKET, SO_BINDTOIFINDEX); }

int disconnect(const Socket &socket)
{
	const sockaddr name{.sa_family = AF_UNSPEC, .sa_data = {}};

	return ::connect(socket.get(), &name, sizeof(name)) ? errno : 0;
}

/// Sends, to the peer if @p to is nothing, and returns what is on @p wire.
Ipv6 sent(const Socket &socket, const std::optional<Endpoint> &to = std::nullopt,
	  const wire::Wire &wire = net().wire, const wire::Where &where = wire::Where::current())
{
	ktap::require_equal(sock6::send(socket, pinger::request<V6>(1), to), 0, "send", where);
	return ktap::require_value(wire6::next_answer(wire, wire::patience, where), "request",
				   where)
		.ip;
}

struct Destination {
	const char *address;
	std::uint32_t scope;
	int connecting;
	int sending;
};

void expect_destinations(const std::vector<Destination> &rows)
{
	for (const Destination &row : rows) {
		Socket socket = fresh(), sending = fresh();
		const Endpoint to{ipv6(row.address), 3, row.scope};
		const std::string what =
			std::string(row.address) + " with the scope " + std::to_string(row.scope);

		ktap::expect_equal(sock6::connect(socket, to), row.connecting, what + ", connect");
		ktap::expect_equal(peer_of<V6>(socket).has_value(), row.connecting == 0,
				   what + ", peer");
		// The identifier is taken before the address is looked at.
		ktap::expect(pinger::identifier<V6>(socket) != 0, what + ", identifier");
		ktap::expect_equal(sock6::send(sending, pinger::request<V6>(1), to), row.sending,
				   what + ", sendto");
		ktap::expect(pinger::identifier<V6>(sending) != 0, what + ", identifier");
	}
}

void destinations()
{
	expect_destinations({
		{"::1", 0, 0, 0},
		{"fd00::1", 0, 0, 0},
		{"fd00::2", 0, 0, 0},
		{"2001:db8::1", 0, 0, 0},
		{"fec0::1", 0, 0, 0},
		// IPv4-compatible addresses are addresses of IPv6, and IPv4-mapped ones are not.
		{"::192.0.2.1", 0, 0, 0},
		{"::ffff:192.0.2.1", 0, ENETUNREACH, EINVAL},
		{"::ffff:127.0.0.1", 0, ENETUNREACH, EINVAL},
		{"::ffff:0.0.0.0", 0, ENETUNREACH, EINVAL},
		{"2001:db8:1::1", 0, ENETUNREACH, ENETUNREACH},
		{"2001:db8:2::1", 0, EHOSTUNREACH, EHOSTUNREACH},
		{"2001:db8:3::1", 0, EACCES, EACCES},
		{"2001:db8:4::1", 0, EINVAL, EINVAL},
		{"ff05::5", 0, 0, 0},
		{"ff0e::5", 0, 0, 0},
	});
}

void destinations_with_a_scope()
{
	const std::uint32_t wire0 = net().index;

	expect_destinations({
		{"fe80::1", 0, EINVAL, EINVAL},
		{"ff01::1", 0, EINVAL, EINVAL},
		{"ff02::1", 0, EINVAL, EINVAL},
		{"fe80::1", wire0, 0, 0},
		{"ff01::1", wire0, 0, 0},
		{"ff02::1", wire0, 0, 0},
		{"fe80::1", net().bare_index, EADDRNOTAVAIL, EADDRNOTAVAIL},
		{"fe80::1", no_device, ENETUNREACH, ENETUNREACH},
		{"::ffff:192.0.2.1", wire0, ENETUNREACH, EINVAL},
		// Others are where they are, whatever the scope says.
		{"fd01::1", wire0, 0, 0},
		{"fd00::1", no_device, 0, 0},
		{"ff05::5", no_device, 0, 0},
	});
	Socket socket = fresh();
	ktap::expect_equal(sent(socket, Endpoint{ipv6("fd01::1"), 0, wire0}, net().other).source,
			   other_server, "source of a request to the other wire's network");
}

/// The scope of a peer binds the socket to a device.
void a_scope_is_a_device()
{
	const std::uint32_t wire1 = net().other_index;
	Socket socket = fresh();

	ktap::expect_equal(sock6::connect(socket, {client_link, 5, wire1}), 0, "connect");
	ktap::expect_equal(bound_device(socket), wire1, "device");
	ktap::expect(peer_of<V6>(socket) == Endpoint{client_link, 5, wire1}, "getpeername");
	ktap::expect_equal(sock6::local(socket).address, server_link, "source");
	ktap::expect_equal(sock6::local(socket).scope, wire1, "scope of the source");
	ktap::expect_equal(sent(socket, std::nullopt, net().other).destination, client_link,
			   "send");
	ktap::expect_equal(sock6::connect(socket, {client_link, 5, net().index}), EINVAL,
			   "connect to another device's");
	ktap::expect_equal(
		sock6::send(socket, pinger::request<V6>(1), Endpoint{client_link, 5, net().index}),
		EINVAL, "sendto another device's");
	ktap::expect(peer_of<V6>(socket) == Endpoint{client_link, 5, wire1}, "getpeername");
	const Address neighbour = ipv6("fe80::9");
	ktap::expect_equal(sock6::connect(socket, {neighbour, 6}), 0, "connect without a scope");
	ktap::expect(peer_of<V6>(socket) == Endpoint{neighbour, 6, wire1}, "getpeername");
	ktap::expect_equal(sent(socket, Endpoint{client_link}, net().other).destination,
			   client_link, "sendto without a scope");

	ktap::expect_equal(disconnect(socket), 0, "disconnect");
	ktap::expect_equal(bound_device(socket), 0, "device");
	ktap::expect(sock6::local(socket) == Endpoint{}, "getsockname");
	ktap::expect_equal(sock6::connect(socket, {client_link, 5, net().index}), 0,
			   "connect to another device's");
	ktap::expect_equal(sent(socket).source, server_link, "source");
}

void a_device_is_a_scope()
{
	Socket socket = fresh(), multicast = fresh(), group = fresh();

	ktap::require_equal(ping::try_to_bind_to_device(socket, "wire1"), 0, "SO_BINDTODEVICE");
	ktap::expect_equal(sock6::connect(socket, {client_link, 5, net().index}), EINVAL,
			   "connect to another device's");
	ktap::expect_equal(sock6::connect(socket, {client_link, 5}), 0, "connect without a scope");
	ktap::expect_equal(sent(socket, std::nullopt, net().other).source, server_link, "source");
	ktap::expect_equal(sent(socket, Endpoint{all_nodes}, net().other).destination, all_nodes,
			   "sendto without a scope");

	// For multicast IPV6_MULTICAST_IF does. A connection makes it the device.
	const int wire1 = static_cast<int>(net().other_index);
	for (const Socket *each : {&multicast, &group})
		sock::set(*each, SOL_IPV6, IPV6_MULTICAST_IF, wire1);
	ktap::expect_equal(sock6::send(multicast, pinger::request<V6>(1), Endpoint{client_link}),
			   EINVAL, "IPV6_MULTICAST_IF and unicast");
	ktap::expect_equal(sent(multicast, Endpoint{all_nodes}, net().other).source, server_link,
			   "IPV6_MULTICAST_IF, sendto");
	ktap::expect_equal(bound_device(multicast), 0, "device");
	ktap::expect_equal(sock6::connect(multicast, {all_nodes, 1}), 0, "connect");
	ktap::expect_equal(bound_device(multicast), wire1, "device");
	ktap::expect_equal(sent(multicast, std::nullopt, net().other).destination, all_nodes,
			   "send");
	const Endpoint routed{ipv6("ff05::5"), 1};
	ktap::expect_equal(sock6::connect(group, routed), 0, "connect to a larger scope");
	ktap::expect_equal(bound_device(group), 0, "device");
	ktap::expect_equal(sent(group, std::nullopt, net().other).source, other_server, "source");
}

/// Which of the socket's options a connection's source goes by.
void sources()
{
	const int wire1 = static_cast<int>(net().other_index);
	Socket plain = fresh(), unicast = fresh(), device = fresh(), sticky = fresh();
	const in6_pktinfo info{.ipi6_addr = {}, .ipi6_ifindex = net().other_index};

	ktap::expect_equal(sock6::connect(plain, {ipv6("fd01::1"), 1}), 0, "connect");
	ktap::expect_equal(sock6::local(plain).address, other_server, "source of a route");
	sock::set(unicast, SOL_IPV6, IPV6_UNICAST_IF, static_cast<int>(htonl(net().other_index)));
	ktap::require_equal(ping::try_to_bind_to_device(device, "wire1"), 0, "SO_BINDTODEVICE");
	host::check(setsockopt(sticky.get(), SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info)),
		    "IPV6_PKTINFO");
	host::run("ip -6 route add default dev wire1 metric 2048");
	for (const Socket *socket : {&unicast, &device, &sticky}) {
		ktap::expect_equal(sock6::connect(*socket, peer), 0, "connect");
		ktap::expect_equal(sock6::local(*socket).address, other_server, "source");
		ktap::expect_equal(sent(*socket, std::nullopt, net().other).source, other_server,
				   "source on the wire");
	}
	ktap::expect_equal(bound_device(unicast), 0, "IPV6_UNICAST_IF is no binding");
	// A link-local address says which device by its scope alone.
	ktap::expect_equal(sock6::connect(unicast, {client_link, 1}), EINVAL, "link-local");
	// Which device multicast leaves by is not its business either.
	ktap::expect_equal(sock6::connect(plain, {ipv6("ff05::5"), 1}), 0, "multicast");
	sock::set(plain, SOL_IPV6, IPV6_MULTICAST_IF, wire1);
	ktap::expect_equal(sock6::connect(plain, peer), 0, "unicast");
	ktap::expect_equal(sent(plain).destination, peer.address, "unicast, destination");
	host::run("ip -6 route delete default dev wire1");
}

/// Only the first device has to be one that there is when it is chosen.
void devices_of_options()
{
	Socket socket = fresh();
	const in6_pktinfo info{.ipi6_addr = {}, .ipi6_ifindex = net().index};
	const auto set = [&](int option, int value) {
		return setsockopt(socket.get(), SOL_IPV6, option, &value, sizeof(value)) ? errno
											 : 0;
	};

	ktap::expect_equal(set(IPV6_MULTICAST_IF, no_device), ENODEV, "IPV6_MULTICAST_IF");
	ktap::expect_equal(set(IPV6_UNICAST_IF, static_cast<int>(htonl(no_device))), EADDRNOTAVAIL,
			   "IPV6_UNICAST_IF");
	ktap::require_equal(ping::try_to_bind_to_device(socket, "wire1"), 0, "SO_BINDTODEVICE");
	ktap::expect_equal(set(IPV6_MULTICAST_IF, static_cast<int>(net().index)), EINVAL,
			   "IPV6_MULTICAST_IF of another device");
	ktap::expect_equal(set(IPV6_MULTICAST_IF, static_cast<int>(net().other_index)), 0,
			   "IPV6_MULTICAST_IF of the same device");
	ktap::expect_equal(set(IPV6_UNICAST_IF, static_cast<int>(htonl(net().other_index))), EINVAL,
			   "IPV6_UNICAST_IF of a bound socket");
	ktap::expect_equal(
		setsockopt(socket.get(), SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info)) ? errno : 0,
		EINVAL, "IPV6_PKTINFO of another device");
}

void families_and_lengths()
{
	struct Row {
		sa_family_t family;
		socklen_t size;
		int connecting;
		int sending;
		const char *what;
	};
	const Row rows[]{
		{AF_INET6, sizeof(sockaddr_in6), 0, 0, "as it should be"},
		{AF_INET6, sizeof(sockaddr_storage), 0, 0, "longer"},
		{AF_INET6, sizeof(sockaddr_in6) - 1, 0, EINVAL, "one byte short"},
		{AF_INET6, without_scope, 0, EINVAL, "without a scope"},
		{AF_INET6, without_scope - 1, EINVAL, EINVAL, "one byte less than that"},
		{AF_INET6, 2, EINVAL, EINVAL, "family alone"},
		{AF_INET6, 1, EINVAL, EINVAL, "half a family"},
		{AF_INET, sizeof(sockaddr_in6), EAFNOSUPPORT, EAFNOSUPPORT, "AF_INET"},
		{AF_INET, without_scope, EAFNOSUPPORT, EINVAL, "AF_INET, shorter"},
		{AF_UNIX, sizeof(sockaddr_in6), EAFNOSUPPORT, EAFNOSUPPORT, "AF_UNIX"},
		// Unlike for UDP, no address to send to.
		{AF_UNSPEC, sizeof(sockaddr_in6), 0, EAFNOSUPPORT, "AF_UNSPEC"},
		{AF_UNSPEC, 2, 0, EINVAL, "AF_UNSPEC, family alone"},
		{AF_UNSPEC, 1, EINVAL, EINVAL, "AF_UNSPEC, half a family"},
	};

	for (const Row &row : rows) {
		Socket socket = fresh(), sending = fresh();
		sockaddr_storage name{};
		sockaddr_in6 address = sock6::to_kernel(peer);
		packet::Bytes data = pinger::request<V6>(1);

		address.sin6_family = row.family;
		std::memcpy(&name, &address, sizeof(address));
		const auto *raw = reinterpret_cast<const sockaddr *>(&name);
		ktap::expect_equal(::connect(socket.get(), raw, row.size) ? errno : 0,
				   row.connecting, row.what);
		ssize_t result = sendto(sending.get(), data.data(), data.size(), 0, raw, row.size);
		ktap::expect_equal(result < 0 ? errno : 0, row.sending,
				   std::string(row.what) + ", sendto");
	}
	// Without a scope, a link-local address has none.
	Socket socket = fresh();
	const sockaddr_in6 link = sock6::to_kernel({client_link, 1, net().index});
	const auto *raw = reinterpret_cast<const sockaddr *>(&link);
	ktap::expect_equal(::connect(socket.get(), raw, without_scope) ? errno : 0, EINVAL,
			   "a scope that is cut off");
	ktap::expect_equal(::connect(socket.get(), raw, sizeof(link)) ? errno : 0, 0,
			   "a scope that is not");
}

/// The route that a connected socket keeps is looked up again when it has changed; the source stays.
void the_route_is_renewed()
{
	Socket socket = fresh();

	host::run("ip -6 route add 2001:db8:5::/64 dev wire0");
	ktap::require_equal(sock6::connect(socket, {ipv6("2001:db8:5::1"), 1}), 0, "connect");
	ktap::expect_equal(sent(socket).source, V6::server, "source");
	host::run("ip -6 route replace 2001:db8:5::/64 dev wire1");
	ktap::expect_equal(sent(socket, std::nullopt, net().other).source, V6::server,
			   "source, over another device");
	host::run("ip -6 route delete 2001:db8:5::/64 dev wire1");
	sent(socket);
	host::run("ip -6 route add unreachable 2001:db8:5::/64");
	ktap::expect_equal(sock::send(socket, pinger::request<V6>(1)), EHOSTUNREACH, "to nowhere");
	host::run("ip -6 route delete unreachable 2001:db8:5::/64");
	ktap::expect_equal(sent(socket).source, V6::server, "source, at last");
}

/// Of a connected socket, IPV6_MTU and IPV6_PATHMTU say what the path has.
void the_mtu_of_the_path()
{
	struct {
		sockaddr_in6 address;
		std::uint32_t mtu;
	} info{};
	Socket socket = fresh();
	int value = 0;
	socklen_t size = sizeof(value), info_size = sizeof(info);

	for (int option : {IPV6_MTU, IPV6_PATHMTU}) {
		socklen_t room = sizeof(info);

		ktap::expect_equal(getsockopt(socket.get(), SOL_IPV6, option, &info, &room) ? errno
											    : 0,
				   ENOTCONN, "unconnected");
	}
	host::run("ip -6 route add 2001:db8:6::/64 dev wire0 mtu 1400");
	ktap::require_equal(sock6::connect(socket, {ipv6("2001:db8:6::1"), 1}), 0, "connect");
	host::check(getsockopt(socket.get(), SOL_IPV6, IPV6_MTU, &value, &size), "IPV6_MTU");
	ktap::expect_equal(value, 1400, "IPV6_MTU");
	host::check(getsockopt(socket.get(), SOL_IPV6, IPV6_PATHMTU, &info, &info_size),
		    "IPV6_PATHMTU");
	ktap::expect_equal(info.mtu, 1400U, "IPV6_PATHMTU");
	ktap::expect_equal(info_size, sizeof(info), "length of IPV6_PATHMTU");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"destinations", destinations},
			  {"destinations_with_a_scope", destinations_with_a_scope},
			  {"a_scope_is_a_device", a_scope_is_a_device},
			  {"a_device_is_a_scope", a_device_is_a_scope},
			  {"sources", sources},
			  {"devices_of_options", devices_of_options},
			  {"families_and_lengths", families_and_lengths},
			  {"the_route_is_renewed", the_route_is_renewed},
			  {"the_mtu_of_the_path", the_mtu_of_the_path}});
}
