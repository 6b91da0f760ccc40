// SPDX-License-Identifier: GPL-2.0-only

#include "counters6.hpp"

#include "ktap.hpp"
#include "packet6.hpp"

#include <utility>

namespace counters6 {

using counters::expect_same;

namespace {

/// What moved of ICMPv6, but for what timers of the kernel send at times of their own, unless that is expected.
Values icmp_of(const Values &before, const Values &after, const Values &expected)
{
	Values moved = counters::only(counters::difference(before, after), {"Icmp6"});

	for (const unsigned type : {packet6::mld2_report, packet6::router_solicitation}) {
		const std::string by_type = "Icmp6OutType" + std::to_string(type);
		const auto sent = moved.find(by_type);

		if (sent == moved.end() || expected.contains(by_type))
			continue;
		moved["Icmp6OutMsgs"] -= sent->second;
		if (moved["Icmp6OutMsgs"] == 0)
			moved.erase("Icmp6OutMsgs");
		moved.erase("Icmp6Out" + std::string(name_of(type)));
		moved.erase(by_type);
	}
	return moved;
}

Values moved(const std::string &direction, unsigned type, std::int64_t messages)
{
	const std::string start = "Icmp6" + direction;
	Values values{{start + "Msgs", messages},
		      {start + "Type" + std::to_string(type), messages}};

	if (!name_of(type).empty())
		values[start + std::string(name_of(type))] = messages;
	return values;
}

/// How many messages were sent whose types are not counted, where each message is counted by both: 0, and what tests make it.
std::int64_t untold(const Values &values)
{
	std::int64_t messages = 0;

	for (const auto &[name, value] : values) {
		if (name == "Icmp6OutMsgs")
			messages += value;
		else if (name.starts_with("Icmp6OutType"))
			messages -= value;
	}
	return messages;
}

} // namespace

Values snmp(const std::string &device)
{
	const std::string path =
		device.empty() ? "/proc/self/net/snmp6" : "/proc/self/net/dev_snmp6/" + device;
	const auto read = [&path] {
		return ktap::require_value(counters::lines_of(path), path);
	};
	Values values = read();

	// What a timer sends while the file is read may be counted in one line of it, and not in the other. In a flood there
	// is no better reading.
	std::int64_t before = 0;
	for (int tries = 0; tries < 5 && untold(values) != before; tries++) {
		before = untold(values);
		values = read();
	}
	return values;
}

std::optional<Values> icmpx() { return counters::lines_of("/proc/self/net/icmpx6_stat"); }

std::string_view name_of(unsigned type)
{
	switch (type) {
	case packet6::unreachable:
		return "DestUnreachs";
	case packet6::too_big:
		return "PktTooBigs";
	case packet6::time_exceeded:
		return "TimeExcds";
	case packet6::parameter_problem:
		return "ParmProblems";
	case packet6::echo:
		return "Echos";
	case packet6::echo_reply:
		return "EchoReplies";
	case packet6::mld_query:
		return "GroupMembQueries";
	case packet6::mld_report:
		return "GroupMembResponses";
	case packet6::mld_done:
		return "GroupMembReductions";
	case packet6::router_solicitation:
		return "RouterSolicits";
	case packet6::router_advertisement:
		return "RouterAdvertisements";
	case packet6::neighbour_solicitation:
		return "NeighborSolicits";
	case packet6::neighbour_advertisement:
		return "NeighborAdvertisements";
	case packet6::redirect:
		return "Redirects";
	case packet6::mld2_report:
		return "MLDv2Reports";
	default:
		return "";
	}
}

Values in(unsigned type, std::int64_t messages) { return moved("In", type, messages); }

Values out(unsigned type, std::int64_t messages) { return moved("Out", type, messages); }

Values one_echo() { return counters::sum(in(packet6::echo), out(packet6::echo_reply)); }

Change::Change(std::string device)
	: device_(std::move(device)), snmp_(counters6::snmp()),
	  of_device_(device_.empty() ? Values{} : counters6::snmp(device_)),
	  icmpx_(counters6::icmpx())
{
}

void Change::restart() { *this = Change(device_); }

Values Change::snmp() const { return counters::difference(snmp_, counters6::snmp()); }

std::optional<Values> Change::icmpx() const
{
	auto now = counters6::icmpx();

	if (!now || !icmpx_)
		return std::nullopt;
	return counters::difference(*icmpx_, *now);
}

bool Change::expect_icmp(const Values &expected, std::string_view what,
			 const std::source_location &where) const
{
	return expect_icmp(expected, expected, what, where);
}

bool Change::expect_icmp(const Values &expected, const Values &expected_of_device,
			 std::string_view what, const std::source_location &where) const
{
	bool same = expect_same(icmp_of(snmp_, counters6::snmp(), expected), expected, what, where);

	if (device_.empty())
		return same;
	return expect_same(icmp_of(of_device_, counters6::snmp(device_), expected_of_device),
			   expected_of_device, std::string(what) + ", " + device_, where) &&
	       same;
}

bool Change::expect_outcomes(const Values &expected, std::string_view what,
			     const std::source_location &where) const
{
	return counters::expect_outcomes(icmpx(), expected, what, where);
}

} // namespace counters6
