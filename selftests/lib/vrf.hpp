/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * VRFs: wires whose routes are in a table of their own.
 */
#pragma once

#include "host.hpp"
#include "wire.hpp"

#include <string>

namespace vrf {

using wire::Wire;

/// Skips the test where the kernel has none.
inline void need()
{
	host::need("vrf", "ip link add probe type vrf table 999 && ip link delete probe");
}

/// Makes the VRF @p name, whose routes are in @p table. The first one has the rule for all VRFs be asked before the
/// local table, as those want it who use VRFs.
inline void add(const std::string &name, int table)
{
	host::run("ip link add " + name + " type vrf table " + std::to_string(table) +
		  " && ip link set " + name + " up && ip route add table " + std::to_string(table) +
		  " unreachable default metric 4278198272");
	host::run("for family in -4 -6; do ip $family rule delete pref 0 2>/dev/null && "
		  "ip $family rule add pref 32765 table local; done; true");
}

/// Makes the wire @p device with @p address in the VRF @p name; every neighbour is reachable over it without ARP.
inline Wire add_wire(const std::string &device, const std::string &address, const std::string &name,
		     unsigned mtu = 1500)
{
	Wire made = Wire::tap({.name = device});

	host::write_file("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6", "1");
	host::run("ip link set " + device + " arp off mtu " + std::to_string(mtu) + " master " +
		  name + " up && ip address add " + address + " broadcast + dev " + device);
	return made;
}

/// The same of the family F (family.hpp) with @p prefix, and a default route in the VRF.
template <typename F>
Wire add_wire_of(const std::string &device, const std::string &prefix, const std::string &name)
{
	Wire made = Wire::tap({.name = device});

	F::quiet(device);
	host::run("ip link set " + device + " arp off master " + name + " up");
	F::add_address(device, prefix);
	host::run("ip " + F::option + " route add default dev " + device + " vrf " + name);
	return made;
}

} // namespace vrf
