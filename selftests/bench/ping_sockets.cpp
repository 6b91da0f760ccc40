// SPDX-License-Identifier: GPL-2.0-only
//
// What it costs to deliver an echo reply to a ping socket and to send an echo request by one, while few or many of them
// are open: always the same socket ("one"), or one drawn at random ("random"). The same is the one with identifier 1,
// which was the first to be opened.
//
// Usage: ping_sockets DEVICE LOCAL REMOTE [OPERATION…], after icmpx_bench.ko was loaded and DEVICE, a dummy, got the
// address LOCAL in a network of which REMOTE is, too, both of IPv4 or both of IPv6. OPERATION is deliver or send; both when none is named. Prints a
// line for each scenario: family, operation, pattern, number of sockets, then the nanoseconds (under QEMU's -icount:
// instructions) of one message, as the median over batches, the lower and the upper quartile. Every message that is lost
// on its way is a failure.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/packet.hpp"
#include "lib/packet6.hpp"
#include "lib/socket.hpp"
#include "lib/socket6.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace {

constexpr std::array<std::size_t, 3> socket_counts{1, 1000, 60000};
// Small enough for one socket's receive buffer to hold.
constexpr std::size_t batch_size = 64;
constexpr std::uint32_t batches = 256;
constexpr std::size_t data_size = 56;
constexpr std::size_t header_size = 8;

using Sockets = std::vector<sock::Socket>;
using Identifiers = std::array<std::uint16_t, batch_size>;

struct Bench {
	std::string device;
	std::string local;
	std::string remote;

	bool is_ipv6() const { return remote.find(':') != std::string::npos; }
	unsigned reply() const
	{
		return is_ipv6() ? unsigned{packet6::echo_reply}
				 : unsigned{packet::Type::echo_reply};
	}
	std::uint8_t request() const
	{
		return is_ipv6() ? std::uint8_t{packet6::echo} : std::uint8_t{packet::Type::echo};
	}
};

/// To whom the messages of a batch go: icmpx_bench.ko draws the same identifiers from the same @p seed.
Identifiers draw(std::size_t identifiers, std::uint32_t seed)
{
	Identifiers drawn;

	for (std::uint16_t &identifier : drawn) {
		seed = seed * 1664525 + 1013904223;
		identifier = static_cast<std::uint16_t>(1 + (seed >> 16) % identifiers);
	}
	return drawn;
}

