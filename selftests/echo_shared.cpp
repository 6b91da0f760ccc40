// SPDX-License-Identifier: GPL-2.0-only
//
// Requests that somebody else looks at, too: who answers must leave them as they came.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <array>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

using counters::Change;
using host::Descriptor;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;

namespace {

Ipv4 ping(std::size_t size)
{
	return packet::datagram(packet::echo_request(0x77, 3, packet::pattern(size)));
}

Descriptor raw_socket(int protocol = IPPROTO_ICMP)
{
	return Descriptor(
		host::check(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol), "raw socket"));
}

/// Sees what the kernel receives, not what it sends.
Descriptor packet_socket()
{
	Descriptor fd(
		host::check(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "packet socket"));
	sockaddr_ll address{};
	int on = 1;

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_IP);
	address.sll_ifindex = static_cast<int>(if_nametoindex("wire0"));
	host::check(setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)),
		    "PACKET_IGNORE_OUTGOING");
	host::check(bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)),
		    "bind");
	return fd;
}

Bytes read_datagram(const Descriptor &fd, const wire::Where &where = wire::Where::current())
{
	static std::array<std::uint8_t, 65536> buffer;
	pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};

	if (poll(&ready, 1, static_cast<int>(wire::patience.count())) != 1)
		ktap::fatal("the other listener got nothing", where);
	ssize_t size = host::check(
		static_cast<int>(recv(fd.get(), buffer.data(), buffer.size(), 0)), "recv", where);
	return {buffer.begin(), buffer.begin() + size};
}

/// What only looks at the packet must not make the handler change its mind about what was in it.
void expect_copied(const Change &change, std::int64_t count)
{
	if (!host::has_icmpx())
		return;
	auto moved = change.icmpx().value_or(counters::Values{});
	expect_equal(moved["reply_copied"], count, "reply_copied");
	expect_equal(moved["reply_in_place"], 0, "reply_in_place");
}

void reply_in_place_when_nobody_looks()
{
	auto wire = wire::new_server();

	host::need_icmpx();
	for (std::size_t size : {0, 56, 1400}) {
		Change change;
		require_answer(wire, ping(size));
		expect_equal((change.icmpx().value_or(counters::Values{}))["reply_in_place"], 1,
			     "reply_in_place");
	}
}

void raw_socket_gets_the_request_unchanged()
{
	auto wire = wire::new_server();
	Descriptor one = raw_socket(), two = raw_socket();

	for (std::size_t size : {0, 7, 56, 1400}) {
		Ipv4 request = ping(size);
		Change change;

		expect_echo_reply(require_answer(wire, request), request);
		expect_equal(read_datagram(one), request.build(), "what the first raw socket got");
		expect_equal(read_datagram(two), request.build(), "what the second raw socket got");
		expect_copied(change, 1);
	}
}

/// The listener reads late: all the requests are still in its queue when all have been answered.
void packet_socket_gets_the_request_unchanged()
{
	auto wire = wire::new_server();
	Descriptor listener = packet_socket();
	Change change;

	for (std::size_t size : {0, 7, 56, 1400}) {
		Ipv4 request = ping(size);
		request.tos = 3;
		request.ttl = 9;
		expect_echo_reply(require_answer(wire, request), request);
	}
	for (std::size_t size : {0, 7, 56, 1400}) {
		Ipv4 request = ping(size);
		request.tos = 3;
		request.ttl = 9;
		expect_equal(read_datagram(listener), request.build(),
			     "what the packet socket got");
	}
	expect_copied(change, 4);
}

void reassembled_request_for_a_raw_socket()
{
	auto wire = wire::new_server();
	Descriptor listener = raw_socket();
	Ipv4 request = ping(8972);

	for (const Ipv4 &part : packet::fragment(request, 1500))
		wire.send(part);
	expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), request);
	expect_equal(read_datagram(listener), request.build(), "what the raw socket got");
}

/// Headers of a reply's fragments are written in front of the request's data: not where the listener has yet to read.
/// Connection tracking leaves each fragment in its buffer.
void fragments_for_a_packet_socket()
{
	auto wire = wire::new_server();

	host::track_connections();
	Descriptor listener = packet_socket();
	Ipv4 request = ping(8972);
	const auto parts = packet::fragment(request, 1500);

	for (const Ipv4 &part : parts)
		wire.send(part);
	expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), request);
	for (const Ipv4 &part : parts)
		expect_equal(read_datagram(listener), part.build(), "what the packet socket got");
}

/// The options of the request are the listener's as they came in, the record route the kernel's to fill in.
void options_for_a_packet_socket()
{
	auto wire = wire::new_server();
	Descriptor listener = packet_socket();
	Ipv4 request = ping(8);

	request.options = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	require_answer(wire, request);
	expect_equal(read_datagram(listener), request.build(), "what the packet socket got");
}

void timestamp_request_for_both()
{
	auto wire = wire::new_server();
	Descriptor raw = raw_socket(), listener = packet_socket();
	Ipv4 request =
		packet::datagram({.type = 13, .code = 0, .rest = 7, .data = packet::pattern(12)});
	Change change;

	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type");
	expect_equal(read_datagram(raw), request.build(), "what the raw socket got");
	expect_equal(read_datagram(listener), request.build(), "what the packet socket got");
	expect_copied(change, 1);
}

void probe_for_both()
{
	auto wire = wire::new_server();
	Descriptor raw = raw_socket(), listener = packet_socket();
	Bytes query{0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1};
	Ipv4 request = packet::datagram(
		{.type = packet::extended_echo, .code = 0, .rest = 0x70101, .data = query});

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::extended_echo_reply, "type");
	expect_equal(read_datagram(raw), request.build(), "what the raw socket got");
	expect_equal(read_datagram(listener), request.build(), "what the packet socket got");
}

/// A copy that tc makes on the way in (mirred) shares its data with the request.
void mirrored_request()
{
	auto wire = wire::new_server();
	wire::Wire other = wire::Wire::tap({.name = "wire1"});

	host::run("ip link set wire1 arp off up");
	if (!host::try_run("tc qdisc add dev wire0 clsact && tc filter add dev wire0 ingress "
			   "matchall action mirred "
			   "egress mirror dev wire1"))
		ktap::skip("the kernel has no act_mirred");
	host::run("tc qdisc replace dev wire1 root netem delay 100ms || true");
	Ipv4 request = ping(56);
	expect_echo_reply(require_answer(wire, request), request);
	auto copy = ktap::require_value(other.receive(), "the mirrored request");
	expect_equal(copy.build(), request.build(), "the mirrored request");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"reply_in_place_when_nobody_looks", reply_in_place_when_nobody_looks},
			{"raw_socket_gets_the_request_unchanged",
			 raw_socket_gets_the_request_unchanged},
			{"packet_socket_gets_the_request_unchanged",
			 packet_socket_gets_the_request_unchanged},
			{"raw_socket_gets_the_reassembled_request",
			 reassembled_request_for_a_raw_socket},
			{"packet_socket_gets_fragments_unchanged", fragments_for_a_packet_socket},
			{"packet_socket_gets_the_options_unchanged", options_for_a_packet_socket},
			{"timestamp_request_unchanged_for_listeners", timestamp_request_for_both},
			{"probe_unchanged_for_listeners", probe_for_both},
			{"mirrored_request_unchanged", mirrored_request},
		});
}
