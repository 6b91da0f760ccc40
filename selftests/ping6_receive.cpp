// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: what recvmsg(2) tells of a reply's headers (ipv6(7), RFC 3542), and which replies there are.
// What is the same for both families is in ping_receive.

#include "lib/control.hpp"
#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

namespace {

using packet::Bytes;
using packet6::Address;
using packet6::Ipv6;
using pinger::V6;
using sock::Socket;
using Received = V6::Received;

/// Options of linux/in6.h, which does not get on with netinet/in.h.
constexpr int flow_info = 11, flow_info_send = 33;

const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<V6>();
	return wire;
}

std::uint32_t device()
{
	net();
	return if_nametoindex("wire0");
}

Socket fresh()
{
	net();
	return pinger::bound<V6>();
}

Ipv6 reply_to(const Socket &socket)
{
	return pinger::reply<V6>(pinger::identifier<V6>(socket), 1, packet::pattern(56),
				 V6::remote(1));
}

Received take(const Socket &socket, const wire::Where &where = wire::Where::current())
{
	Received received = V6::receive(socket);

	ktap::require_equal(received.error, 0, "recvmsg", where);
	return received;
}

/// What comes of @p reply.
Received arrived(const Socket &socket, const Ipv6 &reply,
		 const wire::Where &where = wire::Where::current())
{
	net().send(reply);
	return take(socket, where);
}

void expect_nothing(const Socket &socket, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(V6::receive(socket).error, EAGAIN, what, where);
}

/// The only one there is, of one kind.
Bytes only_message(const Received &received, int type, const std::string &what,
		   const wire::Where &where = wire::Where::current())
{
	const control::Message *message = received.find(SOL_IPV6, type);

	ktap::expect_equal(received.messages.size(), 1U, what + ", messages", where);
	ktap::require(message, what, where);
	return message->data;
}

/// RFC 4007, 6: a link-local address is one only together with its interface.
void link_local_sources_have_their_interface()
{
	Socket socket = fresh();
	const std::uint16_t id = pinger::identifier<V6>(socket);

	for (const Address &to : {packet6::server_link, packet6::server}) {
		net().send(pinger::reply<V6>(id, 1, {}, packet6::client_link, to));
		ktap::expect(take(socket).from ==
				     sock6::Endpoint{packet6::client_link, 0, device()},
			     "a link-local source");
	}
	net().send(pinger::reply<V6>(id, 1, {}, packet6::client, packet6::server_link));
	ktap::expect(take(socket).from == sock6::Endpoint{packet6::client, 0, 0},
		     "a source that has no need of it");
}

/// Traffic class and flow label as the address has them, in network order.
std::uint32_t told_by_address(const Socket &socket)
{
	sockaddr_in6 name{};
	socklen_t size = sizeof(name);

	std::memset(&name, 0xff, sizeof(name));
	host::check(static_cast<int>(recvfrom(socket.get(), nullptr, 0, MSG_DONTWAIT,
					      reinterpret_cast<sockaddr *>(&name), &size)),
		    "recvfrom");
	ktap::expect_equal(size, sizeof(name), "size of the address");
	ktap::expect_equal(name.sin6_family, AF_INET6, "sin6_family");
	ktap::expect_equal(name.sin6_port, 0, "sin6_port");
	return ntohl(name.sin6_flowinfo);
}

void flow_information()
{
	Socket socket = fresh();
	Ipv6 reply = reply_to(socket);

	reply.traffic_class = 0xb9;
	reply.flow_label = 0x54321;
	net().send(reply);
	ktap::expect_equal(told_by_address(socket), 0U, "nobody asked for it");
	sock6::set(socket, SOL_IPV6, flow_info_send, 1);
	net().send(reply);
	ktap::expect_equal(told_by_address(socket), 0xb954321U, "IPV6_FLOWINFO_SEND");

	sock6::set(socket, SOL_IPV6, flow_info, 1);
	const Received received = arrived(socket, reply);
	Bytes expected;
	packet::put32(expected, 0xb954321);
	ktap::expect_equal(only_message(received, flow_info, "IPV6_FLOWINFO"), expected,
			   "IPV6_FLOWINFO");
	reply.traffic_class = 0;
	reply.flow_label = 0;
	ktap::expect_equal(arrived(socket, reply).messages.size(), 0U, "nothing to tell");
}

void expect_info(const Received &received, int type, const Address &to, const std::string &what)
{
	const auto info = ktap::require_value(received.value<in6_pktinfo>(SOL_IPV6, type), what);

	ktap::expect_equal(info.ipi6_ifindex, device(), what + ", ipi6_ifindex");
	ktap::expect(std::ranges::equal(info.ipi6_addr.s6_addr, to), what + ", ipi6_addr");
}

