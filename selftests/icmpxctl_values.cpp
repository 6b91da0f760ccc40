// SPDX-License-Identifier: GPL-2.0-only
//
// icmpxctl: what releases of Linux and values of settings say, and words for a shell.

#include "../src/icmpxctl/shell.hpp"
#include "../src/icmpxctl/values.hpp"
#include "lib/ktap.hpp"

using ktap::expect;
using ktap::expect_equal;

namespace {

using namespace icmpxctl;

void kernels()
{
	for (const char *release :
	     {"6.1.0-56-amd64", "6.1", "6.12.117+deb12-amd64", "7.0.1", "7.3.4", "7.3-rc1"})
		expect(is_supported(release), release);
	for (const char *release :
	     {"6.0.9", "5.10.0", "7.4.0", "7.10.1", "8.1", "", "6", "linux", "6.x"})
		expect(!is_supported(release), release);
}

void lists_of_types()
{
	for (const char *list : {"129", "0-255", "1,129", "128-129", "129-130,5"})
		expect(has_type(list, 129), list);
	for (const char *list : {"", "128", "0-128", "130-255", "1,12,9", "x", "-", "129-"})
		expect(!has_type(list, 129), list);
	for (const auto &[list, rest] :
	     {std::pair("0-255", "0-128,130-255"), std::pair("129", ""),
	      std::pair("128-129", "128"), std::pair("129-130,5", "130,5"),
	      std::pair("1,128-131,x", "1,128,130-131,x"), std::pair("3-7", "3-7")})
		expect_equal(without_type(list, 129), rest, list);
	expect_equal(without_type("0-1,3", 0), "1,3", "type 0");
}

/// Words for a shell, as it has to see them.
void words_for_the_shell()
{
	for (const char *word : {"blue", "/run/netns/a-b_1.c", "0-1,3-127", "a@b:c+d=e"})
		expect_equal(shell_word(word), word, word);
	expect_equal(shell_word(""), "''", "an empty word");
	expect_equal(shell_word("a b"), "'a b'", "a blank");
	expect_equal(shell_word("$(reboot);`x`\\"), "'$(reboot);`x`\\'", "what shells expand");
	expect_equal(shell_word("it's"), "'it'\\''s'", "a quote");
	expect_equal(shell_word("a\x1b]0;%'\\"), R"_("$(printf 'a\033]0;\045\047\134')")_",
		     "an escape");
	expect_equal(shell_word("\xc2\x9b"), R"_("$(printf '\302\233')")_", "C1");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"kernels", kernels},
				 {"lists_of_types", lists_of_types},
				 {"words_for_the_shell", words_for_the_shell},
			 });
}
