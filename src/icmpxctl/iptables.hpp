// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Rules of iptables in nftables: nft tells no more of their matches than the name, iptables-save(8) does. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace icmpxctl::iptables {

/// The words of a rule behind `-A CHAIN`.
using Words = std::vector<std::string>;

/// Rules of chains, whose keys are those of nftables: `ip filter INPUT`.
using Rules = std::map<std::string, std::vector<Words>>;

/**
 * Adds the rules that iptables-save or ip6tables-save prints.
 *
 * @param family ip or ip6
 */
void read(std::string_view saved, const std::string &family, Rules &rules);

/// The packet that a rule may hold for.
struct Packet {
	/// The number of its type.
	unsigned type;
	/// As connection tracking has it, in capitals.
	std::string_view state;
	/// It is for this host.
	bool is_local;
};

/// Whether a match of a rule holds, such as `icmp` or `conntrack`; nothing if that cannot be told.
std::optional<bool> holds(std::string_view match, const Words &rule, const Packet &packet);

} // namespace icmpxctl::iptables
