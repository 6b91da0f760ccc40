// SPDX-License-Identifier: GPL-2.0-only
//
// Which source address a reply has (RFC 4443, 2.2 and 4.2): unicast, the address that was asked; multicast and anycast, one
// that the route back prefers.

#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/socket6.hpp"
#include "lib/wire6.hpp"

#include <array>
#include <string>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using packet6::Address;
using packet6::ipv6;
using packet6::Ipv6;
using wire::Cast;
using wire::expect_echo_reply;
using wire::require_answer;
using wire6::next_answer;
using wire6::Wire;

namespace {

const Address group = ipv6("ff02::abcd");
const Address anycast = ipv6("fd00::aa");

Ipv6 ping(const packet6::Ends &ends = {})
{
	return packet6::datagram(packet6::echo_request(0x77, 1, packet::pattern(16)), ends);
}

void expect_source(const Wire &wire, const Ipv6 &request, Cast cast, const Address &source,
		   const std::string &what, const wire::Where &where = wire::Where::current())
{
	wire.send(request, cast);
	auto answer = ktap::require_value(
		wire6::next_of_type(wire, packet6::echo_reply, wire::patience, where), what, where);

	expect_equal(packet6::text(answer.ip.source), packet6::text(source), what, where);
	expect_equal(packet6::text(answer.ip.destination), packet6::text(request.source),
		     "destination", where);
	expect_equal(answer.icmp.data, packet::pattern(16), "data", where);
}

void expect_ignored(const Wire &wire, const Ipv6 &request, Cast cast, const char *outcome,
		    const wire::Where &where = wire::Where::current())
{
	Change change;

	wire::expect_no_answer(wire, request, cast, where);
	change.expect_icmp(counters6::in(packet6::echo), "an echo request without answer", where);
	change.expect_outcomes({{outcome, 1}}, "an echo request without answer", where);
}

void unicast_source_is_the_address_asked()
{
	auto wire = wire6::new_server();

	host::need("dummy", "ip link add probe type dummy && ip link delete probe");
	wire6::add_addresses("wire0", {"fd00::9/64", "2001:db8:1::1/128"});
	wire6::add_addresses("lo", {"2001:db8::1/128"});
	host::run("ip link add far type dummy; ip link set far up");
	wire6::add_addresses("far", {"2001:db8:2::1/64"});
	for (const char *address :
	     {"fd00::2", "fd00::9", "2001:db8::1", "2001:db8:1::1", "2001:db8:2::1", "fe80::2"}) {
		for (const char *peer : {"fd00::1", "2001:db8:77::77", "fe80::1", "::ffff:1.2.3.4",
					 "2002:102:304::1"}) {
			Ipv6 request = ping({ipv6(peer), ipv6(address)});

			Change change;
			expect_echo_reply(require_answer(wire, request), request);
			change.expect_icmp(counters6::one_echo(), address);
			change.expect_outcomes({{"reply", 1}}, address);
		}
	}
}

/// RFC 4291, 2.5.2: a deprecated address is as good for what is asked as another.
void deprecated_address()
{
	auto wire = wire6::new_server();

	host::run("ip -6 address change fd00::2/64 dev wire0 preferred_lft 0 valid_lft forever");
	expect_echo_reply(require_answer(wire, ping()), ping());
}

void multicast_source_is_what_the_route_prefers()
{
	auto wire = wire6::new_server();

	for (Cast cast : {Cast::multicast, Cast::unicast}) {
		expect_source(wire, ping({.destination = packet6::all_nodes}), cast,
			      packet6::server, "ff02::1, from fd00::1");
		expect_source(wire, ping({packet6::client_link, packet6::all_nodes}), cast,
			      packet6::server_link, "ff02::1, from fe80::1");
	}
	wire6::add_addresses("wire0", {"2001:db8::2/64", "fd00::9/64"});
	expect_source(wire, ping({ipv6("2001:db8::1"), packet6::all_nodes}), Cast::multicast,
		      ipv6("2001:db8::2"), "ff02::1, from a prefix of another address");
	host::run("ip -6 route add 2001:db8:7::/64 dev wire0 src fd00::9");
	expect_source(wire, ping({ipv6("2001:db8:7::1"), packet6::all_nodes}), Cast::multicast,
		      ipv6("fd00::9"), "source that the route prefers");
}

void multicast_group_that_was_joined()
{
	auto wire = wire6::new_server();

	wire::expect_no_answer(wire, ping({.destination = group}), Cast::multicast);
	{
		const auto joined = sock6::join(IPV6_JOIN_GROUP, group, "wire0");

		expect_source(wire, ping({.destination = group}), Cast::multicast, packet6::server,
			      "a group that was joined");
	}
	wire.receive_all<Ipv6>();
	wire.send(ping({.destination = group}), Cast::multicast);
	expect(!wire6::next_of_type(wire, packet6::echo_reply, wire::silence),
	       "no answer by one that left");
}

void multicast_ignored()
{
	auto wire = wire6::new_server();

	host::set_sysctl("net/ipv6/icmp/echo_ignore_multicast", 1);
	for (Cast cast : {Cast::multicast, Cast::unicast})
		expect_ignored(wire, ping({.destination = packet6::all_nodes}), cast,
			       "ignore_multicast");
	expect_echo_reply(require_answer(wire, ping()), ping());
}

/// An anycast address that a program has asked for, and one that a router has: the first of its prefix (RFC 4291, 2.6.1).
class Anycasts {
public:
	Anycasts() : wire(wire6::new_server())
	{
		// A router would join groups, and report that.
		host::run("ip link set wire0 multicast off");
		joined = sock6::join(sock6::join_anycast, anycast, "wire0");
		host::set_sysctl("net/ipv6/conf/all/forwarding", 1);
		host::set_sysctl("net/ipv6/conf/wire0/forwarding", 1);
	}

