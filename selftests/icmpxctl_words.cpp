// SPDX-License-Identifier: GPL-2.0-only
//
// How icmpxctl reads and writes names, addresses, times and tables: src/icmpxctl/words.cpp and printable.cpp.

#include "lib/ktap.hpp"

#include "../src/icmpxctl/printable.hpp"
#include "../src/icmpxctl/words.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace {

using namespace icmpxctl;
using ktap::expect;
using ktap::expect_equal;

void distances()
{
	expect_equal(distance("", ""), 0U, "nothing and nothing");
	expect_equal(distance("echo", ""), 4U, "a word and nothing");
	expect_equal(distance("", "echo"), 4U, "nothing and a word");
	expect_equal(distance("echo", "echo"), 0U, "a word and itself");
	expect_equal(distance("echo", "eco"), 1U, "a letter left out");
	expect_equal(distance("eco", "echo"), 1U, "a letter put in");
	expect_equal(distance("echo", "exho"), 1U, "a letter replaced");
	expect_equal(distance("echo", "ehco"), 1U, "two letters swapped");
	expect_equal(distance("kitten", "sitting"), 3U, "three changes");
}

void nearest_words()
{
	const std::vector<std::string> names = {"echo_burst", "echo_ratelimit", "ratelimit",
						"ratemask"};

	expect_equal(nearest("echo_ratelimt", names), "echo_ratelimit", "a letter is missing");
	expect_equal(nearest("ratemaks", names), "ratemask", "letters are swapped");
	expect_equal(nearest("ratelimit", names), "ratelimit", "the word itself");
	expect_equal(nearest("broadcast", names), "", "a word far from all");
	expect_equal(nearest("", names), "", "no word");
	expect_equal(nearest("echo", {}), "", "no candidates");
}

void expect_setting(std::string_view word, std::optional<int> family, std::string_view name)
{
	const SettingName setting = parse_setting(word);

	expect_equal(setting.family.value_or(0), family.value_or(0),
		     std::string(word) + ": family");
	expect_equal(setting.name, name, std::string(word) + ": name");
}

void setting_names()
{
	expect_setting("echo_burst", {}, "echo_burst");
	expect_setting("net.icmpx.echo_burst", AF_INET, "echo_burst");
	expect_setting("net.icmpx6.echo_burst", AF_INET6, "echo_burst");
	expect_setting("net/icmpx6/echo_burst", AF_INET6, "echo_burst");
	expect_setting("net.icmpx7.echo_burst", {}, "net.icmpx7.echo_burst");
	expect_setting("net.icmpx", {}, "net.icmpx");
	expect_setting("", {}, "");
	expect_equal(full_name(AF_INET, "ratemask"), "net.icmpx.ratemask", "IPv4's full name");
	expect_equal(full_name(AF_INET6, "ratemask"), "net.icmpx6.ratemask", "IPv6's full name");
}

std::vector<std::byte> bytes(std::initializer_list<int> numbers)
{
	std::vector<std::byte> result;

	result.reserve(numbers.size());
	for (const int number : numbers)
		result.push_back(static_cast<std::byte>(number));
	return result;
}

void addresses()
{
	expect_equal(address_word(bytes({192, 0, 2, 1})), "192.0.2.1", "IPv4");
	expect_equal(address_word(bytes({0, 0, 0, 0})), "*", "none of IPv4");
	expect_equal(address_word(bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})),
		     "2001:db8::1", "IPv6");
	expect_equal(address_word(std::vector<std::byte>(16)), "*", "none of IPv6");
	expect_equal(address_word(bytes({0, 0x5e, 0xff})), "005eff", "no address");
	expect_equal(address_word({}), "", "no bytes");
}

