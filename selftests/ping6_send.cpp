// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: what socket options, flags and settings change about a request. What is the same for both families
// is in ping_send.

#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/topology.hpp"
#include "lib/vrf.hpp"

#include <initializer_list>
#include <string>

#include <net/if.h>

namespace {

using packet6::Address;
using packet6::all_nodes;
using packet6::client_link;
using packet6::ipv6;
using packet6::Ipv6;
using packet6::server_link;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;

constexpr Endpoint peer{V6::remote(1), 0};
const Endpoint group{ipv6("ff05::5"), 0};
const Address other_server = ipv6("fd01::2");

struct Net {
	wire::Wire wire = pinger::new_network<V6>();
	/// Where nothing goes but for a reason.
	wire::Wire other = wire6::second_wire();
	std::uint32_t index = if_nametoindex("wire0"), other_index = if_nametoindex("wire1");
};

const Net &net()
{
	static const Net made = [] {
		Net net;

		host::run("ip -6 -batch - <<'END'\nroute add default dev wire1 metric 2048\n"
			  "route add 2001:db8:7::/48 via fd00::1\n"
			  "rule add fwmark 77 prohibit\nEND");
		return net;
	}();
	return made;
}

Socket fresh()
{
	net().wire.receive_all<Ipv6>(wire::milliseconds(0));
	net().other.receive_all<Ipv6>(wire::milliseconds(0));
	return sock6::ping();
}

/// Sends a request and returns the datagram that it was on @p wire.
Ipv6 sent(const Socket &socket, const Endpoint &to = peer, const wire::Wire &wire = net().wire,
	  const wire::Where &where = wire::Where::current())
{
	return pinger::sent_on<V6>(wire, socket, to, {}, where);
}

/// What setsockopt() comes to: 0 or the errno.
int try_to_set(const Socket &socket, int option, int value)
{
	return setsockopt(socket.get(), SOL_IPV6, option, &value, sizeof(value)) ? errno : 0;
}

void no_destination()
{
	Socket socket = fresh();

	ktap::expect_equal(sock::send(socket, pinger::request<V6>(1)), EDESTADDRREQ, "no address");
	ktap::expect(pinger::identifier<V6>(socket) != 0, "the identifier is taken before");
	const auto wrong = pinger::request<V6>(1, {}, packet6::echo_reply);
	ktap::expect_equal(sock::send(socket, wrong), EINVAL, "the type is looked at before");
	// What IPv4 calls a request is an error in IPv6.
	ktap::expect_equal(sock6::send(socket, ping::request(1), peer), EINVAL, "IPv4's request");
}

void hop_limits()
{
	Socket socket = fresh();

	ktap::expect_equal(sent(socket).hop_limit, 64, "the system's");
	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_UNICAST_HOPS), 64, "IPV6_UNICAST_HOPS");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 33);
	ktap::expect_equal(sent(socket).hop_limit, 33, "the device's");
	host::run("ip -6 route add 2001:db8:8::/48 dev wire0 hoplimit 22");
	ktap::expect_equal(sent(socket, {ipv6("2001:db8:8::1")}).hop_limit, 22, "the route's");
	for (int limit : {0, 1, 9, 255}) {
		ktap::expect_equal(try_to_set(socket, IPV6_UNICAST_HOPS, limit), 0, "set");
		ktap::expect_equal(sent(socket).hop_limit, limit, "the socket's");
		ktap::expect_equal(sent(socket, {ipv6("2001:db8:8::1")}).hop_limit, limit,
				   "the socket's, not the route's");
	}
	for (int wrong : {-2, 256})
		ktap::expect_equal(try_to_set(socket, IPV6_UNICAST_HOPS, wrong), EINVAL, "wrong");
	ktap::expect_equal(try_to_set(socket, IPV6_UNICAST_HOPS, -1), 0, "none");
	ktap::expect_equal(sent(socket).hop_limit, 33, "the device's again");
	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 64);
}

