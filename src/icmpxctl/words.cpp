// SPDX-License-Identifier: GPL-2.0-only
#include "words.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace icmpxctl {

namespace {

bool is_number(std::string_view cell)
{
	return !cell.empty() &&
	       std::ranges::all_of(cell, [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

std::string family_word(int family)
{
	switch (family) {
	case AF_INET:
		return "ipv4";
	case AF_INET6:
		return "ipv6";
	default:
		return std::to_string(family);
	}
}

std::size_t distance(std::string_view left, std::string_view right)
{
	// Rows of the table of distances between the beginnings of both words: the last two and the one that is made.
	std::vector<std::size_t> before(right.size() + 1), last(right.size() + 1),
		row(right.size() + 1);

	for (std::size_t j = 0; j <= right.size(); ++j)
		last[j] = j;
	for (std::size_t i = 1; i <= left.size(); ++i) {
		row[0] = i;
		for (std::size_t j = 1; j <= right.size(); ++j) {
			row[j] = std::min({last[j] + 1, row[j - 1] + 1,
					   last[j - 1] + (left[i - 1] != right[j - 1])});
			if (i > 1 && j > 1 && left[i - 1] == right[j - 2] &&
			    left[i - 2] == right[j - 1])
				row[j] = std::min(row[j], before[j - 2] + 1);
		}
		std::swap(before, last);
		std::swap(last, row);
	}
	return last[right.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> candidates)
{
	// Every third letter wrong is another word.
	std::size_t least = word.size() / 3 + 1;
	std::string found;

	for (const std::string &candidate : candidates) {
		const std::size_t far = distance(word, candidate);

		if (far < least) {
			least = far;
			found = candidate;
		}
	}
	return found;
}

SettingName parse_setting(std::string_view word)
{
	std::string name(word);

	// A name with slashes may have dots in it that are none of its separators; none of icmpx has.
	std::ranges::replace(name, '/', '.');
	for (const int family : {AF_INET, AF_INET6}) {
		const std::string prefix = full_name(family, "");

		if (name.starts_with(prefix))
			return {.family = family, .name = name.substr(prefix.size())};
	}
	return {.family = {}, .name = name};
}

std::string full_name(int family, std::string_view name)
{
	return (family == AF_INET6 ? "net.icmpx6." : "net.icmpx.") + std::string(name);
}

std::string address_word(std::span<const std::byte> address)
{
	std::array<char, INET6_ADDRSTRLEN> text{};

	if (address.size() == sizeof(in_addr) || address.size() == sizeof(in6_addr)) {
		if (std::ranges::all_of(address, [](std::byte b) { return b == std::byte{}; }))
			return "*";
		::inet_ntop(address.size() == sizeof(in_addr) ? AF_INET : AF_INET6, address.data(),
			    text.data(), text.size());
		return text.data();
	}

	std::string digits;

	for (const std::byte byte : address)
		for (const unsigned shift : {4U, 0U})
			digits +=
				"0123456789abcdef"[std::to_integer<unsigned>(byte) >> shift & 0xf];
	return digits;
}

std::string time_word(std::uint64_t milliseconds)
{
	struct Unit {
		std::uint64_t milliseconds;
		const char *name;
	};
	constexpr std::array<Unit, 4> units = {
		{{86'400'000, " d"}, {3'600'000, " h"}, {60'000, " min"}, {1'000, " s"}}};

	// A unit is used from two of it on: "90 s" says more than "1 min".
	for (const Unit &unit : units)
		if (milliseconds >= 2 * unit.milliseconds)
			return std::to_string(milliseconds / unit.milliseconds) + unit.name;
	return std::to_string(milliseconds) + " ms";
}

std::optional<double> parse_seconds(std::string_view word)
{
	constexpr double least = 0.1, greatest = 86400;
	double seconds = 0;
	const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seconds,
						  std::chars_format::fixed);

	if (error != std::errc{} || end != word.data() + word.size())
		return {};
	// Not a number is neither.
	if (!(seconds >= least && seconds <= greatest))
		return {};
	return seconds;
}

std::vector<std::string> table(std::span<const std::vector<std::string>> rows)
{
	std::vector<std::size_t> widths;
	std::vector<bool> numbers;
	std::vector<std::string> lines;

	for (const auto &row : rows)
		for (std::size_t i = 0; i < row.size(); ++i) {
			if (i == widths.size()) {
				widths.push_back(0);
				numbers.push_back(true);
			}
			widths[i] = std::max(widths[i], row[i].size());
			numbers[i] = numbers[i] && (&row == &rows.front() || is_number(row[i]));
		}
	for (const auto &row : rows) {
		std::string line;

		for (std::size_t i = 0; i < row.size(); ++i) {
			const std::string padding(widths[i] - row[i].size(), ' ');

			line += i ? "  " : "";
			line += numbers[i] ? padding + row[i] : row[i] + padding;
		}
		line.erase(line.find_last_not_of(' ') + 1);
		lines.push_back(std::move(line));
	}
	return lines;
}

} // namespace icmpxctl
