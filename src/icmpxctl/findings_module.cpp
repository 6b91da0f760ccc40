// SPDX-License-Identifier: GPL-2.0-only
#include "diagnosis.hpp"

#include <algorithm>

#include "shell.hpp"
#include "values.hpp"

namespace icmpxctl {

namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }

/// The last line of the log about the module itself; empty if there is none.
std::string last_logged(const Facts &facts)
{
	const auto last =
		std::find_if(facts.log.rbegin(), facts.log.rend(),
			     [](const std::string &line) { return line.starts_with("icmpx: "); });

	return last != facts.log.rend() ? *last : "";
}

/// The name of a module, which the log has in brackets.
std::string module_in(const std::string &line)
{
	const std::size_t begin = line.find('['), end = line.find(']', begin);

	if (begin == std::string::npos || end == std::string::npos)
		return "MODULE";
	return line.substr(begin + 1, end - begin - 1);
}

void not_installed(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();

	if (!facts.dkms) {
		diagnosis.problem("not_installed",
				  "icmpx is not loaded: it is not installed for Linux " +
					  facts.release + ".",
				  {"apt-get install ./icmpx-dkms_*.deb", "modprobe icmpx"});
		return;
	}

	if (!is_packaged(facts.release)) {
		diagnosis.problem("kernel", "icmpx is not loaded: DKMS builds it for Linux 6.1, "
					    "6.12 and 7.3, and this is " +
						    facts.release + ".");
		return;
	}

	std::vector<std::string> fix;

	if (!facts.headers)
		fix.push_back("apt-get install linux-headers-" + facts.release);
	fix.push_back("dkms autoinstall -k " + facts.release);
	fix.emplace_back("modprobe icmpx");
	diagnosis.problem(
		"dkms",
		std::string("icmpx is not loaded: DKMS has its sources and ") +
			(facts.dkms_built ? "has built them, but not installed them, for Linux "
					  : "has not built them for Linux ") +
			facts.release + (facts.headers ? "." : ", whose headers are not there."),
		fix);
}

void not_loaded(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();
	const std::string load = "modprobe icmpx";

	if (!is_supported(facts.release)) {
		diagnosis.problem("kernel",
				  "icmpx is not loaded: it is for Linux 6.1 to 7.3, and this is " +
					  facts.release + ".");
		return;
	}
	if (!facts.installed) {
		not_installed(diagnosis);
		return;
	}
	const std::string line = last_logged(facts);
	const auto says = [&line](const char *words) {
		return line.find(words) != std::string::npos;
	};
	std::string text = "icmpx is not loaded: the built-in code handles all of ICMP.";

	if (says("another module handles ICMP")) {
		diagnosis.problem("slot", text + " The kernel's log says: " + line,
				  {"rmmod " + shell_word(module_in(line)), load});
		return;
	}
	if (says("then load again"))
		text += " The kernel's log says: " + line;
	// The kernel has no line about a module whose signature it does not trust.
	else if (facts.signed_only && line.empty())
		text += " This kernel takes signed modules alone (Secure Boot). If modprobe says "
			"`Key was rejected by service`, tell it to trust the key that DKMS signs "
			"with: `mokutil --import /var/lib/dkms/mok.pub` asks for a new password, "
			"which the firmware's menu wants at the next start.";
	diagnosis.problem("not_loaded", text, {load});
}

void counted(Diagnosis &diagnosis, const std::string &name, const FamilyFacts &family,
	     const std::string &id)
{
	const Facts &facts = diagnosis.facts();

	if (!family.taken)
		return;
	if (!family.untried.empty())
		diagnosis.note("untried", "Whether another module has put itself on top of icmpx "
					  "could not be tried over " +
						  name + ": " + family.untried + ".");
	if (family.counted.value_or(true))
		return;

	const std::string what =
		"A ping over " + name + " from this host to itself did not reach icmpx: ";

	// A firewall would explain it as well.
	if (std::any_of(facts.firewall.begin(), facts.firewall.end(),
			[](const FirewallDrop &drop) { return drop.extent != Extent::unknown; }))
		return;
	if (!facts.firewall.empty() || !facts.firewall_unread.empty()) {
		diagnosis.note(id, what + "the firewall drops it, or another module has put itself "
					  "on top of icmpx.");
		return;
	}

	std::string suspects;
	std::vector<std::string> fix;

	for (const std::string &module : facts.newer_modules) {
		suspects += (suspects.empty() ? " Loaded later than icmpx: " : ", ") + module;
		fix.push_back("rmmod " + shell_word(module));
	}
	diagnosis.problem(id,
			  what + "another module has put itself on top of it." +
				  (suspects.empty() ? suspects : suspects + "."),
			  fix);
}

void taken_over(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();

	if (!facts.netlink_error.empty())
		diagnosis.problem("netlink",
				  "icmpx cannot be asked for its counters: " + facts.netlink_error);
	if (facts.has_ipv6 && !facts.v6.taken)
		diagnosis.note("ipv6",
			       std::string("ICMPv6 is left to the built-in code") +
				       (facts.ipv6 ? "." : ": icmpx was loaded with ipv6=0."),
			       {"rmmod icmpx", "modprobe icmpx ipv6=1"});
	counted(diagnosis, "IPv4", facts.v4, "slot");
	counted(diagnosis, "IPv6", facts.v6, "slot6");
}

void errors(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();
	const std::vector<std::string> again{"rmmod icmpx", "modprobe icmpx send=1"};
	const bool missing =
		facts.v4.sending == false || (facts.v6.taken && facts.v6.sending == false);
	const std::string what = "The built-in code sends the errors of this host: ";

	if (!missing)
		return;
	if (!facts.send) {
		diagnosis.note("send", what + "icmpx was loaded with send=0.", again);
	} else if (!facts.livepatches.empty()) {
		diagnosis.problem("livepatch", what + "the livepatch " + facts.livepatches.front() +
						       " has the function that sends them.");
	} else if (!facts.ftrace) {
		diagnosis.problem("ftrace", what + "this kernel has no ftrace, by which icmpx "
						   "would do it (CONFIG_DYNAMIC_FTRACE).");
	} else if (!*facts.ftrace) {
		diagnosis.problem("ftrace", what + "ftrace is switched off.",
				  {"sysctl -w kernel.ftrace_enabled=1", again[0], again[1]});
	} else {
		diagnosis.problem(
			"ftrace",
			what + "ftrace did not redirect their function when icmpx was loaded.",
			again);
	}
}

void older_sockets(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();
	const auto say = [&diagnosis](const FamilyFacts &family, const std::string &list,
				      const std::string &name) {
		if (!family.taken || !family.builtin_sockets)
			return;
		diagnosis.note("older_sockets",
			       number(family.builtin_sockets) + " ping sockets of " + name +
				       " are from before icmpx was loaded, and are the built-in "
				       "code's: they work. This lists the programs; started again, "
				       "they use icmpx.",
			       {diagnosis.here(list)});
	};

	// Without the first variable ss asks the kernel for raw sockets, and reads no file.
	say(facts.v4, "PROC_NET_RAW=/proc/net/icmp ss -4wanp", "IPv4");
	say(facts.v6, "PROC_NET_RAW=/proc/net/icmp PROC_NET_RAW6=/proc/net/icmp6 ss -6wanp",
	    "IPv6");
}

} // namespace

void look_at_module(Diagnosis &diagnosis)
{
	const Facts &facts = diagnosis.facts();

	if (!facts.loaded) {
		not_loaded(diagnosis);
		return;
	}
	taken_over(diagnosis);
	errors(diagnosis);
	older_sockets(diagnosis);
}

} // namespace icmpxctl
