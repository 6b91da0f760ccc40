// SPDX-License-Identifier: GPL-2.0-only
#include "facts.hpp"

#include <sys/klog.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "counters.hpp"
#include "netlink.hpp"
#include "self_ping.hpp"

namespace icmpxctl {

namespace {

namespace fs = std::filesystem;

bool exists(const std::string &path) { return ::access(path.c_str(), F_OK) == 0; }

std::vector<std::string> lines(const std::string &path)
{
	std::ifstream file(path);
	std::vector<std::string> all;

	for (std::string line; std::getline(file, line);)
		all.push_back(line);
	return all;
}

std::string first_line(const std::string &path)
{
	const std::vector<std::string> all = lines(path);

	return all.empty() ? "" : all.front();
}

/// The names in a directory; none if it cannot be read.
std::vector<std::string> names(const std::string &directory)
{
	std::error_code error;
	std::vector<std::string> all;

	for (fs::directory_iterator at(directory, error), end; !error && at != end;
	     at.increment(error))
		all.push_back(at->path().filename());
	return all;
}

/// What a command prints, and its status as of wait().
std::pair<std::string, int> output(const char *command)
{
	std::FILE *const pipe = ::popen(command, "re");
	std::array<char, 4096> buffer{};
	std::string text;

	if (!pipe)
		return {"", -1};
	while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
		text.append(buffer.data(), size);
	return {text, ::pclose(pipe)};
}

void gather_installation(Facts &facts)
{
	const std::string modules = "/lib/modules/" + facts.release;
	const std::string lockdown = first_line("/sys/kernel/security/lockdown");

	for (const std::string &line : lines(modules + "/modules.dep"))
		facts.installed |= line.find("/icmpx.ko") != std::string::npos;
	facts.headers = exists(modules + "/build");
	facts.dkms = exists("/var/lib/dkms/icmpx");
	for (const std::string &version : names("/var/lib/dkms/icmpx"))
		facts.dkms_built |= exists("/var/lib/dkms/icmpx/" + version + "/" + facts.release);
	facts.signed_only = first_line("/sys/module/module/parameters/sig_enforce") == "Y" ||
			    lockdown.find("[integrity]") != std::string::npos ||
			    lockdown.find("[confidentiality]") != std::string::npos;
}

/// A line of the log without its level and time, as in `<6>[   12.345678] icmpx: …`.
std::string message(const std::string &line)
{
	const std::size_t end = line.find("] ");

	return end == std::string::npos ? line : line.substr(end + 2);
}

void gather_log(Facts &facts)
{
	constexpr int size_of_buffer = 10, read_all = 3;
	const int size = ::klogctl(size_of_buffer, nullptr, 0);

	if (size <= 0)
		return;

	std::string text(static_cast<std::size_t>(size), '\0');
	const int length = ::klogctl(read_all, text.data(), size);

	if (length < 0)
		return;
	text.resize(static_cast<std::size_t>(length));

	std::istringstream stream(text);

	for (std::string line; std::getline(stream, line);)
		if (line.find("icmpx") != std::string::npos)
			facts.log.push_back(message(line));
}

/// /proc/modules has the newest first; flags in parentheses, `O` for those from outside the kernel.
void gather_modules(Facts &facts)
{
	for (const std::string &line : lines("/proc/modules")) {
		const std::string name = line.substr(0, line.find(' '));

		if (name == "icmpx")
			return;
		if (name != "icmpx_diag" && line.find('O', line.rfind('(')) != std::string::npos &&
		    line.ends_with(')'))
			facts.newer_modules.push_back(name);
	}
	facts.newer_modules.clear();
}

void gather_sending(Facts &facts)
{
	const std::string parameters = "/sys/module/icmpx/parameters/";

	facts.send = first_line(parameters + "send") != "N";
	facts.ipv6 = first_line(parameters + "ipv6") != "N";
	if (exists("/proc/sys/kernel/ftrace_enabled"))
		facts.ftrace = first_line("/proc/sys/kernel/ftrace_enabled") != "0";
	for (const std::string &patch : names("/sys/kernel/livepatch"))
		for (const std::string &function :
		     names("/sys/kernel/livepatch/" + patch + "/vmlinux"))
			if (function.starts_with("__icmp_send,") ||
			    function.starts_with("icmp6_send,"))
				facts.livepatches.push_back(patch);
}

/// The lines of a list of sockets in /proc, without its head.
unsigned sockets(const std::string &path)
{
	const std::size_t count = lines(path).size();

	return count ? static_cast<unsigned>(count - 1) : 0;
}

void read_all_counters(Netlink &netlink, Facts &facts)
{
	for (const Counters &counters : read_counters(netlink, {})) {
		FamilyFacts &family = counters.family == AF_INET ? facts.v4 : facts.v6;

		for (const Counter &counter : counters.list)
			family.counters[counter.name] = counter.value;
	}
}

/// Nothing if icmpx has not said.
std::optional<bool> sending(const FamilyFacts &family)
{
	const auto found = family.counters.find("sending");

	if (found == family.counters.end())
		return std::nullopt;
	return found->second != 0;
}

void gather_family(Netlink &netlink, int family, FamilyFacts &facts)
{
	if (!facts.taken)
		return;

	SelfPing ping = ping_self(netlink, family);

	facts.sending = sending(facts);
	facts.counted = ping.counted;
	facts.untried = std::move(ping.untried);
}

void gather_families(Facts &facts)
{
	facts.has_ipv6 = exists("/proc/sys/net/ipv6");
	facts.v4.builtin_sockets = sockets("/proc/net/icmp");
	facts.v6.builtin_sockets = sockets("/proc/net/icmp6");
	facts.v4.taken = facts.loaded;
	facts.v6.taken = exists("/proc/net/icmpx6_stat");
	for (FamilyFacts *const family : {&facts.v4, &facts.v6})
		if (!family->taken)
			family->sending = false;
	if (!facts.loaded)
		return;
	try {
		Netlink netlink;

		read_all_counters(netlink, facts);
		gather_family(netlink, AF_INET, facts.v4);
		gather_family(netlink, AF_INET6, facts.v6);
	} catch (const Error &error) {
		facts.netlink_error = error.what();
	}
}

void gather_setting(Facts &facts, std::string name)
{
	std::string path = name;

	for (char &c : path)
		if (c == '.')
			c = '/';
	path.insert(0, "/proc/sys/");
	if (exists(path))
		facts.sysctls.emplace(std::move(name), first_line(path));
}

void gather_settings(Facts &facts)
{
	for (const char *name :
	     {"net.ipv4.icmp_echo_ignore_all", "net.ipv4.icmp_echo_ignore_broadcasts",
	      "net.ipv4.icmp_echo_enable_probe", "net.ipv4.icmp_ratelimit",
	      "net.ipv4.icmp_ratemask", "net.ipv4.icmp_msgs_per_sec", "net.ipv4.ping_group_range",
	      "net.ipv6.icmp.echo_ignore_all", "net.ipv6.icmp.echo_ignore_multicast",
	      "net.ipv6.icmp.echo_ignore_anycast", "net.ipv6.icmp.ratelimit",
	      "net.ipv6.icmp.ratemask", "net.icmpx.echo_ratelimit",
	      "net.icmpx.echo_ratelimit_prefix", "net.icmpx6.echo_ratelimit",
	      "net.icmpx6.echo_ratelimit_prefix"})
		gather_setting(facts, name);
	// A device may have a dot in its name, which sysctl(8) writes as a slash.
	for (const std::string &device : names("/proc/sys/net/ipv4/conf"))
		facts.sysctls.emplace(
			"net.ipv4.conf." + device + ".rp_filter",
			first_line("/proc/sys/net/ipv4/conf/" + device + "/rp_filter"));
}

/// A counter of /proc/net/netstat: pairs of lines, one of names and one of values.
std::uint64_t netstat(const std::string &wanted)
{
	const std::vector<std::string> all = lines("/proc/net/netstat");

	for (std::size_t at = 0; at + 1 < all.size(); at += 2) {
		std::istringstream heads(all[at]), values(all[at + 1]);
		std::string head, value;

		while (heads >> head && values >> value)
			if (head == wanted)
				return std::strtoull(value.c_str(), nullptr, 10);
	}
	return 0;
}

/// Runs a command of the administrator, whatever the caller's PATH.
std::pair<std::string, int> admin_output(const std::string &command)
{
	return output(("PATH=$PATH:/usr/sbin:/sbin " + command + " 2>/dev/null").c_str());
}

/// The rules of iptables in nftables; none where it is not installed.
iptables::Rules iptables_rules()
{
	iptables::Rules rules;

	iptables::read(admin_output("iptables-nft-save").first, "ip", rules);
	iptables::read(admin_output("ip6tables-nft-save").first, "ip6", rules);
	return rules;
}

/// nf_tables is part of the kernel, or has been loaded.
bool has_nf_tables(const std::string &release)
{
	const std::vector<std::string> all = lines("/lib/modules/" + release + "/modules.builtin");

	return exists("/sys/module/nf_tables") ||
	       std::any_of(all.begin(), all.end(),
			   [](const std::string &line) { return line.ends_with("/nf_tables.ko"); });
}

/// nft loads nf_tables where it is not yet loaded: then there are no rules, and it is not asked.
void gather_firewall(Facts &facts)
{
	constexpr int not_found = 127;

	if (!first_line("/proc/net/ip_tables_names").empty() ||
	    !first_line("/proc/net/ip6_tables_names").empty())
		facts.firewall_unread = "some are of iptables-legacy, see iptables-legacy -S and "
					"ip6tables-legacy -S";
	if (!has_nf_tables(facts.release))
		return;

	const auto [ruleset, status] = admin_output("nft -j list ruleset");

	if (WIFEXITED(status) && WEXITSTATUS(status) == not_found) {
		facts.firewall_unread = "there is no nft";
		return;
	}
	if (status) {
		facts.firewall_unread =
			"nft -j list ruleset failed, which takes CAP_NET_ADMIN, and names in UTF-8";
		return;
	}

	// Of a match of iptables, nft has the name alone.
	const bool saved = ruleset.find("\"xt\"") != std::string::npos;
	auto drops = find_drops(ruleset, saved ? iptables_rules() : iptables::Rules());

	if (drops)
		facts.firewall = std::move(*drops);
	else
		facts.firewall_unread = "what nft -j list ruleset prints is no JSON";
}

} // namespace

Facts gather(const std::string &netns)
{
	Facts facts;
	utsname names{};

	facts.netns = netns;
	::uname(&names);
	facts.release = names.release;
	facts.loaded = exists("/sys/module/icmpx");
	gather_installation(facts);
	gather_log(facts);
	gather_modules(facts);
	gather_sending(facts);
	gather_families(facts);
	gather_settings(facts);
	facts.reverse_path_drops = netstat("IPReversePathFilter");
	gather_firewall(facts);
	return facts;
}

} // namespace icmpxctl
