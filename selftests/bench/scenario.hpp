/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The scenarios that scenarios.cpp measures.
 */
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Not an ICMP type: a datagram that an error is sent about.
inline constexpr int to_closed_port = 256;

/// What the names of scenarios over IPv6 begin with.
inline constexpr std::string_view over_ipv6 = "IPv6: ";

struct Scenario {
	std::string name;
	int type = 8;
	unsigned bytes = 56;
	unsigned sources = 1;
	bool options = false;
	/// Whether they come in by NAPI and GRO, as those of most drivers do.
	bool gro = false;
	/// Whether they come in fragments.
	bool fragments = false;
	/// Whether they come in by a device with several queues.
	bool several_queues = false;
	/// Shell commands that make the machine what the scenario says, and what it was.
	std::string before{};
	std::string after{};
	/// Whether a raw socket for ICMP is open: then a packet is not ours alone.
	bool raw_socket = false;
	unsigned count = 2000;
	/// How often at least, with icmpx loaded anew each time.
	unsigned rounds = 1;
	/// Over IPv6; then the type is one of ICMPv6.
	bool ipv6 = false;
	/// Of IPv6, in place of the device's own.
	std::string source{};
	std::string destination{};
};

inline const std::string limits = "sysctl -q -w net.ipv4.icmp_ratemask=";
inline const std::string no_limits = limits + "6168 net.ipv4.icmp_ratelimit=1000 "
					      "net.ipv4.icmp_msgs_per_sec=1000 "
					      "net.ipv4.icmp_msgs_burst=50";
inline const std::string no_global_limit = " net.ipv4.icmp_msgs_per_sec=1000000 "
					   "net.ipv4.icmp_msgs_burst=1000000";

/// What ip-sysctl says of net.ipv6.icmp.
inline const std::string no_global_limit6 = "sysctl -q -w" + no_global_limit;
inline const std::string limits6 =
	no_global_limit6 + " net.ipv6.icmp.ratemask=129 net.ipv6.icmp.ratelimit=";
inline const std::string no_limits6 =
	"sysctl -q -w net.ipv4.icmp_msgs_per_sec=1000 "
	"net.ipv4.icmp_msgs_burst=50 "
	"net.ipv6.icmp.ratemask=0-1,3-127 net.ipv6.icmp.ratelimit=1000";

inline std::vector<Scenario> scenarios6()
{
	std::vector<Scenario> all{
		{.name = "echo, no data", .bytes = 0},
		{.name = "echo, 56 bytes"},
		{.name = "echo, 56 bytes, by GRO", .gro = true},
		{.name = "echo, 56 bytes, 4 queues", .several_queues = true},
		{.name = "echo, 1400 bytes", .bytes = 1400},
		{.name = "echo, 8952 bytes, MTU 9000",
		 .bytes = 8952,
		 .before = "ip link set bench0 mtu 9000",
		 .after = "ip link set bench0 mtu 1500",
		 .count = 500},
		{.name = "echo, 65507 bytes, MTU 1500", .bytes = 65507, .count = 100},
		{.name = "1,000 sources", .sources = 1000, .count = 20000, .rounds = 9},
		{.name = "1,000,000 sources", .sources = 1000000, .count = 20000},
		{.name = "nftables rules",
		 .before = "nft 'add table ip6 bench;"
			   "add chain ip6 bench in { type filter hook input priority 0; };"
			   "add rule ip6 bench in icmpv6 type echo-request counter accept;"
			   "add chain ip6 bench out { type filter hook output priority 0; };"
			   "add rule ip6 bench out icmpv6 type echo-reply counter accept'",
		 .after = "nft delete table ip6 bench"},
		{.name = "raw socket open", .raw_socket = true},
		{.name = "hop-by-hop option", .options = true},
		{.name = "limits open", .before = limits6 + "0", .after = no_limits6},
		{.name = "limits shut", .before = limits6 + "600000", .after = no_limits6},
		{.name = "error for a UDP socket", .type = 1},
		{.name = "error about a UDP datagram",
		 .type = to_closed_port,
		 .bytes = 18,
		 .before = "sysctl -q -w net.ipv6.icmp.ratemask=255",
		 .after = no_limits6},
		{.name = "limited error about a UDP datagram",
		 .type = to_closed_port,
		 .bytes = 18,
		 .before = no_global_limit6 +
			   " net.ipv6.icmp.ratemask=1 net.ipv6.icmp.ratelimit=600000",
		 .after = no_limits6},
		{.name = "unknown type", .type = 200},
		{.name = "neighbour solicitation, handed on", .type = 135, .bytes = 16},
		{.name = "MLD query, handed on",
		 .type = 130,
		 .bytes = 16,
		 .options = true,
		 .source = "fe80::2",
		 .destination = "ff02::1"},
		{.name = "echo reply, handed on", .type = 129},
	};

	for (Scenario &scenario : all) {
		scenario.name = std::string(over_ipv6) + scenario.name;
		scenario.ipv6 = true;
		if (scenario.type == 8)
			scenario.type = 128;
	}
	return all;
}

