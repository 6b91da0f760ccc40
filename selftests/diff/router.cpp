// SPDX-License-Identifier: GPL-2.0-only

#include "router.hpp"

#include "lib/errors.hpp"
#include "lib/host.hpp"

#include <array>
#include <string>

namespace diff {

namespace {

constexpr std::array reject_types{"net-unreachable",  "host-unreachable", "prot-unreachable",
				  "port-unreachable", "net-prohibited",	  "host-prohibited",
				  "admin-prohibited"};
static_assert(last_rejected_port - first_rejected_port + 1 == reject_types.size());

std::string reject(unsigned port, const char *type)
{
	return "udp dport " + std::to_string(port) + " reject with icmp type " + type + "\n";
}

/// A chain of what @p hook sees.
std::string chain(const std::string &hook, const std::string &rules)
{
	return "chain " + hook + " {\ntype filter hook " + hook + " priority 0\n" + rules + "}\n";
}

std::string firewall()
{
	std::string each;

	for (unsigned i = 0; i < reject_types.size(); i++)
		each += reject(first_rejected_port + i, reject_types.at(i));
	return "table ip t {\n" +
	       chain("prerouting", reject(early_rejected_port, "admin-prohibited")) +
	       chain("input", each) + chain("forward", each) +
	       chain("output", reject(out_rejected_port, "host-prohibited")) + "}\n";
}

std::string route(const char *type, Address host)
{
	return std::string("route add ") + type + " " + errors::text(host & 0xffffff00) + "/24\n";
}

} // namespace

void make_router()
{
	host::set_sysctl("net/ipv4/ip_forward", 1);
	host::run("ip -batch - <<'END'\nlink add far0 type dummy\nlink set far0 arp off mtu " +
		  std::to_string(far_mtu) + " up\naddress add " + errors::text(far_address) +
		  "/24 dev far0\n" + route("blackhole", blackhole) + route("prohibit", prohibited) +
		  route("throw", thrown) + "END\nnft -f - <<'END'\n" + firewall() + "END");
}

} // namespace diff
