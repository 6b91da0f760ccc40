// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl stats: the counters once, or how fast they grow.
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <clocale>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <optional>

#include "command.hpp"
#include "counters.hpp"
#include "json.hpp"
#include "netlink.hpp"
#include "output.hpp"
#include "rates.hpp"
#include "screen.hpp"
#include "signals.hpp"
#include "words.hpp"

namespace icmpxctl {

namespace {

struct Wanted {
	bool all = false;
	/// Seconds between two looks at the counters.
	std::optional<double> interval;
	std::string interval_word;
};

Wanted parse(Arguments arguments)
{
	Wanted wanted;

	for (std::size_t i = 0; i < arguments.size(); ++i) {
		const std::string_view word = arguments[i];

		if (word == "-a") {
			wanted.all = true;
		} else if (word == "-w") {
			if (++i == arguments.size())
				throw Misuse("stats -w takes a number of seconds");
			wanted.interval_word = arguments[i];
			wanted.interval = parse_seconds(arguments[i]);
			if (!wanted.interval)
				throw Misuse("'" + wanted.interval_word +
					     "' is no number of seconds from 0.1 to 86400");
		} else {
			throw Misuse("stats does not take '" + std::string(word) + "'");
		}
	}
	if (wanted.all && wanted.interval)
		throw Misuse("stats takes -a or -w");
	return wanted;
}

void print_once(const Options &options, bool all, const std::vector<Counters> &families)
{
	Json object = Json::object();
	std::vector<std::vector<std::string>> rows;

	for (const Counters &counters : families)
		for (const Counter &counter : counters.list) {
			object[family_word(counters.family)][counter.name] = counter.value;
			if (counter.value || all)
				rows.push_back({family_word(counters.family), counter.name,
						std::to_string(counter.value)});
		}
	if (options.json)
		return print(object);
	for (const std::string &line : table(rows))
		std::puts(line.c_str());
}

Json to_json(const std::vector<Rates> &all)
{
	Json object = Json::object();

	for (const Rates &rates : all) {
		Json &family = object[family_word(rates.family)];

		family = {{"packets_in", rates.packets}, {"errors_wanted", rates.errors}};
		for (const auto *list : {&rates.outcomes, &rates.error_outcomes, &rates.facts})
			for (const Rate &rate : *list)
				family[rate.name] = rate.rate;
	}
	return object;
}

/// A timer that poll() sees.
class Timer {
public:
	explicit Timer(double seconds)
		: fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))
	{
		const auto whole = static_cast<time_t>(seconds);
		const timespec time{
			.tv_sec = whole,
			.tv_nsec = std::lround((seconds - static_cast<double>(whole)) * 1e9)};
		const itimerspec spec{.it_interval = time, .it_value = time};

		if (fd_ < 0 || ::timerfd_settime(fd_, 0, &spec, nullptr) < 0)
			throw Error("timerfd failed");
	}
	~Timer() { ::close(fd_); }
	Timer(const Timer &) = delete;
	Timer &operator=(const Timer &) = delete;

	int descriptor() const { return fd_; }
	/// Whether it has run down since the last time.
	bool read() const
	{
		std::uint64_t times = 0;

		return ::read(fd_, &times, sizeof(times)) == sizeof(times);
	}

private:
	int fd_;
};

/// Shows rates again and again: on a terminal in place, otherwise one block below the other.
class Watch {
public:
	Watch(const Options &options, const Wanted &wanted) : options_(options), wanted_(wanted)
	{
		if (!options.json && is_screen())
			screen_.emplace();
	}

	/// Returns when a signal says so.
	void run()
	{
		const Timer timer(*wanted_.interval);

		look();
		show();
		for (;;) {
			std::array<pollfd, 2> descriptors = {
				{{.fd = signals_.descriptor(), .events = POLLIN, .revents = 0},
				 {.fd = timer.descriptor(), .events = POLLIN, .revents = 0}}};

			if (::poll(descriptors.data(), descriptors.size(), -1) < 0 &&
			    errno != EINTR)
				throw Error("poll failed");
			if (const int signal = signals_.read(); ends(signal))
				return;
			else if (signal == SIGTSTP)
				stop();
			else if (signal == SIGWINCH)
				show();
			if (timer.read()) {
				look();
				show();
			}
		}
	}

private:
	using Clock = std::chrono::steady_clock;

	const Options &options_;
	const Wanted &wanted_;
	/// Those of the keyboard, and that of a terminal that has another size. None of them is to come before the terminal is
	/// given back.
	Signals signals_{SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP};
	Netlink netlink_;
	std::vector<Counters> counters_;
	Clock::time_point time_;
	std::optional<std::vector<Rates>> rates_;
	std::optional<Screen> screen_;

	/// Reads the counters, and compares them with what they were.
	void look()
	{
		std::vector<Counters> counters = read_counters(netlink_, options_.family);
		const Clock::time_point now = Clock::now();
		const std::chrono::duration<double> passed = now - time_;

		if (!counters_.empty())
			rates_ = compare(counters_, counters, passed.count());
		counters_ = std::move(counters);
		time_ = now;
		if (rates_ && !screen_)
			print_block();
	}

	/// A block for a program that reads a file or a pipe.
	void print_block() const
	{
		if (options_.json)
			return print(to_json(*rates_));

		Canvas canvas = measure_screen();

		canvas.height = SIZE_MAX;
		for (const std::string &line : draw(*rates_, canvas))
			std::puts(line.substr(0, line.find_last_not_of(' ') + 1).c_str());
		std::puts("");
		flush_output();
	}

	void show()
	{
		if (!screen_)
			return;

		Canvas canvas = measure_screen();
		std::vector<std::string> lines = {"icmpx, every " + wanted_.interval_word + " s"};

		lines[0].resize(std::min(lines[0].size(), canvas.width));
		canvas.height -= std::min<std::size_t>(canvas.height, 1);
		if (!rates_)
			lines.push_back("...");
		else
			for (std::string &line : draw(*rates_, canvas))
				lines.push_back(std::move(line));
		screen_->draw(lines);
	}

	/// Ctrl-Z: the shell gets its terminal as it was.
	void stop()
	{
		if (screen_)
			screen_->leave();
		::raise(SIGSTOP);
		if (!screen_)
			return;
		screen_->enter();
		show();
	}
};

int run_stats(const Options &options, Arguments arguments)
{
	const Wanted wanted = parse(arguments);

	// For the encoding alone: numbers are to have a point in them.
	std::setlocale(LC_CTYPE, "");
	if (wanted.interval) {
		Watch(options, wanted).run();
		return kDone;
	}

	Netlink netlink;

	print_once(options, wanted.all, read_counters(netlink, options.family));
	return kDone;
}

} // namespace

const Command stats{
	.name = "stats",
	.summary = "print counters, or how fast they grow",
	.usage =
		"Usage: icmpxctl [-4 | -6] [-j] stats [-a]\n"
		"       icmpxctl [-4 | -6] [-j] stats -w SECONDS\n"
		"\n"
		"Prints the counters other than zero; with -a all of them. With -j, an object for\n"
		"each family that has all counters.\n"
		"\n"
		"  -w SECONDS  every SECONDS (0.1 to 86400), show how often in a second each\n"
		"              counter was counted since the last time: the most frequent first,\n"
		"              each outcome with a bar for its share of all messages. On a\n"
		"              terminal the picture is redrawn in place; elsewhere there is a\n"
		"              block, or with -j an object on a line, each time. Ctrl-C ends it.\n",
	.run = run_stats,
};

} // namespace icmpxctl
