// SPDX-License-Identifier: GPL-2.0-only
#include "json.hpp"

#include <cstdio>

#include "output.hpp"

namespace icmpxctl {

void print(const Json &value)
{
	// The name of a device or of a program is any bytes.
	const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);

	std::puts(text.c_str());
	flush_output();
}

} // namespace icmpxctl
