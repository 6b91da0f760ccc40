// SPDX-License-Identifier: GPL-2.0-only
//
// Requests as network cards hand them over: not linear, with checksums that somebody else has verified or not yet
// filled in, marked as segments. The reply's checksum is right in any case.

#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <cstring>
#include <span>

#include <netinet/in.h>
#include <unistd.h>

using counters::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::VirtioHeader;
using wire::Wire;

namespace {

constexpr std::uint16_t ethernet_size = 14;
constexpr std::uint16_t icmp_start = ethernet_size + 20;

Ipv4 ping(std::size_t size)
{
	return packet::datagram(packet::echo_request(0x4f4f, 9, packet::pattern(size)));
}

Wire virtio_server() { return wire::new_server({.virtio_header = true}, 9000); }

/// CHECKSUM_PARTIAL: as a virtual machine on the same host sends. The checksum's field does not hold it yet.
void checksum_partial()
{
	auto wire = virtio_server();

	for (std::size_t size : {0, 1, 56, 1400, 8000}) {
		for (std::uint16_t field : {0x0000, 0x1234, 0xffff}) {
			Ipv4 request = ping(size);
			request.payload[2] = static_cast<std::uint8_t>(field >> 8);
			request.payload[3] = static_cast<std::uint8_t>(field);
			Change change;

			wire.send_virtio({.flags = VirtioHeader::needs_checksum,
					  .checksum_start = icmp_start,
					  .checksum_offset = 2},
					 wire.frame(request.build()));
			expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"),
					  request);
			change.expect_outcomes({{"reply", 1}}, "a request without checksum");
		}
	}
}

void timestamp_with_checksum_partial()
{
	auto wire = virtio_server();
	Ipv4 request =
		packet::datagram({.type = 13, .code = 0, .rest = 7, .data = packet::pattern(12)});

	request.payload[2] = request.payload[3] = 0;
	wire.send_virtio({.flags = VirtioHeader::needs_checksum,
			  .checksum_start = icmp_start,
			  .checksum_offset = 2},
			 wire.frame(request.build()));
	auto answer = ktap::require_value(next_answer(wire), "an answer");
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type");
}

/// Only so much of the frame is linear as the sender says: nothing of ICMP, half of its header, all of it.
void non_linear()
{
	auto wire = virtio_server();

	for (std::uint16_t linear :
	     {ethernet_size + 20, ethernet_size + 24, ethernet_size + 28, ethernet_size + 500}) {
		for (std::size_t size : {4096, 8000, 8001}) {
			Ipv4 request = ping(size);
			Change change;

			wire.send_virtio({.header_length = linear}, wire.frame(request.build()));
			expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"),
					  request);
			change.expect_outcomes({{"reply", 1}}, "a request in pages");
		}
	}
}

void non_linear_wrong_checksum()
{
	auto wire = virtio_server();
	Ipv4 request = packet::datagram(packet::echo_request(1, 2, packet::pattern(5000)),
					packet::Checksum::wrong);
	Change change;

	wire.send_virtio({.header_length = icmp_start}, wire.frame(request.build()));
	expect(!next_answer(wire, wire::silence), "no answer to a wrong checksum");
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}, {"Icmp.InCsumErrors", 1}},
			   "wrong checksum");
	change.expect_outcomes({{"drop_checksum", 1}}, "wrong checksum");
}

/// A request that looks as if it were to be cut into segments. A reply must not be.
void gso_marked()
{
	auto wire = virtio_server();
	Ipv4 request = ping(8000);
	Bytes frame = wire.frame(request.build());
	VirtioHeader header{.flags = VirtioHeader::needs_checksum,
			    .gso_type = VirtioHeader::udp,
			    .header_length = icmp_start + 8,
			    .gso_size = 1400,
			    .checksum_start = icmp_start,
			    .checksum_offset = 2};
	Bytes bytes(sizeof(header));

	std::memcpy(bytes.data(), &header, sizeof(header));
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	Change change;
	if (write(wire.fd(), bytes.data(), bytes.size()) < 0)
		ktap::skip("this kernel takes no such segments");
	auto answer = next_answer(wire);
	if (!answer && change.snmp()["Icmp.InMsgs"] == 0)
		ktap::skip("this kernel passes no such segments on");
	expect_echo_reply(ktap::require_value(std::move(answer), "an answer"), request);
	if (auto moved = change.icmpx())
		expect_equal((*moved)["reply_copied"], 1, "reply_copied");
}

/// A frame whose header says 0 bytes, as of segments that together are longer than a datagram can be.
Bytes without_length(const Wire &wire, std::size_t size)
{
	Bytes frame = wire.frame(ping(0).build());
	const Bytes data = packet::pattern(size);

	frame.insert(frame.begin() + icmp_start + 8, data.begin(), data.end());
	const std::span header = std::span(frame).subspan(ethernet_size, 20);
	header[2] = header[3] = header[10] = header[11] = 0;
	const std::uint16_t sum = packet::checksum(header);
	header[10] = static_cast<std::uint8_t>(sum >> 8);
	header[11] = static_cast<std::uint8_t>(sum);
	return frame;
}

