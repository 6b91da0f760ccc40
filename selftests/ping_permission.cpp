// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: who may have one (icmp(7), ping_group_range).

#include "lib/child.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <string>
#include <vector>

namespace {

using child::User;
using ping::group_range;
using pinger::V4;
using pinger::V6;

/// Whether this process may have one, 0 or the errno: of each family alike, whose setting is one.
int try_to_open()
{
	const int error = pinger::try_to_open<V4>();

	ktap::expect_equal(pinger::try_to_open<V6>(), error, "the same of IPv6");
	return error;
}

void expect_of(const User &user, int expected, const std::string &what)
{
	child::run([&] {
		child::become(user);
		ktap::expect_equal(try_to_open(), expected, what);
	});
}

void expect_value(const char *name, const std::string &expected, const std::string &what)
{
	ktap::expect_equal(host::sysctl(name), expected, std::string(name) + ", " + what);
}

/// Returns 0 or the errno.
int try_to_set(const std::string &name, const std::string &value)
{
	return host::write_file("/proc/sys/" + name, value) ? 0 : errno;
}

void nobody_at_first_not_even_root()
{
	host::enter_new_namespace();
	expect_value(group_range, "1\t0", "in a new namespace");
	ktap::expect_equal(try_to_open(), EACCES, "root");
	expect_of({}, EACCES, "nobody");
	expect_of({.gid = 1}, EACCES, "the group 1");
}

/// Or anybody could keep it from being unloaded.
void refused_sockets_do_not_hold_the_module()
{
	host::need_icmpx();
	host::enter_new_namespace();
	for (int i = 0; i < 100; i++) {
		ktap::require_equal(try_to_open(), EACCES, "refused");
		ktap::require_equal(host::read_file("/sys/module/icmpx/refcnt").value_or(""), "0",
				    "references to the module");
	}
}

void the_effective_group()
{
	host::enter_new_namespace();
	host::set_sysctl(group_range, "1000 2000");
	for (gid_t gid : {0U, 999U, 2001U, 65534U})
		expect_of({.gid = gid}, EACCES, "outside: " + std::to_string(gid));
	for (gid_t gid : {1000U, 1500U, 2000U})
		expect_of({.gid = gid}, 0, "inside: " + std::to_string(gid));
	child::run([] {
		host::check(setresgid(5, 1000, 6), "setresgid");
		ktap::expect_equal(try_to_open(), 0, "effective group alone");
	});
	child::run([] {
		host::check(setresgid(1000, 5, 1000), "setresgid");
		ktap::expect_equal(try_to_open(), EACCES, "real and saved group alone");
	});
	// The range says what root may, too.
	ktap::expect_equal(try_to_open(), EACCES, "root");
	host::set_sysctl(group_range, "0 0");
	ktap::expect_equal(try_to_open(), 0, "root, whose group is 0");
	host::set_sysctl(group_range, "4294967294 4294967294");
	expect_of({.gid = 4294967294}, 0, "the last group of all");
}

void supplementary_groups()
{
	host::enter_new_namespace();
	host::set_sysctl(group_range, "1000 2000");
	expect_of({.groups = {1000}}, 0, "first of the range");
	expect_of({.groups = {5, 6, 2000}}, 0, "last of three groups, last of the range");
	expect_of({.groups = {1, 3000, 1500, 4000}}, 0, "between others");
	expect_of({.groups = {999, 2001}}, EACCES, "on both sides of the range");
	expect_of({.gid = 1000, .groups = {5}}, 0, "the effective group is enough");
}

void an_empty_range_allows_nobody()
{
	host::enter_new_namespace();
	for (const char *value : {"1 0", "2000 1000", "4294967294 0"}) {
		host::set_sysctl(group_range, ping::every_group);
		host::set_sysctl(group_range, value);
		expect_value(group_range, "1\t0", std::string("set to ") + value);
		ktap::expect_equal(try_to_open(), EACCES, "root");
		expect_of({.gid = 1, .groups = {0, 1, 1500}}, EACCES, "any group");
	}
}

/// What a socket that is open already may do is nobody's business any more.
template <typename F> void the_range_counts_when_a_socket_is_opened()
{
	host::enter_new_namespace();
	ping::allow();
	sock::Socket socket = F::open();
	host::set_sysctl(group_range, "1 0");
	const typename F::Endpoint loopback{F::loopback, 0};
	ktap::expect_equal(send(socket, pinger::request<F>(1), loopback), 0, "sending");
	ktap::expect(sock::receive(socket, 1000).has_value(), "a reply");
}

template <typename F> void an_unprivileged_user_pings()
{
	host::enter_new_namespace();
	host::set_sysctl(group_range, "65534 65534");
	child::run([] {
		child::become({});
		sock::Socket socket = F::open();
		const typename F::Endpoint loopback{F::loopback, 0};
		ktap::expect_equal(
			send(socket, pinger::request<F>(7, packet::pattern(56)), loopback), 0,
			"sending");
		auto reply = ktap::require_value(sock::receive(socket, 1000), "reply");
		ktap::expect_equal(reply,
				   pinger::reply<F>(pinger::identifier<F>(socket), 7,
						    packet::pattern(56), F::loopback, F::loopback)
					   .payload,
				   "reply");
		ktap::expect_equal(try_to_set(group_range, ping::every_group), EACCES,
				   "setting the range");
	});
}

void each_network_namespace_has_its_own()
{
	host::enter_new_namespace();
	host::Namespace one = host::Namespace::current();
	host::set_sysctl(group_range, "0 10");
	host::enter_new_namespace();
	host::Namespace other = host::Namespace::current();
	expect_value(group_range, "1\t0", "in a new namespace");
	host::set_sysctl(group_range, "20 30");
	expect_of({.gid = 5}, EACCES, "of the first one's range");
	expect_of({.gid = 25}, 0, "of the second one's range");
	one.enter();
	expect_value(group_range, "0\t10", "in the first one");
	expect_of({.gid = 5}, 0, "of the first one's range");
	expect_of({.gid = 25}, EACCES, "of the second one's range");
	other.enter();
	expect_value(group_range, "20\t30", "in the second one");
}

/// Inside, 0 to 9 are 1000 to 1009 outside.
void a_user_namespace_has_its_own_numbers()
{
	child::UserNamespace user("0 65534 1", "0 1000 10");
	auto inside = [&](const std::function<void()> &function) {
		child::run([&] {
			user.enter_as_root();
			function();
		});
	};
	auto outside = [&](const std::function<void()> &function) {
		child::run([&] {
			user.enter_network();
			function();
		});
	};

	inside([] {
		// 0 and 1 of the first user namespace are nobody's in this one.
		expect_value(group_range, "65534\t65534", "at first");
		ktap::expect_equal(try_to_open(), EACCES, "at first");
		host::set_sysctl(group_range, "0 5");
		expect_value(group_range, "0\t5", "set inside");
		ktap::expect_equal(try_to_open(), 0, "root inside");
	});
	outside([] {
		expect_value(group_range, "1000\t1005", "set inside");
		ktap::expect_equal(try_to_open(), EACCES, "root outside");
		expect_of({.gid = 1005}, 0, "a group that is mapped");
		expect_of({.gid = 1006}, EACCES, "one more");
	});
	inside([] {
		for (const char *value : {"0 10", "10 10", "10 11", "0 4294967294"})
			ktap::expect_equal(try_to_set(group_range, value), EINVAL,
					   std::string("not mapped: ") + value);
		expect_value(group_range, "0\t5", "after refused values");
	});
	outside([] { host::set_sysctl(group_range, "1001 2000"); });
	inside([] {
		expect_value(group_range, "1\t65534", "set outside");
		ktap::expect_equal(try_to_open(), EACCES, "root inside");
		host::check(setresgid(1, 1, 1), "setresgid");
		ktap::expect_equal(try_to_open(), 0, "the group 1 inside");
		host::set_sysctl(group_range, "2 1");
		expect_value(group_range, "65534\t65534", "emptied inside");
	});
	outside([] { expect_value(group_range, "1\t0", "emptied inside"); });
}

/// Root of a user namespace says who may in the network namespaces that belong to it, and in no others.
void a_user_namespace_cannot_change_others()
{
	child::UserNamespace user("0 65534 1", "0 1000 10");

	host::enter_new_namespace();
	host::Namespace others = host::Namespace::current();
	child::run([&] {
		host::Descriptor file(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));

		user.enter_as_root();
		ktap::expect_equal(setns(file.get(), CLONE_NEWNET), -1, "entering it");
		host::set_sysctl(group_range, "0 0");
	});
	expect_value(group_range, "1\t0", "of the other one");
}