void headers()
{
	Socket socket = fresh();
	Ipv6 reply = reply_to(socket);

	for (int option : {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS})
		sock6::set(socket, SOL_IPV6, option, 1);
	reply.hop_limit = 17;
	reply.traffic_class = 0xb9;
	Received received = arrived(socket, reply);
	ktap::expect_equal(received.messages.size(), 3U, "messages");
	ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_HOPLIMIT).value_or(-1), 17,
			   "IPV6_HOPLIMIT");
	ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_TCLASS).value_or(-1), 0xb9,
			   "IPV6_TCLASS");
	expect_info(received, IPV6_PKTINFO, packet6::server, "IPV6_PKTINFO");

	// One after the other is switched off.
	sock6::set(socket, SOL_IPV6, IPV6_RECVPKTINFO, 0);
	ktap::expect_equal(arrived(socket, reply).messages.size(), 2U, "two of them");
	sock6::set(socket, SOL_IPV6, IPV6_RECVHOPLIMIT, 0);
	only_message(arrived(socket, reply), IPV6_TCLASS, "one of them");
	sock6::set(socket, SOL_IPV6, IPV6_RECVTCLASS, 0);
	ktap::expect_equal(arrived(socket, reply).messages.size(), 0U, "none of them");

	sock6::set(socket, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
	net().send(reply);
	ktap::expect_equal(V6::receive(socket, MSG_DONTWAIT, 100, 8).flags, MSG_CTRUNC,
			   "no room for control messages");
}

/// The forms of RFC 2292, which come beside those of RFC 3542.
void headers_in_the_old_form()
{
	Socket socket = fresh();
	Ipv6 reply = reply_to(socket);

	for (int option : {IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_RECVHOPLIMIT})
		sock6::set(socket, SOL_IPV6, option, 1);
	reply.hop_limit = 17;
	const Received received = arrived(socket, reply);
	ktap::expect_equal(received.messages.size(), 3U, "messages");
	expect_info(received, IPV6_2292PKTINFO, packet6::server, "IPV6_2292PKTINFO");
	for (int type : {IPV6_2292HOPLIMIT, IPV6_HOPLIMIT})
		ktap::expect_equal(received.value<int>(SOL_IPV6, type).value_or(-1), 17,
				   "hop limit " + std::to_string(type));
}

/// An extension header as it was built: next header, length, contents.
Bytes built(const packet6::Extension &extension, std::uint8_t next)
{
	Bytes bytes{next, 0};

	bytes.insert(bytes.end(), extension.contents.begin(), extension.contents.end());
	while (bytes.size() % 8 != 0)
		bytes.push_back(0);
	bytes[1] = static_cast<std::uint8_t>(bytes.size() / 8 - 1);
	return bytes;
}

