// SPDX-License-Identifier: GPL-2.0-only
#include "diagnosis.hpp"

#include <algorithm>

#include "values.hpp"

namespace icmpxctl {

namespace {

/// The types of echo replies, as the masks of types have them: that of ICMPv6 stands for PROBE replies, too.
constexpr int kEchoReply = 0;
constexpr unsigned kEchoReply6 = 129;

std::string number(auto value) { return std::to_string(value); }

/// Settings by which requests are not answered.
void ignored(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();

	struct Row {
		const char *name, *second, *what;
	};
	constexpr Row rows[] = {
		{"net.ipv4.icmp_echo_ignore_all", "net.icmpx.echo_ignore_all", "no ping over IPv4"},
		{"net.ipv6.icmp.echo_ignore_all", "net.icmpx6.echo_ignore_all",
		 "no ping over IPv6"},
		{"net.ipv6.icmp.echo_ignore_multicast", "net.icmpx6.echo_ignore_multicast",
		 "no ping to a multicast address of IPv6"},
		{"net.ipv6.icmp.echo_ignore_anycast", "net.icmpx6.echo_ignore_anycast",
		 "no ping to an anycast address of IPv6"},
	};

	for (const Row &row : rows)
		if (diagnosis.value(row.name))
			diagnosis.problem("echo_ignore",
					  std::string("This host answers ") + row.what + ": " +
						  row.name + " (" + row.second + ") is 1.",
					  {diagnosis.set(row.name, "0")});

	const std::uint64_t broadcasts = count(facts.v4, "drop_broadcast");
	const std::uint64_t probes =
		count(facts.v4, "ignore_probe") + count(facts.v6, "ignore_probe");

	if (broadcasts && diagnosis.value("net.ipv4.icmp_echo_ignore_broadcasts"))
		diagnosis.note(
			"echo_ignore_broadcasts",
			number(broadcasts) +
				" messages to broadcast or multicast addresses were dropped; "
				"net.ipv4.icmp_echo_ignore_broadcasts is 1, as usual.",
			{diagnosis.set("net.ipv4.icmp_echo_ignore_broadcasts", "0")});
	if (probes && !diagnosis.value("net.ipv4.icmp_echo_enable_probe"))
		diagnosis.note("probe",
			       number(probes) + " PROBE queries were not answered: "
						"net.ipv4.icmp_echo_enable_probe is 0, as usual.",
			       {diagnosis.set("net.ipv4.icmp_echo_enable_probe", "1")});
}

std::string refusals(const Diagnosis &diagnosis, const FamilyFacts &family)
{
	const Facts &facts = diagnosis.facts();

	if (!facts.loaded)
		return "icmpx, which would count them, is not loaded.";
	return "It has refused " +
	       number(count(family, "limit_host") + count(family, "limit_global")) + " replies.";
}

/// Masks of types that have echo replies, whose limits are meant for errors.
void masks(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();
	// The kernel has it as an int.
	const auto mask = static_cast<std::int32_t>(diagnosis.value("net.ipv4.icmp_ratemask"));
	const std::string mask6 = diagnosis.setting("net.ipv6.icmp.ratemask");

	const auto limit = [&diagnosis](const std::string &family, const char *rate) {
		return "Replies to pings over " + family + " have the limit of errors, one in " +
		       number(diagnosis.value(rate)) + " ms to a host and " +
		       number(diagnosis.value("net.ipv4.icmp_msgs_per_sec")) + " a second to all: ";
	};

	if (mask & 1 << kEchoReply)
		diagnosis.problem("ratemask",
				  limit("IPv4", "net.ipv4.icmp_ratelimit") +
					  "bit 0 of net.ipv4.icmp_ratemask is set. " +
					  refusals(diagnosis, facts.v4),
				  {diagnosis.set("net.ipv4.icmp_ratemask",
						 number(mask & ~(1 << kEchoReply)))});
	if (has_type(mask6, kEchoReply6))
		diagnosis.problem("ratemask6",
				  limit("IPv6", "net.ipv6.icmp.ratelimit") +
					  "net.ipv6.icmp.ratemask has type 129. " +
					  refusals(diagnosis, facts.v6),
				  {diagnosis.set("net.ipv6.icmp.ratemask",
						 without_type(mask6, kEchoReply6))});
}

void limits(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();
	const auto say = [&diagnosis](const FamilyFacts &family, const std::string &module,
				      const std::string &name) {
		const std::string setting_name = "net." + module + ".echo_ratelimit";
		const std::int64_t limit = diagnosis.value(setting_name);
		const std::uint64_t refused = count(family, "limit_prefix");
		const std::string text =
			"The hosts of a source prefix of " +
			diagnosis.setting("net." + module + ".echo_ratelimit_prefix") +
			" bits get " + number(limit) + " replies to pings over " + name +
			" a second (" + setting_name + "): ";

		if (!limit)
			return;
		if (refused)
			diagnosis.problem(
				"echo_ratelimit",
				text + number(refused) +
					" requests got none. The first command lists the prefixes "
					"that are limited now, the second one ends the limit.",
				{diagnosis.here("icmpxctl limited"),
				 diagnosis.set(setting_name, "0")});
		else
			diagnosis.note("echo_ratelimit", text + "nobody has asked for more yet.",
				       {diagnosis.set(setting_name, "0")});
	};

	say(facts.v4, "icmpx", "IPv4");
	say(facts.v6, "icmpx6", "IPv6");
}

void groups(Diagnosis &diagnosis)
{
	const std::string range = diagnosis.setting("net.ipv4.ping_group_range");
	const std::size_t gap = range.find_first_of(" \t");

	if (gap == std::string::npos)
		return;

	const auto first = parse_number(range.substr(0, gap));
	const auto last = parse_number(range.substr(range.find_last_of(" \t") + 1));

	if (first && last && *first > *last)
		diagnosis.problem("ping_group_range",
				  "No program can open a ping socket, so ping fails for users "
				  "whose ping has no capability: net.ipv4.ping_group_range is " +
					  number(*first) + " " + number(*last) + ".",
				  {diagnosis.set("net.ipv4.ping_group_range", "0 2147483647")});
}

void reverse_path(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();
	constexpr std::string_view prefix = "net.ipv4.conf.", suffix = ".rp_filter";
	const std::int64_t all = diagnosis.value("net.ipv4.conf.all.rp_filter");
	std::string devices;

	for (const auto &[name, mode] : facts.sysctls) {
		if (!name.starts_with(prefix) || !name.ends_with(suffix))
			continue;

		const std::string device =
			name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());

		// The stricter of the two is not what counts, the greater one is.
		if (device != "all" && device != "default" &&
		    std::max(all, parse_integer(mode).value_or(0)) == 1)
			devices += (devices.empty() ? "" : ", ") + device;
	}
	if (devices.empty())
		return;

	const std::string text = "Packets of IPv4 are dropped that come by another device than the "
				 "way back goes (rp_filter is 1: " +
				 devices + ")";
	const std::vector<std::string> fix{diagnosis.set("net.ipv4.conf.all.rp_filter", "2")};

	if (facts.reverse_path_drops)
		diagnosis.problem("rp_filter",
				  text + ": so far " + number(facts.reverse_path_drops) + ".", fix);
	else
		diagnosis.note("rp_filter", text + ": none so far.", fix);
}

} // namespace

void look_at_settings(Diagnosis &diagnosis)
{
	ignored(diagnosis);
	masks(diagnosis);
	limits(diagnosis);
	groups(diagnosis);
	reverse_path(diagnosis);
}

} // namespace icmpxctl
