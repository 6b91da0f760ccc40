// SPDX-License-Identifier: GPL-2.0-only
//
// The part of World6 that looks, and the sockets that it looks at.

#include "lib/ktap.hpp"
#include "routes.hpp"
#include "sockets6.hpp"
#include "world6.hpp"

#include <algorithm>
#include <cerrno>

#include <linux/icmpv6.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

namespace diff {

namespace {

constexpr std::size_t largest = 70000;
/// Of an error queue's payload, which is as long as the packet that brought it.
constexpr std::size_t payload_room = 4096;

/// Linux 7 has no UDP-Lite any more.
bool is_known(const SocketKind6 &kind)
{
	return kind.protocol != IPPROTO_UDPLITE || !host::linux_since(7, 0);
}

sock::Socket open_one(const SocketKind6 &kind)
{
	constexpr int pmtu_dont = 0, pmtu_do = 2, icmp6_filter = 1;
	sock::Socket socket(host::check(
		::socket(AF_INET6, kind.type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind.protocol),
		kind.name));

	if (kind.has(K6::header_included))
		sock::set(socket, SOL_IPV6, IPV6_HDRINCL, 1);
	if (kind.has(K6::filter)) {
		::icmp6_filter filter{};
		filter.data[packet6::echo >> 5] |= 1U << (packet6::echo & 31);
		host::check(
			setsockopt(socket.get(), SOL_ICMPV6, icmp6_filter, &filter, sizeof(filter)),
			"ICMPV6_FILTER");
	}
	if (kind.has(K6::narrow))
		sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	if (kind.has(K6::device))
		host::check(setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, wire_name.data(),
				       wire_name.size()),
			    "SO_BINDTODEVICE");
	if (kind.has(K6::pmtu_dont))
		sock::set(socket, SOL_IPV6, IPV6_MTU_DISCOVER, pmtu_dont);
	if (kind.has(K6::pmtu_do))
		sock::set(socket, SOL_IPV6, IPV6_MTU_DISCOVER, pmtu_do);
	if (kind.has(K6::recverr))
		sock::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	if (kind.has(K6::rfc4884))
		sock::set(socket, SOL_IPV6, IPV6_RECVERR_RFC4884, 1);
	return socket;
}

/// TCP_REPAIR makes it without a handshake.
void establish(const sock::Socket &socket, const SocketKind6 &kind)
{
	sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	for (int queue : {TCP_SEND_QUEUE, TCP_RECV_QUEUE}) {
		sock::set(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
		sock::set(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, first_sequence);
	}
	ktap::require_equal(sock6::connect(socket, kind.peer), 0, kind.name);
	sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
	ktap::require_equal(sock6::send(socket, packet::pattern(100)), 0, kind.name);
}

void start(const sock::Socket &socket, const SocketKind6 &kind)
{
	if (kind.has(K6::listens))
		host::check(listen(socket.get(), 16), "listen");
	else if (kind.has(K6::established))
		establish(socket, kind);
	else if (kind.peer != sock6::Endpoint{})
		ktap::require_equal(sock6::connect(socket, kind.peer),
				    is_tcp(kind) ? EINPROGRESS : 0, kind.name);
}

void add_address(std::vector<std::int64_t> &numbers, const six::Address &address)
{
	for (std::size_t at = 0; at < address.size(); at += 4)
		numbers.push_back(packet::get32(address, at));
}

} // namespace

void World6::open_sockets()
{
	for (std::size_t i = 0; i < socket_kinds6.size(); i++) {
		const SocketKind6 &kind = socket_kinds6.at(i);
		sock::Socket socket;

		if (sequence().sockets >> i & 1 && is_known(kind)) {
			socket = open_one(kind);
			// Routes of a VRF are those of a socket that is bound to it.
			if (sequence().vrf && !kind.has(K6::device))
				host::check(setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE,
						       "vrf0", 4),
					    "SO_BINDTODEVICE");
			if (kind.port)
				sock6::bind(socket, {six::host_address, kind.port});
			start(socket, kind);
		}
		add_socket(std::move(socket));
	}
}

bool World6::is_stream(std::size_t index) const { return is_tcp(socket_kinds6.at(index)); }

void World6::mask_patched(Event &event, const Patch &patch)
{
	std::span<std::uint8_t> bytes = event.bytes;
	const bool frame = event.kind == Event::Kind::frame;

	if (frame)
		bytes = bytes.subspan(std::min(bytes.size(), frame_headers));
	canonical_.patched(
		bytes, patch,
		event.kind == Event::Kind::data &&
			is_raw_icmp(socket_kinds6.at(static_cast<std::size_t>(event.socket))));
}

/// SO_ERROR before, between and after: the queue's entries become the pending error one by one.
void World6::observe_errors(std::size_t index, Events &events)
{
	for (;;) {
		observe_pending(index, events);
		auto error = sock6::next_error(socket(index), payload_room);
		if (!error)
			return;
		Event event{.kind = Event::Kind::error,
			    .socket = static_cast<int>(index),
			    .numbers = {error->number, error->origin, error->type, error->code,
					error->info, error->extensions_at,
					error->extensions_invalid, error->destination.port,
					error->truncated},
			    .bytes = std::move(error->payload)};
		add_address(event.numbers, error->offender);
		add_address(event.numbers, error->destination.address);
		events.push_back(std::move(event));
	}
}

void World6::observe_data(std::size_t index, Events &events)
{
	static Bytes buffer(largest);

	for (;;) {
		sockaddr_in6 name{};
		socklen_t name_size = sizeof(name);
		ssize_t size =
			::recvfrom(socket(index).get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
				   reinterpret_cast<sockaddr *>(&name), &name_size);
		if (size < 0 && errno == EAGAIN)
			return;
		Event event{.kind = Event::Kind::data, .socket = static_cast<int>(index)};
		if (size < 0) {
			event.kind = Event::Kind::pending;
			event.numbers = {errno};
			events.push_back(std::move(event));
			return;
		}
		const sock6::Endpoint from = sock6::from_kernel(name);
		// The numbers of devices are the same in each namespace.
		event.numbers = {from.port, from.scope, size};
		add_address(event.numbers, from.address);
		event.bytes.assign(buffer.begin(), buffer.begin() + size);
		if (is_raw_icmp(socket_kinds6.at(index)))
			Canonical6::received(event.bytes, wire().mac());
		events.push_back(std::move(event));
	}
}

Event World6::state_of(std::size_t index)
{
	const SocketKind6 &kind = socket_kinds6.at(index);
	const sock::Socket &socket = World::socket(index);
	Event event{.kind = Event::Kind::state, .socket = static_cast<int>(index)};

	event.numbers.push_back(sock::take_error(socket));
	if (kind.peer != sock6::Endpoint{}) {
		ip6_mtuinfo path{};
		int mtu = 0;
		socklen_t size = sizeof(mtu);

		event.numbers.push_back(
			getsockopt(socket.get(), SOL_IPV6, IPV6_MTU, &mtu, &size) ? -errno : mtu);
		size = sizeof(path);
		event.numbers.push_back(
			getsockopt(socket.get(), SOL_IPV6, IPV6_PATHMTU, &path, &size)
				? -errno
				: static_cast<std::int64_t>(path.ip6m_mtu));
	}
	if (is_tcp(kind)) {
		tcp_info info{};
		socklen_t size = sizeof(info);

		host::check(getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size),
			    "TCP_INFO");
		event.numbers.push_back(info.tcpi_state);
		event.numbers.push_back(info.tcpi_snd_mss);
	}
	return event;
}

Events World6::learned() { return learned_routes6(); }

} // namespace diff
