// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_stats(const Options & /*options*/, Arguments /*arguments*/)
{
	throw Error("not there yet");
}

} // namespace

const Command stats{
	.name = "stats",
	.summary = "",
	.usage = "Usage: icmpxctl stats\n",
	.run = run_stats,
};

} // namespace icmpxctl
