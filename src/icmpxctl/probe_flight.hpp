// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * The requests of PROBE that are under way, and the statistics of all of them. Pure: the caller has the clock.
 */
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace icmpxctl::probe {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

/// Of one run. Times are those of the replies that were the first to their request.
struct Statistics {
	std::uint64_t transmitted{};
	std::uint64_t received{};
	std::uint64_t duplicates{};
	std::uint64_t errors{};
	double min{}, max{}, sum{}, square_sum{};

	/// Milliseconds; 0 if nothing was received.
	[[nodiscard]] double average() const;
	[[nodiscard]] double deviation() const;
	/// In percent of what was sent; 0 if nothing was.
	[[nodiscard]] double loss() const;
};

/// What is said at the end, two lines in the form of ping's, or one if nothing was received.
std::string summary(const Statistics &statistics, Clock::duration elapsed);

/**
 * Requests have sequence numbers of 8 bits. A number is used again after 256 requests: then its request is given up, and a
 * reply to it that comes still would count as one to the new request.
 */
class Flight {
public:
	/// What a number on the wire stands for.
	struct Answer {
		/// Counts requests from 1; it does not wrap.
		std::uint64_t number;
		/// From request to answer; nothing for a duplicate.
		std::optional<Milliseconds> time;
	};

	/// The sequence number of the next request.
	[[nodiscard]] std::uint8_t next() const;
	/// A request with that number was sent.
	void sent(Clock::time_point now);
	/// A reply to a request that does not wait for one counts as a duplicate, and is numbered as the first reply was; if no
	/// request was sent with that sequence number, by the sequence number.
	Answer replied(std::uint8_t sequence, Clock::time_point now);
	/// As replied(), for an error about the request. An error about a request that does not wait is ignored.
	std::optional<Answer> failed(std::uint8_t sequence, Clock::time_point now);
	/// How many requests wait for an answer.
	[[nodiscard]] unsigned waiting() const { return waiting_; }
	[[nodiscard]] const Statistics &statistics() const { return statistics_; }

private:
	struct Slot {
		std::uint64_t number;
		Clock::time_point sent;
		bool waiting;
	};

	std::optional<Answer> end(std::uint8_t sequence, Clock::time_point now);

	std::array<Slot, 256> slots_{};
	Statistics statistics_;
	unsigned waiting_{};
};

} // namespace icmpxctl::probe
