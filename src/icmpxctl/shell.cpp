// SPDX-License-Identifier: GPL-2.0-only
#include "shell.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace icmpxctl {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kPlain = "0123456789_.+:,/@=-";

bool is_plain(char c)
{
	return kLetters.find(c) != std::string_view::npos ||
	       kPlain.find(c) != std::string_view::npos;
}

bool is_ascii_print(char c) { return c >= ' ' && c <= '~'; }

/// For the format of printf(1), which all shells know; `$'…'` they do not.
std::string octal(char c)
{
	std::array<char, 8> text{};

	std::snprintf(text.data(), text.size(), "\\%03o", static_cast<unsigned char>(c));
	return text.data();
}

/// Only a shell takes assignments before a command; env(1) does in its place.
bool begins_with_assignment(std::string_view command)
{
	return command.substr(0, command.find(' ')).find('=') != std::string_view::npos;
}

} // namespace

std::string shell_word(std::string_view word)
{
	if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain))
		return std::string(word);

	const bool prints = std::all_of(word.begin(), word.end(), is_ascii_print);
	std::string text;

	for (const char c : word) {
		if (!prints && (!is_ascii_print(c) || c == '\\' || c == '%' || c == '\''))
			text += octal(c);
		else if (c == '\'')
			text += "'\\''";
		else
			text += c;
	}
	// A substitution loses the newlines at the end of a word, which no name has that is used here.
	return prints ? "'" + text + "'" : "\"$(printf '" + text + "')\"";
}

std::string in_netns(std::string_view netns, const std::string &command)
{
	if (netns.empty())
		return command;
	return (netns.find('/') == std::string_view::npos ? "ip netns exec " + shell_word(netns)
							  : "nsenter --net=" + shell_word(netns)) +
	       (begins_with_assignment(command) ? " env " : " ") + command;
}

} // namespace icmpxctl
