// SPDX-License-Identifier: GPL-2.0-only
#include "firewall.hpp"

#include <algorithm>

#include "firewall_rule.hpp"
#include "shell.hpp"

namespace icmpxctl {

namespace {

using firewall::Chain;
using firewall::Json;
using firewall::Match;
using firewall::Outcome;
using firewall::Packet;
using firewall::Reading;
using firewall::Ruleset;

/// Whether nft can read a name: it has no quotes for those of chains, of which iptables takes more than it does.
bool nft_reads(std::string_view name)
{
	constexpr std::string_view letters =
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.",
				   others = "0123456789-/";

	return !name.empty() && letters.find(name.front()) != std::string_view::npos &&
	       name.find_first_not_of(std::string(letters) + std::string(others)) ==
		       std::string_view::npos;
}

/// The command that nft takes in two ways: by words, and as JSON for what words cannot say.
std::string nft(const Chain &chain, const std::string &words, const Json &json)
{
	if (nft_reads(chain.table) && nft_reads(chain.name))
		return "nft " + words;
	return "nft -j " + shell_word(Json{{"nftables", Json::array({json})}}.dump(
				   -1, ' ', true, Json::error_handler_t::replace));
}

std::string list_chain(const Chain &chain)
{
	return nft(
		chain, "-a list chain " + chain.key(),
		{{"list",
		  {{"chain",
		    {{"family", chain.family}, {"table", chain.table}, {"name", chain.name}}}}}});
}

std::string delete_rule(const Chain &chain, const Json &handle)
{
	return nft(chain, "delete rule " + chain.key() + " handle " + handle.dump(),
		   {{"delete",
		     {{"rule",
		       {{"family", chain.family},
			{"table", chain.table},
			{"chain", chain.name},
			{"handle", handle}}}}}});
}

std::string insert_accept(const Chain &chain, const Packet &packet)
{
	const std::string protocol = packet.v6 ? "icmpv6" : "icmp", type(packet.type());
	const Json field{{"payload", {{"protocol", protocol}, {"field", "type"}}}};
	const Json match{{"match", {{"op", "=="}, {"left", field}, {"right", type}}}};

	return nft(chain,
		   "insert rule " + chain.key() + " " + protocol + " type " + type + " accept",
		   {{"insert",
		     {{"rule",
		       {{"family", chain.family},
			{"table", chain.table},
			{"chain", chain.name},
			{"expr", Json::array({match, {{"accept", nullptr}}})}}}}}});
}

/// Follows one packet through the ruleset.
class Walk {
public:
	Walk(const Ruleset &ruleset, const iptables::Rules &saved, const Packet &packet)
		: ruleset_(ruleset), saved_(saved), packet_(packet)
	{
	}

	void through(const Chain &chain)
	{
		// Others may come by a device that has no such chain.
		const Match start = chain.family == "netdev" ? Match::partly : Match::yes;

		left_ = start;
		if (!follow(chain, {Match::yes, false}, 0) && chain.policy == "drop")
			drop(chain, "the policy of chain " + chain.key(), Match::yes,
			     insert_accept(chain, packet_));
	}

	const std::vector<FirewallDrop> &drops() const { return drops_; }

private:
	/// How a packet has come to a rule.
	struct Way {
		Match match;
		/// One of the conditions was about ICMP.
		bool names_icmp;
	};

	/// Of the packets that a condition holds for, those that it does not hold for, as far as pings matter.
	static Match rest(Way way)
	{
		return way.names_icmp || way.match == Match::unknown ? Match::unknown
								     : Match::partly;
	}

	/// Returns whether the packet ends in the chain for sure.
	bool follow(const Chain &chain, Way start, int depth)
	{
		bool all = true;

		for (std::size_t i = 0; i < chain.rules.size(); i++) {
			const Reading reading = read_rule(chain.rules[i], chain, ruleset_, packet_,
							  saved_words(chain, i));
			const Way way{std::min(start.match, reading.match),
				      start.names_icmp || reading.names_icmp};

			if (reading.match == Match::no)
				continue;
			if (reading.opaque && reading.outcomes.empty())
				left_ = std::min(left_, Match::unknown);
			for (const Outcome &outcome : reading.outcomes) {
				const Way there{std::min(way.match, outcome.match), way.names_icmp};
				const bool sure =
					std::min(reading.match, outcome.match) == Match::yes;
				const bool returns = outcome.verdict == "return";
				const bool leaves = returns || outcome.verdict == "goto";
				const bool ends = !returns &&
						  act(chain, chain.rules[i], outcome, there, depth);

				if (sure && (ends || leaves))
					return ends && all;
				if (!leaves)
					continue;
				// The next rules see the others.
				start.match = std::min(start.match, rest(there));
				all &= ends;
			}
		}
		return false;
	}

