// SPDX-License-Identifier: GPL-2.0-only
#include "findings.hpp"

#include <algorithm>
#include <utility>

#include "values.hpp"

namespace icmpxctl {

namespace {

/// The types of echo replies, as the masks of types have them: that of ICMPv6 stands for PROBE replies, too.
constexpr unsigned kEchoReply = 0;
constexpr unsigned kEchoReply6 = 129;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string set(const std::string &name, const std::string &value)
{
	const bool words = value.find(' ') != std::string::npos;

	return "sysctl -w " + name + "=" + (words ? "'" + value + "'" : value);
}

class Doctor {
public:
	explicit Doctor(const Facts &facts) : facts_(facts) {}

	std::vector<Finding> run()
	{
		if (!facts_.loaded) {
			not_loaded();
		} else {
			taken_over();
			errors();
			older_sockets();
		}
		ignored();
		masks();
		limits();
		groups();
		reverse_path();
		firewall();
		std::stable_sort(
			findings_.begin(), findings_.end(),
			[](const Finding &a, const Finding &b) { return a.level < b.level; });
		return std::move(findings_);
	}

private:
	void problem(std::string id, std::string text, std::vector<std::string> fix = {})
	{
		findings_.push_back(
			{Level::problem, std::move(id), std::move(text), std::move(fix)});
	}

	void note(std::string id, std::string text, std::vector<std::string> fix = {})
	{
		findings_.push_back({Level::note, std::move(id), std::move(text), std::move(fix)});
	}

	/// The value of a setting that is a number; 0 if there is no such setting.
	std::uint64_t value(std::string_view name) const
	{
		const auto found = facts_.sysctls.find(name);

		return found == facts_.sysctls.end() ? 0 : parse_number(found->second).value_or(0);
	}

	std::string setting(std::string_view name) const
	{
		const auto found = facts_.sysctls.find(name);

		return found == facts_.sysctls.end() ? "" : found->second;
	}

	static std::uint64_t count(const FamilyFacts &family, std::string_view counter)
	{
		const auto found = family.counters.find(counter);

		return found == family.counters.end() ? 0 : found->second;
	}

	/// The last line that icmpx itself has in the log, if it has the words.
	std::string logged(std::string_view words) const
	{
		const auto last = std::find_if(
			facts_.log.rbegin(), facts_.log.rend(),
			[](const std::string &line) { return line.starts_with("icmpx: "); });

		return last != facts_.log.rend() && last->find(words) != std::string::npos ? *last
											   : "";
	}

	void not_loaded()
	{
		const std::string load = "modprobe icmpx";

		if (!is_supported(facts_.release)) {
			problem("kernel",
				"icmpx is not loaded: it is for Linux 6.1 to 7.3, and this is " +
					facts_.release + ".");
			return;
		}
		if (!facts_.installed) {
			not_installed();
			return;
		}
		if (facts_.signed_only) {
			problem("signature",
				"icmpx is not loaded: this kernel takes signed modules alone "
				"(Secure Boot), "
				"and has to be told to trust the key that icmpx was signed with. "
				"After the "
				"restart, the firmware's menu asks for the password that mokutil "
				"has asked "
				"for.",
				{"mokutil --import /var/lib/dkms/mok.pub", "reboot", load});
			return;
		}

		const std::string other = logged("another module handles ICMP");
		const std::string error = other.empty() ? logged("then load again") : other;
		std::vector<std::string> fix{load};

		if (!other.empty())
			fix.insert(fix.begin(), "rmmod " + module_in(other));
		problem(other.empty() ? "not_loaded" : "slot",
			"icmpx is not loaded: the built-in code handles all of ICMP." +
				(error.empty() ? error : " The kernel's log says: " + error),
			fix);
	}

	/// The name of a module, which the log has in brackets.
	static std::string module_in(const std::string &line)
	{
		const std::size_t begin = line.find('['), end = line.find(']', begin);

		if (begin == std::string::npos || end == std::string::npos)
			return "MODULE";
		return line.substr(begin + 1, end - begin - 1);
	}

	void not_installed()
	{
		if (!facts_.dkms) {
			problem("not_installed",
				"icmpx is not loaded: it is not installed for Linux " +
					facts_.release + ".",
				{"apt-get install ./icmpx-dkms_*.deb", "modprobe icmpx"});
			return;
		}

		if (!is_packaged(facts_.release)) {
			problem("kernel", "icmpx is not loaded: DKMS builds it for Linux 6.1, 6.12 "
					  "and 7.3, and "
					  "this is " +
						  facts_.release + ".");
			return;
		}

		std::vector<std::string> fix;

		if (!facts_.headers)
			fix.push_back("apt-get install linux-headers-" + facts_.release);
		fix.push_back("dkms autoinstall -k " + facts_.release);
		fix.emplace_back("modprobe icmpx");
		problem("dkms",
			std::string("icmpx is not loaded: DKMS has its sources and ") +
				(facts_.dkms_built
					 ? "has built them, but not installed them, for Linux "
					 : "has not built them for Linux ") +
				facts_.release +
				(facts_.headers ? "." : ", whose headers are not there."),
			fix);
	}

