// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_set(const Options & /*options*/, Arguments /*arguments*/) { throw Error("not there yet"); }

} // namespace

const Command set{
	.name = "set",
	.summary = "",
	.usage = "Usage: icmpxctl set\n",
	.run = run_set,
};

} // namespace icmpxctl
