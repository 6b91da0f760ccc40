// SPDX-License-Identifier: GPL-2.0-only
//
// icmpxctl doctor: which rules of nftables it says drop pings. No firewall is asked here.

#include "lib/ktap.hpp"
#include "lib/nft_ruleset.hpp"

using ktap::expect_equal;

namespace {

using namespace icmpxctl;
using namespace nft_ruleset;

void firewall_without_rules()
{
	for (const char *text : {"", "{", "[]", "{}", "null", "7", R"({"nftables":7})"})
		expect_equal(found(text), "no ruleset", text);
	// A comment in Latin 1.
	expect_equal(found("{\"nftables\":[{\"rule\":{\"comment\":\"Stra\xdf\"}}]}"), "no ruleset",
		     "bytes that are not UTF-8");
	for (const char *text :
	     {R"({"nftables":[7,{},[]]})", R"({"nftables":[{"chain":7},{"rule":[]}]})",
	      R"({"nftables":[{"chain":{"family":"ip","table":"t","name":"c","hook":"input"}},
			      {"rule":{"family":"ip","table":"t","chain":"c","expr":[
			      {"match":null},{"match":{"left":7}},{"vmap":7},{"vmap":{"data":[]}},
			      {"vmap":{"data":""}},
			      {"match":{"left":{"concat":7},"right":{"concat":[8]}}},
			      {"xt":null},{"jump":7},7,{}]}}]})"})
		expect_equal(found(text), "", text);
	expect_equal(found(ruleset("inet", "input", {})), "", "an empty chain");
	expect_equal(found(ruleset("inet", "forward", {drop})), "", "what is forwarded");
	expect_equal(found(ruleset("bridge", "input", {drop})), "", "what a bridge forwards");
}

void firewall_rules_that_drop()
{
	expect_equal(found(ruleset("inet", "input", {drop})), "rule 10 IPv4 and IPv6",
		     "everything");
	expect_equal(found(ruleset("ip", "input", {reject})), "rule 10 IPv4", "a family");
	expect_equal(found(ruleset("inet", "input",
				   {payload("icmp", "type", R"("echo-request")") + "," + counter +
				    "," + drop})),
		     "rule 10 IPv4", "a type");
	expect_equal(found(ruleset("inet", "input",
				   {payload("icmpv6", "type",
					    R"({"set":["echo-reply","echo-request"]})") +
				    "," + drop})),
		     "rule 10 IPv6", "a set of types");
	expect_equal(found(ruleset("inet", "input",
				   {payload("icmp", "type", R"("redirect")") + "," + drop})),
		     "", "another type");
	expect_equal(found(ruleset("inet", "input",
				   {payload("icmp", "type", R"("redirect")", "!=") + "," + drop})),
		     "rule 10 IPv4", "all types but one");
	expect_equal(
		found(ruleset("inet", "prerouting",
			      {meta("l4proto", R"({"set":["icmp","ipv6-icmp"]})") + "," + drop})),
		"rule 10 IPv4 and IPv6", "protocols");
	expect_equal(found(ruleset("inet", "input", {meta("l4proto", R"("tcp")") + "," + drop})),
		     "", "another one");
	expect_equal(found(ruleset("inet", "input", {payload("tcp", "dport", "22") + "," + drop})),
		     "", "TCP");
	expect_equal(found(ruleset("inet", "input", {meta("nfproto", R"("ipv6")") + "," + drop})),
		     "rule 10 IPv6", "a family by meta");
	expect_equal(found(ruleset("inet", "output",
				   {payload("icmp", "type", R"("echo-reply")") + "," + drop})),
		     "rule 10 IPv4", "the reply");
	expect_equal(found(ruleset("inet", "output",
				   {payload("icmp", "type", R"("echo-request")") + "," + drop})),
		     "", "pings of this host");
	expect_equal(
		found(ruleset("inet", "input",
			      {payload("icmp", "type",
				       R"({"range":["timestamp-request","timestamp-reply"]})") +
			       "," + drop})),
		"", "a range of other types");
	expect_equal(found(ruleset("inet", "input",
				   {payload("icmp", "type",
					    R"({"range":["redirect","timestamp-request"]})") +
				    "," + drop})),
		     "rule 10 IPv4", "a range of types");
	expect_equal(
		found(ruleset("inet", "input", {payload("icmp", "type", "7", ">") + "," + drop})),
		"rule 10 IPv4", "greater types");
	expect_equal(
		found(ruleset("inet", "input", {payload("icmp", "type", "8", ">") + "," + drop})),
		"", "greater types only");
	expect_equal(found(ruleset("inet", "input", {state(R"("new")") + "," + drop})),
		     "rule 10 IPv4 and IPv6", "a state");
	expect_equal(
		found(ruleset("inet", "input",
			      {comparison(R"({"ct":{"key":"state"}})", R"("established")", "!") +
			       "," + drop})),
		"rule 10 IPv4 and IPv6", "all states but one");
	expect_equal(found(ruleset("inet", "input",
				   {comparison(R"({"fib":{"result":"type","flags":["daddr"]}})",
					       R"({"set":["local","broadcast"]})", "!=") +
				    "," + drop})),
		     "", "what is not for this host");
}