	void taken_over()
	{
		if (!facts_.netlink_error.empty())
			problem("netlink",
				"icmpx cannot be asked for its counters: " + facts_.netlink_error);
		if (facts_.has_ipv6 && !facts_.v6.taken)
			note("ipv6",
			     std::string("ICMPv6 is left to the built-in code") +
				     (facts_.ipv6 ? "." : ": icmpx was loaded with ipv6=0."),
			     {"rmmod icmpx", "modprobe icmpx ipv6=1"});
		counted("IPv4", facts_.v4, "slot");
		counted("IPv6", facts_.v6, "slot6");
	}

	void counted(const std::string &name, const FamilyFacts &family, const std::string &id)
	{
		// A firewall would explain it as well.
		if (!family.taken || family.counted.value_or(true) || !facts_.firewall.empty() ||
		    !facts_.firewall_unread.empty())
			return;

		std::string suspects;
		std::vector<std::string> fix;

		for (const std::string &module : facts_.newer_modules) {
			suspects +=
				(suspects.empty() ? " Loaded later than icmpx: " : ", ") + module;
			fix.push_back("rmmod " + module);
		}
		problem(id,
			"A ping over " + name +
				" from this host to itself did not reach icmpx: another module has "
				"put "
				"itself on top of it." +
				(suspects.empty() ? suspects : suspects + "."),
			fix);
	}

	void errors()
	{
		const std::vector<std::string> again{"rmmod icmpx", "modprobe icmpx send=1"};
		const bool missing = !facts_.v4.sending || (facts_.v6.taken && !facts_.v6.sending);
		const std::string what = "The built-in code sends the errors of this host: ";

		if (!missing || !facts_.netlink_error.empty())
			return;
		if (!facts_.send) {
			note("send", what + "icmpx was loaded with send=0.", again);
		} else if (!facts_.livepatches.empty()) {
			problem("livepatch", what + "the livepatch " + facts_.livepatches.front() +
						     " has the function that sends them.");
		} else if (!facts_.ftrace) {
			problem("ftrace",
				what + "this kernel has no ftrace, by which icmpx would do it "
				       "(CONFIG_DYNAMIC_FTRACE).");
		} else if (!*facts_.ftrace) {
			problem("ftrace", what + "ftrace is switched off.",
				{set("kernel.ftrace_enabled", "1"), again[0], again[1]});
		} else {
			problem("ftrace",
				what + "ftrace did not redirect their function when icmpx was "
				       "loaded.",
				again);
		}
	}

	void older_sockets()
	{
		const auto say = [this](const FamilyFacts &family, const std::string &file,
					const std::string &name) {
			if (!family.taken || !family.builtin_sockets)
				return;
			note("older_sockets",
			     number(family.builtin_sockets) + " ping sockets of " + name +
				     " are from before icmpx was loaded, and are the built-in "
				     "code's: they "
				     "work. This lists the programs; started again, they use "
				     "icmpx.",
			     {"PROC_NET_RAW=" + file + " ss -wanp"});
		};

		say(facts_.v4, "/proc/net/icmp", "IPv4");
		say(facts_.v6, "/proc/net/icmp6", "IPv6");
	}

	/// Settings by which requests are not answered.
	void ignored()
	{
		struct Row {
			const char *name, *second, *what;
		};
		constexpr Row rows[] = {
			{"net.ipv4.icmp_echo_ignore_all", "net.icmpx.echo_ignore_all",
			 "no ping over IPv4"},
			{"net.ipv6.icmp.echo_ignore_all", "net.icmpx6.echo_ignore_all",
			 "no ping over IPv6"},
			{"net.ipv6.icmp.echo_ignore_multicast", "net.icmpx6.echo_ignore_multicast",
			 "no ping to a multicast address of IPv6"},
			{"net.ipv6.icmp.echo_ignore_anycast", "net.icmpx6.echo_ignore_anycast",
			 "no ping to an anycast address of IPv6"},
		};

		for (const Row &row : rows)
			if (value(row.name))
				problem("echo_ignore",
					std::string("This host answers ") + row.what + ": " +
						row.name + " (" + row.second + ") is 1.",
					{set(row.name, "0")});

		const std::uint64_t broadcasts = count(facts_.v4, "drop_broadcast");
		const std::uint64_t probes =
			count(facts_.v4, "ignore_probe") + count(facts_.v6, "ignore_probe");

		if (broadcasts && value("net.ipv4.icmp_echo_ignore_broadcasts"))
			note("echo_ignore_broadcasts",
			     number(broadcasts) +
				     " messages to broadcast or multicast addresses were dropped; "
				     "net.ipv4.icmp_echo_ignore_broadcasts is 1, as usual.",
			     {set("net.ipv4.icmp_echo_ignore_broadcasts", "0")});
		if (probes && !value("net.ipv4.icmp_echo_enable_probe"))
			note("probe",
			     number(probes) + " PROBE queries were not answered: "
					      "net.ipv4.icmp_echo_enable_probe is 0, as usual.",
			     {set("net.ipv4.icmp_echo_enable_probe", "1")});
	}