void extension_headers()
{
	using packet6::Header;
	Socket socket = fresh();
	Ipv6 reply = reply_to(socket);
	const packet6::Extension each{.kind = Header::hop_by_hop,
				      .contents = packet6::option(0x1e, packet::pattern(10))};
	const packet6::Extension before{.contents = packet6::option(0x1e, packet::pattern(4))};
	packet6::Extension way = packet6::routing(4, 0, {packet6::server});
	const packet6::Extension behind{.contents = packet6::option(0x1e, packet::pattern(20))};
	const Bytes as_each = built(each, Header::destination_options),
		    as_before = built(before, Header::routing_header),
		    as_behind = built(behind, Header::icmp);

	// One without segments left, of which nothing needs to be known (RFC 8200, 4.4).
	way.contents[0] = 250;
	const Bytes as_way = built(way, Header::destination_options);
	reply.extensions = {each, before, way, behind};
	ktap::expect_equal(arrived(socket, reply).messages.size(), 0U, "nobody asked for them");

	sock6::set(socket, SOL_IPV6, IPV6_RECVHOPOPTS, 1);
	ktap::expect_equal(only_message(arrived(socket, reply), IPV6_HOPOPTS, "IPV6_HOPOPTS"),
			   as_each, "IPV6_HOPOPTS");
	sock6::set(socket, SOL_IPV6, IPV6_RECVHOPOPTS, 0);
	sock6::set(socket, SOL_IPV6, IPV6_RECVRTHDR, 1);
	ktap::expect_equal(only_message(arrived(socket, reply), IPV6_RTHDR, "IPV6_RTHDR"), as_way,
			   "IPV6_RTHDR");
	sock6::set(socket, SOL_IPV6, IPV6_RECVDSTOPTS, 1);
	Received received = arrived(socket, reply);
	ktap::require_equal(received.messages.size(), 3U, "messages, in the order of the headers");
	ktap::expect_equal(received.messages[0].data, as_before, "the first IPV6_DSTOPTS");
	ktap::expect_equal(received.messages[1].data, as_way, "IPV6_RTHDR between them");
	ktap::expect_equal(received.messages[2].data, as_behind, "the second IPV6_DSTOPTS");
	for (std::size_t i : {0, 1, 2})
		ktap::expect_equal(received.messages[i].type, i == 1 ? IPV6_RTHDR : IPV6_DSTOPTS,
				   "cmsg_type");
	for (int option : {IPV6_RECVRTHDR, IPV6_RECVDSTOPTS})
		sock6::set(socket, SOL_IPV6, option, 0);

	const std::vector<std::pair<int, Bytes>> old_ones{{IPV6_2292HOPOPTS, as_each},
							  {IPV6_2292RTHDR, as_way}};
	for (const auto &[option, expected] : old_ones) {
		sock6::set(socket, SOL_IPV6, option, 1);
		ktap::expect_equal(only_message(arrived(socket, reply), option, "an old form"),
				   expected, "an old form");
		sock6::set(socket, SOL_IPV6, option, 0);
	}
	sock6::set(socket, SOL_IPV6, IPV6_2292DSTOPTS, 1);
	received = arrived(socket, reply);
	ktap::require_equal(received.messages.size(), 2U, "IPV6_2292DSTOPTS");
	ktap::expect_equal(received.messages[0].data, as_before, "the first IPV6_2292DSTOPTS");
	ktap::expect_equal(received.messages[1].data, as_behind, "the second IPV6_2292DSTOPTS");
	reply.extensions.clear();
	ktap::expect_equal(arrived(socket, reply).messages.size(), 0U, "a reply without any");
}

/// Where other protocols have the destination port, echo messages have code and checksum.
void original_destination()
{
	Socket socket = fresh();
	const Ipv6 reply = reply_to(socket);

	sock6::set(socket, SOL_IPV6, IPV6_RECVORIGDSTADDR, 1);
	const Received received = arrived(socket, reply);
	const auto name = ktap::require_value(
		received.value<sockaddr_in6>(SOL_IPV6, IPV6_ORIGDSTADDR), "IPV6_ORIGDSTADDR");
	ktap::expect_equal(received.messages.size(), 1U, "messages");
	ktap::expect(sock6::from_kernel(name) ==
			     sock6::Endpoint{packet6::server, packet::get16(reply.payload, 2), 0},
		     "IPV6_ORIGDSTADDR");
}

/// Of the largest fragment, in bytes.
void size_of_fragments()
{
	Socket socket = fresh();
	Ipv6 reply = reply_to(socket);

	sock6::set(socket, SOL_IPV6, IPV6_RECVFRAGSIZE, 1);
	ktap::expect_equal(arrived(socket, reply).messages.size(), 0U, "in one piece");
	reply = pinger::reply<V6>(pinger::identifier<V6>(socket), 1, packet::pattern(3000));
	for (std::size_t mtu : {1500U, 1280U}) {
		std::size_t largest = 0;

		for (const Ipv6 &part : packet6::fragment(reply, mtu)) {
			largest = std::max(largest, part.build().size());
			net().send(part);
		}
		const Received received = take(socket);
		ktap::expect_equal(received.data, reply.payload, "from fragments");
		ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_RECVFRAGSIZE).value_or(-1),
				   static_cast<int>(largest), "IPV6_RECVFRAGSIZE");
	}
}

/// A message of @p type to the socket, as a reply looks.
Ipv6 message_of_type(const Socket &socket, std::uint8_t type, std::uint8_t code = 0)
{
	packet::Icmp message =
		packet6::echo_request(pinger::identifier<V6>(socket), 9, packet::pattern(30));

	message.type = type;
	message.code = code;
	return packet6::datagram(message);
}

/// What icmpx counts of a reply that comes to @p own in its own family: without one it hands all replies on.
std::string outcome(const std::string &own) { return pinger::is_icmpx<V6>() ? own : "pass_ping"; }

/// RFC 4443, 4.2, and RFC 8335: replies of either kind, whichever code they have.
void types_of_replies()
{
	Socket asking = fresh(), other = fresh();
	for (std::uint8_t type : {packet6::echo_reply, packet6::extended_echo_reply}) {
		for (std::uint8_t code : {0, 1, 4, 255}) {
			const Ipv6 reply = message_of_type(asking, type, code);
			const counters6::Change change;
			const std::string what =
				"type " + std::to_string(type) + " code " + std::to_string(code);

			ktap::expect_equal(arrived(asking, reply).data, reply.payload, what);
			expect_nothing(other, what + ", another socket");
			change.expect_icmp(counters6::in(type), what);
			change.expect_outcomes({{outcome("deliver_ping"), 1}}, what);
		}
	}
}

