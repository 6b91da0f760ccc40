// SPDX-License-Identifier: GPL-2.0-only
#include "firewall_rule.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

namespace icmpxctl::firewall {

namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> others)
{
	return std::find(others.begin(), others.end(), text) != others.end();
}

/// What a packet has where a key of a rule looks.
struct Value {
	/// What a comparison with it comes to; yes if the value is known.
	Match known;
	/// All of its names.
	std::vector<std::string_view> names;
	unsigned number = 0;
};

Value known(std::initializer_list<std::string_view> names, unsigned number)
{
	return {Match::yes, names, number};
}

Value protocol(const Packet &packet)
{
	return packet.v6 ? known({"ipv6-icmp", "icmpv6"}, 58) : known({"icmp"}, 1);
}

Value payload_value(const Json &payload, const Packet &packet)
{
	const std::string name = text(payload, "protocol"), field = text(payload, "field");

	// What nft compares in a header, however it does, is not so without it.
	if (is_one_of(name,
		      {"tcp", "udp", "udplite", "sctp", "dccp", "igmp", "ah", "esp", "comp"}) ||
	    (packet.v6 ? is_one_of(name, {"ip", "icmp", "arp"})
		       : is_one_of(name, {"ip6", "icmpv6", "arp"})))
		return {Match::no, {}};
	if (name.starts_with("icmp") && field == "type")
		return known({packet.type()}, packet.type_number());
	if (name.starts_with("icmp") && field == "code")
		return known({packet.v6 ? "no-route" : "net-unreachable"}, 0);
	if (field == "version")
		return known({}, packet.v6 ? 6 : 4);
	if (is_one_of(field, {"protocol", "nexthdr"}))
		return protocol(packet);
	return {Match::seldom, {}};
}

Value meta_value(const std::string &key, const Packet &packet)
{
	if (key == "l4proto")
		return protocol(packet);
	if (key == "nfproto")
		return packet.v6 ? known({"ipv6"}, 10) : known({"ipv4"}, 2);
	if (key == "protocol")
		return packet.v6 ? known({"ip6"}, 0x86dd) : known({"ip"}, 0x800);
	if (key == "pkttype")
		return known({"host", "unicast"}, 0);
	return {is_one_of(key, {"iif", "iifname", "iifgroup", "iiftype", "iifkind", "oif",
				"oifname", "oifgroup", "oiftype", "oifkind"})
			? Match::partly
			: Match::seldom,
		{}};
}

Value value_of(const Json &key, const Packet &packet)
{
	if (key.contains("payload"))
		return payload_value(key["payload"], packet);
	if (key.contains("meta"))
		return meta_value(text(key["meta"], "key"), packet);
	if (key.contains("ct") && text(key["ct"], "key") == "state")
		return {Match::yes, {packet.state()}};

	const Json &fib = member(key, "fib"), &flags = member(fib, "flags");

	// Those that are for this host.
	if (packet.request && text(fib, "result") == "type" &&
	    (flags == "daddr" || std::find(flags.begin(), flags.end(), "daddr") != flags.end()))
		return {Match::yes, {"local"}};
	return {Match::seldom, {}};
}

/// The numbers of the types between which a range may begin and end.
std::optional<unsigned> type_number(std::string_view name, bool v6)
{
	struct Type {
		std::string_view name;
		unsigned number;
	};
	constexpr Type types[] = {{"echo-reply", 0},	       {"destination-unreachable", 3},
				  {"source-quench", 4},	       {"redirect", 5},
				  {"echo-request", 8},	       {"router-advertisement", 9},
				  {"router-solicitation", 10}, {"time-exceeded", 11},
				  {"parameter-problem", 12},   {"timestamp-request", 13},
				  {"timestamp-reply", 14},     {"info-request", 15},
				  {"info-reply", 16},	       {"address-mask-request", 17},
				  {"address-mask-reply", 18}};
	constexpr Type types6[] = {{"destination-unreachable", 1}, {"packet-too-big", 2},
				   {"time-exceeded", 3},	   {"parameter-problem", 4},
				   {"echo-request", 128},	   {"echo-reply", 129},
				   {"mld-listener-query", 130},	   {"mld-listener-report", 131},
				   {"mld-listener-done", 132},	   {"mld-listener-reduction", 132},
				   {"nd-router-solicit", 133},	   {"nd-router-advert", 134},
				   {"nd-neighbor-solicit", 135},   {"nd-neighbor-advert", 136},
				   {"nd-redirect", 137},	   {"router-renumbering", 138},
				   {"ind-neighbor-solicit", 141},  {"ind-neighbor-advert", 142},
				   {"mld2-listener-report", 143}};
	const auto find = [name](const auto &list) -> std::optional<unsigned> {
		const auto *const found =
			std::find_if(std::begin(list), std::end(list),
				     [name](const Type &type) { return type.name == name; });

		return found != std::end(list) ? std::optional(found->number) : std::nullopt;
	};

	return v6 ? find(types6) : find(types);
}

