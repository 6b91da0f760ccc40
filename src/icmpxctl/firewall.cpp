// SPDX-License-Identifier: GPL-2.0-only
#include "firewall.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

namespace icmpxctl {

namespace {

using Json = nlohmann::json;

/// Whether a condition holds for a packet; it is unsure if it depends on what is not known.
enum class Match { no, unsure, yes };

/// What is known of the packet that is followed.
struct Packet {
	bool v6;
	/// As nft names the type, and connection tracking the state.
	std::string type, state;

	/// The names of its protocol.
	std::vector<std::string_view> protocol() const
	{
		return v6 ? std::vector<std::string_view>{"ipv6-icmp", "icmpv6", "58"}
			  : std::vector<std::string_view>{"icmp", "1"};
	}
};

struct Chain {
	std::string family, table, name, hook, policy;
	std::vector<Json> rules;

	std::string key() const { return family + " " + table + " " + name; }
	bool sees(bool v6) const
	{
		return family == "inet" || family == "netdev" || family == (v6 ? "ip6" : "ip");
	}
};

std::string text(const Json &object, const char *member)
{
	const auto found = object.find(member);

	return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A constant as nft prints it: a name or a number.
std::string constant(const Json &value)
{
	if (value.is_string())
		return value.get<std::string>();
	return value.is_number() ? value.dump() : "";
}

/// Whether one of the names is the right side of a comparison, or in the set that is there.
Match is_one_of(const Json &right, const std::vector<std::string_view> &names)
{
	const auto named = [&names](const Json &value) {
		return std::find(names.begin(), names.end(), constant(value)) != names.end();
	};
	const Json &list = right.is_object() && right.contains("set") ? right["set"] : right;

	if (list.is_array()) {
		if (std::any_of(list.begin(), list.end(), named))
			return Match::yes;
		return std::any_of(list.begin(), list.end(),
				   [](const Json &value) { return value.is_object(); })
			       ? Match::unsure
			       : Match::no;
	}
	if (list.is_object() || constant(list).starts_with('@'))
		return Match::unsure;
	return named(list) ? Match::yes : Match::no;
}

/// Whether the packet may have a header: what nft compares in one, however it does, is not so without it.
bool has_header(const Json &payload, const Packet &packet)
{
	const std::string protocol = text(payload, "protocol");
	const auto is = [&protocol](std::initializer_list<std::string_view> others) {
		return std::find(others.begin(), others.end(), protocol) != others.end();
	};

	if (is({"tcp", "udp", "udplite", "sctp", "dccp"}))
		return false;
	return packet.v6 ? !is({"ip", "icmp", "igmp"}) : !is({"ip6", "icmpv6"});
}

/// Compares a field of a header that the packet has.
Match match_payload(const Json &payload, const Json &right, const Packet &packet)
{
	const std::string protocol = text(payload, "protocol"), field = text(payload, "field");

	if (protocol == (packet.v6 ? "icmpv6" : "icmp") && field == "type")
		return is_one_of(right, {packet.type});
	if (protocol == (packet.v6 ? "ip6" : "ip") && field == (packet.v6 ? "nexthdr" : "protocol"))
		return is_one_of(right, packet.protocol());
	return Match::unsure;
}

Match match_meta(const std::string &key, const Json &right, const Packet &packet)
{
	if (key == "l4proto")
		return is_one_of(right, packet.protocol());
	if (key == "nfproto")
		return is_one_of(right, {packet.v6 ? "ipv6" : "ipv4"});
	if (key == "protocol")
		return is_one_of(right, {packet.v6 ? "ip6" : "ip"});
	return Match::unsure;
}

Match match(const Json &comparison, const Packet &packet)
{
	const Json left = comparison.value("left", Json()),
		   right = comparison.value("right", Json());
	Match result = Match::unsure;

	if (!left.is_object())
		return result;
	if (left.contains("payload"))
		result = match_payload(left["payload"], right, packet);
	else if (left.contains("meta"))
		result = match_meta(text(left["meta"], "key"), right, packet);
	else if (left.contains("ct") && text(left["ct"], "key") == "state")
		result = is_one_of(right, {packet.state});
	if (left.contains("payload") && !has_header(left["payload"], packet))
		return Match::no;
	if (text(comparison, "op") != "!=" || result == Match::unsure)
		return result;
	return result == Match::yes ? Match::no : Match::yes;
}

/// A rule: its conditions for a packet, taken together, and where the packet goes then.
struct Reading {
	Match match = Match::yes;
	/// accept, drop, return, jump, goto; empty if it goes on.
	std::string verdict;
	std::string target;
	/// One of the conditions is about ICMP.
	bool names_icmp = false;
};

bool is_neutral(const std::string &name)
{
	constexpr std::array<std::string_view, 7> neutral{"counter", "log",  "mangle", "notrack",
							  "set",     "last", "comment"};

	return std::find(neutral.begin(), neutral.end(), name) != neutral.end();
}

void read_verdict(const std::string &name, const Json &value, Reading &reading)
{
	if (name == "reject" || name == "drop")
		reading.verdict = "drop";
	else if (name == "accept" || name == "return")
		reading.verdict = name;
	else if (name == "jump" || name == "goto") {
		reading.verdict = name;
		reading.target = text(value, "target");
	}
}

/// A match or a target of iptables, of which nft has no more than the name.
void read_xt(const Json &value, Reading &reading)
{
	const std::string name = text(value, "name");

	if (text(value, "type") != "target") {
		reading.match = std::min(reading.match, Match::unsure);
		reading.names_icmp |= name == "icmp" || name == "icmp6";
	} else if (name == "REJECT" || name == "DROP") {
		reading.verdict = "drop";
	}
}

Reading read(const Json &rule, const Packet &packet)
{
	Reading reading;
	const Json expressions = rule.value("expr", Json::array());

	for (const Json &expression : expressions) {
		if (!expression.is_object() || expression.empty())
			continue;

		const std::string name = expression.begin().key();
		const Json &value = expression.begin().value();

		if (name == "match") {
			reading.match = std::min(reading.match, match(value, packet));
			reading.names_icmp |= value.dump().find("icmp") != std::string::npos;
		} else if (name == "xt") {
			read_xt(value, reading);
		} else if (read_verdict(name, value, reading);
			   reading.verdict.empty() && !is_neutral(name)) {
			reading.match = std::min(reading.match, Match::unsure);
		}
	}
	return reading;
}

/// Follows one packet through the ruleset.
class Walk {
public:
	Walk(const std::map<std::string, Chain> &chains, const Packet &packet)
		: chains_(chains), packet_(packet)
	{
	}

	void through(const Chain &chain)
	{
		const Match start = chain.family == "netdev" ? Match::unsure : Match::yes;

		accepted_ = false;
		if (!follow(chain, start, 0) && chain.policy == "drop")
			drop("the policy of chain " + chain.key(),
			     start == Match::yes && !accepted_,
			     "nft insert rule " + chain.key() +
				     (packet_.v6 ? " icmpv6 type " : " icmp type ") + packet_.type +
				     " accept");
	}

	const std::vector<FirewallDrop> &drops() const { return drops_; }

private:
	/// Returns whether the packet ends in the chain for sure.
	bool follow(const Chain &chain, Match start, int depth)
	{
		// What nft loads has no circles; what it prints might be anything.
		constexpr int deepest = 32;

		for (const Json &rule : chain.rules) {
			const Reading reading = read(rule, packet_);
			const Match match = std::min(start, reading.match);
			const bool sure = reading.match == Match::yes;

			if (match == Match::no || reading.verdict.empty())
				continue;
			if (reading.verdict == "drop") {
				if (sure || reading.names_icmp)
					drop_by(chain, rule, match == Match::yes && !accepted_);
			} else if (reading.verdict == "accept") {
				accepted_ |= !sure || start != Match::yes;
			} else if (reading.verdict != "return") {
				const auto target = chains_.find(chain.family + " " + chain.table +
								 " " + reading.target);
				const bool ended = target != chains_.end() && depth < deepest &&
						   follow(target->second, match, depth + 1);

				if (sure && (ended || reading.verdict == "goto"))
					return ended;
				continue;
			}
			if (sure)
				return reading.verdict != "return";
		}
		return false;
	}

	void drop_by(const Chain &chain, const Json &rule, bool all)
	{
		const std::string handle = constant(rule.value("handle", Json()));

		drop("rule " + handle + " of chain " + chain.key(), all,
		     "nft delete rule " + chain.key() + " handle " + handle);
	}

	void drop(const std::string &place, bool all, const std::string &fix)
	{
		drops_.push_back({place, packet_.v6 ? "IPv6" : "IPv4", all, fix});
	}

	const std::map<std::string, Chain> &chains_;
	const Packet &packet_;
	/// A rule that may hold has accepted the packet: not all that comes here goes on.
	bool accepted_ = false;
	std::vector<FirewallDrop> drops_;
};

std::map<std::string, Chain> read_chains(std::string_view ruleset)
{
	const Json document = Json::parse(ruleset, nullptr, false);
	std::map<std::string, Chain> chains;

	if (!document.is_object() || !document.contains("nftables"))
		return chains;
	for (const Json &object : document["nftables"]) {
		if (!object.is_object() || object.empty())
			continue;

		const Json &value = object.begin().value();

		if (!value.is_object())
			continue;
		if (object.contains("chain")) {
			Chain chain{text(value, "family"), text(value, "table"),
				    text(value, "name"),   text(value, "hook"),
				    text(value, "policy"), {}};

			chains.emplace(chain.key(), std::move(chain));
		} else if (object.contains("rule")) {
			const auto chain =
				chains.find(text(value, "family") + " " + text(value, "table") +
					    " " + text(value, "chain"));

			if (chain != chains.end())
				chain->second.rules.push_back(value);
		}
	}
	return chains;
}

/// One entry for a rule that drops several of the packets.
void merge(std::vector<FirewallDrop> &all, const std::vector<FirewallDrop> &more)
{
	for (const FirewallDrop &drop : more) {
		const auto same =
			std::find_if(all.begin(), all.end(), [&drop](const FirewallDrop &other) {
				return other.place == drop.place && other.fix == drop.fix;
			});

		if (same == all.end()) {
			all.push_back(drop);
			continue;
		}
		same->all |= drop.all;
		if (same->families != drop.families)
			same->families = "IPv4 and IPv6";
	}
}

bool is_hook(const std::string &hook, std::initializer_list<std::string_view> hooks)
{
	return std::find(hooks.begin(), hooks.end(), hook) != hooks.end();
}

} // namespace

std::vector<FirewallDrop> find_drops(std::string_view ruleset)
{
	const std::map<std::string, Chain> chains = read_chains(ruleset);
	std::vector<FirewallDrop> drops;

	for (const bool v6 : {false, true}) {
		const Packet request{v6, "echo-request", "new"},
			reply{v6, "echo-reply", "established"};

		for (const auto &[key, chain] : chains) {
			const bool in = is_hook(chain.hook, {"ingress", "prerouting", "input"});
			const bool out = is_hook(chain.hook, {"output", "postrouting", "egress"});

			if (!chain.sees(v6) || (!in && !out))
				continue;

			Walk walk(chains, in ? request : reply);

			walk.through(chain);
			merge(drops, walk.drops());
		}
	}
	return drops;
}

} // namespace icmpxctl
