// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: what control messages, flags and socket options change about a request.

#include "lib/child.hpp"
#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <string>

#include <net/if.h>

namespace {

using control::make;
using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using ping::Endpoint;
using ping::Socket;
using Messages = std::vector<control::Message>;

constexpr Endpoint peer{remote(1), 0};
constexpr Endpoint group{0xefc00001, 0}; // 239.192.0.1
constexpr Address second = 0x0a00004d;	 // 10.0.0.77, our own, too
constexpr Address other_host = 0x0a010002;
/// linux/in.h; the C library does not name it.
constexpr int ip_protocol = 52;

struct Net {
	wire::Wire wire = ping::new_network();
	/// Where nothing goes but for a reason.
	wire::Wire other = wire::Wire::tap({.name = "wire1"});
	unsigned index = if_nametoindex("wire0"), other_index = if_nametoindex("wire1");
};

const Net &net()
{
	static const Net made = [] {
		Net net;

		host::write_file("/proc/sys/net/ipv6/conf/wire1/disable_ipv6", "1");
		host::run("ip -batch - <<'END'\nlink set wire1 arp off up\n"
			  "address add 10.1.0.2/24 dev wire1\naddress add 10.0.0.77/24 dev wire0\n"
			  "route add default dev wire1 metric 100\n"
			  "rule add fwmark 77 prohibit\nEND");
		return net;
	}();
	return made;
}

Socket fresh()
{
	net().wire.receive_all(wire::milliseconds(0));
	net().other.receive_all(wire::milliseconds(0));
	return sock::ping();
}

/// Sends a request and returns the datagram that it was on @p wire.
Ipv4 sent(const Socket &socket, const Messages &messages = {}, const Endpoint &to = peer,
	  const wire::Wire &wire = net().wire, int flags = 0,
	  const wire::Where &where = wire::Where::current())
{
	return ping::sent(wire, socket, to, messages, flags, where);
}

void expect_refused(const Messages &messages, int expected, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(control::send(fresh(), ping::request(1), peer, messages), expected, what,
			   where);
	ktap::expect(!net().wire.receive(wire::silence), what + ", nothing is sent", where);
}

void time_to_live()
{
	Socket socket = fresh();

	ktap::expect_equal(sent(socket).ttl, 64, "the system's");
	sock::set(socket, SOL_IP, IP_TTL, 9);
	ktap::expect_equal(sent(socket).ttl, 9, "the socket's");
	for (int ttl : {1, 128, 255})
		ktap::expect_equal(sent(socket, {make(SOL_IP, IP_TTL, ttl)}).ttl, ttl,
				   "the message's");
	ktap::expect_equal(sent(socket).ttl, 9, "the socket's again");
	sock::set(socket, SOL_IP, IP_TTL, -1);
	ktap::expect_equal(sent(socket).ttl, 64, "the system's again");
	for (int ttl : {0, -1, 256})
		expect_refused({make(SOL_IP, IP_TTL, ttl)}, EINVAL, "TTL " + std::to_string(ttl));
	expect_refused({make(SOL_IP, IP_TTL, std::uint8_t{5})}, EINVAL, "TTL in one byte");

	ktap::expect_equal(sent(socket, {}, group).ttl, 1, "multicast");
	sock::set(socket, SOL_IP, IP_MULTICAST_TTL, 5);
	ktap::expect_equal(sent(socket, {}, group).ttl, 5, "IP_MULTICAST_TTL");
	ktap::expect_equal(sent(socket, {make(SOL_IP, IP_TTL, 6)}, group).ttl, 6,
			   "the message's for multicast");
}

void type_of_service()
{
	Socket socket = fresh();

	ktap::expect_equal(sent(socket).tos, 0, "none");
	sock::set(socket, SOL_IP, IP_TOS, 0x28);
	ktap::expect_equal(sent(socket).tos, 0x28, "the socket's");
	for (int tos : {0, 1, 0x10, 0xff}) {
		ktap::expect_equal(sent(socket, {make(SOL_IP, IP_TOS, tos)}).tos, tos,
				   "the message's");
		ktap::expect_equal(
			sent(socket, {make(SOL_IP, IP_TOS, static_cast<std::uint8_t>(tos))}).tos,
			tos, "the message's, one byte");
	}
	ktap::expect_equal(sent(socket).tos, 0x28, "the socket's again");
	for (int tos : {-1, 256})
		expect_refused({make(SOL_IP, IP_TOS, tos)}, EINVAL, "TOS " + std::to_string(tos));
	expect_refused({make(SOL_IP, IP_TOS, std::uint16_t{5})}, EINVAL, "TOS in two bytes");
}

bool matches(const std::string &expression, const Socket &socket, const Messages &messages = {})
{
	return pinger::matches<pinger::V4>(expression, socket, peer, messages);
}

void priority()
{
	Socket socket = fresh();

	ktap::expect(matches("meta priority 0:0", socket), "none");
	// linux/pkt_sched.h: TOS 0x10 is interactive, 6; TOS 8 is bulk, 2.
	ktap::expect(matches("meta priority 0:6", socket, {make(SOL_IP, IP_TOS, 0x10)}),
		     "of the message's TOS");
	sock::set(socket, SOL_IP, IP_TOS, 8);
	ktap::expect(matches("meta priority 0:2", socket), "of the socket's TOS");
	sock::set(socket, SOL_SOCKET, SO_PRIORITY, 5);
	ktap::expect(matches("meta priority 0:5", socket), "SO_PRIORITY");
	ktap::expect(!matches("meta priority 0:6", socket), "and no other");
	ktap::expect(matches("meta priority 0:6", socket, {make(SOL_IP, IP_TOS, 0x10)}),
		     "the message's TOS goes before SO_PRIORITY");
}

void mark()
{
	Socket socket = fresh();

	ktap::expect(matches("meta mark 0", socket), "none");
	ktap::expect(matches("meta mark 5", socket, {make(SOL_SOCKET, SO_MARK, 5)}), "message's");
	sock::set(socket, SOL_SOCKET, SO_MARK, 6);
	ktap::expect(matches("meta mark 6", socket), "socket's");
	ktap::expect(matches("meta mark 7", socket, {make(SOL_SOCKET, SO_MARK, 7)}),
		     "the message's goes before the socket's");
	expect_refused({make(SOL_SOCKET, SO_MARK, 77)}, EACCES, "routes go by it");
	expect_refused({make(SOL_SOCKET, SO_MARK, std::uint16_t{5})}, EINVAL, "in two bytes");
	child::run([] {
		child::become({});
		Socket unprivileged = sock::ping();
		for (int mark : {0, 5})
			ktap::expect_equal(control::send(unprivileged, ping::request(1), peer,
							 {make(SOL_SOCKET, SO_MARK, mark)}),
					   EPERM, "unprivileged");
		ktap::expect_equal(control::send(unprivileged, ping::request(1), peer,
						 {control::Message{SOL_SOCKET, SO_MARK, {}}}),
				   EPERM, "which is asked before the length");
	});
}

control::Message packet_info(unsigned index, Address source)
{
	in_pktinfo info{};

	info.ipi_ifindex = static_cast<int>(index);
	info.ipi_spec_dst.s_addr = htonl(source);
	// Only recvmsg() says something here.
	info.ipi_addr.s_addr = htonl(remote(99));
	return make(SOL_IP, IP_PKTINFO, info);
}

void source_and_device_of_a_message()
{
	Socket socket = fresh();

	ktap::expect_equal(sent(socket).source, errors::host, "none");
	ktap::expect_equal(sent(socket, {packet_info(0, second)}).source, second, "source");
	Ipv4 request = sent(socket, {packet_info(net().other_index, 0)}, peer, net().other);
	ktap::expect_equal(request.source, other_host, "source of the device");
	request = sent(socket, {packet_info(net().other_index, second)}, peer, net().other);
	ktap::expect_equal(request.source, second, "source and device");
	expect_refused({packet_info(0, remote(5))}, ENETUNREACH, "a source that is not ours");
	expect_refused({packet_info(0, 0xe0000005)}, EINVAL, "a source that nobody can be");
	expect_refused({packet_info(9999, 0)}, ENODEV, "no such device");
	Socket transparent = fresh();
	sock::set(transparent, SOL_IP, IP_TRANSPARENT, 1);
	ktap::expect_equal(sent(transparent, {packet_info(0, remote(5))}).source, remote(5),
			   "which IP_TRANSPARENT allows");
	Bytes longer(sizeof(in_pktinfo) + 4);
	expect_refused({{SOL_IP, IP_PKTINFO, longer}}, EINVAL, "too long");
	longer.resize(sizeof(in_pktinfo) - 4);
	expect_refused({{SOL_IP, IP_PKTINFO, longer}}, EINVAL, "too short");

	// The message goes before what the socket is bound to.
	Socket bound = fresh();
	sock::bind(bound, {errors::host, 0});
	ping::try_to_bind_to_device(bound, "wire0");
	request = sent(bound, {packet_info(net().other_index, second)}, peer, net().other);
	ktap::expect_equal(request.source, second, "source of a bound socket");
	// It takes away the source even where it names none.
	ktap::expect_equal(
		sent(bound, {packet_info(net().other_index, 0)}, peer, net().other).source,
		other_host, "source of a bound socket");
}

void devices_of_options()
{
	Socket socket = fresh();
	int index = static_cast<int>(net().other_index);

	sock::set(socket, SOL_IP, IP_UNICAST_IF, static_cast<int>(htonl(net().other_index)));
	ktap::expect_equal(sent(socket, {}, peer, net().other).source, other_host, "IP_UNICAST_IF");
	sent(socket, {packet_info(net().index, 0)});
	// One's options say nothing to the other.
	sent(socket, {}, group);
	ip_mreqn multicast{};
	multicast.imr_ifindex = index;
	multicast.imr_address.s_addr = htonl(second);
	Socket multi = fresh();
	host::check(setsockopt(multi.get(), SOL_IP, IP_MULTICAST_IF, &multicast, sizeof(multicast)),
		    "IP_MULTICAST_IF");
	ktap::expect_equal(sent(multi, {}, group, net().other).source, second, "IP_MULTICAST_IF");
	ktap::expect_equal(sent(multi).source, errors::host, "unicast");
	ktap::expect_equal(sent(multi, {packet_info(net().index, errors::host)}, group).source,
			   errors::host, "the message goes before IP_MULTICAST_IF");
	ping::try_to_bind_to_device(multi, "wire0");
	ktap::expect_equal(sent(multi, {}, group).source, second, "and so does SO_BINDTODEVICE");
}

/// Record route, timestamps, source routes (RFC 791, 3.1); each is filled in as the first hop that we are.
void ip_options()
{
	Socket socket = fresh();
	auto options = [](Bytes bytes) {
		return Messages{{SOL_IP, IP_RETOPTS, std::move(bytes)}};
	};
	const Bytes record{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0};
	const Bytes recorded{7, 11, 8, 10, 0, 0, 2, 0, 0, 0, 0, 0};

	ktap::expect_equal(sent(socket, options(record)).options, recorded, "record route");
	ktap::expect_equal(sent(socket).options.size(), 0U, "none afterwards");
	Bytes stamped = sent(socket, options({68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0})).options;
	ktap::require_equal(stamped.size(), 12U, "timestamp");
	ktap::expect_equal(stamped[2], 9, "timestamp, pointer");
	ktap::expect(packet::get32(stamped, 4) != 0, "timestamp, filled in");
	Ipv4 routed = sent(socket, options({131, 11, 4, 192, 0, 2, 8, 192, 0, 2, 9}));
	ktap::expect_equal(routed.destination, remote(8), "source route, first hop");
	ktap::expect_equal(routed.options, Bytes{131, 11, 4, 192, 0, 2, 9, 192, 0, 2, 1, 0},
			   "source route, the rest");
	for (const Bytes &wrong :
	     {Bytes{7, 2}, Bytes{7, 11}, Bytes{7, 11, 3, 0, 0, 0, 0, 0, 0, 0, 0},
	      Bytes{131, 7, 8, 192, 0, 2, 8}, Bytes{68, 3, 5}, Bytes{7}})
		expect_refused(options(wrong), EINVAL, "malformed");

	ktap::expect_equal(setsockopt(socket.get(), SOL_IP, IP_OPTIONS, record.data(), 11), 0,
			   "IP_OPTIONS");
	ktap::expect_equal(sent(socket).options, recorded, "IP_OPTIONS");
	ktap::expect_equal(sent(socket, options({1, 1, 1, 1})).options, Bytes(4, 1),
			   "the message's replace the socket's");
	// What options take away from the MTU is reported.
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	ktap::expect_equal(
		sock::send(socket, ping::request(1, packet::pattern(1500 - 28 - 12)), peer), 0,
		"as long as fits");
	ktap::expect_equal(
		sock::send(socket, ping::request(1, packet::pattern(1500 - 28 - 11)), peer),
		EMSGSIZE, "one byte longer");
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "error").info, 1500 - 12,
			   "ee_info");
	child::run([&] {
		child::become({});
		Socket unprivileged = fresh();
		sent(unprivileged, options(record));
		ktap::expect_equal(control::send(unprivileged, ping::request(1), peer,
						 options({131, 7, 4, 192, 0, 2, 8})),
				   EPERM, "source route");
		// An option that nobody knows, and that root may send.
		ktap::expect_equal(control::send(unprivileged, ping::request(1), peer,
						 options({200, 4, 1, 2})),
				   EINVAL, "unknown option");
	});
	ktap::expect_equal(sent(fresh(), options({200, 4, 1, 2})).options, Bytes{200, 4, 1, 2},
			   "root");
}

