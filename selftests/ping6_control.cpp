// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: what control messages of sendmsg(2) change about a request (RFC 3542), and which are refused. Flow
// labels are in ping6_label, IPV6_DONTFRAG is in ping_mtu.

#include "lib/child.hpp"
#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/vrf.hpp"

#include <string>
#include <vector>

#include <net/if.h>

namespace {

using control::make;
using packet::Bytes;
using packet6::Address;
using packet6::client_link;
using packet6::ipv6;
using packet6::Ipv6;
using packet6::server_link;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;
using Messages = std::vector<control::Message>;

constexpr Endpoint peer{V6::remote(1), 0};
const Endpoint group{ipv6("ff05::5"), 0};
const Address second = ipv6("fd00::4d"), other_server = ipv6("fd01::2");
/// An index that no device has.
constexpr std::uint32_t no_device = 9999;

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

		wire6::add_addresses("lo", {"fd00::4d/128"});
		host::run("ip -6 -batch - <<'END'\nroute add default dev wire1 metric 2048\n"
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
Ipv6 sent(const Socket &socket, const Messages &messages = {}, const Endpoint &to = peer,
	  const wire::Wire &wire = net().wire, const wire::Where &where = wire::Where::current())
{
	return pinger::sent_on<V6>(wire, socket, to, messages, where);
}

/// What sendmsg() comes to: 0 or the errno.
int try_to_send(const Socket &socket, const Messages &messages, const Endpoint &to = peer)
{
	return pinger::send<V6>(socket, pinger::request<V6>(1), to, messages);
}

void expect_refused(const Messages &messages, int expected, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(try_to_send(fresh(), messages), expected, what, where);
	ktap::expect(!net().wire.receive<Ipv6>(wire::silence), what + ", nothing is sent", where);
}

/// Expects that a message of @p type, which holds an int, is refused with these.
void expect_refused_values(int type, std::initializer_list<int> values, const std::string &what)
{
	for (int value : values)
		expect_refused({make(SOL_IPV6, type, value)}, EINVAL,
			       what + ' ' + std::to_string(value));
	expect_refused({make(SOL_IPV6, type, std::uint8_t{1})}, EINVAL, what + " in one byte");
	expect_refused({make(SOL_IPV6, type, std::uint64_t{1})}, EINVAL, what + " in eight bytes");
	expect_refused({{SOL_IPV6, type, {}}}, EINVAL, what + " in none");
}

void hop_limits()
{
	Socket socket = fresh();

	for (int type : {IPV6_HOPLIMIT, IPV6_2292HOPLIMIT}) {
		for (int limit : {0, 1, 128, 255})
			ktap::expect_equal(sent(socket, {make(SOL_IPV6, type, limit)}).hop_limit,
					   limit, "the message's");
		ktap::expect_equal(sent(socket, {make(SOL_IPV6, type, 6)}, group).hop_limit, 6,
				   "the message's for multicast");
		ktap::expect_equal(sent(socket).hop_limit, 64, "the system's again");
		expect_refused_values(type, {-2, 256}, "hop limit");
	}
	sock::set(socket, SOL_IPV6, IPV6_UNICAST_HOPS, 9);
	ktap::expect_equal(sent(socket, {make(SOL_IPV6, IPV6_HOPLIMIT, 7)}).hop_limit, 7,
			   "which goes before the socket's");
	ktap::expect_equal(sent(socket, {make(SOL_IPV6, IPV6_HOPLIMIT, -1)}).hop_limit, 9, "-1");
	ktap::expect_equal(
		sent(socket, {make(SOL_IPV6, IPV6_HOPLIMIT, 7), make(SOL_IPV6, IPV6_HOPLIMIT, 8)})
			.hop_limit,
		8, "the last of two");
}

void traffic_classes()
{
	Socket socket = fresh();

	sock::set(socket, SOL_IPV6, IPV6_TCLASS, 0x28);
	for (int value : {0, 1, 0x10, 0xff})
		ktap::expect_equal(sent(socket, {make(SOL_IPV6, IPV6_TCLASS, value)}).traffic_class,
				   value, "the message's");
	// RFC 3542, 6.5, has -1 for the default. To the kernel it is all bits, and must not reach those of the version.
	ktap::expect_equal(sent(socket, {make(SOL_IPV6, IPV6_TCLASS, -1)}).traffic_class, 0xff,
			   "-1");
	ktap::expect_equal(sent(socket).traffic_class, 0x28, "the socket's again");
	expect_refused_values(IPV6_TCLASS, {-2, 256}, "traffic class");
}

void fragments() { expect_refused_values(IPV6_DONTFRAG, {-1, 2}, "IPV6_DONTFRAG"); }

control::Message packet_info(std::uint32_t index, const Address &source = {},
			     int type = IPV6_PKTINFO)
{
	return make(SOL_IPV6, type,
		    in6_pktinfo{.ipi6_addr = sock6::to_kernel({source}).sin6_addr,
				.ipi6_ifindex = index});
}

/// The device is where the request leaves. The address is looked at, but the source is the socket's or the route's.
void packet_information()
{
	const std::uint32_t wire1 = net().other_index;

	for (int type : {IPV6_PKTINFO, IPV6_2292PKTINFO}) {
		Socket socket = fresh(), bound = fresh();

		sock6::bind(bound, {second, 0});
		ktap::expect_equal(sent(socket, {packet_info(0, {}, type)}).source, V6::server,
				   "nothing in it");
		for (const Endpoint &to : {peer, group})
			ktap::expect_equal(
				sent(socket, {packet_info(wire1, {}, type)}, to, net().other)
					.source,
				other_server, "device");
		ktap::expect_equal(sent(socket, {packet_info(0, second, type)}).source, V6::server,
				   "address");
		ktap::expect_equal(
			sent(socket, {packet_info(wire1, second, type)}, peer, net().other).source,
			other_server, "address and device");
		ktap::expect_equal(sent(bound, {packet_info(0, V6::server, type)}).source, second,
				   "address, of a socket that has one");
		// With a source, the device is what routing prefers among routes as good, and no more.
		ktap::expect_equal(sent(bound, {packet_info(wire1, {}, type)}).source, second,
				   "device, of a socket that has an address");
		Bytes longer = packet_info(wire1, {}, type).data;
		longer.resize(longer.size() + 4);
		sent(socket, {{SOL_IPV6, type, longer}}, peer, net().other);
		expect_refused({{SOL_IPV6, type, Bytes(sizeof(in6_pktinfo) - 1)}}, EINVAL,
			       "too short");
	}
}

void packet_information_that_is_refused()
{
	expect_refused({packet_info(no_device)}, ENODEV, "no such device");
	expect_refused({packet_info(0xffffffff)}, ENODEV, "a negative device");
	expect_refused({packet_info(0, V6::remote(5))}, EINVAL, "an address that is not ours");
	expect_refused({packet_info(0, V6::client)}, EINVAL, "a neighbour's address");
	expect_refused({packet_info(0, server_link)}, EINVAL, "link-local without a device");
	expect_refused({packet_info(net().index, client_link)}, EINVAL, "a neighbour's link-local");
	expect_refused({packet_info(0, packet6::all_nodes)}, EINVAL, "multicast");
	expect_refused({packet_info(0, ipv6("::ffff:10.0.0.2"))}, EINVAL, "IPv4-mapped");
	sent(fresh(), {packet_info(net().index, server_link)});

	for (int option : {IPV6_TRANSPARENT, IPV6_FREEBIND}) {
		Socket socket = fresh();

		sock::set(socket, SOL_IPV6, option, 1);
		ktap::expect_equal(sent(socket, {packet_info(0, V6::remote(5))}).source, V6::server,
				   "which an option allows");
		ktap::expect_equal(try_to_send(socket, {packet_info(0, server_link)}), EINVAL,
				   "but not link-local without a device");
	}
}

/// What the socket or the address says about the device, the message may say again, and not otherwise.
void packet_information_that_contradicts()
{
	const Messages wire0{packet_info(net().index)}, wire1{packet_info(net().other_index)};
	Socket plain = fresh(), bound = fresh(), unicast = fresh(), multicast = fresh();
	const Endpoint link{client_link, 0, net().index};

	ktap::expect_equal(sent(plain, wire0, link).source, server_link, "the scope's");
	ktap::expect_equal(try_to_send(plain, wire1, link), EINVAL, "not the scope's");
	// It is no scope itself.
	ktap::expect_equal(try_to_send(plain, wire1, {client_link}), EINVAL, "in place of a scope");
	ktap::require_equal(ping::try_to_bind_to_device(bound, "wire0"), 0, "SO_BINDTODEVICE");
	sent(bound, wire0);
	ktap::expect_equal(try_to_send(bound, wire1), EINVAL, "not SO_BINDTODEVICE's");
	sock::set(unicast, SOL_IPV6, IPV6_UNICAST_IF, static_cast<int>(htonl(net().index)));
	sent(unicast, wire0);
	ktap::expect_equal(try_to_send(unicast, wire1), EINVAL, "not IPV6_UNICAST_IF's");
	sent(unicast, wire1, group, net().other);
	sock::set(multicast, SOL_IPV6, IPV6_MULTICAST_IF, static_cast<int>(net().index));
	sent(multicast, wire0, group);
	ktap::expect_equal(try_to_send(multicast, wire1, group), EINVAL, "not IPV6_MULTICAST_IF's");
	sent(multicast, wire1, peer, net().other);
	expect_refused({packet_info(net().index), packet_info(net().other_index)}, EINVAL,
		       "two of them");
}

/// In a VRF it may be any device of it.
void packet_information_in_a_vrf()
{
	vrf::need();
	const wire::Wire outside = pinger::new_network<V6>();
	vrf::add("red", 10);
	const wire::Wire inside = wire6::second_wire("fd08::2/64", "red");
	const Endpoint near{ipv6("fd08::1")};
	Socket socket = sock6::ping();

	ktap::require_equal(ping::try_to_bind_to_device(socket, "red"), 0, "SO_BINDTODEVICE");
	for (const char *device : {"red", "wire1"})
		ktap::expect_equal(
			sent(socket, {packet_info(if_nametoindex(device))}, near, inside).source,
			ipv6("fd08::2"), device);
	ktap::expect_equal(try_to_send(socket, {packet_info(if_nametoindex("wire0"))}, near),
			   EINVAL, "a device outside");
	ktap::expect_equal(try_to_send(socket, {packet_info(0, V6::server)}, near), EINVAL,
			   "an address outside");
}

void marks()
{
	const auto mark = [](std::uint32_t value) {
		return Messages{make(SOL_SOCKET, SO_MARK, value)};
	};
	Socket socket = fresh();

	ktap::expect(pinger::matches<V6>("meta mark 5", socket, peer, mark(5)), "message's");
	sock::set(socket, SOL_SOCKET, SO_MARK, 6);
	ktap::expect(pinger::matches<V6>("meta mark 7", socket, peer, mark(7)),
		     "the message's goes before the socket's");
	expect_refused(mark(77), EACCES, "routes go by it");
	expect_refused({make(SOL_SOCKET, SO_MARK, std::uint16_t{5})}, EINVAL, "in two bytes");
	child::run([&] {
		child::become({});
		Socket unprivileged = fresh();
		ktap::expect_equal(try_to_send(unprivileged, mark(5)), EPERM, "unprivileged");
		ktap::expect_equal(try_to_send(unprivileged, {{SOL_SOCKET, SO_MARK, {}}}), EPERM,
				   "which is asked before the length");
	});
}

/// A header with @p length times 8 bytes behind the first 8, which @p begin begins.
Bytes header(std::size_t length, Bytes begin = {})
{
	begin.resize(8 * (length + 1));
	begin[1] = static_cast<std::uint8_t>(length);
	return begin;
}

/// A routing header of @p type with room for one address.
Bytes routing(std::uint8_t type, std::uint8_t segments_left = 1, std::size_t length = 2)
{
	return header(length, {0, 0, type, segments_left});
}

/// Extension headers are checked, and left out.
void extension_headers()
{
	constexpr int all[]{IPV6_HOPOPTS, IPV6_2292HOPOPTS, IPV6_DSTOPTS, IPV6_2292DSTOPTS,
			    IPV6_RTHDRDSTOPTS};
	const auto expect_left_out = [](const Messages &messages, const std::string &what) {
		const Ipv6 request = sent(fresh(), messages);

		ktap::expect_equal(request.extensions.size(), 0U, what + ", headers");
		ktap::expect_equal(request.destination, peer.address, what + ", destination");
	};

	for (int type : all) {
		const std::string what = "type " + std::to_string(type);
		Bytes longer = header(1), cut = header(1);

		expect_left_out({{SOL_IPV6, type, header(0)}}, what);
		longer.push_back(0);
		expect_left_out({{SOL_IPV6, type, longer}}, what + ", with one byte more");
		cut.pop_back();
		expect_refused({{SOL_IPV6, type, cut}}, EINVAL, what + ", cut off");
		for (std::size_t size : {0, 1, 2, 7})
			expect_refused({{SOL_IPV6, type, Bytes(size)}}, EINVAL,
				       what + ", " + std::to_string(size) + " bytes");
		const bool once = type != IPV6_DSTOPTS && type != IPV6_RTHDRDSTOPTS;
		ktap::expect_equal(try_to_send(fresh(), {{SOL_IPV6, type, header(0)},
							 {SOL_IPV6, type, header(1)}}),
				   once ? EINVAL : 0, what + ", twice");
	}
	for (int type : {IPV6_RTHDR, IPV6_2292RTHDR}) {
		const std::string what = "routing header, type " + std::to_string(type);

		expect_left_out({{SOL_IPV6, type, routing(2)}}, what);
		expect_left_out({{SOL_IPV6, type, routing(2)}, {SOL_IPV6, type, routing(2)}},
				what + ", twice");
		for (std::uint8_t kind : {0, 1, 3, 4, 255})
			expect_refused({{SOL_IPV6, type, routing(kind)}}, EINVAL,
				       what + " of kind " + std::to_string(kind));
		expect_refused({{SOL_IPV6, type, routing(2, 0)}}, EINVAL, what + ", at its end");
		expect_refused({{SOL_IPV6, type, routing(2, 2, 4)}}, EINVAL, what + ", longer");
		Bytes cut = routing(2);
		cut.pop_back();
		expect_refused({{SOL_IPV6, type, cut}}, EINVAL, what + ", cut off");
		expect_refused({{SOL_IPV6, type, Bytes(3)}}, EINVAL, what + ", three bytes");
	}
	child::run([&] {
		child::become({});
		Socket unprivileged = fresh();
		for (int type : all) {
			const std::string what = "type " + std::to_string(type) + ", unprivileged";

			ktap::expect_equal(try_to_send(unprivileged, {{SOL_IPV6, type, header(0)}}),
					   EPERM, what);
			ktap::expect_equal(try_to_send(unprivileged, {{SOL_IPV6, type, Bytes(1)}}),
					   EINVAL, what + ", one byte");
		}
		ktap::expect_equal(try_to_send(unprivileged, {{SOL_IPV6, IPV6_RTHDR, routing(2)}}),
				   0, "routing header, unprivileged");
	});
}

void other_messages()
{
	Socket socket = fresh();

	// Those of other protocols say nothing here.
	sent(socket, {make(IPPROTO_UDP, 103, std::uint16_t{1}), make(IPPROTO_ICMPV6, 1, 1),
		      make(999, 1, 1), make(SOL_IP, IP_TTL, 5)});
	sent(socket, {make(SOL_SOCKET, SCM_RIGHTS, 0)});
	expect_refused({make(SOL_IPV6, IPV6_RECVERR, 1)}, EINVAL, "unknown to SOL_IPV6");
	expect_refused({make(SOL_IPV6, IPV6_UNICAST_HOPS, 1)}, EINVAL, "an option");
	expect_refused({make(SOL_IPV6, 255, 1)}, EINVAL, "unknown to SOL_IPV6");
	expect_refused({make(SOL_SOCKET, SO_BROADCAST, 1)}, EINVAL, "unknown to SOL_SOCKET");
	expect_refused({make(SOL_SOCKET, SO_TIMESTAMPING, 0x10000)}, EINVAL, "no such stamp");
	expect_refused({make(SOL_IPV6, IPV6_HOPLIMIT, 5), make(SOL_IPV6, 255, 1)}, EINVAL,
		       "the second one");

	// Lengths of the messages themselves.
	sockaddr_in6 to = sock6::to_kernel(peer);
	const auto send_built = [&](const Bytes &built) {
		return control::send_named(socket, pinger::request<V6>(1), &to, sizeof(to), built);
	};
	Bytes good = control::build({make(SOL_IPV6, IPV6_HOPLIMIT, 5)});
	for (std::uint8_t length : {0, 15, 25, 255}) {
		Bytes bad = good;

		bad[0] = length;
		ktap::expect_equal(send_built(bad), EINVAL, "cmsg_len " + std::to_string(length));
	}
	// Too few bytes for a message are no message.
	good.resize(8);
	ktap::expect_equal(send_built(good), 0, "half a header");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"hop_limits", hop_limits},
		 {"traffic_classes", traffic_classes},
		 {"fragments", fragments},
		 {"packet_information", packet_information},
		 {"packet_information_that_is_refused", packet_information_that_is_refused},
		 {"packet_information_that_contradicts", packet_information_that_contradicts},
		 {"marks", marks},
		 {"extension_headers", extension_headers},
		 {"other_messages", other_messages},
		 {"packet_information_in_a_vrf", packet_information_in_a_vrf}});
}
