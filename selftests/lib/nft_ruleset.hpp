// SPDX-License-Identifier: GPL-2.0-only
//
// Rulesets as `nft -j list ruleset` prints them, and what icmpxctl doctor finds in them, in short.
#pragma once

#include <string>
#include <vector>

#include "../../src/icmpxctl/firewall.hpp"

namespace nft_ruleset {

using icmpxctl::Extent;
using icmpxctl::find_drops;
using icmpxctl::FirewallDrop;

/// A ruleset of a chain at a hook, with rules whose handles count from 10.
inline std::string ruleset(const std::string &family, const std::string &hook,
			   const std::vector<std::string> &rules,
			   const std::string &policy = "accept", const std::string &more = "")
{
	const std::string where = R"("family":")" + family + R"(","table":"t",)";
	std::string text = R"({"nftables":[{"metainfo":{"version":"1.0.6"}},{"table":{"family":")" +
			   family + R"(","name":"t","handle":1}},{"chain":{)" + where +
			   R"("name":"c","handle":1,"type":"filter","hook":")" + hook +
			   R"(","prio":0,"policy":")" + policy + R"("}},{"chain":{)" + where +
			   R"("name":"sub","handle":2}})";
	int handle = 10;

	for (const std::string &rule : rules) {
		text += R"(,{"rule":{)" + where + R"("chain":"c","handle":)";
		text += std::to_string(handle++);
		text += R"(,"expr":[)";
		text += rule;
		text += "]}}";
	}
	if (!more.empty())
		text += R"(,{"rule":{)" + where + R"("chain":"sub","handle":50,"expr":[)" + more +
			"]}}";
	return text + "]}";
}

/// As nft prints them.
inline const std::string drop = R"({"drop":null})", accept = R"({"accept":null})",
			 reject = R"({"reject":null})",
			 counter = R"({"counter":{"packets":0,"bytes":0}})",
			 limit = R"({"limit":{"rate":5,"burst":5,"per":"second"}})";

inline std::string comparison(const std::string &left, const std::string &right,
			      const std::string &op = "==")
{
	return R"({"match":{"op":")" + op + R"(","left":)" + left + R"(,"right":)" + right + "}}";
}

inline std::string payload(const std::string &protocol, const std::string &field,
			   const std::string &right, const std::string &op = "==")
{
	return comparison(R"({"payload":{"protocol":")" + protocol + R"(","field":")" + field +
				  R"("}})",
			  right, op);
}

inline std::string meta(const std::string &key, const std::string &right,
			const std::string &op = "==")
{
	return comparison(R"({"meta":{"key":")" + key + R"("}})", right, op);
}

inline std::string state(const std::string &right)
{
	return comparison(R"({"ct":{"key":"state"}})", right, "in");
}

inline std::string jump(const std::string &target)
{
	return R"({"jump":{"target":")" + target + R"("}})";
}

/// A verdict map: pairs of an element and a verdict, or the name of a map.
inline std::string vmap(const std::string &key, const std::string &data)
{
	return R"({"vmap":{"key":)" + key + R"(,"data":)" +
	       (data.starts_with('"') ? data : R"({"set":[)" + data + "]}") + "}}";
}

inline std::string pair(const std::string &element, const std::string &verdict)
{
	return "[" + element + "," + verdict + "]";
}

inline const std::string type_key = R"({"payload":{"protocol":"icmp","field":"type"}})",
			 type6_key = R"({"payload":{"protocol":"icmpv6","field":"type"}})",
			 protocol_key = R"({"meta":{"key":"protocol"}})",
			 device_key = R"({"meta":{"key":"iifname"}})";

/// The drops in short: place without its chain, families, `some` or `maybe` if not all.
inline std::string found(const std::string &rules, const icmpxctl::iptables::Rules &saved = {})
{
	const auto drops = find_drops(rules, saved);
	std::string text;

	if (!drops)
		return "no ruleset";
	for (const FirewallDrop &drop : *drops)
		text += (text.empty() ? "" : "; ") + drop.place.substr(0, drop.place.find(" of")) +
			" " + drop.families +
			(drop.extent == Extent::all    ? ""
			 : drop.extent == Extent::some ? " some"
						       : " maybe");
	return text;
}

/// The command against the first of the drops.
inline std::string fix(const std::string &rules)
{
	const auto drops = find_drops(rules);

	return drops && !drops->empty() ? drops->front().fix : "none";
}

} // namespace nft_ruleset
