// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl express: the devices that have the express path.
#include <net/if.h>

#include <cstdio>

#include <icmpx/netlink.h>

#include "all_or_none.hpp"
#include "command.hpp"
#include "json.hpp"
#include "netlink.hpp"
#include "printable.hpp"

namespace icmpxctl {

namespace {

struct Device {
	std::uint64_t ifindex;
	std::string name;
};

int list(const Options &options)
{
	Netlink netlink;
	std::vector<Device> devices;

	netlink.dump(Message(ICMPX_CMD_EXPRESS_GET), [&devices](int, const Attributes &attributes) {
		devices.push_back(
			{.ifindex = attributes.number(ICMPX_A_EXPRESS_IFINDEX).value_or(0),
			 .name = attributes.text(ICMPX_A_EXPRESS_NAME)});
	});
	if (options.json) {
		Json all = Json::array();

		for (const Device &device : devices)
			all.push_back({{"ifindex", device.ifindex}, {"name", device.name}});
		print(all);
		return kDone;
	}
	for (const Device &device : devices)
		std::puts(printable(device.name).c_str());
	return kDone;
}

void change(Netlink &netlink, std::uint8_t command, const char *device)
{
	Message message(command);

	message.put_text(ICMPX_A_EXPRESS_NAME, device);
	try {
		netlink.request(std::move(message));
	} catch (const Error &error) {
		throw Error(std::string(device) + ": " + error.what());
	}
}

int change_all(Arguments devices, std::uint8_t command, std::uint8_t opposite)
{
	Netlink netlink;

	for (const char *device : devices)
		if (!::if_nametoindex(device))
			throw Error(std::string("there is no device '") + device + "'");
	all_or_none(
		devices, [&](const char *device) { change(netlink, command, device); },
		[&](const char *device) { change(netlink, opposite, device); });
	return kDone;
}

int run_express(const Options &options, Arguments arguments)
{
	const std::string_view action = arguments.empty() ? "list" : arguments[0];

	if (options.family)
		throw Misuse("express takes no -4 or -6: a device has it for both");
	if (action == "list") {
		if (arguments.size() > 1)
			throw Misuse("express list takes no argument");
		return list(options);
	}
	if (action != "add" && action != "del")
		throw Misuse("express takes list, add or del, not '" + std::string(action) + "'");
	if (arguments.size() == 1)
		throw Misuse("express " + std::string(action) + " takes a device");
	return action == "add" ? change_all(arguments.subspan(1), ICMPX_CMD_EXPRESS_ADD,
					    ICMPX_CMD_EXPRESS_DEL)
			       : change_all(arguments.subspan(1), ICMPX_CMD_EXPRESS_DEL,
					    ICMPX_CMD_EXPRESS_ADD);
}

} // namespace

const Command express{
	.name = "express",
	.summary = "list or change the devices that have the express path",
	.usage = "Usage: icmpxctl [-j] express [list]\n"
		 "       icmpxctl express add DEVICE...\n"
		 "       icmpxctl express del DEVICE...\n"
		 "\n"
		 "Prints the devices that answer echo requests at their ingress, past the\n"
		 "firewall; gives that express path to devices, or takes it from them: to all of\n"
		 "them, or to none if one is refused, or else it says which were left changed.\n"
		 "The setting is net.icmpx.express.\n"
		 "\n"
		 "Changes take CAP_NET_ADMIN in the network namespace.\n",
	.run = run_express,
};

} // namespace icmpxctl