void hop_limits_of_multicast()
{
	Socket socket = fresh();

	sock::set(socket, SOL_IPV6, IPV6_UNICAST_HOPS, 9);
	ktap::expect_equal(sent(socket, group).hop_limit, 1, "by default");
	for (int limit : {1, 5, 255}) {
		ktap::expect_equal(try_to_set(socket, IPV6_MULTICAST_HOPS, limit), 0, "set");
		ktap::expect_equal(sent(socket, group).hop_limit, limit, "the socket's");
	}
	ktap::expect_equal(sent(socket).hop_limit, 9, "of unicast");
	for (int wrong : {-2, 256})
		ktap::expect_equal(try_to_set(socket, IPV6_MULTICAST_HOPS, wrong), EINVAL, "wrong");
	ktap::expect_equal(try_to_set(socket, IPV6_MULTICAST_HOPS, -1), 0, "none");
	ktap::expect_equal(sent(socket, group).hop_limit, 1, "the default again");
}

/// All eight bits are the program's.
void traffic_classes()
{
	Socket socket = fresh();

	ktap::expect_equal(sent(socket).traffic_class, 0, "none");
	for (int value : {0xb8, 1, 3, 0xff}) {
		ktap::expect_equal(try_to_set(socket, IPV6_TCLASS, value), 0, "set");
		ktap::expect_equal(sent(socket).traffic_class, value, "the socket's");
		ktap::expect_equal(sent(socket, group).traffic_class, value, "multicast");
	}
	for (int wrong : {-2, 256})
		ktap::expect_equal(try_to_set(socket, IPV6_TCLASS, wrong), EINVAL, "wrong");
	ktap::require_equal(sock6::connect(socket, peer), 0, "connect");
	ktap::expect_equal(try_to_set(socket, IPV6_TCLASS, 0x28), 0, "set, connected");
	ktap::expect_equal(sock::send(socket, pinger::request<V6>(1)), 0, "send");
	ktap::expect_equal(
		ktap::require_value(wire6::next_answer(net().wire), "request").ip.traffic_class,
		0x28, "connected");
	ktap::expect_equal(try_to_set(socket, IPV6_TCLASS, -1), 0, "none");
	ktap::expect_equal(sent(socket).traffic_class, 0, "none again");
	// IPv4's option is another one.
	sock::set(socket, SOL_IP, IP_TOS, 0x20);
	ktap::expect_equal(sent(socket).traffic_class, 0, "IP_TOS");
}

/// Each of the options that say which device requests leave by; multicast has one of its own.
void devices_of_options()
{
	const int unicast_if = static_cast<int>(htonl(net().other_index));
	const int wire1 = static_cast<int>(net().other_index);
	const in6_pktinfo info{.ipi6_addr = sock6::to_kernel({V6::server}).sin6_addr,
			       .ipi6_ifindex = net().other_index};
	Socket unicast = fresh(), multicast = fresh(), sticky = fresh(), device = fresh();

	sock::set(unicast, SOL_IPV6, IPV6_UNICAST_IF, unicast_if);
	ktap::expect_equal(sent(unicast, peer, net().other).source, other_server,
			   "IPV6_UNICAST_IF");
	sent(unicast, group);
	sock::set(multicast, SOL_IPV6, IPV6_MULTICAST_IF, wire1);
	ktap::expect_equal(sent(multicast, group, net().other).source, other_server,
			   "IPV6_MULTICAST_IF");
	ktap::expect_equal(sent(multicast).source, V6::server, "unicast");
	// A link-local destination's device is its scope, or the one that the socket is bound to, or that of an option.
	for (const Socket *socket : {&unicast, &multicast}) {
		ktap::expect_equal(sent(*socket, {client_link, 0, net().index}, net().wire).source,
				   server_link, "the scope goes before an option");
	}
	ktap::expect_equal(sent(unicast, {client_link}, net().other).source, server_link,
			   "IPV6_UNICAST_IF for link-local");
	ktap::expect_equal(sent(multicast, {all_nodes}, net().other).source, server_link,
			   "IPV6_MULTICAST_IF for link-local");

	// Of the option IPV6_PKTINFO the device alone counts, for both, and before their own.
	host::check(setsockopt(sticky.get(), SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info)),
		    "IPV6_PKTINFO");
	sock::set(sticky, SOL_IPV6, IPV6_UNICAST_IF, static_cast<int>(htonl(net().index)));
	sock::set(sticky, SOL_IPV6, IPV6_MULTICAST_IF, static_cast<int>(net().index));
	for (const Endpoint &to : {peer, group})
		ktap::expect_equal(sent(sticky, to, net().other).source, other_server,
				   "IPV6_PKTINFO");
	ktap::require_equal(ping::try_to_bind_to_device(sticky, "wire0"), 0, "SO_BINDTODEVICE");
	ktap::expect_equal(sent(sticky).source, V6::server, "before IPV6_PKTINFO");

	ktap::require_equal(ping::try_to_bind_to_device(device, "wire1"), 0, "SO_BINDTODEVICE");
	for (const Endpoint &to : {peer, group, Endpoint{client_link}, Endpoint{all_nodes}})
		sent(device, to, net().other);
}

