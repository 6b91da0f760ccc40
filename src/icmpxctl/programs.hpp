// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Which programs have which sockets open.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace icmpxctl {

struct Program {
	std::string name;
	int pid;
	int fd;
};

/// By the socket's inode; several programs may have one open.
using Holders = std::multimap<std::uint64_t, Program>;

/// Reads /proc, as far as the user may: what may not be read is left out.
Holders socket_holders();

} // namespace icmpxctl
