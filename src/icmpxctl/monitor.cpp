// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl monitor: what happens, as it happens.
#include <poll.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <icmpx/netlink.h>

#include "command.hpp"
#include "output.hpp"
#include "prefixes.hpp"
#include "printable.hpp"
#include "settings.hpp"
#include "signals.hpp"
#include "words.hpp"

namespace icmpxctl {

namespace {

void tell_setting(const Options &options, const Attributes &attributes)
{
	const Setting setting = parse_setting(attributes);

	if (options.family && setting.family != *options.family)
		return;
	if (options.json)
		print({{"event", "setting"},
		       {"name", setting.full_name()},
		       {"value", setting.json()}});
	else
		std::printf("%s = %s\n", setting.full_name().c_str(),
			    printable(setting.value).c_str());
}

void tell_limit(const Options &options, bool began, const Attributes &attributes)
{
	const Prefix prefix = parse_prefix(attributes);

	if (options.family && prefix.family != *options.family)
		return;
	if (options.json) {
		Json event = {{"event", began ? "limit_began" : "limit_ended"}};

		event.update(prefix.json());
		print(event);
	} else if (began) {
		std::printf("limit began: %s\n", prefix.prefix.c_str());
	} else {
		std::printf("limit ended: %s, %llu refused in %s\n", prefix.prefix.c_str(),
			    static_cast<unsigned long long>(prefix.refused),
			    time_word(prefix.age - std::min(prefix.idle, prefix.age)).c_str());
	}
}

void tell(const Options &options, int command, const Attributes &attributes)
{
	switch (command) {
	case ICMPX_CMD_SETTING_NTF:
		tell_setting(options, attributes);
		break;
	case ICMPX_CMD_LIMIT_BEGAN_NTF:
	case ICMPX_CMD_LIMIT_ENDED_NTF:
		tell_limit(options, command == ICMPX_CMD_LIMIT_BEGAN_NTF, attributes);
		break;
	default:
		// Of a newer module.
		break;
	}
	flush_output();
}

/// Not an event of icmpx: a program that reads those is not to find it among them.
void tell_module(bool loaded)
{
	std::fputs(loaded ? "icmpxctl: icmpx was loaded again\n"
			  : "icmpxctl: icmpx was unloaded; waiting until it is loaded again\n",
		   stderr);
}

int run_monitor(const Options &options, Arguments arguments)
{
	if (!arguments.empty())
		throw Misuse("monitor takes no argument");

	const Signals signals{SIGINT, SIGTERM, SIGHUP};
	Netlink netlink;

	netlink.join(ICMPX_MCGRP_SETTINGS);
	netlink.join(ICMPX_MCGRP_LIMITS);
	netlink.follow(tell_module);
	for (;;) {
		std::array<pollfd, 2> descriptors = {
			{{.fd = signals.descriptor(), .events = POLLIN, .revents = 0},
			 {.fd = netlink.descriptor(), .events = POLLIN, .revents = 0}}};

		if (::poll(descriptors.data(), descriptors.size(), -1) < 0 && errno != EINTR)
			throw Error("poll failed");
		if (ends(signals.read()))
			return kDone;
		if (!descriptors[1].revents)
			continue;
		if (!netlink.receive([&options](int command, const Attributes &attributes) {
			    tell(options, command, attributes);
		    }))
			std::fputs("icmpxctl: too slow, some events were lost\n", stderr);
	}
}

} // namespace

const Command monitor{
	.name = "monitor",
	.summary = "print events as they happen",
	.usage = "Usage: icmpxctl [-4 | -6] [-j] monitor\n"
		 "\n"
		 "Prints a line when a setting is written, and when a source prefix begins to be\n"
		 "limited or is no longer, until it is told to end by Ctrl-C or SIGTERM. With -j\n"
		 "each line is an object.\n"
		 "\n"
		 "Events that come faster than they can be printed are lost; that is said on\n"
		 "standard error, as it is that icmpx was unloaded, and was loaded again.\n",
	.run = run_monitor,
};

} // namespace icmpxctl