inline std::vector<Scenario> scenarios()
{
	std::vector<Scenario> all{
		{.name = "echo, no data", .bytes = 0},
		{.name = "echo, 56 bytes"},
		{.name = "echo, 56 bytes, by GRO", .gro = true},
		{.name = "echo, 56 bytes, 4 queues", .several_queues = true},
		{.name = "echo, 56 bytes, 4 queues, by GRO", .gro = true, .several_queues = true},
		{.name = "echo, 1400 bytes", .bytes = 1400},
		{.name = "echo, 8972 bytes, MTU 9000",
		 .bytes = 8972,
		 .before = "ip link set bench0 mtu 9000",
		 .after = "ip link set bench0 mtu 1500",
		 .count = 500},
		{.name = "echo, 65507 bytes, MTU 1500", .bytes = 65507, .count = 100},
		{.name = "echo, 65507 bytes in fragments",
		 .bytes = 65507,
		 .fragments = true,
		 .count = 100},
		{.name = "1,000 sources", .sources = 1000, .count = 20000, .rounds = 9},
		{.name = "1,000,000 sources", .sources = 1000000, .count = 20000},
		{.name = "nftables rules",
		 .before = "nft 'add table ip bench;"
			   "add chain ip bench in { type filter hook input priority 0; };"
			   "add rule ip bench in icmp type echo-request counter accept;"
			   "add chain ip bench out { type filter hook output priority 0; };"
			   "add rule ip bench out icmp type echo-reply counter accept'",
		 .after = "nft delete table ip bench"},
		{.name = "nftables rules, conntrack",
		 .before = "nft 'add table ip bench;"
			   "add chain ip bench in { type filter hook input priority 0; };"
			   "add rule ip bench in ct state new,established counter accept'",
		 .after = "nft delete table ip bench"},
		{.name = "raw socket open", .raw_socket = true},
		{.name = "raw socket open, 4 queues", .several_queues = true, .raw_socket = true},
		{.name = "raw socket open, 1400 bytes", .bytes = 1400, .raw_socket = true},
		{.name = "IP option", .options = true},
		{.name = "limits open",
		 .before = limits + "6169 net.ipv4.icmp_ratelimit=0" + no_global_limit,
		 .after = no_limits},
		{.name = "limits shut",
		 .before = limits + "6169 net.ipv4.icmp_ratelimit=600000" + no_global_limit,
		 .after = no_limits},
		{.name = "error for a UDP socket", .type = 3},
		{.name = "error about a UDP datagram",
		 .type = to_closed_port,
		 .bytes = 18,
		 .before = limits + "0",
		 .after = no_limits},
		{.name = "error about a UDP datagram, 4 queues",
		 .type = to_closed_port,
		 .bytes = 18,
		 .several_queues = true,
		 .before = limits + "0",
		 .after = no_limits},
		{.name = "unknown type", .type = 200},
		{.name = "obsolete type", .type = 15},
	};

	std::ranges::move(scenarios6(), std::back_inserter(all));
	return all;
}

} // namespace bench
