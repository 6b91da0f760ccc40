/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Socket diagnostics (sock_diag(7)) of ping sockets, as icmpx_diag.ko tells of them.
 */
#pragma once

#include "family.hpp"
#include "module.hpp"
#include "netlink.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

namespace diag {

using netlink::Bytes;
using sock::Socket;

/// Where icmpx_diag.ko is: beside icmpx.ko. The test is skipped where nobody says where that is.
inline std::string file()
{
	const char *icmpx =
		std::getenv("ICMPX_KO"); // NOLINT(concurrency-mt-unsafe): before any thread

	if (!icmpx)
		ktap::skip("needs the icmpx module in ICMPX_KO");
	return std::filesystem::path(icmpx).parent_path() / "icmpx_diag.ko";
}

/// icmpx_diag.ko, loaded as long as this is there.
class Loaded {
public:
	Loaded()
	{
		host::need_icmpx();
		host::need_module("inet_diag");
		ktap::require_equal(module::load(file()), 0, "loading icmpx_diag");
	}
	Loaded(const Loaded &) = delete;
	Loaded &operator=(const Loaded &) = delete;
	~Loaded() { module::unload_when_idle("icmpx_diag"); }
};

/// What the kernel says of a socket.
struct Entry {
	inet_diag_msg message{};
	Bytes payload;

	std::optional<Bytes> attribute(std::uint16_t type) const
	{
		return netlink::attribute(payload, sizeof(message), type);
	}
	/// An attribute that is a T, or begins with one.
	template <typename T> std::optional<T> value(std::uint16_t type) const
	{
		const std::optional<Bytes> bytes = attribute(type);
		T result{};

		if (!bytes || bytes->size() < sizeof(result))
			return std::nullopt;
		std::memcpy(&result, bytes->data(), sizeof(result));
		return result;
	}
	std::uint64_t cookie() const
	{
		return message.id.idiag_cookie[0] |
		       static_cast<std::uint64_t>(message.id.idiag_cookie[1]) << 32;
	}
};

inline Entry entry(const Bytes &payload)
{
	Entry made{.payload = payload};

	ktap::require(payload.size() >= sizeof(made.message), "a whole message");
	std::memcpy(&made.message, payload.data(), sizeof(made.message));
	return made;
}

/// The bit that asks for an attribute.
constexpr std::uint8_t with(int attribute)
{
	return static_cast<std::uint8_t>(1U << (attribute - 1));
}

/// A request for all sockets of a family, or for one, if its id is filled in.
template <typename F> inet_diag_req_v2 request()
{
	inet_diag_req_v2 made{};

	made.sdiag_family = F::is_ipv6 ? AF_INET6 : AF_INET;
	made.sdiag_protocol = F::is_ipv6 ? +IPPROTO_ICMPV6 : +IPPROTO_ICMP;
	made.idiag_states = ~0U;
	return made;
}

/// A request for one socket, by what a dump said of it.
template <typename F> inet_diag_req_v2 request_for(const Entry &entry)
{
	inet_diag_req_v2 made = request<F>();

	made.id = entry.message.id;
	return made;
}

/// A test of the byte code, with the bytes that it compares to, if any: the socket passes if it holds.
inline Bytes code(std::uint8_t operation, const Bytes &operand = {})
{
	const std::size_t size = sizeof(inet_diag_bc_op) + operand.size();
	const inet_diag_bc_op op{operation, static_cast<unsigned char>(size),
				 static_cast<std::uint16_t>(size + sizeof(inet_diag_bc_op))};
	Bytes made(sizeof(op));

	std::memcpy(made.data(), &op, sizeof(op));
	made.insert(made.end(), operand.begin(), operand.end());
	return made;
}

template <typename Operand> Bytes code(std::uint8_t operation, const Operand &operand)
{
	Bytes bytes(sizeof(operand));

	std::memcpy(bytes.data(), &operand, sizeof(operand));
	return code(operation, bytes);
}

inline netlink::Message message(std::uint16_t type, const inet_diag_req_v2 &request,
				const Bytes &code = {})
{
	netlink::Message made(type, 0, request);

	if (!code.empty())
		made.nest(INET_DIAG_REQ_BYTECODE, [&] {
			for (std::size_t at = 0; at < code.size(); at += 4) {
				std::uint32_t word = 0;

				std::memcpy(&word, &code[at], sizeof(word));
				made.append(word);
			}
		});
	return made;
}

/// Asks in the namespace that it was made in.
class Client {
public:
	/// Hands each entry of a dump to @p use as soon as it is read; returns 0 or the errno.
	int each(const inet_diag_req_v2 &request, const std::function<void(const Entry &)> &use,
		 const Bytes &code = {})
	{
		return socket_.dump(message(SOCK_DIAG_BY_FAMILY, request, code),
				    [&](const Bytes &part) { use(entry(part)); });
	}

	std::vector<Entry> list(const inet_diag_req_v2 &request, const Bytes &code = {})
	{
		std::vector<Entry> all;

		ktap::require_equal(
			each(
				request, [&](const Entry &one) { all.push_back(one); }, code),
			0, "a dump");
		return all;
	}

	/// Whether the kernel said of the last dump that it may not have told all.
	bool interrupted() const { return socket_.interrupted(); }

	/// The entry of the socket that @p request names, and 0 or the errno.
	std::pair<int, std::optional<Entry>> one(const inet_diag_req_v2 &request)
	{
		const int error = socket_.request(message(SOCK_DIAG_BY_FAMILY, request));

		if (error)
			return {error, std::nullopt};
		auto payload = socket_.next(std::chrono::seconds(0));
		return {0, entry(ktap::require_value(payload, "a socket"))};
	}

	/// SOCK_DESTROY; returns 0 or the errno.
	int destroy(const inet_diag_req_v2 &request)
	{
		return socket_.request(message(SOCK_DESTROY, request));
	}

private:
	netlink::Socket socket_{NETLINK_SOCK_DIAG};
};

/// What Linux calls a socket for good, also in its diagnostics.
inline std::uint64_t cookie(const Socket &socket)
{
	std::uint64_t value = 0;
	socklen_t size = sizeof(value);

	host::check(getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &value, &size), "SO_COOKIE");
	return value;
}

/// The only entry of @p socket in @p list; nothing when there is none.
inline std::optional<Entry> find(const std::vector<Entry> &list, const Socket &socket,
				 const netlink::Where &where = netlink::Where::current())
{
	const std::uint64_t wanted = cookie(socket);
	std::optional<Entry> found;

	for (const Entry &one : list) {
		if (one.cookie() != wanted)
			continue;
		ktap::expect(!found, "a socket is listed once", where);
		found = one;
	}
	return found;
}

template <typename F> using End = std::conditional_t<F::is_ipv6, sock6::Endpoint, sock::Endpoint>;

/// A ping socket of the family.
template <typename F> Socket open()
{
	if constexpr (F::is_ipv6)
		return sock6::ping();
	else
		return sock::ping();
}

/// One that has an identifier, @p id or any, and an address, @p address or all.
template <typename F> Socket bound(std::uint16_t id = 0, const typename F::Address &address = {})
{
	Socket socket = open<F>();

	bind(socket, End<F>{.address = address, .port = id});
	return socket;
}

template <typename F> std::uint16_t identifier(const Socket &socket)
{
	if constexpr (F::is_ipv6)
		return sock6::local(socket).port;
	else
		return sock::local(socket).port;
}

} // namespace diag
