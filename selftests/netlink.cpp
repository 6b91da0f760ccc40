// SPDX-License-Identifier: GPL-2.0-only
//
// The generic netlink family icmpx: settings and counters, who may do what, and requests that are wrong.
// Lists of sockets, sources and devices: netlink_lists. Groups: netlink_events.

#include "lib/child.hpp"
#include "lib/genetlink.hpp"
#include "lib/ping.hpp"
#include "lib/wire.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <sys/socket.h>

namespace {

using genetlink::Attributes;
using genetlink::byte;
using genetlink::Client;
using genetlink::setting_get;
using genetlink::setting_set;
using ktap::expect;
using ktap::expect_equal;

std::string directory(std::uint64_t family)
{
	return family == AF_INET6 ? "net/icmpx6/" : "net/icmpx/";
}

std::string name_of(const Attributes &setting)
{
	return directory(setting.number(ICMPX_A_SETTING_FAMILY).value_or(0)) +
	       setting.text(ICMPX_A_SETTING_NAME);
}

void new_namespace()
{
	host::need_icmpx6();
	host::enter_new_namespace();
}

void every_setting_is_listed()
{
	new_namespace();
	Client client;
	std::set<std::string> files, listed;

	for (const std::string dir : {"net/icmpx/", "net/icmpx6/"})
		for (const auto &file : std::filesystem::directory_iterator("/proc/sys/" + dir))
			files.insert(dir + file.path().filename().string());
	for (const Attributes &setting : client.list(client.message(ICMPX_CMD_SETTING_GET))) {
		listed.insert(name_of(setting));
		expect_equal(setting.text(ICMPX_A_SETTING_VALUE), host::sysctl(name_of(setting)),
			     name_of(setting));
	}
	expect(files == listed, "the settings that are listed are the files that there are");
	expect(files.size() > 20, "more than a few");
}

void one_family_alone()
{
	new_namespace();
	Client client;

	for (const int family : {AF_INET, AF_INET6})
		for (const std::uint8_t command : {ICMPX_CMD_SETTING_GET, ICMPX_CMD_COUNTERS_GET}) {
			const auto list = client.list(client.message(command).put_bytes(
				ICMPX_A_SETTING_FAMILY, byte(family)));

			expect(!list.empty(), "something");
			expect(std::ranges::all_of(
				       list,
				       [&](const Attributes &one) {
					       return one.number(ICMPX_A_SETTING_FAMILY) ==
						      static_cast<std::uint64_t>(family);
				       }),
			       "nothing of the other family");
		}
	expect(client.list(client.message(ICMPX_CMD_SETTING_GET)
				   .put_bytes(ICMPX_A_SETTING_FAMILY, byte(7)))
		       .empty(),
	       "nothing of a family that there is not");
}

void one_is_read_and_written()
{
	new_namespace();
	Client client;

	for (const auto &[family, name, value] :
	     {std::tuple{AF_INET, "echo_ratelimit", "17"},
	      {AF_INET6, "echo_ratelimit", "18"},
	      {AF_INET, "ping_group_range", "3\t9"},
	      {AF_INET, "node_name", "a name"},
	      {AF_INET, "node_name", ""},
	      {AF_INET, "errors_extension_to", "10.0.0.0/8 2001:db8::/32"},
	      {AF_INET6, "ratemask", "0-1,3-127"},
	      {AF_INET, "ratelimit", "248"},
	      {AF_INET6, "echo_ignore_all", "1"}}) {
		const std::string file = directory(static_cast<std::uint64_t>(family)) + name;

		expect_equal(client.request(setting_set(client, family, name, value)), 0,
			     "setting " + file);
		expect_equal(host::sysctl(file), value, file);
		ktap::require_equal(client.request(setting_get(client, family, name)), 0,
				    "reading " + file);
		const Attributes told = client.answer().attributes;
		expect_equal(name_of(told), file, "name");
		expect_equal(told.text(ICMPX_A_SETTING_VALUE), value, file + " as it is told");
	}
}

std::optional<std::int64_t> signed_number(const Attributes &setting, std::uint16_t type)
{
	const auto number = setting.number(type);

	if (!number)
		return std::nullopt;
	return static_cast<std::int32_t>(*number);
}

/// Both ends of each range are taken, what is beyond is not, and the old value stays.
void ranges_are_what_they_say()
{
	new_namespace();
	Client client;
	int with_range = 0;

	for (const Attributes &setting : client.list(client.message(ICMPX_CMD_SETTING_GET))) {
		const auto least = signed_number(setting, ICMPX_A_SETTING_RANGE_MIN);
		const auto greatest = signed_number(setting, ICMPX_A_SETTING_RANGE_MAX);
		const int family =
			static_cast<int>(setting.number(ICMPX_A_SETTING_FAMILY).value_or(0));
		const std::string name = setting.text(ICMPX_A_SETTING_NAME);

		if (!least)
			continue;
		with_range++;
		for (const std::int64_t end : {*least, greatest.value_or(0)}) {
			const std::string text = std::to_string(end);

			expect_equal(client.request(setting_set(client, family, name, text)), 0,
				     name);
			expect_equal(host::sysctl(name_of(setting)), text, name);
		}
		const std::string kept = host::sysctl(name_of(setting));
		for (const std::string &value :
		     {std::to_string(*least - 1), std::to_string(greatest.value_or(0) + 1),
		      std::string("x"), std::string(), std::string("1\n")}) {
			expect_equal(client.request(setting_set(client, family, name, value)),
				     EINVAL, name);
			expect_equal(client.reason(), "not a number in the setting's range", name);
			expect_equal(host::sysctl(name_of(setting)), kept, name + " as it was");
		}
	}
	expect(with_range > 12, "settings with a range");
}

void requests_that_are_wrong()
{
	new_namespace();
	Client client;
	const auto get = [&] {
		return client.message(ICMPX_CMD_SETTING_GET);
	};
	const std::string before = host::sysctl("net/icmpx/echo_burst");

	for (const auto &[message, error, reason] :
	     {std::tuple{setting_get(client, AF_INET, "absent"), ENOENT, "no such setting"},
	      {setting_get(client, AF_INET, ""), ENOENT, "no such setting"},
	      {setting_get(client, 7, "echo_burst"), EAFNOSUPPORT,
	       "icmpx does not have this family of addresses"},
	      {get(), EINVAL, "a setting has a family and a name"},
	      {get().put(ICMPX_A_SETTING_NAME, "echo_burst"), EINVAL,
	       "a setting has a family and a name"},
	      {setting_get(client, AF_INET, "node_name").put(ICMPX_A_SETTING_VALUE, "x"), EINVAL,
	       "Unknown attribute type"},
	      {client.message(ICMPX_CMD_SETTING_SET)
		       .put_bytes(ICMPX_A_SETTING_FAMILY, byte(AF_INET))
		       .put(ICMPX_A_SETTING_NAME, "echo_burst"),
	       EINVAL, "no value"},
	      {setting_set(client, AF_INET, "node_address", "10.0.0"), EINVAL,
	       "not a value of this setting"},
	      {setting_set(client, AF_INET, "node_name", "one\ntwo"), EINVAL,
	       "not a value of this setting"},
	      {setting_set(client, AF_INET, "express", "absent"), ENODEV, "no such device"},
	      {setting_set(client, AF_INET, "express", "lo"), EOPNOTSUPP,
	       "not an Ethernet device"}}) {
		expect_equal(client.request(message), error, reason);
		expect_equal(client.reason(), reason, "reason");
	}
	// Sizes that the kernel checks by the policy.
	for (const auto &message :
	     {get().put(ICMPX_A_SETTING_FAMILY, std::uint32_t{AF_INET})
		      .put(ICMPX_A_SETTING_NAME, "echo_burst"),
	      get().put_bytes(ICMPX_A_SETTING_FAMILY, {}).put(ICMPX_A_SETTING_NAME, "echo_burst"),
	      get().put_bytes(ICMPX_A_SETTING_FAMILY, byte(AF_INET))
		      .put_bytes(ICMPX_A_SETTING_NAME, {'e', 'c', 'h', 'o'}),
	      setting_get(client, AF_INET, std::string(64, 'x')),
	      setting_set(client, AF_INET, "errors_extension_to", std::string(4200, 'x'))})
		expect(client.request(message) != 0, "a size that no attribute has is refused");
	expect_equal(client.request(client.message(ICMPX_CMD_MAX + 1)), EOPNOTSUPP,
		     "a command that there is not");
	expect_equal(client.request(client.message(ICMPX_CMD_SETTING_NTF)), EOPNOTSUPP,
		     "a message that only the kernel sends");
	expect_equal(host::sysctl("net/icmpx/echo_burst"), before, "echo_burst as it was");
	expect_equal(client.version(), 1, "version");
}

/// The lines of a file of counters.
std::vector<std::pair<std::string, std::uint64_t>> lines(const std::string &path)
{
	std::vector<std::pair<std::string, std::uint64_t>> all;
	std::ifstream file(path);
	std::string name;
	std::uint64_t value = 0;

	while (file >> name >> value)
		all.emplace_back(name, value);
	return all;
}

void counters_are_those_of_the_file()
{
	host::need_icmpx6();
	wire::Wire wire = wire::new_server();
	Client client;

	for (int i = 0; i < 3; i++)
		wire.send(packet::datagram(packet::echo_request(1, 1, packet::pattern(8))));
	wire.receive_all();
	const auto list = client.list(client.message(ICMPX_CMD_COUNTERS_GET));
	ktap::require_equal(list.size(), 2, "families");
	for (const Attributes &family : list) {
		const bool is_ipv6 = family.number(ICMPX_A_COUNTERS_FAMILY) == AF_INET6;
		const auto expected =
			lines(is_ipv6 ? "/proc/net/icmpx6_stat" : "/proc/net/icmpx_stat");
		std::vector<std::pair<std::string, std::uint64_t>> told;
		std::map<std::uint64_t, std::uint64_t> sums;

		for (const auto &nest : family.every(ICMPX_A_COUNTERS_COUNTER)) {
			const Attributes counter(nest);
			const auto value = counter.number(ICMPX_A_COUNTER_VALUE).value_or(~0ULL);

			told.emplace_back(counter.text(ICMPX_A_COUNTER_NAME), value);
			sums[counter.number(ICMPX_A_COUNTER_KIND).value_or(99)] += value;
		}
		expect(told == expected, "the lines of the file, in their order");
		expect_equal(sums[ICMPX_COUNTER_KIND_OUTCOME] +
				     sums[ICMPX_COUNTER_KIND_ERROR_OUTCOME],
			     sums[ICMPX_COUNTER_KIND_SUM], "sum of outcomes");
		if (!is_ipv6)
			expect_equal(sums[ICMPX_COUNTER_KIND_OUTCOME], 3, "packets");
	}
}

/// What everybody may do, and what only an administrator.
void expect_powers(int refused)
{
	Client client;

	for (const std::uint8_t command : {ICMPX_CMD_SETTING_GET, ICMPX_CMD_COUNTERS_GET,
					   ICMPX_CMD_SOCKET_GET, ICMPX_CMD_EXPRESS_GET})
		expect_equal(client.each(client.message(command), [](const Attributes &) {}), 0,
			     "list " + std::to_string(command));
	expect_equal(client.each(client.message(ICMPX_CMD_LIMITED_GET), [](const Attributes &) {}),
		     refused, "who is limited");
	expect_equal(client.request(setting_set(client, AF_INET, "echo_burst", "49")), refused,
		     "changing a setting");
	for (const int command : {ICMPX_CMD_EXPRESS_ADD, ICMPX_CMD_EXPRESS_DEL})
		expect_equal(client.request(genetlink::express_change(client, command, "absent")),
			     refused ? refused : ENODEV, "changing express devices");
	expect_equal(client.join(ICMPX_MCGRP_SETTINGS), 0, "hearing of settings");
	expect_equal(client.join(ICMPX_MCGRP_LIMITS), refused, "hearing of limits");
}

void who_may_do_what()
{
	new_namespace();
	expect_powers(0);
	expect_equal(host::sysctl("net/icmpx/echo_burst"), "49", "echo_burst");
	host::set_sysctl("net/icmpx/echo_burst", 50);
	child::run([] {
		child::become({});
		expect_powers(EPERM);
	});
	expect_equal(host::sysctl("net/icmpx/echo_burst"), "50", "echo_burst as it was");
}

void root_of_a_user_namespace()
{
	new_namespace();
	child::UserNamespace theirs;

	theirs.as_root([] { expect_powers(0); });
	expect_equal(host::sysctl("net/icmpx/echo_burst"), "50", "echo_burst of this namespace");
	child::run([&] {
		theirs.enter_network();
		expect_equal(host::sysctl("net/icmpx/echo_burst"), "49", "echo_burst of theirs");
	});
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"every_setting_is_listed", every_setting_is_listed},
				 {"one_family_alone", one_family_alone},
				 {"one_is_read_and_written", one_is_read_and_written},
				 {"ranges_are_what_they_say", ranges_are_what_they_say},
				 {"requests_that_are_wrong", requests_that_are_wrong},
				 {"counters_are_those_of_the_file", counters_are_those_of_the_file},
				 {"who_may_do_what", who_may_do_what},
				 {"root_of_a_user_namespace", root_of_a_user_namespace},
			 });
}
