// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl limited: the source prefixes that get fewer replies than they ask for.
#include <algorithm>
#include <cstdio>

#include <icmpx/netlink.h>

#include "command.hpp"
#include "prefixes.hpp"
#include "words.hpp"

namespace icmpxctl {

Json Prefix::json() const
{
	return {{"family", family_word(family)},
		{"prefix", prefix},
		{"refused", refused},
		{"age_ms", age},
		{"idle_ms", idle}};
}

Prefix parse_prefix(const Attributes &attributes)
{
	const auto number = [&](int type) {
		return attributes.number(type).value_or(0);
	};
	const auto bytes = attributes.find(ICMPX_A_LIMITED_PREFIX);
	std::string address = bytes ? address_word(*bytes) : "*";
	const auto family = static_cast<int>(number(ICMPX_A_LIMITED_FAMILY));

	// The prefix of no bits is that of the unspecified address.
	if (address == "*")
		address = family == AF_INET6 ? "::" : "0.0.0.0";
	return {.family = family,
		.prefix = address + "/" + std::to_string(number(ICMPX_A_LIMITED_LENGTH)),
		.refused = number(ICMPX_A_LIMITED_REFUSED),
		.age = number(ICMPX_A_LIMITED_AGE),
		.idle = number(ICMPX_A_LIMITED_IDLE)};
}

namespace {

int run_limited(const Options &options, Arguments arguments)
{
	if (!arguments.empty())
		throw Misuse("limited takes no argument");

	Netlink netlink;
	Message message(ICMPX_CMD_LIMITED_GET);
	std::vector<Prefix> prefixes;

	if (options.family)
		message.put_u8(ICMPX_A_LIMITED_FAMILY, static_cast<std::uint8_t>(*options.family));
	netlink.dump(std::move(message), [&prefixes](int, const Attributes &attributes) {
		prefixes.push_back(parse_prefix(attributes));
	});
	std::ranges::stable_sort(prefixes, std::greater{}, &Prefix::refused);
	if (options.json) {
		Json list = Json::array();

		for (const Prefix &prefix : prefixes)
			list.push_back(prefix.json());
		print(list);
		return kDone;
	}

	std::vector<std::vector<std::string>> rows = {{"PREFIX", "REFUSED", "SINCE", "LAST"}};

	for (const Prefix &prefix : prefixes)
		rows.push_back({prefix.prefix, std::to_string(prefix.refused),
				time_word(prefix.age) + " ago", time_word(prefix.idle) + " ago"});
	for (const std::string &line : table(rows))
		std::puts(line.c_str());
	return kDone;
}

} // namespace

const Command limited{
	.name = "limited",
	.summary = "list the sources that echo_ratelimit refuses replies",
	.usage = "Usage: icmpxctl [-4 | -6] [-j] limited\n"
		 "\n"
		 "Prints the source prefixes that the setting echo_ratelimit refuses replies now,\n"
		 "the most refused first: how many requests got none since the limit began, when\n"
		 "it began, and when the last one came. Takes CAP_NET_ADMIN in the network\n"
		 "namespace.\n",
	.run = run_limited,
};

} // namespace icmpxctl