void firewall_rules_that_may_drop()
{
	const std::string icmp = meta("l4proto", R"("icmp")"),
			  source = payload("ip", "saddr", R"("10.0.0.1")");

	expect_equal(found(ruleset("inet", "input", {icmp + "," + source + "," + drop})),
		     "rule 10 IPv4 some", "an address");
	expect_equal(found(ruleset("inet", "input", {source + "," + drop})), "",
		     "an address and no word of ICMP");
	expect_equal(found(ruleset("inet", "input",
				   {icmp + "," + limit + "," + accept, icmp + "," + drop})),
		     "rule 11 IPv4 maybe", "what is above a limit");
	expect_equal(found(ruleset("inet", "input", {icmp + "," + limit + "," + drop})),
		     "rule 10 IPv4 maybe", "a limit");
	expect_equal(fix(ruleset("inet", "input", {icmp + "," + limit + "," + drop})),
		     "nft -a list chain inet t c", "no command to delete what may drop nothing");
	expect_equal(found(ruleset("inet", "input", {limit + "," + drop})), "",
		     "a limit and no word of ICMP");
	expect_equal(found(ruleset("inet", "input",
				   {icmp + "," + source + R"(,{"queue":{"num":0}})", drop})),
		     "rule 11 IPv4 maybe; rule 11 IPv6", "what a program decides");
	expect_equal(found(ruleset("inet", "input", {R"({"return":null})", drop})), "", "a return");
	expect_equal(found(ruleset("inet", "input", {source + R"(,{"return":null})", drop})),
		     "rule 11 IPv4 and IPv6 some", "a return for some");
	expect_equal(found(ruleset("netdev", "ingress", {icmp + "," + drop})), "rule 10 IPv4 some",
		     "a device");
	expect_equal(found(ruleset("inet", "input", {meta("iifname", R"("eth0")") + "," + drop})),
		     "rule 10 IPv4 and IPv6 some", "all that comes by a device");
}

void firewall_policies()
{
	const std::string established = state(R"(["established","related"])") + "," + accept;
	const std::string echo = payload("icmp", "type", R"("echo-request")") + "," + accept;

	expect_equal(found(ruleset("inet", "input", {established}, "drop")),
		     "the policy IPv4; the policy IPv6", "alone");
	expect_equal(fix(ruleset("ip", "input", {}, "drop")),
		     "nft insert rule ip t c icmp type echo-request accept", "the fix");
	expect_equal(fix(ruleset("ip6", "output", {}, "drop")),
		     "nft insert rule ip6 t c icmpv6 type echo-reply accept",
		     "the fix for replies");
	expect_equal(found(ruleset("inet", "input", {established, echo}, "drop")),
		     "the policy IPv6", "with a rule for one family");
	expect_equal(found(ruleset("inet", "input", {meta("iifname", R"("lo")") + "," + accept},
				   "drop")),
		     "the policy IPv4 some; the policy IPv6 some", "with a rule for a device");
	expect_equal(found(ruleset("inet", "output", {established}, "drop")), "", "for replies");
	expect_equal(found(ruleset("inet", "input", {state(R"("new")") + "," + accept}, "drop")),
		     "", "for new ones");
}

