// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.echo_ratelimit, echo_burst and echo_ratelimit_prefix: echo and PROBE replies to one source prefix.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/memory.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <chrono>

using counters::Change;
using ktap::expect;
using ktap::expect_between;
using ktap::expect_equal;
using packet::Address;
using packet::Ipv4;
using wire::Wire;

namespace {

using Clock = std::chrono::steady_clock;

Ipv4 ping(Address source = packet::client)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x4c4c, 1, packet::pattern(8)));

	ip.source = source;
	return ip;
}

int answers(const Wire &wire, int requests, const Ipv4 &request)
{
	for (int i = 0; i < requests; i++)
		wire.send(request);
	return static_cast<int>(wire.receive_all().size());
}

Wire limited_server(int rate, int burst, int prefix = 32)
{
	host::need_icmpx();
	Wire wire = wire::new_server();

	host::set_sysctl("net/icmpx/echo_ratelimit", rate);
	host::set_sysctl("net/icmpx/echo_burst", burst);
	host::set_sysctl("net/icmpx/echo_ratelimit_prefix", prefix);
	return wire;
}

/// How many whole replies a bucket of @p rate a second has gained since @p start, at most.
std::int64_t gained(int rate, Clock::time_point start)
{
	return rate * std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - start).count() /
		       1000 +
	       1;
}

void off_by_default()
{
	host::need_icmpx();
	auto wire = wire::new_server();
	Change change;

	expect_equal(host::sysctl("net/icmpx/echo_ratelimit"), "0", "echo_ratelimit");
	expect_equal(host::sysctl("net/icmpx/echo_burst"), "50", "echo_burst");
	expect_equal(host::sysctl("net/icmpx/echo_ratelimit_prefix"), "32",
		     "echo_ratelimit_prefix");
	expect_equal(answers(wire, 400, ping()), 400, "answers");
	change.expect_outcomes({{"reply", 400}}, "requests");
}

/// One more a second would take a second to come: the burst is exact, unless this machine is slow.
void burst_is_exact()
{
	for (int burst : {1, 7, 50}) {
		auto wire = limited_server(1, burst);
		auto start = Clock::now();
		Change change;
		int replies = answers(wire, burst + 20, ping());
		std::int64_t spare =
			Clock::now() - start < std::chrono::seconds(1) ? 0 : gained(1, start);

		expect_between(replies, burst, burst + spare, "answers");
		change.expect_outcomes({{"reply", replies}, {"limit_prefix", burst + 20 - replies}},
				       "requests");
		auto moved = change.snmp();
		expect_equal(moved["Icmp.InEchos"], burst + 20, "InEchos");
		expect_equal(moved["Icmp.OutMsgs"], replies, "OutMsgs");
		expect_equal(moved["Icmp.InErrors"], 0, "InErrors");
		expect_equal(moved["Icmp.OutErrors"], 0, "OutErrors");
		expect_equal(moved["Icmp.OutRateLimitHost"], 0, "OutRateLimitHost");
		expect_equal(moved["Icmp.OutRateLimitGlobal"], 0, "OutRateLimitGlobal");
	}
}

/**
 * A bucket as RFC 2697 has it, filled by the test's own clock: says what is due, however irregularly a slow machine
 * sends.
 */
class Bucket {
public:
	Bucket(int rate, int burst) : rate_(rate), burst_(burst), tokens_(burst) {}

	bool take()
	{
		auto now = Clock::now();
		tokens_ += rate_ * std::chrono::duration<double>(now - last_).count();
		tokens_ = std::min<double>(tokens_, burst_);
		last_ = now;
		if (tokens_ < 1)
			return false;
		tokens_ -= 1;
		return true;
	}

private:
	int rate_, burst_;
	double tokens_;
	Clock::time_point last_ = Clock::now();
};

void rate()
{
	for (int per_second : {20, 200}) {
		auto wire = limited_server(per_second, 5);
		std::int64_t replies = 0, requests = 0, due = 0;
		Bucket bucket(per_second, 5);

		for (auto end = Clock::now() + std::chrono::seconds(1); Clock::now() < end;
		     requests++) {
			due += bucket.take();
			wire.send(ping());
			while (wire.receive(wire::milliseconds(0)))
				replies++;
		}
		replies += static_cast<std::int64_t>(wire.receive_all().size());
		expect(requests > due, "more requests than replies that are due");
		expect_between(replies, due - 2 - due / 10, due + 2 + due / 10,
			       "answers at " + std::to_string(per_second) + "/s");
	}
}

void sources_are_independent()
{
	auto wire = limited_server(1, 5);

	for (Address source : {0x0a000001U, 0x0a000003U, 0x0a000004U, 0xc0000201U, 0xc0000301U}) {
		auto start = Clock::now();
		int replies = answers(wire, 10, ping(source));
		expect_between(replies, 5, 5 + gained(1, start), "answers to one source");
	}
}

void sources_of_a_prefix_share()
{
	auto wire = limited_server(1, 10, 24);
	auto start = Clock::now();
	int replies = 0;

	for (Address source = 0xc0000201; source < 0xc0000201 + 30; source++)
		replies += answers(wire, 1, ping(source));
	expect_between(replies, 10, 10 + gained(1, start), "answers to 192.0.2.0/24");
	// Neighbours by number, but in other prefixes.
	for (Address source : {0xc00001ffU, 0xc0000300U}) {
		start = Clock::now();
		replies = answers(wire, 15, ping(source));
		expect_between(replies, 10, 10 + gained(1, start), "answers to another /24");
	}
}

void prefix_of_0_is_everybody()
{
	auto wire = limited_server(1, 10, 0);
	auto start = Clock::now();
	int replies = 0;

	for (Address source = 1; source < 200; source += 7)
		replies += answers(wire, 1, ping(source << 24 | 1));
	expect_between(replies, 10, 10 + gained(1, start), "answers to all");
}