/// A reply would be as long as its request. IP itself takes such a request from 6.3 on.
void gso_too_long()
{
	constexpr std::size_t most = 65535 - 20 - 8;
	const auto wire = virtio_server();
	const VirtioHeader header{.flags = VirtioHeader::needs_checksum,
				  .gso_type = VirtioHeader::tcp,
				  .header_length = icmp_start + 20,
				  .gso_size = 1400,
				  .checksum_start = icmp_start,
				  .checksum_offset = 16};

	for (std::size_t size : {most, most + 1}) {
		const Change change;

		wire.send_virtio(header, without_length(wire, size));
		const auto answer = next_answer(wire, wire::silence);
		auto moved = change.snmp();
		if (moved["Ip.InHdrErrors"]) {
			expect(!answer, "no answer to what IP does not take");
		} else if (size == most) {
			expect_echo_reply(ktap::require_value(answer, "an answer"), ping(size));
			change.expect_outcomes({{"reply", 1}}, "the longest request");
		} else {
			expect(!answer, "no answer that is too long");
			expect_equal(moved["Icmp.OutErrors"], 1, "OutErrors");
			change.expect_outcomes({{"drop_output", 1}}, "too long");
		}
	}
}

/// A GRE packet with its own checksum around @p inner.
Ipv4 gre(const Bytes &inner)
{
	Bytes payload{0x80, 0x00, 0x08, 0x00, 0, 0, 0, 0};
	Ipv4 outer;

	payload.insert(payload.end(), inner.begin(), inner.end());
	std::uint16_t sum = packet::checksum(payload);
	payload[4] = static_cast<std::uint8_t>(sum >> 8);
	payload[5] = static_cast<std::uint8_t>(sum);
	outer.protocol = IPPROTO_GRE;
	outer.payload = payload;
	return outer;
}

/// CHECKSUM_COMPLETE: GRE has added up the whole packet, and says so.
Wire gre_server()
{
	auto wire = wire::new_server();

	host::need("ip_gre", "ip link add probe type gre local 10.0.0.2 remote 10.0.0.3 && ip link "
			     "delete probe");
	host::try_run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	host::run("ip link add tunnel type gre local 10.0.0.2 remote 10.0.0.1 icsum ocsum; ip link "
		  "set tunnel up;"
		  "ip address add 10.9.0.2/24 dev tunnel");
	return wire;
}

Ipv4 tunnelled_ping(std::size_t size, packet::Checksum sum)
{
	Ipv4 inner = packet::datagram(packet::echo_request(0x99, 1, packet::pattern(size)), sum);

	inner.source = packet::ipv4("10.9.0.1");
	inner.destination = packet::ipv4("10.9.0.2");
	return inner;
}

void checksum_complete()
{
	auto wire = gre_server();

	for (std::size_t size : {0, 1, 56, 1400}) {
		Ipv4 request = tunnelled_ping(size, packet::Checksum::right);
		wire.send(gre(request.build()));
		auto outer = ktap::require_value(wire.receive_whole(), "a reply");
		expect_equal(outer.protocol, IPPROTO_GRE, "protocol of the reply");
		expect_equal(packet::checksum(outer.payload), 0, "GRE's checksum of the reply");
		auto inner = ktap::require_value(
			packet::parse_ipv4(packet::View(outer.payload).subspan(8)), "a reply");
		auto icmp =
			ktap::require_value(packet::parse_icmp(inner.payload), "an ICMP message");
		expect(icmp.checksum_right, "the reply's checksum is right");
		expect_echo_reply({inner, icmp}, request);
	}
}

void checksum_complete_and_wrong()
{
	auto wire = gre_server();
	Change change;

	wire.send(gre(tunnelled_ping(56, packet::Checksum::wrong).build()));
	expect(!wire.receive(wire::silence), "no answer to a wrong checksum");
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}, {"Icmp.InCsumErrors", 1}},
			   "wrong checksum");
	change.expect_outcomes({{"drop_checksum", 1}}, "wrong checksum");
}

/// On the way through veth and lo, nobody has computed anything: what the sender made is what arrives.
void over_loopback()
{
	host::enter_new_namespace();
	Change change;

	host::run("ping -n -q -c 3 -i 0.01 -s 4000 127.0.0.1 && ping -n -q -c 2 -i 0.01 -s 60000 "
		  "127.0.0.1");
	auto moved = change.snmp();
	expect_equal(moved["Icmp.InEchos"], 5, "InEchos");
	expect_equal(moved["Icmp.OutEchoReps"], 5, "OutEchoReps");
	expect_equal(moved["Icmp.InEchoReps"], 5, "InEchoReps");
	expect_equal(moved["Icmp.InErrors"], 0, "InErrors");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"checksum_partial_is_filled_in", checksum_partial},
				 {"checksum_partial_timestamp", timestamp_with_checksum_partial},
				 {"checksum_complete_is_believed", checksum_complete},
				 {"checksum_complete_and_wrong", checksum_complete_and_wrong},
				 {"non_linear_requests", non_linear},
				 {"non_linear_wrong_checksum", non_linear_wrong_checksum},
				 {"gso_marked_request", gso_marked},
				 {"gso_too_long", gso_too_long},
				 {"loopback", over_loopback},
			 });
}
