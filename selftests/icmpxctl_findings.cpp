// SPDX-License-Identifier: GPL-2.0-only
//
// icmpxctl doctor: what it finds in facts. No machine is looked at here.

#include "../src/icmpxctl/findings.hpp"
#include "lib/ktap.hpp"

#include <algorithm>

using ktap::expect;
using ktap::expect_equal;

namespace {

using namespace icmpxctl;

/// A machine on which nothing is wrong.
Facts healthy()
{
	Facts facts;

	facts.release = "6.12.117+deb12-amd64";
	facts.loaded = facts.installed = true;
	facts.ftrace = true;
	for (FamilyFacts *family : {&facts.v4, &facts.v6}) {
		family->taken = true;
		family->sending = true;
		family->counted = true;
	}
	facts.sysctls = {{"net.ipv4.icmp_echo_ignore_all", "0"},
			 {"net.ipv4.icmp_echo_ignore_broadcasts", "1"},
			 {"net.ipv4.icmp_echo_enable_probe", "0"},
			 {"net.ipv4.icmp_ratelimit", "1000"},
			 {"net.ipv4.icmp_ratemask", "6168"},
			 {"net.ipv4.icmp_msgs_per_sec", "1000"},
			 {"net.ipv4.ping_group_range", "0\t2147483647"},
			 {"net.ipv6.icmp.echo_ignore_all", "0"},
			 {"net.ipv6.icmp.ratelimit", "1000"},
			 {"net.ipv6.icmp.ratemask", "0-1,3-127"},
			 {"net.icmpx.echo_ratelimit", "0"},
			 {"net.icmpx.echo_ratelimit_prefix", "32"},
			 {"net.icmpx6.echo_ratelimit", "0"},
			 {"net.icmpx6.echo_ratelimit_prefix", "64"},
			 {"net.ipv4.conf.all.rp_filter", "0"},
			 {"net.ipv4.conf.default.rp_filter", "0"},
			 {"net.ipv4.conf.eth0.rp_filter", "0"}};
	return facts;
}

Facts not_loaded()
{
	Facts facts = healthy();

	facts.loaded = false;
	facts.v4 = facts.v6 = {};
	return facts;
}

/// The findings in short: a letter for the level, and the name.
std::string ids(const std::vector<Finding> &findings)
{
	std::string text;

	for (const Finding &finding : findings)
		text += (text.empty() ? "" : " ") +
			std::string(finding.level == Level::problem ? "problem:" : "note:") +
			finding.id;
	return text;
}

/// Expects one finding, with these commands, and words in its text.
void expect_finding(const Facts &facts, const std::string &id, const std::vector<std::string> &fix,
		    const std::vector<std::string> &words = {},
		    const ktap::Location &where = ktap::Location::current())
{
	const std::vector<Finding> findings = diagnose(facts);

	if (!expect_equal(ids(findings), id, "findings", where))
		return;

	const Finding &finding = findings.front();

	expect_equal(finding.fix.size(), fix.size(), id + ": steps", where);
	for (std::size_t i = 0; i < std::min(finding.fix.size(), fix.size()); i++)
		expect_equal(finding.fix[i], fix[i], id + ": step", where);
	for (const std::string &word : words)
		expect(finding.text.find(word) != std::string::npos, word, where);
}

void nothing_is_wrong()
{
	Facts facts = healthy();

	expect_equal(ids(diagnose(facts)), "", "findings");
	facts.sysctls.clear();
	expect_equal(ids(diagnose(facts)), "", "findings without settings");
	facts.v4.counters = {{"limit_host", 5}, {"drop_broadcast", 5}, {"ignore_probe", 5}};
	facts.sysctls["net.ipv4.icmp_echo_enable_probe"] = "1";
	expect_equal(ids(diagnose(facts)), "", "findings with counters alone");
}

void kernel_is_too_old()
{
	Facts facts = not_loaded();

	facts.release = "5.10.0-30-amd64";
	expect_finding(facts, "problem:kernel", {}, {"6.1 to 7.3", "5.10.0-30-amd64"});
}

void module_is_not_installed()
{
	Facts facts = not_loaded();

	facts.installed = false;
	expect_finding(facts, "problem:not_installed",
		       {"apt-get install ./icmpx-dkms_*.deb", "modprobe icmpx"});
	facts.dkms = true;
	expect_finding(facts, "problem:dkms",
		       {"apt-get install linux-headers-6.12.117+deb12-amd64",
			"dkms autoinstall -k 6.12.117+deb12-amd64", "modprobe icmpx"},
		       {"has not built them", "headers are not there"});
	facts.headers = true;
	expect_finding(facts, "problem:dkms",
		       {"dkms autoinstall -k 6.12.117+deb12-amd64", "modprobe icmpx"});
	facts.dkms_built = true;
	expect_finding(facts, "problem:dkms",
		       {"dkms autoinstall -k 6.12.117+deb12-amd64", "modprobe icmpx"},
		       {"not installed them"});
	facts.release = "6.18.1";
	expect_finding(facts, "problem:kernel", {}, {"6.1, 6.12 and 7.3"});
}

void module_is_not_loaded()
{
	Facts facts = not_loaded();

	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"});
	facts.log = {"icmpx: another module handles ICMP already (f [other]): unload it first",
		     "icmpx: took over from the built-in ICMP",
		     "icmpx: ICMP is the kernel's again"};
	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"});
	facts.log.emplace_back(
		"icmpx: cannot set up ping sockets (error -12): free memory, then load again");
	facts.log.emplace_back("audit: icmpx");
	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"},
		       {"cannot set up ping sockets"});
	facts.log.push_back(facts.log.front());
	expect_finding(facts, "problem:slot", {"rmmod other", "modprobe icmpx"},
		       {"another module"});
	facts.log.emplace_back(
		"icmpx: another module handles ICMP already (0xffff): unload it first");
	expect_finding(facts, "problem:slot", {"rmmod MODULE", "modprobe icmpx"});
	// The log knows better than that signatures are wanted.
	facts.signed_only = true;
	expect_finding(facts, "problem:slot", {"rmmod MODULE", "modprobe icmpx"});
	facts.log.emplace_back(
		"icmpx: cannot set up ping sockets (error -12): free memory, then load again");
	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"},
		       {"cannot set up ping sockets"});
	expect_equal(diagnose(facts).front().text.find("Secure Boot"), std::string::npos,
		     "a reason that the log has");
	facts.log = {"icmpx: took over from the built-in ICMP",
		     "icmpx: ICMP is the kernel's again"};
	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"});
	expect_equal(diagnose(facts).front().text.find("Secure Boot"), std::string::npos,
		     "it has been loaded before");
	facts.log = {"audit: icmpx"};
	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"},
		       {"Secure Boot", "Key was rejected by service", "mokutil --import"});
}

