/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Ping sockets (icmp(7)): who may have one, what they send and get.
 */
#pragma once

#include "control.hpp"
#include "errors.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "socket.hpp"
#include "wire.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ping {

using packet::Address;
using packet::Bytes;
using packet::Type;
using packet::View;
using sock::Endpoint;
using sock::Socket;

inline constexpr const char *group_range = "net/ipv4/ping_group_range";
inline constexpr const char *every_group = "0 2147483647";

/// Allows ping sockets to everybody in this network namespace.
inline void allow() { host::set_sysctl(group_range, every_group); }

/// What wire::new_server() makes, where everybody may have ping sockets.
inline wire::Wire new_network(unsigned mtu = 1500)
{
	wire::Wire made = wire::new_server({}, mtu);

	allow();
	return made;
}

/// What opening one comes to: 0 or the errno.
inline int try_to_open()
{
	Socket socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP));

	return socket.get() < 0 ? errno : 0;
}

/// What a program sends: identifier and checksum are the kernel's to fill in.
inline Bytes request(std::uint16_t sequence, View data = {}, std::uint8_t type = Type::echo)
{
	Bytes message{type, 0, 0, 0, 0, 0};

	packet::put16(message, sequence);
	message.insert(message.end(), data.begin(), data.end());
	return message;
}

/// The reply to the request @p sequence of the socket with the identifier @p id.
inline packet::Ipv4 reply(std::uint16_t id, std::uint16_t sequence = 1, View data = {},
			  Address from = errors::router)
{
	packet::Icmp message = packet::echo_request(id, sequence, Bytes(data.begin(), data.end()));

	message.type = Type::echo_reply;
	packet::Ipv4 ip = packet::datagram(message);
	ip.source = from;
	return ip;
}

/// Sends a request and returns the datagram that it was on @p wire.
inline packet::Ipv4 sent(const wire::Wire &wire, const Socket &socket, const Endpoint &to,
			 const std::vector<control::Message> &messages = {}, int flags = 0,
			 const wire::Where &where = wire::Where::current())
{
	ktap::require_equal(control::send(socket, request(1), to, messages, flags), 0, "sendmsg",
			    where);
	return ktap::require_value(wire::next_answer(wire, wire::patience, where), "request", where)
		.ip;
}

inline std::uint16_t identifier(const Socket &socket) { return sock::local(socket).port; }

/// Returns 0 or the errno.
inline int try_to_bind(const Socket &socket, const Endpoint &local)
{
	sockaddr_in name = sock::to_kernel(local);

	return ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name)) ? errno
											     : 0;
}

/// SO_BINDTODEVICE, "" for none; returns 0 or the errno.
inline int try_to_bind_to_device(const Socket &socket, const std::string &device)
{
	return setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
			  static_cast<socklen_t>(device.size()))
		       ? errno
		       : 0;
}

/// A socket as /proc/net/icmp lists it.
struct Listed {
	std::string sl, local, remote, state, queues, timer, retransmits;
	unsigned uid = 0, timeout = 0;
	unsigned long inode = 0;
	unsigned references = 0;
	std::string pointer;
	unsigned drops = 0;
};

/// Whether new ping sockets are those of icmpx.
inline bool is_icmpx() { return access("/proc/net/icmpx", F_OK) == 0; }

/// Where they are listed.
inline std::string list_path() { return is_icmpx() ? "/proc/net/icmpx" : "/proc/net/icmp"; }

/// All that @p path lists in this network namespace.
inline std::vector<Listed> listed(const std::string &path = list_path())
{
	std::istringstream lines(ktap::require_value(host::read_file(path), "list of sockets"));
	std::vector<Listed> all;
	std::string line;

	std::getline(lines, line);
	while (std::getline(lines, line)) {
		std::istringstream words(line);
		Listed one;

		words >> one.sl >> one.local >> one.remote >> one.state >> one.queues >>
			one.timer >> one.retransmits >> one.uid >> one.timeout >> one.inode >>
			one.references >> one.pointer >> one.drops;
		ktap::require(!words.fail(), "thirteen columns: " + line);
		all.push_back(std::move(one));
	}
	return all;
}

/// The line about @p socket.
inline std::optional<Listed> listed(const Socket &socket, const std::string &path = list_path())
{
	struct stat file {};

	host::check(fstat(socket.get(), &file), "fstat");
	for (Listed &one : listed(path)) {
		if (one.inode == file.st_ino)
			return std::move(one);
	}
	return std::nullopt;
}

} // namespace ping
