// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.express: what is answered at a device's ingress, and how; that settings, limits, taps and counters are those of
// the normal way. What is not answered there is express_normal's; devices are express_device's.

#include "lib/express.hpp"

#include <string>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

namespace {

using counters::Change;
using counters::Values;
using express::express_server;
using express::frame_of;
using express::icmp_at;
using express::ip_at;
using express::next_frame;
using express::ping;
using express::plain_server;
using express::reply_to;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::Wire;

void off_by_default()
{
	Wire wire = plain_server();

	expect_equal(host::sysctl(express::setting), "", "the setting of a new namespace");
	Change change;
	Ipv4 request = ping();
	wire::expect_echo_reply(wire::require_answer(wire, request), request);
	change.expect_outcomes({{"reply_in_place", 1}}, "without the setting");
}

void every_byte()
{
	Wire wire = express_server();

	for (std::size_t size : {0, 1, 2, 55, 56, 557, 1400, 1472}) {
		Ipv4 request = ping(size);
		request.df = size % 2;
		request.tos = static_cast<std::uint8_t>(size);
		request.ttl = static_cast<std::uint8_t>(1 + size % 255);
		Bytes frame = frame_of(wire, request);
		Change change;

		wire.send_frame(frame);
		expect_equal(next_frame(wire.fd(), wire::patience), reply_to(frame),
			     "the reply's frame to " + std::to_string(size) + " bytes");
		change.expect_outcomes({{"reply_express", 1}}, "a plain request");
	}
}

/// A requester can tell the way of a reply by its identification alone, which is made of the request's: the counter of
/// the normal way is not at hand.
void the_same_as_the_normal_way()
{
	Wire wire = plain_server();
	Bytes frame = frame_of(wire, ping());
	Bytes normal, express;

	wire.send_frame(frame);
	normal = next_frame(wire.fd(), wire::patience);
	host::set_sysctl(express::setting, "wire0");
	Change change;
	wire.send_frame(frame);
	express = next_frame(wire.fd(), wire::patience);
	change.expect_outcomes({{"reply_express", 1}}, "a plain request");
	// Without ARP, the normal way has no station to send to.
	std::copy_n(frame.begin() + 6, 6, normal.begin());
	std::copy_n(express.begin() + ip_at + 4, 2, normal.begin() + ip_at + 4);
	express::put_checksum(normal);
	expect_equal(express, normal, "the frame");
}

/// Checksums around both forms of zero; those that the header cannot tell go the normal way.
void every_checksum()
{
	Wire wire = express_server();
	int express = 0;

	for (std::uint32_t rest = 0; rest <= 0xffff; rest += rest % 0x800 < 0x7f0 ? 0x7f : 1) {
		Ipv4 request = packet::datagram(
			packet::echo_request(static_cast<std::uint16_t>(rest), 0, {}));
		request.id = static_cast<std::uint16_t>(rest * 3);
		Change change(counters::Files::snmp);
		Bytes frame = frame_of(wire, request);

		wire.send_frame(frame);
		Bytes reply = next_frame(wire.fd(), wire::patience);
		auto moved = ktap::require_value(change.icmpx(), "counters");
		if (moved["reply_express"] == 0)
			continue;
		express++;
		ktap::require_equal(reply, reply_to(frame), "id " + std::to_string(rest));
	}
	ktap::expect_between(express, 500, 4000, "requests on the express path");
}

void the_default_ttl()
{
	Wire wire = express_server();

	host::set_sysctl("net/ipv4/ip_default_ttl", 33);
	Bytes frame = frame_of(wire, ping());
	wire.send_frame(frame);
	expect_equal(next_frame(wire.fd(), wire::patience), reply_to(frame, 33), "the frame");
}

/// What Ethernet adds to a short frame is not sent back.
void padding_stays_behind()
{
	Wire wire = express_server();
	Bytes frame = frame_of(wire, ping(0));
	Bytes padded = frame;

	padded.resize(60, 0x55);
	Change change;
	wire.send_frame(padded);
	expect_equal(next_frame(wire.fd(), wire::patience), reply_to(frame), "the frame");
	change.expect_outcomes({{"reply_express", 1}}, "a padded request");
}

void in_pages()
{
	Wire wire = express_server({.virtio_header = true}, 9000);

	for (std::uint16_t linear : {ip_at + 20, ip_at + 24, icmp_at + 8, icmp_at + 500}) {
		Ipv4 request = ping(8001);
		Change change;

		wire.send_virtio({.header_length = linear}, frame_of(wire, request));
		wire::expect_echo_reply(ktap::require_value(wire::next_answer(wire), "an answer"),
					request);
		change.expect_outcomes({{"reply_express", 1}}, "a request in pages");
	}
	Ipv4 wrong = packet::datagram(packet::echo_request(1, 2, packet::pattern(8000)),
				      packet::Checksum::wrong);
	Change change;
	wire.send_virtio({.header_length = icmp_at}, frame_of(wire, wrong));
	change.expect_outcomes({{"drop_checksum", 1}}, "a wrong checksum in pages");
}

/// The same packet has moved the same, but for the outcome of ours.
void counts_as_the_normal_way()
{
	Values normal, express;

	for (bool on : {false, true}) {
		Wire wire = on ? express_server() : plain_server();
		Ipv4 request = ping();
		request.tos = 0x02;
		Change change;

		wire::require_answer(wire, request);
		(on ? express : normal) = change.snmp();
	}
	for (const char *name :
	     {"Ip.InReceives", "Ip.InDelivers", "Ip.OutRequests", "Icmp.InMsgs", "Icmp.InEchos",
	      "Icmp.OutEchoReps", "IpExt.InOctets", "IpExt.OutOctets", "IpExt.InECT0Pkts"})
		ktap::expect(express[name] > 0, std::string(name) + " moves");
	expect_equal(counters::text(express), counters::text(normal), "what moved");
}

void ignore_all()
{
	Wire wire = express_server();

	host::set_sysctl("net/ipv4/icmp_echo_ignore_all", 1);
	Change change;
	wire::expect_no_answer(wire, ping());
	change.expect_outcomes({{"ignore_echo", 1}}, "echo_ignore_all");
}

void the_limit_for_each_host()
{
	Wire wire = express_server();

	host::set_sysctl("net/ipv4/icmp_ratemask", 1);
	host::set_sysctl("net/ipv4/icmp_ratelimit", 20000);
	Change change;
	for (int i = 0; i < 10; i++)
		wire.send(ping());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	expect_equal(moved["reply_express"], 0, "reply_express");
	ktap::expect_between(moved["limit_host"], 3, 9, "limit_host");
}

void the_limit_for_each_prefix()
{
	Wire wire = express_server();

	host::set_sysctl("net/icmpx/echo_burst", 3);
	host::set_sysctl("net/icmpx/echo_ratelimit", 1);
	Change change;
	for (int i = 0; i < 10; i++)
		wire.send(ping());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	ktap::expect_between(moved["reply_express"], 3, 5, "reply_express");
	expect_equal(moved["reply_express"] + moved["limit_prefix"], 10, "answered and limited");
	expect_equal(change.snmp()["Icmp.InEchos"], 10, "InEchos");
	expect_equal(wire.receive_all().size(), moved["reply_express"], "replies");
}

/// A tap reads the bytes that the reply would be made of.
void taps_see_both()
{
	Wire wire = express_server();
	host::Descriptor tap(host::check(
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), "packet socket"));
	Bytes request = frame_of(wire, ping());
	Change change;

	wire.send_frame(request);
	Bytes reply = next_frame(wire.fd(), wire::patience);
	expect_equal(reply, reply_to(request), "the reply");
	expect_equal(next_frame(tap.get(), wire::patience), request, "the tap's first frame");
	expect_equal(next_frame(tap.get(), wire::patience), reply, "the tap's second frame");
	change.expect_outcomes({{"reply_express", 1}}, "with a tap");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"off_by_default", off_by_default},
				 {"every_byte_of_the_reply", every_byte},
				 {"the_same_as_the_normal_way", the_same_as_the_normal_way},
				 {"every_checksum", every_checksum},
				 {"the_default_ttl", the_default_ttl},
				 {"padding_stays_behind", padding_stays_behind},
				 {"requests_in_pages", in_pages},
				 {"counts_as_the_normal_way", counts_as_the_normal_way},
				 {"echo_ignore_all", ignore_all},
				 {"the_limit_for_each_host", the_limit_for_each_host},
				 {"the_limit_for_each_prefix", the_limit_for_each_prefix},
				 {"taps_see_request_and_reply", taps_see_both},
			 });
}
