// SPDX-License-Identifier: GPL-2.0-only

#include "world.hpp"

#include "lib/ktap.hpp"
#include "world4.hpp"
#include "world6.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace diff {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t virtio_header = 10, ethernet_header = 14;
static_assert(frame_headers == virtio_header + ethernet_header);

/// A device's address is random; who has no neighbours sends to it, too.
void mask_mac(std::span<std::uint8_t> ethernet, const wire::Mac &mac)
{
	for (std::size_t at : {std::size_t{0}, mac.size()}) {
		auto place = ethernet.subspan(at, mac.size());
		if (std::ranges::equal(place, mac))
			std::ranges::fill(place, std::uint8_t{0});
	}
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

void prepare_kernel()
{
	host::need("tun", "test -c /dev/net/tun");
	host::need("dummy");
	host::need("vrf");
	// Otherwise how many redirects a host is sent depends on how fast packets come. These are not per namespace.
	host::set_sysctl("net/ipv4/route/redirect_load", "1000000");
	// Reports of groups are not repeated.
	host::set_sysctl("net/ipv6/mld_qrv", "1");
	// Frames are answered where they are written: on one processor that is always so.
	host::stay_on_one_processor();
}

std::unique_ptr<World> World::make(const Sequence &sequence)
{
	if (sequence.family == Family::v6)
		return std::make_unique<World6>(sequence);
	return std::make_unique<World4>(sequence);
}

World::World(const Sequence &sequence, wire::Wire wire)
	: sequence_(sequence), wire_(std::move(wire))
{
}

void World::begin() { begin_ = steady_clock::now(); }

milliseconds World::age() const
{
	return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin_);
}

void World::add_socket(sock::Socket socket)
{
	if (socket.get() >= 0) {
		polled_.push_back({socket.get(), POLLIN, 0});
		polled_index_.push_back(sockets_.size());
		last_poll_.push_back(0);
	}
	sockets_.push_back(std::move(socket));
}

int World::inject(View bytes, const wire::VirtioHeader &offload, wire::Cast cast) const
{
	const Bytes frame = wire_.frame(bytes, cast);
	Bytes whole(sizeof(offload));

	std::memcpy(whole.data(), &offload, sizeof(offload));
	whole.insert(whole.end(), frame.begin(), frame.end());
	return ::write(wire_.fd(), whole.data(), whole.size()) < 0 ? errno : 0;
}

void World::observe_wire(Events &events)
{
	constexpr std::size_t largest = 70000;
	static Bytes buffer(largest);
	ssize_t size;

	while ((size = read(wire_.fd(), buffer.data(), buffer.size())) > 0) {
		Event event{.kind = Event::Kind::frame};

		event.bytes.assign(buffer.begin(), buffer.begin() + size);
		std::span<std::uint8_t> frame(event.bytes);
		if (frame.size() > frame_headers) {
			mask_mac(frame.subspan(virtio_header, ethernet_header), wire_.mac());
			mask(frame.subspan(frame_headers));
		}
		events.push_back(std::move(event));
	}
}

void World::observe_pending(std::size_t index, Events &events)
{
	if (int pending = sock::take_error(sockets_[index]))
		events.push_back({.kind = Event::Kind::pending,
				  .socket = static_cast<int>(index),
				  .numbers = {pending}});
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

		if (is_stream(index) && now != last_poll_[i])
			events.push_back({.kind = Event::Kind::poll,
					  .socket = static_cast<int>(index),
					  .numbers = {now}});
		last_poll_[i] = now;
		if (now & POLLERR)
			observe_errors(index, events);
		if (now & POLLIN && !is_stream(index))
			observe_data(index, events);
	}
	return events;
}

Events World::step(const Step &step)
{
	Events events;
	const Patch *patch = step.patch();

	carry_out(step, events);
	settle();
	for (Event &event : observe()) {
		if (patch)
			mask_patched(event, *patch);
		events.push_back(std::move(event));
	}
	return events;
}

Event World::counters()
{
	counters::Values now = count();
	Event event{.kind = Event::Kind::counters,
		    .values = counters::difference(last_counters_, now)};

	last_counters_ = std::move(now);
	return event;
}

Events World::finish()
{
	Events events;

	for (std::size_t index : polled_index_)
		events.push_back(state_of(index));
	for (Event &route : learned())
		events.push_back(std::move(route));
	events.push_back(counters());
	return events;
}

std::string broken_ledger_of(counters::Values stat, std::int64_t messages)
{
	std::int64_t errors = 0;

	for (const auto &[name, value] : counters::only(stat, {"error_"}))
		errors += value;
	if (counters::outcomes_equal_packets_in(stat) && stat["packets_in"] == messages &&
	    stat["errors_wanted"] == errors)
		return "";
	return "InMsgs=" + std::to_string(messages) + " " + counters::text(stat);
}

Record run(const Sequence &sequence)
{
	// Linux's shortest timer that may fire: a second after a SYN or a segment it is sent again.
	constexpr milliseconds limit{900};
	const std::unique_ptr<World> world = World::make(sequence);
	Record record;

	auto add = [&](Events events) {
		if (is_counted(sequence, record.steps.size()))
			events.push_back(world->counters());
		record.steps.push_back(std::move(events));
	};
	add(world->observe());
	for (const Step &step : sequence.steps)
		add(world->step(step));
	record.steps.push_back(world->finish());
	record.stalled = world->age() > limit;
	record.broken_ledger = world->broken_ledger();
	return record;
}

} // namespace diff
