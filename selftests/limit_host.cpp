// SPDX-License-Identifier: GPL-2.0-only
//
// Limits of what one host gets (ip-sysctl: icmp_ratelimit, icmp_ratemask; RFC 1812, 4.3.2.8): for echo replies, too, when
// their bit is set in the mask.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <chrono>
#include <sched.h>
#include <thread>
#include <unistd.h>
#include <vector>

using counters::Change;
using ktap::expect_between;
using ktap::expect_equal;
using packet::Ipv4;
using wire::Wire;

namespace {

constexpr int count = 20;

/// A host may have saved up this many messages (XRLIM_BURST_FACTOR of the kernel).
constexpr int burst = 6;

Ipv4 ping(packet::Address source = packet::client)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x4c4c, 1, packet::pattern(8)));

	ip.source = source;
	return ip;
}

/// How many of @p requests are answered.
int answers(const Wire &wire, int requests, const Ipv4 &request)
{
	for (int i = 0; i < requests; i++)
		wire.send(request);
	return static_cast<int>(wire.receive_all().size());
}

/// Echo replies limited to one in @p milliseconds; nothing else limits.
void limit_echo(int milliseconds)
{
	host::set_sysctl("net/ipv4/icmp_ratemask", 1);
	host::set_sysctl("net/ipv4/icmp_ratelimit", milliseconds);
	host::try_run("echo 1000000 >/proc/sys/net/ipv4/icmp_msgs_per_sec");
	host::try_run("echo 1000000 >/proc/sys/net/ipv4/icmp_msgs_burst");
}

/// The kernel says in /proc/net/snmp what it did not send, since 6.1.
void expect_limited(const Change &change, std::int64_t limited)
{
	auto now = counters::snmp();

	if (now.contains("Icmp.OutRateLimitHost")) {
		auto moved = change.snmp();
		expect_equal(moved["Icmp.OutRateLimitHost"], limited, "OutRateLimitHost");
		expect_equal(moved["Icmp.OutRateLimitGlobal"], 0, "OutRateLimitGlobal");
	}
}

void echo_is_not_limited_by_default()
{
	auto wire = wire::new_server();
	Change change;

	expect_equal(host::sysctl("net/ipv4/icmp_ratemask"), "6168", "icmp_ratemask");
	expect_equal(answers(wire, 200, ping()), 200, "answers");
	expect_limited(change, 0);
}

void burst_of_six()
{
	auto wire = wire::new_server();

	limit_echo(5000);
	Change change;
	expect_equal(answers(wire, count, ping()), burst, "answers");
	expect_limited(change, count - burst);
	change.expect_outcomes({{"reply", burst}, {"limit_host", count - burst}}, "requests");
	auto moved = change.snmp();
	expect_equal(moved["Icmp.OutMsgs"], burst, "OutMsgs");
	expect_equal(moved["Icmp.OutErrors"], 0, "OutErrors");
	expect_equal(moved["Icmp.InErrors"], 0, "InErrors");
}

void each_host_has_its_own()
{
	auto wire = wire::new_server();

	limit_echo(5000);
	for (packet::Address source : {0x0a000001U, 0x0a000003U, 0xc0000201U})
		expect_equal(answers(wire, count, ping(source)), burst, "answers to one host");
	for (packet::Address source : {0x0a000001U, 0x0a000003U, 0xc0000201U})
		expect_equal(answers(wire, 1, ping(source)), 0,
			     "answers to a host that had its share");
}

void one_more_each_interval()
{
	auto wire = wire::new_server();

	limit_echo(1000);
	answers(wire, count, ping());
	auto start = std::chrono::steady_clock::now();
	int more = 0;
	// 2.5 intervals, and what this machine loses in between.
	while (std::chrono::steady_clock::now() < start + std::chrono::milliseconds(2500))
		more += answers(wire, 1, ping());
	auto passed = std::chrono::steady_clock::now() - start;
	expect_between(more, 2, std::chrono::floor<std::chrono::seconds>(passed).count() + 1,
		       "answers in 2.5 s");
}

