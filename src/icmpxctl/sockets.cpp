// SPDX-License-Identifier: GPL-2.0-only
#include "command.hpp"

namespace icmpxctl {

namespace {

int run_sockets(const Options & /*options*/, Arguments /*arguments*/)
{
	throw Error("not there yet");
}

} // namespace

const Command sockets{
	.name = "sockets",
	.summary = "",
	.usage = "Usage: icmpxctl sockets\n",
	.run = run_sockets,
};

} // namespace icmpxctl
