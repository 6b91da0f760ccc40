// SPDX-License-Identifier: GPL-2.0-only
#include "screen.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace icmpxctl {

namespace {

// ECMA-48, and xterm's private modes, which every terminal of today knows.
constexpr std::string_view kEnter = "\033[?1049h\033[?25l";
constexpr std::string_view kLeave = "\033[?25h\033[?1049l";
constexpr std::string_view kHome = "\033[H";
constexpr std::string_view kClearLine = "\033[K";
constexpr std::string_view kClearBelow = "\033[J";

void put(std::string_view text)
{
	std::fwrite(text.data(), 1, text.size(), stdout);
	std::fflush(stdout);
}

} // namespace

bool is_screen()
{
	const char *kind = std::getenv("TERM");

	return ::isatty(STDOUT_FILENO) && kind && std::string_view(kind) != "dumb";
}

Canvas measure_screen()
{
	Canvas canvas{.width = 80,
		      .height = 24,
		      .blocks = std::string_view(::nl_langinfo(CODESET)) == "UTF-8"};
	winsize size{};

	if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		canvas.width = size.ws_col;
		canvas.height = size.ws_row;
	} else if (const char *columns = std::getenv("COLUMNS")) {
		const long width = std::strtol(columns, nullptr, 10);

		if (width >= 20 && width <= 1000)
			canvas.width = static_cast<std::size_t>(width);
	}
	return canvas;
}

void Screen::draw(const std::vector<std::string> &lines)
{
	// A line is cleared behind its end and not before it is written: no moment has it empty.
	std::string text(kHome);

	for (std::size_t i = 0; i < lines.size(); ++i) {
		text += lines[i];
		text += kClearLine;
		text += i + 1 < lines.size() ? "\r\n" : "";
	}
	text += kClearBelow;
	put(text);
}

void Screen::enter()
{
	if (!entered_)
		put(kEnter);
	entered_ = true;
}

void Screen::leave()
{
	if (entered_)
		put(kLeave);
	entered_ = false;
}

} // namespace icmpxctl
