// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Which rules of nftables drop pings: follows an echo request and its reply through a ruleset. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace icmpxctl {

/// A rule or a policy that pings end at.
struct FirewallDrop {
	/// Where it is, such as `rule 5 of chain inet filter input`.
	std::string place;
	/// The families of addresses that it drops pings of, as in `IPv4 and IPv6`.
	std::string families;
	/// It drops every ping that comes to it; else those that are also as its other conditions want.
	bool all;
	/// The command that lets pings pass.
	std::string fix;

	bool operator==(const FirewallDrop &) const = default;
};

/**
 * Finds the rules that drop the echo requests of others to this host, or the replies to them. What depends on more than the
 * protocol, the type and the state of the connection (addresses, devices, limits) may be so or not.
 *
 * @param ruleset what `nft -j list ruleset` prints; anything else has no rules
 */
std::vector<FirewallDrop> find_drops(std::string_view ruleset);

} // namespace icmpxctl
