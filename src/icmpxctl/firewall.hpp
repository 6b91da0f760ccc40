// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Which rules of nftables drop pings: follows an echo request and its reply through a ruleset. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iptables.hpp"

namespace icmpxctl {

/// How many of the pings that come to a rule or a policy it drops.
enum class Extent {
	all,
	some, ///< those that are also as its other conditions want: from an address, by a device
	unknown ///< perhaps none: that depends on what cannot be told, such as a rate or a match of iptables
};

/// A rule or a policy that pings end at.
struct FirewallDrop {
	/// Where it is, such as `rule 5 of chain inet filter input`.
	std::string place;
	/// The families of addresses that it drops pings of, as in `IPv4 and IPv6`.
	std::string families;
	Extent extent;
	/// The command that lets pings pass; where the extent is not known, the one that lists the chain.
	std::string fix;

	bool operator==(const FirewallDrop &) const = default;
};

/**
 * Finds the rules that drop the echo requests of others to this host, or the replies to them.
 *
 * @param text what `nft -j list ruleset` prints
 * @param saved the rules of iptables that are part of it
 * @return nothing if the text is no ruleset
 */
std::optional<std::vector<FirewallDrop>> find_drops(std::string_view text,
						    const iptables::Rules &saved = {});

} // namespace icmpxctl
