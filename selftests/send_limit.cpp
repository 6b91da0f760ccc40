// SPDX-License-Identifier: GPL-2.0-only
//
// How many errors one host gets, and all of them together (RFC 1812, 4.3.2.8; ip-sysctl: icmp_ratelimit, icmp_ratemask,
// icmp_msgs_per_sec, icmp_msgs_burst), and which are not limited.

#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/wire.hpp"

#include <string>
#include <thread>
#include <vector>

using counters::Change;
using ktap::expect_between;
using ktap::expect_equal;
using packet::Ipv4;
using sending::to_closed_port;
using sending::V4;
using sending::V6;
using wire::Wire;

namespace {

constexpr int count = 20;

/// A host may have saved up this many messages (XRLIM_BURST_FACTOR of the kernel).
constexpr int burst = 6;

/// One error in five seconds to a host; in all, as many as come.
template <typename F> void limit_hosts()
{
	host::set_sysctl(F::ratelimit, 5000);
	host::try_run("echo 1000000 >/proc/sys/net/ipv4/icmp_msgs_per_sec");
	host::try_run("echo 1000000 >/proc/sys/net/ipv4/icmp_msgs_burst");
}

/// A server with this limit, and a route to the client.
template <typename F> Wire limited_server()
{
	Wire wire = F::new_server();

	limit_hosts<F>();
	F::add_own_route(F::client);
	return wire;
}

/// How many errors come about @p requests datagrams like @p about.
template <typename Datagram> int errors_about(const Wire &wire, int requests, const Datagram &about)
{
	for (int i = 0; i < requests; i++)
		wire.send(about);
	return static_cast<int>(wire.receive_all<Datagram>().size());
}

/// Expects that of @p count errors @p sent got through, and the host's limit held the others back.
template <typename Change>
void expect_limited(const Change &change, int sent, const std::string &stat = "unreachable",
		    const wire::Where &where = wire::Where::current())
{
	using F = sending::Of<Change>;
	const std::string limited = F::icmp + "OutRateLimitHost";
	auto moved = change.snmp();

	expect_equal(moved[F::icmp + "OutMsgs"], sent, "OutMsgs", where);
	if (F::snmp().contains(limited))
		expect_equal(moved[limited], count - sent, limited, where);
	if (moved.contains("Icmp.OutRateLimitGlobal"))
		expect_equal(moved["Icmp.OutRateLimitGlobal"], 0, "OutRateLimitGlobal", where);
	counters::Values expected;
	if (sent > 0)
		expected["error_sent_" + stat] = sent;
	if (sent < count)
		expected["error_limit_host"] = count - sent;
	sending::expect_counted(change, expected, where);
}

template <typename F> void a_host_gets_six_at_once()
{
	auto wire = limited_server<F>();

	const auto change = F::change();
	expect_equal(errors_about(wire, count, to_closed_port<F>()), burst, "errors");
	expect_limited(change, burst);
}

template <typename F> void each_host_has_its_own()
{
	auto wire = limited_server<F>();

	for (int number : {1, 2, 3}) {
		const auto from = F::neighbour(number);
		const auto about = to_closed_port<F>(18, F::server, from);

		F::add_own_route(from);
		const auto change = F::change();
		expect_equal(errors_about(wire, count, about), burst, "errors");
		expect_limited(change, burst);
	}
}

/// With a rule the way to a host is not known before it is looked up; the limit is the same.
template <typename F> void with_a_rule()
{
	auto wire = limited_server<F>();

	host::run("ip " + F::option + " rule add fwmark 99 table 100");
	const auto change = F::change();
	expect_equal(errors_about(wire, count, to_closed_port<F>()), burst, "errors");
	expect_limited(change, burst);
}

/// An error whose IP options cannot be made is none that the limit held back.
void options_without_an_answer()
{
	constexpr std::uint8_t timestamp = 68, length = 40, pointer = 36;
	auto wire = limited_server<V4>();
	Ipv4 about = to_closed_port();

	// This host's time is the last that fits, and leaves a byte that no other time does.
	about.options = {timestamp, length, pointer, 0};
	about.options.resize(length);
	errors_about(wire, count, to_closed_port());
	Change change;
	expect_equal(errors_about(wire, count, about), 0, "errors");
	expect_equal(change.snmp()["Icmp.OutRateLimitHost"], 0, "OutRateLimitHost");
	sending::expect_counted(change, {{"error_failed_options", count}});
}

/// What was saved up comes back with time.
template <typename F> void saved_up_again()
{
	auto wire = limited_server<F>();

	host::set_sysctl(F::ratelimit, 200);
	errors_about(wire, count, to_closed_port<F>());
	std::this_thread::sleep_for(wire::milliseconds(300));
	expect_between(errors_about(wire, count, to_closed_port<F>()), 1, burst, "errors");
}

/// Nobody finds out what he did not get by asking for something else.
template <typename F> void one_budget_for_all_types()
{
	sending::RouterIn<F> router;
	auto expiring = to_closed_port<F>(18, F::beyond);

	host::set_sysctl(F::ratemask, F::some_types);
	limit_hosts<F>();
	F::add_own_route(F::client);
	F::set_hops(expiring, 1);
	expect_equal(errors_about(router.near, count, to_closed_port<F>()), burst, "errors");
	const auto change = F::change();
	expect_equal(errors_about(router.near, count, expiring), 0, "errors");
	expect_limited(change, 0, "time_exceeded");
}

/// Types that are not in the mask have no limit, and take nothing from that of the others.
template <typename F> void types_that_are_not_in_the_mask()
{
	auto wire = limited_server<F>();

	host::set_sysctl(F::ratemask, F::no_type);
	auto change = F::change();
	expect_equal(errors_about(wire, count, to_closed_port<F>()), count, "errors");
	expect_limited(change, count);
	host::set_sysctl(F::ratemask, F::some_types);
	change.restart();
	expect_equal(errors_about(wire, count, to_closed_port<F>()), burst, "errors");
	expect_limited(change, burst);
}

/// RFC 1191: who is not told of a small MTU sends for ever what does not fit.
template <typename F> void fragmentation_needed_is_not_limited()
{
	constexpr unsigned mtu = F::is_ipv6 ? 1300 : 600;
	sending::RouterIn<F> router(mtu);
	auto about = to_closed_port<F>(mtu, F::beyond);

	host::set_sysctl(F::ratemask, F::some_types);
	limit_hosts<F>();
	F::add_own_route(F::client);
	if constexpr (!F::is_ipv6)
		about.df = true;
	const auto change = F::change();
	expect_equal(errors_about(router.near, count, about), count, "errors");
	expect_limited(change, count, F::is_ipv6 ? "packet_too_big" : "unreachable");
}

constexpr int flood = 200;

/// Lets all hosts together have @p errors at once, and as many in a second.
template <typename F> void limit_all(int errors)
{
	const std::string value = "echo " + std::to_string(errors);

	host::set_sysctl(F::ratelimit, 0);
	if (!host::try_run(value + " >/proc/sys/net/ipv4/icmp_msgs_per_sec && " + value +
			   " >/proc/sys/net/ipv4/icmp_msgs_burst"))
		ktap::skip("the limit is not one of the namespace");
}

/// All together: about as many as may be sent at once, since each one takes none, one or two of them.
template <typename F> void all_hosts_together()
{
	auto wire = F::new_server();

	limit_all<F>(20);
	const counters::Change v4;
	const auto change = F::change();
	const int errors = errors_about(wire, flood, to_closed_port<F>());
	expect_between(errors, 10, 100, "errors");
	expect_equal(change.snmp()[F::icmp + "OutMsgs"], errors, "OutMsgs");
	expect_equal(v4.snmp()["Icmp.OutRateLimitGlobal"], flood - errors, "OutRateLimitGlobal");
	sending::expect_counted(change, {{"error_sent_unreachable", errors},
					 {"error_limit_global", flood - errors}});
}

/// What errors of one family took is not there for those of the other.
void both_families_together()
{
	auto wire = V6::new_server();

	host::run("ip address add 10.0.0.2/24 dev wire0; ip route add default dev wire0");
	host::set_sysctl(V4::ratelimit, 0);
	limit_all<V6>(100);
	expect_equal(errors_about(wire, 1, to_closed_port<V4>()), 1, "the first error");
	host::set_sysctl("net/ipv4/icmp_msgs_per_sec", 1);
	expect_between(errors_about(wire, 3 * flood, to_closed_port<V6>()), 60, 200, "of IPv6");
	expect_between(errors_about(wire, flood, to_closed_port<V4>()), 0, 30, "of IPv4");
}

/// What holds for both families.
template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"a_host_gets_six_at_once", a_host_gets_six_at_once<F>},
		{"each_host_has_its_own", each_host_has_its_own<F>},
		{"with_a_rule", with_a_rule<F>},
		{"saved_up_again", saved_up_again<F>},
		{"one_budget_for_all_types", one_budget_for_all_types<F>},
		{"types_that_are_not_in_the_mask", types_that_are_not_in_the_mask<F>},
		{"fragmentation_needed_is_not_limited", fragmentation_needed_is_not_limited<F>},
		{"all_hosts_together", all_hosts_together<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back({"options_without_an_answer", options_without_an_answer});
	all.push_back({"both_families_together", both_families_together});
	return ktap::run(argc, argv, all);
}
