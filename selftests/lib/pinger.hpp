/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Ping sockets of either family: templates, whose parameter is V4 or V6. What takes an Endpoint is found by its type: bind(),
 * connect() and send() of socket.hpp or of socket6.hpp.
 */
#pragma once

#include "control.hpp"
#include "errors.hpp"
#include "errors6.hpp"
#include "family.hpp"
#include "host.hpp"
#include "ping.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pinger {

using packet::Bytes;
using packet::View;
using sock::Socket;

struct V4 : family::V4 {
	using Endpoint = sock::Endpoint;
	using Name = sockaddr_in;
	using Received = control::ReceivedIn<Endpoint>;
	using Error = sock::Error;

	static constexpr int domain = AF_INET, protocol = IPPROTO_ICMP;
	/// Of control messages and options, and what asks for errors.
	static constexpr int level = SOL_IP, recverr = IP_RECVERR, origin = SO_EE_ORIGIN_ICMP;
	static constexpr int transparent = IP_TRANSPARENT, mtu_discover = IP_MTU_DISCOVER;

	static constexpr Address any = 0, loopback = INADDR_LOOPBACK;
	static constexpr Address remote(std::uint8_t number) { return errors::remote(number); }
	static constexpr std::uint8_t port_unreachable = errors::Code::port_unreachable;
	static std::string text(const Address &address) { return errors::text(address); }

	/// The built-in family's list of sockets, and icmpx's.
	static constexpr const char *list = "/proc/net/icmp", *own_list = "/proc/net/icmpx";

	static Socket open() { return sock::ping(); }
	static Socket open(int type, int of_protocol = 0) { return sock::open(type, of_protocol); }
	static Endpoint local(const Socket &socket) { return sock::local(socket); }
	static Name to_kernel(const Endpoint &endpoint) { return sock::to_kernel(endpoint); }
	static Endpoint from_kernel(const Name &name) { return sock::from_kernel(name); }
	static Received receive(const Socket &socket, int flags = MSG_DONTWAIT,
				std::size_t room = 65536, std::size_t control_room = 1024)
	{
		return control::receive(socket, flags, room, control_room);
	}
	static std::optional<Error> next_error(const Socket &socket)
	{
		return sock::next_error(socket);
	}
	/// Packets of ours, for a router to quote.
	static Datagram sent(std::uint8_t of_protocol, const Address &from, const Address &to,
			     Bytes payload)
	{
		return errors::sent(of_protocol, from, to, std::move(payload));
	}
	static Datagram sent_udp(const Endpoint &from, const Endpoint &to, View data = {})
	{
		return errors::sent_udp(from, to, data);
	}
	static Datagram too_big(std::uint16_t mtu, View quoted)
	{
		return errors::too_big(mtu, quoted);
	}
	/// What the kernel counted since then.
	static counters::Values moved(const Change &change) { return change.icmp(); }
	static Datagram report(std::uint8_t type, std::uint8_t code, std::uint32_t rest,
			       View quoted, Address to = server)
	{
		Datagram ip = errors::report(type, code, rest, quoted);

		ip.destination = to;
		return ip;
	}
};

struct V6 : family::V6 {
	using Endpoint = sock6::Endpoint;
	using Name = sockaddr_in6;
	using Received = control::ReceivedIn<Endpoint>;
	using Error = sock6::Error;

	static constexpr int domain = AF_INET6, protocol = IPPROTO_ICMPV6;
	static constexpr int level = SOL_IPV6, recverr = IPV6_RECVERR, origin = SO_EE_ORIGIN_ICMP6;
	static constexpr int transparent = IPV6_TRANSPARENT, mtu_discover = IPV6_MTU_DISCOVER;

	static constexpr Address any{};
	static constexpr Address loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	static constexpr Address remote(std::uint8_t number) { return errors6::remote(number); }
	static constexpr std::uint8_t port_unreachable = errors6::Code::port_unreachable;
	static std::string text(const Address &address) { return packet6::text(address); }

	static constexpr const char *list = "/proc/net/icmp6", *own_list = "/proc/net/icmpx6";

