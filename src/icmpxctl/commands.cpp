// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The table of commands.
#include "command.hpp"

namespace icmpxctl {

namespace {

constexpr const Command *kCommands[] = {
	&show,	  &set,		  &stats,   &sockets, &limited, &express,
	&monitor, &probe_command, &metrics, &doctor,  &help,
};

} // namespace

std::span<const Command *const> commands() { return kCommands; }

const Command *find_command(std::string_view name)
{
	for (const Command *command : commands())
		if (command->name == name)
			return command;
	return nullptr;
}

} // namespace icmpxctl
