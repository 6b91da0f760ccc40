// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl sockets: the ping sockets, and whose they are.
#include <net/if.h>
#include <pwd.h>

#include <array>
#include <cstdio>

#include <icmpx/netlink.h>

#include "command.hpp"
#include "json.hpp"
#include "netlink.hpp"
#include "printable.hpp"
#include "programs.hpp"
#include "words.hpp"

namespace icmpxctl {

namespace {

struct Socket {
	int family;
	std::uint64_t ident, uid, inode, send_queue, receive_queue, drops;
	std::string local, remote;
	/// The device that the socket is bound to; 0 and empty if to none.
	unsigned ifindex;
	std::string device;
	bool connected;
	std::vector<Program> programs;
};

std::string device_word(unsigned ifindex)
{
	std::array<char, IF_NAMESIZE> name{};

	if (!ifindex)
		return {};
	// The device may have gone.
	return ::if_indextoname(ifindex, name.data()) ? name.data()
						      : "if" + std::to_string(ifindex);
}

std::string user_word(std::uint64_t uid)
{
	const passwd *entry = ::getpwuid(static_cast<uid_t>(uid));

	return entry ? entry->pw_name : std::to_string(uid);
}

Socket parse(const Attributes &attributes)
{
	const auto number = [&](int type) {
		return attributes.number(type).value_or(0);
	};
	const auto address = [&](int type) {
		const auto bytes = attributes.find(type);

		return bytes ? address_word(*bytes) : "*";
	};
	const auto ifindex = static_cast<unsigned>(number(ICMPX_A_SOCKET_IFINDEX));

	return {.family = static_cast<int>(number(ICMPX_A_SOCKET_FAMILY)),
		.ident = number(ICMPX_A_SOCKET_IDENT),
		.uid = number(ICMPX_A_SOCKET_UID),
		.inode = number(ICMPX_A_SOCKET_INODE),
		.send_queue = number(ICMPX_A_SOCKET_SEND_QUEUE),
		.receive_queue = number(ICMPX_A_SOCKET_RECEIVE_QUEUE),
		.drops = number(ICMPX_A_SOCKET_DROPS),
		.local = address(ICMPX_A_SOCKET_LOCAL),
		.remote = address(ICMPX_A_SOCKET_REMOTE),
		.ifindex = ifindex,
		.device = device_word(ifindex),
		.connected = attributes.has(ICMPX_A_SOCKET_CONNECTED),
		.programs = {}};
}

std::string programs_word(const std::vector<Program> &programs)
{
	std::string text;

	for (const Program &program : programs)
		text += (text.empty() ? "" : ",") + printable(program.name) + "(" +
			std::to_string(program.pid) + ")";
	return text.empty() ? "-" : text;
}

void print_table(const std::vector<Socket> &sockets)
{
	std::vector<std::vector<std::string>> rows = {{"FAMILY", "ID", "LOCAL", "REMOTE", "DEVICE",
						       "USER", "INODE", "RECV-Q", "SEND-Q", "DROPS",
						       "PROGRAMS"}};

	for (const Socket &socket : sockets)
		rows.push_back({family_word(socket.family), std::to_string(socket.ident),
				socket.local, socket.connected ? socket.remote : "*",
				socket.device.empty() ? "*" : printable(socket.device),
				printable(user_word(socket.uid)), std::to_string(socket.inode),
				std::to_string(socket.receive_queue),
				std::to_string(socket.send_queue), std::to_string(socket.drops),
				programs_word(socket.programs)});
	for (const std::string &line : table(rows))
		std::puts(line.c_str());
}

Json to_json(const Socket &socket)
{
	Json object = {{"family", family_word(socket.family)},
		       {"ident", socket.ident},
		       {"local", socket.local},
		       {"remote", socket.remote},
		       {"connected", socket.connected}};

	if (socket.ifindex) {
		object["ifindex"] = socket.ifindex;
		object["device"] = socket.device;
	}
	object["uid"] = socket.uid;
	object["inode"] = socket.inode;
	object["receive_queue"] = socket.receive_queue;
	object["send_queue"] = socket.send_queue;
	object["drops"] = socket.drops;
	object["programs"] = Json::array();
	for (const Program &program : socket.programs)
		object["programs"].push_back(
			{{"name", program.name}, {"pid", program.pid}, {"fd", program.fd}});
	return object;
}

int run_sockets(const Options &options, Arguments arguments)
{
	if (!arguments.empty())
		throw Misuse("sockets takes no argument");

	Netlink netlink;
	Message message(ICMPX_CMD_SOCKET_GET);
	std::vector<Socket> sockets;

	if (options.family)
		message.put_u8(ICMPX_A_SOCKET_FAMILY, static_cast<std::uint8_t>(*options.family));
	netlink.dump(std::move(message), [&sockets](int, const Attributes &attributes) {
		sockets.push_back(parse(attributes));
	});

	const auto holders = sockets.empty() ? Holders{} : socket_holders();

	for (Socket &socket : sockets) {
		const auto [first, last] = holders.equal_range(socket.inode);

		for (auto holder = first; holder != last; ++holder)
			socket.programs.push_back(holder->second);
	}
	if (!options.json) {
		print_table(sockets);
		return kDone;
	}

	Json list = Json::array();

	for (const Socket &socket : sockets)
		list.push_back(to_json(socket));
	print(list);
	return kDone;
}

} // namespace

const Command sockets{
	.name = "sockets",
	.summary = "list ping sockets",
	.usage = "Usage: icmpxctl [-4 | -6] [-j] sockets\n"
		 "\n"
		 "Prints the ping sockets of icmpx that have an identifier: addresses, the device\n"
		 "that a socket is bound to, its user and inode, the bytes of memory that its\n"
		 "packets hold, the packets that it had no room for, and the programs that have\n"
		 "it open, as far as /proc may be read.\n",
	.run = run_sockets,
};

} // namespace icmpxctl
