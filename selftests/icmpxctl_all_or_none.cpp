// SPDX-License-Identifier: GPL-2.0-only
//
// How a change of several devices is taken back when one is refused: src/icmpxctl/all_or_none.cpp.

#include "lib/ktap.hpp"

#include "../src/icmpxctl/all_or_none.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace icmpxctl;
using ktap::expect_equal;

/// What was done to the devices a, b, c and d: "+a" for a change, "-a" for its undoing, each followed by a blank.
struct Course {
	std::string done;
	std::string message;
};

/// @param refused  what is refused: words such as "+a"
Course run(std::string_view refused)
{
	Course course;
	std::string a = "a", b = "b", c = "c", d = "d";
	const std::vector<char *> names = {a.data(), b.data(), c.data(), d.data()};
	const auto by = [&](char sign) {
		return [&course, refused, sign](const char *name) {
			const std::string step = sign + std::string(name);

			if (refused.find(step) != std::string_view::npos)
				throw Error(step + " is refused");
			course.done += step + " ";
		};
	};

	try {
		all_or_none(names, by('+'), by('-'));
	} catch (const Error &error) {
		course.message = error.what();
	}
	return course;
}

void all()
{
	expect_equal(run("").done, "+a +b +c +d ", "done");
	expect_equal(run("").message, "", "message");
}

void none()
{
	expect_equal(run("+a").done, "", "the first is refused");
	expect_equal(run("+c").done, "+a +b -b -a ", "the third is refused");
	expect_equal(run("+c").message, "+c is refused", "message");
}

// That one stays as it was changed keeps no other from being changed back, and does not hide what was refused.
void what_cannot_be_undone()
{
	expect_equal(run("+d -b").done, "+a +b +c -c -a ", "the second cannot be undone");
	expect_equal(run("+d -b").message, "+d is refused\nnot undone: -b is refused", "message");
	expect_equal(run("+d -a -c").done, "+a +b +c -b ", "two cannot be undone");
	expect_equal(run("+d -a -c").message,
		     "+d is refused\nnot undone: -c is refused\nnot undone: -a is refused",
		     "message");
}

void the_status_is_that_of_the_first_error()
{
	std::string name = "a";
	const std::vector<char *> names = {name.data()};

	try {
		all_or_none(
			names, [](const char *) { throw Misuse("wrong"); }, [](const char *) {});
	} catch (const Error &error) {
		expect_equal(error.status(), static_cast<int>(kMisused), "status");
		return;
	}
	ktap::expect(false, "nothing was thrown");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"all", all},
				 {"none", none},
				 {"what_cannot_be_undone", what_cannot_be_undone},
				 {"the_status_is_that_of_the_first_error",
				  the_status_is_that_of_the_first_error},
			 });
}
