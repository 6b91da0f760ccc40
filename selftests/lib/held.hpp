/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A user in namespaces of his own, beside the first network namespace: what he holds back, and what must not reach that
 * one when he lets it go.
 */
#pragma once

#include "child.hpp"
#include "counters.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "nfqueue.hpp"
#include "ping.hpp"
#include "wire.hpp"

#include <string>

namespace held {

using packet::Ipv4;
using wire::Wire;

/// What wire::serve() makes here, with one address more, so that routes by wire0 outlast the other one.
inline Wire serve()
{
	Wire made = wire::serve({});

	host::run("ip address add 10.0.9.2/24 dev wire0");
	return made;
}

/// wire0 of the user's namespace, which packet::server is reached by, and first0 of the first one, which all that leaves
/// that one goes by: neither has to know of the other's addresses.
class Neighbours {
public:
	Neighbours()
		: first([] {
			  ktap::require(is_first(), "this is the first network namespace");
			  nfqueue::need();
			  return Wire::tap({.name = "first0"});
		  }()),
		  theirs(user.in_network([] {
			  host::run("ip link set lo up");
			  Wire made = serve();
			  host::set_sysctl("net/ipv4/icmp_ratemask", 0);
			  ping::allow();
			  return made;
		  }))
	{
		host::write_file("/proc/sys/net/ipv6/conf/first0/disable_ipv6", "1");
		host::run("ip link set first0 arp off up; ip address add 10.66.0.2/24 dev first0;"
			  "ip route add default dev first0");
	}

	/// Expects nothing to leave the first namespace; and with icmpx nothing to be counted there since @p before.
	void expect_calm(const counters::Change &before,
			 const wire::Where &where = wire::Where::current()) const
	{
		for (const Ipv4 &ip : first.receive_all())
			ktap::failure("a packet of protocol " + std::to_string(ip.protocol) +
					      " leaves the first namespace",
				      where);
		if (!host::has_icmpx())
			return;
		before.expect_icmp({}, "the first namespace", where);
		before.expect_outcomes({}, "the first namespace", where);
	}

	child::UserNamespace user;
	Wire first;
	Wire theirs;

private:
	static bool is_first()
	{
		struct stat ours {
		}, first_one{};

		return !stat("/proc/self/ns/net", &ours) && !stat("/proc/1/ns/net", &first_one) &&
		       ours.st_ino == first_one.st_ino;
	}
};

/// Sends @p packet and lets it go on from LOCAL_IN once the address that it was sent to is gone, and its route is freed.
inline void deliver_without_address(nfqueue::Queue &queue, const Wire &wire, const Ipv4 &packet,
				    const wire::Where &where = wire::Where::current())
{
	wire.send(packet);
	const std::uint32_t id = queue.next(where);
	host::run("ip address delete 10.0.0.2/24 dev wire0", where);
	nfqueue::pass_grace_period();
	queue.go_on(id, where);
}

} // namespace held