void probe_counts_as_echo()
{
	auto wire = limited_server(1, 10);
	Ipv4 probe = packet::datagram({.type = 42,
				       .code = 0,
				       .rest = 1,
				       .data = {0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1}});
	auto start = Clock::now();

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	int replies = answers(wire, 6, ping()) + answers(wire, 10, probe);
	expect_between(replies, 10, 10 + gained(1, start), "echo and PROBE replies together");
}

void timestamps_are_not_limited()
{
	auto wire = limited_server(1, 1);
	Ipv4 time =
		packet::datagram({.type = 13, .code = 0, .rest = 1, .data = packet::pattern(12)});

	expect_equal(answers(wire, 30, time), 30, "timestamp replies");
}

/// What nobody would have answered costs nothing.
void ignored_requests_are_free()
{
	auto wire = limited_server(1, 5);
	Ipv4 wrong = packet::datagram(packet::echo_request(1, 1), packet::Checksum::wrong);
	auto start = Clock::now();

	expect_equal(answers(wire, 20, wrong), 0, "answers to wrong checksums");
	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	expect_equal(answers(wire, 20, ping()), 0, "answers with echo_ignore_all");
	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 0);
	expect_between(answers(wire, 20, ping()), 5, 5 + gained(1, start), "answers");
}

void largest_values()
{
	auto wire = limited_server(1000000, 1000000);

	expect_equal(answers(wire, 400, ping()), 400, "answers");
	host::set_sysctl("net/icmpx/echo_burst", 1);
	int replies = 0;
	for (int i = 0; i < 100; i++)
		replies += answers(wire, 1, ping());
	expect_equal(replies, 100, "answers, one after the other");
}

void switching_off_and_on()
{
	auto wire = limited_server(1, 5);

	answers(wire, 20, ping());
	host::set_sysctl("net/icmpx/echo_ratelimit", 0);
	expect_equal(answers(wire, 100, ping()), 100, "answers, off");
	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	auto start = Clock::now();
	expect_between(answers(wire, 50, ping()), 0, 5 + gained(1, start), "answers, on again");
}

/// A long burst at a low rate puts the next answer off for long; other settings do not have to wait for that.
void changes_begin_anew()
{
	auto wire = limited_server(1, 300);

	expect_between(answers(wire, 400, ping()), 300, 399, "answers of the long burst");
	host::set_sysctl("net/icmpx/echo_burst", 3);
	expect_between(answers(wire, 10, ping()), 3, 9, "answers of the short one");
	host::set_sysctl("net/icmpx/echo_ratelimit", 2);
	expect_between(answers(wire, 10, ping()), 3, 9, "answers at another rate");
}

void namespaces_are_independent()
{
	auto limited = limited_server(1, 5);
	auto first = host::Namespace::current();

	answers(limited, 20, ping());
	auto free = wire::new_server();
	expect_equal(host::sysctl("net/icmpx/echo_ratelimit"), "0",
		     "echo_ratelimit of another namespace");
	expect_equal(answers(free, 50, ping()), 50, "answers of another namespace");
	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	host::set_sysctl("net/icmpx/echo_burst", 5);
	auto start = Clock::now();
	expect_between(answers(free, 20, ping()), 5, 5 + gained(1, start),
		       "answers with a limit of its own");
}

/// Not even a pointer for each source, which would take 765 KiB.
void spoofed_flood_takes_no_memory()
{
	constexpr Address some = 2'000, more = 98'000;
	constexpr std::int64_t slack = 512;
	host::need_icmpx();
	// A point-to-point device needs no neighbour entry for each destination.
	auto wire = wire::new_server({.ethernet = false});
	Change change;

	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	host::set_sysctl("net/icmpx/echo_burst", 1);
	auto send_from = [&](Address first, Address count) {
		for (Address source = first; source < first + count; source++) {
			Ipv4 ip = ping(0x0b000000 + source * 257);
			wire.send(ip);
		}
	};
	send_from(0, some);
	change.restart();
	const memory::Use before = memory::settled();
	send_from(some, more);
	const memory::Use after = memory::settled();
	ktap::say("memory before: " + before.text());
	ktap::say("memory after: " + after.text());
	memory::expect_constant(before, after, slack);
	auto moved = change.icmpx().value_or(counters::Values{});
	expect_equal(moved["packets_in"], more, "packets_in");
	expect_between(moved["reply_in_place"] + moved["reply_copied"] + moved["limit_prefix"] +
			       moved["drop_output"],
		       more, more, "replies and limited ones");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"echo_ratelimit_off_by_default", off_by_default},
			{"echo_burst_is_exact", burst_is_exact},
			{"echo_ratelimit_is_the_rate", rate},
			{"echo_ratelimit_sources_are_independent", sources_are_independent},
			{"echo_ratelimit_prefix_sources_share", sources_of_a_prefix_share},
			{"echo_ratelimit_prefix_0_is_everybody", prefix_of_0_is_everybody},
			{"echo_ratelimit_probe_counts_as_echo", probe_counts_as_echo},
			{"echo_ratelimit_timestamps_are_not_limited", timestamps_are_not_limited},
			{"echo_ratelimit_ignored_requests_are_free", ignored_requests_are_free},
			{"echo_ratelimit_largest_values", largest_values},
			{"echo_ratelimit_switching_off_and_on", switching_off_and_on},
			{"echo_ratelimit_changes_begin_anew", changes_begin_anew},
			{"echo_ratelimit_namespaces_are_independent", namespaces_are_independent},
			{"echo_ratelimit_spoofed_flood_takes_no_memory",
			 spoofed_flood_takes_no_memory},
		});
}
