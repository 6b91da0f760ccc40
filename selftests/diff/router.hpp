/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The host as a router: with a network behind it that takes small packets only, networks that nobody gets to, and a
 * firewall that says so.
 */
#pragma once

#include "sequence.hpp"

namespace diff {

/// The MTU of the network behind the router.
inline constexpr unsigned far_mtu = 600;
/// Host number @p number in that network, TEST-NET-2.
constexpr Address far(std::uint8_t number) { return 0xc6336400U | number; }
/// The router's own address there.
inline constexpr Address far_address = far(1);

/// Networks to which there is a route of that type (RFC 2544's addresses), and a host in each.
inline constexpr Address blackhole = 0xc6120001, prohibited = 0xc6120101, thrown = 0xc6120201;

/// UDP to one of these ports is rejected with one of ICMP's codes each, on its way in or through.
inline constexpr std::uint16_t first_rejected_port = 1010, last_rejected_port = 1016;
/// The same before it has a route, and as this host sends it.
inline constexpr std::uint16_t early_rejected_port = 1017, out_rejected_port = 1018;

/// Makes one of this namespace.
void make_router();

} // namespace diff
