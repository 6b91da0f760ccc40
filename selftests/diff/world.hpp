/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The host that a sequence meets: a network namespace, a wire, and sockets that wait.
 */
#pragma once

#include "canonical.hpp"
#include "event.hpp"
#include "lib/host.hpp"
#include "lib/wire.hpp"
#include "sequence.hpp"

#include <chrono>
#include <vector>

#include <poll.h>

namespace diff {

/// Sets what all namespaces share; once, before the first world.
void prepare_kernel();

class World {
public:
	/// Moves this process into a new namespace.
	explicit World(const Sequence &sequence);

	/// What was seen since the last call, of frames and sockets.
	Events observe();
	Events step(const Step &step);
	/// What is there at the end: states, counters, routes.
	Events finish();
	/// What moved since the last look.
	Event counters();

	/// For how long timers may have been running.
	std::chrono::milliseconds age() const;

private:
	void make_device();
	void apply_settings();
	void fill_global_bucket();
	void open_sockets();
	void observe_wire(Events &events);
	void observe_socket(std::size_t index, Events &events);
	void observe_errors(std::size_t index, Events &events);
	void observe_data(std::size_t index, Events &events);
	int inject(const Packet &packet);
	int carry_out(const Call &call);

	const Sequence &sequence_;
	std::chrono::steady_clock::time_point begin_{};
	wire::Wire wire_;
	Canonical canonical_{};
	/// In the places that socket_kinds has; -1 where it is not open.
	std::vector<sock::Socket> sockets_{};
	/// Those that are open, and which they are.
	std::vector<pollfd> polled_{};
	std::vector<std::size_t> polled_index_{};
	std::vector<short> last_poll_{};
	counters::Values last_counters_{};
};

/// Runs @p sequence with whatever ICMP there is now.
Record run(const Sequence &sequence);

} // namespace diff
