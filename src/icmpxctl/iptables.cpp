// SPDX-License-Identifier: GPL-2.0-only
#include "iptables.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace icmpxctl::iptables {

namespace {

/// The words of a line, but for comments, which might look like options. Words with blanks in them are quoted.
Words split(std::string_view line)
{
	Words words;
	std::string word;
	bool quoted = false, any = false;

	for (std::size_t at = 0; at < line.size(); at++) {
		const char c = line[at];

		if (c == '"') {
			quoted = !quoted;
			any = true;
		} else if (c == ' ' && !quoted) {
			if (any)
				words.push_back(std::move(word));
			word.clear();
			any = false;
		} else {
			word += c == '\\' && quoted && at + 1 < line.size() ? line[++at] : c;
			any = true;
		}
	}
	if (any)
		words.push_back(std::move(word));
	for (auto at = words.begin();
	     (at = std::find(at, words.end(), "--comment")) != words.end();)
		at = words.erase(at, std::min(at + 2, words.end()));
	return words;
}

/// What a list such as `NEW,RELATED` has.
bool lists(std::string_view list, std::string_view wanted)
{
	for (;;) {
		const std::size_t end = list.find(',');

		if (list.substr(0, end) == wanted)
			return true;
		if (end == std::string_view::npos)
			return false;
		list.remove_prefix(end + 1);
	}
}

/// Whether `8`, `8/0` or `any` is the type and the code of a ping; nothing if it is another word.
std::optional<bool> is_type(std::string_view value, unsigned wanted)
{
	constexpr unsigned any_type = 255;
	unsigned type = 0;
	const char *const end = value.data() + value.size();

	if (value == "any")
		return true;

	const auto [stop, error] = std::from_chars(value.data(), end, type);

	if (error != std::errc() || (stop != end && *stop != '/'))
		return std::nullopt;
	if (type == any_type)
		return true;
	return type == wanted && (stop == end || std::string_view(stop + 1, end) == "0");
}

/// An option that a match has once, with its value; those of its others make the match depend on more than is known.
struct Option {
	std::string_view match, name, others;
};

constexpr Option kOptions[] = {
	{"icmp", "--icmp-type", ""},
	{"icmp6", "--icmpv6-type", ""},
	{"conntrack", "--ctstate", "--ct"},
	{"state", "--state", ""},
	{"addrtype", "--dst-type", "--src-type"},
};

std::optional<bool> is_so(const Option &option, std::string_view value, const Packet &packet)
{
	if (option.match.starts_with("icmp"))
		return is_type(value, packet.type);
	if (option.match != "addrtype")
		return lists(value, packet.state);
	return packet.is_local ? std::optional(lists(value, "LOCAL")) : std::nullopt;
}

} // namespace

void read(std::string_view saved, const std::string &family, Rules &rules)
{
	std::istringstream stream{std::string(saved)};
	std::string table;

	for (std::string line; std::getline(stream, line);) {
		if (line.starts_with('*'))
			table = line.substr(1);
		if (!line.starts_with("-A "))
			continue;

		Words words = split(line);

		if (words.size() < 2)
			continue;

		std::string key = family;

		key.append(" ").append(table).append(" ").append(words[1]);

		std::vector<Words> &chain = rules[key];

		words.erase(words.begin(), words.begin() + 2);
		chain.push_back(std::move(words));
	}
}

std::optional<bool> holds(std::string_view match, const Words &rule, const Packet &packet)
{
	if (match == "comment")
		return true;

	const auto *const option =
		std::find_if(std::begin(kOptions), std::end(kOptions),
			     [match](const Option &other) { return other.match == match; });

	if (option == std::end(kOptions))
		return std::nullopt;

	const auto name = std::find(rule.begin(), rule.end(), option->name);
	const bool more = std::any_of(rule.begin(), rule.end(), [option](const std::string &word) {
		return word != option->name && !option->others.empty() &&
		       word.starts_with(option->others);
	});

	if (name == rule.end() || name + 1 == rule.end() || more)
		return std::nullopt;

	const std::optional<bool> so = is_so(*option, *(name + 1), packet);
	const bool negated = name != rule.begin() && *(name - 1) == "!";

	return so ? std::optional(*so != negated) : so;
}

} // namespace icmpxctl::iptables
