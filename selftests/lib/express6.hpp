/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What express.hpp has, for ICMPv6.
 */
#pragma once

#include "counters6.hpp"
#include "express.hpp"
#include "wire6.hpp"

namespace express6 {

using express::setting;
using packet::Bytes;
using packet6::Ipv6;
using wire6::Wire;

inline constexpr std::size_t ip_at = ETH_HLEN, source_at = ip_at + 8, destination_at = ip_at + 24;
inline constexpr std::size_t icmp_at = ip_at + 40;

inline Wire plain_server(const Wire::Options &options = {}, unsigned mtu = 1500)
{
	host::need_icmpx();
	host::need("IPv6 of icmpx", "test -e /proc/net/icmpx6_stat");
	Wire wire = wire6::new_server(options, mtu);

	// What is not on the express path would have a label of its own, and errors a limit.
	host::set_sysctl("net/ipv6/auto_flowlabels", 0);
	host::set_sysctl("net/ipv6/icmp/ratemask", "255");
	return wire;
}

inline Wire express_server(const Wire::Options &options = {}, unsigned mtu = 1500)
{
	Wire wire = plain_server(options, mtu);

	host::set_sysctl(setting, options.name);
	return wire;
}

inline Ipv6 ping(std::size_t size = 56, const packet6::Ends &ends = {})
{
	return packet6::datagram(packet6::echo_request(0x1357, 0x2468, packet::pattern(size)),
				 ends);
}

inline Bytes frame_of(const Wire &wire, const Ipv6 &request) { return wire.frame(request.build()); }

inline Bytes next_frame(const Wire &wire, wire::milliseconds timeout = wire::patience)
{
	return express::next_frame(wire.fd(), timeout, ETH_P_IPV6);
}

inline void put16(Bytes &frame, std::size_t at, unsigned value)
{
	frame[at] = static_cast<std::uint8_t>(value >> 8);
	frame[at + 1] = static_cast<std::uint8_t>(value);
}

/// Makes the checksum right.
inline void put_checksum(Bytes &frame)
{
	const packet::View message = packet::View(frame).subspan(icmp_at);
	packet6::Ends ends;

	std::copy_n(frame.begin() + source_at, 16, ends.source.begin());
	std::copy_n(frame.begin() + destination_at, 16, ends.destination.begin());
	put16(frame, icmp_at + 2, 0);
	put16(frame, icmp_at + 2,
	      packet::checksum(message, packet6::pseudo_header(ends.source, ends.destination,
							       message.size())));
}

/// The reply to @p request, made byte for byte and not with what is tested.
inline Bytes reply_to(const Bytes &request, std::uint8_t hop_limit = 64)
{
	const std::size_t total = icmp_at + packet::get16(request, ip_at + 4);
	Bytes reply(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(total));

	std::swap_ranges(reply.begin(), reply.begin() + 6, reply.begin() + 6);
	std::swap_ranges(reply.begin() + source_at, reply.begin() + destination_at,
			 reply.begin() + destination_at);
	reply[ip_at + 7] = hop_limit;
	reply[icmp_at] = packet6::echo_reply;
	put_checksum(reply);
	return reply;
}

} // namespace express6