	/// Returns whether the packet ends there, if it comes there.
	bool act(const Chain &chain, const Json &rule, const Outcome &outcome, Way way, int depth)
	{
		// What nft loads has no circles; what it prints might be anything.
		constexpr int deepest = 32;

		if (outcome.verdict == "accept") {
			if (way.match != Match::yes)
				left_ = std::min(left_, rest(way));
			return true;
		}
		if (outcome.verdict == "drop") {
			if (way.match >= Match::partly || way.names_icmp)
				drop_by(chain, rule, way.match);
			return true;
		}

		const Chain *const target = ruleset_.chain(chain, outcome.target);

		return target && depth < deepest && follow(*target, way, depth + 1);
	}

	/// What iptables has of a rule: it has as many in the chain, in the same order.
	const iptables::Words *saved_words(const Chain &chain, std::size_t rule) const
	{
		const auto found = saved_.find(chain.key());

		return found != saved_.end() && found->second.size() == chain.rules.size()
			       ? &found->second[rule]
			       : nullptr;
	}

	void drop_by(const Chain &chain, const Json &rule, Match match)
	{
		const Json &handle = firewall::member(rule, "handle");

		drop(chain, "rule " + handle.dump() + " of chain " + chain.key(), match,
		     delete_rule(chain, handle));
	}

	void drop(const Chain &chain, const std::string &place, Match match, const std::string &fix)
	{
		const Match all = std::min(left_, match);
		const Extent extent = all == Match::yes	      ? Extent::all
				      : all == Match::unknown ? Extent::unknown
							      : Extent::some;

		drops_.push_back({place, packet_.v6 ? "IPv6" : "IPv4", extent,
				  extent == Extent::unknown ? list_chain(chain) : fix});
	}

	const Ruleset &ruleset_;
	const iptables::Rules &saved_;
	const Packet &packet_;
	/// Those that no rule may have accepted before.
	Match left_ = Match::yes;
	std::vector<FirewallDrop> drops_;
};

/// One entry for a rule that drops several of the packets.
void merge(std::vector<FirewallDrop> &all, const std::vector<FirewallDrop> &more)
{
	for (const FirewallDrop &drop : more) {
		const auto same =
			std::find_if(all.begin(), all.end(), [&drop](const FirewallDrop &other) {
				return other.place == drop.place &&
				       (other.fix == drop.fix || other.families == drop.families);
			});

		if (same == all.end()) {
			all.push_back(drop);
			continue;
		}
		if (same->families != drop.families) {
			if (same->extent != drop.extent)
				same->extent = Extent::some;
			same->families = "IPv4 and IPv6";
		} else if (drop.extent < same->extent) {
			same->extent = drop.extent;
			same->fix = drop.fix;
		}
	}
}

bool is_hook(const std::string &hook, std::initializer_list<std::string_view> hooks)
{
	return std::find(hooks.begin(), hooks.end(), hook) != hooks.end();
}

} // namespace

std::optional<std::vector<FirewallDrop>> find_drops(std::string_view text,
						    const iptables::Rules &saved)
{
	const std::optional<Ruleset> ruleset = firewall::read_ruleset(text);
	std::vector<FirewallDrop> drops;

	if (!ruleset)
		return std::nullopt;
	for (const bool v6 : {false, true}) {
		for (const auto &[key, chain] : ruleset->chains) {
			const bool in = is_hook(chain.hook, {"ingress", "prerouting", "input"});
			const bool out = is_hook(chain.hook, {"output", "postrouting", "egress"});

			if (!chain.sees(v6) || (!in && !out))
				continue;

			const Packet packet{v6, in};
			Walk walk(*ruleset, saved, packet);

			walk.through(chain);
			merge(drops, walk.drops());
		}
	}
	return drops;
}

} // namespace icmpxctl
