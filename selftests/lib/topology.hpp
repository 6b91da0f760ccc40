/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Ways in and out that mark the packets on them, or hold them: an ifb in front of the stack, a pod behind a veth or a
 * netkit, redirection from device to device, several queues, a queue that is slow.
 */
#pragma once

#include "bpf.hpp"
#include "family.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "netlink.hpp"
#include "wire.hpp"

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

namespace topology {

/// Adds the matchall filter with @p action at @p hook, which is "ingress" or "egress", of @p device.
inline void at_hook(const std::string &device, const std::string &hook, const std::string &action)
{
	host::need("sch_ingress");
	host::need("act_mirred");
	host::run("tc qdisc replace dev " + device + " clsact && tc filter add dev " + device +
		  ' ' + hook + " matchall action " + action);
}

/// Has what @p device is to send wait there for longer than a test takes, but for some twenty small packets; at @p place of
/// its queueing disciplines. (Not netem: that lets go of the sockets that packets are charged to.)
inline void hold_at_egress(const std::string &device, const std::string &place = "root")
{
	host::run("tc qdisc add dev " + device + ' ' + place +
		  " tbf rate 64bit burst 1600 limit 1gb");
}

/// Shapes what comes in by @p device: all of it goes through the queue of ifb0 before the stack has it.
inline void shape_ingress(const std::string &device)
{
	host::need("sch_tbf");
	host::need("ifb", "ip link add ifb0 type ifb");
	host::run("ip link set ifb0 up && "
		  "tc qdisc add dev ifb0 root tbf rate 1gbit burst 1mb limit 10mb");
	at_hook(device, "ingress", "mirred egress redirect dev ifb0");
}

/// Has what comes in by @p device come in again by @p count dummies, one after the other: hop1, hop2, …
inline void hop_at_ingress(std::string device, int count)
{
	host::need("dummy", "ip link add probe type dummy && ip link delete probe");
	for (int hop = 1; hop <= count; hop++) {
		const std::string next = "hop" + std::to_string(hop);

		// With the first one's MAC address: for the others, frames are not theirs.
		host::run("ip link add " + next + " address " +
			  wire::text(wire::hardware_address(device)) + " type dummy");
		host::run("ip link set up dev " + next);
		at_hook(device, "ingress", "mirred ingress redirect dev " + next);
		device = next;
	}
}

/// A rule of nft at the egress of a device.
class EgressRule {
public:
	/// Counts what matches @p what, and then does @p verdict with it.
	EgressRule(const std::string &device, const std::string &what, const std::string &verdict)
	{
		host::run("nft -f - <<'END'\ntable netdev egress {\ncounter seen { }\nchain out {\n"
			  "type filter hook egress device \"" +
			  device + "\" priority 0\n" + what + " counter name seen " + verdict +
			  "\n}\n}\nEND");
	}
	EgressRule(const EgressRule &) = delete;
	EgressRule &operator=(const EgressRule &) = delete;
	~EgressRule() { host::try_run("nft delete table netdev egress"); }

	/// How many packets that were so far.
	static std::int64_t seen()
	{
		const std::string text = host::output_of("nft list counter netdev egress seen");
		const std::size_t at = text.find("packets ");

		if (at == std::string::npos)
			ktap::fatal("no counter: " + text);
		return std::stoll(text.substr(at + 8));
	}
};

/// The queues of a device that has @p count of them, @p first among them.
inline std::vector<wire::Wire> queues(wire::Wire first, const wire::Wire::Options &options,
				      int count)
{
	std::vector<wire::Wire> all;

	bpf::steer_by_receive_queue(first.fd(), count);
	all.push_back(std::move(first));
	while (static_cast<int>(all.size()) < count)
		all.push_back(wire::Wire::tap(options));
	return all;
}

/// What joins a pod to its host.
enum class Link { veth, netkit };

/// Makes @p name in this namespace and the other end, @p peer, in the one @p where, both of Ethernet; the test is skipped
/// where the kernel has no netkit, which iproute2 and the C library of Debian 12 do not know either.
inline void make_link(Link kind, std::string_view name, std::string_view peer,
		      const host::Namespace &where)
{
	enum : std::uint16_t { peer_info = 1, netkit_mode = 5 };
	constexpr std::uint32_t netkit_l2 = 0;
	netlink::Socket socket(NETLINK_ROUTE);
	const ifinfomsg any{};
	netlink::Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, any);
	const auto put_data = [&] {
		if (kind == Link::netkit)
			message.put(netkit_mode, netkit_l2);
		// The same number for both kinds.
		message.nest(peer_info, [&] {
			message.append(any);
			message.put(IFLA_IFNAME, peer).put(IFLA_NET_NS_FD, where.fd());
		});
	};

	message.put(IFLA_IFNAME, name).nest(IFLA_LINKINFO, [&] {
		message.put(IFLA_INFO_KIND, kind == Link::netkit ? "netkit" : "veth")
			.nest(IFLA_INFO_DATA, put_data);
	});
	const int error = socket.request(message);
	if (kind == Link::netkit && error == EOPNOTSUPP)
		ktap::skip("the kernel has no netkit");
	ktap::require_equal(error, 0, "a link");
}

/// A new namespace with the server's address on pod0, its end of a link; what a host would send into the pod by the other end
/// is sent by the wire that this returns.
template <typename F = family::V4> wire::Wire new_pod(Link kind)
{
	host::enter_new_namespace();
	const host::Namespace outside = host::Namespace::current();
	host::enter_new_namespace();
	const host::Namespace pod = host::Namespace::current();

	outside.enter();
	make_link(kind, "host0", "pod0", pod);
	host::write_file("/proc/sys/net/ipv6/conf/host0/disable_ipv6", "1");
	host::run("ip link set host0 up");
	pod.enter();
	F::configure("pod0", F::server_prefix);
	host::run("ip " + F::option + " route add default dev pod0");
	const wire::Mac mac = wire::hardware_address("pod0");
	outside.enter();
	wire::Wire wire = wire::Wire::device("host0", mac, F::ethernet);
	pod.enter();
	return wire;
}

} // namespace topology
