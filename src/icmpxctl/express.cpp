// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_express(const Options & /*options*/, Arguments /*arguments*/)
{
	throw Error("not there yet");
}

} // namespace

const Command express{
	.name = "express",
	.summary = "",
	.usage = "Usage: icmpxctl express\n",
	.run = run_express,
};

} // namespace icmpxctl
