/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Packets and calls of IPv6, for people to read.
 */
#pragma once

#include "sequence6.hpp"

#include <string>

namespace diff {

std::string datagram6_text(View datagram);
std::string packet_text(const Packet6 &packet);
std::string call_text(const Call6 &call);

} // namespace diff
