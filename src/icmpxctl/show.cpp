// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl show: settings and their values.
#include <algorithm>
#include <cstdio>

#include "command.hpp"
#include "printable.hpp"
#include "settings.hpp"
#include "words.hpp"

namespace icmpxctl {

namespace {

/// Those of the settings that the words name, in the order of the words. A name without a family is that of both.
std::vector<Setting> choose(Netlink &netlink, const std::vector<Setting> &settings,
			    const Options &options, Arguments words)
{
	std::vector<Setting> chosen;

	for (const char *word : words) {
		const SettingName wanted = parse_setting(word);
		const std::size_t before = chosen.size();

		if (wanted.family && options.family && wanted.family != options.family)
			throw Misuse(std::string(word) +
				     " is of the other family than -4 or -6 says");
		for (const Setting &setting : settings)
			if (setting.name == wanted.name &&
			    (!wanted.family || setting.family == *wanted.family))
				chosen.push_back(setting);
		if (chosen.size() > before)
			continue;
		no_setting(netlink,
			   options.family ? full_name(*options.family, wanted.name) : word);
	}
	return chosen;
}

int run_show(const Options &options, Arguments arguments)
{
	Netlink netlink;
	std::vector<Setting> settings = read_settings(netlink, options.family);

	if (!arguments.empty())
		settings = choose(netlink, settings, options, arguments);
	if (options.json) {
		Json object = Json::object();

		for (const Setting &setting : settings)
			object[setting.full_name()] = setting.json();
		print(object);
		return kDone;
	}
	for (const Setting &setting : settings)
		std::printf("%s = %s\n", setting.full_name().c_str(),
			    printable(setting.value).c_str());
	return kDone;
}

} // namespace

const Command show{
	.name = "show",
	.summary = "print settings",
	.usage = "Usage: icmpxctl [-4 | -6] [-j] show [NAME]...\n"
		 "\n"
		 "Prints all settings with their values, or those that are named, as sysctl(8)\n"
		 "does. A NAME is the name of a setting, of both families unless -4 or -6 picks\n"
		 "one, or a name in full such as net.icmpx6.echo_ratelimit.\n"
		 "\n"
		 "With -j, an object of names and values; numbers are numbers.\n",
	.run = run_show,
};

} // namespace icmpxctl