void firewall_chains()
{
	const std::string sub = jump("sub"), go = R"({"goto":{"target":"sub"}})",
			  icmp = meta("l4proto", R"("icmp")");

	expect_equal(found(ruleset("ip", "input", {sub}, "accept", drop)), "rule 50 IPv4",
		     "a jump");
	expect_equal(fix(ruleset("ip", "input", {sub}, "accept", drop)),
		     "nft delete rule ip t sub handle 50", "the fix");
	expect_equal(found(ruleset("ip", "input", {sub, drop}, "accept", accept)), "",
		     "accepted there");
	expect_equal(found(ruleset("ip", "input", {sub, drop}, "accept", R"({"return":null})")),
		     "rule 11 IPv4", "back again");
	expect_equal(found(ruleset("ip", "input", {go, drop}, "accept", R"({"return":null})")), "",
		     "no way back");
	expect_equal(found(ruleset("ip", "input", {meta("iifname", R"("eth0")") + "," + sub},
				   "accept", drop)),
		     "rule 50 IPv4 some", "a jump for a device");
	expect_equal(
		found(ruleset("ip", "input", {payload("ip", "saddr", R"("@blocked")") + "," + sub},
			      "accept", drop)),
		"", "a jump for addresses");
	expect_equal(found(ruleset("ip", "input",
				   {payload("ip", "saddr", R"("10.0.0.1")") + "," + go, drop},
				   "accept", R"({"return":null})")),
		     "rule 11 IPv4 some", "no way back for some");
	// What returned may go on to the policy.
	expect_equal(found(ruleset("ip", "input", {sub}, "drop",
				   meta("iifname", R"("eth0")") + R"(,{"return":null}]}},
		{"rule":{"family":"ip","table":"t","chain":"sub","handle":51,"expr":[)" +
					   accept)),
		     "the policy IPv4 some", "a return for some from a chain that accepts");
	expect_equal(found(ruleset("ip", "input", {sub, icmp + "," + drop}, "accept", sub)),
		     "rule 11 IPv4", "a circle, which nft would not load");
}

void firewall_verdict_maps()
{
	const std::string echo = R"("echo-request")";

	expect_equal(found(ruleset("inet", "input", {vmap(type_key, pair(echo, drop))})),
		     "rule 10 IPv4", "a type");
	expect_equal(found(ruleset("inet", "input",
				   {vmap(type6_key,
					 pair(R"({"range":[1,127]})", accept) + "," +
						 pair(R"({"range":[128,"echo-reply"]})", drop))})),
		     "rule 10 IPv6", "ranges of types");
	expect_equal(found(ruleset("inet", "input", {vmap(type_key, pair(R"("redirect")", drop))})),
		     "", "another type");
	expect_equal(
		found(ruleset("inet", "input",
			      {vmap(type_key, pair(R"("*")", drop) + "," + pair(echo, accept))})),
		"", "all other types");
	expect_equal(found(ruleset("inet", "input",
				   {vmap(type_key, pair(R"("*")", drop) + "," +
							   pair(R"("redirect")", accept))})),
		     "rule 10 IPv4", "all types that have no element");
	// The wiki's server: the states, and a chain for each family.
	const std::string states = vmap(R"({"ct":{"key":"state"}})",
					pair(R"("established")", accept) + "," +
						pair(R"("invalid")", drop)),
			  families = vmap(protocol_key, pair(R"("ip")", jump("sub")) + "," +
								pair(R"("ip6")", jump("sub6")));

	expect_equal(found(ruleset("inet", "input", {states, families}, "drop",
				   payload("icmp", "type", echo) + "," + accept)),
		     "the policy IPv6", "a chain that accepts");
	expect_equal(found(ruleset("inet", "input", {states, families}, "drop", drop)),
		     "rule 50 IPv4; the policy IPv6", "a chain that drops");
	expect_equal(found(ruleset("inet", "input", {states, families}, "drop",
				   payload("icmp", "type", echo) + "," + limit + "," + accept)),
		     "the policy IPv4 maybe; the policy IPv6", "a chain with a limit");
	// A router: a chain for each device.
	const std::string devices =
		vmap(device_key, pair(R"("lo")", accept) + "," + pair(R"("eth0")", jump("sub")));

	expect_equal(found(ruleset("ip", "input", {devices}, "drop",
				   payload("icmp", "type", echo) + "," + accept)),
		     "the policy IPv4 maybe", "devices, one of which has a rule");
	expect_equal(found(ruleset("ip", "input", {devices}, "accept", drop)), "rule 50 IPv4 some",
		     "a device by which nothing comes");
	expect_equal(
		found(ruleset("ip", "input",
			      {vmap(R"({"concat":[)" + device_key + "," + type_key + "]}",
				    pair(R"({"concat":["eth0","echo-request"]})", drop) + "," +
					    pair(R"({"concat":["eth0","redirect"]})", drop))})),
		"rule 10 IPv4 some", "several keys");
	expect_equal(found(ruleset("ip", "input", {vmap(type_key, R"("@unknown")")}, "drop")),
		     "the policy IPv4 maybe", "a map that is not there");
	for (const auto &[verdict, expected] :
	     {std::pair(drop, "rule 10 IPv4"), std::pair(accept, "")}) {
		std::string text = ruleset("ip", "input", {vmap(type_key, R"("@m")")}, "accept");

		text.insert(
			text.rfind(']'),
			R"(,{"map":{"family":"ip","table":"t","name":"m","map":"verdict","elem":[)" +
				pair(echo, verdict) + "]}}");
		expect_equal(found(text), expected, "a named map: " + verdict);
	}
}

void firewall_named_sets()
{
	const std::string rule = payload("icmp", "type", R"("@s")") + "," + drop;

	for (const auto &[elements, expected] :
	     {std::pair(R"("redirect","echo-request")", "rule 10 IPv4"),
	      std::pair(R"({"elem":{"val":"echo-request","timeout":9}})", "rule 10 IPv4"),
	      std::pair(R"("redirect")", ""), std::pair("", "")}) {
		std::string text = ruleset("ip", "input", {rule});

		text.insert(
			text.rfind(']'),
			std::string(R"(,{"set":{"family":"ip","table":"t","name":"s","elem":[)") +
				elements + "]}}");
		expect_equal(found(text), expected, elements);
	}
	expect_equal(found(ruleset("ip", "input", {rule})), "rule 10 IPv4 some",
		     "a set that is not there");
}

/// Commands for chains whose names nft cannot read, and the shell would.
void firewall_names_in_commands()
{
	const auto rules = [](const std::string &name) {
		return R"({"nftables":[{"chain":{"family":"ip","table":"t","name":")" + name +
		       R"(","hook":"input","policy":"accept"}},{"rule":{"family":"ip","table":"t",)" +
		       R"("chain":")" + name + R"(","handle":7,"expr":[{"drop":null}]}}]})";
	};
	const auto json = [](const std::string &name) {
		return R"(nft -j '{"nftables":[{"delete":{"rule":{"chain":")" + name +
		       R"(","family":"ip","handle":7,"table":"t"}}}]}')";
	};

	expect_equal(fix(rules("f2b-sshd_1.x")), "nft delete rule ip t f2b-sshd_1.x handle 7",
		     "a name as usual");
	expect_equal(fix(rules("$(reboot);")), json("$(reboot);"), "what a shell would expand");
	expect_equal(fix(rules("it's")), json(R"(it'\''s)"), "a quote");
	expect_equal(fix(rules(R"(\u001b]0;x)")), json(R"(\u001b]0;x)"), "an escape");
	expect_equal(fix(rules("7up")), json("7up"), "a digit, where nft wants a letter");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"no_rules", firewall_without_rules},
				 {"rules_that_drop", firewall_rules_that_drop},
				 {"rules_that_may_drop", firewall_rules_that_may_drop},
				 {"policies", firewall_policies},
				 {"chains", firewall_chains},
				 {"verdict_maps", firewall_verdict_maps},
				 {"named_sets", firewall_named_sets},
				 {"names_in_commands", firewall_names_in_commands},
			 });
}
