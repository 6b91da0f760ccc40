// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.*: second names for settings that the kernel has, and new ones: values, ranges, who may write.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <map>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

struct Shared {
	std::string name;
	std::vector<std::string> values;

	std::string ours() const { return "net/icmpx/" + name; }
	std::string kernels() const { return "net/ipv4/icmp_" + name; }
};

const std::vector<Shared> all_shared{
	{"echo_ignore_all", {"1", "0"}},
	{"echo_enable_probe", {"1", "0"}},
	{"echo_ignore_broadcasts", {"0", "1"}},
	{"ignore_bogus_error_responses", {"0", "1"}},
	{"errors_use_inbound_ifaddr", {"1", "0"}},
	// Kept in ticks: what is a whole number of them at any HZ comes back as it was.
	{"ratelimit", {"0", "20", "60000"}},
	{"ratemask", {"0", "1", "6169", "2147483647"}},
	{"msgs_per_sec", {"0", "1", "2147483647"}},
	{"msgs_burst", {"0", "1", "2147483647"}},
};

struct Own {
	std::string name;
	std::string standard;
	std::vector<std::string> values;
	std::vector<std::string> refused;
};

const std::vector<Own> all_own{
	{"echo_ratelimit", "0", {"1", "1000", "1000000", "0"}, {"-1", "1000001", "2147483647"}},
	{"echo_burst", "50", {"1", "1000000", "50"}, {"0", "-1", "1000001", "2147483647"}},
	{"echo_ratelimit_prefix", "32", {"0", "24", "32"}, {"-1", "33", "2147483647"}},
	{"errors_extension_mask", "0", {"0", "1", "7"}, {"-1", "8", "2147483647"}},
};

const std::vector<std::string> garbage{
	"abc", "1x", "0x", "1.5", "--1", "4294967296", "99999999999999999999", "on"};

/// Those of net.ipv4 that the running kernel has in this namespace.
std::vector<Shared> shared()
{
	std::vector<Shared> some;

	host::need_icmpx();
	for (const Shared &setting : all_shared) {
		bool there = host::read_file("/proc/sys/" + setting.kernels()).has_value();

		ktap::expect_equal(host::read_file("/proc/sys/" + setting.ours()).has_value(),
				   there, setting.name + " is there");
		if (there)
			some.push_back(setting);
	}
	return some;
}

/// Returns 0 or the errno.
int try_to_set(const std::string &name, const std::string &value)
{
	return host::write_file("/proc/sys/" + name, value) ? 0 : errno;
}

/// Runs @p function in a child process; the test fails when it returns something else than 0, which it shows.
void in_child(const std::function<int()> &function, const std::string &what)
{
	int status = 0;
	pid_t child = host::check(fork(), "fork");

	if (child == 0)
		_exit(function());
	host::check(waitpid(child, &status, 0), "waitpid");
	ktap::expect_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0, what);
}

void become_nobody()
{
	constexpr unsigned nobody = 65534;

	// Having been somebody else makes /proc/self root's.
	if (setgid(nobody) || setuid(nobody) || prctl(PR_SET_DUMPABLE, 1))
		_exit(99);
}

void the_directory()
{
	std::string expected;

	host::need_icmpx();
	std::map<std::string, bool> names{{"ping_group_range", true}, {"express", true}};
	for (const Shared &setting : shared())
		names[setting.name] = true;
	for (const Own &setting : all_own)
		names[setting.name] = true;
	for (const auto &[name, there] : names)
		expected += name + "\n";
	ktap::expect_equal(host::output_of("LC_ALL=C ls /proc/sys/net/icmpx"), expected, "names");
}

/// Writes through one name are read through the other.
void expect_same_storage(const Shared &setting)
{
	std::string before = host::sysctl(setting.kernels());

	ktap::expect_equal(host::sysctl(setting.ours()), before, setting.name);
	for (const std::string &value : setting.values) {
		host::set_sysctl(setting.ours(), value);
		ktap::expect_equal(host::sysctl(setting.kernels()), value,
				   setting.name + " read as net.ipv4's");
		host::set_sysctl(setting.kernels(), before);
		ktap::expect_equal(host::sysctl(setting.ours()), before,
				   setting.name + " read as ours");
	}
}

