// SPDX-License-Identifier: GPL-2.0-only
//
// icmpxctl doctor: which rules of nftables it says drop pings. No firewall is asked here.

#include "../src/icmpxctl/firewall.hpp"
#include "lib/ktap.hpp"

using ktap::expect_equal;

namespace {

using namespace icmpxctl;

/// A ruleset of a chain at a hook, with rules whose handles count from 10.
std::string ruleset(const std::string &family, const std::string &hook,
		    const std::vector<std::string> &rules, const std::string &policy = "accept",
		    const std::string &more = "")
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
const std::string drop = R"({"drop":null})", accept = R"({"accept":null})",
		  reject = R"({"reject":null})", counter = R"({"counter":{"packets":0,"bytes":0}})",
		  limit = R"({"limit":{"rate":5,"burst":5,"per":"second"}})";

std::string comparison(const std::string &left, const std::string &right,
		       const std::string &op = "==")
{
	return R"({"match":{"op":")" + op + R"(","left":)" + left + R"(,"right":)" + right + "}}";
}

std::string payload(const std::string &protocol, const std::string &field, const std::string &right,
		    const std::string &op = "==")
{
	return comparison(R"({"payload":{"protocol":")" + protocol + R"(","field":")" + field +
				  R"("}})",
			  right, op);
}

std::string meta(const std::string &key, const std::string &right, const std::string &op = "==")
{
	return comparison(R"({"meta":{"key":")" + key + R"("}})", right, op);
}

std::string state(const std::string &right)
{
	return comparison(R"({"ct":{"key":"state"}})", right, "in");
}

/// The drops in short: place without its chain, families, `some` if not all.
std::string found(const std::string &rules)
{
	std::string text;

	for (const FirewallDrop &drop : find_drops(rules))
		text += (text.empty() ? "" : "; ") + drop.place.substr(0, drop.place.find(" of")) +
			" " + drop.families + (drop.all ? "" : " some");
	return text;
}

void firewall_without_rules()
{
	for (const char *text :
	     {"", "{", "[]", "{}", "null", "7", R"({"nftables":7})", R"({"nftables":[7,{},[]]})",
	      R"({"nftables":[{"chain":7},{"rule":[]}]})"})
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
		     "rule 11 IPv4 some", "what is above a limit");
	expect_equal(found(ruleset("ip", "input",
				   {icmp + R"(,{"xt":{"type":"match","name":"icmp"}},)" + counter +
				    "," + drop})),
		     "rule 10 IPv4 some", "a match of iptables");
	expect_equal(found(ruleset("ip", "input",
				   {icmp + R"(,{"xt":{"type":"target","name":"REJECT"}})"})),
		     "rule 10 IPv4", "a target of iptables");
	expect_equal(found(ruleset("netdev", "ingress", {icmp + "," + drop})), "rule 10 IPv4 some",
		     "a device");
}

void firewall_policies()
{
	const std::string established = state(R"(["established","related"])") + "," + accept;
	const std::string echo = payload("icmp", "type", R"("echo-request")") + "," + accept;

	expect_equal(found(ruleset("inet", "input", {established}, "drop")),
		     "the policy IPv4; the policy IPv6", "alone");
	expect_equal(find_drops(ruleset("ip", "input", {}, "drop")).front().fix,
		     "nft insert rule ip t c icmp type echo-request accept", "the fix");
	expect_equal(find_drops(ruleset("ip6", "output", {}, "drop")).front().fix,
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
	const std::string jump = R"({"jump":{"target":"sub"}})",
			  go = R"({"goto":{"target":"sub"}})", icmp = meta("l4proto", R"("icmp")");

	expect_equal(found(ruleset("ip", "input", {jump}, "accept", drop)), "rule 50 IPv4",
		     "a jump");
	expect_equal(find_drops(ruleset("ip", "input", {jump}, "accept", drop)).front().fix,
		     "nft delete rule ip t sub handle 50", "the fix");
	expect_equal(found(ruleset("ip", "input", {jump, drop}, "accept", accept)), "",
		     "accepted there");
	expect_equal(found(ruleset("ip", "input", {jump, drop}, "accept", R"({"return":null})")),
		     "rule 11 IPv4", "back again");
	expect_equal(found(ruleset("ip", "input", {go, drop}, "accept", R"({"return":null})")), "",
		     "no way back");
	expect_equal(found(ruleset("ip", "input", {meta("iifname", R"("eth0")") + "," + jump},
				   "accept", drop)),
		     "rule 50 IPv4 some", "a jump that may be");
	expect_equal(found(ruleset("ip", "input", {jump, icmp + "," + drop}, "accept", jump)),
		     "rule 11 IPv4", "a circle, which nft would not load");
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
			 });
}
