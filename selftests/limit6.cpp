// SPDX-License-Identifier: GPL-2.0-only
//
// Limits of replies over IPv6 (RFC 4443, 2.4 (f); ip-sysctl: ratemask, ratelimit, icmp_msgs_per_sec), and those of source
// prefixes that icmpx has besides: who is limited, and what is counted.

#include "lib/counters.hpp"
#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <chrono>
#include <string>

namespace {

using counters::Values;
using counters6::Change;
using ktap::expect_between;
using ktap::expect_equal;
using packet6::Address;
using packet6::Ipv6;
using wire6::Wire;

constexpr int asked = 12;

/// A peer's first minute is there from the beginning: it pays for one reply, and the next is a minute off.
constexpr int minute = 60000;

Ipv6 ping(const Address &source = packet6::client)
{
	return packet6::datagram(packet6::echo_request(1, 1, packet::pattern(8)),
				 {.source = source});
}

Ipv6 probe()
{
	packet6::Icmp message =
		packet6::echo_request(1, 1, {0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1});

	message.type = packet6::extended_echo;
	return packet6::datagram(message);
}

/// A server whose peers have a route each: on the way to a wider prefix, Linux 6 allows for more.
Wire limited_server(const std::string &mask, int limit)
{
	Wire wire = wire6::new_server();

	host::run("ip -6 route add fd00::1/128 dev wire0; ip -6 route add fd00::7/128 dev wire0");
	host::set_sysctl("net/ipv6/icmp/ratemask", mask);
	host::set_sysctl("net/ipv6/icmp/ratelimit", limit);
	return wire;
}

/// How many of @p count requests are answered. The others are to be counted as @p outcome.
int answers(const Wire &wire, const Ipv6 &request, const std::string &outcome, int count = asked)
{
	const unsigned type = request.payload.at(0);
	Change change;
	const counters::Change v4;

	for (int i = 0; i < count; i++)
		wire.send(request);
	const int replies = static_cast<int>(wire.receive_all<Ipv6>().size());

	Values counted = counters6::in(type, count), outcomes;
	if (replies) {
		counted = counters::sum(counted, counters6::out(type + 1, replies));
		outcomes["reply"] = replies;
	}
	if (count > replies)
		outcomes[outcome] = count - replies;
	Values of_device = counted;
	// Not all kernels count these, and not all of those for each device.
	if (outcome == "limit_host" && count > replies) {
		if (counters6::snmp().contains("Icmp6OutRateLimitHost"))
			counted["Icmp6OutRateLimitHost"] = count - replies;
		if (counters6::snmp("wire0").contains("Icmp6OutRateLimitHost"))
			of_device["Icmp6OutRateLimitHost"] = count - replies;
	}
	change.expect_icmp(counted, of_device, "requests");
	change.expect_outcomes(outcomes, "requests");
	if (counters::snmp().contains("Icmp.OutRateLimitGlobal"))
		expect_equal(v4.snmp()["Icmp.OutRateLimitGlobal"],
			     outcome == "limit_global" ? count - replies : 0, "OutRateLimitGlobal");
	return replies;
}

void replies_are_not_limited_by_default()
{
	auto wire = wire6::new_server();

	expect_equal(host::sysctl("net/ipv6/icmp/ratemask"), "0-1,3-127", "ratemask");
	host::set_sysctl("net/ipv6/icmp/ratelimit", minute);
	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	for (const Ipv6 &request : {ping(), probe()})
		expect_equal(answers(wire, request, "none"), asked, "answers");
}

void replies_to_a_host()
{
	auto wire = limited_server("129", minute);

	expect_between(answers(wire, ping(), "limit_host"), 1, 2, "answers to a peer");
	expect_between(answers(wire, ping(packet6::ipv6("fd00::7")), "limit_host"), 1, 2,
		       "answers to another");
	expect_between(answers(wire, ping(), "limit_host"), 0, 1, "answers to the first");
	host::set_sysctl("net/ipv6/icmp/ratelimit", 0);
	expect_equal(answers(wire, ping(), "none"), asked, "answers without a limit");
}

/// A reply to PROBE is one to an echo request, whatever bit its own type has.
void replies_to_probe()
{
	auto wire = limited_server("129", minute);

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	expect_between(answers(wire, probe(), "limit_host"), 1, 2, "answers to PROBE");
	expect_between(answers(wire, ping(), "limit_host"), 0, 1, "answers to the same peer");

	auto other = limited_server("161", minute);
	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	expect_equal(answers(other, probe(), "none"), asked, "answers to PROBE, bit 161");
}

void which_types_are_in_the_mask()
{
	auto wire = limited_server("", minute);

	for (const char *mask : {"", "0-128", "130-255", "128,130", "8", "0-1,3-127,130-143"}) {
		host::set_sysctl("net/ipv6/icmp/ratemask", mask);
		expect_equal(answers(wire, ping(), "none"), asked,
			     std::string("answers, mask ") + mask);
	}
	for (const char *mask : {"0-255", "129", "128-130", "1,129,255"}) {
		host::set_sysctl("net/ipv6/icmp/ratemask", mask);
		expect_between(answers(wire, ping(), "limit_host"), 0, 2,
			       std::string("answers, mask ") + mask);
	}
}

/// One budget for both families. Without a message a second there is none.
void replies_of_the_namespace()
{
	auto wire = limited_server("129", 0);

	if (!host::read_file("/proc/sys/net/ipv4/icmp_msgs_per_sec"))
		ktap::skip("this kernel has one limit for all namespaces");
	host::set_sysctl("net/ipv4/icmp_msgs_per_sec", 0);
	expect_equal(answers(wire, ping(), "limit_global"), 0, "answers");
	host::set_sysctl("net/ipv6/icmp/ratemask", "0-1,3-127");
	expect_equal(answers(wire, ping(), "none"), asked, "answers that are not in the mask");
}

/// A server that answers three at once, and then one a second, to each prefix of @p length bits.
class Prefixes {
public:
	explicit Prefixes(int length) : wire(wire6::new_server())
	{
		host::need_icmpx6();
		host::set_sysctl("net/icmpx6/echo_ratelimit_prefix", length);
		host::set_sysctl("net/icmpx6/echo_burst", burst);
		host::set_sysctl("net/icmpx6/echo_ratelimit", 1);
	}

