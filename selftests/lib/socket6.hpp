/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Sockets of IPv6, as socket.hpp has those of IPv4. What does not depend on the family is there.
 */
#pragma once

#include "packet6.hpp"
#include "socket.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <net/if.h>

namespace sock6 {

using packet6::Address;
using packet6::Bytes;
using packet6::View;
using sock::get;
using sock::receive;
using sock::set;
using sock::Socket;
using sock::take_error;
using sock::wait_for;

inline Socket open(int type, int protocol = 0)
{
	return Socket(host::check(::socket(AF_INET6, type | SOCK_CLOEXEC, protocol), "socket"));
}

inline Socket udp() { return open(SOCK_DGRAM); }
inline Socket tcp() { return open(SOCK_STREAM | SOCK_NONBLOCK); }
inline Socket raw(int protocol) { return open(SOCK_RAW, protocol); }
inline Socket ping() { return open(SOCK_DGRAM, IPPROTO_ICMPV6); }

struct Endpoint {
	Address address{};
	std::uint16_t port = 0;
	/// The interface of a link-local address.
	std::uint32_t scope = 0;

	bool operator==(const Endpoint &) const = default;
};

inline sockaddr_in6 to_kernel(const Endpoint &endpoint)
{
	sockaddr_in6 name{};

	name.sin6_family = AF_INET6;
	name.sin6_port = htons(endpoint.port);
	name.sin6_scope_id = endpoint.scope;
	std::ranges::copy(endpoint.address, name.sin6_addr.s6_addr);
	return name;
}

inline Endpoint from_kernel(const sockaddr_in6 &name)
{
	Endpoint endpoint{.port = ntohs(name.sin6_port), .scope = name.sin6_scope_id};

	std::ranges::copy(name.sin6_addr.s6_addr, endpoint.address.begin());
	return endpoint;
}

inline void bind(const Socket &socket, const Endpoint &local)
{
	sockaddr_in6 name = to_kernel(local);

	host::check(::bind(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name)),
		    "bind");
}

/// Returns 0 or the errno; EINPROGRESS for a TCP socket, since those do not block.
inline int connect(const Socket &socket, const Endpoint &remote)
{
	sockaddr_in6 name = to_kernel(remote);

	return ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name))
		       ? errno
		       : 0;
}

inline Endpoint local(const Socket &socket)
{
	sockaddr_in6 name{};
	socklen_t size = sizeof(name);

	host::check(::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&name), &size),
		    "getsockname");
	return from_kernel(name);
}

/// Sends; returns 0 or the errno.
inline int send(const Socket &socket, View data, const std::optional<Endpoint> &to = std::nullopt)
{
	sockaddr_in6 name = to_kernel(to.value_or(Endpoint{}));
	const sockaddr *address = to ? reinterpret_cast<const sockaddr *>(&name) : nullptr;

	return ::sendto(socket.get(), data.data(), data.size(), MSG_NOSIGNAL, address,
			to ? sizeof(name) : 0) < 0
		       ? errno
		       : 0;
}

/// IPV6_JOIN_ANYCAST of linux/in6.h, which the C library does not have.
inline constexpr int join_anycast = 27;

/// A socket whose open descriptor keeps this host in a group (IPV6_JOIN_GROUP), or has it have an anycast address.
inline Socket join(int option, const Address &address, const std::string &device)
{
	Socket socket = udp();
	ipv6_mreq request{};

	std::ranges::copy(address, request.ipv6mr_multiaddr.s6_addr);
	request.ipv6mr_interface = if_nametoindex(device.c_str());
	host::check(setsockopt(socket.get(), IPPROTO_IPV6, option, &request, sizeof(request)),
		    "join " + packet6::text(address));
	return socket;
}

using Error = sock::ErrorIn<Endpoint>;

/// The oldest entry of the error queue, which this takes away; at most @p room bytes of its payload.
inline std::optional<Error> next_error(const Socket &socket, std::size_t room = 65536)
{
	return sock::next_error_in<Endpoint, sockaddr_in6>(socket, room, SOL_IPV6, IPV6_RECVERR,
							   from_kernel);
}

/// Throws away what the error queue holds and the pending error.
inline void forget_errors(const Socket &socket)
{
	while (next_error(socket, 0))
		;
	take_error(socket);
}

} // namespace sock6
