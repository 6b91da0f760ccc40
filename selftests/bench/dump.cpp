// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel needs for a dump of icmpx's counters by netlink, both families, for one that says nothing, as there are no
// ping sockets, and for a system call that does nothing.
//
// Usage: dump   as root, with ICMPX_KO in the environment and icmpx not loaded. Prints the median of nanoseconds.

#include "lib/genetlink.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "tool.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int rounds = 201;

/// As large as messages of a dump get.
using Buffer = std::array<char, 65536>;

/// Whether the last of these messages ends a dump.
bool is_end(const Buffer &buffer, std::size_t size)
{
	nlmsghdr header{};

	for (std::size_t at = 0; at + sizeof(header) <= size; at += NLMSG_ALIGN(header.nlmsg_len))
		std::memcpy(&header, &buffer.at(at), sizeof(header));
	ktap::require(header.nlmsg_type != NLMSG_ERROR, "a dump");
	return header.nlmsg_type == NLMSG_DONE;
}

/// Prints the median of the nanoseconds that @p what takes, which returns how many system calls it made.
template <typename What> void measure(const char *name, What what)
{
	std::vector<std::int64_t> times;
	int calls = 0;

	for (int round = 0; round < rounds; round++) {
		const auto begin = std::chrono::steady_clock::now();

		calls = what();
		times.push_back(
			std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
	}
	std::ranges::nth_element(times, times.begin() + rounds / 2);
	std::printf("%-22s %10lld ns, system calls: %d\n", name,
		    static_cast<long long>(times[rounds / 2]), calls);
}

/// A socket that asks for one dump again and again.
class Dump {
public:
	explicit Dump(const genetlink::Message &message) : request_(message.build())
	{
		nlmsghdr header{};

		std::memcpy(&header, request_.data(), sizeof(header));
		header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		std::memcpy(request_.data(), &header, sizeof(header));
	}

	int operator()()
	{
		std::size_t size = 0;
		int calls = 1;

		host::check(static_cast<int>(send(fd_.get(), request_.data(), request_.size(), 0)),
			    "send");
		do {
			size = static_cast<std::size_t>(
				host::check(static_cast<int>(recv(fd_.get(), buffer_.data(),
								  buffer_.size(), 0)),
					    "recv"));
			calls++;
		} while (!is_end(buffer_, size));
		return calls;
	}

private:
	netlink::Bytes request_;
	host::Descriptor fd_{host::check(
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), "netlink socket")};
	Buffer buffer_{};
};

int run(const std::vector<std::string> & /*there are none*/)
{
	const char *file = std::getenv("ICMPX_KO"); // NOLINT(concurrency-mt-unsafe): one thread

	if (!file)
		ktap::fatal("no ICMPX_KO in the environment");
	ktap::require_equal(module::load(file), 0, std::string("loading ") + file);
	const genetlink::Client client;

	measure("counters", Dump(client.message(ICMPX_CMD_COUNTERS_GET)));
	measure("no ping sockets", Dump(client.message(ICMPX_CMD_SOCKET_GET)));
	measure("no work", [] {
		getppid();
		return 1;
	});
	return 0;
}

} // namespace

int main(int argc, char **argv) { return run_tool(argc, argv, run); }
