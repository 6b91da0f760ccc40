// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// A ping of this host to itself, by which icmpxctl doctor sees whether icmpx gets what comes in.
#pragma once

#include <optional>
#include <string>

namespace icmpxctl {

class Netlink;

struct SelfPing {
	/// icmpx has counted it; nothing if it could not be sent.
	std::optional<bool> counted;
	/// Why it could not be sent.
	std::string untried;
};

/**
 * Sends an echo request to the loopback address, by a ping socket or, where the caller's group may have none, by a raw one.
 *
 * @param family AF_INET or AF_INET6
 */
SelfPing ping_self(Netlink &netlink, int family);

} // namespace icmpxctl