void allow_descriptors(std::size_t count)
{
	rlimit limit{.rlim_cur = count, .rlim_max = count};

	host::check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

/// The socket with identifier i is at i - 1.
Sockets open_sockets(const Bench &bench, std::size_t count)
{
	Sockets sockets;

	for (std::size_t i = 1; i <= count; i++) {
		const auto identifier = static_cast<std::uint16_t>(i);

		if (bench.is_ipv6()) {
			sockets.push_back(sock6::ping());
			sock6::bind(sockets.back(), {.port = identifier});
		} else {
			sockets.push_back(sock::ping());
			sock::bind(sockets.back(), {.port = identifier});
		}
	}
	return sockets;
}

/// The address of the remote end, as sendto() wants it, and its length.
std::pair<sockaddr_storage, socklen_t> remote_name(const Bench &bench)
{
	sockaddr_storage storage{};

	if (bench.is_ipv6()) {
		auto *name = reinterpret_cast<sockaddr_in6 *>(&storage);

		name->sin6_family = AF_INET6;
		inet_pton(AF_INET6, bench.remote.c_str(), &name->sin6_addr);
		return {storage, sizeof(*name)};
	}
	auto *name = reinterpret_cast<sockaddr_in *>(&storage);

	name->sin_family = AF_INET;
	inet_pton(AF_INET, bench.remote.c_str(), &name->sin_addr);
	return {storage, sizeof(*name)};
}

std::int64_t number_in(const std::string &path)
{
	return std::stoll(ktap::require_value(host::read_file(path), path));
}

/// Takes the reply with this sequence number out of the socket that it must be in.
void expect_reply(const sock::Socket &socket, std::uint16_t identifier, std::uint16_t sequence)
{
	std::array<std::uint8_t, header_size + data_size + 1> reply;

	ssize_t size = recv(socket.get(), reply.data(), reply.size(), MSG_DONTWAIT);
	ktap::require_equal(size, header_size + data_size,
			    "size of the reply for " + std::to_string(identifier));
	ktap::require_equal(packet::get16(reply, 4), identifier, "identifier of a reply");
	ktap::require_equal(packet::get16(reply, 6), sequence, "sequence number of a reply");
}

std::int64_t deliver(const Bench &bench, const Sockets &sockets, std::size_t identifiers,
		     std::uint32_t seed)
{
	const std::string file = "/proc/icmpx_bench";
	std::uint16_t sequence = 0;

	bool injected = host::write_file(
		file, bench.device + " " + bench.remote + " " + bench.local + " " +
			      std::to_string(bench.reply()) + " " + std::to_string(data_size) +
			      " " + std::to_string(batch_size) + " " + std::to_string(identifiers) +
			      " " + std::to_string(seed));
	host::check(injected ? 0 : -1, "write to " + file);
	for (std::uint16_t identifier : draw(identifiers, seed))
		expect_reply(sockets[identifier - 1U], identifier, sequence++);
	return number_in(file);
}

std::int64_t send(const Bench &bench, const Sockets &sockets, std::size_t identifiers,
		  std::uint32_t seed)
{
	using Clock = std::chrono::steady_clock;
	const std::string sent = "/sys/class/net/" + bench.device + "/statistics/tx_packets";
	const std::array<std::uint8_t, header_size + data_size> request{bench.request()};
	const Identifiers drawn = draw(identifiers, seed);
	const auto [name, name_size] = remote_name(bench);
	int failed = 0;

	std::int64_t before = number_in(sent);
	auto start = Clock::now();
	for (std::uint16_t identifier : drawn)
		failed += sendto(sockets[identifier - 1U].get(), request.data(), request.size(), 0,
				 reinterpret_cast<const sockaddr *>(&name), name_size) < 0;
	std::chrono::nanoseconds elapsed = Clock::now() - start;
	host::check(-failed, "sendto");
	ktap::require_equal(number_in(sent) - before, batch_size, "packets sent");
	return elapsed.count() / static_cast<std::int64_t>(batch_size);
}

struct Operation {
	std::string_view name;
	decltype(deliver) *function;
};

constexpr std::array<Operation, 2> operations{{{"deliver", deliver}, {"send", send}}};

/// Prints what @p operation costs, with the identifiers from 1 to @p identifiers.
void measure(const Operation &operation, const Bench &bench, const Sockets &sockets,
	     std::size_t identifiers)
{
	std::vector<std::int64_t> costs;

	for (std::uint32_t seed = 0; seed < batches; seed++)
		costs.push_back(operation.function(bench, sockets, identifiers, seed));
	std::ranges::sort(costs);
	std::cout << (bench.is_ipv6() ? "IPv6 " : "IPv4 ") << operation.name
		  << (identifiers == 1 ? " one " : " random ") << sockets.size() << ' '
		  << costs[batches / 2] << ' ' << costs[batches / 4] << ' '
		  << costs[batches * 3 / 4] << std::endl;
}

void measure_all(const Bench &bench, std::span<char *> wanted)
{
	allow_descriptors(socket_counts.back() + 100);
	for (std::size_t count : socket_counts) {
		Sockets sockets = open_sockets(bench, count);

		for (const Operation &operation : operations) {
			if (!wanted.empty() &&
			    std::ranges::find(wanted, operation.name) == wanted.end())
				continue;
			measure(operation, bench, sockets, 1);
			if (count > 1)
				measure(operation, bench, sockets, count);
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	std::span<char *> arguments(argv, static_cast<std::size_t>(argc));

	if (arguments.size() < 4) {
		std::cerr << "usage: ping_sockets DEVICE LOCAL REMOTE [OPERATION…]\n";
		return ktap::Exit::fail;
	}
	try {
		measure_all({arguments[1], arguments[2], arguments[3]}, arguments.subspan(4));
	} catch (const ktap::Abort &) {
		return ktap::Exit::fail;
	}
	return ktap::Exit::pass;
}