void taken_over()
{
	Facts facts = healthy();

	facts.v6.taken = false;
	facts.v6.sending = false;
	expect_finding(facts, "note:ipv6", {"rmmod icmpx", "modprobe icmpx ipv6=1"});
	facts.ipv6 = false;
	expect_finding(facts, "note:ipv6", {"rmmod icmpx", "modprobe icmpx ipv6=1"}, {"ipv6=0"});
	facts.has_ipv6 = false;
	expect_equal(ids(diagnose(facts)), "", "findings on a kernel without IPv6");
	facts.netlink_error = "it is older";
	facts.v4.sending.reset();
	facts.v4.counted.reset();
	expect_finding(facts, "problem:netlink", {}, {"it is older"});
}

void another_module_on_top()
{
	Facts facts = healthy();

	facts.v4.counted = false;
	expect_finding(facts, "problem:slot", {}, {"IPv4"});
	facts.newer_modules = {"second", "first"};
	expect_finding(facts, "problem:slot", {"rmmod second", "rmmod first"}, {"second, first"});
	std::swap(facts.v4.counted, facts.v6.counted);
	expect_finding(facts, "problem:slot6", {"rmmod second", "rmmod first"}, {"IPv6"});
	facts.firewall_unread = "no";
	expect_equal(ids(diagnose(facts)), "note:slot6 note:firewall_unread",
		     "if it may be the firewall");
	facts.firewall_unread.clear();
	facts.firewall = {{"rule 5 of chain ip a b", "IPv6", Extent::unknown, "nft list"}};
	expect_equal(ids(diagnose(facts)), "note:slot6 note:firewall",
		     "if it may be a rule that may drop it");
	facts.firewall.front().extent = Extent::some;
	expect_equal(ids(diagnose(facts)), "problem:firewall", "if it is the firewall");
	facts.firewall.clear();
	facts.v6.counted.reset();
	facts.v6.untried = "a ping socket: Permission denied";
	expect_finding(facts, "note:untried", {}, {"IPv6", "Permission denied"});
	facts.v6 = {};
	facts.has_ipv6 = false;
	expect_equal(ids(diagnose(facts)), "", "a family that icmpx has not taken over");
}

void who_sends_errors()
{
	const std::vector<std::string> again{"rmmod icmpx", "modprobe icmpx send=1"};
	Facts facts = healthy();

	facts.v6.sending = false;
	expect_finding(facts, "problem:ftrace", again);
	facts.v6.sending = true;
	facts.v4.sending = false;
	expect_finding(facts, "problem:ftrace", again);
	facts.ftrace = false;
	expect_finding(
		facts, "problem:ftrace",
		{"sysctl -w kernel.ftrace_enabled=1", "rmmod icmpx", "modprobe icmpx send=1"});
	facts.ftrace.reset();
	expect_finding(facts, "problem:ftrace", {}, {"no ftrace"});
	facts.livepatches = {"patch"};
	expect_finding(facts, "problem:livepatch", {}, {"patch"});
	facts.send = false;
	expect_finding(facts, "note:send", again, {"send=0"});
}

