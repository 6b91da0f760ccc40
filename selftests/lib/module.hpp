/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Loading and unloading kernel modules, icmpx above all.
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace module {

/// Returns 0 or the errno.
inline int load(const std::string &path, const char *parameters = "")
{
	host::Descriptor file(
		host::check(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));

	return syscall(SYS_finit_module, file.get(), parameters, 0) ? errno : 0;
}

/// Returns 0 or the errno; waits for nobody who uses the module.
inline int unload(const std::string &name)
{
	return syscall(SYS_delete_module, name.c_str(), O_NONBLOCK) ? errno : 0;
}

/// As unload(), but gives sockets that are closed already, and hold a module until they are freed, two seconds to go.
inline int unload_when_idle(const std::string &name)
{
	int error = EWOULDBLOCK;

	for (int tries = 0; tries < 100 && error == EWOULDBLOCK; tries++) {
		error = unload(name);
		if (error)
			usleep(20000);
	}
	return error;
}

inline bool loaded(const std::string &name)
{
	return access(("/sys/module/" + name).c_str(), F_OK) == 0;
}

/// A module of modules/, loaded as long as this is there; skips the test where it has not been built.
class Helper {
public:
	explicit Helper(std::string name) : name_(std::move(name))
	{
		const char *where = std::getenv( // NOLINT(concurrency-mt-unsafe): nobody sets any
			"ICMPX_TEST_MODULES");
		utsname kernel{};

		uname(&kernel);
		std::filesystem::path directory =
			std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../build" /
			kernel.release / "selftests";
		if (where)
			directory = where;
		std::string path = directory / (name_ + ".ko");
		if (access(path.c_str(), R_OK))
			ktap::skip("needs " + path + ": make selftest-modules");
		ktap::require_equal(module::load(path), 0, "loading " + path);
	}
	Helper(const Helper &) = delete;
	Helper &operator=(const Helper &) = delete;
	~Helper() { module::unload(name_); }

private:
	std::string name_;
};

/// Begins with icmpx not loaded and leaves it as it was; skips the test where nobody says which file it is. ICMPX_ARGS in
/// the environment has parameters for it.
class Icmpx {
public:
	Icmpx() : was_loaded_(loaded("icmpx"))
	{
		const char *path =
			std::getenv("ICMPX_KO"); // NOLINT(concurrency-mt-unsafe): before any thread

		if (!path || access(path, R_OK))
			ktap::skip("needs the icmpx module in ICMPX_KO");
		path_ = path;
		if (const char *parameters = std::getenv(
			    "ICMPX_ARGS")) // NOLINT(concurrency-mt-unsafe): before any thread
			parameters_ = parameters;
		if (was_loaded_)
			ktap::require_equal(module::unload_when_idle("icmpx"), 0, "unloading");
	}
	Icmpx(const Icmpx &) = delete;
	Icmpx &operator=(const Icmpx &) = delete;
	~Icmpx()
	{
		if (was_loaded_ && !loaded("icmpx"))
			module::load(path_, parameters_.c_str());
		if (!was_loaded_ && loaded("icmpx"))
			module::unload("icmpx");
	}

	int load() const { return module::load(path_, parameters_.c_str()); }
	int unload() const { return module::unload(name_); }
	int unload_when_idle() const { return module::unload_when_idle(name_); }

private:
	std::string name_ = "icmpx";
	std::string path_;
	std::string parameters_;
	bool was_loaded_;
};

} // namespace module