void second_names_in_the_first_namespace()
{
	for (const Shared &setting : shared())
		expect_same_storage(setting);
}

void second_names_in_another_namespace()
{
	host::Namespace first = host::Namespace::current();

	host::need_icmpx();
	host::enter_new_namespace();
	host::Namespace second = host::Namespace::current();
	for (const Shared &setting : shared()) {
		expect_same_storage(setting);
		first.enter();
		std::string others = host::sysctl(setting.ours());
		second.enter();
		for (const std::string &value : setting.values) {
			host::set_sysctl(setting.ours(), value);
			first.enter();
			ktap::expect_equal(host::sysctl(setting.ours()), others,
					   setting.name + " elsewhere");
			second.enter();
		}
	}
	first.enter();
}

/// What is not a value is refused through both names alike, and changes nothing.
void second_names_refuse_what_the_first_refuse()
{
	host::enter_new_namespace();
	std::vector<std::string> values = garbage;

	for (const char *value :
	     {"-1", "2", "255", "256", "2147483648", "-2147483648", " 1", "1 ", "0x1", "01"})
		values.emplace_back(value);
	for (const Shared &setting : shared()) {
		std::string before = host::sysctl(setting.kernels());

		for (const std::string &value : values) {
			int error = try_to_set(setting.kernels(), value);
			std::string result = host::sysctl(setting.kernels());

			host::set_sysctl(setting.kernels(), before);
			ktap::expect_equal(try_to_set(setting.ours(), value), error,
					   setting.name + " = " + value);
			ktap::expect_equal(host::sysctl(setting.ours()), result,
					   setting.name + " after " + value);
			host::set_sysctl(setting.kernels(), before);
		}
	}
}

void new_settings()
{
	host::need_icmpx();
	host::enter_new_namespace();
	for (const Own &setting : all_own) {
		std::string name = "net/icmpx/" + setting.name;

		ktap::expect_equal(host::sysctl(name), setting.standard,
				   setting.name + " at first");
		for (const std::string &value : setting.values) {
			host::set_sysctl(name, value);
			ktap::expect_equal(host::sysctl(name), value, setting.name);
			std::vector<std::string> refused = setting.refused;
			refused.insert(refused.end(), garbage.begin(), garbage.end());
			for (const std::string &wrong : refused) {
				ktap::expect_equal(try_to_set(name, wrong), EINVAL,
						   setting.name + " = " + wrong);
				ktap::expect_equal(host::sysctl(name), value,
						   setting.name + " after " + wrong);
			}
		}
	}
}

void new_settings_are_one_namespaces_own()
{
	host::need_icmpx();
	host::enter_new_namespace();
	host::Namespace one = host::Namespace::current();
	for (const Own &setting : all_own)
		host::set_sysctl("net/icmpx/" + setting.name, setting.values.front());
	host::enter_new_namespace();
	for (const Own &setting : all_own)
		ktap::expect_equal(host::sysctl("net/icmpx/" + setting.name), setting.standard,
				   setting.name);
	one.enter();
	for (const Own &setting : all_own)
		ktap::expect_equal(host::sysctl("net/icmpx/" + setting.name),
				   setting.values.front(), setting.name);
}

std::vector<std::string> all_names()
{
	std::vector<std::string> names;

	for (const Shared &setting : shared())
		names.push_back(setting.ours());
	for (const Own &setting : all_own)
		names.push_back("net/icmpx/" + setting.name);
	return names;
}

void modes()
{
	for (const std::string &name : all_names()) {
		struct stat file {};

		host::check(stat(("/proc/sys/" + name).c_str(), &file), name);
		ktap::expect_equal(file.st_mode & 07777, 0644U, name + ", mode");
		ktap::expect_equal(file.st_uid, 0U, name + ", owner");
	}
}

