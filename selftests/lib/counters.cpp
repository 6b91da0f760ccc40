// SPDX-License-Identifier: GPL-2.0-only

#include "counters.hpp"

#include "host.hpp"
#include "ktap.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace counters {

namespace {

constexpr std::array<std::string_view, 6> outcome_prefixes{"reply_",  "deliver_", "limit_",
							   "ignore_", "drop_",	  "pass_"};

bool is_outcome(std::string_view name)
{
	return std::ranges::any_of(outcome_prefixes, [=](std::string_view prefix) {
		return name.starts_with(prefix);
	});
}

/// Both files hold pairs of lines, names and then values, that begin with the same word.
void add_pairs(const std::string &path, Values &values)
{
	std::istringstream file(host::read_file(path).value_or(""));
	std::string names_line, values_line;

	while (std::getline(file, names_line) && std::getline(file, values_line)) {
		std::istringstream names(names_line), numbers(values_line);
		std::string group, name;
		std::int64_t value;

		names >> group;
		numbers >> name;
		group.back() = '.';
		while (names >> name && numbers >> value)
			values[group + name] = value;
	}
}

} // namespace

Values snmp(Files files)
{
	Values values;

	add_pairs("/proc/self/net/snmp", values);
	if (files == Files::all)
		add_pairs("/proc/self/net/netstat", values);
	return values;
}

std::optional<Values> lines_of(const std::string &path)
{
	auto contents = host::read_file(path);
	Values values;
	std::string name;
	std::int64_t value;

	if (!contents)
		return std::nullopt;
	std::istringstream file(*contents);
	while (file >> name >> value)
		values[name] = value;
	return values;
}

std::optional<Values> icmpx() { return lines_of("/proc/self/net/icmpx_stat"); }

Values difference(const Values &before, const Values &after)
{
	Values moved;

	for (const auto &[name, value] : after) {
		auto old = before.find(name);
		std::int64_t delta = value - (old == before.end() ? 0 : old->second);
		if (delta)
			moved[name] = delta;
	}
	return moved;
}

bool outcomes_equal_packets_in(const Values &stat)
{
	std::int64_t sum = 0;

	for (const auto &[name, value] : stat) {
		if (is_outcome(name))
			sum += value;
	}
	auto in = stat.find("packets_in");
	return sum == (in == stat.end() ? 0 : in->second);
}

Values only(const Values &values, std::initializer_list<std::string_view> prefixes)
{
	Values some;

	for (const auto &[name, value] : values) {
		if (std::ranges::any_of(prefixes, [&](std::string_view prefix) {
			    return name.starts_with(prefix);
		    }))
			some[name] = value;
	}
	return some;
}

std::string text(const Values &values)
{
	std::string line = "{";

	for (const auto &[name, value] : values)
		line += " " + name + "=" + std::to_string(value);
	return line + " }";
}

Values one_reply()
{
	return {{"Icmp.OutMsgs", 1}, {"Icmp.OutEchoReps", 1}, {"IcmpMsg.OutType0", 1}};
}

Values sum(const Values &a, const Values &b)
{
	Values both = a;

	for (const auto &[name, value] : b)
		both[name] += value;
	return both;
}

bool expect_same(const Values &actual, const Values &expected, std::string_view what,
		 const std::source_location &where)
{
	if (actual == expected)
		return true;
	ktap::failure(std::string(what) + ": counted " + text(actual) + ", expected " +
			      text(expected),
		      where);
	return false;
}

bool expect_outcomes(const std::optional<Values> &moved, const Values &expected,
		     std::string_view what, const std::source_location &where)
{
	Values actual, wanted = expected;
	std::int64_t packets = 0;

	if (!moved)
		return true;
	for (const auto &[name, value] : expected)
		packets += value;
	if (packets)
		wanted["packets_in"] = packets;
	for (const auto &[name, value] : *moved) {
		if (name.starts_with("reply_") && expected.contains("reply"))
			actual["reply"] += value;
		else if (name == "packets_in" || is_outcome(name))
			actual[name] += value;
	}
	return expect_same(actual, wanted, what, where);
}

Change::Change(Files files) : files_(files), snmp_(counters::snmp(files)), icmpx_(counters::icmpx())
{
}

void Change::restart() { *this = Change(files_); }

Values Change::snmp() const { return difference(snmp_, counters::snmp(files_)); }

Values Change::icmp() const { return only(snmp(), {"Icmp.", "IcmpMsg."}); }

std::optional<Values> Change::icmpx() const
{
	auto now = counters::icmpx();

	if (!now || !icmpx_)
		return std::nullopt;
	return difference(*icmpx_, *now);
}

bool Change::expect_icmp(const Values &expected, std::string_view what,
			 const std::source_location &where) const
{
	return expect_same(icmp(), expected, what, where);
}

bool Change::expect_outcomes(const Values &expected, std::string_view what,
			     const std::source_location &where) const
{
	return counters::expect_outcomes(icmpx(), expected, what, where);
}

} // namespace counters