void other_messages()
{
	Socket socket = fresh();

	// That is for raw sockets.
	ktap::expect_equal(sent(socket, {make(SOL_IP, ip_protocol, 17)}).protocol, IPPROTO_ICMP,
			   "IP_PROTOCOL");
	expect_refused({make(SOL_IP, ip_protocol, 0)}, EINVAL, "IP_PROTOCOL 0");
	expect_refused({make(SOL_IP, ip_protocol, 256)}, EINVAL, "IP_PROTOCOL 256");
	sent(socket, {make(IPPROTO_UDP, 103, std::uint16_t{1}), make(IPPROTO_TCP, 1, 1),
		      make(999, 1, 1), make(SOL_IPV6, 1, 1)});
	sent(socket, {make(SOL_SOCKET, SCM_RIGHTS, 0)});
	expect_refused({make(SOL_IP, IP_RECVERR, 1)}, EINVAL, "unknown to SOL_IP");
	expect_refused({make(SOL_IP, 255, 1)}, EINVAL, "unknown to SOL_IP");
	expect_refused({make(SOL_SOCKET, SO_BROADCAST, 1)}, EINVAL, "unknown to SOL_SOCKET");
	expect_refused({make(SOL_IP, IP_TTL, 5), make(SOL_IP, 255, 1)}, EINVAL, "the second one");

	// Lengths of the messages themselves.
	Bytes good = control::build({make(SOL_IP, IP_TTL, 5)});
	for (std::uint8_t length : {0, 15, 25, 255}) {
		Bytes bad = good;

		bad[0] = length;
		ktap::expect_equal(control::send_built(socket, ping::request(1), peer, bad), EINVAL,
				   "cmsg_len " + std::to_string(length));
	}
	// Too few bytes for a message are no message.
	good.resize(8);
	ktap::expect_equal(control::send_built(socket, ping::request(1), peer, good), 0,
			   "half a header");
}