/// A socket that is bound to a VRF may send by the devices in it.
void devices_of_a_vrf()
{
	vrf::need();
	const wire::Wire outside = pinger::new_network<V6>();
	vrf::add("red", 10);
	host::run("ip -6 route add table 10 unreachable default metric 4278198272");
	const wire::Wire inside = wire6::second_wire("fd08::2/64", "red");
	const Endpoint near{client_link, 0, if_nametoindex("wire1")};
	Socket socket = sock6::ping();

	ktap::require_equal(ping::try_to_bind_to_device(socket, "red"), 0, "SO_BINDTODEVICE");
	ktap::expect_equal(sent(socket, {ipv6("fd08::1")}, inside).source, ipv6("fd08::2"),
			   "global");
	ktap::expect_equal(sent(socket, near, inside).source, server_link, "link-local");
	ktap::expect_equal(sent(socket, {all_nodes, 0, near.scope}, inside).source, server_link,
			   "multicast");
	ktap::expect_equal(sock6::send(socket, pinger::request<V6>(1),
				       {{client_link, 0, if_nametoindex("wire0")}}),
			   EINVAL, "the scope of a device outside");
	ktap::expect_equal(sock6::send(socket, pinger::request<V6>(1), peer), EHOSTUNREACH,
			   "no route inside");
	outside.receive_all<Ipv6>(wire::milliseconds(0));
	Socket other = sock6::ping();
	ktap::expect_equal(sent(other, {ipv6("fd08::1")}, outside).source, V6::server,
			   "the same address outside");
}

/// Requests to groups that this host is in come back to it, which answers, unless IPV6_MULTICAST_LOOP is off.
void multicast_loop()
{
	Socket socket = fresh();
	const Endpoint to{all_nodes, 0, net().index};

	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_MULTICAST_LOOP), 1, "by default");
	sent(socket, to);
	ktap::expect(sock::receive(socket, 1000).has_value(), "a reply by this host");
	sock::set(socket, SOL_IPV6, IPV6_MULTICAST_LOOP, 0);
	sent(socket, to);
	ktap::expect(!sock::receive(socket, static_cast<int>(wire::silence.count())),
		     "a reply by this host, without IPV6_MULTICAST_LOOP");
	ktap::expect_equal(try_to_set(socket, IPV6_MULTICAST_LOOP, 2), EINVAL, "2");
}

void marks()
{
	Socket socket = fresh();

	ktap::expect(pinger::matches<V6>("meta mark 0", socket, peer), "none");
	sock::set(socket, SOL_SOCKET, SO_MARK, 6);
	ktap::expect(pinger::matches<V6>("meta mark 6", socket, peer), "SO_MARK");
	sock::set(socket, SOL_SOCKET, SO_MARK, 77);
	ktap::expect_equal(sock6::send(socket, pinger::request<V6>(1), peer), EACCES,
			   "routes go by it");
	ktap::expect_equal(sock6::connect(socket, peer), EACCES, "connect");
}

