/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Parts of the generator for IPv6, as generate.hpp has those for IPv4.
 */
#pragma once

#include "random.hpp"
#include "sequence.hpp"

#include <vector>

namespace diff {

/// Sequence @p number of @p seed, of IPv6.
Sequence generate6(std::uint64_t seed, std::uint64_t number);

namespace six {

/// Addresses to come from: neighbours, hosts far away, and what must not come at all.
Address any_source(Random &random);

/// Requests and replies, of every type but those of neighbour and listener discovery, well made or not.
Packet6 any_message(Random &random);

/// PROBE (RFC 8335).
Packet6 any_probe(Random &random);

/// An error about a packet that one of the sockets, or nobody, sent.
Packet6 any_error(Random &random);

/// Neighbour discovery, which the built-in code handles.
Packet6 any_discovery(Random &random);

/// A query for listeners whose answers are not delayed, and reports of others.
Packet6 any_query(Random &random);

/// Not ICMPv6: what this host has to say something about.
Packet6 any_cause(Random &random);

/// What a router has something to say about.
Packet6 any_transit(Random &random);

/// A fragment whose rest never comes.
Packet6 lone_fragment(Random &random);

/// Changes the IPv6 header and the frame: hop limit, traffic class, flow label, addresses, extension headers, lies.
void vary(Random &random, Packet6 &packet);

/// @p packet in fragments: in order or out of it, some missing, some overlapping; or in one, which is atomic.
std::vector<Step> any_fragments(Random &random, Packet6 packet);

/// What a program sends.
Call6 any_call(Random &random);

} // namespace six

} // namespace diff