	static Socket open() { return sock6::ping(); }
	static Socket open(int type, int of_protocol = 0) { return sock6::open(type, of_protocol); }
	static Endpoint local(const Socket &socket) { return sock6::local(socket); }
	static Name to_kernel(const Endpoint &endpoint) { return sock6::to_kernel(endpoint); }
	static Endpoint from_kernel(const Name &name) { return sock6::from_kernel(name); }
	static Received receive(const Socket &socket, int flags = MSG_DONTWAIT,
				std::size_t room = 65536, std::size_t control_room = 1024)
	{
		return control::receive_in<Endpoint, Name>(socket, flags, room, control_room,
							   sock6::from_kernel);
	}
	static std::optional<Error> next_error(const Socket &socket)
	{
		return sock6::next_error(socket);
	}
	/// Packets of ours, for a router to quote.
	static Datagram sent(std::uint8_t of_protocol, const Address &from, const Address &to,
			     Bytes payload)
	{
		return errors6::sent(of_protocol, from, to, std::move(payload));
	}
	static Datagram sent_udp(const Endpoint &from, const Endpoint &to, View data = {})
	{
		return errors6::sent_udp(from, to, data);
	}
	static Datagram too_big(std::uint16_t mtu, View quoted)
	{
		return errors6::too_big(mtu, quoted);
	}
	/// What the kernel counted since then.
	static counters::Values moved(const Change &change) { return change.snmp(); }
	static Datagram report(std::uint8_t type, std::uint8_t code, std::uint32_t rest,
			       View quoted, const Address &to = server)
	{
		return between({.type = type,
				.code = code,
				.rest = rest,
				.data = {quoted.begin(), quoted.end()}},
			       errors6::router, to);
	}
};

/// What F::new_server() makes, where everybody may have ping sockets.
template <typename F> wire::Wire new_network(unsigned mtu = 1500)
{
	wire::Wire made = F::new_server({}, mtu);

	ping::allow();
	return made;
}

/// What opening one comes to: 0 or the errno.
template <typename F> int try_to_open()
{
	Socket socket(::socket(F::domain, SOCK_DGRAM | SOCK_CLOEXEC, F::protocol));

	return socket.get() < 0 ? errno : 0;
}

/// One that has an identifier, which is @p id unless that is 0.
template <typename F> Socket bound(std::uint16_t id = 0)
{
	Socket socket = F::open();

	bind(socket, typename F::Endpoint{F::any, id});
	return socket;
}

template <typename F> std::uint16_t identifier(const Socket &socket)
{
	return F::local(socket).port;
}

/// What getpeername() says; nothing when it says ENOTCONN.
template <typename F> std::optional<typename F::Endpoint> peer_of(const Socket &socket)
{
	typename F::Name name{};
	socklen_t size = sizeof(name);

	if (getpeername(socket.get(), reinterpret_cast<sockaddr *>(&name), &size)) {
		ktap::expect_equal(errno, ENOTCONN, "getpeername");
		return std::nullopt;
	}
	return F::from_kernel(name);
}

/// Returns 0 or the errno.
template <typename F> int try_to_bind(const Socket &socket, const typename F::Endpoint &local)
{
	const typename F::Name name = F::to_kernel(local);

	return ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&name), sizeof(name)) ? errno
											     : 0;
}

/// What a program sends: identifier and checksum are the kernel's to fill in.
template <typename F>
Bytes request(std::uint16_t sequence, View data = {}, std::uint8_t type = F::Type::echo)
{
	return ping::request(sequence, data, type);
}

/// The reply to the request @p sequence of the socket with the identifier @p id.
template <typename F>
typename F::Datagram reply(std::uint16_t id, std::uint16_t sequence = 1, View data = {},
			   const typename F::Address &from = F::client,
			   const typename F::Address &to = F::server)
{
	packet::Icmp message = F::echo(id, sequence, Bytes(data.begin(), data.end()));

	message.type = F::Type::echo_reply;
	return F::between(message, from, to);
}

/// A request with the identifier @p id that was sent to @p to, for a router to quote.
template <typename F>
Bytes sent(std::uint16_t id, const typename F::Address &to,
	   const typename F::Address &from = F::server)
{
	return F::between(F::echo(id, 1, packet::pattern(20)), from, to).build();
}

