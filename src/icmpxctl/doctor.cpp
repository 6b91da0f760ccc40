// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl doctor: what icmpx has taken over, what is wrong, and what to do about it.
#include <cstdio>

#include "command.hpp"
#include "facts.hpp"
#include "json.hpp"
#include "printable.hpp"

namespace icmpxctl {

namespace {

/// The code that handles a part of ICMP, in words. @p taken: whether icmpx does; nothing if that is not known.
const char *whose(std::optional<bool> taken)
{
	if (!taken)
		return "not known";
	return *taken ? "icmpx" : "the built-in code";
}

Json as_json(const FamilyFacts &family)
{
	return {{"received", family.taken},
		{"errors", family.sending ? Json(*family.sending) : Json()},
		{"ping_sockets", family.taken}};
}

void say(const char *name, const FamilyFacts &family)
{
	std::printf("%s: received messages: %s; errors sent: %s; new ping sockets: %s\n", name,
		    whose(family.taken), whose(family.sending), whose(family.taken));
}

Json as_json(const Finding &finding)
{
	return {{"level", finding.level == Level::problem ? "problem" : "note"},
		{"id", finding.id},
		{"text", finding.text},
		{"fix", finding.fix}};
}

void say(const Finding &finding)
{
	std::printf("\n%s: %s\n", finding.level == Level::problem ? "Problem" : "Note",
		    printable(finding.text).c_str());
	for (const std::string &command : finding.fix)
		std::printf("    %s\n", printable(command).c_str());
}

int run_doctor(const Options &options, Arguments arguments)
{
	if (!arguments.empty())
		throw Misuse("doctor takes no argument");
	if (options.family)
		throw Misuse("doctor looks at both families: it takes no -4 and no -6");

	const Facts facts = gather(options.netns);
	const std::vector<Finding> findings = diagnose(facts);
	// They are sorted.
	const bool healthy = findings.empty() || findings.front().level != Level::problem;

	if (options.json) {
		Json list = Json::array();

		for (const Finding &finding : findings)
			list.push_back(as_json(finding));
		print({{"kernel", facts.release},
		       {"loaded", facts.loaded},
		       {"taken_over", {{"ipv4", as_json(facts.v4)}, {"ipv6", as_json(facts.v6)}}},
		       {"findings", list}});
	} else {
		say("IPv4", facts.v4);
		if (facts.has_ipv6)
			say("IPv6", facts.v6);
		for (const Finding &finding : findings)
			say(finding);
		if (healthy)
			std::printf("\nNothing is wrong.\n");
	}
	return healthy ? kDone : kRefused;
}

} // namespace

const Command doctor{
	.name = "doctor",
	.summary = "say what is wrong, and what to do about it",
	.usage = "Usage: icmpxctl [-j] doctor\n"
		 "\n"
		 "Says which parts of ICMP icmpx has taken over in the network namespace, and\n"
		 "looks for what keeps it from the others, and for what leaves pings\n"
		 "unanswered: settings, limits, and rules of nftables. Each finding has the\n"
		 "commands that make it go away, or that show more of it. It pings this host\n"
		 "itself once, and changes nothing. As root it sees more.\n"
		 "\n"
		 "Exit status: 0 if nothing is wrong, whatever the notes say; 1 if there is a\n"
		 "problem.\n",
	.run = run_doctor,
};

} // namespace icmpxctl
