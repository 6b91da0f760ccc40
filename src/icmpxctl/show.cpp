// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_show(const Options & /*options*/, Arguments /*arguments*/) { throw Error("not there yet"); }

} // namespace

const Command show{
	.name = "show",
	.summary = "",
	.usage = "Usage: icmpxctl show\n",
	.run = run_show,
};

} // namespace icmpxctl
