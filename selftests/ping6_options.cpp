// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: socket(2) itself, options and ioctls that other sockets have and these have not, groups.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <string>

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

namespace {

using packet6::ipv6;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;

/// Options of linux/icmpv6.h, linux/in6.h and linux/mroute6.h, which do not get on with netinet/in.h.
enum Option : int { icmp6_filter = 1, ipv6_checksum = 7, unknown = 255, mrt6_init = 200 };

constexpr Endpoint peer{V6::remote(1), 0};

const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<V6>();
	return wire;
}

Socket fresh()
{
	net();
	return sock6::ping();
}

/// What setsockopt() and getsockopt() come to: 0 or the errno.
template <typename T> int try_to_set(const Socket &socket, int level, int option, const T &value)
{
	return setsockopt(socket.get(), level, option, &value, sizeof(value)) ? errno : 0;
}

int try_to_get(const Socket &socket, int level, int option)
{
	std::array<std::uint8_t, 64> value{};
	socklen_t size = sizeof(value);

	return getsockopt(socket.get(), level, option, value.data(), &size) ? errno : 0;
}

void opening()
{
	struct Row {
		int domain, type, protocol, error;
	};
	const Row rows[]{
		{AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, 0},
		{AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6, 0},
		{AF_INET6, SOCK_DGRAM, IPPROTO_ICMP, EPROTONOSUPPORT},
		{AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6, EPROTONOSUPPORT},
		{AF_INET6, SOCK_STREAM, IPPROTO_ICMPV6, EPROTONOSUPPORT},
	};

	net();
	for (const Row &row : rows) {
		const Socket socket(::socket(row.domain, row.type, row.protocol));

		ktap::expect_equal(socket.get() < 0 ? errno : 0, row.error,
				   "domain " + std::to_string(row.domain) + ", type " +
					   std::to_string(row.type) + ", protocol " +
					   std::to_string(row.protocol));
	}
	Socket socket = fresh();
	ktap::expect_equal(sock::get(socket, SOL_SOCKET, SO_DOMAIN), AF_INET6, "SO_DOMAIN");
	ktap::expect_equal(sock::get(socket, SOL_SOCKET, SO_TYPE), SOCK_DGRAM, "SO_TYPE");
	ktap::expect_equal(sock::get(socket, SOL_SOCKET, SO_PROTOCOL), IPPROTO_ICMPV6,
			   "SO_PROTOCOL");
	int pair[2];
	ktap::expect_equal(socketpair(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, pair) ? errno : 0,
			   EOPNOTSUPP, "socketpair");
}

void calls_that_are_not_for_datagrams()
{
	Socket socket = fresh();

	sock6::bind(socket, {});
	ktap::expect_equal(listen(socket.get(), 1) ? errno : 0, EOPNOTSUPP, "listen");
	ktap::expect_equal(accept(socket.get(), nullptr, nullptr) < 0 ? errno : 0, EOPNOTSUPP,
			   "accept");
}

/// What raw sockets have.
void options_of_raw_sockets()
{
	const std::array<std::uint32_t, 8> filter{};
	Socket socket = fresh();

	ktap::expect_equal(try_to_set(socket, IPPROTO_ICMPV6, icmp6_filter, filter), ENOPROTOOPT,
			   "ICMP6_FILTER");
	ktap::expect_equal(try_to_get(socket, IPPROTO_ICMPV6, icmp6_filter), ENOPROTOOPT,
			   "ICMP6_FILTER");
	for (int level : {SOL_IPV6, SOL_RAW}) {
		ktap::expect_equal(try_to_set(socket, level, ipv6_checksum, 2), ENOPROTOOPT,
				   "IPV6_CHECKSUM");
		ktap::expect_equal(try_to_get(socket, level, ipv6_checksum), ENOPROTOOPT,
				   "IPV6_CHECKSUM");
	}
	ktap::expect_equal(try_to_set(socket, SOL_IPV6, IPV6_HDRINCL, 1), ENOPROTOOPT,
			   "IPV6_HDRINCL");
	ktap::expect_equal(try_to_set(socket, SOL_IPV6, IPV6_ROUTER_ALERT, 1), ENOPROTOOPT,
			   "IPV6_ROUTER_ALERT");
	ktap::expect_equal(try_to_set(socket, SOL_IPV6, mrt6_init, 1), EOPNOTSUPP, "MRT6_INIT");
	ktap::expect_equal(sock6::send(socket, pinger::request<V6>(1), peer), 0, "send after all");
}

/// A socket of IPv6 it is, for ever.
void other_families()
{
	Socket socket = fresh(), bound = fresh();

	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_V6ONLY), 1, "IPV6_V6ONLY at first");
	sock6::bind(bound, {});
	for (int value : {0, 1})
		ktap::expect_equal(try_to_set(bound, SOL_IPV6, IPV6_V6ONLY, value), EINVAL,
				   "IPV6_V6ONLY, bound");
	ktap::expect_equal(sock::get(bound, SOL_IPV6, IPV6_V6ONLY), 1, "IPV6_V6ONLY after that");
	ktap::expect_equal(try_to_set(socket, SOL_IPV6, IPV6_V6ONLY, 0), 0, "IPV6_V6ONLY off");
	const Endpoint mapped{ipv6("::ffff:127.0.0.1"), 0};
	ktap::expect_equal(pinger::try_to_bind<V6>(socket, mapped), EINVAL, "bind, IPv4-mapped");
	ktap::expect_equal(sock6::send(socket, pinger::request<V6>(1), mapped), EINVAL,
			   "send, IPv4-mapped");

	ktap::expect_equal(try_to_set(socket, SOL_IPV6, IPV6_ADDRFORM, AF_INET), ENOPROTOOPT,
			   "IPV6_ADDRFORM");
	ktap::expect_equal(try_to_set(socket, SOL_IPV6, IPV6_ADDRFORM, AF_INET6), EINVAL,
			   "IPV6_ADDRFORM, not to IPv4");
	ktap::expect_equal(try_to_get(socket, SOL_IPV6, IPV6_ADDRFORM), ENOPROTOOPT,
			   "IPV6_ADDRFORM");
}

