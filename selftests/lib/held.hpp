/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A user in namespaces of his own, beside the first network namespace: what he holds back, and what must not reach that
 * one when he lets it go.
 */
#pragma once

#include "child.hpp"
#include "family.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "nfqueue.hpp"
#include "ping.hpp"
#include "wire.hpp"

#include <string>

namespace held {

using wire::Wire;

/// What F::serve() makes here, with one address more, so that routes by wire0 outlast the other one.
template <typename F = family::V4> Wire serve()
{
	Wire made = F::serve();

	F::add_address("wire0", F::own(9));
	return made;
}

/// wire0 of the user's namespace, which F::server is reached by, and first0 of the first one, which all that leaves that
/// one goes by: neither has to know of the other's addresses.
template <typename F = family::V4> class Neighbours {
public:
	Neighbours()
		: first([] {
			  ktap::require(is_first(), "this is the first network namespace");
			  nfqueue::need();
			  return Wire::tap({.name = "first0"});
		  }()),
		  theirs(user.in_network([] {
			  host::run("ip link set lo up");
			  Wire made = serve<F>();
			  host::set_sysctl("net/ipv4/icmp_ratemask", 0);
			  ping::allow();
			  return made;
		  }))
	{
		F::configure("first0", F::own(66));
		host::run("ip " + F::option + " route add default dev first0");
	}

	/// Expects nothing to leave the first namespace; and nothing to be counted there since @p before, with icmpx or in all
	/// of IPv6.
	void expect_calm(const typename F::Change &before,
			 const wire::Where &where = wire::Where::current()) const
	{
		for (const auto &ip : first.template receive_all<typename F::Datagram>())
			ktap::failure("a packet of protocol " + std::to_string(ip.protocol) +
					      " leaves the first namespace",
				      where);
		if (!F::is_ipv6 && !host::has_icmpx())
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
template <typename F = family::V4>
void deliver_without_address(nfqueue::Queue &queue, const Wire &wire,
			     const typename F::Datagram &packet,
			     const wire::Where &where = wire::Where::current())
{
	wire.send(packet);
	const std::uint32_t id = queue.next(where);
	host::run("ip address delete " + F::server_prefix + " dev wire0", where);
	nfqueue::pass_grace_period();
	queue.go_on(id, where);
}

} // namespace held
