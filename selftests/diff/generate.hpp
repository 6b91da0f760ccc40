/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Parts of the generator: each makes one kind of thing at random.
 */
#pragma once

#include "generate_data.hpp"
#include "random.hpp"
#include "sequence.hpp"

#include <vector>

namespace diff {

/// Addresses to come from: neighbours, hosts far away, and what must not come at all.
Address any_source(Random &random);

/// Right, malformed, of every kind.
Bytes any_options(Random &random);

/// Requests and replies, of every type, well made or not.
Packet any_message(Random &random);

/// PROBE (RFC 8335).
Packet any_probe(Random &random);

/// An error about a datagram that one of the sockets, or nobody, sent.
Packet any_error(Random &random);

/// A redirect whose embedded header is too short to be one.
Packet malformed_redirect(Random &random);

/// Not ICMP: what this host has to say something about.
Packet any_cause(Random &random);

/// What a router has something to say about.
Packet any_transit(Random &random);

/// A fragment whose rest never comes.
Packet lone_fragment(Random &random);

/// Changes the IP header and the frame: TTL, TOS, addresses, options, lies.
void vary(Random &random, Packet &packet);

/// @p packet in fragments: in order or out of it, some missing, some overlapping.
std::vector<Step> any_fragments(Random &random, Packet packet);

/// What a program sends.
Call any_call(Random &random);

} // namespace diff