void unknown_options()
{
	Socket socket = fresh();

	for (int level : {SOL_IPV6, SOL_IP, int{IPPROTO_ICMPV6}, SOL_RAW, int{IPPROTO_UDP}, 999}) {
		const std::string what = "level " + std::to_string(level);

		ktap::expect_equal(try_to_set(socket, level, unknown, 1), ENOPROTOOPT, what);
		ktap::expect_equal(try_to_get(socket, level, unknown), ENOPROTOOPT, what);
	}
	ktap::expect_equal(try_to_get(socket, SOL_IPV6, IPV6_2292PKTOPTIONS), ENOPROTOOPT,
			   "IPV6_2292PKTOPTIONS");
	// IPv4's may be set, and say nothing.
	ktap::expect_equal(try_to_set(socket, SOL_IP, IP_TTL, 5), 0, "IP_TTL");
	ktap::expect_equal(sock::get(socket, SOL_IP, IP_TTL), 5, "IP_TTL");
	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_UNICAST_HOPS), 64, "IPV6_UNICAST_HOPS");
}

/// Extension headers may be asked for, by those who may, and are left out.
void extension_headers()
{
	const std::array<std::uint8_t, 8> header{};
	Socket socket = fresh();

	for (int option : {IPV6_HOPOPTS, IPV6_DSTOPTS, IPV6_RTHDRDSTOPTS})
		ktap::expect_equal(try_to_set(socket, SOL_IPV6, option, header), 0, "set");
	net().receive_all<packet6::Ipv6>(wire::milliseconds(0));
	const auto request = pinger::sent_on<V6>(net(), socket, peer);
	ktap::expect_equal(request.extensions.size(), 0U, "headers of a request");
}

void groups()
{
	Socket socket = fresh();
	const int device = static_cast<int>(if_nametoindex("wire0"));
	const auto group = [](const char *address, int index) {
		return ipv6_mreq{.ipv6mr_multiaddr = sock6::to_kernel({ipv6(address)}).sin6_addr,
				 .ipv6mr_interface = static_cast<unsigned>(index)};
	};
	const auto join = [&](const char *address, int index) {
		return try_to_set(socket, SOL_IPV6, IPV6_ADD_MEMBERSHIP, group(address, index));
	};
	const auto leave = [&](const char *address, int index) {
		return try_to_set(socket, SOL_IPV6, IPV6_DROP_MEMBERSHIP, group(address, index));
	};
	const auto joined = [] {
		return host::try_run("ip -6 maddress show dev wire0 | grep -q ff05::77");
	};

	ktap::expect_equal(join("ff05::77", device), 0, "join");
	ktap::expect(joined(), "joined");
	ktap::expect_equal(join("ff05::77", device), EADDRINUSE, "join again");
	ktap::expect_equal(join("fd00::77", device), EINVAL, "join what is no group");
	ktap::expect_equal(join("ff05::78", 9999), ENODEV, "join on no device");
	ktap::expect_equal(leave("ff05::78", device), EADDRNOTAVAIL, "leave another");
	ktap::expect_equal(leave("ff05::77", device), 0, "leave");
	ktap::expect(!joined(), "left");
	ktap::expect_equal(leave("ff05::77", device), EADDRNOTAVAIL, "leave again");
	// A socket that is closed leaves, too.
	ktap::expect_equal(join("ff05::77", device), 0, "join");
	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_MULTICAST_ALL), 1,
			   "IPV6_MULTICAST_ALL at first");
	ktap::expect_equal(try_to_set(socket, SOL_IPV6, IPV6_MULTICAST_ALL, 0), 0,
			   "IPV6_MULTICAST_ALL");
	socket = Socket();
	ktap::expect(!joined(), "left by closing");
}

void ioctls()
{
	Socket socket = fresh();
	int value = 0;

	for (unsigned long request : {SIOCOUTQ, SIOCINQ})
		ktap::expect_equal(ioctl(socket.get(), request, &value) ? errno : 0, ENOTTY,
				   "queue");
	ktap::expect_equal(ioctl(socket.get(), SIOCATMARK, &value) ? errno : 0, ENOTTY,
			   "SIOCATMARK");
	ifreq request{};
	std::string("wire0").copy(request.ifr_name, IFNAMSIZ - 1);
	ktap::expect_equal(ioctl(socket.get(), SIOCGIFINDEX, &request), 0, "SIOCGIFINDEX");
	ktap::expect_equal(request.ifr_ifindex, if_nametoindex("wire0"), "index");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"opening", opening},
			  {"calls_that_are_not_for_datagrams", calls_that_are_not_for_datagrams},
			  {"options_of_raw_sockets", options_of_raw_sockets},
			  {"other_families", other_families},
			  {"unknown_options", unknown_options},
			  {"extension_headers", extension_headers},
			  {"groups", groups},
			  {"ioctls", ioctls}});
}
