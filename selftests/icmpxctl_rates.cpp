// SPDX-License-Identifier: GPL-2.0-only
//
// What `icmpxctl stats -w` makes of counters: rates, shares, bars and the picture. src/icmpxctl/rates.cpp.

#include "lib/ktap.hpp"

#include "../src/icmpxctl/rates.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace {

using namespace icmpxctl;
using ktap::expect;
using ktap::expect_equal;
using ktap::require_equal;

/// The counters of a time.
std::vector<Counters> counters(std::uint64_t packets, std::uint64_t in_place, std::uint64_t ignored,
			       std::uint64_t lookups = 0, std::uint64_t sockets = 0)
{
	return {{.family = AF_INET,
		 .list = {{"packets_in", packets, ICMPX_COUNTER_KIND_SUM},
			  {"ignore_type", ignored, ICMPX_COUNTER_KIND_OUTCOME},
			  {"reply_in_place", in_place, ICMPX_COUNTER_KIND_OUTCOME},
			  {"route_lookups", lookups, ICMPX_COUNTER_KIND_FACT},
			  {"ping_sockets", sockets, ICMPX_COUNTER_KIND_STATE}}}};
}

/// Columns of a terminal that a line takes.
std::size_t columns(const std::string &line)
{
	return static_cast<std::size_t>(
		std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }));
}

void rates_are_differences()
{
	const auto all = compare(counters(100, 90, 10, 5, 3), counters(300, 240, 60, 6, 4), 2);

	require_equal(all.size(), 1U, "families");
	expect_equal(all[0].family, AF_INET, "family");
	expect_equal(all[0].packets, 100.0, "packets in a second");
	require_equal(all[0].outcomes.size(), 2U, "outcomes");
	expect_equal(all[0].outcomes[0].name, "reply_in_place", "the most frequent");
	expect_equal(all[0].outcomes[0].rate, 75.0, "its rate");
	expect_equal(all[0].outcomes[0].share, 0.75, "its share");
	expect_equal(all[0].outcomes[1].name, "ignore_type", "the other");
	expect_equal(all[0].outcomes[1].share, 0.25, "its share");
	require_equal(all[0].facts.size(), 1U, "facts; what is so now is none");
	expect_equal(all[0].facts[0].rate, 0.5, "a fact's rate");
	expect_equal(all[0].facts[0].share, 0.0, "a fact has no share");
}

void what_did_not_happen_is_left_out()
{
	const auto all = compare(counters(100, 90, 10, 5), counters(101, 91, 10, 5), 1);

	require_equal(all[0].outcomes.size(), 1U, "outcomes");
	expect_equal(all[0].facts.size(), 0U, "facts");
}

void a_module_that_was_loaded_again()
{
	const auto all = compare(counters(100, 90, 10), counters(4, 3, 1), 1);

	expect_equal(all[0].packets, 4.0, "packets");
	expect_equal(all[0].outcomes[0].rate, 3.0, "counted from zero on");
	expect_equal(compare({}, counters(4, 3, 1), 1)[0].packets, 4.0,
		     "counters that were not there");
	expect_equal(compare(counters(4, 3, 1), {}, 1).size(), 0U,
		     "counters that are not there any more");
}

void errors_have_a_sum_of_their_own()
{
	std::vector<Counters> before = {
		{.family = AF_INET6,
		 .list = {{"packets_in", 0, ICMPX_COUNTER_KIND_SUM},
			  {"errors_wanted", 0, ICMPX_COUNTER_KIND_SUM},
			  {"error_sent_other", 0, ICMPX_COUNTER_KIND_ERROR_OUTCOME}}}};
	std::vector<Counters> after = before;

	after[0].list[0].value = 1000;
	after[0].list[1].value = 10;
	after[0].list[2].value = 5;

	const auto all = compare(before, after, 1);

	expect_equal(all[0].packets, 1000.0, "packets");
	expect_equal(all[0].errors, 10.0, "errors");
	require_equal(all[0].error_outcomes.size(), 1U, "outcomes of errors");
	expect_equal(all[0].error_outcomes[0].share, 0.5, "the share of the errors");
}

// Counters are not read all at once.
void no_share_is_more_than_all()
{
	expect_equal(compare(counters(0, 0, 0), counters(10, 12, 0), 1)[0].outcomes[0].share, 1.0,
		     "more outcomes than packets");
	expect_equal(compare(counters(0, 0, 0), counters(0, 12, 0), 1)[0].outcomes[0].share, 0.0,
		     "outcomes of no packets");
}

