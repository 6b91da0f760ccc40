// SPDX-License-Identifier: GPL-2.0-only
//
// Requests as network cards hand them over: not linear, with checksums that somebody else has verified or not yet
// filled in, marked as segments. The reply's checksum is right in any case.

#include "lib/family.hpp"
#include "lib/ktap.hpp"

#include <cstring>
#include <span>
#include <vector>

#include <netinet/in.h>
#include <unistd.h>

using family::expect_reply_at;
using family::V4;
using family::V6;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Checksum;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::VirtioHeader;
using wire::Wire;

namespace {

constexpr std::uint16_t ethernet_size = 14;
template <typename F> constexpr std::uint16_t icmp_start = ethernet_size + F::header;

template <typename F> typename F::Datagram ping(std::size_t size, Checksum sum = Checksum::right)
{
	return F::datagram(F::echo(0x4f4f, 9, packet::pattern(size)), F::server, sum);
}

template <typename F> Wire virtio_server() { return F::new_server({.virtio_header = true}, 9000); }

/// CHECKSUM_PARTIAL: as a virtual machine on the same host sends. The checksum's field does not hold it yet.
template <typename F> void checksum_partial()
{
	auto wire = virtio_server<F>();

	for (std::size_t size : {0, 1, 56, 1400, 8000}) {
		for (std::uint16_t field : {0x0000, 0x1234, 0xffff}) {
			auto request = ping<F>(size);
			request.payload[2] = static_cast<std::uint8_t>(field >> 8);
			request.payload[3] = static_cast<std::uint8_t>(field);
			const auto change = F::change();

			wire.send_virtio({.flags = VirtioHeader::needs_checksum,
					  .checksum_start = icmp_start<F>,
					  .checksum_offset = 2},
					 wire.frame(request.build()));
			expect_reply_at(wire, request);
			change.expect_outcomes({{"reply", 1}}, "a request without checksum");
		}
	}
}

void timestamp_with_checksum_partial()
{
	auto wire = virtio_server<V4>();
	Ipv4 request =
		packet::datagram({.type = 13, .code = 0, .rest = 7, .data = packet::pattern(12)});

	request.payload[2] = request.payload[3] = 0;
	wire.send_virtio({.flags = VirtioHeader::needs_checksum,
			  .checksum_start = icmp_start<V4>,
			  .checksum_offset = 2},
			 wire.frame(request.build()));
	auto answer = ktap::require_value(family::next_answer<V4>(wire), "an answer");
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type");
}

/// Only so much of the frame is linear as the sender says: nothing of ICMP, half of its header, all of it.
template <typename F> void non_linear()
{
	auto wire = virtio_server<F>();

	for (std::uint16_t linear :
	     {icmp_start<F> + 0, icmp_start<F> + 4, icmp_start<F> + 8, ethernet_size + 500}) {
		for (std::size_t size : {4096, 8000, 8001}) {
			const auto request = ping<F>(size);
			const auto change = F::change();

			wire.send_virtio({.header_length = linear}, wire.frame(request.build()));
			expect_reply_at(wire, request);
			change.expect_outcomes({{"reply", 1}}, "a request in pages");
		}
	}
}

template <typename F>
void expect_wrong_checksum_counted(const typename F::Change &change,
				   const wire::Where &where = wire::Where::current())
{
	change.expect_icmp(
		{{F::icmp + "InMsgs", 1}, {F::icmp + "InErrors", 1}, {F::icmp + "InCsumErrors", 1}},
		"wrong checksum", where);
	change.expect_outcomes({{"drop_checksum", 1}}, "wrong checksum", where);
}

template <typename F> void non_linear_wrong_checksum()
{
	auto wire = virtio_server<F>();
	const auto change = F::change();

	wire.send_virtio({.header_length = icmp_start<F>},
			 wire.frame(ping<F>(5000, Checksum::wrong).build()));
	expect(!family::next_answer<F>(wire, wire::silence), "no answer to a wrong checksum");
	expect_wrong_checksum_counted<F>(change);
}

/// A request that looks as if it were to be cut into segments. A reply must not be.
template <typename F> void gso_marked()
{
	auto wire = virtio_server<F>();
	const auto request = ping<F>(8000);
	Bytes frame = wire.frame(request.build());
	VirtioHeader header{.flags = VirtioHeader::needs_checksum,
			    .gso_type = VirtioHeader::udp,
			    .header_length = icmp_start<F> + 8,
			    .gso_size = 1400,
			    .checksum_start = icmp_start<F>,
			    .checksum_offset = 2};
	Bytes bytes(sizeof(header));

	std::memcpy(bytes.data(), &header, sizeof(header));
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	const auto change = F::change();
	if (write(wire.fd(), bytes.data(), bytes.size()) < 0)
		ktap::skip("this kernel takes no such segments");
	auto answer = family::next_answer<F>(wire);
	if (!answer && change.snmp()[F::icmp + "InMsgs"] == 0)
		ktap::skip("this kernel passes no such segments on");
	expect_echo_reply(ktap::require_value(std::move(answer), "an answer"), request);
	if (auto moved = change.icmpx())
		expect_equal((*moved)["reply_copied"], 1, "reply_copied");
}

/// A frame whose header says 0 bytes, as of segments that together are longer than a datagram can be.
template <typename F> Bytes without_length(const Wire &wire, std::size_t size)
{
	Bytes frame = wire.frame(ping<F>(0).build());
	const Bytes data = packet::pattern(size);

	frame.insert(frame.begin() + icmp_start<F> + 8, data.begin(), data.end());
	const std::span header = std::span(frame).subspan(ethernet_size, F::header);
	if constexpr (F::is_ipv6) {
		header[4] = header[5] = 0;
	} else {
		header[2] = header[3] = header[10] = header[11] = 0;
		const std::uint16_t sum = packet::checksum(header);
		header[10] = static_cast<std::uint8_t>(sum >> 8);
		header[11] = static_cast<std::uint8_t>(sum);
	}
	return frame;
}

/// A reply would be as long as its request. IP itself takes such a request from 6.3 on.
template <typename F> void gso_too_long()
{
	// The length of a datagram of IPv6 is without its header.
	constexpr std::size_t most = 65535 - (F::is_ipv6 ? 0 : F::header) - 8;
	const auto wire = virtio_server<F>();
	const VirtioHeader header{.flags = VirtioHeader::needs_checksum,
				  .gso_type = F::is_ipv6 ? VirtioHeader::tcp6 : VirtioHeader::tcp,
				  .header_length = icmp_start<F> + 20,
				  .gso_size = 1400,
				  .checksum_start = icmp_start<F>,
				  .checksum_offset = 16};

	for (std::size_t size : {most, most + 1}) {
		const auto change = F::change();

		wire.send_virtio(header, without_length<F>(wire, size));
		const auto answer = family::next_answer<F>(wire, wire::silence);
		auto moved = change.snmp();
		if (moved[F::ip + "InHdrErrors"] || moved[F::ip + "InTruncatedPkts"]) {
			expect(!answer, "no answer to what IP does not take");
		} else if (size == most) {
			expect_echo_reply(ktap::require_value(answer, "an answer"), ping<F>(size));
			change.expect_outcomes({{"reply", 1}}, "the longest request");
		} else {
			expect(!answer, "no answer that is too long");
			expect_equal(moved[F::icmp + "OutErrors"], 1, "OutErrors");
			change.expect_outcomes({{"drop_output", 1}}, "too long");
		}
	}
}

/// A GRE packet with its own checksum around @p inner.
template <typename F> Ipv4 gre(const Bytes &inner)
{
	Bytes payload{0x80, 0x00};
	Ipv4 outer;

	packet::put16(payload, F::ethernet);
	payload.resize(8);
	payload.insert(payload.end(), inner.begin(), inner.end());
	std::uint16_t sum = packet::checksum(payload);
	payload[4] = static_cast<std::uint8_t>(sum >> 8);
	payload[5] = static_cast<std::uint8_t>(sum);
	outer.protocol = IPPROTO_GRE;
	outer.payload = payload;
	return outer;
}

/// CHECKSUM_COMPLETE: GRE has added up the whole packet, and says so. Its tunnel is over IPv4.
template <typename F> Wire gre_server()
{
	auto wire = V4::new_server();

	host::need("ip_gre", "ip link add probe type gre local 10.0.0.2 remote 10.0.0.3 && ip link "
			     "delete probe");
	F::quiet("default");
	host::run("ip link add tunnel type gre local 10.0.0.2 remote 10.0.0.1 icsum ocsum");
	F::configure("tunnel", F::own(77));
	return wire;
}

template <typename F> typename F::Datagram tunnelled_ping(std::size_t size, Checksum sum)
{
	const auto address = [](const char *text) {
		return F::address(text);
	};

	return F::between(F::echo(0x99, 1, packet::pattern(size)),
			  address(F::is_ipv6 ? "fd77::1" : "10.0.77.1"),
			  address(F::is_ipv6 ? "fd77::2" : "10.0.77.2"), sum);
}

template <typename F> void checksum_complete()
{
	auto wire = gre_server<F>();

	for (std::size_t size : {0, 1, 56, 1400}) {
		const auto request = tunnelled_ping<F>(size, Checksum::right);
		wire.send(gre<F>(request.build()));
		auto outer = ktap::require_value(wire.receive_whole(), "a reply");
		expect_equal(outer.protocol, IPPROTO_GRE, "protocol of the reply");
		expect_equal(packet::checksum(outer.payload), 0, "GRE's checksum of the reply");
		auto inner = ktap::require_value(F::parse(packet::View(outer.payload).subspan(8)),
						 "a reply");
		auto icmp = ktap::require_value(F::message(inner), "an ICMP message");
		expect(icmp.checksum_right, "the reply's checksum is right");
		expect_echo_reply({inner, icmp}, request);
	}
}

template <typename F> void checksum_complete_and_wrong()
{
	auto wire = gre_server<F>();
	const auto change = F::change();

	wire.send(gre<F>(tunnelled_ping<F>(56, Checksum::wrong).build()));
	expect(!wire.receive(wire::silence), "no answer to a wrong checksum");
	expect_wrong_checksum_counted<F>(change);
}

/// On the way through veth and lo, nobody has computed anything: what the sender made is what arrives.
template <typename F> void over_loopback()
{
	const std::string ping = "ping -n -q -i 0.01 ";
	const std::string loopback = F::is_ipv6 ? " ::1" : " 127.0.0.1";

	host::enter_new_namespace();
	const auto change = F::change();
	host::run(ping + "-c 3 -s 4000" + loopback + " && " + ping + "-c 2 -s 60000" + loopback);
	auto moved = change.snmp();
	expect_equal(moved[F::icmp + "InEchos"], 5, "InEchos");
	expect_equal(moved[F::icmp + F::echo_replies], 5, F::echo_replies);
	expect_equal(moved[F::icmp + (F::is_ipv6 ? "InEchoReplies" : "InEchoReps")], 5,
		     "replies that came in");
	expect_equal(moved[F::icmp + "InErrors"], 0, "InErrors");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"checksum_partial_is_filled_in", checksum_partial<F>},
		{"checksum_complete_is_believed", checksum_complete<F>},
		{"checksum_complete_and_wrong", checksum_complete_and_wrong<F>},
		{"non_linear_requests", non_linear<F>},
		{"non_linear_wrong_checksum", non_linear_wrong_checksum<F>},
		{"gso_marked_request", gso_marked<F>},
		{"gso_too_long", gso_too_long<F>},
		{"loopback", over_loopback<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back({"checksum_partial_timestamp", timestamp_with_checksum_partial});
	return ktap::run(argc, argv, all);
}
