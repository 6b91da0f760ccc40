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

template <typename Number> std::optional<Number> parse(std::string_view text)
{
	Number value = 0;
	const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (error != std::errc() || stop != text.data() + text.size())
		return std::nullopt;
	return value;
}

/// The first and the last of a range of numbers such as `3-127`, or a number twice.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(std::string_view text)
{
	const std::size_t dash = text.find('-');
	const auto first = parse_number(text.substr(0, dash));
	const auto last =
		dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));

	if (!first || !last)
		return std::nullopt;
	return std::pair(*first, *last);
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
	return parse<std::uint64_t>(text);
}

std::optional<std::int64_t> parse_integer(std::string_view text)
{
	return parse<std::int64_t>(text);
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
		const auto range = parse_range(part);

		return range && range->first <= type && type <= range->second;
	});
}

std::string without_type(std::string_view list, unsigned type)
{
	std::string rest;
	const auto add = [&rest](const std::string &part) {
		rest += (rest.empty() ? "" : ",") + part;
	};
	const auto add_range = [&add](std::uint64_t first, std::uint64_t last) {
		if (first < last)
			add(std::to_string(first) + "-" + std::to_string(last));
		else if (first == last)
			add(std::to_string(first));
	};

	for (const std::string_view part : split(list, ',')) {
		const auto range = parse_range(part);

		if (!range || type < range->first || range->second < type) {
			add(std::string(part));
			continue;
		}
		// Nothing is before type 0.
		if (type)
			add_range(range->first, type - 1);
		add_range(type + 1, range->second);
	}
	return rest;
}

} // namespace icmpxctl
