// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_monitor(const Options & /*options*/, Arguments /*arguments*/)
{
	throw Error("not there yet");
}

} // namespace

const Command monitor{
	.name = "monitor",
	.summary = "",
	.usage = "Usage: icmpxctl monitor\n",
	.run = run_monitor,
};

} // namespace icmpxctl
