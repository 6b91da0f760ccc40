/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The host that a sequence meets: a network namespace, a wire, and sockets that wait. What differs from family to family is
 * in world4.hpp and world6.hpp.
 */
#pragma once

#include "event.hpp"
#include "lib/host.hpp"
#include "lib/socket.hpp"
#include "lib/wire.hpp"
#include "sequence.hpp"

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

namespace diff {

inline constexpr std::string_view wire_name = "wire0";

/// Sets what all namespaces share; once, before the first world.
void prepare_kernel();

class World {
public:
	/// Moves this process into a new namespace, which is what @p sequence asks for.
	static std::unique_ptr<World> make(const Sequence &sequence);
	virtual ~World() = default;
	World(const World &) = delete;
	World &operator=(const World &) = delete;

	/// What was seen since the last call, of frames and sockets.
	Events observe();
	Events step(const Step &step);
	/// What is there at the end: states, counters, routes.
	Events finish();
	/// What moved since the last look.
	Event counters();

	/// For how long timers may have been running.
	std::chrono::milliseconds age() const;
	/// Outcomes of icmpx that do not add up; "" if they do, or without the module.
	virtual std::string broken_ledger() const = 0;

protected:
	World(const Sequence &sequence, wire::Wire wire);

	const Sequence &sequence() const { return sequence_; }
	const wire::Wire &wire() const { return wire_; }
	const sock::Socket &socket(std::size_t index) const { return sockets_[index]; }

	/// From here on timers may be running.
	void begin();
	/// The next socket; one that is not open has none.
	void add_socket(sock::Socket socket);
	void observe_wire(Events &events);
	/// What SO_ERROR says, unless that is nothing.
	void observe_pending(std::size_t index, Events &events);
	/// Writes the datagram @p bytes, with @p offload before its frame. Returns 0 or the errno.
	int inject(View bytes, const wire::VirtioHeader &offload, wire::Cast cast) const;

	/// Carries out @p step; the errno of that is an event, if there is one.
	virtual void carry_out(const Step &step, Events &events) = 0;
	/// Whether the socket is one whose data are not looked at.
	virtual bool is_stream(std::size_t index) const = 0;
	/// Takes all out of the error queue, or out of the receive queue.
	virtual void observe_errors(std::size_t index, Events &events) = 0;
	virtual void observe_data(std::size_t index, Events &events) = 0;
	/// What an error left behind where nobody is woken: soft errors, segment sizes, path MTUs.
	virtual Event state_of(std::size_t index) = 0;
	/// Masks a datagram that came out of the wire.
	virtual void mask(std::span<std::uint8_t> datagram) = 0;
	/// Masks what @p patch put into a packet, in @p event, which came of that.
	virtual void mask_patched(Event &event, const Patch &patch) = 0;
	/// Routes that were learned.
	virtual Events learned() = 0;
	virtual counters::Values count() const = 0;
	/// Waits for what timers do after a step.
	virtual void settle() {}

private:
	const Sequence &sequence_;
	std::chrono::steady_clock::time_point begin_{};
	wire::Wire wire_;
	/// In the places that the kinds of sockets have; -1 where it is not open.
	std::vector<sock::Socket> sockets_{};
	/// Those that are open, and which they are.
	std::vector<pollfd> polled_{};
	std::vector<std::size_t> polled_index_{};
	std::vector<short> last_poll_{};
	counters::Values last_counters_{};
};

/// Whether outcomes of @p stat do not add up, of packets, of which @p messages came in, or of errors sent; what they are.
std::string broken_ledger_of(counters::Values stat, std::int64_t messages);

/// Runs @p sequence with whatever ICMP there is now.
Record run(const Sequence &sequence);

} // namespace diff
