/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The sockets that wait in a sequence of IPv6, as sockets.hpp has those of IPv4.
 */
#pragma once

#include "sockets.hpp"

#include <array>

namespace diff {

using SocketKind6 = SocketKindOf<sock6::Endpoint>;
using K6 = SocketKind6;

inline constexpr std::array socket_kinds6{
	K6{"udp6", SOCK_DGRAM, 0, 1000, {}, K6::none},
	K6{"udp6, IPV6_RECVERR", SOCK_DGRAM, 0, 1001, {}, K6::recverr},
	K6{"udp6, connected", SOCK_DGRAM, 0, 1002, {six::remote(1), 2000}, K6::none},
	K6{"udp6, connected, IPV6_RECVERR, RFC 4884",
	   SOCK_DGRAM,
	   0,
	   1003,
	   {six::remote(1), 2001},
	   K6::recverr | K6::rfc4884},
	K6{"udp6, connected, IPV6_PMTUDISC_DONT",
	   SOCK_DGRAM,
	   0,
	   1004,
	   {six::remote(2), 2002},
	   K6::pmtu_dont | K6::recverr},
	K6{"udp6, connected, IPV6_PMTUDISC_DO",
	   SOCK_DGRAM,
	   0,
	   1005,
	   {six::remote(3), 2003},
	   K6::pmtu_do},
	K6{"udplite6, connected",
	   SOCK_DGRAM,
	   IPPROTO_UDPLITE,
	   1006,
	   {six::remote(1), 2004},
	   K6::recverr},
	K6{"tcp6, LISTEN", SOCK_STREAM, 0, listener_port, {}, K6::listens},
	K6{"tcp6, SYN_SENT", SOCK_STREAM, 0, 1081, {six::remote(4), 2081}, K6::none},
	K6{"tcp6, SYN_SENT, IPV6_RECVERR",
	   SOCK_STREAM,
	   0,
	   1082,
	   {six::remote(5), 2082},
	   K6::recverr},
	K6{"tcp6, ESTABLISHED", SOCK_STREAM, 0, 1083, {six::remote(6), 2083}, K6::established},
	K6{"tcp6, ESTABLISHED, IPV6_RECVERR",
	   SOCK_STREAM,
	   0,
	   1084,
	   {six::remote(6), 2084},
	   K6::established | K6::recverr},
	K6{"raw icmp6", SOCK_RAW, IPPROTO_ICMPV6, 0, {}, K6::none},
	K6{"raw icmp6, ICMP6_FILTER, IPV6_RECVERR",
	   SOCK_RAW,
	   IPPROTO_ICMPV6,
	   0,
	   {},
	   K6::filter | K6::recverr},
	K6{"raw icmp6, connected", SOCK_RAW, IPPROTO_ICMPV6, 0, {six::remote(7), 0}, K6::none},
	K6{"raw udp6, IPV6_RECVERR, RFC 4884",
	   SOCK_RAW,
	   IPPROTO_UDP,
	   0,
	   {},
	   K6::recverr | K6::rfc4884},
	K6{"raw 253, IPV6_HDRINCL, IPV6_RECVERR",
	   SOCK_RAW,
	   253,
	   0,
	   {},
	   K6::header_included | K6::recverr},
	K6{"raw 253, connected, IPV6_PMTUDISC_DO",
	   SOCK_RAW,
	   253,
	   0,
	   {six::remote(7), 0},
	   K6::pmtu_do},
	K6{"ping6", SOCK_DGRAM, IPPROTO_ICMPV6, 100, {}, K6::none},
	K6{"ping6, IPV6_RECVERR", SOCK_DGRAM, IPPROTO_ICMPV6, 101, {}, K6::recverr | K6::rfc4884},
	K6{"ping6, connected", SOCK_DGRAM, IPPROTO_ICMPV6, 102, {six::remote(8), 0}, K6::pmtu_do},
	K6{"ping6, connected, IPV6_RECVERR, IPV6_PMTUDISC_DONT",
	   SOCK_DGRAM,
	   IPPROTO_ICMPV6,
	   103,
	   {six::remote(8), 0},
	   K6::recverr | K6::pmtu_dont},
	K6{"ping6, narrow", SOCK_DGRAM, IPPROTO_ICMPV6, 104, {}, K6::narrow | K6::recverr},
	K6{"ping6, bound to the device", SOCK_DGRAM, IPPROTO_ICMPV6, 105, {}, K6::device},
};
static_assert(socket_kinds6.size() < 32);

inline constexpr std::uint32_t every_socket6 = (std::uint32_t{1} << socket_kinds6.size()) - 1;

constexpr bool is_ping(const SocketKind6 &kind)
{
	return kind.type == SOCK_DGRAM && kind.protocol == IPPROTO_ICMPV6;
}

constexpr bool is_raw_icmp(const SocketKind6 &kind)
{
	return kind.type == SOCK_RAW && kind.protocol == IPPROTO_ICMPV6;
}

/// The name of the socket number @p index of a sequence of @p family.
constexpr const char *socket_name(Family family, std::size_t index)
{
	return family == Family::v6 ? socket_kinds6.at(index).name : socket_kinds.at(index).name;
}

} // namespace diff
