/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the kernel counted: /proc/net/snmp, /proc/net/netstat, /proc/net/icmpx_stat of this network namespace.
 */
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace counters {

/// Values by name; a name that is missing means 0.
using Values = std::map<std::string, std::int64_t>;

/// What to read: /proc/net/netstat is long, and reading it takes its time.
enum class Files { snmp, all };

/// /proc/net/snmp and /proc/net/netstat: "Icmp.InMsgs", "IcmpMsg.InType8", "Ip.InDelivers", "TcpExt.…".
Values snmp(Files files = Files::all);

/// /proc/net/icmpx_stat; nothing without the module.
std::optional<Values> icmpx();

/// What moved between @p before and @p after, and by how much.
Values difference(const Values &before, const Values &after);

/// Values of a file whose lines are a name and a number; nothing without the file.
std::optional<Values> lines_of(const std::string &path);

/// Whether the outcomes in @p stat (the lines reply_, deliver_, limit_, ignore_, drop_ and pass_…) add up to packets_in.
bool outcomes_equal_packets_in(const Values &stat);

/// The part of @p values whose names begin with one of @p prefixes.
Values only(const Values &values, std::initializer_list<std::string_view> prefixes);

/// @p values as one line.
std::string text(const Values &values);

/**
 * What one reply moves, whichever type it has.
 *
 * The control socket of the built-in code is a raw one, for which IP counts the type of the route lookup and not of the
 * packet (__ip_make_skb()), and that is 0 for all replies: those to timestamp requests and to PROBE count as echo
 * replies, and what replaces the built-in code is to count as it does.
 */
Values one_reply();

/// @p a and @p b together.
Values sum(const Values &a, const Values &b);

/// Expects @p actual to be @p expected.
bool expect_same(const Values &actual, const Values &expected, std::string_view what,
		 const std::source_location &where = std::source_location::current());

/// Expects of @p moved, which is what moved of one of icmpx's files, what Change::expect_outcomes() does; holds for nothing.
bool expect_outcomes(const std::optional<Values> &moved, const Values &expected,
		     std::string_view what,
		     const std::source_location &where = std::source_location::current());

/// What moves from its construction on.
class Change {
public:
	explicit Change(Files files = Files::all);
	/// Starts again.
	void restart();
	Values snmp() const;
	/// Only what "Icmp:" and "IcmpMsg:" of /proc/net/snmp count.
	Values icmp() const;
	/// Nothing without the module.
	std::optional<Values> icmpx() const;

	/// Expects that exactly these counters of "Icmp:" and "IcmpMsg:" moved, by exactly that much.
	bool expect_icmp(const Values &expected, std::string_view what,
			 const std::source_location &where = std::source_location::current()) const;
	/**
	 * Expects that exactly these outcomes of /proc/net/icmpx_stat moved, and packets_in by their sum; holds without
	 * the module. "reply" stands for reply_in_place and reply_copied together: which one it is, is not always a
	 * matter of the protocol.
	 */
	bool
	expect_outcomes(const Values &expected, std::string_view what,
			const std::source_location &where = std::source_location::current()) const;

private:
	Files files_;
	Values snmp_;
	std::optional<Values> icmpx_;
};

} // namespace counters