std::optional<unsigned> number_in(const Json &constant, const Packet &packet)
{
	if (constant.is_number_unsigned())
		return constant.get<unsigned>();
	if (!constant.is_string())
		return std::nullopt;

	const std::string name = constant.get<std::string>();
	unsigned number = 0;
	const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);

	if (error == std::errc() && stop == name.data() + name.size())
		return number;
	return type_number(name, packet.v6);
}

/// The name of a set or a map, where a rule has one; else empty.
std::string set_name(const Json &value)
{
	const std::string name = value.is_string() ? value.get<std::string>() : "";

	return name.starts_with('@') ? name.substr(1) : "";
}

/// What compares a rule's part with a packet.
class Reader {
public:
	Reader(const Chain &chain, const Ruleset &ruleset, const Packet &packet)
		: chain_(chain), ruleset_(ruleset), packet_(packet)
	{
	}

	/// Whether the packet has one of the elements, or the one element, at the key.
	Match equals(const Json &key, const Json &right) const
	{
		const Json &set = member(right, "set"), &flags = member(right, "|"),
			   &element = member(member(right, "elem"), "val");

		if (!element.is_null())
			return equals(key, element);
		if (!set.is_null())
			return equals(key, set);
		if (!flags.is_null())
			return equals(key, flags);
		if (const std::string name = set_name(right); !name.empty()) {
			const Json *const named = ruleset_.set(chain_, name);

			return named ? equals_any(key, *named) : Match::seldom;
		}
		return right.is_array() ? equals_any(key, right) : equals_one(key, right);
	}

	Match match(const Json &comparison) const
	{
		const Json &left = member(comparison, "left"), &right = member(comparison, "right");
		const std::string op = text(comparison, "op");

		if (is_one_of(op, {"<", "<=", ">", ">="}))
			return order(left, op, right);

		const Match result = equals(left, right);

		if (!is_one_of(op, {"!=", "!"}) || value_of(left, packet_).known == Match::no)
			return result;
		if (result == Match::yes)
			return Match::no;
		return result == Match::no ? Match::yes : result;
	}

private:
	Match equals_any(const Json &key, const Json &elements) const
	{
		Match best = Match::no;

		for (const Json &element : elements)
			best = std::max(best, equals(key, element));
		return best;
	}

	Match equals_one(const Json &key, const Json &right) const
	{
		const Json &keys = member(key, "concat"), &parts = member(right, "concat");

		if (!keys.is_null() && right != "*") {
			Match all = Match::yes;

			if (!keys.is_array() || !parts.is_array() || keys.size() != parts.size())
				return Match::seldom;
			for (std::size_t i = 0; i < keys.size(); i++)
				all = std::min(all, equals(keys[i], parts[i]));
			return all;
		}

		const Value value = value_of(key, packet_);

		if (right == "*")
			return value.known == Match::no ? Match::no : Match::yes;
		if (value.known != Match::yes)
			return value.known;
		// What nft could not print.
		if (right.is_null())
			return Match::unknown;
		if (right.is_object())
			return in_range(value, member(right, "range"));
		if (right.is_string() &&
		    std::find(value.names.begin(), value.names.end(),
			      right.get_ref<const std::string &>()) != value.names.end())
			return Match::yes;
		// A state has no number.
		return right.is_number() && !key.contains("ct") && right == value.number
			       ? Match::yes
			       : Match::no;
	}

	Match in_range(const Value &value, const Json &range) const
	{
		if (!range.is_array() || range.size() != 2)
			return Match::seldom;

		const auto first = number_in(range[0], packet_),
			   last = number_in(range[1], packet_);

		if (!first || !last)
			return Match::seldom;
		return *first <= value.number && value.number <= *last ? Match::yes : Match::no;
	}

	Match order(const Json &left, const std::string &op, const Json &right) const
	{
		const Value value = value_of(left, packet_);
		const auto number = number_in(right, packet_);

		if (value.known != Match::yes || !number)
			return std::min(value.known, Match::seldom);
		return (op.front() == '<' ? value.number < *number : value.number > *number) ||
				       (op.size() > 1 && value.number == *number)
			       ? Match::yes
			       : Match::no;
	}

	const Chain &chain_;
	const Ruleset &ruleset_;
	const Packet &packet_;
};

