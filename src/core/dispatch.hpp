// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// The dispatch table: one row for each of the 256 types.
#pragma once

#include "wire.hpp"

#include <array>

namespace icmpx {

/// What a type is for, and so which part of the module handles it.
enum class Handler : u8 {
	kUnknown,   ///< silently discarded (RFC 1122, 3.2.2)
	kObsolete,  ///< known, and of no use to a host (RFC 6918)
	kPing,	    ///< a reply to a request of this host
	kEcho,	    ///< an echo request to answer (RFC 792)
	kProbe,	    ///< an extended echo request to answer (RFC 8335)
	kTimestamp, ///< a timestamp request to answer (RFC 792)
	kError,	    ///< an error about a datagram of this host
};

/// A row of the table: a type.
struct Row {
	Handler handler = Handler::kUnknown;
	/// The type is an error: no error is sent about it (RFC 1122, 3.2.2).
	bool is_error = false;
	/// A message of this type may come by broadcast or multicast.
	bool by_broadcast = false;
	/// The setting echo_ignore_broadcasts decides whether such a message is answered.
	bool broadcast_is_optional = false;
	/// The default of the setting ratemask has the type's bit (RFC 1812, 4.3.2.8).
	bool limited = false;
	/// A message of this type may carry an extension (RFC 4884, 4).
	bool extensible = false;
};

using Table = std::array<Row, 256>;

namespace detail {

constexpr Table make_table()
{
	Table table{};

	// Types 1, 2, 6 and 7 were never assigned or are long gone (RFC 6918);
	// router discovery (9 and 10) is a daemon's work. An error about any of
	// them could be an error about an error, so they count as errors.
	for (const u8 type : {1, 2, 6, 7, 9, 10})
		table[type] = {.handler = Handler::kObsolete, .is_error = true};
	for (const u8 type : {14, 15, 16})
		table[type] = {.handler = Handler::kObsolete};
	for (const u8 type : {kAddressMask, kAddressMaskReply})
		table[type] = {.handler = Handler::kObsolete, .by_broadcast = true};
	for (const u8 type : {kUnreachable, kSourceQuench, kTimeExceeded, kParameterProblem})
		table[type] = {.handler = Handler::kError,
			       .is_error = true,
			       .limited = true,
			       .extensible = type != kSourceQuench};
	table[kRedirect] = {.handler = Handler::kError, .is_error = true};
	table[kEchoReply] = {.handler = Handler::kPing};
	table[kExtendedEchoReply] = {.handler = Handler::kPing, .by_broadcast = true};
	table[kEcho] = {
		.handler = Handler::kEcho, .by_broadcast = true, .broadcast_is_optional = true};
	table[kTimestamp] = {.handler = Handler::kTimestamp,
			     .by_broadcast = true,
			     .broadcast_is_optional = true};
	table[kExtendedEcho] = {.handler = Handler::kProbe, .by_broadcast = true};
	return table;
}

} // namespace detail

inline constexpr Table kTable = detail::make_table();

} // namespace icmpx
