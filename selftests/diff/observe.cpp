// SPDX-License-Identifier: GPL-2.0-only
//
// The part of World that looks: frames, error queues, data, states.

#include "lib/ktap.hpp"
#include "routes.hpp"
#include "sockets.hpp"
#include "world.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <unistd.h>

namespace diff {

namespace {

constexpr std::size_t virtio_header = 10, ethernet_header = 14;
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

/// A device's address is random; who has no neighbours sends to it, too.
void mask_mac(std::span<std::uint8_t> ethernet, const wire::Mac &mac)
{
	for (std::size_t at : {std::size_t{0}, mac.size()}) {
		auto place = ethernet.subspan(at, mac.size());
		if (std::ranges::equal(place, mac))
			std::ranges::fill(place, std::uint8_t{0});
	}
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

/// Packets that this host sent to itself and has not received yet, on all processors: the twelfth of each one's figures.
unsigned long backlog()
{
	// It says the same in every namespace; that of process 1 stays, and so may the open file.
	static const host::Descriptor file(host::check(
		open("/proc/1/net/softnet_stat", O_RDONLY | O_CLOEXEC), "softnet_stat"));
	std::array<char, 4096> text{};
	unsigned long length = 0, one;

	host::check(static_cast<int>(pread(file.get(), text.data(), text.size() - 1, 0)),
		    "softnet_stat");
	for (const char *line = text.data();
	     line &&
	     std::sscanf(line, "%*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %*x %lx", &one) == 1;
	     line = std::strchr(line + 1, '\n'))
		length += one;
	return length;
}

/// Where ksoftirqd is at work, kernels before 6.4 leave all to it, and it takes turns with this process.
void wait_for_backlog()
{
	constexpr int tick = 1000, tries = 5000;

	for (int i = 0; i < tries; i++) {
		if (!backlog())
			return;
		usleep(tick);
	}
	ktap::fatal("what this host sent to itself does not arrive");
}

} // namespace

void World::open_sockets()
{
	for (std::size_t i = 0; i < socket_kinds.size(); i++) {
		sockets_.emplace_back();
		if (!(sequence_.sockets >> i & 1) || !is_known(socket_kinds[i]))
			continue;
		sockets_[i] = open_one(socket_kinds[i]);
		start(sockets_[i], socket_kinds[i]);
		polled_.push_back({sockets_[i].get(), POLLIN, 0});
		polled_index_.push_back(i);
		last_poll_.push_back(0);
	}
}

void World::observe_wire(Events &events)
{
	static Bytes buffer(largest);
	ssize_t size;

	while ((size = read(wire_.fd(), buffer.data(), buffer.size())) > 0) {
		Event event{.kind = Event::Kind::frame};

		event.bytes.assign(buffer.begin(), buffer.begin() + size);
		std::span<std::uint8_t> frame(event.bytes);
		if (frame.size() > virtio_header + ethernet_header) {
			mask_mac(frame.subspan(virtio_header, ethernet_header), wire_.mac());
			canonical_.outgoing(frame.subspan(virtio_header + ethernet_header));
		}
		events.push_back(std::move(event));
	}
}

/// SO_ERROR before, between and after: the queue's entries become the pending error one by one.
void World::observe_errors(std::size_t index, Events &events)
{
	const sock::Socket &socket = sockets_[index];

	for (;;) {
		if (int pending = sock::take_error(socket))
			events.push_back({.kind = Event::Kind::pending,
					  .socket = static_cast<int>(index),
					  .numbers = {pending}});
		auto error = sock::next_error(socket, payload_room);
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

void World::observe_data(std::size_t index, Events &events)
{
	static Bytes buffer(largest);
	bool raw = socket_kinds[index].type == SOCK_RAW;

	for (;;) {
		sockaddr_in name{};
		socklen_t name_size = sizeof(name);
		ssize_t size =
			::recvfrom(sockets_[index].get(), buffer.data(), buffer.size(),
				   MSG_DONTWAIT, reinterpret_cast<sockaddr *>(&name), &name_size);
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

Events World::observe()
{
	Events events;

	wait_for_backlog();
	observe_wire(events);
	host::check(::poll(polled_.data(), polled_.size(), 0), "poll");
	for (std::size_t i = 0; i < polled_.size(); i++) {
		std::size_t index = polled_index_[i];
		short now = polled_[i].revents;

		if (is_tcp(socket_kinds[index]) && now != last_poll_[i])
			events.push_back({.kind = Event::Kind::poll,
					  .socket = static_cast<int>(index),
					  .numbers = {now}});
		last_poll_[i] = now;
		if (now & POLLERR)
			observe_errors(index, events);
		if (now & POLLIN && !is_tcp(socket_kinds[index]))
			observe_data(index, events);
	}
	return events;
}

/// What an error left behind where nobody is woken: soft errors, segment sizes, path MTUs.
void World::observe_socket(std::size_t index, Events &events)
{
	const SocketKind &kind = socket_kinds[index];
	const sock::Socket &socket = sockets_[index];
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
	events.push_back(std::move(event));
}

Events World::finish()
{
	Events events;

	for (std::size_t index : polled_index_)
		observe_socket(index, events);
	for (Event &route : learned_routes(told_of(sequence_)))
		events.push_back(std::move(route));
	events.push_back(counters());
	return events;
}

} // namespace diff
