// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Verdicts on received messages, as both families make them.
#pragma once

#include <icmpx/dispatch.h>
#include <icmpx/stat.h>

#include "wire.hpp"

namespace icmpx {

constexpr icmpx_verdict finish(icmpx_stat outcome, bool in_error)
{
	return {.action = ICMPX_FINISH, .in_error = in_error, .outcome = static_cast<u16>(outcome)};
}

constexpr icmpx_verdict act(icmpx_action action)
{
	return {.action = static_cast<u8>(action), .in_error = 0, .outcome = 0};
}

constexpr bool probe_asks_about_us(ConstHeader header)
{
	// RFC 8335, 2: with the L bit clear the query is about a neighbour's
	// interface. This host does not answer such queries.
	return (header[kSequenceAt + 1] & 1) != 0;
}

} // namespace icmpx
