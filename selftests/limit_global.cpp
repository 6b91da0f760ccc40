// SPDX-License-Identifier: GPL-2.0-only
//
// Limits of what a namespace sends (ip-sysctl: icmp_msgs_per_sec, icmp_msgs_burst). Each message costs 0, 1 or 2 credits
// by chance, so that nobody can count what others cause (CVE-2020-25705): numbers are known on average only.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <chrono>
#include <climits>
#include <thread>

using counters::Change;
using ktap::expect;
using ktap::expect_between;
using ktap::expect_equal;
using packet::Ipv4;
using wire::Wire;

namespace {

using Clock = std::chrono::steady_clock;

Ipv4 ping(packet::Address source = packet::client)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x4c4c, 1, packet::pattern(8)));

	ip.source = source;
	return ip;
}

int answers(const Wire &wire, int requests, packet::Address source = packet::client)
{
	for (int i = 0; i < requests; i++)
		wire.send(ping(source));
	return static_cast<int>(wire.receive_all().size());
}

/// A server that only limits what the namespace sends.
Wire limited_server(std::int64_t per_second, std::int64_t burst)
{
	Wire wire = wire::new_server();

	if (!host::read_file("/proc/sys/net/ipv4/icmp_msgs_per_sec"))
		ktap::skip("this kernel has one limit for all namespaces");
	host::set_sysctl("net/ipv4/icmp_ratemask", 1);
	host::set_sysctl("net/ipv4/icmp_ratelimit", 0);
	host::set_sysctl("net/ipv4/icmp_msgs_per_sec", per_second);
	host::set_sysctl("net/ipv4/icmp_msgs_burst", burst);
	return wire;
}

void expect_limited(const Change &change, std::int64_t requests, std::int64_t replies)
{
	if (counters::snmp().contains("Icmp.OutRateLimitGlobal")) {
		auto moved = change.snmp();
		expect_equal(moved["Icmp.OutRateLimitGlobal"], requests - replies,
			     "OutRateLimitGlobal");
		expect_equal(moved["Icmp.OutRateLimitHost"], 0, "OutRateLimitHost");
	}
	counters::Values outcomes;
	if (replies)
		outcomes["reply"] = replies;
	if (requests > replies)
		outcomes["limit_global"] = requests - replies;
	change.expect_outcomes(outcomes, "requests");
}

void nothing_a_second()
{
	auto wire = limited_server(0, 50);
	Change change;

	expect_equal(answers(wire, 20), 0, "answers");
	expect_limited(change, 20, 0);
}

/// 50 credits pay for 50 messages on average, sigma is 6; for 25 at least. 50 more come in each second.
void burst_for_the_namespace()
{
	auto wire = limited_server(50, 50);
	Change change;
	auto start = Clock::now();

	int replies = 0;
	for (packet::Address source = 0x0a000010; source < 0x0a000020; source++)
		replies += answers(wire, 20, source);
	auto passed = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - start).count();
	expect_between(replies, 25, 50 + 5 * 8 + (50 * passed / 1000) * 3 / 2 + 5,
		       "answers to all hosts together");
	expect_limited(change, 16 * 20, replies);
}

/// 50 a second for a second and a half, each 1 credit on average: any machine asks for more.
void rate_for_the_namespace()
{
	auto wire = limited_server(50, 20);
	Change change;
	std::int64_t requests = 0, replies = 0;
	auto start = Clock::now();

	while (Clock::now() < start + std::chrono::milliseconds(1500)) {
		for (int i = 0; i < 16; i++)
			wire.send(ping());
		requests += 16;
		while (wire.receive(wire::milliseconds(0)))
			replies++;
	}
	replies += static_cast<std::int64_t>(wire.receive_all().size());
	auto passed = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - start).count();
	std::int64_t credits = 20 + 50 * passed / 1000;
	// The bucket holds 20: a request that comes after more than 0.4 seconds finds some lost.
	expect_between(replies, credits / 4, credits * 3 / 2, "answers");
	expect(requests > credits, "more requests than credits");
	expect_limited(change, requests, replies);
}

/// The number of messages that a full bucket pays for is not always the same: otherwise one could count with it.
void credit_is_random()
{
	int first = -1;
	bool differs = false;

	for (int i = 0; i < 12 && !differs; i++) {
		auto wire = limited_server(50, 50);
		Change change;
		auto start = Clock::now();
		int replies = answers(wire, 120);
		expect_limited(change, 120, replies);
		// What comes in on a slow machine would make numbers differ as well.
		if (Clock::now() - start > std::chrono::milliseconds(500))
			continue;
		differs = first >= 0 && replies != first;
		first = replies;
	}
	expect(differs, "12 buckets of 50 credits pay for different numbers of messages");
}

/// The built-in code multiplied what is set here with the time that passed, in 32 bits, until 2026.
void huge_values()
{
	for (std::int64_t per_second : {4'294'968LL, 5'000'000LL, 1LL * INT_MAX}) {
		for (std::int64_t burst : {50LL, 1LL * INT_MAX}) {
			auto wire = limited_server(per_second, burst);
			Change change;
			int replies = 0;

			// By and by: with a small bucket, a refill is needed.
			for (int i = 0; i < 3; i++) {
				replies += answers(wire, 20);
				std::this_thread::sleep_for(std::chrono::milliseconds(25));
			}
			expect_equal(replies, 60,
				     "answers with " + std::to_string(per_second) + " a second, " +
					     std::to_string(burst) + " at once");
			expect_limited(change, 60, replies);
		}
	}
}

void each_namespace_has_its_own()
{
	auto exhausted = limited_server(0, 50);
	auto first = host::Namespace::current();

	expect_equal(answers(exhausted, 20), 0, "answers of a namespace without credit");
	auto fresh = limited_server(1000, 50);
	expect_between(answers(fresh, 20), 20, 20, "answers of another one");
	first.enter();
	expect_equal(answers(exhausted, 5), 0, "answers of the first one");
}

/// Types without a bit in the mask need no credit, and take none.
void mask()
{
	auto wire = limited_server(0, 50);
	Change change;

	host::set_sysctl("net/ipv4/icmp_ratemask", 0x1818);
	expect_equal(answers(wire, 200), 200, "answers");
	expect_limited(change, 200, 200);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"msgs_per_sec_0_sends_nothing", nothing_a_second},
			{"msgs_burst_is_for_the_namespace", burst_for_the_namespace},
			{"msgs_per_sec_is_for_the_namespace", rate_for_the_namespace},
			{"cve_2020_25705_credit_is_random", credit_is_random},
			{"msgs_per_sec_huge_values", huge_values},
			{"msgs_per_sec_each_namespace_has_its_own", each_namespace_has_its_own},
			{"ratemask_types_without_bit_are_free", mask},
		});
}
