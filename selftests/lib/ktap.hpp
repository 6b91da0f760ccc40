/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Tests that report in KTAP (Documentation/dev-tools/ktap.rst).
 *
 * A test is a function; main() hands a table of names and functions to ktap::run(). An expectation that does not hold
 * prints a diagnostic with file, line and both values, and the test goes on; a requirement ends the test.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <source_location>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ktap {

using Location = std::source_location;

/// Exit statuses of a kselftest (tools/testing/selftests/kselftest.h).
enum Exit : int { pass = 0, fail = 1, skipped = 4 };

/// Thrown to leave a test that cannot go on: what it found has been printed.
struct Abort {};

/// Thrown to leave a test that this machine or kernel cannot run.
struct Skip {
	std::string reason;
};

/// One row of the table of a test program.
struct Test {
	std::string name;
	std::function<void()> function;
};

namespace detail {

inline bool current_failed;

/// Whether tests are running: what else uses expectations prints figures, and nothing in between.
inline bool running;

template <typename T> std::string text(const T &value)
{
	std::ostringstream out;

	if constexpr (std::is_same_v<T, bool>) {
		out << (value ? "true" : "false");
	} else if constexpr (std::is_enum_v<T>) {
		out << static_cast<std::int64_t>(value);
	} else if constexpr (std::is_integral_v<T>) {
		out << +value;
	} else if constexpr (std::is_convertible_v<T, std::string_view>) {
		out << '"' << std::string_view(value) << '"';
	} else if constexpr (std::ranges::range<T>) {
		constexpr std::size_t limit = 160;
		std::size_t count = 0;

		out << '[' << std::ranges::distance(value) << "]";
		for (const auto &item : value) {
			if (++count > limit) {
				out << " …";
				break;
			}
			char hex[4];
			std::snprintf(hex, sizeof(hex), " %02x",
				      static_cast<unsigned>(item) & 0xff);
			out << hex;
		}
	} else {
		out << value;
	}
	return out.str();
}

} // namespace detail

/// Prints a diagnostic line.
inline void say(std::string_view message)
{
	std::printf("# %.*s\n", static_cast<int>(message.size()), message.data());
	std::fflush(stdout);
}

/// To be called in the course of something long: prints a line when ten seconds have passed since the last one. What ends
/// tests that hang (scripts/vm, run_kselftest.sh) goes by the lines that they print.
inline void progress(std::string_view what)
{
	constexpr std::time_t interval = 10;
	static std::time_t said;
	timespec now{};

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (said && now.tv_sec - said >= interval)
		say("so far: " + std::string(what));
	if (!said || now.tv_sec - said >= interval)
		said = now.tv_sec;
}

/// Fails the current test, which goes on.
inline void failure(std::string_view message, const Location &where = Location::current())
{
	detail::current_failed = true;
	say(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
	    std::string(message));
}

/// Fails the current test and leaves it.
[[noreturn]] inline void fatal(std::string_view message,
			       const Location &where = Location::current())
{
	failure(message, where);
	throw Abort{};
}

/// Leaves the current test as skipped.
[[noreturn]] inline void skip(std::string reason) { throw Skip{std::move(reason)}; }

/// Expects @p condition to hold; @p what says what it stands for.
inline bool expect(bool condition, std::string_view what,
		   const Location &where = Location::current())
{
	if (detail::running)
		progress(what);
	if (!condition)
		failure("does not hold: " + std::string(what), where);
	return condition;
}

/// Expects @p actual to be equal to @p expected.
template <typename A, typename E>
bool expect_equal(const A &actual, const E &expected, std::string_view what,
		  const Location &where = Location::current())
{
	bool equal;

	if (detail::running)
		progress(what);
	if constexpr (std::is_integral_v<A> && std::is_integral_v<E>)
		equal = static_cast<std::int64_t>(actual) == static_cast<std::int64_t>(expected);
	else
		equal = actual == expected;
	if (!equal)
		failure(std::string(what) + ": got " + detail::text(actual) + ", expected " +
				detail::text(expected),
			where);
	return equal;
}

/// Expects @p low <= @p actual <= @p high.
inline bool expect_between(std::int64_t actual, std::int64_t low, std::int64_t high,
			   std::string_view what, const Location &where = Location::current())
{
	bool inside = low <= actual && actual <= high;

	if (detail::running)
		progress(what);
	if (!inside)
		failure(std::string(what) + ": got " + detail::text(actual) + ", expected " +
				detail::text(low) + " to " + detail::text(high),
			where);
	return inside;
}

/// As expect(), but the test ends when @p condition does not hold.
inline void require(bool condition, std::string_view what,
		    const Location &where = Location::current())
{
	if (!expect(condition, what, where))
		throw Abort{};
}

/// As expect_equal(), but the test ends when the two differ.
template <typename A, typename E>
void require_equal(const A &actual, const E &expected, std::string_view what,
		   const Location &where = Location::current())
{
	if (!expect_equal(actual, expected, what, where))
		throw Abort{};
}

/// The contents of @p optional; the test ends when there are none.
template <typename T>
T require_value(std::optional<T> optional, std::string_view what,
		const Location &where = Location::current())
{
	if (!optional)
		fatal("nothing: " + std::string(what), where);
	return std::move(*optional);
}

/**
 * Runs @p tests, or those of them whose name contains the program's first argument.
 *
 * Returns the program's exit status: 4 when everything was skipped, 1 when a test failed or there is none of that name.
 */
inline int run(int argc, char **argv, const std::vector<Test> &all)
{
	std::vector<Test> tests;
	int number = 0, failed = 0, skipped_tests = 0;

	for (const Test &test : all) {
		if (argc < 2 || test.name.find(argv[1]) != std::string::npos)
			tests.push_back(test);
	}
	if (tests.empty()) {
		std::fprintf(stderr, "no test's name contains '%s'\n", argc < 2 ? "" : argv[1]);
		return Exit::fail;
	}
	detail::running = true;
	std::printf("KTAP version 1\n1..%zu\n", tests.size());
	std::fflush(stdout);
	for (const Test &test : tests) {
		std::string skip_reason;

		detail::current_failed = false;
		try {
			test.function();
		} catch (const Abort &) { // NOLINT(bugprone-empty-catch): what failed has been said
		} catch (const Skip &skip) {
			skip_reason = skip.reason;
		} catch (const std::exception &error) {
			failure(error.what());
		}
		failed += detail::current_failed;
		if (!detail::current_failed && !skip_reason.empty()) {
			skipped_tests++;
			std::printf("ok %d %s # SKIP %s\n", ++number, test.name.c_str(),
				    skip_reason.c_str());
		} else {
			std::printf("%s %d %s\n", detail::current_failed ? "not ok" : "ok",
				    ++number, test.name.c_str());
		}
		std::fflush(stdout);
	}
	std::printf("# Totals: pass:%d fail:%d skip:%d\n", number - failed - skipped_tests, failed,
		    skipped_tests);
	if (failed)
		return Exit::fail;
	return skipped_tests == number ? Exit::skipped : Exit::pass;
}

} // namespace ktap
