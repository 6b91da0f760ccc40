// SPDX-License-Identifier: GPL-2.0-only
//
// The part of World4 that looks: frames, error queues, data, states.

#include "lib/ktap.hpp"
#include "routes.hpp"
#include "sockets.hpp"
#include "world4.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <set>

#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/tcp.h>

namespace diff {

namespace {

constexpr std::size_t largest = 70000;
/// Of an error queue's payload, which is as long as the packet that brought it.
constexpr std::size_t payload_room = 4096;

/// Linux 7 has no UDP-Lite any more.
bool is_known(const SocketKind &kind)
{
	return kind.protocol != IPPROTO_UDPLITE || !host::linux_since(7, 0);
}

sock::Socket open_one(const SocketKind &kind)
{
	sock::Socket socket(host::check(
		::socket(AF_INET, kind.type | SOCK_CLOEXEC | SOCK_NONBLOCK, kind.protocol),
		kind.name));

	if (kind.has(K::header_included))
		sock::set(socket, SOL_IP, IP_HDRINCL, 1);
	if (kind.has(K::filter)) {
		icmp_filter filter{1U << packet::echo | 1U << packet::redirect};
		host::check(setsockopt(socket.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)),
			    "ICMP_FILTER");
	}
	if (kind.has(K::narrow))
		sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	if (kind.has(K::device))
		host::check(setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire0", 5),
			    "SO_BINDTODEVICE");
	if (kind.has(K::pmtu_dont))
		sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	if (kind.has(K::pmtu_do))
		sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	if (kind.has(K::recverr))
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
	if (kind.has(K::rfc4884))
		sock::set(socket, SOL_IP, IP_RECVERR_RFC4884, 1);
	if (kind.port)
		sock::bind(socket, {host_address, kind.port});
	return socket;
}

/// TCP_REPAIR makes it without a handshake.
void establish(const sock::Socket &socket, const SocketKind &kind)
{
	sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	for (int queue : {TCP_SEND_QUEUE, TCP_RECV_QUEUE}) {
		sock::set(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
		sock::set(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, first_sequence);
	}
	ktap::require_equal(sock::connect(socket, kind.peer), 0, kind.name);
	sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
	ktap::require_equal(sock::send(socket, packet::pattern(100)), 0, kind.name);
	if (kind.has(K::shut))
		host::check(shutdown(socket.get(), SHUT_WR), "shutdown");
}

void start(const sock::Socket &socket, const SocketKind &kind)
{
	if (kind.has(K::listens))
		host::check(listen(socket.get(), 16), "listen");
	else if (kind.has(K::established))
		establish(socket, kind);
	else if (kind.peer.address)
		ktap::require_equal(sock::connect(socket, kind.peer),
				    is_tcp(kind) ? EINPROGRESS : 0, kind.name);
}

/// Where the datagrams were on their way to that errors told of.
std::set<std::uint32_t> told_of(const Sequence &sequence)
{
	constexpr std::size_t destination_at = sizeof(icmphdr) + offsetof(iphdr, daddr);
	std::set<std::uint32_t> addresses;

	for (const Step &step : sequence.steps) {
		if (!step.packet || !step.packet->has_icmp())
			continue;
		const Bytes &message = step.packet->ip.payload;
		if (message.size() >= destination_at + sizeof(std::uint32_t))
			addresses.insert(packet::get32(message, destination_at));
	}
	return addresses;
}

} // namespace

void World4::open_sockets()
{
	for (std::size_t i = 0; i < socket_kinds.size(); i++) {
		sock::Socket socket;

		if (sequence().sockets >> i & 1 && is_known(socket_kinds[i])) {
			socket = open_one(socket_kinds[i]);
			start(socket, socket_kinds[i]);
		}
		add_socket(std::move(socket));
	}
}

bool World4::is_stream(std::size_t index) const { return is_tcp(socket_kinds[index]); }

void World4::mask_patched(Event &event, const Patch &patch)
{
	std::span<std::uint8_t> bytes = event.bytes;

	if (event.kind == Event::Kind::frame)
		bytes = bytes.subspan(std::min(bytes.size(), frame_headers));
	canonical_.patched(bytes, patch);
}

/// SO_ERROR before, between and after: the queue's entries become the pending error one by one.
void World4::observe_errors(std::size_t index, Events &events)
{
	for (;;) {
		observe_pending(index, events);
		auto error = sock::next_error(socket(index), payload_room);
		if (!error)
			return;
		events.push_back(
			{.kind = Event::Kind::error,
			 .socket = static_cast<int>(index),
			 .numbers = {error->number, error->origin, error->type, error->code,
				     error->info, error->extensions_at, error->extensions_invalid,
				     error->offender, error->destination.address,
				     error->destination.port, error->truncated},
			 .bytes = std::move(error->payload)});
		if (socket_kinds[index].has(K::header_included))
			canonical_.received(events.back().bytes);
	}
}

void World4::observe_data(std::size_t index, Events &events)
{
	static Bytes buffer(largest);
	bool raw = socket_kinds[index].type == SOCK_RAW;

	for (;;) {
		sockaddr_in name{};
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
		Endpoint from = sock::from_kernel(name);
		event.numbers = {from.address, from.port, size};
		event.bytes.assign(buffer.begin(), buffer.begin() + size);
		if (raw)
			canonical_.received(event.bytes);
		events.push_back(std::move(event));
	}
}

Event World4::state_of(std::size_t index)
{
	const SocketKind &kind = socket_kinds[index];
	const sock::Socket &socket = World::socket(index);
	Event event{.kind = Event::Kind::state, .socket = static_cast<int>(index)};
	int mtu = 0;
	socklen_t size = sizeof(mtu);

	event.numbers.push_back(sock::take_error(socket));
	if (kind.peer.address)
		event.numbers.push_back(
			getsockopt(socket.get(), SOL_IP, IP_MTU, &mtu, &size) ? -errno : mtu);
	if (is_tcp(kind)) {
		tcp_info info{};

		size = sizeof(info);
		host::check(getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size),
			    "TCP_INFO");
		event.numbers.push_back(info.tcpi_state);
		event.numbers.push_back(info.tcpi_snd_mss);
	}
	return event;
}

Events World4::learned() { return learned_routes(told_of(sequence())); }

} // namespace diff
