// SPDX-License-Identifier: GPL-2.0-only
// Which requests of PROBE wait for an answer, and what came of all of them.
#include "probe_flight.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace icmpxctl::probe {

double Statistics::average() const { return received ? sum / static_cast<double>(received) : 0; }

double Statistics::deviation() const
{
	if (!received)
		return 0;

	const double mean = average();

	// Rounding may leave a little less than 0.
	return std::sqrt(std::max(0.0, square_sum / static_cast<double>(received) - mean * mean));
}

double Statistics::loss() const
{
	if (!transmitted)
		return 0;
	return 100.0 * static_cast<double>(transmitted - received) /
	       static_cast<double>(transmitted);
}

std::string summary(const Statistics &statistics, Clock::duration elapsed)
{
	std::array<char, 128> buffer{};
	std::string text = std::to_string(statistics.transmitted) + " packets transmitted, " +
			   std::to_string(statistics.received) + " received, ";

	if (statistics.duplicates)
		text += "+" + std::to_string(statistics.duplicates) + " duplicates, ";
	if (statistics.errors)
		text += "+" + std::to_string(statistics.errors) + " errors, ";
	std::snprintf(buffer.data(), buffer.size(), "%.6g%% packet loss, time %.0fms\n",
		      statistics.loss(), Milliseconds(elapsed).count());
	text += buffer.data();
	if (!statistics.received)
		return text;
	std::snprintf(buffer.data(), buffer.size(),
		      "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", statistics.min,
		      statistics.average(), statistics.max, statistics.deviation());
	return text + buffer.data();
}

std::uint8_t Flight::next() const { return static_cast<std::uint8_t>(statistics_.transmitted + 1); }

void Flight::sent(Clock::time_point now)
{
	Slot &slot = slots_[next()];

	waiting_ += !slot.waiting;
	slot = {.number = ++statistics_.transmitted, .sent = now, .waiting = true};
}

std::optional<Flight::Answer> Flight::end(std::uint8_t sequence, Clock::time_point now)
{
	Slot &slot = slots_[sequence];

	if (!slot.waiting)
		return std::nullopt;
	slot.waiting = false;
	waiting_--;
	return Answer{.number = slot.number, .time = now - slot.sent};
}

Flight::Answer Flight::replied(std::uint8_t sequence, Clock::time_point now)
{
	const std::optional<Answer> answer = end(sequence, now);

	if (!answer) {
		const std::uint64_t last = slots_[sequence].number;

		statistics_.duplicates++;
		return {.number = last ? last : sequence, .time = {}};
	}

	const double time = answer->time->count();

	statistics_.min = statistics_.received ? std::min(statistics_.min, time) : time;
	statistics_.max = std::max(statistics_.max, time);
	statistics_.sum += time;
	statistics_.square_sum += time * time;
	statistics_.received++;
	return *answer;
}

std::optional<Flight::Answer> Flight::failed(std::uint8_t sequence, Clock::time_point now)
{
	const std::optional<Answer> answer = end(sequence, now);

	statistics_.errors += answer.has_value();
	return answer;
}

} // namespace icmpxctl::probe