void other_types_are_not_delivered()
{
	const std::set<std::uint8_t> replies{packet6::echo_reply, packet6::extended_echo_reply};
	Socket socket = fresh();

	for (int type = 0; type < 256; type++) {
		if (!replies.contains(static_cast<std::uint8_t>(type)))
			net().send(message_of_type(socket, static_cast<std::uint8_t>(type)));
	}
	expect_nothing(socket, "other types");
	ktap::expect_equal(sock6::take_error(socket), 0, "SO_ERROR");
}

void replies_that_nobody_asked_for()
{
	Socket socket = fresh();
	const auto id = static_cast<std::uint16_t>(pinger::identifier<V6>(socket) ^ 1);
	const counters6::Change change;

	net().send(pinger::reply<V6>(id));
	expect_nothing(socket, "another's reply");
	change.expect_icmp(counters6::in(packet6::echo_reply), "counters");
	change.expect_outcomes({{outcome("drop_no_socket"), 1}}, "outcome");
}

void wrong_checksums_are_not_delivered()
{
	Socket socket = fresh();
	Ipv6 reply = reply_to(socket);

	reply.payload[2] ^= 1;
	net().send(reply);
	expect_nothing(socket, "a wrong checksum");
	reply.payload[2] ^= 1;
	reply.payload.resize(7);
	net().send(reply);
	expect_nothing(socket, "half a header");
}

/// Whoever answers a request to a group is heard: an unconnected socket asks for nobody's address.
void all_who_answer_are_heard()
{
	Socket socket = fresh();
	const sock6::Endpoint group{packet6::all_nodes, 0, device()};

	net().receive_all(wire::milliseconds(0));
	ktap::require_equal(sock6::send(socket, pinger::request<V6>(1), group), 0, "send");
	const auto request = ktap::require_value(wire6::next_answer(net()), "request");
	ktap::expect_equal(request.ip.destination, packet6::all_nodes, "destination");
	ktap::expect_equal(request.ip.source, packet6::server_link, "source");
	// This host is of the group, too (IPV6_MULTICAST_LOOP).
	ktap::require_equal(sock::wait_for(socket, POLLIN, 2000), POLLIN, "our own reply");
	ktap::expect(take(socket).from == sock6::Endpoint{packet6::server_link, 0, device()},
		     "our own reply");
	for (std::uint8_t host = 10; host < 20; host++) {
		Address from = packet6::client_link;

		from[15] = host;
		const Received received =
			arrived(socket, pinger::reply<V6>(request.icmp.id(), 1, {}, from,
							  request.ip.source));
		ktap::expect(received.from == sock6::Endpoint{from, 0, device()}, "who answers");
	}
	// The same one twice, as a link does that delivers it twice.
	for (int i = 0; i < 2; i++)
		arrived(socket, pinger::reply<V6>(request.icmp.id(), 1, {}, packet6::client_link,
						  request.ip.source));
	expect_nothing(socket, "no more");
}

/// The protocol has no ioctl() of its own: not even how much there is to read can be asked.
void ioctls()
{
	Socket socket = fresh();
	int value = -1;

	net().send(reply_to(socket));
	ktap::expect_equal(ioctl(socket.get(), SIOCINQ, &value) ? errno : 0, ENOTTY, "SIOCINQ");
	ktap::expect_equal(ioctl(socket.get(), SIOCOUTQ, &value) ? errno : 0, ENOTTY, "SIOCOUTQ");
	take(socket);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"rfc4007_6_link_local_sources", link_local_sources_have_their_interface},
			  {"flow_information", flow_information},
			  {"headers", headers},
			  {"headers_in_the_old_form", headers_in_the_old_form},
			  {"extension_headers", extension_headers},
			  {"original_destination", original_destination},
			  {"size_of_fragments", size_of_fragments},
			  {"types_of_replies", types_of_replies},
			  {"other_types_are_not_delivered", other_types_are_not_delivered},
			  {"replies_that_nobody_asked_for", replies_that_nobody_asked_for},
			  {"wrong_checksums_are_not_delivered", wrong_checksums_are_not_delivered},
			  {"all_who_answer_are_heard", all_who_answer_are_heard},
			  {"ioctls", ioctls}});
}
