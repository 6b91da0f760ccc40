// SPDX-License-Identifier: GPL-2.0-only
//
// The groups of the generic netlink family icmpx: settings that were written, limits that began and ended.

#include "lib/child.hpp"
#include "lib/family.hpp"
#include "lib/genetlink.hpp"

#include <cerrno>
#include <map>
#include <set>
#include <string>

namespace {

using family::V4;
using family::V6;
using genetlink::Client;
using genetlink::Reply;
using genetlink::setting_set;
using ktap::expect;
using ktap::expect_equal;
using netlink::Bytes;
using wire::Wire;

constexpr std::chrono::seconds patience{60};

Client listener(const std::string &group)
{
	Client client;

	ktap::require_equal(client.join(group), 0, "joining " + group);
	return client;
}

void expect_setting(Client &client, int family, const std::string &name, const std::string &value)
{
	const Reply event = ktap::require_value(client.next(patience), "an event of " + name);

	expect_equal(event.command, ICMPX_CMD_SETTING_NTF, "command");
	expect_equal(event.attributes.number(ICMPX_A_SETTING_FAMILY).value_or(0), family, "family");
	expect_equal(event.attributes.text(ICMPX_A_SETTING_NAME), name, "name");
	expect_equal(event.attributes.text(ICMPX_A_SETTING_VALUE), value, name);
}

/// By whatever of its names a setting is written; a value that is refused changes nothing, and says nothing.
void settings_that_are_written()
{
	host::need_icmpx6();
	host::enter_new_namespace();
	host::run("ip link add va type veth peer name vb");
	Client client = listener(ICMPX_MCGRP_SETTINGS), other;

	host::set_sysctl("net/icmpx/echo_burst", 40);
	expect_setting(client, AF_INET, "echo_burst", "40");
	expect(!host::write_file("/proc/sys/net/icmpx/echo_burst", "0"), "a value that is refused");
	host::set_sysctl("net/icmpx6/echo_ignore_all", 1);
	expect_setting(client, AF_INET6, "echo_ignore_all", "1");
	expect_equal(other.request(setting_set(other, AF_INET, "node_name", "here")), 0,
		     "by netlink");
	expect_setting(client, AF_INET, "node_name", "here");
	expect_equal(other.request(setting_set(other, AF_INET, "echo_burst", "x")), EINVAL,
		     "a value that is refused by netlink");
	expect_equal(other.request(genetlink::express_change(other, ICMPX_CMD_EXPRESS_ADD, "va")),
		     0, "a device");
	expect_setting(client, AF_INET, "express", "va");
	expect_equal(other.request(genetlink::express_change(other, ICMPX_CMD_EXPRESS_ADD, "va")),
		     EEXIST, "the same device");
	expect_equal(other.request(genetlink::express_change(other, ICMPX_CMD_EXPRESS_DEL, "va")),
		     0, "without the device");
	expect_setting(client, AF_INET, "express", "");
	// Reading is no event; and the longest value fits.
	host::sysctl("net/icmpx/echo_burst");
	std::string prefixes;
	for (int i = 0; i < 64; i++)
		prefixes += (i ? " " : "") + std::string("2001:db8:aaaa:bbbb:cccc:dddd:eeee:") +
			    std::to_string(1000 + i) + "/128";
	host::set_sysctl("net/icmpx/errors_extension_to", prefixes);
	expect_setting(client, AF_INET, "errors_extension_to", prefixes);
	expect(!client.next(std::chrono::milliseconds(0)), "nothing else");
}

void settings_of_other_namespaces()
{
	host::need_icmpx();
	host::enter_new_namespace();
	Client client = listener(ICMPX_MCGRP_SETTINGS);
	const host::Namespace here = host::Namespace::current();

	host::enter_new_namespace();
	host::set_sysctl("net/icmpx/echo_burst", 30);
	here.enter();
	host::set_sysctl("net/icmpx/echo_burst", 31);
	expect_setting(client, AF_INET, "echo_burst", "31");
}

template <typename F> std::string setting(const std::string &name)
{
	return (F::is_ipv6 ? "net/icmpx6/" : "net/icmpx/") + name;
}

template <typename F>
void expect_limit(Client &client, int command, const typename F::Address &address)
{
	const Reply event = ktap::require_value(client.next(patience), "an event");
	Bytes prefix = event.attributes.bytes(ICMPX_A_LIMITED_PREFIX);
	typename F::Address told{};

	expect_equal(event.command, command, "command");
	expect_equal(event.attributes.number(ICMPX_A_LIMITED_FAMILY).value_or(0),
		     F::is_ipv6 ? AF_INET6 : AF_INET, "family");
	if constexpr (F::is_ipv6)
		std::copy(prefix.begin(), prefix.end(), told.begin());
	else
		told = packet::get32(prefix, 0);
	expect(told == address, "prefix");
	expect(event.attributes.number(ICMPX_A_LIMITED_REFUSED).value_or(0) > 0, "refused");
}

template <typename F> void a_limit_begins_and_ends()
{
	F::need_icmpx();
	Wire wire = F::new_server();
	Client client = listener(ICMPX_MCGRP_LIMITS);

	// Whole addresses, of both families.
	host::set_sysctl(setting<F>("echo_ratelimit_prefix"), F::is_ipv6 ? 128 : 32);
	host::set_sysctl(setting<F>("echo_burst"), 3);
	host::set_sysctl(setting<F>("echo_ratelimit"), 1);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 20; i++)
			wire.send(F::datagram(F::echo(1, 1, {})));
		expect_limit<F>(client, ICMPX_CMD_LIMIT_BEGAN_NTF, F::client);
		expect_limit<F>(client, ICMPX_CMD_LIMIT_ENDED_NTF, F::client);
	}
}

/// A flood from forged sources does not become one of messages: so many at a time, and each source has one.
void a_flood_is_told_in_parts()
{
	host::need_icmpx();
	Wire wire = wire::new_server();
	Client client = listener(ICMPX_MCGRP_LIMITS);
	std::map<Bytes, bool> limited;
	std::set<Bytes> ended;

	host::set_sysctl("net/icmpx/echo_burst", 1);
	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	for (std::uint32_t i = 0; i < 100; i++)
		for (int request = 0; request < 3; request++)
			wire.send(V4::between(V4::echo(1, 1, {}), 0x0b000001U + i, V4::server));
	while (ended.size() < 100) {
		const Reply event = ktap::require_value(client.next(patience), "an event");
		const Bytes prefix = event.attributes.bytes(ICMPX_A_LIMITED_PREFIX);
		const bool begins = event.command == ICMPX_CMD_LIMIT_BEGAN_NTF;

		expect_equal(limited[prefix], !begins, "a beginning, then an end");
		limited[prefix] = begins;
		if (!begins)
			ended.insert(prefix);
	}
	expect_equal(limited.size(), 100, "sources");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		family::both(
			{
				{"settings_that_are_written", settings_that_are_written},
				{"settings_of_other_namespaces", settings_of_other_namespaces},
				{"a_limit_begins_and_ends", a_limit_begins_and_ends<V4>},
				{"a_flood_is_told_in_parts", a_flood_is_told_in_parts},
			},
			{
				{"a_limit_begins_and_ends", a_limit_begins_and_ends<V6>},
			}));
}