	/// Expects @p first and @p second to be what one prefix may get together, if it is @p shared, or two.
	void expect_answers(const Ipv6 &first, const Ipv6 &second, bool shared,
			    const std::string &what) const
	{
		const int of_first = answers(wire, first, "limit_prefix");
		const int of_second = answers(wire, second, "limit_prefix");
		const auto seconds =
			std::chrono::ceil<std::chrono::seconds>(Clock::now() - start_).count();
		const std::int64_t most = burst + seconds;

		expect_between(of_first, burst, most, what + ", the first");
		expect_between(of_second, shared ? 0 : burst, shared ? most - of_first : most,
			       what + ", the second");
	}

	Wire wire;

private:
	using Clock = std::chrono::steady_clock;
	static constexpr int burst = 3;

	Clock::time_point start_ = Clock::now();
};

/// Sources share a limit when the first bit in which they differ is behind the prefix.
void replies_to_a_prefix()
{
	for (int length : {1, 8, 32, 33, 48, 63, 64, 65, 96, 127, 128}) {
		for (int bit : {length - 1, length, 127}) {
			Address first = packet6::ipv6("2001:db8:1:2:3:4:5:6"), second = first;

			if (bit > 127)
				continue;
			second.at(static_cast<std::size_t>(bit / 8)) ^=
				static_cast<std::uint8_t>(0x80 >> bit % 8);
			Prefixes(length).expect_answers(ping(first), ping(second), bit >= length,
							"prefixes of " + std::to_string(length) +
								" bits, other bit " +
								std::to_string(bit));
		}
	}
}

void prefixes_of_probe_and_echo_are_one()
{
	const Prefixes net(64);

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	net.expect_answers(probe(), ping(), true, "PROBE and echo");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"replies_are_not_limited_by_default", replies_are_not_limited_by_default},
			{"rfc4443_2_4_replies_to_a_host", replies_to_a_host},
			{"replies_to_probe", replies_to_probe},
			{"which_types_are_in_the_mask", which_types_are_in_the_mask},
			{"replies_of_the_namespace", replies_of_the_namespace},
			{"replies_to_a_prefix", replies_to_a_prefix},
			{"prefixes_of_probe_and_echo_are_one", prefixes_of_probe_and_echo_are_one},
		});
}