void interval_of_0_is_no_limit()
{
	auto wire = wire::new_server();

	limit_echo(0);
	expect_equal(answers(wire, 200, ping()), 200, "answers");
}

/// Each type has its bit: the echo reply's is 0, the timestamp reply's 14. PROBE's would be 43, and there is none.
void mask()
{
	auto wire = wire::new_server();
	Ipv4 time =
		packet::datagram({.type = 13, .code = 0, .rest = 1, .data = packet::pattern(12)});
	Ipv4 probe = packet::datagram({.type = 42,
				       .code = 0,
				       .rest = 1,
				       .data = {0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1}});

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	limit_echo(5000);
	expect_equal(answers(wire, count, time), count, "timestamp replies, bit 0 set");
	expect_equal(answers(wire, count, probe), count, "PROBE replies, bit 0 set");
	host::set_sysctl("net/ipv4/icmp_ratemask", 1 << 14);
	expect_equal(answers(wire, count, time), burst, "timestamp replies, bit 14 set");
	expect_equal(answers(wire, count, ping()), count, "echo replies, bit 14 set");
	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	expect_equal(answers(wire, count, time), count, "timestamp replies, no bit set");
	host::set_sysctl("net/ipv4/icmp_ratemask", 0x7fffffff);
	expect_equal(answers(wire, count, probe), count, "PROBE replies, all bits set");
}

void loopback_is_exempt()
{
	host::enter_new_namespace();
	limit_echo(5000);
	Change change;
	host::run("ping -n -q -c 20 -i 0.002 -W 2 127.0.0.1");
	auto moved = change.snmp();
	expect_equal(moved["Icmp.OutEchoReps"], 20, "OutEchoReps");
	expect_limited(change, 0);
}

/// Another destination address of the same host makes no difference, another one in the same VRF or prefix does.
void limit_is_the_destinations_not_the_sources()
{
	auto wire = wire::new_server();
	Ipv4 other = ping();

	host::run("ip address add 10.0.0.9/24 dev wire0");
	limit_echo(5000);
	expect_equal(answers(wire, count, ping()), burst, "answers");
	other.destination = packet::ipv4("10.0.0.9");
	expect_equal(answers(wire, count, other), 0,
		     "answers from another address of this machine");
}

/// All processors ask at once. Before Linux 6.13, the buckets are the kernel's, which takes no lock for them.
void processors_share_a_bucket()
{
	constexpr int requests = 20000;

	host::need_icmpx();
	auto wire = wire::new_server();
	limit_echo(60000);
	Change change;
	const auto start = std::chrono::steady_clock::now();
	const auto processors = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
	{
		std::vector<std::jthread> threads;

		for (unsigned processor = 0; processor < processors; processor++)
			threads.emplace_back([processor, &wire] {
				cpu_set_t one;
				CPU_ZERO(&one);
				CPU_SET(processor, &one);
				host::check(sched_setaffinity(0, sizeof(one), &one),
					    "sched_setaffinity");
				for (int i = 0; i < requests; i++)
					wire.send(ping());
			});
	}
	const auto replies = static_cast<std::int64_t>(wire.receive_all().size());
	const auto passed = std::chrono::steady_clock::now() - start;
	if (host::linux_since(6, 13))
		expect_between(replies, 1,
			       1 + std::chrono::ceil<std::chrono::minutes>(passed).count(),
			       "answers, one a minute");
	change.expect_outcomes(
		{{"reply", replies}, {"limit_host", processors * requests - replies}}, "requests");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"echo_is_not_limited_by_default", echo_is_not_limited_by_default},
				 {"ratelimit_burst_of_six", burst_of_six},
				 {"ratelimit_each_host_has_its_own", each_host_has_its_own},
				 {"ratelimit_one_more_each_interval", one_more_each_interval},
				 {"ratelimit_0_is_no_limit", interval_of_0_is_no_limit},
				 {"ratemask_has_a_bit_for_each_type", mask},
				 {"ratelimit_loopback_is_exempt", loopback_is_exempt},
				 {"ratelimit_is_the_destinations",
				  limit_is_the_destinations_not_the_sources},
				 {"ratelimit_processors_share_a_bucket", processors_share_a_bucket},
			 });
}