/// A socket, and what a router quotes of a request that it sent to a peer.
template <typename F> struct Client {
	Client(const wire::Wire & /*in whose namespace it is*/, const typename F::Address &to,
	       bool connected, bool wants_errors)
		: target(to), socket(bound<F>()), id(identifier<F>(socket))
	{
		if (connected)
			ktap::require_equal(connect(socket, typename F::Endpoint{target, 0}), 0,
					    "connect");
		sock::set(socket, F::level, F::recverr, wants_errors);
	}

	typename F::Datagram sent(std::uint8_t type = F::Type::echo, std::uint8_t code = 0,
				  View data = packet::pattern(20)) const
	{
		packet::Icmp message = F::echo(id, 3, Bytes(data.begin(), data.end()));

		message.type = type;
		message.code = code;
		return F::between(message, F::server, target);
	}

	typename F::Address target;
	Socket socket;
	std::uint16_t id;
};

/// Sends, with control messages; returns 0 or the errno.
template <typename F>
int send(const Socket &socket, View data, const typename F::Endpoint &to,
	 const std::vector<control::Message> &messages, int flags = 0)
{
	typename F::Name name = F::to_kernel(to);

	return control::send_named(socket, data, &name, sizeof(name), control::build(messages),
				   flags);
}

/// Sends a request and returns the datagram that it was on @p wire.
template <typename F>
typename F::Datagram sent_on(const wire::Wire &wire, const Socket &socket,
			     const typename F::Endpoint &to,
			     const std::vector<control::Message> &messages = {},
			     const wire::Where &where = wire::Where::current())
{
	ktap::require_equal(send<F>(socket, request<F>(1), to, messages), 0, "sendmsg", where);
	return ktap::require_value(family::next_answer<F>(wire, wire::patience, where), "request",
				   where)
		.ip;
}

/// Whether a filter finds @p expression true of the next request, which is not sent then. IPv4 says so at once, IPv6 does not.
template <typename F>
bool matches(const std::string &expression, const Socket &socket, const typename F::Endpoint &to,
	     const std::vector<control::Message> &messages = {})
{
	host::run("nft 'add table " + F::table + " probe; add chain " + F::table +
		  " probe out { type filter hook output priority 0; }; add rule " + F::table +
		  " probe out " + expression + " counter drop'");
	const int error = send<F>(socket, request<F>(1), to, messages);
	const std::string chain = host::output_of("nft list chain " + F::table + " probe out");
	const bool matched = chain.find("packets 1 ") != std::string::npos;
	host::run("nft delete table " + F::table + " probe");
	ktap::expect_equal(error, matched && !F::is_ipv6 ? EPERM : 0, "sendmsg with a filter");
	return matched;
}

/// Expects that @p message came out of @p wire as the request of @p socket to @p to, in fragments of at most @p size bytes; of
/// IPv4 with DF if @p df is set.
template <typename F>
void expect_on_wire(const wire::Wire &wire, const Socket &socket, View message,
		    const typename F::Address &to, bool df, std::size_t size,
		    const std::string &what, const wire::Where &where = wire::Where::current())
{
	using Datagram = typename F::Datagram;
	packet::Icmp request = F::echo(identifier<F>(socket), packet::get16(message, 6),
				       Bytes(message.begin() + 8, message.end()));
	request.type = message[0];
	Datagram expected = F::between(request, F::server, to);
	std::vector<Datagram> parts, expected_parts;
	parts.push_back(ktap::require_value(wire.receive<Datagram>(), what, where));
	for (Datagram &part : wire.receive_all<Datagram>())
		parts.push_back(std::move(part));

	if constexpr (F::is_ipv6) {
		const auto &header = parts.front().fragment;

		expected.flow_label = parts.front().flow_label;
		expected_parts = packet6::fragment(expected, size, header ? header->id : 0);
	} else {
		expected.df = df;
		expected.id = parts.front().id;
		expected_parts = packet::fragment(expected, size);
	}
	ktap::require_equal(parts.size(), expected_parts.size(), what + ", fragments", where);
	for (std::size_t i = 0; i < parts.size(); i++) {
		const std::string which = what + ", fragment " + std::to_string(i);

		if constexpr (!F::is_ipv6)
			ktap::expect(parts[i].checksum_right, which + ", header checksum", where);
		ktap::expect_equal(parts[i].build(), expected_parts[i].build(), which, where);
	}
}

/// Whether new ping sockets of the family are those of icmpx.
template <typename F> bool is_icmpx() { return access(F::own_list, F_OK) == 0; }

/// Where they are listed.
template <typename F> std::string list_path() { return is_icmpx<F>() ? F::own_list : F::list; }

/// The line about @p socket.
template <typename F> std::optional<ping::Listed> listed(const Socket &socket)
{
	return ping::listed(socket, list_path<F>());
}

} // namespace pinger