	/// Masks of types that have echo replies, whose limits are meant for errors.
	void masks()
	{
		const std::uint64_t mask = value("net.ipv4.icmp_ratemask");
		const std::string mask6 = setting("net.ipv6.icmp.ratemask");

		if (mask & 1U << kEchoReply)
			problem("ratemask",
				"Replies to pings over IPv4 have the limit of errors, one in " +
					number(value("net.ipv4.icmp_ratelimit")) +
					" ms to a host and " +
					number(value("net.ipv4.icmp_msgs_per_sec")) +
					" a second to all: bit 0 of net.ipv4.icmp_ratemask is "
					"set. " +
					refusals(facts_.v4),
				{set("net.ipv4.icmp_ratemask", number(mask & ~1ULL))});
		if (has_type(mask6, kEchoReply6))
			problem("ratemask6",
				"Replies to pings over IPv6 have the limit of errors, one in " +
					number(value("net.ipv6.icmp.ratelimit")) +
					" ms to a host and " +
					number(value("net.ipv4.icmp_msgs_per_sec")) +
					" a second to all: net.ipv6.icmp.ratemask has type 129. " +
					refusals(facts_.v6),
				{set("net.ipv6.icmp.ratemask", "0-1,3-127")});
	}

	std::string refusals(const FamilyFacts &family) const
	{
		if (!facts_.loaded)
			return "icmpx, which would count them, is not loaded.";
		return "It has refused " +
		       number(count(family, "limit_host") + count(family, "limit_global")) +
		       " replies.";
	}

	void limits()
	{
		const auto say = [this](const FamilyFacts &family, const std::string &module,
					const std::string &name) {
			const std::string setting_name = "net." + module + ".echo_ratelimit";
			const std::uint64_t limit = value(setting_name);
			const std::uint64_t refused = count(family, "limit_prefix");
			const std::string text =
				"The hosts of a source prefix of " +
				setting("net." + module + ".echo_ratelimit_prefix") + " bits get " +
				number(limit) + " replies to pings over " + name + " a second (" +
				setting_name + "): ";

			if (!limit)
				return;
			if (refused)
				problem("echo_ratelimit",
					text + number(refused) +
						" requests got none. The first command lists the "
						"prefixes that "
						"are limited now, the second one ends the limit.",
					{"icmpxctl limited", set(setting_name, "0")});
			else
				note("echo_ratelimit", text + "nobody has asked for more yet.",
				     {set(setting_name, "0")});
		};

		say(facts_.v4, "icmpx", "IPv4");
		say(facts_.v6, "icmpx6", "IPv6");
	}

	void groups()
	{
		const std::string range = setting("net.ipv4.ping_group_range");
		const std::size_t gap = range.find_first_of(" \t");

		if (gap == std::string::npos)
			return;

		const auto first = parse_number(range.substr(0, gap));
		const auto last = parse_number(range.substr(range.find_last_of(" \t") + 1));

		if (first && last && *first > *last)
			problem("ping_group_range",
				"No program can open a ping socket, so ping fails for users whose "
				"ping has no "
				"capability: net.ipv4.ping_group_range is " +
					number(*first) + " " + number(*last) + ".",
				{set("net.ipv4.ping_group_range", "0 2147483647")});
	}

	void reverse_path()
	{
		constexpr std::string_view prefix = "net.ipv4.conf.", suffix = ".rp_filter";
		const std::uint64_t all = value("net.ipv4.conf.all.rp_filter");
		std::string devices;

		for (const auto &[name, mode] : facts_.sysctls) {
			if (!name.starts_with(prefix) || !name.ends_with(suffix))
				continue;

			const std::string device = name.substr(
				prefix.size(), name.size() - prefix.size() - suffix.size());

			// The stricter of the two is not what counts, the greater one is.
			if (device != "all" && device != "default" &&
			    std::max(all, parse_number(mode).value_or(0)) == 1)
				devices += (devices.empty() ? "" : ", ") + device;
		}
		if (devices.empty())
			return;

		const std::string text =
			"Packets of IPv4 are dropped that come by another device than the way "
			"back goes (rp_filter is 1: " +
			devices + ")";
		const std::vector<std::string> fix{set("net.ipv4.conf.all.rp_filter", "2")};

		if (facts_.reverse_path_drops)
			problem("rp_filter",
				text + ": so far " + number(facts_.reverse_path_drops) + ".", fix);
		else
			note("rp_filter", text + ": none so far.", fix);
	}

	void firewall()
	{
		for (const FirewallDrop &drop : facts_.firewall)
			problem("firewall",
				"The firewall drops " +
					std::string(drop.all ? "" : "some of the ") +
					"pings over " + drop.families + ": " + drop.place + ".",
				{drop.fix});
		if (!facts_.firewall_unread.empty())
			note("firewall_unread", "The firewall's rules were not looked at: " +
							facts_.firewall_unread + ".");
	}

	const Facts &facts_;
	std::vector<Finding> findings_;
};

} // namespace

std::vector<Finding> diagnose(const Facts &facts) { return Doctor(facts).run(); }

} // namespace icmpxctl
