// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The dispatch table of ICMPv6: one row for each of the 256 types.
#pragma once

#include "wire.hpp"

#include <array>

namespace icmpx {

/// What a type of ICMPv6 is for, and so which part of the module handles it.
enum class Handler6 : u8 {
	kUnknown,  ///< informational, and silently discarded (RFC 4443, 2.4 (b))
	kUnused,   ///< known, and of no use to a host
	kError,	   ///< an error about a packet of this host, of any type (RFC 4443, 2.4 (a))
	kPing,	   ///< a reply to a request of this host
	kEcho,	   ///< an echo request to answer (RFC 4443, 4.1)
	kProbe,	   ///< an extended echo request to answer (RFC 8335)
	kNodeInfo, ///< a node information query to answer (RFC 4620)
	kMld,	   ///< multicast listener discovery, which the built-in code does
	kNd,	   ///< neighbour discovery, which the built-in code does
};

/// A row of the table: a type.
struct Row6 {
	Handler6 handler = Handler6::kUnknown;
	/// A message of this type may carry an extension (RFC 4884, 4).
	bool extensible = false;
};

using Table6 = std::array<Row6, 256>;

namespace detail {

constexpr Table6 make_table6()
{
	Table6 table{};

	// Router renumbering (RFC 2894), node information replies (RFC 4620),
	// inverse neighbour discovery (RFC 3122), mobile prefixes (RFC 6275), certification
	// paths (RFC 3971), and what routers and nodes of special networks exchange
	// (148 to 159).
	for (u8 type = kRouterRenumbering; type <= kLastAssigned6; ++type)
		table[type] = {.handler = Handler6::kUnused};
	for (u8 type = 0; type < kFirstInformational6; ++type)
		table[type] = {.handler = Handler6::kError};
	for (const u8 type : {kUnreachable6, kTimeExceeded6})
		table[type].extensible = true;
	for (const u8 type : {kMldQuery, kMldReport, kMldDone, kMldReport2})
		table[type] = {.handler = Handler6::kMld};
	for (u8 type = kRouterSolicitation; type <= kRedirect6; ++type)
		table[type] = {.handler = Handler6::kNd};
	for (const u8 type : {kEchoReply6, kExtendedEchoReply6})
		table[type] = {.handler = Handler6::kPing};
	table[kEcho6] = {.handler = Handler6::kEcho};
	table[kExtendedEcho6] = {.handler = Handler6::kProbe};
	table[kNodeInfoQuery] = {.handler = Handler6::kNodeInfo};
	return table;
}

} // namespace detail

inline constexpr Table6 kTable6 = detail::make_table6();

} // namespace icmpx
