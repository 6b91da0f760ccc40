/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Parts of a test that another process does: as somebody else, in other namespaces, or at the same time.
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"

#include <csignal>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace child {

using Where = std::source_location;

/// Runs @p function in a child process, whose expectations count as those of this one.
inline void run(const std::function<void()> &function, const Where &where = Where::current())
{
	int status = 0;
	pid_t child = host::check(fork(), "fork", where);

	if (child == 0) {
		ktap::detail::current_failed = false;
		try {
			function();
		} catch (const ktap::Abort &) {
		} catch (const ktap::Skip &skip) {
			// Only the parent can skip: here it would go on as a second copy of the program.
			ktap::failure("skipped in a child: " + skip.reason);
		} catch (const std::exception &error) {
			ktap::failure(error.what());
		}
		_exit(ktap::detail::current_failed);
	}
	host::check(waitpid(child, &status, 0), "waitpid", where);
	ktap::expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child found no fault",
		     where);
}

/// Who a process is; the defaults are nobody.
struct User {
	uid_t uid = 65534;
	gid_t gid = 65534;
	std::vector<gid_t> groups{};
};

/// Turns this process, a child of the test, into @p user for good.
inline void become(const User &user)
{
	host::check(setgroups(user.groups.size(), user.groups.data()), "setgroups");
	host::check(setresgid(user.gid, user.gid, user.gid), "setresgid");
	host::check(setresuid(user.uid, user.uid, user.uid), "setresuid");
	// Having been somebody else makes /proc/self root's.
	host::check(prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");
}

/// A user namespace and a network namespace that belongs to it, which last as long as this does.
class UserNamespace {
public:
	/// One whose root is nobody outside.
	UserNamespace() : UserNamespace("0 65534 1", "0 65534 1") {}
	/// The maps as in user_namespaces(7): "INSIDE OUTSIDE COUNT".
	UserNamespace(const std::string &uids, const std::string &gids)
	{
		auto child = static_cast<pid_t>(syscall(
			SYS_clone, CLONE_NEWUSER | CLONE_NEWNET | SIGCHLD, 0, nullptr, nullptr, 0));
		if (child == 0) {
			for (;;)
				pause();
		}
		host::check(child, "clone");
		std::string proc = "/proc/" + std::to_string(child);
		user_ = host::Descriptor(open((proc + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
		net_ = host::Descriptor(open((proc + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
		bool mapped = host::write_file(proc + "/uid_map", uids) &&
			      host::write_file(proc + "/gid_map", gids);
		kill(child, SIGKILL);
		waitpid(child, nullptr, 0);
		ktap::require(mapped && user_.get() >= 0 && net_.get() >= 0, "user namespace");
	}

	/// Makes this process, a child of the test, root in there.
	void enter_as_root() const
	{
		host::check(setns(user_.get(), CLONE_NEWUSER), "setns");
		enter_network();
		become({.uid = 0, .gid = 0});
	}

	/// The network namespace alone, as who this process is outside.
	void enter_network() const { host::check(setns(net_.get(), CLONE_NEWNET), "setns"); }

	/// What @p function returns in the network namespace, as who this process is outside; it comes back from there.
	template <typename Function> auto in_network(Function function) const
	{
		const host::Namespace outside = host::Namespace::current();

		enter_network();
		auto result = function();
		outside.enter();
		return result;
	}

	/// Runs @p function in a child process that is root in there, and nobody outside.
	void as_root(const std::function<void()> &function,
		     const Where &where = Where::current()) const
	{
		run(
			[&] {
				enter_as_root();
				function();
			},
			where);
	}

private:
	host::Descriptor user_, net_;
};

} // namespace child
