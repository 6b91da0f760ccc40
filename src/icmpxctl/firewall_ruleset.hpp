// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The parts of a ruleset of nftables that a ping can meet. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace icmpxctl::firewall {

using Json = nlohmann::json;

struct Chain {
	std::string family, table, name, hook, policy;
	/// As nft has them.
	std::vector<Json> rules;

	std::string key() const { return family + " " + table + " " + name; }
	/// Whether packets of a family of addresses come to it.
	bool sees(bool v6) const
	{
		return family == "inet" || family == "netdev" || family == (v6 ? "ip6" : "ip");
	}
};

struct Ruleset {
	/// By their keys.
	std::map<std::string, Chain> chains;
	/// The elements of named sets and maps, by the keys that chains of the same names would have.
	std::map<std::string, Json> sets;

	/// A chain or the elements of a set in the table of a chain; NULL if there is none of the name.
	const Chain *chain(const Chain &beside, const std::string &name) const;
	const Json *set(const Chain &beside, const std::string &name) const;
};

/// Returns what `nft -j list ruleset` has printed; nothing if it is no ruleset.
std::optional<Ruleset> read_ruleset(std::string_view text);

/// A member of an object; null if there is none, or if it is no object.
const Json &member(const Json &object, const char *name);

/// A member that is a text; empty if there is none.
std::string text(const Json &object, const char *name);

} // namespace icmpxctl::firewall
