/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The time of day as ICMP and IP timestamps have it (RFC 792, RFC 791): milliseconds since midnight UT.
 */
#pragma once

#include "ktap.hpp"

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string_view>

namespace clock_of_day {

inline constexpr std::int64_t day = 24LL * 60 * 60 * 1000;

inline std::int64_t now()
{
	auto since_epoch = std::chrono::system_clock::now().time_since_epoch();

	return std::chrono::floor<std::chrono::milliseconds>(since_epoch).count() % day;
}

/// Expects @p value to be a time of day between @p since and now; midnight may come in between.
inline void expect_since(std::int64_t since, std::uint32_t value, std::string_view what,
			 const std::source_location &where = std::source_location::current())
{
	std::int64_t elapsed = (now() - since + day) % day;

	ktap::expect_between(value, 0, day - 1, what, where);
	ktap::expect_between((value - since + day) % day, 0, elapsed, what, where);
}

} // namespace clock_of_day
