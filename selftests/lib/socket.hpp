/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Sockets as values, and what they say about errors: SO_ERROR, poll() and the error queue (ip(7), IP_RECVERR).
 *
 * A call that no test expects to fail ends the test when it does; one whose failure is the point returns the errno.
 */
#pragma once

#include "host.hpp"
#include "packet.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace sock {

using packet::Address;
using packet::Bytes;
using packet::View;

using Socket = host::Descriptor;

inline Socket open(int type, int protocol = 0)
{
	return Socket(host::check(::socket(AF_INET, type | SOCK_CLOEXEC, protocol), "socket"));
}

inline Socket udp() { return open(SOCK_DGRAM); }
inline Socket tcp() { return open(SOCK_STREAM | SOCK_NONBLOCK); }
inline Socket raw(int protocol) { return open(SOCK_RAW, protocol); }
inline Socket ping() { return open(SOCK_DGRAM, IPPROTO_ICMP); }

struct Endpoint {
	Address address = 0;
	std::uint16_t port = 0;

	bool operator==(const Endpoint &) const = default;
};

inline sockaddr_in to_kernel(const Endpoint &endpoint)
{
	sockaddr_in name{};

	name.sin_family = AF_INET;
	name.sin_port = htons(endpoint.port);
	name.sin_addr.s_addr = htonl(endpoint.address);
	return name;
}

inline Endpoint from_kernel(const sockaddr_in &name)
{
	return {ntohl(name.sin_addr.s_addr), ntohs(name.sin_port)};
}

inline void bind(const Socket &socket, const Endpoint &local)
{
	sockaddr_in name = to_kernel(local);

	host::check(::bind(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name)),
		    "bind");
}

/// Returns 0 or the errno; EINPROGRESS for a TCP socket, since those do not block.
inline int connect(const Socket &socket, const Endpoint &remote)
{
	sockaddr_in name = to_kernel(remote);

	return ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name))
		       ? errno
		       : 0;
}

inline Endpoint local(const Socket &socket)
{
	sockaddr_in name{};
	socklen_t size = sizeof(name);

	host::check(::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&name), &size),
		    "getsockname");
	return from_kernel(name);
}

inline void set(const Socket &socket, int level, int option, int value)
{
	host::check(::setsockopt(socket.get(), level, option, &value, sizeof(value)), "setsockopt");
}

inline int get(const Socket &socket, int level, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	host::check(::getsockopt(socket.get(), level, option, &value, &size), "getsockopt");
	return value;
}

/// The pending error, which this takes away.
inline int take_error(const Socket &socket) { return get(socket, SOL_SOCKET, SO_ERROR); }

/// Sends; returns 0 or the errno.
inline int send(const Socket &socket, View data, const std::optional<Endpoint> &to = std::nullopt)
{
	sockaddr_in name = to_kernel(to.value_or(Endpoint{}));
	const sockaddr *address = to ? reinterpret_cast<const sockaddr *>(&name) : nullptr;

	return ::sendto(socket.get(), data.data(), data.size(), MSG_NOSIGNAL, address,
			to ? sizeof(name) : 0) < 0
		       ? errno
		       : 0;
}

/// Waits for @p events; returns those that came, and POLLERR and POLLHUP.
inline short wait_for(const Socket &socket, short events, int milliseconds = 0)
{
	pollfd entry{socket.get(), events, 0};

	host::check(::poll(&entry, 1, milliseconds), "poll");
	return entry.revents;
}

/// The next datagram; nothing when none comes in time, or an error is pending instead.
inline std::optional<Bytes> receive(const Socket &socket, int milliseconds = 0)
{
	Bytes data(65536);

	if (!(wait_for(socket, POLLIN, milliseconds) & POLLIN))
		return std::nullopt;
	ssize_t size = ::recv(socket.get(), data.data(), data.size(), MSG_DONTWAIT);
	if (size < 0)
		return std::nullopt;
	data.resize(static_cast<std::size_t>(size));
	return data;
}

/// An entry of the error queue. @p End is where a datagram goes: its address, its port.
template <typename End> struct ErrorIn {
	int number = 0;
	int origin = 0;
	int type = 0;
	int code = 0;
	std::uint32_t info = 0;
	/// Where RFC 4884 extensions begin in the payload, 0 without any.
	int extensions_at = 0;
	bool extensions_invalid = false;
	/// Who sent the error.
	decltype(End::address) offender{};
	/// Where the datagram that caused it was to go.
	End destination;
	Bytes payload;
	bool truncated = false;
};
using Error = ErrorIn<Endpoint>;

/// What next_error() does, for one family: @p from_kernel makes an End of a @p Name, and control messages of @p level and
/// @p type hold what is told.
template <typename End, typename Name>
std::optional<ErrorIn<End>> next_error_in(const Socket &socket, std::size_t room, int level,
					  int type, End (*from_kernel)(const Name &))
{
	Bytes payload(room);
	Name name{};
	alignas(cmsghdr) std::array<char, 512> control{};
	iovec part{payload.data(), payload.size()};
	msghdr message{};

	message.msg_name = &name;
	message.msg_namelen = sizeof(name);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();
	ssize_t size = ::recvmsg(socket.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (size < 0)
		return std::nullopt;
	payload.resize(static_cast<std::size_t>(size));

	ErrorIn<End> error;
	error.payload = std::move(payload);
	error.destination = from_kernel(name);
	error.truncated = message.msg_flags & MSG_TRUNC;
	for (cmsghdr *part_of = CMSG_FIRSTHDR(&message); part_of;
	     part_of = CMSG_NXTHDR(&message, part_of)) {
		sock_extended_err extended{};
		Name offender{};

		if (part_of->cmsg_level != level || part_of->cmsg_type != type)
			continue;
		std::memcpy(&extended, CMSG_DATA(part_of), sizeof(extended));
		std::memcpy(&offender, CMSG_DATA(part_of) + sizeof(extended), sizeof(offender));
		error.number = static_cast<int>(extended.ee_errno);
		error.origin = extended.ee_origin;
		error.type = extended.ee_type;
		error.code = extended.ee_code;
		error.info = extended.ee_info;
		error.extensions_at = extended.ee_rfc4884.len;
		error.extensions_invalid = extended.ee_rfc4884.flags & SO_EE_RFC4884_FLAG_INVALID;
		error.offender = from_kernel(offender).address;
	}
	return error;
}

/// The oldest entry of the error queue, which this takes away; at most @p room bytes of its payload.
inline std::optional<Error> next_error(const Socket &socket, std::size_t room = 65536)
{
	return next_error_in<Endpoint, sockaddr_in>(socket, room, SOL_IP, IP_RECVERR, from_kernel);
}

/// Throws away what the error queue holds and the pending error.
inline void forget_errors(const Socket &socket)
{
	while (next_error(socket, 0))
		;
	take_error(socket);
}

} // namespace sock
