// SPDX-License-Identifier: GPL-2.0-only
//
// One processor changes routes, addresses and rules while another one answers requests of the same flow, whose route is kept:
// a reply to a request that comes after a change goes the new way.

#include "lib/family.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/netlink.hpp"
#include "lib/volume.hpp"
#include "lib/wire.hpp"

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

namespace {

using family::V4;
using family::V6;
using netlink::Message;
using wire::Wire;

/// Another network, which the default route leads to: this host's address there, its prefix, and a host.
template <typename F> struct Beyond {
	static constexpr std::uint8_t family = F::is_ipv6 ? AF_INET6 : AF_INET;
	static constexpr std::uint8_t length = F::is_ipv6 ? 64 : 24;

	static typename F::Address host()
	{
		return F::address(F::is_ipv6 ? "2001:db8::5" : "203.0.113.5");
	}
	static typename F::Address network()
	{
		return F::address(F::is_ipv6 ? "2001:db8::" : "203.0.113.0");
	}
	static typename F::Address ours()
	{
		return F::address(F::is_ipv6 ? "2001:db8::2" : "203.0.113.2");
	}
};

void stay_on(unsigned processor)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	host::check(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

/// Has the reply go by wire1, and back by wire0.
struct Change {
	std::string_view what;
	Message there, back;
};

/// An address as netlink has it.
std::uint32_t in_network_order(packet::Address address) { return htonl(address); }
const packet6::Address &in_network_order(const packet6::Address &address) { return address; }

template <typename F>
Message route(std::uint16_t type, std::uint16_t flags, std::string_view device)
{
	using Network = Beyond<F>;
	rtmsg header{};

	header.rtm_family = Network::family;
	header.rtm_dst_len = Network::length;
	header.rtm_table = RT_TABLE_MAIN;
	header.rtm_protocol = RTPROT_STATIC;
	header.rtm_scope = F::is_ipv6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	header.rtm_type = RTN_UNICAST;
	Message message(type, flags, header);
	message.put(RTA_DST, in_network_order(Network::network()));
	message.put(RTA_OIF, if_nametoindex(std::string(device).c_str()));
	return message;
}

/// A rule that leads to a table in which the default route is by wire1.
template <typename F> Message rule(std::uint16_t type, std::uint16_t flags)
{
	fib_rule_hdr header{};

	header.family = Beyond<F>::family;
	header.dst_len = Beyond<F>::length;
	header.table = 100;
	header.action = FR_ACT_TO_TBL;
	Message message(type, flags, header);
	message.put(FRA_DST, in_network_order(Beyond<F>::network()));
	message.put(FRA_PRIORITY, std::uint32_t{100});
	return message;
}

/// An address of wire1, which brings the route to its network.
template <typename F> Message address(std::uint16_t type, std::uint16_t flags)
{
	ifaddrmsg header{};

	header.ifa_family = Beyond<F>::family;
	header.ifa_prefixlen = Beyond<F>::length;
	header.ifa_flags = F::is_ipv6 ? IFA_F_NODAD : 0;
	header.ifa_index = if_nametoindex("wire1");
	Message message(type, flags, header);
	message.put(IFA_LOCAL, in_network_order(Beyond<F>::ours()));
	message.put(IFA_ADDRESS, in_network_order(Beyond<F>::ours()));
	return message;
}

template <typename F> std::vector<Change> changes()
{
	constexpr std::uint16_t add = NLM_F_CREATE | NLM_F_EXCL;

	return {{"a route", route<F>(RTM_NEWROUTE, add, "wire1"),
		 route<F>(RTM_DELROUTE, 0, "wire1")},
		{"a route that is replaced",
		 route<F>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "wire1"),
		 route<F>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "wire0")},
		{"an address", address<F>(RTM_NEWADDR, add), address<F>(RTM_DELADDR, 0)},
		{"a rule", rule<F>(RTM_NEWRULE, add), rule<F>(RTM_DELRULE, 0)}};
}

/// What the two processors tell each other.
struct Progress {
	/// Odd while something is being changed; half of it is odd while replies go there.
	std::atomic<unsigned> turn{0};
	/// Replies that were where they had to be.
	std::atomic<std::int64_t> right{0};
	std::atomic<bool> done{false};
	std::atomic<int> error{0};
};

/// Makes @p change and its contrary @p count times; sometimes as soon as the one before is made, sometimes when the route
/// that it has brought is kept.
void alternate(const std::stop_token &stop, const Change &change, int count, Progress &progress)
{
	netlink::Socket socket(NETLINK_ROUTE);

	stay_on(1);
	for (int i = 0; i < 2 * count && !progress.error && !stop.stop_requested(); i++) {
		const std::int64_t enough = progress.right + i / 2 % 8;

		while (progress.right < enough && !stop.stop_requested())
			std::this_thread::yield();
		progress.turn++;
		progress.error = socket.request(i % 2 ? change.back : change.there);
		progress.turn++;
	}
	progress.done = true;
}

/// Sends a request, and expects its reply on one of the wires: the one that it has to be on, if nothing was changed meanwhile.
template <typename F>
void ask(const Wire &here, const Wire &there, const typename F::Datagram &request,
	 Progress &progress)
{
	const unsigned before = progress.turn;

	here.send(request);
	const auto on_here = here.receive_all<typename F::Datagram>(wire::milliseconds{0});
	const auto on_there = there.receive_all<typename F::Datagram>(wire::milliseconds{0});
	if (before % 2 || progress.turn != before)
		return;
	const bool is_there = before / 2 % 2;
	ktap::require_equal(on_there.size(), std::size_t{is_there}, "replies there");
	ktap::require_equal(on_here.size(), std::size_t{!is_there}, "replies here");
	progress.right++;
}

template <typename F> void a_kept_route_is_never_stale()
{
	const int count = volume::count("STRESS_ROUTES", 100, 30);
	const auto request =
		F::between(F::echo(1, 1, packet::pattern(56)), Beyond<F>::host(), F::server);
	const Wire here = F::new_server();
	const Wire there = family::second_wire<F>();

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		ktap::skip("needs two processors");
	for (const char *device : {"all", "wire0", "wire1"})
		host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
	host::run("ip " + F::option + " route add default dev wire1 table 100");
	stay_on(0);
	for (const Change &change : changes<F>()) {
		Progress progress;
		const auto counted = F::change();
		std::int64_t requests = 0;
		{
			const std::jthread other([&](const std::stop_token &stop) {
				alternate(stop, change, count, progress);
			});

			for (; !progress.done; requests++)
				ask<F>(here, there, request, progress);
		}
		ktap::expect_equal(progress.error.load(), 0, std::string(change.what) + ": errno");
		ktap::say(std::string(change.what) + ": " + std::to_string(requests) +
			  " requests, " + std::to_string(progress.right) + " right");
		host::try_run("ip " + F::option + " route delete " +
			      (F::is_ipv6 ? "2001:db8::/64" : "203.0.113.0/24"));
		if (auto moved = counted.icmpx())
			ktap::expect((*moved)["route_lookups"] < requests * 9 / 10,
				     std::string(change.what) + ": routes are kept");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		family::both({{"a_kept_route_is_never_stale", a_kept_route_is_never_stale<V4>}},
			     {{"a_kept_route_is_never_stale", a_kept_route_is_never_stale<V6>}}));
}
