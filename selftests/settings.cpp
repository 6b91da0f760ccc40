// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.* and net.icmpx6.*: second names for settings that the kernel has, and new ones: values, ranges, who may write.

#include "lib/family.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"

#include <algorithm>
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
#include <utility>
#include <vector>

namespace {

struct Shared {
	std::string name;
	std::vector<std::string> values;
};

struct Own {
	std::string name;
	std::string standard;
	std::vector<std::string> values;
	std::vector<std::string> refused;
};

/// The same for both families.
const Own own_rate{"echo_ratelimit", "0", {"1", "1000000", "0"}, {"-1", "1000001", "2147483647"}};
const Own own_burst{
	"echo_burst", "50", {"1", "1000000", "50"}, {"0", "-1", "1000001", "2147483647"}};
const Own own_mask{"errors_extension_mask", "0", {"0", "1", "15", "0"}, {"-1", "16", "2147483647"}};

bool exists(const std::string &name) { return host::read_file("/proc/sys/" + name).has_value(); }

/// The settings of a family.
struct Settings {
	/// What is before a name of ours, and of the kernel's.
	std::string ours, kernels;
	std::vector<Shared> all_shared;
	std::vector<Own> all_own;
	/// Others in our directory.
	std::vector<std::string> others{};
	/// What an administrator may have set before icmpx is loaded.
	std::map<std::string, std::string> hardened;

	/// Those of the kernel that the running one has in this namespace.
	std::vector<Shared> shared() const
	{
		std::vector<Shared> some;

		ours == "net/icmpx/" ? host::need_icmpx() : host::need_icmpx6();
		for (const Shared &setting : all_shared) {
			ktap::expect_equal(exists(ours + setting.name),
					   exists(kernels + setting.name),
					   setting.name + " is there");
			if (exists(kernels + setting.name))
				some.push_back(setting);
		}
		return some;
	}

