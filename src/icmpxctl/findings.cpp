// SPDX-License-Identifier: GPL-2.0-only
#include "findings.hpp"

#include <algorithm>
#include <utility>

#include "diagnosis.hpp"
#include "shell.hpp"
#include "values.hpp"

namespace icmpxctl {

namespace {

void look_at_firewall(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();

	for (const FirewallDrop &drop : facts.firewall) {
		const std::string pings = "pings over " + drop.families + ": " + drop.place + ".";
		const std::vector<std::string> fix{diagnosis.here(drop.fix)};

		if (drop.extent == Extent::unknown)
			diagnosis.note(
				"firewall",
				"The firewall may drop " + pings +
					" That depends on what cannot be told here, such as a rate "
					"or a match of iptables. This lists the rules.",
				fix);
		else
			diagnosis.problem("firewall",
					  "The firewall drops " +
						  std::string(drop.extent == Extent::all
								      ? ""
								      : "some of the ") +
						  pings,
					  fix);
	}
	if (!facts.firewall_unread.empty())
		diagnosis.note("firewall_unread", "The firewall's rules were not looked at: " +
							  facts.firewall_unread + ".");
}

} // namespace

void Diagnosis::problem(std::string id, std::string text, std::vector<std::string> fix)
{
	findings_.push_back({Level::problem, std::move(id), std::move(text), std::move(fix)});
}

void Diagnosis::note(std::string id, std::string text, std::vector<std::string> fix)
{
	findings_.push_back({Level::note, std::move(id), std::move(text), std::move(fix)});
}

std::string Diagnosis::here(const std::string &command) const
{
	return in_netns(facts_.netns, command);
}

std::string Diagnosis::set(const std::string &name, const std::string &value) const
{
	return here("sysctl -w " + name + "=" + shell_word(value));
}

std::string Diagnosis::setting(std::string_view name) const
{
	const auto found = facts_.sysctls.find(name);

	return found == facts_.sysctls.end() ? "" : found->second;
}

std::int64_t Diagnosis::value(std::string_view name) const
{
	return parse_integer(setting(name)).value_or(0);
}

std::vector<Finding> Diagnosis::take()
{
	std::stable_sort(findings_.begin(), findings_.end(),
			 [](const Finding &a, const Finding &b) { return a.level < b.level; });
	return std::move(findings_);
}

std::uint64_t count(const FamilyFacts &family, std::string_view counter)
{
	const auto found = family.counters.find(counter);

	return found == family.counters.end() ? 0 : found->second;
}

std::vector<Finding> diagnose(const Facts &facts)
{
	Diagnosis diagnosis(facts);

	look_at_module(diagnosis);
	look_at_settings(diagnosis);
	look_at_firewall(diagnosis);
	return diagnosis.take();
}

} // namespace icmpxctl
