// SPDX-License-Identifier: GPL-2.0-only
//
// How many errors one host gets, and all of them together (RFC 1812, 4.3.2.8; ip-sysctl: icmp_ratelimit, icmp_ratemask,
// icmp_msgs_per_sec, icmp_msgs_burst), and which are not limited.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/wire.hpp"

#include <thread>

using counters::Change;
using ktap::expect_between;
using ktap::expect_equal;
using packet::Ipv4;
using sending::to_closed_port;
using wire::Wire;

namespace {

constexpr int count = 20;

/// A host may have saved up this many messages (XRLIM_BURST_FACTOR of the kernel).
constexpr int burst = 6;

/// One error in five seconds to a host; in all, as many as come.
void limit_hosts()
{
	host::set_sysctl("net/ipv4/icmp_ratelimit", 5000);
	host::try_run("echo 1000000 >/proc/sys/net/ipv4/icmp_msgs_per_sec");
	host::try_run("echo 1000000 >/proc/sys/net/ipv4/icmp_msgs_burst");
}

/// How many errors come about @p requests datagrams like @p about.
int errors_about(const Wire &wire, int requests, const Ipv4 &about)
{
	for (int i = 0; i < requests; i++)
		wire.send(about);
	return static_cast<int>(wire.receive_all().size());
}

/// Expects that of @p count errors @p sent got through, and the host's limit held the others back.
void expect_limited(const Change &change, int sent, const std::string &stat = "unreachable",
		    const wire::Where &where = wire::Where::current())
{
	auto moved = change.snmp();

	expect_equal(moved["Icmp.OutMsgs"], sent, "OutMsgs", where);
	if (counters::snmp().contains("Icmp.OutRateLimitHost")) {
		expect_equal(moved["Icmp.OutRateLimitHost"], count - sent, "OutRateLimitHost",
			     where);
		expect_equal(moved["Icmp.OutRateLimitGlobal"], 0, "OutRateLimitGlobal", where);
	}
	counters::Values expected;
	if (sent > 0)
		expected["error_sent_" + stat] = sent;
	if (sent < count)
		expected["error_limit_host"] = count - sent;
	sending::expect_counted(change, expected, where);
}

void a_host_gets_six_at_once()
{
	auto wire = wire::new_server();

	limit_hosts();
	Change change;
	expect_equal(errors_about(wire, count, to_closed_port()), burst, "errors");
	expect_limited(change, burst);
}

void each_host_has_its_own()
{
	auto wire = wire::new_server();

	limit_hosts();
	for (packet::Address from = packet::client + 10; from < packet::client + 13; from++) {
		Ipv4 about = to_closed_port();
		Change change;

		about.source = from;
		expect_equal(errors_about(wire, count, about), burst, "errors");
		expect_limited(change, burst);
	}
}

/// With a rule the way to a host is not known before it is looked up; the limit is the same.
void with_a_rule()
{
	auto wire = wire::new_server();

	limit_hosts();
	host::run("ip rule add fwmark 99 table 100");
	Change change;
	expect_equal(errors_about(wire, count, to_closed_port()), burst, "errors");
	expect_limited(change, burst);
}

/// An error whose IP options cannot be made is none that the limit held back.
void options_without_an_answer()
{
	constexpr std::uint8_t timestamp = 68, length = 40, pointer = 36;
	auto wire = wire::new_server();
	Ipv4 about = to_closed_port();

	// This host's time is the last that fits, and leaves a byte that no other time does.
	about.options = {timestamp, length, pointer, 0};
	about.options.resize(length);
	limit_hosts();
	errors_about(wire, count, to_closed_port());
	Change change;
	expect_equal(errors_about(wire, count, about), 0, "errors");
	expect_equal(change.snmp()["Icmp.OutRateLimitHost"], 0, "OutRateLimitHost");
	sending::expect_counted(change, {{"error_failed_options", count}});
}

/// What was saved up comes back with time.
void saved_up_again()
{
	auto wire = wire::new_server();

	limit_hosts();
	host::set_sysctl("net/ipv4/icmp_ratelimit", 200);
	errors_about(wire, count, to_closed_port());
	std::this_thread::sleep_for(wire::milliseconds(300));
	expect_between(errors_about(wire, count, to_closed_port()), 1, burst, "errors");
}

/// Nobody finds out what he did not get by asking for something else.
void one_budget_for_all_types()
{
	sending::Router router;
	Ipv4 expiring = to_closed_port(18, sending::beyond);

	host::set_sysctl("net/ipv4/icmp_ratemask", 6168);
	limit_hosts();
	expiring.ttl = 1;
	expect_equal(errors_about(router.near, count, to_closed_port()), burst, "errors");
	Change change;
	expect_equal(errors_about(router.near, count, expiring), 0, "errors");
	expect_limited(change, 0, "time_exceeded");
}

/// RFC 1191: who is not told of a small MTU sends for ever what does not fit.
void fragmentation_needed_is_not_limited()
{
	sending::Router router(600);
	Ipv4 about = to_closed_port(1000, sending::beyond);

	host::set_sysctl("net/ipv4/icmp_ratemask", 6168);
	limit_hosts();
	about.df = true;
	Change change;
	expect_equal(errors_about(router.near, count, about), count, "errors");
	expect_limited(change, count);
}

/// All together: about as many as may be sent at once, since each one takes none, one or two of them.
void all_hosts_together()
{
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/icmp_ratelimit", 0);
	if (!host::try_run("echo 20 >/proc/sys/net/ipv4/icmp_msgs_per_sec && "
			   "echo 20 >/proc/sys/net/ipv4/icmp_msgs_burst"))
		ktap::skip("the limit is not one of the namespace");
	constexpr int flood = 200;
	Change change;
	const int errors = errors_about(wire, flood, to_closed_port());
	expect_between(errors, 10, 100, "errors");
	auto moved = change.snmp();
	expect_equal(moved["Icmp.OutMsgs"], errors, "OutMsgs");
	expect_equal(moved["Icmp.OutRateLimitGlobal"], flood - errors, "OutRateLimitGlobal");
	sending::expect_counted(change, {{"error_sent_unreachable", errors},
					 {"error_limit_global", flood - errors}});
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"a_host_gets_six_at_once", a_host_gets_six_at_once},
				 {"each_host_has_its_own", each_host_has_its_own},
				 {"with_a_rule", with_a_rule},
				 {"options_without_an_answer", options_without_an_answer},
				 {"saved_up_again", saved_up_again},
				 {"one_budget_for_all_types", one_budget_for_all_types},
				 {"fragmentation_needed_is_not_limited",
				  fragmentation_needed_is_not_limited},
				 {"all_hosts_together", all_hosts_together},
			 });
}