void times()
{
	expect_equal(time_word(0), "0 ms", "no time");
	expect_equal(time_word(1999), "1999 ms", "less than two seconds");
	expect_equal(time_word(2000), "2 s", "two seconds");
	expect_equal(time_word(119'999), "119 s", "less than two minutes");
	expect_equal(time_word(120'000), "2 min", "two minutes");
	expect_equal(time_word(7'200'000), "2 h", "two hours");
	expect_equal(time_word(172'799'999), "47 h", "less than two days");
	expect_equal(time_word(259'200'000), "3 d", "three days");
}

void seconds()
{
	expect_equal(parse_seconds("2").value_or(0), 2.0, "a whole number");
	expect_equal(parse_seconds("0.5").value_or(0), 0.5, "a fraction");
	expect_equal(parse_seconds("86400").value_or(0), 86400.0, "the greatest");
	for (const char *word :
	     {"", "0", "0.09", "86401", "-1", "1s", "1 ", " 1", "nan", "inf", "1e1", "0x1"})
		expect(!parse_seconds(word), "no number of seconds: '" + std::string(word) + "'");
}

void tables()
{
	const std::vector<std::vector<std::string>> rows = {
		{"NAME", "COUNT", "NOTE"}, {"a", "7", "x"}, {"longer", "1234", ""}};
	const std::vector<std::string> lines = table(rows);

	ktap::require_equal(lines.size(), 3U, "lines");
	expect_equal(lines[0], "NAME    COUNT  NOTE", "heads");
	expect_equal(lines[1], "a           7  x", "a number at its column's right end");
	expect_equal(lines[2], "longer   1234", "no blanks at the end");
	expect_equal(table({}).size(), 0U, "no rows");
}

void family_words()
{
	expect_equal(family_word(AF_INET), "ipv4", "IPv4");
	expect_equal(family_word(AF_INET6), "ipv6", "IPv6");
	expect_equal(family_word(77), "77", "another");
}

void printable_names()
{
	expect_equal(printable(""), "", "nothing");
	expect_equal(printable("eth0 a\\b\t~"), "eth0 a\\b\t~", "ASCII, and a tab");
	expect_equal(printable("é€𝄞 "), "é€𝄞 ", "characters of two to four bytes");
	expect_equal(printable("\x1b]0;x\a\n\x7f"), "\\x1b]0;x\\x07\\x0a\\x7f", "C0 and DEL");
	expect_equal(printable(std::string_view("a\0b", 3)), "a\\x00b", "a zero byte");
	expect_equal(printable("\xc2\x9b"
			       "0m\xc2\xa0"),
		     "\\xc2\\x9b0m\xc2\xa0", "C1, and the character that follows it");
	expect_equal(printable("\x9b"
			       "0m"),
		     "\\x9b0m", "C1 as a byte");
}

// A byte that is no part of a character does not hide the next ones.
void names_that_are_no_text()
{
	expect_equal(printable("\xe2\x82"), "\\xe2\\x82", "cut off");
	expect_equal(printable("\xe2\x82(\xc3\xa9"), "\\xe2\\x82(\xc3\xa9", "cut off within");
	expect_equal(printable("\xc3\x1b[0m"), "\\xc3\\x1b[0m",
		     "an escape sequence in a character");
	expect_equal(printable("\xc0\x9b"), "\\xc0\\x9b", "too long");
	expect_equal(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b", "too long, of three bytes");
	expect_equal(printable("\xf0\x80\x82\x9b"), "\\xf0\\x80\\x82\\x9b",
		     "too long, of four bytes");
	expect_equal(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80", "a surrogate");
	expect_equal(printable("\xed\x9f\xbf\xee\x80\x80"), "\xed\x9f\xbf\xee\x80\x80",
		     "beside surrogates");
	expect_equal(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", "above Unicode");
	expect_equal(printable("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf", "the greatest");
	expect_equal(printable("\xff"), "\\xff", "no first byte");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"distances", distances},
				 {"nearest_words", nearest_words},
				 {"setting_names", setting_names},
				 {"addresses", addresses},
				 {"times", times},
				 {"seconds", seconds},
				 {"tables", tables},
				 {"family_words", family_words},
				 {"printable_names", printable_names},
				 {"names_that_are_no_text", names_that_are_no_text},
			 });
}
