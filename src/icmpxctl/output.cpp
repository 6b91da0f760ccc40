// SPDX-License-Identifier: GPL-2.0-only
#include "output.hpp"

#include <cstdio>

#include "command.hpp"

namespace icmpxctl {

void flush_output()
{
	const bool failed = std::fflush(stdout) == EOF || std::ferror(stdout);

	if (!failed)
		return;
	// Said once.
	std::clearerr(stdout);
	throw Error("cannot write to standard output");
}

} // namespace icmpxctl
