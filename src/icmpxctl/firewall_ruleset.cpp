// SPDX-License-Identifier: GPL-2.0-only
#include "firewall_ruleset.hpp"

namespace icmpxctl::firewall {

namespace {

std::string key_in(const Json &value, const char *name)
{
	return text(value, "family") + " " + text(value, "table") + " " + text(value, name);
}

void read_object(const std::string &kind, const Json &value, Ruleset &ruleset)
{
	if (kind == "chain") {
		Chain chain{text(value, "family"), text(value, "table"),  text(value, "name"),
			    text(value, "hook"),   text(value, "policy"), {}};

		ruleset.chains.emplace(chain.key(), std::move(chain));
	} else if (kind == "set" || kind == "map") {
		ruleset.sets.emplace(key_in(value, "name"), member(value, "elem"));
	} else if (kind == "rule") {
		const auto chain = ruleset.chains.find(key_in(value, "chain"));

		if (chain != ruleset.chains.end())
			chain->second.rules.push_back(value);
	}
}

} // namespace

const Json &member(const Json &object, const char *name)
{
	static const Json none;
	const auto found = object.find(name);

	return found != object.end() ? *found : none;
}

std::string text(const Json &object, const char *name)
{
	const Json &value = member(object, name);

	return value.is_string() ? value.get<std::string>() : "";
}

const Chain *Ruleset::chain(const Chain &beside, const std::string &name) const
{
	const auto found = chains.find(beside.family + " " + beside.table + " " + name);

	return found != chains.end() ? &found->second : nullptr;
}

const Json *Ruleset::set(const Chain &beside, const std::string &name) const
{
	const auto found = sets.find(beside.family + " " + beside.table + " " + name);

	return found != sets.end() ? &found->second : nullptr;
}

std::optional<Ruleset> read_ruleset(std::string_view text)
{
	const Json document = Json::parse(text, nullptr, false);
	const Json &objects = member(document, "nftables");
	Ruleset ruleset;

	if (!objects.is_array())
		return std::nullopt;
	for (const Json &object : objects)
		if (object.is_object() && !object.empty())
			read_object(object.begin().key(), object.begin().value(), ruleset);
	return ruleset;
}

} // namespace icmpxctl::firewall