	std::vector<std::string> all_names() const
	{
		std::vector<std::string> names;

		for (const Shared &setting : shared())
			names.push_back(ours + setting.name);
		for (const Own &setting : all_own)
			names.push_back(ours + setting.name);
		return names;
	}
};

const Settings of_ipv4{
	.ours = "net/icmpx/",
	.kernels = "net/ipv4/icmp_",
	.all_shared =
		{
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
		},
	.all_own =
		{
			own_rate,
			own_burst,
			{"echo_ratelimit_prefix",
			 "32",
			 {"0", "24", "32"},
			 {"-1", "33", "2147483647"}},
			own_mask,
			{"timestamp_ignore_all", "0", {"1", "0"}, {"-1", "2", "256"}},
		},
	.others = {"ping_group_range", "express", "node_name", "node_address",
		   "errors_extension_to"},
	.hardened =
		{
			{"echo_ignore_all", "1"},
			{"echo_enable_probe", "1"},
			{"echo_ignore_broadcasts", "0"},
			{"ratelimit", "4320"},
			{"ratemask", "88089"},
		},
};

const Settings of_ipv6{
	.ours = "net/icmpx6/",
	.kernels = "net/ipv6/icmp/",
	.all_shared =
		{
			{"echo_ignore_all", {"1", "255", "0"}},
			{"echo_ignore_multicast", {"1", "255", "0"}},
			{"echo_ignore_anycast", {"1", "255", "0"}},
			{"error_anycast_as_unicast", {"1", "0"}},
			{"ratelimit", {"0", "20", "60000"}},
			{"ratemask", {"129", "0-127", "1,3-5,255"}},
		},
	.all_own =
		{
			own_rate,
			own_burst,
			{"echo_ratelimit_prefix",
			 "64",
			 {"1", "48", "128", "64"},
			 {"0", "-1", "129", "2147483647"}},
			own_mask,
			{"node_info", "0", {"1", "15", "0"}, {"-1", "16", "256"}},
		},
	.hardened =
		{
			{"echo_ignore_all", "1"},
			{"echo_ignore_multicast", "255"},
			{"ratelimit", "4320"},
			{"ratemask", "1,129"},
		},
};

const std::vector<std::string> garbage{
	"abc", "1x", "0x", "1.5", "--1", "4294967296", "99999999999999999999", "on"};

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

void the_directory(const Settings &family)
{
	std::vector<std::string> names = family.others;
	std::string expected;

	for (const Shared &setting : family.shared())
		names.push_back(setting.name);
	for (const Own &setting : family.all_own)
		names.push_back(setting.name);
	std::ranges::sort(names);
	for (const std::string &name : names)
		expected += name + "\n";
	ktap::expect_equal(host::output_of("LC_ALL=C ls /proc/sys/" + family.ours), expected, "ls");
}

/// Writes through one name are read through the other.
void expect_same_storage(const Settings &family, const Shared &setting)
{
	const std::string ours = family.ours + setting.name,
			  kernels = family.kernels + setting.name;
	std::string before = host::sysctl(family.kernels + setting.name);

	ktap::expect_equal(host::sysctl(family.ours + setting.name), before, setting.name);
	for (const std::string &value : setting.values) {
		host::set_sysctl(family.ours + setting.name, value);
		ktap::expect_equal(host::sysctl(family.kernels + setting.name), value,
				   setting.name + " read as the kernel's");
		host::set_sysctl(family.kernels + setting.name, before);
		ktap::expect_equal(host::sysctl(family.ours + setting.name), before,
				   setting.name + " read as ours");
	}
}

void second_names_in_the_first_namespace(const Settings &family)
{
	for (const Shared &setting : family.shared())
		expect_same_storage(family, setting);
}

void second_names_in_another_namespace(const Settings &family)
{
	host::Namespace first = host::Namespace::current();

	host::need_icmpx();
	host::enter_new_namespace();
	host::Namespace second = host::Namespace::current();
	for (const Shared &setting : family.shared()) {
		expect_same_storage(family, setting);
		first.enter();
		std::string others = host::sysctl(family.ours + setting.name);
		second.enter();
		for (const std::string &value : setting.values) {
			host::set_sysctl(family.ours + setting.name, value);
			first.enter();
			ktap::expect_equal(host::sysctl(family.ours + setting.name), others,
					   setting.name + " elsewhere");
			second.enter();
		}
	}
	first.enter();
}

/// What is not a value is refused through both names alike, and changes nothing.
void second_names_refuse_what_the_first_refuse(const Settings &family)
{
	host::enter_new_namespace();
	std::vector<std::string> values = garbage;

	for (const char *value :
	     {"-1", "2", "255", "256", "2147483648", "-2147483648", " 1", "1 ", "0x1", "01"})
		values.emplace_back(value);
	for (const Shared &setting : family.shared()) {
		std::string before = host::sysctl(family.kernels + setting.name);

		for (const std::string &value : values) {
			int error = try_to_set(family.kernels + setting.name, value);
			std::string result = host::sysctl(family.kernels + setting.name);

			host::set_sysctl(family.kernels + setting.name, before);
			ktap::expect_equal(try_to_set(family.ours + setting.name, value), error,
					   setting.name + " = " + value);
			ktap::expect_equal(host::sysctl(family.ours + setting.name), result,
					   setting.name + " after " + value);
			host::set_sysctl(family.kernels + setting.name, before);
		}
	}
}

void new_settings(const Settings &family)
{
	host::need_icmpx();
	host::enter_new_namespace();
	for (const Own &setting : family.all_own) {
		std::string name = family.ours + setting.name;

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

void new_settings_are_one_namespaces_own(const Settings &family)
{
	host::need_icmpx();
	host::enter_new_namespace();
	host::Namespace one = host::Namespace::current();
	for (const Own &setting : family.all_own)
		host::set_sysctl(family.ours + setting.name, setting.values.front());
	host::enter_new_namespace();
	for (const Own &setting : family.all_own)
		ktap::expect_equal(host::sysctl(family.ours + setting.name), setting.standard,
				   setting.name);
	one.enter();
	for (const Own &setting : family.all_own)
		ktap::expect_equal(host::sysctl(family.ours + setting.name), setting.values.front(),
				   setting.name);
}

void modes(const Settings &family)
{
	for (const std::string &name : family.all_names()) {
		struct stat file {};

		host::check(stat(("/proc/sys/" + name).c_str(), &file), name);
		ktap::expect_equal(file.st_mode & 07777, 0644U, name + ", mode");
		ktap::expect_equal(file.st_uid, 0U, name + ", owner");
	}
}

void only_root_may_write(const Settings &family)
{
	std::vector<std::string> names = family.all_names();

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
void root_of_a_user_namespace(const Settings &family)
{
	std::vector<std::string> names = family.all_names();
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
				std::string value = name == family.ours + "ratelimit" ? "20" : "1";
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

/// Values of the kernel's names before, while and after the module is loaded, in two namespaces.
void loading_changes_no_value(const Settings &family)
{
	module::Icmpx icmpx;
	host::Namespace first = host::Namespace::current();
	host::enter_new_namespace();
	host::Namespace second = host::Namespace::current();
	auto set = [&](const std::string &prefix) {
		for (const auto &[name, value] : family.hardened)
			host::set_sysctl(prefix + name, value);
	};
	auto values = [&] {
		std::string text;
		for (const Shared &setting : family.all_shared)
			text += host::read_file("/proc/sys/" + family.kernels + setting.name)
					.value_or("-") +
				" ";
		return text;
	};

	set(family.kernels);
	std::string before_second = values();
	first.enter();
	std::string before_first = values();

	ktap::require_equal(icmpx.load(), 0, "loading");
	ktap::expect_equal(values(), before_first, "the first namespace's");
	second.enter();
	ktap::expect_equal(values(), before_second, "the second namespace's");
	ktap::expect_equal(host::sysctl(family.ours + "ratelimit"), "4320", "ratelimit as ours");
	host::set_sysctl(family.ours + "ratelimit", 80);
	std::string now = values();
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	ktap::expect_equal(values(), now, "the second namespace's afterwards");
	ktap::expect_equal(host::sysctl(family.kernels + "ratelimit"), "80", "set by our name");
	first.enter();
	ktap::expect_equal(values(), before_first, "the first namespace's afterwards");
}

std::vector<ktap::Test> tests(const Settings &family)
{
	const std::vector<std::pair<const char *, void (*)(const Settings &)>> all{
		{"the_directory", the_directory},
		{"second_names_in_the_first_namespace", second_names_in_the_first_namespace},
		{"second_names_in_another_namespace", second_names_in_another_namespace},
		{"second_names_refuse_what_the_first_refuse",
		 second_names_refuse_what_the_first_refuse},
		{"new_settings", new_settings},
		{"new_settings_are_one_namespaces_own", new_settings_are_one_namespaces_own},
		{"modes", modes},
		{"only_root_may_write", only_root_may_write},
		{"root_of_a_user_namespace", root_of_a_user_namespace},
		{"loading_changes_no_value", loading_changes_no_value},
	};
	std::vector<ktap::Test> bound(all.size());
	std::ranges::transform(all, bound.begin(), [&family](const auto &test) {
		return ktap::Test{test.first, [&family, test] {
					  test.second(family);
				  }};
	});
	return bound;
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests(of_ipv4), tests(of_ipv6)));
}
