// SPDX-License-Identifier: GPL-2.0-only
//
// Routes that are kept for replies, and who gets them: two requests that differ in anything that a route is chosen by do
// not get each other's, strangers displace nobody's, and a namespace that goes takes its own and no other.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/routes.hpp"
#include "lib/wire.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using packet::Address;
using packet::Ipv4;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

using routes::lookups;
using routes::Net;
using routes::ping;
using routes::remote;

/// Two requests that differ, one for each wire, in turn.
void expect_apart(const Net &net, const Ipv4 &here, const Ipv4 &there, const char *what)
{
	for (int i = 0; i < 6; i++) {
		net.expect_on(net.wire, here, what);
		net.expect_on(net.other, there, what);
	}
	for (int i = 0; i < 6; i++)
		net.expect_on(net.wire, here, what);
	for (int i = 0; i < 6; i++)
		net.expect_on(net.other, there, what);
}

void all_that_chooses_a_route_tells_flows_apart()
{
	Net net;
	Ipv4 there = ping();

	host::run("ip route add default dev wire1 table 100; ip rule add tos 0x10 table 100");
	there.tos = 0x10;
	expect_apart(net, ping(), there, "TOS");

	host::run("ip address add 10.0.0.9/24 dev wire0; ip rule add from 10.0.0.9 table 100");
	expect_apart(net, ping(), ping(remote, packet::ipv4("10.0.0.9")), "source");

	host::run("ip rule add to 203.0.113.6 table 100");
	expect_apart(net, ping(), ping(packet::ipv4("203.0.113.6")), "destination");
}

void marks_tell_flows_apart()
{
	Net net;
	Ipv4 there = ping();

	if (!host::try_run("nft 'add table ip t; add chain ip t in { type filter hook prerouting "
			   "priority -150; };"
			   "add rule ip t in ip ttl 99 meta mark set 0x51'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("ip rule add fwmark 0x51 table 100; ip route add default dev wire1 table 100");
	host::set_sysctl("net/ipv4/fwmark_reflect", 1);
	there.ttl = 99;
	expect_apart(net, ping(), there, "mark");
}

void namespaces_tell_flows_apart()
{
	Net net;

	net.keep(ping(), net.wire);
	{
		host::Namespace outer = host::Namespace::current();
		Net inner;

		host::run("ip route add 203.0.113.0/24 dev wire1");
		inner.keep(ping(), inner.other);
		outer.enter();
		net.expect_on(net.wire, ping(), "the reply of the first namespace");
	}
	net.expect_on(net.wire, ping(), "the reply when the second namespace is gone");
	for (int i = 0; i < 20; i++) {
		Net next;

		if (i % 2)
			host::run("ip route add 203.0.113.0/24 dev wire1");
		next.keep(ping(), i % 2 ? next.other : next.wire);
	}
}

void a_requester_that_comes_once_displaces_nobody()
{
	constexpr Address strangers = 5000;
	const auto begin = steady_clock::now();
	Net net;

	net.keep(ping(), net.wire);
	std::int64_t before = lookups();
	for (Address i = 0; i < strangers; i++) {
		net.wire.send(ping(0x0b000000 + i));
		if (i % 50 == 0) {
			net.wire.receive_all(milliseconds(0));
			net.expect_on(net.wire, ping(), "the reply");
		}
	}
	// Each stranger's route is looked up once. When its second is over, so is that of the one who stays, twice; Linux
	// counts in ticks, which come late on a busy machine, and so a second may be over before it is.
	const auto seconds = std::chrono::ceil<std::chrono::seconds>(steady_clock::now() - begin);
	ktap::expect(lookups() - before - strangers <= 2 * seconds.count(),
		     "its place is still its own");
}

/// How many routes there are, of all namespaces: the first number of each processor's line.
unsigned long routes_in_use()
{
	const std::string lines =
		ktap::require_value(host::read_file("/proc/net/stat/rt_cache"), "rt_cache");

	return std::stoul(lines.substr(lines.find('\n') + 1), nullptr, 16);
}

/// Waits until no more than @p most are in use, for some time: the kernel's worker takes namespaces away, and frees routes a
/// grace period later. Returns how many are.
unsigned long routes_left(unsigned long most, steady_clock::duration patience)
{
	const auto end = steady_clock::now() + patience;

	while (routes_in_use() > most && steady_clock::now() < end)
		usleep(50000);
	return routes_in_use();
}

/// Otherwise the next namespace at the same place in memory could get them.
void a_namespace_takes_its_routes_with_it()
{
	host::enter_new_namespace();
	// Those of other tests' namespaces may still go.
	const unsigned long before = routes_left(0, std::chrono::seconds(3));
	{
		Net net;

		net.keep(ping(), net.wire);
	}
	host::enter_new_namespace();
	ktap::expect(routes_left(before, std::chrono::seconds(20)) <= before, "no route is left");
}

/// Each of many namespaces that go one after the other looks for its own routes alone: a reply elsewhere needs no lookup
/// but those that time brings, and there are more ends of namespaces than seconds.
void a_namespace_leaves_the_routes_of_others()
{
	constexpr int count = 20;
	struct Guest {
		unsigned long routes_before;
		Net net{};
	};
	Net net;
	const host::Namespace home = host::Namespace::current();
	std::vector<std::unique_ptr<Guest>> guests;

	net.keep(ping(), net.wire);
	for (int i = 0; i < count; i++) {
		guests.push_back(std::make_unique<Guest>(routes_in_use()));
		guests.back()->net.keep(ping(), guests.back()->net.wire);
		home.enter();
	}
	net.keep(ping(), net.wire);
	const std::int64_t before = lookups();
	const auto begin = steady_clock::now();
	while (!guests.empty()) {
		const unsigned long routes = guests.back()->routes_before;

		guests.pop_back();
		// Those that are kept are the last to go.
		routes_left(routes, std::chrono::seconds(5));
		net.expect_on(net.wire, ping(), "the reply");
	}
	const auto seconds = std::chrono::ceil<std::chrono::seconds>(steady_clock::now() - begin);
	ktap::say(std::to_string(seconds.count()) + " s");
	ktap::expect(lookups() - before <= 2 * seconds.count(), "routes of others stay");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"all_that_chooses_a_route_tells_flows_apart",
				  all_that_chooses_a_route_tells_flows_apart},
				 {"marks_tell_flows_apart", marks_tell_flows_apart},
				 {"namespaces_tell_flows_apart", namespaces_tell_flows_apart},
				 {"a_requester_that_comes_once_displaces_nobody",
				  a_requester_that_comes_once_displaces_nobody},
				 {"a_namespace_takes_its_routes_with_it",
				  a_namespace_takes_its_routes_with_it},
				 {"a_namespace_leaves_the_routes_of_others",
				  a_namespace_leaves_the_routes_of_others},
			 });
}
