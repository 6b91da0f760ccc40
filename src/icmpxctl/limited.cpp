// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_limited(const Options & /*options*/, Arguments /*arguments*/)
{
	throw Error("not there yet");
}

} // namespace

const Command limited{
	.name = "limited",
	.summary = "",
	.usage = "Usage: icmpxctl limited\n",
	.run = run_limited,
};

} // namespace icmpxctl
