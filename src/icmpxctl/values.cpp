// SPDX-License-Identifier: GPL-2.0-only
#include "values.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace icmpxctl {

namespace {

/// What is between two separators, or before the first and behind the last one.
std::vector<std::string_view> split(std::string_view text, char separator)
{
	std::vector<std::string_view> parts;

	for (;;) {
		const std::size_t end = text.find(separator);

		parts.push_back(text.substr(0, end));
		if (end == std::string_view::npos)
			return parts;
		text.remove_prefix(end + 1);
	}
}

/// The major and the minor number of a release; zeros if it has none.
std::pair<std::uint64_t, std::uint64_t> version(std::string_view release)
{
	const std::vector<std::string_view> parts = split(release, '.');

	if (parts.size() < 2)
		return {};
	return {parse_number(parts[0]).value_or(0),
		parse_number(parts[1].substr(0, parts[1].find_first_not_of("0123456789")))
			.value_or(0)};
}

using Version = std::pair<std::uint64_t, std::uint64_t>;

} // namespace

std::optional<std::uint64_t> parse_number(std::string_view text)
{
	std::uint64_t value = 0;
	const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (error != std::errc() || stop != text.data() + text.size())
		return std::nullopt;
	return value;
}

bool is_supported(std::string_view release)
{
	const Version found = version(release);

	return found >= Version(6, 1) && found <= Version(7, 3);
}

bool is_packaged(std::string_view release)
{
	const Version found = version(release);

	return found == Version(6, 1) || found == Version(6, 12) || found == Version(7, 3);
}

bool has_type(std::string_view list, unsigned type)
{
	const auto parts = split(list, ',');

	return std::any_of(parts.begin(), parts.end(), [type](std::string_view part) {
		const std::size_t dash = part.find('-');
		const auto first = parse_number(part.substr(0, dash));
		const auto last = dash == std::string_view::npos
					  ? first
					  : parse_number(part.substr(dash + 1));

		return first && last && *first <= type && type <= *last;
	});
}

} // namespace icmpxctl