void bars()
{
	expect_equal(bar(1, 4, true), "████", "all");
	expect_equal(bar(0.5, 4, true), "██  ", "half");
	expect_equal(bar(0.375, 4, true), "█▌  ", "a block and a half");
	expect_equal(bar(0, 4, true), "    ", "nothing");
	expect_equal(bar(0.0001, 4, true), "▌   ", "more than nothing");
	expect_equal(bar(0.0001, 4, false), "#   ", "more than nothing, in ASCII");
	expect_equal(bar(0.5, 4, false), "##  ", "half, in ASCII");
	expect_equal(bar(2, 4, false), "####", "more than all");
	expect_equal(bar(-1, 4, false), "    ", "less than nothing");
	expect_equal(bar(1, 0, true), "", "no room");
	expect_equal(bar(0.0001, 0, true), "", "no room for more than nothing");
}

void rate_words()
{
	expect_equal(rate_word(0.333), "0.33", "less than ten");
	expect_equal(rate_word(9.996), "10.0", "rounded to ten");
	expect_equal(rate_word(99.96), "100", "rounded to a hundred");
	expect_equal(rate_word(12.34), "12.3", "less than a hundred");
	expect_equal(rate_word(1234567), "1234567", "many");
}

void a_picture()
{
	const auto rates = compare(counters(0, 0, 0), counters(100, 75, 25, 7), 1);
	const auto lines = draw(rates, {.width = 60, .height = 24, .blocks = false});

	require_equal(lines.size(), 5U, "lines");
	expect_equal(lines[0], "IPv4: 100 messages/s received", "head");
	expect_equal(lines[1], "  reply_in_place  75.0/s  75% #######################       ",
		     "first outcome");
	expect_equal(lines[2], "  ignore_type     25.0/s  25% ########                      ",
		     "second outcome");
	expect_equal(lines[3], "IPv4: besides", "head of facts");
	expect_equal(lines[4], "  route_lookups   7.00/s", "a fact");
	expect_equal(draw(compare(counters(1, 1, 0), counters(1, 1, 0), 1), {})[0],
		     "IPv4: nothing happens", "nothing");
	expect_equal(draw({}, {}).size(), 0U, "no families");
}

// No line is longer than the terminal, and no picture is higher; bars use what there is.
void a_picture_fits()
{
	const auto rates = compare(counters(0, 0, 0), counters(100, 75, 25, 7), 1);

	for (std::size_t width = 0; width <= 200; ++width)
		for (const bool blocks : {false, true}) {
			std::size_t longest = 0;

			for (const std::string &line :
			     draw(rates, {.width = width, .height = 24, .blocks = blocks}))
				longest = std::max(longest, columns(line));
			expect(longest <= width, "fits into " + std::to_string(width));
			if (width >= 40)
				expect_equal(longest, width, "uses all columns");
		}
	for (std::size_t height = 0; height <= 6; ++height) {
		const auto lines = draw(rates, {.width = 60, .height = height, .blocks = false});

		expect_equal(lines.size(), std::min<std::size_t>(height, 5), "lines");
		if (height > 0 && height < 5)
			expect_equal(lines.back(),
				     "... " + std::to_string(6 - height) + " more lines",
				     "what is left out");
	}
}

// Numbers as they are after years, or from a module that lies.
void great_numbers()
{
	constexpr auto most = std::numeric_limits<std::uint64_t>::max();
	const auto rates = compare(counters(0, 0, 0), counters(most, most, most), 0.1);

	for (const std::string &line : draw(rates, {.width = 80, .height = 24, .blocks = true}))
		expect(columns(line) <= 80, "fits");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rates_are_differences", rates_are_differences},
			{"what_did_not_happen_is_left_out", what_did_not_happen_is_left_out},
			{"a_module_that_was_loaded_again", a_module_that_was_loaded_again},
			{"errors_have_a_sum_of_their_own", errors_have_a_sum_of_their_own},
			{"no_share_is_more_than_all", no_share_is_more_than_all},
			{"bars", bars},
			{"rate_words", rate_words},
			{"a_picture", a_picture},
			{"a_picture_fits", a_picture_fits},
			{"great_numbers", great_numbers},
		});
}
