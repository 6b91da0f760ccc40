// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// A rule of nftables: whether it holds for a ping, and where the ping goes then. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firewall_ruleset.hpp"
#include "iptables.hpp"

namespace icmpxctl::firewall {

/// A condition for several that have to hold at once is the least of theirs.
enum class Match {
	no,
	unknown, ///< nothing here tells: a rate, a match of iptables
	seldom,	 ///< for some packets, which need not be pings: by an address, a mark
	partly,	 ///< for a part of the pings: by a device
	yes
};

/// What is known of the packet that is followed.
struct Packet {
	bool v6;
	/// It is the request that comes in; else the reply that goes out.
	bool request;

	/// As nft names the type, and connection tracking the state.
	std::string_view type() const { return request ? "echo-request" : "echo-reply"; }
	std::string_view state() const { return request ? "new" : "established"; }
	unsigned type_number() const;
};

/// Where a rule sends a packet.
struct Outcome {
	/// Of a verdict map, whether the packet has this element.
	Match match = Match::yes;
	/// accept, drop, return, jump, goto.
	std::string verdict;
	/// Of jump and goto.
	std::string target;
};

struct Reading {
	/// All conditions.
	Match match = Match::yes;
	/// Several for a verdict map, at most one of which is sure; none if the packet goes on.
	std::vector<Outcome> outcomes;
	/// One of the conditions is about ICMP.
	bool names_icmp = false;
	/// It has a part that is not known here, which may end the packet's way.
	bool opaque = false;
};

/// Reads a rule of a chain. @param saved what iptables has of it; NULL if it is not a rule of iptables, or not known
Reading read_rule(const Json &rule, const Chain &chain, const Ruleset &ruleset,
		  const Packet &packet, const iptables::Words *saved);

} // namespace icmpxctl::firewall