void flags_of_sendmsg()
{
	Socket socket = fresh();

	sent(socket, {}, peer, net().wire, MSG_CONFIRM);
	sent(socket, {}, peer, net().wire, MSG_DONTWAIT);
	for (int i = 0; i < 2; i++)
		ktap::expect_equal(sent(socket, {}, peer, net().wire, MSG_MORE).payload.size(), 8U,
				   "MSG_MORE, one by one");
	for (int flags : {control::msg_probe, control::msg_probe | MSG_CONFIRM}) {
		Bytes request = ping::request(1);
		sockaddr_in to = sock::to_kernel(peer);

		ktap::expect_equal(sendto(socket.get(), request.data(), request.size(), flags,
					  reinterpret_cast<const sockaddr *>(&to), sizeof(to)),
				   8, "MSG_PROBE");
		ktap::expect(!net().wire.receive(wire::silence), "MSG_PROBE sends nothing");
	}
}

/// Last, because it takes routes away.
void without_gateways()
{
	const Endpoint near{errors::router, 0}, far{remote(1), 0};
	Socket socket = fresh();

	host::run("ip route flush default; ip route flush default; ip route add default via "
		  "10.0.0.1");
	sent(socket, {}, near, net().wire, MSG_DONTROUTE);
	sent(socket, {}, far);
	ktap::expect_equal(control::send(socket, ping::request(1), far, {}, MSG_DONTROUTE),
			   ENETUNREACH, "MSG_DONTROUTE");
	// A strict source route goes to neighbours alone.
	ktap::expect_equal(control::send(socket, ping::request(1), far,
					 {{SOL_IP, IP_RETOPTS, {137, 7, 4, 192, 0, 2, 8}}}),
			   ENETUNREACH, "strict source route");
	sock::set(socket, SOL_SOCKET, SO_DONTROUTE, 1);
	sent(socket, {}, near);
	ktap::expect_equal(sock::send(socket, ping::request(1), far), ENETUNREACH, "SO_DONTROUTE");
	ktap::expect_equal(sock::connect(socket, far), ENETUNREACH, "connect");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"time_to_live", time_to_live},
			  {"type_of_service", type_of_service},
			  {"priority", priority},
			  {"mark", mark},
			  {"source_and_device_of_a_message", source_and_device_of_a_message},
			  {"devices_of_options", devices_of_options},
			  {"ip_options", ip_options},
			  {"other_messages", other_messages},
			  {"flags_of_sendmsg", flags_of_sendmsg},
			  {"without_gateways", without_gateways}});
}
