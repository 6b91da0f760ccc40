/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What differs between two answers to a sequence, and which of that is meant to.
 */
#pragma once

#include "event.hpp"
#include "sequence.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace diff {

/// One place of a sequence where the answers differ.
struct Difference {
	const Sequence &sequence;
	/// 0: before the first step; then the steps, from 1; then the end.
	std::size_t place;
	const Events &builtin;
	const Events &icmpx;

	/// The packet that came in there, if one did.
	const Packet *packet() const;
	const Packet6 *packet6() const;
	bool at_end() const { return place == sequence.steps.size() + 1; }
};

/// A difference that is meant to be.
struct Intended {
	const char *name;
	const char *reason;
	bool (*explains)(const Difference &difference);
	/// Whether counters move otherwise, too: they have to be looked at where it is met.
	bool moves_counters = false;
	/// Packets that make it where there may be nothing to see but counters.
	bool (*suspects)(const Packet &packet) = nullptr;
	bool (*suspects6)(const Packet6 &packet) = nullptr;
	Family family = Family::v4;

	bool is_suspect(const Step &step) const
	{
		return (step.packet && suspects && suspects(*step.packet)) ||
		       (step.packet6 && suspects6 && suspects6(*step.packet6));
	}
};

/// All there are.
inline constexpr std::size_t intended_count = 11;
extern const std::array<Intended, intended_count> intended;

/// How often each of them was met.
using IntendedCounts = std::array<std::uint64_t, intended_count>;

/// What a comparison found.
struct Comparison {
	/// Places where the answers differ and should not.
	std::vector<std::size_t> unexplained{};
	IntendedCounts intended{};
	/// Places that, before counters can be compared, are to be counted by themselves.
	std::set<std::size_t> to_count{};
};

Comparison compare(const Sequence &sequence, const Record &builtin, const Record &icmpx);

} // namespace diff
