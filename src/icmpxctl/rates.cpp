// SPDX-License-Identifier: GPL-2.0-only
#include "rates.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>

namespace icmpxctl {

namespace {

/// The values of one family, by name.
std::map<std::string_view, std::uint64_t> values_of(const std::vector<Counters> &all, int family)
{
	std::map<std::string_view, std::uint64_t> values;

	for (const Counters &counters : all)
		if (counters.family == family)
			for (const Counter &counter : counters.list)
				values.emplace(counter.name, counter.value);
	return values;
}

/// Sorts a list, and gives each rate its share of the sum.
void finish(std::vector<Rate> &list, double sum)
{
	std::ranges::stable_sort(list, std::greater{}, &Rate::rate);
	// Counters are read one after the other: an outcome may be counted already, and its packet not.
	for (Rate &rate : list)
		rate.share = sum > 0 ? std::min(rate.rate / sum, 1.0) : 0;
}

Rates compare_family(const std::vector<Counters> &before, const Counters &after, double seconds)
{
	Rates rates{.family = after.family,
		    .packets = 0,
		    .errors = 0,
		    .outcomes = {},
		    .error_outcomes = {},
		    .facts = {}};
	const auto values = values_of(before, after.family);

	for (const Counter &counter : after.list) {
		const auto found = values.find(counter.name);
		const std::uint64_t old =
			found != values.end() && found->second <= counter.value ? found->second : 0;
		const double rate = static_cast<double>(counter.value - old) / seconds;
		const Rate entry{.name = counter.name, .rate = rate, .share = 0};

		if (counter.value == old)
			continue;
		switch (counter.kind) {
		case ICMPX_COUNTER_KIND_SUM:
			(counter.name == "errors_wanted" ? rates.errors : rates.packets) = rate;
			break;
		case ICMPX_COUNTER_KIND_OUTCOME:
			rates.outcomes.push_back(entry);
			break;
		case ICMPX_COUNTER_KIND_ERROR_OUTCOME:
			rates.error_outcomes.push_back(entry);
			break;
		case ICMPX_COUNTER_KIND_STATE:
			// How many there are now, not how often something happened.
			break;
		default:
			rates.facts.push_back(entry);
			break;
		}
	}
	finish(rates.outcomes, rates.packets);
	finish(rates.error_outcomes, rates.errors);
	finish(rates.facts, 0);
	return rates;
}

/// Columns of a line: the name, the rate, the share and, with what is left, a bar.
struct Columns {
	std::size_t name = 0, rate = 0;
};

Columns measure(const std::vector<Rates> &all)
{
	Columns columns;

	for (const Rates &rates : all)
		for (const auto *list : {&rates.outcomes, &rates.error_outcomes, &rates.facts})
			for (const Rate &rate : *list) {
				columns.name = std::max(columns.name, rate.name.size());
				columns.rate = std::max(columns.rate, rate_word(rate.rate).size());
			}
	return columns;
}

std::string draw_rate(const Rate &rate, const Columns &columns, const Canvas &canvas, bool with_bar)
{
	constexpr std::size_t percent = 5;
	const std::string word = rate_word(rate.rate);
	std::string line = "  " + rate.name + std::string(columns.name - rate.name.size(), ' ') +
			   "  " + std::string(columns.rate - word.size(), ' ') + word + "/s";
	std::array<char, 16> share{};

	if (line.size() > canvas.width)
		line.resize(canvas.width);
	if (!with_bar || line.size() + percent + 1 >= canvas.width)
		return line;
	std::snprintf(share.data(), share.size(), " %3.0f%% ", 100 * rate.share);
	line += share.data();
	return line +
	       bar(rate.share, canvas.width - std::min(line.size(), canvas.width), canvas.blocks);
}

void draw_list(std::vector<std::string> &lines, const std::string &head,
	       const std::vector<Rate> &list, const Columns &columns, const Canvas &canvas,
	       bool with_bars)
{
	if (list.empty())
		return;
	lines.push_back(head.substr(0, canvas.width));
	for (const Rate &rate : list)
		lines.push_back(draw_rate(rate, columns, canvas, with_bars));
}

} // namespace

std::vector<Rates> compare(const std::vector<Counters> &before, const std::vector<Counters> &after,
			   double seconds)
{
	std::vector<Rates> all;

	all.reserve(after.size());
	for (const Counters &counters : after)
		all.push_back(compare_family(before, counters, seconds));
	return all;
}

std::string rate_word(double rate)
{
	std::array<char, 32> text{};
	int decimals = 0;

	if (rate < 9.995)
		decimals = 2;
	else if (rate < 99.95)
		decimals = 1;
	std::snprintf(text.data(), text.size(), "%.*f", decimals, rate);
	return text.data();
}

std::string bar(double share, std::size_t width, bool blocks)
{
	// The console of Linux has full and half blocks in its font, and no other parts.
	constexpr const char *full = "█", *half = "▌";
	const double clamped = std::clamp(share, 0.0, 1.0);
	const auto halves =
		static_cast<std::size_t>(std::lround(clamped * 2 * static_cast<double>(width)));
	const std::size_t drawn =
		clamped > 0 && width > 0 ? std::max<std::size_t>(halves, 1) : halves;
	std::string text;

	for (std::size_t i = 0; i < drawn / 2; ++i)
		text += blocks ? full : "#";
	if (drawn % 2)
		text += blocks ? half : "#";
	return text + std::string(width - (drawn + 1) / 2, ' ');
}

std::vector<std::string> draw(const std::vector<Rates> &rates, const Canvas &canvas)
{
	const Columns columns = measure(rates);
	std::vector<std::string> lines;

	for (const Rates &family : rates) {
		const std::string name = family.family == AF_INET6 ? "IPv6" : "IPv4";

		if (family.outcomes.empty() && family.error_outcomes.empty() &&
		    family.facts.empty()) {
			lines.push_back((name + ": nothing happens").substr(0, canvas.width));
			continue;
		}
		draw_list(lines, name + ": " + rate_word(family.packets) + " messages/s received",
			  family.outcomes, columns, canvas, true);
		draw_list(lines, name + ": " + rate_word(family.errors) + " errors/s to send",
			  family.error_outcomes, columns, canvas, true);
		draw_list(lines, name + ": besides", family.facts, columns, canvas, false);
	}
	if (lines.size() > canvas.height) {
		const std::size_t left_out = lines.size() - canvas.height + 1;

		lines.resize(canvas.height);
		if (!lines.empty())
			lines.back() = ("... " + std::to_string(left_out) + " more lines")
					       .substr(0, canvas.width);
	}
	return lines;
}

} // namespace icmpxctl