/// Of a rule, what is no verdict and no condition.
bool is_neutral(const std::string &name)
{
	return is_one_of(name, {"counter", "log", "mangle", "notrack", "set", "map", "last",
				"comment", "continue", "flow", "dup", "secmark", "ct helper",
				"ct timeout", "ct expectation"});
}

/// Where a verdict sends the packet; nothing if it is none.
std::optional<Outcome> read_verdict(const std::string &name, const Json &value)
{
	if (name == "reject" || name == "drop")
		return Outcome{Match::yes, "drop", ""};
	if (name == "accept" || name == "return")
		return Outcome{Match::yes, name, ""};
	if (name == "jump" || name == "goto")
		return Outcome{Match::yes, name, text(value, "target")};
	return std::nullopt;
}

bool names_icmp(const Json &value) { return value.dump().find("icmp") != std::string::npos; }

/// A verdict map: the element that the packet has, or all that it may have.
void read_map(const Json &map, const Chain &chain, const Ruleset &ruleset, const Reader &reader,
	      Reading &reading)
{
	const Json &key = member(map, "key"), &data = member(map, "data");
	const Json *elements = &member(data, "set");
	std::vector<Outcome> any;

	if (data.is_string())
		elements = ruleset.set(chain, set_name(data));
	if (!elements || (elements->is_null() && !data.is_string())) {
		reading.opaque = true;
		return;
	}
	for (const Json &element : *elements) {
		if (!element.is_array() || element.size() != 2 || !element[1].is_object() ||
		    element[1].empty())
			continue;

		std::optional<Outcome> outcome =
			read_verdict(element[1].begin().key(), element[1].begin().value());
		const Match match = reader.equals(key, element[0]);

		// What `continue` does, too.
		if (!outcome || match == Match::no)
			continue;
		reading.names_icmp |= names_icmp(key) || names_icmp(element[0]);
		outcome->match = match;
		// It is for what has no other element.
		(element[0] == "*" ? any : reading.outcomes).push_back(std::move(*outcome));
	}

	std::vector<Outcome> &found = reading.outcomes;
	const auto sure = std::find_if(found.begin(), found.end(), [](const Outcome &outcome) {
		return outcome.match == Match::yes;
	});

	if (sure != found.end()) {
		found = {*sure};
		return;
	}
	for (Outcome &outcome : any) {
		if (!found.empty())
			outcome.match = Match::partly;
		found.push_back(std::move(outcome));
	}
}

/// A match or a target of iptables, of which nft has no more than the name.
void read_xt(const Json &value, const Packet &packet, const iptables::Words *saved,
	     Reading &reading)
{
	const std::string name = text(value, "name");

	if (text(value, "type") == "target") {
		if (is_one_of(name, {"REJECT", "DROP"}))
			reading.outcomes = {{Match::yes, "drop", ""}};
		reading.opaque |= is_one_of(name, {"NFQUEUE", "TARPIT"});
		return;
	}

	const std::string_view state = packet.request ? "NEW" : "ESTABLISHED";
	const std::optional<bool> holds =
		iptables::holds(name, saved ? *saved : iptables::Words(),
				{packet.type_number(), state, packet.request});

	reading.names_icmp |= name.starts_with("icmp");
	// It may be a target: an older nft has not even the name.
	reading.opaque |= name.empty();
	reading.match = std::min(reading.match, !holds	 ? Match::unknown
						: *holds ? Match::yes
							 : Match::no);
}

} // namespace

unsigned Packet::type_number() const { return *firewall::type_number(type(), v6); }

Reading read_rule(const Json &rule, const Chain &chain, const Ruleset &ruleset,
		  const Packet &packet, const iptables::Words *saved)
{
	const Reader reader(chain, ruleset, packet);
	Reading reading;

	for (const Json &expression : member(rule, "expr")) {
		if (!expression.is_object() || expression.empty())
			continue;

		const std::string name = expression.begin().key();
		const Json &value = expression.begin().value();

		if (name == "match") {
			reading.match = std::min(reading.match, reader.match(value));
			reading.names_icmp |= names_icmp(value);
		} else if (name == "vmap") {
			read_map(value, chain, ruleset, reader, reading);
		} else if (name == "xt") {
			read_xt(value, packet, saved, reading);
		} else if (const std::optional<Outcome> outcome = read_verdict(name, value)) {
			reading.outcomes = {*outcome};
		} else if (is_one_of(name, {"limit", "quota", "ct count", "meter"})) {
			reading.match = std::min(reading.match, Match::unknown);
		} else {
			reading.opaque |= !is_neutral(name);
		}
	}
	return reading;
}

} // namespace icmpxctl::firewall