	Wire wire;
	sock6::Socket joined{};
	const std::array<Address, 2> addresses{anycast, ipv6("fd00::")};
};

void anycast_source()
{
	const Anycasts net;

	for (const Address &address : net.addresses) {
		const Ipv6 request = ping({.destination = address});

		for (int own : {0, 1, 0}) {
			host::set_sysctl("net/ipv6/anycast_src_echo_reply", own);
			Change change;
			expect_source(net.wire, request, Cast::unicast,
				      own ? address : packet6::server,
				      packet6::text(address) +
					      ", anycast_src_echo_reply = " + std::to_string(own));
			change.expect_icmp(counters6::one_echo(), "anycast");
			change.expect_outcomes({{"reply", 1}}, "anycast");
		}
		expect_source(net.wire, ping({packet6::client_link, address}), Cast::unicast,
			      packet6::server_link, "asked by a link-local address");
	}
}

void anycast_ignored()
{
	const Anycasts net;

	host::set_sysctl("net/ipv6/icmp/echo_ignore_anycast", 1);
	for (const Address &address : net.addresses)
		expect_ignored(net.wire, ping({.destination = address}), Cast::unicast,
			       "ignore_anycast");
	expect_echo_reply(require_answer(net.wire, ping()), ping());
}

/// A prefix of which each address is this host's is as good as a list of them, but for its first address, which is taken for
/// an anycast address and for an own one.
void local_prefix()
{
	auto wire = wire6::new_server();
	const Ipv6 first = ping({.destination = ipv6("2001:db8:5::")});

	host::run("ip -6 route add local 2001:db8:5::/64 dev lo");
	for (const char *address : {"2001:db8:5::1", "2001:db8:5:0:ffff:ffff:ffff:ffff"}) {
		const Ipv6 request = ping({.destination = ipv6(address)});

		expect_echo_reply(require_answer(wire, request), request);
	}
	for (int own : {0, 1}) {
		host::set_sysctl("net/ipv6/anycast_src_echo_reply", own);
		expect_echo_reply(require_answer(wire, first), first);
	}
	host::set_sysctl("net/ipv6/icmp/echo_ignore_anycast", 1);
	wire::expect_no_answer(wire, first);
	const Ipv6 second = ping({.destination = ipv6("2001:db8:5::1")});
	expect_echo_reply(require_answer(wire, second), second);
}

/// Linux takes a request in its own name for what it is, and gets its own reply.
void source_of_the_request_is_an_own_address()
{
	auto wire = wire6::new_server();
	Change change;

	wire.send(ping({.source = packet6::server}));
	expect(!next_answer(wire, wire::silence), "nothing on the wire");
	// The reply leaves by the loopback device, and comes in by it.
	change.expect_icmp(counters::sum(counters6::one_echo(), counters6::in(packet6::echo_reply)),
			   "a request in our own name");
	change.expect_outcomes({{"reply", 1}, {"drop_no_socket", 1}}, "a request in our own name");
}

/// RFC 4291, 2.5.2 and 2.7: nobody to answer.
void source_of_the_request_is_nobody()
{
	auto wire = wire6::new_server();

	for (const char *source : {"ff02::1", "ff0e::1", "::1"}) {
		Change change;
		wire::expect_no_answer(wire, ping({.source = ipv6(source)}));
		change.expect_icmp({}, source);
		change.expect_outcomes({}, source);
	}
}

/// A firewall may write another destination into the request: the reply comes from there, as an answer to it would.
void rewritten_destination()
{
	auto wire = wire6::new_server();

	if (!host::try_run("nft 'add table ip6 t; add chain ip6 t in { type filter hook input "
			   "priority 0; };"
			   "add rule ip6 t in icmpv6 type echo-request ip6 daddr set "
			   "2001:db8::9'"))
		ktap::skip("the kernel has no nf_tables");
	expect_source(wire, ping(), Cast::unicast, ipv6("2001:db8::9"), "an address of nobody's");
	wire6::add_addresses("lo", {"2001:db8::9/128"});
	expect_source(wire, ping(), Cast::unicast, ipv6("2001:db8::9"), "an own address");
}

/// Sends an echo request from a raw socket to @p destination, and expects the reply at it.
void expect_reply_at_a_socket(const char *destination)
{
	host::Descriptor socket(host::check(
		::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6), "raw socket"));
	icmp6_filter filter{};
	sockaddr_in6 peer{};
	const Address to = ipv6(destination);
	auto message = packet6::echo_request(0x55, 7, packet::pattern(200)).build();

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(packet6::echo_reply, &filter);
	host::check(setsockopt(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)),
		    "ICMP6_FILTER");
	peer.sin6_family = AF_INET6;
	std::ranges::copy(to, peer.sin6_addr.s6_addr);
	host::check(static_cast<int>(sendto(socket.get(), message.data(), message.size(), 0,
					    reinterpret_cast<sockaddr *>(&peer), sizeof(peer))),
		    "sendto");

	pollfd ready{.fd = socket.get(), .events = POLLIN, .revents = 0};
	packet::Bytes buffer(2000);
	socklen_t size = sizeof(peer);
	ktap::require(poll(&ready, 1, 10000) == 1, destination);
	auto got = recvfrom(socket.get(), buffer.data(), buffer.size(), 0,
			    reinterpret_cast<sockaddr *>(&peer), &size);
	buffer.resize(static_cast<std::size_t>(host::check(static_cast<int>(got), "recvfrom")));
	message[0] = packet6::echo_reply;
	message[2] = buffer.at(2);
	message[3] = buffer.at(3);
	expect_equal(buffer, message, destination);
	expect(std::ranges::equal(peer.sin6_addr.s6_addr, to), "source of the reply");
}

