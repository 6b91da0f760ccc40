// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl set: changes a setting.
#include <sys/socket.h>

#include <cerrno>

#include <icmpx/netlink.h>

#include "command.hpp"
#include "settings.hpp"
#include "words.hpp"

namespace icmpxctl {

namespace {

/// Why a value was refused. Kernels before 6.3 have no numbers in their messages, so the range is looked up.
std::string reason(Netlink &netlink, int family, std::string_view name, const Refused &refused)
{
	const Setting setting = read_setting(netlink, family, name);

	if (!setting.range)
		return refused.text();
	return "not a number from " + std::to_string(setting.range->first) + " to " +
	       std::to_string(setting.range->second);
}

int run_set(const Options &options, Arguments arguments)
{
	if (arguments.size() != 2)
		throw Misuse("set takes the name of a setting and a value");

	const SettingName wanted = parse_setting(arguments[0]);
	const int family = wanted.family.value_or(options.family.value_or(AF_INET));
	const std::string full = full_name(family, wanted.name);
	const std::string value = arguments[1];

	if (wanted.family && options.family && wanted.family != options.family)
		throw Misuse(full + " is of the other family than -4 or -6 says");

	Netlink netlink;
	Message message(ICMPX_CMD_SETTING_SET);

	message.put_u8(ICMPX_A_SETTING_FAMILY, static_cast<std::uint8_t>(family))
		.put_text(ICMPX_A_SETTING_NAME, wanted.name)
		.put_text(ICMPX_A_SETTING_VALUE, value);
	try {
		netlink.request(std::move(message));
	} catch (const Refused &refused) {
		switch (refused.code()) {
		case ENOENT:
			no_setting(netlink, full);
		case EINVAL:
			throw Error(full + " cannot be '" + value +
				    "': " + reason(netlink, family, wanted.name, refused));
		default:
			throw Error(full + ": " + refused.what());
		}
	}
	return kDone;
}

} // namespace

const Command set{
	.name = "set",
	.summary = "change a setting",
	.usage = "Usage: icmpxctl [-4 | -6] set NAME VALUE\n"
		 "\n"
		 "Gives the setting NAME of IPv4, or with -6 of IPv6, the VALUE. A name in full\n"
		 "such as net.icmpx6.echo_ratelimit says the family itself. A VALUE of more than\n"
		 "one word is one argument: 'eth0 eth1'.\n"
		 "\n"
		 "The value is gone at the next boot; /etc/sysctl.d keeps it. Takes\n"
		 "CAP_NET_ADMIN in the network namespace.\n",
	.run = run_set,
};

} // namespace icmpxctl