/// With icmpx the setting has two names, and everything must hold for both, whichever was written.
void values_and_names()
{
	host::enter_new_namespace();
	const char *second = host::read_file("/proc/sys/net/icmpx/ping_group_range")
				     ? "net/icmpx/ping_group_range"
				     : group_range;
	struct Row {
		const char *value;
		int error;
		const char *result;
	};
	const std::vector<Row> rows{
		{"0 0", 0, "0\t0"},
		{"0 4294967294", 0, "0\t4294967294"},
		{" 7\t9 ", 0, "7\t9"},
		{"5 3", 0, "1\t0"},
		// Of a pair with one number, the other stays.
		{"5", 0, "5\t200"},
		{"201", 0, "1\t0"},
		{"0 4294967295", EINVAL, "100\t200"},
		{"4294967295 4294967295", EINVAL, "100\t200"},
		{"4294967296 4294967297", EINVAL, "100\t200"},
		{"99999999999999999999 1", EINVAL, "100\t200"},
		{"-1 5", EINVAL, "100\t200"},
		{"5 -1", EINVAL, "100\t200"},
		{"abc", EINVAL, "100\t200"},
		{"5 abc", EINVAL, "100\t200"},
		{"5x 6", EINVAL, "100\t200"},
	};

	for (const char *name : {group_range, second}) {
		for (const Row &row : rows) {
			host::set_sysctl(name, "100 200");
			ktap::expect_equal(try_to_set(name, row.value), row.error,
					   std::string(name) + " = " + row.value);
			expect_value(group_range, row.result, std::string("after ") + row.value);
			expect_value(second, row.result, std::string("after ") + row.value);
		}
		host::set_sysctl(name, "0 0");
		ktap::expect_equal(try_to_open(), 0, std::string("allowed by ") + name);
		host::set_sysctl(name, "1 0");
		ktap::expect_equal(try_to_open(), EACCES, std::string("denied by ") + name);
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"nobody_at_first_not_even_root", nobody_at_first_not_even_root},
		 {"refused_sockets_do_not_hold_the_module", refused_sockets_do_not_hold_the_module},
		 {"the_effective_group", the_effective_group},
		 {"supplementary_groups", supplementary_groups},
		 {"an_empty_range_allows_nobody", an_empty_range_allows_nobody},
		 {"the_range_counts_when_a_socket_is_opened",
		  the_range_counts_when_a_socket_is_opened<V4>},
		 {"ipv6_the_range_counts_when_a_socket_is_opened",
		  the_range_counts_when_a_socket_is_opened<V6>},
		 {"an_unprivileged_user_pings", an_unprivileged_user_pings<V4>},
		 {"ipv6_an_unprivileged_user_pings", an_unprivileged_user_pings<V6>},
		 {"each_network_namespace_has_its_own", each_network_namespace_has_its_own},
		 {"a_user_namespace_has_its_own_numbers", a_user_namespace_has_its_own_numbers},
		 {"a_user_namespace_cannot_change_others", a_user_namespace_cannot_change_others},
		 {"values_and_names", values_and_names}});
}
