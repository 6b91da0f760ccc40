// SPDX-License-Identifier: GPL-2.0-only
//
// What is counted of an ICMPv6 error (RFC 4293), and of which device: of one that was sent, one that a limit held back, and one
// that has no way back.

#include "lib/ktap.hpp"
#include "lib/sending.hpp"

#include <string>
#include <vector>

using counters::Values;
using counters6::Change;
using packet6::Ipv6;
using packet6::Type;
using sending::V6;
using Router = sending::RouterIn<V6>;

namespace {

constexpr int count = 10;

/// Whether errors of the types that are to be limited are, by the mask, in a namespace of its own.
struct Limits {
	const char *mask;
	bool on;
};
constexpr Limits both_limits[] = {{"255", false}, {"0-1,3-127", true}};

Ipv6 to_closed_port(const packet6::Address &from = V6::client)
{
	return sending::to_closed_port<V6>(18, V6::server, from);
}

/// Expects of "Ip6…" that exactly these moved.
void expect_ip(const Change &change, const Values &expected,
	       const wire::Where &where = wire::Where::current())
{
	counters::expect_same(counters::only(change.snmp(), {"Ip6OutRequests", "Ip6OutNoRoutes",
							     "Ip6OutDiscards"}),
			      expected, "IP", where);
}

void sent()
{
	for (const Limits &limits : both_limits) {
		auto wire = V6::new_server();

		host::set_sysctl(V6::ratemask, limits.mask);
		const Change change("wire0");
		wire.send(to_closed_port());
		ktap::expect(wire6::next_answer(wire).has_value(), "an error");
		change.expect_icmp(counters6::out(Type::unreachable), "an error");
		expect_ip(change, {{"Ip6OutRequests", 1}});
		sending::expect_counted(change, {{"error_sent_unreachable", 1}});
	}
}

void sent_of_each_type()
{
	Router router(1300);
	Ipv6 expiring = sending::to_closed_port<V6>(18, V6::beyond), unknown = to_closed_port();

	expiring.hop_limit = 1;
	unknown.protocol = 200;
	for (const auto &[type, about] : std::vector<std::pair<std::uint8_t, Ipv6>>{
		     {Type::unreachable, to_closed_port()},
		     {Type::too_big, sending::to_closed_port<V6>(1400, V6::beyond)},
		     {Type::time_exceeded, expiring},
		     {Type::parameter_problem, unknown}}) {
		const Change change("wire0");

		router.near.send(about);
		ktap::expect(wire6::next_answer(router.near).has_value(), "an error");
		change.expect_icmp(counters6::out(type), "an error");
		expect_ip(change, {{"Ip6OutRequests", 1}});
		sending::expect_counted(change, {{"error_sent_" + V6::names(type).second, 1}});
	}
}

/// By the device that it leaves by.
void sent_by_another_device()
{
	Router router;
	const Change near("wire0"), far("wire1");
	const Values one = counters6::out(Type::unreachable);

	router.near.send(to_closed_port(V6::beyond));
	ktap::expect(wire6::next_answer(router.far).has_value(), "an error");
	near.expect_icmp(one, {}, "in by this");
	far.expect_icmp(one, "out by this");
}

/// Nothing but that the limit held it back; not all kernels count that, and not all of those for each device.
void held_back_by_the_limit_of_a_host()
{
	constexpr int minute = 60000;
	auto wire = V6::new_server();
	const std::string limited = "Icmp6OutRateLimitHost";

	V6::add_own_route(V6::client);
	host::set_sysctl(V6::ratelimit, minute);
	wire.send(to_closed_port());
	ktap::expect(wire6::next_answer(wire).has_value(), "the first error");
	const Change change("wire0");
	const counters::Change v4;
	for (int i = 0; i < count; i++)
		wire.send(to_closed_port());
	ktap::expect(wire.receive_all<Ipv6>().empty(), "no other");
	Values expected, of_device;
	if (counters6::snmp().contains(limited))
		expected[limited] = count;
	if (counters6::snmp("wire0").contains(limited))
		of_device[limited] = count;
	change.expect_icmp(expected, of_device, "held back");
	expect_ip(change, {});
	ktap::expect_equal(v4.snmp()["Icmp.OutRateLimitGlobal"], 0, "OutRateLimitGlobal");
	sending::expect_counted(change, {{"error_limit_host", count}});
}

/// Counted where IPv4's are.
void held_back_by_the_limit_of_all()
{
	auto wire = V6::new_server();

	host::set_sysctl(V6::ratelimit, 0);
	if (!host::try_run("echo 0 >/proc/sys/net/ipv4/icmp_msgs_per_sec && "
			   "echo 0 >/proc/sys/net/ipv4/icmp_msgs_burst"))
		ktap::skip("the limit is not one of the namespace");
	const Change change("wire0");
	const counters::Change v4;
	for (int i = 0; i < count; i++)
		wire.send(to_closed_port());
	ktap::expect(wire.receive_all<Ipv6>().empty(), "no error");
	change.expect_icmp({}, "held back");
	expect_ip(change, {});
	ktap::expect_equal(v4.snmp()["Icmp.OutRateLimitGlobal"], count, "OutRateLimitGlobal");
	sending::expect_counted(change, {{"error_limit_global", count}});
}

/// Where errors are limited, Linux has the limit of a host hold back what has no way to it.
void no_way_back()
{
	const std::string limited = "Icmp6OutRateLimitHost";

	for (const Limits &limits : both_limits) {
		for (const bool prohibited : {false, true}) {
			auto wire = V6::new_server();

			host::set_sysctl(V6::ratemask, limits.mask);
			host::run("ip -6 route delete default");
			if (prohibited)
				host::run("ip -6 route add prohibit 2001:db8:7::/64");
			const Change change("wire0");
			wire::expect_no_answer(wire, to_closed_port(V6::elsewhere));
			Values expected, of_ip;
			if (limits.on && counters6::snmp().contains(limited))
				expected[limited] = 1;
			if (limits.on || !prohibited)
				of_ip["Ip6OutNoRoutes"] = 1;
			change.expect_icmp(expected, {}, "no way back");
			expect_ip(change, of_ip);
			sending::expect_counted(change, {{"error_failed_no_route", 1}});
		}
	}
}

/// A route may say that a link takes less than IPv6 asks of it. Then the error is in fragments.
void path_that_is_too_small()
{
	auto wire = sending::unlimited_host<V6>();
	const Ipv6 about = sending::to_closed_port<V6>(1400);

	host::run("ip -6 route add fd00::1 dev wire0 mtu 1000");
	const Change change("wire0");
	wire.send(about);
	const auto answer = ktap::require_value(wire6::next_answer(wire), "an error");
	sending::expect_is(answer, about, {.code = V6::port_unreachable});
	change.expect_icmp(counters6::out(Type::unreachable), "an error");
	sending::expect_counted(change, {{"error_sent_unreachable", 1}});
}

/// Where there is no room for a header, none can be made; the device that its packet came by counts that.
void path_that_takes_nothing()
{
	auto wire = sending::unlimited_host<V6>();

	host::run("ip -6 route add fd00::1 dev wire0 mtu 39");
	const Change change("wire0");
	wire::expect_no_answer(wire, to_closed_port());
	change.expect_icmp({{"Icmp6OutErrors", 1}}, "an error that failed");
	sending::expect_counted(change, {{"error_failed_mtu", 1}});
}

/// What netfilter drops was sent, as far as ICMP knows.
void dropped_on_the_way_out()
{
	auto wire = sending::unlimited_host<V6>();

	if (!host::try_run("nft 'add table ip6 t; add chain ip6 t c { type filter hook output "
			   "priority 0; };"
			   "add rule ip6 t c icmpv6 type destination-unreachable drop'"))
		ktap::skip("the kernel has no nf_tables");
	const Change change("wire0");
	wire::expect_no_answer(wire, to_closed_port());
	change.expect_icmp(counters6::out(Type::unreachable), "an error that was dropped");
	expect_ip(change, {{"Ip6OutRequests", 1}, {"Ip6OutDiscards", 1}});
	sending::expect_counted(change, {{"error_failed_output", 1}});
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"sent", sent},
			{"sent_of_each_type", sent_of_each_type},
			{"sent_by_another_device", sent_by_another_device},
			{"held_back_by_the_limit_of_a_host", held_back_by_the_limit_of_a_host},
			{"held_back_by_the_limit_of_all", held_back_by_the_limit_of_all},
			{"no_way_back", no_way_back},
			{"path_that_is_too_small", path_that_is_too_small},
			{"path_that_takes_nothing", path_that_takes_nothing},
			{"dropped_on_the_way_out", dropped_on_the_way_out},
		});
}