/// A traffic class says nothing about the priority, unlike IPv4's.
void priorities()
{
	Socket socket = fresh();

	ktap::expect(pinger::matches<V6>("meta priority 0:0", socket, peer), "none");
	sock::set(socket, SOL_IPV6, IPV6_TCLASS, 0x10);
	ktap::expect(pinger::matches<V6>("meta priority 0:0", socket, peer), "IPV6_TCLASS");
	sock::set(socket, SOL_SOCKET, SO_PRIORITY, 5);
	ktap::expect(pinger::matches<V6>("meta priority 0:5", socket, peer), "SO_PRIORITY");
	ktap::expect(!pinger::matches<V6>("meta priority 0:6", socket, peer), "and no other");
}

/// There is no broadcast, and routing is not left out: of IPv6 neither option changes anything.
void options_of_no_effect()
{
	Socket socket = fresh();
	const Endpoint far{ipv6("2001:db8:7::1")};

	for (int on : {0, 1}) {
		sock::set(socket, SOL_SOCKET, SO_BROADCAST, on);
		sock::set(socket, SOL_SOCKET, SO_DONTROUTE, on);
		for (const Endpoint &to : {peer, group, far})
			ktap::expect_equal(sent(socket, to).destination, to.address, "send");
	}
}

/// But for MSG_OOB, no flag changes anything.
void flags()
{
	Socket socket = fresh();
	const Endpoint far{ipv6("2001:db8:7::1")};

	for (int flags : std::initializer_list<int>{MSG_CONFIRM, MSG_DONTWAIT, MSG_MORE, MSG_MORE,
						    MSG_DONTROUTE, MSG_EOR, control::msg_probe,
						    control::msg_probe | MSG_CONFIRM}) {
		const std::string what = "flags " + std::to_string(flags);

		ktap::expect_equal(pinger::send<V6>(socket, pinger::request<V6>(1), far, {}, flags),
				   0, what);
		auto request = ktap::require_value(wire6::next_answer(net().wire), what);
		ktap::expect_equal(request.icmp.data.size(), 0U, what + ", data");
	}
	ktap::expect_equal(pinger::send<V6>(socket, pinger::request<V6>(1), far, {}, MSG_OOB),
			   EOPNOTSUPP, "MSG_OOB");
}

/// A full send buffer is told, and never waited for.
void a_full_send_buffer()
{
	Socket socket = fresh();
	int count = 0, error = 0;

	host::need("sch_tbf");
	topology::hold_at_egress("wire1");
	ktap::require_equal(ping::try_to_bind_to_device(socket, "wire1"), 0, "SO_BINDTODEVICE");
	sock::set(socket, SOL_SOCKET, SO_SNDBUF, 0);
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), POLLOUT, "POLLOUT at first");
	while (!error && ++count < 100)
		error = sock6::send(socket, pinger::request<V6>(1, packet::pattern(500)), peer);
	ktap::expect_equal(error, EAGAIN, "send, without MSG_DONTWAIT");
	ktap::expect(count > 1, "some are let in");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), 0, "POLLOUT");
	host::run("tc qdisc delete dev wire1 root");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT, 2000), POLLOUT, "POLLOUT at last");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"no_destination", no_destination},
			  {"hop_limits", hop_limits},
			  {"hop_limits_of_multicast", hop_limits_of_multicast},
			  {"traffic_classes", traffic_classes},
			  {"devices_of_options", devices_of_options},
			  {"multicast_loop", multicast_loop},
			  {"marks", marks},
			  {"priorities", priorities},
			  {"options_of_no_effect", options_of_no_effect},
			  {"flags", flags},
			  {"a_full_send_buffer", a_full_send_buffer},
			  {"devices_of_a_vrf", devices_of_a_vrf}});
}
