// SPDX-License-Identifier: GPL-2.0-only
//
// icmpxctl doctor: which rules of iptables in nftables it says drop pings. No firewall is asked here.

#include "lib/ktap.hpp"
#include "lib/nft_ruleset.hpp"

using ktap::expect_equal;

namespace {

using namespace icmpxctl;
using namespace nft_ruleset;

/// nft has of a match of iptables no more than its name; iptables-save has the rest.
void firewall_of_iptables()
{
	const std::string icmp = meta("l4proto", R"("icmp")"),
			  xt_icmp = R"({"xt":{"type":"match","name":"icmp"}})",
			  xt_comment = R"({"xt":{"type":"match","name":"comment"}})",
			  xt_state = R"({"xt":{"type":"match","name":"conntrack"}})",
			  rule = icmp + "," + xt_icmp + "," + counter + ",";
	const auto saved = [](const std::string &lines) {
		iptables::Rules rules;

		iptables::read("*t\n:c DROP [0:0]\n" + lines + "COMMIT\n", "ip", rules);
		return rules;
	};

	expect_equal(found(ruleset("ip", "input", {rule + drop})), "rule 10 IPv4 maybe",
		     "a type that is not known");
	expect_equal(fix(ruleset("ip", "input", {rule + drop})), "nft -a list chain ip t c",
		     "no command to delete it");
	expect_equal(found(ruleset("ip", "input", {rule + accept}, "drop")),
		     "the policy IPv4 maybe", "accepted, if it is of the type");
	expect_equal(found(ruleset("ip", "input", {icmp + "," + xt_comment + "," + drop})),
		     "rule 10 IPv4", "a comment is no condition");
	expect_equal(found(ruleset("ip", "input",
				   {icmp + R"(,{"xt":{"type":"target","name":"REJECT"}})"})),
		     "rule 10 IPv4", "a target");
	expect_equal(found(ruleset("ip", "input",
				   {icmp + R"(,{"xt":{"type":"target","name":"LOG"}})", drop})),
		     "rule 11 IPv4", "a target after which it goes on");
	expect_equal(found(ruleset("ip", "input",
				   {icmp + R"(,{"xt":{"type":"target","name":"NFQUEUE"}})", drop})),
		     "rule 11 IPv4 maybe", "a target by which a program decides");

	expect_equal(found(ruleset("ip", "input", {R"({"xt":null})"}, "drop")),
		     "the policy IPv4 maybe", "not even a name");

	for (const auto &[words, expected] :
	     {std::pair("--icmp-type 13", ""), std::pair("--icmp-type 8", "rule 10 IPv4"),
	      std::pair("--icmp-type 8/0", "rule 10 IPv4"), std::pair("--icmp-type 8/1", ""),
	      std::pair("! --icmp-type 8", ""), std::pair("! --icmp-type 13", "rule 10 IPv4"),
	      std::pair("--icmp-type any", "rule 10 IPv4"),
	      std::pair("--icmp-type 255", "rule 10 IPv4"),
	      std::pair("--icmp-type what", "rule 10 IPv4 maybe"),
	      std::pair("--icmp-type", "rule 10 IPv4 maybe"),
	      std::pair(R"(-m comment --comment "\" --icmp-type 8" --icmp-type 13)", "")})
		expect_equal(
			found(ruleset("ip", "input", {rule + drop}),
			      saved(std::string("-A c -p icmp -m icmp ") + words + " -j DROP\n")),
			expected, words);
	expect_equal(found(ruleset("ip", "input", {rule + drop}),
			   saved("-A c -m icmp --icmp-type 13 -j DROP\n-A c -j ACCEPT\n")),
		     "rule 10 IPv4 maybe", "more rules than nft has");
	// ufw: what is established, pings, and a policy.
	const std::string established = xt_state + "," + accept;
	const std::vector<std::string> ufw{established, rule + accept};
	const std::string first = "-A c -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";

	expect_equal(found(ruleset("ip", "input", ufw, "drop"),
			   saved(first + "-A c -p icmp -m icmp --icmp-type 8 -j ACCEPT\n")),
		     "", "ufw");
	expect_equal(found(ruleset("ip", "input", ufw, "drop"),
			   saved(first + "-A c -p icmp -m icmp --icmp-type 3 -j ACCEPT\n")),
		     "the policy IPv4", "ufw without pings");
	expect_equal(found(ruleset("ip", "output", {established}, "drop"), saved(first)), "",
		     "replies are established");
	expect_equal(found(ruleset("ip", "input", {established}, "drop"),
			   saved("-A c -m conntrack --ctstate NEW --ctdir ORIGINAL -j ACCEPT\n")),
		     "the policy IPv4 maybe", "more than a state");
	expect_equal(found(ruleset("ip", "input",
				   {R"({"xt":{"type":"match","name":"addrtype"}},{"return":null})",
				    drop}),
			   saved("-A c -m addrtype --dst-type LOCAL -j RETURN\n-A c -j DROP\n")),
		     "", "what is for this host");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, {{"iptables", firewall_of_iptables}});
}