void sockets_from_before()
{
	Facts facts = healthy();

	facts.v4.builtin_sockets = 3;
	expect_finding(facts, "note:older_sockets", {"PROC_NET_RAW=/proc/net/icmp ss -4wanp"},
		       {"3 ping sockets"});
	std::swap(facts.v4.builtin_sockets, facts.v6.builtin_sockets);
	expect_finding(facts, "note:older_sockets",
		       {"PROC_NET_RAW=/proc/net/icmp PROC_NET_RAW6=/proc/net/icmp6 ss -6wanp"},
		       {"IPv6"});
}

void settings_that_ignore()
{
	for (const char *name :
	     {"net.ipv4.icmp_echo_ignore_all", "net.ipv6.icmp.echo_ignore_all",
	      "net.ipv6.icmp.echo_ignore_multicast", "net.ipv6.icmp.echo_ignore_anycast"}) {
		Facts facts = healthy();

		facts.sysctls[name] = "1";
		expect_finding(facts, "problem:echo_ignore",
			       {std::string("sysctl -w ") + name + "=0"}, {name, "net.icmpx"});
	}

	Facts facts = healthy();

	facts.v4.counters["drop_broadcast"] = 7;
	expect_finding(facts, "note:echo_ignore_broadcasts",
		       {"sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0"}, {"7 messages"});
	facts = healthy();
	facts.v6.counters["ignore_probe"] = 2;
	expect_finding(facts, "note:probe", {"sysctl -w net.ipv4.icmp_echo_enable_probe=1"},
		       {"2 PROBE"});
}

void limits_of_errors()
{
	Facts facts = healthy();

	facts.sysctls["net.ipv4.icmp_ratemask"] = "6169";
	facts.v4.counters = {{"limit_host", 3}, {"limit_global", 4}};
	expect_finding(facts, "problem:ratemask", {"sysctl -w net.ipv4.icmp_ratemask=6168"},
		       {"1000 ms", "1000 a second", "7 replies"});
	// It is an int, whose greatest bit is the sign.
	for (const auto &[value, fix] : {std::pair("-1", "-2"), std::pair("4294967295", "-2"),
					 std::pair("2147483647", "2147483646")}) {
		facts.sysctls["net.ipv4.icmp_ratemask"] = value;
		expect_finding(facts, "problem:ratemask",
			       {std::string("sysctl -w net.ipv4.icmp_ratemask=") + fix});
	}
	facts.sysctls["net.ipv4.icmp_ratemask"] = "-2";
	expect_equal(ids(diagnose(facts)), "", "a negative mask without echo replies");

	facts = healthy();
	for (const auto &[list, rest] :
	     {std::pair("0-1,3-127,129", "0-1,3-127"), std::pair("1,129,200-255", "1,200-255")}) {
		facts.sysctls["net.ipv6.icmp.ratemask"] = list;
		expect_finding(facts, "problem:ratemask6",
			       {std::string("sysctl -w net.ipv6.icmp.ratemask=") + rest});
	}
}

void limit_of_a_prefix()
{
	Facts facts = healthy();

	facts.sysctls["net.icmpx.echo_ratelimit"] = "10";
	expect_finding(facts, "note:echo_ratelimit", {"sysctl -w net.icmpx.echo_ratelimit=0"},
		       {"32 bits", " 10 "});
	facts.v4.counters["limit_prefix"] = 5;
	expect_finding(facts, "problem:echo_ratelimit",
		       {"icmpxctl limited", "sysctl -w net.icmpx.echo_ratelimit=0"},
		       {"5 requests"});
	facts = healthy();
	facts.sysctls["net.icmpx6.echo_ratelimit"] = "10";
	expect_finding(facts, "note:echo_ratelimit", {"sysctl -w net.icmpx6.echo_ratelimit=0"},
		       {"64 bits"});
}

void group_range()
{
	Facts facts = healthy();

	facts.sysctls["net.ipv4.ping_group_range"] = "1\t0";
	expect_finding(facts, "problem:ping_group_range",
		       {"sysctl -w net.ipv4.ping_group_range='0 2147483647'"}, {"1 0"});
	for (const char *range : {"0\t0", "100\t100", "", "7", "\t"}) {
		facts.sysctls["net.ipv4.ping_group_range"] = range;
		expect_equal(ids(diagnose(facts)), "", range);
	}
}

