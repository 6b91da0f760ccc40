// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl help: the list of commands, or how one is used.
#include "command.hpp"

#include <cstdio>

namespace icmpxctl {

namespace {

constexpr std::string_view kHead = "Usage: icmpxctl [OPTION]... COMMAND [ARGUMENT]...\n"
				   "       icmpxctl help COMMAND\n"
				   "\n"
				   "Commands:\n";

constexpr std::string_view kTail =
	"\n"
	"Options, before the command:\n"
	"  -4, -6      IPv4 or IPv6 alone\n"
	"  -j          print JSON\n"
	"  -n NETNS    in this network namespace: a name in /run/netns, or a path\n"
	"  -V          print the version\n"
	"\n"
	"Exit status: 0 if it was done, 1 if the kernel refused it or there is\n"
	"nothing of that name, 2 if the command line is wrong; for probe and doctor\n"
	"see their help.\n";

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int run_help(const Options & /*options*/, Arguments arguments)
{
	if (arguments.size() > 1)
		throw Misuse("help takes one command");
	if (!arguments.empty()) {
		const Command *command = find_command(arguments[0]);

		if (!command)
			throw Misuse(std::string("there is no command '") + arguments[0] + "'");
		put(command->usage);
		return kDone;
	}
	put(kHead);
	for (const Command *command : commands())
		std::printf("  %-10s  %s\n", std::string(command->name).c_str(),
			    std::string(command->summary).c_str());
	put(kTail);
	return kDone;
}

} // namespace

const Command help{
	.name = "help",
	.summary = "print this, or how a command is used",
	.usage = "Usage: icmpxctl help [COMMAND]\n"
		 "\n"
		 "Prints the list of commands, or how COMMAND is used.\n",
	.run = run_help,
};

} // namespace icmpxctl
