// SPDX-License-Identifier: GPL-2.0-only
//
// Namespaces that come and go, with traffic and buckets of the prefix limit in them, while the module does the same.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/packet.hpp"
#include "lib/socket.hpp"
#include "lib/volume.hpp"

#include <atomic>
#include <net/if.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <vector>

namespace {

using sock::Socket;

constexpr int threads = 2;

struct Account {
	std::atomic<int> namespaces{0};
	std::atomic<int> with_module{0};
	std::atomic<int> unanswered{0};
};

void loopback_up(const Socket &socket)
{
	ifreq request{};

	std::string("lo").copy(request.ifr_name, IFNAMSIZ - 1);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	host::check(ioctl(socket.get(), SIOCSIFFLAGS, &request), "SIOCSIFFLAGS");
}

/// Makes a namespace, pings in it, and reads and sets what icmpx has there, if it is there. The thread leaves the
/// namespace for the next one, which is the end of it.
void visit(Account &account)
{
	constexpr packet::Address loopback = 0x7f000001;

	host::check(unshare(CLONE_NEWNET), "unshare");
	Socket socket = sock::raw(IPPROTO_ICMP);
	loopback_up(socket);
	account.namespaces++;
	// Either may go away between two steps.
	if (host::write_file("/proc/sys/net/icmpx/echo_ratelimit", "100000"))
		account.with_module++;
	for (std::uint16_t i = 0; i < 5; i++) {
		packet::Icmp request = packet::echo_request(1, i, packet::pattern(56));
		bool answered = false;

		ktap::expect_equal(sock::send(socket, request.build(), sock::Endpoint{loopback, 0}),
				   0, "send");
		// A raw socket reads the request, too.
		for (int messages = 0; messages < 2 && !answered; messages++) {
			packet::Bytes datagram =
				sock::receive(socket, 5000).value_or(packet::Bytes(21, 0xff));
			answered = datagram[20] == packet::Type::echo_reply;
		}
		account.unanswered += !answered;
	}
	host::read_file("/proc/thread-self/net/icmpx_stat");
}

void coming_and_going()
{
	module::Icmpx icmpx;
	Account account;
	std::vector<std::jthread> visitors;

	visitors.reserve(threads);
	for (int i = 0; i < threads; i++) {
		visitors.emplace_back([&account](const std::stop_token &stop) {
			while (!stop.stop_requested())
				visit(account);
		});
	}
	const int cycles = volume::count("LOAD_CHURNS", 50, 30);

	for (int i = 0; i < cycles; i++) {
		ktap::expect_equal(icmpx.load(), 0, "loading");
		ktap::expect_equal(icmpx.unload(), 0, "unloading");
	}
	visitors.clear();
	ktap::say(std::to_string(cycles) + " cycles, " + std::to_string(account.namespaces) +
		  " namespaces, " + std::to_string(account.with_module) +
		  " of them with the module");
	ktap::expect(account.namespaces > threads, "namespaces came and went");
	ktap::expect_equal(account.unanswered.load(), 0, "pings without an answer");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, {{"coming_and_going", coming_and_going}});
}