void reverse_path()
{
	const std::vector<std::string> fix{"sysctl -w net.ipv4.conf.all.rp_filter=2"};
	Facts facts = healthy();

	facts.sysctls["net.ipv4.conf.eth0.rp_filter"] = "1";
	expect_finding(facts, "note:rp_filter", fix, {"eth0"});
	facts.reverse_path_drops = 9;
	expect_finding(facts, "problem:rp_filter", fix, {"so far 9"});
	facts.sysctls["net.ipv4.conf.all.rp_filter"] = "2";
	expect_equal(ids(diagnose(facts)), "", "the greater one counts");
	facts = healthy();
	facts.sysctls["net.ipv4.conf.all.rp_filter"] = "1";
	expect_finding(facts, "note:rp_filter", fix, {"eth0"});
	facts = healthy();
	facts.sysctls["net.ipv4.conf.default.rp_filter"] = "1";
	expect_equal(ids(diagnose(facts)), "", "devices that are still to come");
}

/// What belongs to a namespace is to be done there, and what does not need not.
void another_namespace()
{
	Facts facts = healthy();

	facts.netns = "blue";
	facts.sysctls["net.ipv4.ping_group_range"] = "1\t0";
	expect_finding(facts, "problem:ping_group_range",
		       {"ip netns exec blue sysctl -w net.ipv4.ping_group_range='0 2147483647'"});
	facts = healthy();
	facts.netns = "/proc/7/ns/net";
	facts.sysctls["net.icmpx.echo_ratelimit"] = "10";
	facts.v4.counters["limit_prefix"] = 5;
	expect_finding(facts, "problem:echo_ratelimit",
		       {"nsenter --net=/proc/7/ns/net icmpxctl limited",
			"nsenter --net=/proc/7/ns/net sysctl -w net.icmpx.echo_ratelimit=0"});
	facts = healthy();
	facts.netns = "a b";
	facts.v4.builtin_sockets = 1;
	expect_finding(facts, "note:older_sockets",
		       {"ip netns exec 'a b' env PROC_NET_RAW=/proc/net/icmp ss -4wanp"});
	facts = healthy();
	facts.netns = "blue";
	facts.firewall = {
		{"rule 5 of chain ip a b", "IPv4", Extent::all, "nft delete rule ip a b handle 5"}};
	expect_finding(facts, "problem:firewall",
		       {"ip netns exec blue nft delete rule ip a b handle 5"});
	facts = healthy();
	facts.netns = "blue";
	facts.v4.sending = false;
	facts.ftrace = false;
	expect_finding(
		facts, "problem:ftrace",
		{"sysctl -w kernel.ftrace_enabled=1", "rmmod icmpx", "modprobe icmpx send=1"});
	facts = not_loaded();
	facts.netns = "blue";
	expect_finding(facts, "problem:not_loaded", {"modprobe icmpx"});
}

void rules_of_the_firewall()
{
	Facts facts = healthy();

	facts.firewall = {{"rule 5 of chain ip a b", "IPv4", Extent::all, "nft delete"}};
	expect_finding(facts, "problem:firewall", {"nft delete"},
		       {"The firewall drops pings over IPv4: rule 5 of chain ip a b."});
	facts.firewall.front().extent = Extent::some;
	expect_finding(facts, "problem:firewall", {"nft delete"}, {"drops some of the pings"});
	facts.firewall.front().extent = Extent::unknown;
	expect_finding(facts, "note:firewall", {"nft delete"}, {"may drop pings"});
}

void problems_come_first()
{
	Facts facts = healthy();

	facts.v4.builtin_sockets = 1;
	facts.sysctls["net.ipv4.icmp_echo_ignore_all"] = "1";
	facts.firewall = {
		{"rule 5 of chain ip a b", "IPv4", Extent::all, "nft delete rule ip a b handle 5"}};
	facts.firewall_unread = "reason";
	expect_equal(ids(diagnose(facts)),
		     "problem:echo_ignore problem:firewall note:older_sockets note:firewall_unread",
		     "order");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"nothing_is_wrong", nothing_is_wrong},
				 {"kernel_is_too_old", kernel_is_too_old},
				 {"module_is_not_installed", module_is_not_installed},
				 {"module_is_not_loaded", module_is_not_loaded},
				 {"taken_over", taken_over},
				 {"another_module_on_top", another_module_on_top},
				 {"who_sends_errors", who_sends_errors},
				 {"sockets_from_before", sockets_from_before},
				 {"settings_that_ignore", settings_that_ignore},
				 {"limits_of_errors", limits_of_errors},
				 {"limit_of_a_prefix", limit_of_a_prefix},
				 {"group_range", group_range},
				 {"reverse_path", reverse_path},
				 {"another_namespace", another_namespace},
				 {"rules_of_the_firewall", rules_of_the_firewall},
				 {"problems_come_first", problems_come_first},
			 });
}
