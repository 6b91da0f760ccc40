/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What can be observed of an answer, as values that compare.
 */
#pragma once

#include "lib/counters.hpp"
#include "sequence.hpp"

#include <string>
#include <vector>

namespace diff {

/// Where the datagram of a frame begins: behind virtio_net_hdr and Ethernet.
inline constexpr std::size_t frame_headers = 24;

struct Event {
	enum class Kind {
		/// A frame that came out of the wire, virtio_net_hdr first; what is random or the time of day masked.
		frame,
		/// A datagram that a socket received: sender's address and port, flags, length.
		data,
		/// An entry of a socket's error queue.
		error,
		/// What SO_ERROR or a call said.
		pending,
		/// What poll() says of a TCP socket, and it said something else before.
		poll,
		/// TCP_INFO's state and segment size, IP_MTU.
		state,
		/// An errno of write() to the wire or of a Call.
		result,
		/// What moved since the last look.
		counters,
		/// What was learned about routes: PMTU, redirects.
		route,
	};

	Kind kind{};
	/// Index into socket_kinds; -1: none.
	int socket = -1;
	std::vector<std::int64_t> numbers{};
	Bytes bytes{};
	counters::Values values{};

	bool operator==(const Event &) const = default;
};

using Events = std::vector<Event>;

/// What a sequence led to.
struct Record {
	/// One for the world's making, one for each step, one for the end.
	std::vector<Events> steps{};
	/// Outcomes of /proc/net/icmpx_stat that do not add up, of packets or of errors sent: with the module only.
	std::string broken_ledger{};
	/// Whether timers of Linux may have had a say.
	bool stalled = false;
};

} // namespace diff
