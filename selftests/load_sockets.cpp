// SPDX-License-Identifier: GPL-2.0-only
//
// Sockets from before the module was loaded: what is theirs reaches them while it is, and after it was. Ping sockets
// from after that are the module's, and hold it.

#include "lib/bpf.hpp"
#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"

#include <string>

#include <unistd.h>

namespace {

using counters::Values;
using errors::remote;
using packet::Bytes;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

constexpr Endpoint peer{remote(1), 9999};

/// One of each kind, with what a router quotes of what it sent.
struct Sockets {
	Sockets() : udp(sock::udp()), raw(sock::raw(253)), ping(sock::ping())
	{
		for (const Socket *socket : {&udp, &raw, &ping})
			sock::set(*socket, SOL_IP, IP_RECVERR, 1);
		sock::bind(udp, {errors::host, 0});
		sock::bind(ping, {0, 0});
		packet::Icmp request =
			packet::echo_request(sock::local(ping).port, 1, packet::pattern(24));
		by_udp = errors::sent_udp(sock::local(udp), peer, packet::pattern(24)).build();
		by_raw = errors::sent(253, errors::host, peer.address, packet::pattern(24)).build();
		by_ping = errors::sent(IPPROTO_ICMP, errors::host, peer.address, request.build())
				  .build();
	}

	Socket udp, raw, ping;
	Bytes by_udp, by_raw, by_ping;
};

void expect_error(const wire::Wire &net, const Socket &socket, const Bytes &sent,
		  const std::string &what)
{
	net.send(errors::report(Type::time_exceeded, 0, 0, sent));
	ktap::expect_equal(sock::wait_for(socket, 0), POLLERR, what + ", POLLERR");
	auto error = ktap::require_value(sock::next_error(socket), what);
	ktap::expect_equal(error.number, EHOSTUNREACH, what + ", ee_errno");
	ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP, what + ", ee_origin");
	ktap::expect_equal(error.type, Type::time_exceeded, what + ", ee_type");
	ktap::expect_equal(error.offender, errors::router, what + ", offender");
}

void expect_all(const wire::Wire &net, const Sockets &sockets, const std::string &when)
{
	packet::Icmp reply =
		packet::echo_request(sock::local(sockets.ping).port, 5, packet::pattern(48));

	expect_error(net, sockets.udp, sockets.by_udp, when + ", UDP");
	expect_error(net, sockets.raw, sockets.by_raw, when + ", raw");
	expect_error(net, sockets.ping, sockets.by_ping, when + ", ping");
	reply.type = Type::echo_reply;
	net.send(packet::datagram(reply));
	auto message = ktap::require_value(sock::receive(sockets.ping), when + ", echo reply");
	ktap::expect_equal(message, reply.build(), when + ", echo reply");
	reply.rest ^= 0xffff0000;
	net.send(packet::datagram(reply));
	ktap::expect(!sock::receive(sockets.ping), when + ", another socket's echo reply");
}

wire::Wire new_network()
{
	wire::Wire net = wire::new_server();

	host::set_sysctl("net/ipv4/ping_group_range", "0 2147483647");
	return net;
}

void sockets_from_before_loading()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();
	Sockets sockets;

	expect_all(net, sockets, "before loading");
	ktap::require_equal(icmpx.load(), 0, "loading");
	expect_all(net, sockets, "loaded");
	auto stat = ktap::require_value(counters::icmpx(), "icmpx_stat");
	for (const char *name : {"deliver_ping_builtin", "deliver_error_icmp", "deliver_error_udp",
				 "deliver_error_raw", "drop_no_socket"})
		ktap::expect_equal(stat[name], 1, name);
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	expect_all(net, sockets, "unloaded");
	ktap::require_equal(icmpx.load(), 0, "loading again");
	expect_all(net, sockets, "loaded again");
}

void sockets_from_after_loading()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();

	ktap::require_equal(icmpx.load(), 0, "loading");
	{
		Sockets sockets;

		expect_all(net, sockets, "loaded");
		ktap::expect_equal(icmpx.unload(), EWOULDBLOCK, "unloading");
		expect_all(net, sockets, "after a try to unload");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	Sockets sockets;
	expect_all(net, sockets, "unloaded");
}

