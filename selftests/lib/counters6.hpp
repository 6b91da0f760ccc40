/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the kernel counted of IPv6: /proc/net/snmp6, the same of a device in /proc/net/dev_snmp6, /proc/net/icmpx6_stat.
 */
#pragma once

#include "counters.hpp"

#include <optional>
#include <source_location>
#include <string>
#include <string_view>

namespace counters6 {

using counters::Values;

/// /proc/net/snmp6 ("Icmp6InMsgs", "Icmp6InType128", "Ip6InReceives"), or what it would say of @p device alone.
Values snmp(const std::string &device = "");

/// /proc/net/icmpx6_stat; nothing without the module.
std::optional<Values> icmpx();

/// The name that the kernel counts messages of @p type by, as in "Icmp6InEchos"; "" for those that only have a number.
std::string_view name_of(unsigned type);

/// What messages of @p type move that come in and whose checksum is right, and those that go out.
Values in(unsigned type, std::int64_t messages = 1);
Values out(unsigned type, std::int64_t messages = 1);

/// What an echo request and its reply move.
Values one_echo();

/// What moves from its construction on.
class Change {
public:
	/// Also on @p device, unless that is "".
	explicit Change(std::string device = "wire0");
	/// Starts again.
	void restart();
	Values snmp() const;
	/// Nothing without the module.
	std::optional<Values> icmpx() const;

	/// Expects that exactly these of Icmp6… moved, by exactly that much: in the namespace, and on the device, too.
	bool expect_icmp(const Values &expected, std::string_view what,
			 const std::source_location &where = std::source_location::current()) const;
	/// As expect_icmp(), with other values for the device: where a reply leaves by another than its request came by.
	bool expect_icmp(const Values &expected, const Values &expected_of_device,
			 std::string_view what,
			 const std::source_location &where = std::source_location::current()) const;
	/// What counters::Change::expect_outcomes() does, of /proc/net/icmpx6_stat.
	bool
	expect_outcomes(const Values &expected, std::string_view what,
			const std::source_location &where = std::source_location::current()) const;

private:
	std::string device_;
	Values snmp_;
	Values of_device_;
	std::optional<Values> icmpx_;
};

} // namespace counters6
