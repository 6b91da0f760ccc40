// SPDX-License-Identifier: GPL-2.0-only
#include "self_ping.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>

#include "counters.hpp"
#include "netlink.hpp"
#include "probe_socket.hpp"

namespace icmpxctl {

namespace {

/// A socket that has the loopback address: without it a request might leave by another device, and not come back.
class Pinger {
public:
	/// @throws std::system_error
	explicit Pinger(const probe::Endpoint &self) : descriptor_(open(self))
	{
		ifreq device{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {}};

		if (::bind(descriptor_, address(self), self.length) != 0)
			fail("the address " + self.text());
		// IPv4 has the address all the same, and sends, but nothing arrives.
		if (::ioctl(descriptor_, SIOCGIFFLAGS, &device) != 0)
			fail("the device lo");
		if ((device.ifr_flags & IFF_UP) == 0) {
			errno = ENETDOWN;
			fail("the device lo");
		}
	}
	~Pinger() { ::close(descriptor_); }
	Pinger(const Pinger &) = delete;
	Pinger &operator=(const Pinger &) = delete;
	Pinger(Pinger &&) = delete;
	Pinger &operator=(Pinger &&) = delete;

	/// @throws std::system_error
	void send(const probe::Endpoint &self) const
	{
		// A raw socket of IPv4 wants the checksum; all others make it themselves.
		const probe::Bytes request = self.ip() == probe::Ip::v4
						     ? probe::Bytes{8, 0, 0xf7, 0xfe, 0, 0, 0, 1}
						     : probe::Bytes{128, 0, 0, 0, 0, 0, 0, 1};

		if (::sendto(descriptor_, request.data(), request.size(), 0, address(self),
			     self.length) < 0)
			throw std::system_error(errno, std::generic_category(),
						"a message to " + self.text());
	}

private:
	[[noreturn]] void fail(const std::string &what) const
	{
		const int error = errno;

		::close(descriptor_);
		throw std::system_error(error, std::generic_category(), what);
	}

	static const sockaddr *address(const probe::Endpoint &self)
	{
		return reinterpret_cast<const sockaddr *>(&self.address);
	}

	static int open(const probe::Endpoint &self)
	{
		const bool v4 = self.ip() == probe::Ip::v4;
		const int family = v4 ? AF_INET : AF_INET6;
		const int protocol = v4 ? +IPPROTO_ICMP : +IPPROTO_ICMPV6;
		int descriptor = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol);

		if (descriptor >= 0)
			return descriptor;

		const int error = errno;

		descriptor = ::socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
		if (descriptor < 0)
			throw std::system_error(error, std::generic_category(), "a ping socket");
		return descriptor;
	}

	int descriptor_;
};

std::uint64_t packets_in(Netlink &netlink, int family)
{
	for (const Counters &counters : read_counters(netlink, family))
		for (const Counter &counter : counters.list)
			if (counter.name == "packets_in")
				return counter.value;
	throw std::runtime_error("there is no counter packets_in");
}

} // namespace

SelfPing ping_self(Netlink &netlink, int family)
{
	using Clock = std::chrono::steady_clock;
	constexpr std::chrono::seconds patience(1);
	constexpr int pause = 10;

	try {
		const probe::Endpoint self =
			probe::resolve(family == AF_INET ? "127.0.0.1" : "::1", family);
		const Pinger pinger(self);
		const std::uint64_t before = packets_in(netlink, family);

		pinger.send(self);
		// A raw socket sees the request before icmpx does, so what it gets says nothing.
		for (const auto end = Clock::now() + patience; Clock::now() < end;
		     ::poll(nullptr, 0, pause))
			if (packets_in(netlink, family) != before)
				return {.counted = true, .untried = ""};
		return {.counted = false, .untried = ""};
	} catch (const std::runtime_error &error) {
		return {.counted = std::nullopt, .untried = error.what()};
	}
}

} // namespace icmpxctl
