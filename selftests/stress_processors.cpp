// SPDX-License-Identifier: GPL-2.0-only
//
// All processors in the module at the same time, in one namespace, each without a pause: echo requests and their replies,
// errors sent and delivered, ping sockets that come and go. Beside them somebody reads all files and changes settings, so
// that a kernel that watches for data races has something to see.

#include "lib/flood.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"
#include "lib/volume.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sched.h>
#include <unistd.h>

namespace {

using flood::Account;
using sock::Socket;

constexpr packet::Address here = 0x7f000001U;
constexpr int patience_ms = 20000;
/// Requests of a ping socket.
constexpr std::uint16_t life = 16;

/// What became of what all processors sent, and of what was set meanwhile.
struct Accounts {
	Account echoes, errors, settings;
};

void count(Account &account, bool answered)
{
	account.requests++;
	(answered ? account.replies : account.lost)++;
}

/// The kernel's answer comes before send() returns, or, from a thread of its own, soon.
bool echo(const Socket &socket, std::uint16_t sequence, std::size_t size)
{
	const packet::Bytes request = ping::request(sequence, packet::pattern(size));

	if (sock::send(socket, request))
		return false;
	const auto reply = sock::receive(socket, patience_ms);
	return reply && reply->size() == request.size();
}

bool refused(const Socket &socket)
{
	if (sock::send(socket, packet::pattern(8)))
		return false;
	sock::wait_for(socket, POLLIN, patience_ms);
	return sock::take_error(socket) == ECONNREFUSED;
}

void work_on(unsigned processor, const std::stop_token &stop, Accounts &accounts)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	host::check(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");

	const Socket closed = sock::udp();
	sock::connect(closed, {here, 1});
	while (!stop.stop_requested()) {
		const Socket socket = sock::ping();
		sock::connect(socket, {here, 0});
		for (std::uint16_t sequence = 0; sequence < life; sequence++) {
			// Also one that is not answered in place.
			count(accounts.echoes, echo(socket, sequence, sequence ? 56 : 9000));
			count(accounts.errors, refused(closed));
		}
	}
}

/// Everything that is read and written while packets come in. The limits are too high for anybody to meet.
void meddle(const std::stop_token &stop, Account &settings)
{
	constexpr std::array<const char *, 3> files{"snmp", "icmpx_stat", "icmpx"};
	auto write = [&settings](const std::string &name, const std::string &value) {
		count(settings, host::write_file("/proc/sys/net/icmpx/" + name, value));
	};

	write("echo_burst", "1000000");
	for (unsigned round = 0; !stop.stop_requested(); round++) {
		for (const char *file : files)
			(void)host::read_file(std::string("/proc/self/net/") + file);
		write("echo_ratelimit", round % 2 ? "0" : "1000000");
		write("echo_ratelimit_prefix", round % 4 < 2 ? "32" : "24");
		write("errors_extension_mask", std::to_string(round % 16));
		write("node_name", round % 2 ? "r7.example" : "r7");
		write("errors_extension_to", round % 4 ? "0.0.0.0/0 fd00::/8" : "192.0.2.0/24");
	}
}

void all_at_once()
{
	const auto seconds = std::chrono::seconds(volume::count("STRESS_SECONDS", 5, 60));
	const auto processors = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN));
	Accounts accounts;

	host::enter_new_namespace();
	ping::allow();
	{
		std::vector<std::jthread> threads;

		threads.emplace_back([&accounts](const std::stop_token &stop) {
			meddle(stop, accounts.settings);
		});
		for (unsigned processor = 0; processor < processors; processor++)
			threads.emplace_back([processor, &accounts](const std::stop_token &stop) {
				work_on(processor, stop, accounts);
			});
		std::this_thread::sleep_for(seconds);
		for (std::jthread &thread : threads)
			thread.request_stop();
	}
	ktap::expect(accounts.echoes.requests > 1000, "all of them got somewhere");
	flood::expect_complete(accounts.echoes, "echo requests");
	flood::expect_complete(accounts.errors, "datagrams to a closed port");
	if (ping::is_icmpx())
		flood::expect_complete(accounts.settings, "settings");
}

} // namespace

int main(int argc, char **argv) { return ktap::run(argc, argv, {{"all_at_once", all_at_once}}); }
