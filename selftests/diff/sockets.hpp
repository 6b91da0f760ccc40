/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The sockets that wait in a sequence: of every kind that ICMP has something to say to.
 */
#pragma once

#include "sequence.hpp"

#include <array>

#include <netinet/in.h>

namespace diff {

/// A socket whose peer is an @p End.
template <typename End> struct SocketKindOf {
	enum Flags : std::uint32_t {
		none = 0,
		recverr = 1 << 0,
		rfc4884 = 1 << 1,
		/// IP_MTU_DISCOVER: IP_PMTUDISC_DONT, IP_PMTUDISC_DO.
		pmtu_dont = 1 << 2,
		pmtu_do = 1 << 3,
		/// ICMP_FILTER: echo requests, and redirects, are not wanted.
		filter = 1 << 4,
		header_included = 1 << 5,
		listens = 1 << 6,
		/// A connection whose peer does not exist, with data in flight.
		established = 1 << 7,
		/// The same, closed on this side.
		shut = 1 << 8,
		/// With the smallest receive buffer there is.
		narrow = 1 << 9,
		/// Bound to the wire's device.
		device = 1 << 10,
	};

	const char *name;
	int type, protocol;
	/// Port or identifier; 0: not bound.
	std::uint16_t port;
	/// {}: not connected.
	End peer;
	std::uint32_t flags;

	bool has(Flags flag) const { return flags & flag; }
};

/// The first byte that an established connection has in flight.
inline constexpr std::uint32_t first_sequence = 1000;
inline constexpr std::uint16_t listener_port = 80;
/// The peers that generated SYNs come from.
inline constexpr std::uint16_t syn_port = 77;

using SocketKind = SocketKindOf<Endpoint>;
using K = SocketKind;

inline constexpr std::array socket_kinds{
	K{"udp", SOCK_DGRAM, 0, 1000, {}, K::none},
	K{"udp, IP_RECVERR", SOCK_DGRAM, 0, 1001, {}, K::recverr},
	K{"udp, connected", SOCK_DGRAM, 0, 1002, {remote(1), 2000}, K::none},
	K{"udp, connected, IP_RECVERR, RFC 4884",
	  SOCK_DGRAM,
	  0,
	  1003,
	  {remote(1), 2001},
	  K::recverr | K::rfc4884},
	K{"udp, connected, IP_PMTUDISC_DONT",
	  SOCK_DGRAM,
	  0,
	  1004,
	  {remote(2), 2002},
	  K::pmtu_dont | K::recverr},
	K{"udp, connected, IP_PMTUDISC_DO", SOCK_DGRAM, 0, 1005, {remote(3), 2003}, K::pmtu_do},
	K{"udplite, connected", SOCK_DGRAM, IPPROTO_UDPLITE, 1006, {remote(1), 2004}, K::recverr},
	K{"tcp, LISTEN", SOCK_STREAM, 0, listener_port, {}, K::listens},
	K{"tcp, SYN_SENT", SOCK_STREAM, 0, 1081, {remote(4), 2081}, K::none},
	K{"tcp, SYN_SENT, IP_RECVERR", SOCK_STREAM, 0, 1082, {remote(5), 2082}, K::recverr},
	K{"tcp, ESTABLISHED", SOCK_STREAM, 0, 1083, {remote(6), 2083}, K::established},
	K{"tcp, ESTABLISHED, IP_RECVERR",
	  SOCK_STREAM,
	  0,
	  1084,
	  {remote(6), 2084},
	  K::established | K::recverr},
	K{"tcp, FIN_WAIT1", SOCK_STREAM, 0, 1085, {remote(4), 2085}, K::established | K::shut},
	K{"raw icmp", SOCK_RAW, IPPROTO_ICMP, 0, {}, K::none},
	K{"raw icmp, ICMP_FILTER, IP_RECVERR",
	  SOCK_RAW,
	  IPPROTO_ICMP,
	  0,
	  {},
	  K::filter | K::recverr},
	K{"raw icmp, connected", SOCK_RAW, IPPROTO_ICMP, 0, {remote(7), 0}, K::none},
	K{"raw udp, IP_RECVERR, RFC 4884", SOCK_RAW, IPPROTO_UDP, 0, {}, K::recverr | K::rfc4884},
	K{"raw 253, IP_HDRINCL, IP_RECVERR", SOCK_RAW, 253, 0, {}, K::header_included | K::recverr},
	K{"raw 253, connected, IP_PMTUDISC_DONT", SOCK_RAW, 253, 0, {remote(7), 0}, K::pmtu_dont},
	K{"raw tcp, connected", SOCK_RAW, IPPROTO_TCP, 0, {remote(4), 0}, K::none},
	K{"raw IPPROTO_RAW, IP_RECVERR", SOCK_RAW, IPPROTO_RAW, 0, {}, K::recverr},
	K{"ping", SOCK_DGRAM, IPPROTO_ICMP, 100, {}, K::none},
	K{"ping, IP_RECVERR", SOCK_DGRAM, IPPROTO_ICMP, 101, {}, K::recverr | K::rfc4884},
	K{"ping, connected", SOCK_DGRAM, IPPROTO_ICMP, 102, {remote(8), 0}, K::pmtu_do},
	K{"ping, connected, IP_RECVERR, IP_PMTUDISC_DONT",
	  SOCK_DGRAM,
	  IPPROTO_ICMP,
	  103,
	  {remote(8), 0},
	  K::recverr | K::pmtu_dont},
	K{"ping, narrow", SOCK_DGRAM, IPPROTO_ICMP, 104, {}, K::narrow | K::recverr},
	K{"ping, bound to the device", SOCK_DGRAM, IPPROTO_ICMP, 105, {}, K::device},
};
static_assert(socket_kinds.size() <= 32);

inline constexpr std::uint32_t every_socket = (std::uint64_t{1} << socket_kinds.size()) - 1;

/// The bits of the sockets for which @p predicate holds.
template <typename Predicate> constexpr std::uint32_t sockets_that(Predicate predicate)
{
	std::uint32_t bits = 0;

	for (std::size_t i = 0; i < socket_kinds.size(); i++)
		bits |= predicate(socket_kinds[i]) ? std::uint32_t{1} << i : 0;
	return bits;
}

constexpr bool is_raw_icmp(const SocketKind &kind)
{
	return kind.type == SOCK_RAW && kind.protocol == IPPROTO_ICMP;
}

template <typename End> constexpr bool is_tcp(const SocketKindOf<End> &kind)
{
	return kind.type == SOCK_STREAM;
}

constexpr bool is_ping(const SocketKind &kind)
{
	return kind.type == SOCK_DGRAM && kind.protocol == IPPROTO_ICMP;
}

/// The protocol of what the socket sends.
template <typename End> constexpr std::uint8_t protocol_of(const SocketKindOf<End> &kind)
{
	if (is_tcp(kind))
		return IPPROTO_TCP;
	return static_cast<std::uint8_t>(kind.protocol ? kind.protocol : IPPROTO_UDP);
}

} // namespace diff
