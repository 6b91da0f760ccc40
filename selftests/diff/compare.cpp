// SPDX-License-Identifier: GPL-2.0-only

#include "compare.hpp"

#include <algorithm>

namespace diff {

const Packet *Difference::packet() const
{
	if (!place || at_end())
		return nullptr;
	const auto &packet = sequence.steps[place - 1].packet;
	return packet ? &*packet : nullptr;
}

const Packet6 *Difference::packet6() const
{
	if (!place || at_end())
		return nullptr;
	const auto &packet = sequence.steps[place - 1].packet6;
	return packet ? &*packet : nullptr;
}

namespace {

/// Adds the places of packets that may have moved counters and nothing else.
void count_suspects(const Sequence &sequence, Comparison &comparison)
{
	for (std::size_t place = 1; place <= sequence.steps.size(); place++) {
		const Step &step = sequence.steps[place - 1];

		if (is_counted(sequence, place))
			continue;
		if (std::ranges::any_of(intended,
					[&](const Intended &one) { return one.is_suspect(step); }))
			comparison.to_count.insert({place - 1, place});
	}
}

} // namespace

Comparison compare(const Sequence &sequence, const Record &builtin, const Record &icmpx)
{
	Comparison comparison;

	for (std::size_t place = 0; place < builtin.steps.size(); place++) {
		const Difference difference{sequence, place, builtin.steps[place],
					    icmpx.steps[place]};

		if (difference.builtin == difference.icmpx)
			continue;
		const auto *found = std::ranges::find_if(intended, [&](const Intended &one) {
			return one.family == sequence.family && one.explains(difference);
		});
		if (found == intended.end()) {
			comparison.unexplained.push_back(place);
			continue;
		}
		comparison.intended.at(static_cast<std::size_t>(found - intended.begin()))++;
		if (found->moves_counters && !difference.at_end() && !is_counted(sequence, place))
			comparison.to_count.insert({place - 1, place});
	}
	// All counters are there at the end.
	if (!comparison.unexplained.empty() &&
	    comparison.unexplained.back() == sequence.steps.size() + 1)
		count_suspects(sequence, comparison);
	return comparison;
}

} // namespace diff
