// SPDX-License-Identifier: GPL-2.0-only
//
// Requests from millions of sources, each of them another: whoever spoofs makes this host answer, limit and drop, but
// remember nothing.
//
// The kernel makes them (modules/bench_main.c), a system call for each would take too long.

#include "lib/counters.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/memory.hpp"
#include "lib/module.hpp"
#include "lib/volume.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

/// While it exists, Linux forgets destinations (inet_peer, for the limit of each) as soon as others come. It would keep
/// tens of thousands, in pages that become more and more though the number stays.
class ForgetfulPeers {
public:
	ForgetfulPeers() { host::set_sysctl(threshold, 0); }
	~ForgetfulPeers()
	{
		first_.enter();
		host::set_sysctl(threshold, kept_);
	}
	ForgetfulPeers(const ForgetfulPeers &) = delete;
	ForgetfulPeers &operator=(const ForgetfulPeers &) = delete;

private:
	/// A setting for all namespaces, which only the first one has.
	static constexpr const char *threshold = "net/ipv4/inet_peer_threshold";

	host::Namespace first_ = host::Namespace::current();
	std::string kept_ = host::sysctl(threshold);
};

/// Injects @p count packets. Their routes are freed after a grace period, and a slow kernel would run out of memory before.
void inject(int count)
{
	constexpr int at_once = 10000;

	for (int left = count; left > 0; left -= at_once) {
		const std::string job =
			"sources 0.0.0.0 10.0.0.2 8 56 " + std::to_string(std::min(left, at_once));

		host::check(host::write_file("/proc/icmpx_bench", job) ? 0 : -1,
			    "/proc/icmpx_bench");
		host::check(static_cast<int>(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)),
			    "membarrier");
	}
}

/// The limits that drop nearly everything, each before the next one: of each prefix, of all.
void limit_prefixes(bool on) { host::set_sysctl("net/icmpx/echo_ratelimit", on ? 1 : 0); }

/// What the limit for all has left when it is lowered.
constexpr int spare = 10000;

void limit_all(bool on)
{
	host::set_sysctl("net/icmpx/msgs_per_sec", on ? 1000 : 1000000);
	host::set_sysctl("net/icmpx/msgs_burst", on ? 50 : spare);
}

void report(const memory::Use &use, const std::string &when)
{
	ktap::say("memory " + when + ": " + use.text());
}

/// A dummy takes what is sent to it and asks for no neighbour. The limits for all and for each host see each reply.
void set_up()
{
	host::enter_new_namespace();
	host::need("dummy");
	host::run("ip link add sources type dummy && "
		  "ip address add 10.0.0.2/24 dev sources && ip link set sources up && "
		  "ip route add default dev sources");
	host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/sources/rp_filter", 0);
	host::set_sysctl("net/icmpx/ratemask", 1);
	host::set_sysctl("net/icmpx/echo_burst", 1);
}

/// Injects @p count packets; of 125,000, not even a pointer may stay behind of each.
memory::Use expect_constant(const memory::Use &before, int count, const std::string &what)
{
	constexpr std::int64_t slack = 512;
	counters::Change change(counters::Files::snmp);

	inject(count);
	const memory::Use after = memory::settled();
	auto stat = ktap::require_value(change.icmpx(), "icmpx_stat");
	ktap::say(what + ": " + counters::text(stat));
	report(after, "then");
	memory::expect_constant(before, after, slack);
	ktap::expect(counters::outcomes_equal_packets_in(stat), "outcomes add up to packets_in");
	ktap::expect_equal(stat["packets_in"], count, what + ", packets_in");
	return after;
}

/// The first ones are for what Linux keeps: pages of slabs.
void memory_is_constant()
{
	const int count = volume::count("STRESS_SOURCES", 500000, 100000);
	host::need_icmpx();
	const ForgetfulPeers peers;
	set_up();
	module::Helper bench("icmpx_bench");

	limit_all(false);
	inject(std::max(count / 10, 20000));
	limit_prefixes(true);
	inject(std::max(count / 100, 10000));
	memory::Use use = memory::settled();
	report(use, "after the first ones");
	use = expect_constant(use, count / 2, "with the limit for each prefix");
	limit_prefixes(false);
	limit_all(true);
	inject(spare);
	use = expect_constant(use, count / 4, "with the limit for all");
	limit_all(false);
	expect_constant(use, count - count / 2 - count / 4, "with the limit for each host");
	ktap::say(std::to_string(count) + " packets");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, {{"memory_is_constant", memory_is_constant}});
}
