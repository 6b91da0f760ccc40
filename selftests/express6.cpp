// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.express and ICMPv6: which requests are answered at a device's ingress, and how; that settings, limits and counters
// are those of the normal way. Devices are express_device's, which knows no family.

#include "lib/express6.hpp"

#include <string>

namespace {

using counters::Values;
using counters6::Change;
using express::setting;
using express6::express_server;
using express6::frame_of;
using express6::icmp_at;
using express6::ip_at;
using express6::next_frame;
using express6::ping;
using express6::plain_server;
using express6::reply_to;
using ktap::expect_equal;
using packet::Bytes;
using packet6::ipv6;
using packet6::Ipv6;
using wire6::Wire;

void off_by_default()
{
	Wire wire = plain_server();
	const Ipv6 request = ping();
	const Change change;

	wire::expect_echo_reply(wire::require_answer(wire, request), request);
	change.expect_outcomes({{"reply_in_place", 1}}, "without the setting");
}

void every_byte()
{
	Wire wire = express_server();

	for (const packet6::Ends &ends : {packet6::Ends{},
					  {packet6::client_link, packet6::server_link},
					  {ipv6("2001:db8::1"), packet6::server}}) {
		for (std::size_t size : {0, 1, 2, 55, 56, 557, 1400, 1452}) {
			Ipv6 request = ping(size, ends);
			request.traffic_class = static_cast<std::uint8_t>(size);
			request.flow_label = static_cast<std::uint32_t>(size * 700);
			request.hop_limit = static_cast<std::uint8_t>(1 + size % 255);
			const Bytes frame = frame_of(wire, request);
			const Change change;

			wire.send_frame(frame);
			expect_equal(next_frame(wire), reply_to(frame),
				     "the reply's frame to " + std::to_string(size) + " bytes");
			change.expect_outcomes({{"reply_express", 1}}, "a plain request");
		}
	}
}

void the_same_as_the_normal_way()
{
	Wire wire = plain_server();
	const Bytes frame = frame_of(wire, ping());

	wire.send_frame(frame);
	Bytes normal = next_frame(wire);
	host::set_sysctl(setting, "wire0");
	const Change change;
	wire.send_frame(frame);
	const Bytes express = next_frame(wire);
	change.expect_outcomes({{"reply_express", 1}}, "a plain request");
	// Without neighbour discovery, the normal way has no station to send to.
	std::copy_n(frame.begin() + 6, 6, normal.begin());
	expect_equal(express, normal, "the frame");
}

void hop_limit_of_the_device()
{
	Wire wire = express_server();
	const Bytes frame = frame_of(wire, ping());

	host::set_sysctl("net/ipv6/conf/wire0/hop_limit", 33);
	wire.send_frame(frame);
	expect_equal(next_frame(wire), reply_to(frame, 33), "the frame");
}

/// Checksums around both forms of zero.
void every_checksum()
{
	Wire wire = express_server();

	for (std::uint32_t id = 0; id <= 0xffff; id += id % 0x800 < 0x7f0 ? 0x7f : 1) {
		const Bytes frame = frame_of(wire, packet6::datagram(packet6::echo_request(
							   static_cast<std::uint16_t>(id), 0)));

		wire.send_frame(frame);
		ktap::require_equal(next_frame(wire), reply_to(frame), "id " + std::to_string(id));
	}
}

/// What Ethernet adds to a frame is not sent back.
void padding_stays_behind()
{
	Wire wire = express_server();
	const Bytes frame = frame_of(wire, ping(0));
	Bytes padded = frame;

	padded.resize(80, 0x55);
	const Change change;
	wire.send_frame(padded);
	expect_equal(next_frame(wire), reply_to(frame), "the frame");
	change.expect_outcomes({{"reply_express", 1}}, "a padded request");
}

void in_pages()
{
	Wire wire = express_server({.virtio_header = true}, 9000);

	for (std::uint16_t linear : {ip_at + 40, ip_at + 44, icmp_at + 8, icmp_at + 500}) {
		const Ipv6 request = ping(8001);
		const Change change;

		wire.send_virtio({.header_length = linear}, frame_of(wire, request));
		wire::expect_echo_reply(ktap::require_value(wire6::next_answer(wire), "an answer"),
					request);
		change.expect_outcomes({{"reply_express", 1}}, "a request in pages");
	}
	Ipv6 wrong = ping(8000);
	wrong.payload.back() ^= 1;
	const Change change;
	wire.send_virtio({.header_length = icmp_at}, frame_of(wire, wrong));
	change.expect_outcomes({{"drop_checksum", 1}}, "a wrong checksum in pages");
}

/// The same packet has moved the same, in the namespace and on the device, but for the outcome of ours.
void counts_as_the_normal_way()
{
	struct Moved {
		Values all, of_device;
	} moved[2];

	for (const bool on : {false, true}) {
		Wire wire = on ? express_server() : plain_server();
		Ipv6 request = ping();
		request.traffic_class = 0x02;
		const Values before = counters6::snmp("wire0");
		const Change change;

		wire::require_answer(wire, request);
		change.expect_icmp(counters6::one_echo(), "an echo");
		moved[on].all = change.snmp();
		moved[on].of_device = counters::difference(before, counters6::snmp("wire0"));
	}
	for (const char *name : {"Ip6InReceives", "Ip6InDelivers", "Ip6OutRequests", "Ip6InOctets",
				 "Ip6OutOctets", "Ip6InECT0Pkts"})
		ktap::expect(moved[1].of_device[name] > 0, std::string(name) + " moves");
	expect_equal(counters::text(moved[1].all), counters::text(moved[0].all), "what moved");
	expect_equal(counters::text(moved[1].of_device), counters::text(moved[0].of_device),
		     "what moved of the device");
}

void ignore_all()
{
	Wire wire = express_server();

	host::set_sysctl("net/ipv6/icmp/echo_ignore_all", 1);
	const Change change;
	wire::expect_no_answer(wire, ping());
	change.expect_outcomes({{"ignore_echo", 1}}, "echo_ignore_all");
}

void the_limit_for_each_host()
{
	Wire wire = express_server();

	host::set_sysctl("net/ipv6/icmp/ratemask", packet6::echo_reply);
	host::set_sysctl("net/ipv6/icmp/ratelimit", 20000);
	const Change change;
	for (int i = 0; i < 40; i++)
		wire.send(ping());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	expect_equal(moved["reply_express"], 0, "reply_express");
	ktap::expect(moved["limit_host"] > 0, "limit_host");
}

void the_limit_for_each_prefix()
{
	Wire wire = express_server();

	host::set_sysctl("net/icmpx6/echo_burst", 3);
	host::set_sysctl("net/icmpx6/echo_ratelimit", 1);
	const Change change;
	for (int i = 0; i < 10; i++)
		wire.send(ping());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	ktap::expect_between(moved["reply_express"], 3, 5, "reply_express");
	expect_equal(moved["reply_express"] + moved["limit_prefix"], 10, "answered and limited");
	expect_equal(wire.receive_all<Ipv6>().size(), moved["reply_express"], "replies");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"off_by_default", off_by_default},
				 {"every_byte_of_the_reply", every_byte},
				 {"the_same_as_the_normal_way", the_same_as_the_normal_way},
				 {"hop_limit_of_the_device", hop_limit_of_the_device},
				 {"every_checksum", every_checksum},
				 {"padding_stays_behind", padding_stays_behind},
				 {"requests_in_pages", in_pages},
				 {"counts_as_the_normal_way", counts_as_the_normal_way},
				 {"echo_ignore_all", ignore_all},
				 {"the_limit_for_each_host", the_limit_for_each_host},
				 {"the_limit_for_each_prefix", the_limit_for_each_prefix},
			 });
}