/// Open is what counts, not bound.
void an_idle_socket_holds_the_module()
{
	module::Icmpx icmpx;

	wire::Wire net = new_network();
	ktap::require_equal(icmpx.load(), 0, "loading");
	{
		Socket idle = sock::ping();

		ktap::expect_equal(icmpx.unload(), EWOULDBLOCK, "unloading");
		ktap::expect_equal(sock::connect(idle, {peer.address, 0}), 0, "connect");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// What is in the queue of a socket that is closed goes before the module does.
void replies_that_nobody_read()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();

	ktap::require_equal(icmpx.load(), 0, "loading");
	{
		Sockets sockets;
		packet::Icmp reply = packet::echo_request(sock::local(sockets.ping).port, 5,
							  packet::pattern(48));

		reply.type = Type::echo_reply;
		for (int i = 0; i < 5; i++)
			net.send(packet::datagram(reply));
		ktap::expect(sock::wait_for(sockets.ping, POLLIN) & POLLIN, "a reply waits");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// The module cannot know which identifiers sockets from before have: where both have one, both get the replies.
void one_identifier_on_both_sides()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();
	Socket before = sock::ping();

	sock::bind(before, {0, 4711});
	sock::set(before, SOL_IP, IP_RECVERR, 1);
	ktap::require_equal(icmpx.load(), 0, "loading");
	{
		Socket after = sock::ping();
		packet::Icmp message = packet::echo_request(4711, 5, packet::pattern(48));

		sock::bind(after, {0, 4711});
		sock::set(after, SOL_IP, IP_RECVERR, 1);
		net.send(errors::report(
			Type::time_exceeded, 0, 0,
			errors::sent(IPPROTO_ICMP, errors::host, peer.address, message.build())
				.build()));
		message.type = Type::echo_reply;
		net.send(packet::datagram(message));
		for (const Socket *socket : {&before, &after}) {
			ktap::expect(sock::next_error(*socket).has_value(), "error");
			auto reply = ktap::require_value(sock::receive(*socket), "reply");
			ktap::expect_equal(reply, message.build(), "reply");
		}
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// As well where that one gets its identifier later.
void an_identifier_that_is_taken_later()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();
	Socket before = sock::ping();

	ktap::require_equal(icmpx.load(), 0, "loading");
	{
		Socket after = sock::ping();
		packet::Icmp message = packet::echo_request(4711, 5, packet::pattern(48));

		message.type = Type::echo_reply;
		sock::bind(after, {0, 4711});
		net.send(packet::datagram(message));
		ktap::expect(sock::receive(after).has_value(), "the first reply");
		sock::bind(before, {0, 4711});
		// It is known within a jiffy.
		usleep(20000);
		net.send(packet::datagram(message));
		for (const Socket *socket : {&before, &after}) {
			auto reply = ktap::require_value(sock::receive(*socket), "reply");
			ktap::expect_equal(reply, message.build(), "reply");
		}
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// What a device vouches for is not summed up, whichever code a reply goes to, and whether it asks one of them or both.
void checksums_that_a_device_vouches_for()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();
	Socket before = sock::ping();
	packet::Icmp message = packet::echo_request(4711, 5, packet::pattern(48));
	message.type = Type::echo_reply;
	packet::Ipv4 reply = packet::datagram(message);
	reply.payload[3] ^= 0xff;

	ktap::require(bpf::trust_checksums("wire0"), "the device says what checksums are");
	sock::bind(before, {0, 4711});
	for (const bool loaded : {false, true}) {
		const std::string when = loaded ? "loaded, " : "before loading, ";
		const Values begin = counters::snmp(counters::Files::snmp);

		if (loaded)
			ktap::require_equal(icmpx.load(), 0, "loading");
		net.send(reply);
		ktap::expect(sock::receive(before).has_value(), when + "reply");
		Values change = counters::difference(begin, counters::snmp(counters::Files::snmp));
		ktap::expect_equal(change["Icmp.InMsgs"], 1, when + "InMsgs");
		ktap::expect_equal(change["Icmp.InCsumErrors"], 0, when + "InCsumErrors");
	}
	{
		Socket after = sock::ping();

		sock::bind(after, {0, 4711});
		net.send(reply);
		for (const Socket *socket : {&before, &after})
			ktap::expect(sock::receive(*socket).has_value(), "reply to both");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// Errors that wait in a queue hold packets; those must not need the module that put them there.
void errors_that_wait_while_the_module_goes()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();
	Sockets sockets;

	ktap::require_equal(icmpx.load(), 0, "loading");
	net.send(errors::report(Type::time_exceeded, 0, 0, sockets.by_udp));
	net.send(errors::report(Type::time_exceeded, 0, 0, sockets.by_raw));
	net.send(errors::report(Type::time_exceeded, 0, 0, sockets.by_ping));
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	for (const Socket *socket : {&sockets.udp, &sockets.raw, &sockets.ping})
		ktap::expect_equal(ktap::require_value(sock::next_error(*socket), "error").number,
				   EHOSTUNREACH, "ee_errno");
}

/// Replies that wait in a queue of the device outlive the module that sent them.
void replies_that_wait_while_the_module_goes()
{
	module::Icmpx icmpx;
	wire::Wire net = new_network();
	constexpr int count = 20;

	host::need("sch_netem", "tc qdisc add dev wire0 root netem delay 1s");
	for (int round = 0; round < 2; round++) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		for (std::uint16_t i = 0; i < count; i++)
			net.send(
				packet::datagram(packet::echo_request(1, i, packet::pattern(100))));
		ktap::require_equal(icmpx.unload(), 0, "unloading");
		if (round == 0)
			ktap::expect_equal(net.receive_all(wire::patience).size(),
					   static_cast<std::size_t>(count), "replies");
	}
	// The second round's go with their device.
	host::run("ip link delete wire0");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"sockets_from_before_loading", sockets_from_before_loading},
		 {"sockets_from_after_loading", sockets_from_after_loading},
		 {"an_idle_socket_holds_the_module", an_idle_socket_holds_the_module},
		 {"replies_that_nobody_read", replies_that_nobody_read},
		 {"one_identifier_on_both_sides", one_identifier_on_both_sides},
		 {"an_identifier_that_is_taken_later", an_identifier_that_is_taken_later},
		 {"checksums_that_a_device_vouches_for", checksums_that_a_device_vouches_for},
		 {"errors_that_wait_while_the_module_goes", errors_that_wait_while_the_module_goes},
		 {"replies_that_wait_while_the_module_goes",
		  replies_that_wait_while_the_module_goes}});
}
