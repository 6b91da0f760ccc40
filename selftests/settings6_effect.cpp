// SPDX-License-Identifier: GPL-2.0-only
//
// Settings of ICMPv6 take effect with the next packet, through whichever name they were written. (What is counted
// is in dispatch6, probe6 and echo6_source; limits are in limit6.)

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/wire6.hpp"

#include <functional>
#include <string>
#include <vector>

namespace {

using packet6::Ipv6;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

/// Both names of a setting, or the kernel's alone without the module.
std::vector<std::string> names_of(const std::string &name)
{
	net();
	if (host::has_icmpx6())
		return {"net/ipv6/icmp/" + name, "net/icmpx6/" + name};
	return {"net/ipv6/icmp/" + name};
}

Ipv6 request(const packet6::Ends &ends = {})
{
	return packet6::datagram(packet6::echo_request(1, 1), ends);
}

Ipv6 probe()
{
	packet6::Icmp message =
		packet6::echo_request(1, 1, {0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1});

	message.type = packet6::extended_echo;
	return packet6::datagram(message);
}

bool answered(const Ipv6 &request, wire::Cast cast = wire::Cast::unicast)
{
	net().receive_all<Ipv6>(wire::milliseconds{0});
	net().send(request, cast);
	return wire6::next_answer(net(), wire::silence).has_value();
}

/// @p name on and off: whether @p happens agrees each time. The kernel's settings are numbers, and each but 0 is on.
void expect_switch(const std::string &name, const std::function<bool()> &happens)
{
	for (const std::string &path : names_of(name)) {
		for (int value : {0, 1, 0, 2, 0, 255, 0}) {
			host::set_sysctl(path, value);
			ktap::expect_equal(happens(), value == 0,
					   path + " = " + std::to_string(value));
			for (const std::string &other : names_of(name))
				ktap::expect_equal(host::sysctl(other), std::to_string(value),
						   other);
		}
	}
}

void echo_ignore_all()
{
	expect_switch("echo_ignore_all", [] { return answered(request()); });
	expect_switch("echo_ignore_all", [] {
		return answered(request({.destination = packet6::all_nodes}),
				wire::Cast::multicast);
	});
	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	expect_switch("echo_ignore_all", [] { return answered(probe()); });
	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 0);
}

void echo_ignore_multicast()
{
	const auto by_multicast = [] {
		return answered(request({.destination = packet6::all_nodes}),
				wire::Cast::multicast);
	};

	expect_switch("echo_ignore_multicast", by_multicast);
	host::set_sysctl("net/ipv6/icmp/echo_ignore_multicast", 1);
	ktap::expect(answered(request()), "a reply by unicast");
	host::set_sysctl("net/ipv6/icmp/echo_ignore_multicast", 0);
	// The setting of IPv4 is for broadcasts, which IPv6 has none of.
	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 1);
	ktap::expect(by_multicast(), "a reply by multicast");
}

void echo_ignore_anycast()
{
	// Linux takes the first address of a prefix for an anycast one.
	net();
	host::run("ip -6 route add local 2001:db8:5::/64 dev lo");
	expect_switch("echo_ignore_anycast", [] {
		return answered(request({.destination = packet6::ipv6("2001:db8:5::")}));
	});
	host::set_sysctl("net/ipv6/icmp/echo_ignore_anycast", 1);
	ktap::expect(answered(request()), "a reply by unicast");
	host::set_sysctl("net/ipv6/icmp/echo_ignore_anycast", 0);
	host::run("ip -6 route delete local 2001:db8:5::/64 dev lo");
}

/// A setting is that of its namespace.
void another_namespace()
{
	net();
	host::set_sysctl("net/ipv6/icmp/echo_ignore_all", 1);
	const auto here = host::Namespace::current();
	{
		auto wire = wire6::new_server();
		wire::expect_echo_reply(wire::require_answer(wire, request()), request());
		host::set_sysctl("net/ipv6/icmp/echo_ignore_multicast", 1);
	}
	here.enter();
	ktap::expect(!answered(request()), "no reply");
	host::set_sysctl("net/ipv6/icmp/echo_ignore_all", 0);
	ktap::expect(answered(request({.destination = packet6::all_nodes}), wire::Cast::multicast),
		     "a reply by multicast");
}

/// How many of ten requests are answered.
int replies_to(const Ipv6 &asked)
{
	net().receive_all<Ipv6>(wire::milliseconds{0});
	for (int i = 0; i < 10; i++)
		net().send(asked);
	return static_cast<int>(net().receive_all<Ipv6>().size());
}

/// Two replies a minute at most: one that is there at first, and one that may come with time. Only for the types in the mask.
void ratemask_and_ratelimit()
{
	net();
	host::run("ip -6 route add fd00::1/128 dev wire0");
	const std::string usual = host::sysctl("net/ipv6/icmp/ratemask");

	for (const std::string &mask : names_of("ratemask")) {
		for (const std::string &limit : names_of("ratelimit")) {
			host::set_sysctl(limit, 60000);
			ktap::expect_equal(replies_to(request()), 10, "not in the mask");
			host::set_sysctl(mask, "129");
			ktap::expect_between(replies_to(request()), 0, 2, mask + " = 129");
			host::set_sysctl(limit, 0);
			ktap::expect_equal(replies_to(request()), 10, limit + " = 0");
			host::set_sysctl(limit, 60000);
			ktap::expect_between(replies_to(request()), 0, 2, limit + " = 60000");
			host::set_sysctl(mask, usual);
			ktap::expect_equal(replies_to(request()), 10, "the usual mask");
			for (const std::string &other : names_of("ratemask"))
				ktap::expect_equal(host::sysctl(other), usual, other);
		}
	}
	host::run("ip -6 route delete fd00::1/128 dev wire0");
}

void echo_ratelimit()
{
	net();
	host::need_icmpx6();
	ktap::expect_equal(replies_to(request()), 10, "off at first");
	host::set_sysctl("net/icmpx6/echo_burst", 3);
	host::set_sysctl("net/icmpx6/echo_ratelimit", 1);
	ktap::expect_between(replies_to(request()), 3, 5, "a burst, and one a second");
	host::set_sysctl("net/icmpx6/echo_ratelimit", 0);
	ktap::expect_equal(replies_to(request()), 10, "off again");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"echo_ignore_all", echo_ignore_all},
			  {"echo_ignore_multicast", echo_ignore_multicast},
			  {"echo_ignore_anycast", echo_ignore_anycast},
			  {"another_namespace", another_namespace},
			  {"ratemask_and_ratelimit", ratemask_and_ratelimit},
			  {"echo_ratelimit", echo_ratelimit}});
}
