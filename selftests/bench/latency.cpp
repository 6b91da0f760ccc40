// SPDX-License-Identifier: GPL-2.0-only
//
// What the rest of a host has to wait for while it is flooded with echo requests: how long an exchange over TCP takes, on
// the loopback of one processor, with the built-in code, with icmpx and with its express path. And how long loading icmpx
// takes, and unloading it.
//
// Usage: latency [RATE]   as root, with ICMPX_KO and ICMPX_RELEASE in the environment and icmpx not loaded. RATE: requests a
//                         second. Prints a line for each: median and 99th percentile of nanoseconds.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/socket.hpp"
#include "tool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr unsigned batch = 64;
constexpr int exchanges = 5000;
constexpr std::uint16_t port = 5000;

/// Lets requests come in at a steady rate as long as it is there, ahead of all other processes as a driver's are.
class Flood {
public:
	explicit Flood(unsigned rate) : thread_([this, rate] { run(rate); }) {}
	Flood(const Flood &) = delete;
	Flood &operator=(const Flood &) = delete;
	~Flood()
	{
		stop_ = true;
		thread_.join();
	}

private:
	void run(unsigned rate)
	{
		const std::string line = "bench0 10.99.0.2 10.99.0.1 8 56 " + std::to_string(batch);
		const nanoseconds interval{std::int64_t{1'000'000'000} * batch / rate};
		const sched_param priority{.sched_priority = 1};
		host::Descriptor file(
			host::check(open("/proc/icmpx_bench", O_WRONLY | O_CLOEXEC), "open"));
		auto next = steady_clock::now();

		host::check(sched_setscheduler(0, SCHED_FIFO, &priority), "sched_setscheduler");
		while (!stop_) {
			host::check(static_cast<int>(write(file.get(), line.data(), line.size())),
				    "write");
			next += interval;
			std::this_thread::sleep_until(next);
		}
	}

	std::atomic<bool> stop_ = false;
	std::thread thread_;
};

/// Sends back each byte that comes, until there are no more.
void echo_bytes(const sock::Socket &connection)
{
	char byte = 0;

	while (read(connection.get(), &byte, 1) == 1) {
		if (write(connection.get(), &byte, 1) != 1)
			return;
	}
}

/// Nanoseconds of each exchange of a byte.
std::vector<std::int64_t> exchange()
{
	const sock::Endpoint address{INADDR_LOOPBACK, port};
	sock::Socket listener = sock::open(SOCK_STREAM), client = sock::open(SOCK_STREAM);
	std::vector<std::int64_t> took;
	char byte = 1;

	sock::set(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	sock::bind(listener, address);
	host::check(listen(listener.get(), 1), "listen");
	host::check(sock::connect(client, address), "connect");
	sock::Socket accepted(
		host::check(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
	std::thread server([&] { echo_bytes(accepted); });
	for (int i = 0; i < exchanges; i++) {
		const auto begin = steady_clock::now();

		host::check(static_cast<int>(write(client.get(), &byte, 1)), "write");
		host::check(static_cast<int>(read(client.get(), &byte, 1)), "read");
		took.push_back(nanoseconds(steady_clock::now() - begin).count());
	}
	shutdown(client.get(), SHUT_RDWR);
	server.join();
	std::ranges::sort(took);
	return took;
}

void say(const char *name, const std::vector<std::int64_t> &sorted)
{
	std::printf("%-10s %10lld %10lld\n", name,
		    static_cast<long long>(sorted[sorted.size() / 2]),
		    static_cast<long long>(sorted[sorted.size() * 99 / 100]));
}

/// Loads and unloads it some times.
void say_loading(const module::Icmpx &icmpx)
{
	std::vector<std::int64_t> loading, unloading;

	for (int i = 0; i < 9; i++) {
		const auto begin = steady_clock::now();
		ktap::require_equal(icmpx.load(), 0, "loading");
		const auto loaded = steady_clock::now();
		ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
		loading.push_back(nanoseconds(loaded - begin).count());
		unloading.push_back(nanoseconds(steady_clock::now() - loaded).count());
	}
	std::ranges::sort(loading);
	std::ranges::sort(unloading);
	say("load", loading);
	say("unload", unloading);
}

int run(const std::vector<std::string> &arguments)
{
	const unsigned rate =
		arguments.empty() ? 100'000 : static_cast<unsigned>(std::stoul(arguments[0]));
	const module::Helper bench("icmpx_bench");
	const module::Icmpx icmpx;

	host::try_run("modprobe dummy numdummies=0");
	host::run("ip link add bench0 type dummy && ip address add 10.99.0.1/24 dev bench0 && "
		  "ip link set bench0 up && ip link set lo up");
	say_loading(icmpx);
	say("no flood", exchange());
	for (const char *name : {"built-in", "icmpx", "express"}) {
		if (name == std::string("icmpx"))
			ktap::require_equal(icmpx.load(), 0, "loading");
		if (name == std::string("express"))
			host::set_sysctl("net/icmpx/express", "bench0");
		const Flood flood(rate);
		say(name, exchange());
	}
	return 0;
}

} // namespace

int main(int argc, char **argv) { return run_tool(argc, argv, run); }