void only_root_may_write()
{
	std::vector<std::string> names = all_names();

	in_child(
		[&] {
			become_nobody();
			for (const std::string &name : names) {
				if (!host::read_file("/proc/sys/" + name))
					return 1;
				if (try_to_set(name, "1") != EACCES)
					return 2;
			}
			return 0;
		},
		"reading, and being refused");
}

/// Root of a user namespace may write in the network namespaces that belong to it, and in no others.
void root_of_a_user_namespace()
{
	std::vector<std::string> names = all_names();
	auto become_root_of_one = [](int flags) {
		become_nobody();
		if (unshare(CLONE_NEWUSER | flags))
			_exit(98);
		if (!host::write_file("/proc/self/uid_map", "0 65534 1"))
			_exit(97);
	};

	in_child(
		[&] {
			become_root_of_one(CLONE_NEWNET);
			for (const std::string &name : names) {
				std::string value = name == "net/icmpx/ratelimit" ? "20" : "1";
				if (try_to_set(name, value))
					return 1;
				if (host::read_file("/proc/sys/" + name) != value)
					return 2;
			}
			return 0;
		},
		"in its own network namespace");
	in_child(
		[&] {
			become_root_of_one(0);
			for (const std::string &name : names) {
				if (try_to_set(name, "1") != EACCES)
					return 1;
			}
			return 0;
		},
		"in somebody else's");
}

/// Values of net.ipv4 before, while and after the module is loaded, in two namespaces.
void loading_changes_no_value()
{
	module::Icmpx icmpx;
	host::Namespace first = host::Namespace::current();
	host::enter_new_namespace();
	host::Namespace second = host::Namespace::current();
	const std::map<std::string, std::string> hardened{
		{"echo_ignore_all", "1"},	 {"echo_enable_probe", "1"},
		{"echo_ignore_broadcasts", "0"}, {"ratelimit", "4320"},
		{"ratemask", "88089"},
	};
	auto set = [&](const std::string &prefix) {
		for (const auto &[name, value] : hardened)
			host::set_sysctl(prefix + name, value);
	};
	auto values = [&] {
		std::string text;
		for (const Shared &setting : all_shared)
			text += host::read_file("/proc/sys/" + setting.kernels()).value_or("-") +
				" ";
		return text;
	};

	set("net/ipv4/icmp_");
	std::string before_second = values();
	first.enter();
	std::string before_first = values();

	ktap::require_equal(icmpx.load(), 0, "loading");
	ktap::expect_equal(values(), before_first, "the first namespace's");
	second.enter();
	ktap::expect_equal(values(), before_second, "the second namespace's");
	ktap::expect_equal(host::sysctl("net/icmpx/ratelimit"), "4320", "ratelimit as ours");
	host::set_sysctl("net/icmpx/ratelimit", 80);
	std::string changed = values();
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	ktap::expect_equal(values(), changed, "the second namespace's afterwards");
	ktap::expect_equal(host::sysctl("net/ipv4/icmp_ratelimit"), "80",
			   "what was set through our name");
	first.enter();
	ktap::expect_equal(values(), before_first, "the first namespace's afterwards");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"the_directory", the_directory},
		 {"second_names_in_the_first_namespace", second_names_in_the_first_namespace},
		 {"second_names_in_another_namespace", second_names_in_another_namespace},
		 {"second_names_refuse_what_the_first_refuse",
		  second_names_refuse_what_the_first_refuse},
		 {"new_settings", new_settings},
		 {"new_settings_are_one_namespaces_own", new_settings_are_one_namespaces_own},
		 {"modes", modes},
		 {"only_root_may_write", only_root_may_write},
		 {"root_of_a_user_namespace", root_of_a_user_namespace},
		 {"loading_changes_no_value", loading_changes_no_value}});
}