void own_addresses_asked_from_here()
{
	auto wire = wire6::new_server();
	constexpr int times = 3;

	for (const char *address : {"::1", "fd00::2"}) {
		// What is for an own address is counted on the device that has it.
		Change change(address == std::string("::1") ? "lo" : "wire0");
		for (int i = 0; i < times; i++)
			expect_reply_at_a_socket(address);
		const auto out = counters::sum(counters6::out(packet6::echo, times),
					       counters6::out(packet6::echo_reply, times));
		const auto in = counters::sum(counters6::in(packet6::echo, times),
					      counters6::in(packet6::echo_reply, times));
		change.expect_icmp(counters::sum(out, in), address);
		change.expect_outcomes({{"reply", times}, {"drop_no_socket", times}}, address);
	}
	expect(wire.receive_all<Ipv6>().empty(), "nothing on the wire");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4443_2_2_unicast_source_is_the_address_asked",
			 unicast_source_is_the_address_asked},
			{"rfc4291_2_5_2_deprecated_address", deprecated_address},
			{"rfc4443_4_2_source_for_multicast",
			 multicast_source_is_what_the_route_prefers},
			{"rfc4443_4_2_group_that_was_joined", multicast_group_that_was_joined},
			{"multicast_ignored", multicast_ignored},
			{"rfc4443_2_2_source_for_anycast", anycast_source},
			{"anycast_ignored", anycast_ignored},
			{"local_prefix", local_prefix},
			{"source_of_the_request_is_an_own_address",
			 source_of_the_request_is_an_own_address},
			{"rfc4291_2_7_source_of_the_request_is_nobody",
			 source_of_the_request_is_nobody},
			{"rewritten_destination", rewritten_destination},
			{"own_addresses_asked_from_here", own_addresses_asked_from_here},
		});
}
