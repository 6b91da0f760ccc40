/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A device whose name never stays the same.
 */
#pragma once

#include "ktap.hpp"
#include "socket.hpp"

#include <atomic>
#include <cerrno>
#include <net/if.h>
#include <string>
#include <sys/ioctl.h>
#include <thread>

namespace host {

/// Renames a device of this namespace over and over, between two names.
class Renamer {
public:
	/// Both as long as names get, and in no byte the same.
	static constexpr const char *first = "aaaaaaaaaaaaaaa";
	static constexpr const char *second = "bbbbbbbbbbbbbbb";

	/// @p name is what it is called now.
	explicit Renamer(const std::string &name)
	{
		rename(name, first);
		ktap::require_equal(errno, 0, "renaming");
		thread_ = std::jthread([this](const std::stop_token &stop) {
			for (; !stop.stop_requested(); times_++) {
				rename(first, second);
				rename(second, first);
			}
		});
	}

	int times() const { return times_; }

	/// Then it is called @ref first.
	void finish()
	{
		thread_.request_stop();
		thread_.join();
	}

private:
	/// errno is 0 if the kernel did it.
	void rename(const std::string &from, const std::string &to) const
	{
		ifreq request{};

		from.copy(request.ifr_name, IFNAMSIZ - 1);
		to.copy(request.ifr_newname, IFNAMSIZ - 1);
		errno = 0;
		// Only its failure sets errno.
		(void)ioctl(socket_.get(), SIOCSIFNAME, &request);
	}

	sock::Socket socket_ = sock::udp();
	std::atomic<int> times_{0};
	std::jthread thread_;
};

} // namespace host
