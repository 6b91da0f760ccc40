// SPDX-License-Identifier: GPL-2.0-only
//
// Namespaces by the thousand, each with packets, sockets and settings in it, while other packets flow. None of them and
// nothing of them is left.

#include "lib/child.hpp"
#include "lib/flood.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/memory.hpp"
#include "lib/packet.hpp"
#include "lib/ping.hpp"
#include "lib/socket.hpp"
#include "lib/volume.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <linux/if.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <vector>

namespace {

using sock::Endpoint;
using sock::Socket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr packet::Address loopback = 0x7f000001;
constexpr int threads = 2;

/// What the visitors of all namespaces found.
struct Account {
	std::atomic<int> namespaces{0};
	std::atomic<int> with_table{0};
	std::atomic<int> failed{0};
};

/// Leaves the namespace that the thread is in. When too many await their end, their turn comes first.
bool enter_another()
{
	const auto until = steady_clock::now() + std::chrono::seconds(60);

	while (unshare(CLONE_NEWNET)) {
		if (errno != ENOSPC || steady_clock::now() > until)
			return false;
		std::this_thread::sleep_for(milliseconds{2});
	}
	return true;
}

bool loopback_up(const Socket &socket)
{
	ifreq request{};

	std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

/// A request by a ping socket, its reply, one more that nobody reads, and an error.
bool talk()
{
	Socket ping(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP)), udp = sock::udp();
	const Endpoint here{loopback, 0};

	if (ping.get() < 0 || sock::send(ping, ping::request(1), here))
		return false;
	auto reply = sock::receive(ping, 10000);
	if (!reply || (*reply)[0] != packet::Type::echo_reply)
		return false;
	if (sock::connect(udp, {loopback, 9}) || sock::send(udp, packet::pattern(8)))
		return false;
	sock::wait_for(udp, 0, 10000);
	return sock::take_error(udp) == ECONNREFUSED &&
	       sock::send(ping, ping::request(2, packet::pattern(3000)), here) == 0;
}

/// One namespace in four limits replies, which takes a table.
bool live_in_one(int number, Account &account)
{
	Socket any = sock::udp();
	bool fine =
		loopback_up(any) &&
		host::write_file(std::string("/proc/sys/") + ping::group_range, ping::every_group);

	if (number % 4 == 0) {
		fine &= host::write_file("/proc/sys/net/icmpx/echo_ratelimit", "100000");
		account.with_table++;
	}
	if (number % 8 == 0)
		fine &= host::read_file("/proc/thread-self/net/icmpx_stat").has_value() &&
			host::read_file("/proc/thread-self/net/icmpx").has_value();
	return fine && talk();
}

void visit_all(int count, Account &account)
{
	std::vector<std::jthread> visitors;
	std::atomic<int> left{count};

	visitors.reserve(threads);
	for (int i = 0; i < threads; i++) {
		visitors.emplace_back([&] {
			for (int number; (number = --left) >= 0;) {
				bool fine = enter_another() && live_in_one(number, account);

				account.failed += !fine;
				account.namespaces++;
			}
		});
	}
}

/**
 * The user namespace in which network namespaces are counted. Linux counts one until the last of it is taken away, some
 * time after its end, and refuses to create more than a limit of them.
 */
class Visitors {
public:
	/// In a process of its own, since a thread cannot change the user namespace.
	void visit(int count) const
	{
		child::run([&] {
			Account account;

			enter(unfinished);
			visit_all(count, account);
			ktap::say(std::to_string(account.namespaces) + " namespaces, " +
				  std::to_string(account.with_table) + " of them with a table");
			ktap::expect_equal(account.namespaces.load(), count, "namespaces");
			ktap::expect_equal(account.failed.load(), 0,
					   "namespaces in which something failed");
		});
	}

	/// Room for one more than the first: if it is free, no other is left.
	void expect_none_left() const
	{
		child::run([&] {
			enter(2);
			ktap::expect(enter_another(), "all namespaces are gone");
		});
	}

private:
	/// How many may await their end.
	static constexpr int unfinished = 100;

	void enter(int limit) const
	{
		users_.enter_as_root();
		host::set_sysctl("user/max_net_namespaces", limit);
	}

	child::UserNamespace users_{"0 0 1", "0 0 4294967295"};
};

/// Those that come first are for what Linux keeps for the next ones: on a debug kernel 3 MiB, after 75 of them no more.
constexpr int first_ones = 100;

void thousands_of_namespaces()
{
	const int count = volume::count("STRESS_NAMESPACES", 1000, 300);
	host::need_icmpx();
	Visitors visitors;
	flood::Network network;
	flood::Flood flood(network, 56, 4);

	visitors.visit(first_ones);
	visitors.expect_none_left();
	const memory::Use before = memory::settled();
	visitors.visit(count);
	visitors.expect_none_left();
	const memory::Use after = memory::settled();
	flood.finish();
	ktap::say("memory after the first ones: " + before.text());
	ktap::say("memory after the last one: " + after.text());
	flood::expect_complete(flood.account, "echo requests beside them");
	memory::expect_constant(before, after, 512);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, {{"thousands_of_namespaces", thousands_of_namespaces}});
}
