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
#include <string>

#include <fcntl.h>
#include <sys/syscall.h>
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

/// Begins with icmpx not loaded and leaves it as it was; skips the test where nobody says which file it is.
class Icmpx {
public:
	Icmpx() : was_loaded_(loaded("icmpx"))
	{
		const char *path =
			std::getenv("ICMPX_KO"); // NOLINT(concurrency-mt-unsafe): before any thread

		if (!path || access(path, R_OK))
			ktap::skip("needs the icmpx module in ICMPX_KO");
		path_ = path;
		if (was_loaded_)
			ktap::require_equal(module::unload_when_idle("icmpx"), 0, "unloading");
	}
	Icmpx(const Icmpx &) = delete;
	Icmpx &operator=(const Icmpx &) = delete;
	~Icmpx()
	{
		if (was_loaded_ && !loaded("icmpx"))
			module::load(path_);
		if (!was_loaded_ && loaded("icmpx"))
			module::unload("icmpx");
	}

	int load() const { return module::load(path_); }
	int unload() const { return module::unload(name_); }
	int unload_when_idle() const { return module::unload_when_idle(name_); }

private:
	std::string name_ = "icmpx";
	std::string path_;
	bool was_loaded_;
};

} // namespace module
