/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What tests of net.icmpx.express share: plain requests as frames, and the frames that are to answer them.
 */
#pragma once

#include "counters.hpp"
#include "ktap.hpp"
#include "wire.hpp"

#include <algorithm>
#include <string_view>

#include <linux/if_ether.h>
#include <poll.h>
#include <unistd.h>

namespace express {

using packet::Bytes;
using packet::Ipv4;
using wire::Wire;

inline constexpr const char *setting = "net/icmpx/express";
inline constexpr std::size_t ip_at = ETH_HLEN;
inline constexpr std::size_t icmp_at = ip_at + 20;

/// Sets which devices of this namespace have the express path; returns 0 or the errno.
inline int try_to_set(const std::string &value)
{
	// A write of no byte at all does not reach the setting.
	return host::write_file(std::string("/proc/sys/") + setting, value + "\n") ? 0 : errno;
}

inline Wire plain_server(const Wire::Options &options = {}, unsigned mtu = 1500)
{
	host::need_icmpx();
	return wire::new_server(options, mtu);
}

inline Wire express_server(const Wire::Options &options = {}, unsigned mtu = 1500)
{
	Wire wire = plain_server(options, mtu);

	host::set_sysctl(setting, options.name);
	return wire;
}

inline Ipv4 ping(std::size_t size = 56)
{
	return packet::datagram(packet::echo_request(0x1357, 0x2468, packet::pattern(size)));
}

inline Bytes frame_of(const Wire &wire, const Ipv4 &request) { return wire.frame(request.build()); }

inline void put_checksum(Bytes &frame)
{
	frame[ip_at + 10] = frame[ip_at + 11] = 0;
	std::uint16_t sum = packet::checksum(packet::View(frame).subspan(ip_at, 20));
	frame[ip_at + 10] = static_cast<std::uint8_t>(sum >> 8);
	frame[ip_at + 11] = static_cast<std::uint8_t>(sum);
}

/// The next frame of @p protocol, whole; empty when none comes in time.
inline Bytes next_frame(int fd, wire::milliseconds timeout, std::uint16_t protocol = ETH_P_IP)
{
	Bytes frame(70000);
	pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};

	while (poll(&ready, 1, static_cast<int>(timeout.count())) > 0) {
		ssize_t size = read(fd, frame.data(), frame.size());
		if (size > ETH_HLEN && packet::get16(frame, 12) == protocol) {
			frame.resize(static_cast<std::size_t>(size));
			return frame;
		}
	}
	return {};
}

/// The reply to @p request, made byte for byte and not with what is tested.
inline Bytes reply_to(const Bytes &request, std::uint8_t ttl = 64)
{
	const std::size_t total = packet::get16(request, ip_at + 2);
	Bytes reply(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(ip_at + total));
	const unsigned id = packet::get16(request, ip_at + 4) +
			    packet::get16(request, icmp_at + 4) +
			    packet::get16(request, icmp_at + 6);

	std::swap_ranges(reply.begin(), reply.begin() + 6, reply.begin() + 6);
	std::swap_ranges(reply.begin() + ip_at + 12, reply.begin() + ip_at + 16,
			 reply.begin() + ip_at + 16);
	reply[ip_at + 4] = static_cast<std::uint8_t>(id >> 8);
	reply[ip_at + 5] = static_cast<std::uint8_t>(id);
	reply[ip_at + 6] = reply[ip_at + 7] = 0;
	reply[ip_at + 8] = ttl;
	put_checksum(reply);
	reply[icmp_at] = reply[icmp_at + 2] = reply[icmp_at + 3] = 0;
	std::uint16_t sum = packet::checksum(packet::View(reply).subspan(icmp_at));
	reply[icmp_at + 2] = static_cast<std::uint8_t>(sum >> 8);
	reply[icmp_at + 3] = static_cast<std::uint8_t>(sum);
	return reply;
}

/// Expects one packet to have come to @p way, which is "reply_express" or else.
inline void expect_way(const counters::Change &change, std::string_view way, std::string_view what,
		       const std::source_location &where = std::source_location::current())
{
	change.expect_outcomes({{std::string(way), 1}}, what, where);
}

} // namespace express
