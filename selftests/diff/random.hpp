/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Random numbers that are the same for a seed on every machine.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace diff {

/// SplitMix64: small, fast, and good enough to make packets of.
class Random {
public:
	explicit Random(std::uint64_t seed) : state_(seed) {}

	/// The numbers of @p part, which are not those of the next part shifted by one.
	Random(std::uint64_t seed, std::uint64_t part)
		: state_(Random(Random(seed).next() ^ part).next())
	{
	}

	std::uint64_t next()
	{
		std::uint64_t z = state_ += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		return z ^ z >> 31;
	}

	/// 0 to @p limit - 1.
	std::uint32_t below(std::uint64_t limit)
	{
		return static_cast<std::uint32_t>(next() % limit);
	}

	/// @p low to @p high.
	std::uint32_t between(std::uint32_t low, std::uint32_t high)
	{
		return low + below(std::uint64_t{high} - low + 1);
	}

	std::uint8_t byte() { return static_cast<std::uint8_t>(next()); }

	bool percent(unsigned chance) { return below(100) < chance; }

	/// One of @p choices.
	template <typename Choices> auto pick(const Choices &choices)
	{
		return *(std::begin(choices) +
			 static_cast<std::ptrdiff_t>(below(std::size(choices))));
	}

private:
	std::uint64_t state_;
};

} // namespace diff
