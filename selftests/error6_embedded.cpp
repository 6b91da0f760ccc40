// SPDX-License-Identifier: GPL-2.0-only
//
// What the packet that an ICMPv6 error quotes must have for the error to be delivered, and which of its headers are read.

#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <random>
#include <string>

namespace {

using counters::Values;
using counters6::Change;
using errors6::Code;
using errors6::header_length;
using errors6::remote;
using packet::Bytes;
using packet::View;
using packet6::Extension;
using packet6::Ipv6;
using sock6::Endpoint;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

constexpr Endpoint peer{remote(1), 9999};
/// A packet's destination when it goes by a segment on the way to the peer.
constexpr packet6::Address segment = remote(2);

struct Client {
	Client()
	{
		net();
		socket = sock6::udp();
		sock6::bind(socket, {errors6::host, 0});
		ktap::require_equal(sock6::connect(socket, peer), 0, "connect");
		sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
		sent = errors6::sent_udp(sock6::local(socket), peer, packet::pattern(64));
		bytes = sent.build();
	}

	bool learned() const
	{
		bool any = sock6::wait_for(socket, 0) & POLLERR;

		sock6::forget_errors(socket);
		return any;
	}

	Socket socket;
	Ipv6 sent;
	Bytes bytes;
};

enum class Fate { believed, unmatched, malformed };

/// Sends an error of @p type that quotes @p quoted and expects that the socket learns of it, that UDP knows no such socket, or
/// that it is refused as malformed.
void expect(const Client &client, View quoted, Fate fate, const std::string &what,
	    std::uint8_t type = packet6::unreachable)
{
	Change change;

	net().send(errors6::report(type, Code::port_unreachable, 1500, quoted));
	ktap::expect_equal(client.learned(), fate == Fate::believed, what);
	change.expect_icmp(fate == Fate::believed ? counters6::in(type) : errors6::refused(type),
			   what);
	const char *refusal = quoted.size() < header_length ? "drop_truncated" : "drop_embedded";
	change.expect_outcomes({{fate == Fate::malformed ? refusal : "deliver_error_udp", 1}},
			       what);
}

void truncated_at_each_length()
{
	Client client;

	for (std::uint8_t type : {packet6::unreachable, packet6::too_big, packet6::time_exceeded,
				  packet6::parameter_problem})
		for (std::size_t size = 0; size <= client.bytes.size(); size++)
			expect(client, View(client.bytes).first(size),
			       size < header_length + 8 ? Fate::malformed : Fate::believed,
			       std::to_string(size) + " bytes, type " + std::to_string(type), type);
}

const std::vector<Extension> each_header{
	{.kind = packet6::hop_by_hop, .contents = packet6::option(0x1e, Bytes(10))},
	{.kind = packet6::destination_options, .contents = packet6::option(0x1e, Bytes(2))},
	packet6::routing(2, 1, {remote(3)}),
	{.kind = packet6::destination_options, .contents = packet6::option(0x1e, Bytes(250))},
};

void extension_headers_are_skipped()
{
	Client client;

	for (const Extension &header : each_header) {
		client.sent.extensions.push_back(header);
		expect(client, client.sent.build(), Fate::believed,
		       std::to_string(client.sent.extensions.size()) + " headers");
	}
	// Nobody looks at their order.
	std::ranges::reverse(client.sent.extensions);
	expect(client, client.sent.build(), Fate::believed, "the other way round");
}

void truncated_in_extension_headers()
{
	Client client;

	client.sent.extensions.assign(each_header.begin(), each_header.begin() + 3);
	client.bytes = client.sent.build();
	const std::size_t needed = client.bytes.size() - 64;
	for (std::size_t size = header_length; size <= needed + 1; size++)
		expect(client, View(client.bytes).first(size),
		       size < needed ? Fate::malformed : Fate::believed,
		       std::to_string(size) + " bytes");
}

/// An authentication header counts its length in units of 4 (RFC 4302, 2.2).
void an_authentication_header()
{
	Client client;
	constexpr std::uint8_t ah = 51;
	Bytes header{packet6::udp, 4};

	header.resize(24);
	client.sent.protocol = ah;
	client.sent.payload = packet::concat({header, client.sent.payload});
	expect(client, client.sent.build(), Fate::believed, "authentication header");
}

void fragments()
{
	Client client;

	client.sent.fragment = packet6::Fragment{.offset = 0, .more = true};
	expect(client, client.sent.build(), Fate::believed, "the first fragment");
	client.sent.fragment = packet6::Fragment{.offset = 0, .more = false};
	expect(client, client.sent.build(), Fate::believed, "an atomic fragment");

	// Which socket a later fragment is of, nobody can tell.
	client.sent.fragment = packet6::Fragment{.offset = 1280, .more = false};
	Change change;
	net().send(errors6::unreachable(Code::port_unreachable, client.sent.build()));
	ktap::expect_equal(client.learned(), false, "a later fragment");
	change.expect_icmp(counters6::in(packet6::unreachable), "a later fragment");
	change.expect_outcomes({{"drop_no_protocol", 1}}, "a later fragment");
}

void headers_that_lead_nowhere()
{
	Client client;
	// RFC 8200, 4.7: behind this, there is nothing.
	client.sent.protocol = packet6::nothing;
	expect(client, client.sent.build(), Fate::malformed, "no next header");
	client.sent.extensions = {each_header[0]};
	expect(client, client.sent.build(), Fate::malformed, "no next header behind another");
	client.sent.extensions.clear();
	client.sent.protocol = packet6::destination_options;
	for (std::uint8_t next : {packet6::destination_options, packet6::udp}) {
		client.sent.payload = packet::concat({Bytes{next, 255}, Bytes(70)});
		expect(client, client.sent.build(), Fate::malformed,
		       "options longer than the message");
	}
}

void a_protocol_that_is_none()
{
	Client client;

	// 255 is reserved, and raw sockets of that number only send (raw(7)).
	client.sent.protocol = 255;
	expect(client, client.sent.build(), Fate::malformed, "protocol 255");
	client.sent.extensions = {each_header[0]};
	expect(client, client.sent.build(), Fate::malformed, "protocol 255 behind options");
}

/// Fields that routers change on the way, or that a quotation cut short makes wrong, decide nothing.
void fields_that_do_not_matter()
{
	Client client;
	const std::vector<std::pair<std::string, std::pair<std::size_t, std::uint8_t>>> changes{
		{"version", {0, 0x40}},	      {"traffic class and flow label", {1, 0xff}},
		{"payload length 0", {5, 0}}, {"payload length too long", {4, 0xff}},
		{"hop limit 0", {7, 0}},
	};

	for (const auto &[what, change] : changes) {
		Bytes bytes = client.bytes;

		bytes[change.first] = change.second;
		expect(client, bytes, Fate::believed, what);
	}
}

/// A segment routing header (RFC 8754, 2), with the peer as the last segment.
Extension segments(std::uint8_t left = 1, const Bytes &objects = {})
{
	Extension header = packet6::routing(4, left, {peer.address, segment});

	header.contents.insert(header.contents.end(), objects.begin(), objects.end());
	return header;
}

/// RFC 8754, 5.4: the socket is connected to the last segment, not to where the packet was on its way to.
void a_segment_routing_header()
{
	Client client;

	client.sent.destination = segment;
	expect(client, client.sent.build(), Fate::unmatched, "no header");
	for (std::uint8_t left : {0, 1, 2}) {
		client.sent.extensions = {segments(left)};
		expect(client, client.sent.build(), Fate::believed,
		       std::to_string(left) + " segments left");
	}
	client.sent.extensions = {each_header[0], segments()};
	expect(client, client.sent.build(), Fate::believed, "behind options");
	client.sent.extensions = {segments(), each_header[1]};
	expect(client, client.sent.build(), Fate::believed, "before options");
	client.sent.extensions = {segments(1, {5, 6, 0, 0, 0, 0, 0, 0})};
	expect(client, client.sent.build(), Fate::believed, "with an object");
	client.sent.extensions = {segments(1, {5, 2, 0, 0, 4, 2, 0, 0})};
	expect(client, client.sent.build(), Fate::believed, "with two objects");
	client.sent.extensions = {segments()};
	client.sent.fragment = packet6::Fragment{.offset = 0, .more = true};
	expect(client, client.sent.build(), Fate::believed, "in the first fragment");
}

/// A header that is skipped is no reason to refuse the error; the destination is that of the packet then.
void segment_routing_headers_that_are_wrong()
{
	Client client;
	const auto spoilt = [](std::size_t at, std::uint8_t value) {
		Extension header = segments();

		header.contents[at] = value;
		return header;
	};
	const std::vector<std::pair<std::string, std::vector<Extension>>> rows{
		{"another type", {spoilt(0, 3)}},
		{"more segments left than there are", {segments(3)}},
		{"last entry behind the end", {spoilt(2, 2)}},
		{"an object longer than the header", {segments(1, {5, 7, 0, 0, 0, 0, 0, 0})}},
		{"an object without a length", {segments(1, {5, 5, 0, 0, 0, 0, 0, 0})}},
		{"last entry too early", {spoilt(2, 0)}},
		// The first routing header counts.
		{"behind another routing header",
		 {packet6::routing(2, 1, {remote(3)}), segments()}},
	};

	client.sent.destination = segment;
	for (const auto &[what, headers] : rows) {
		client.sent.extensions = headers;
		// Segments that the last entry does not count are read as objects, of which these are none.
		expect(client, client.sent.build(), Fate::unmatched, what);
	}
	client.sent.destination = peer.address;
	for (const auto &[what, headers] : rows) {
		client.sent.extensions = headers;
		expect(client, client.sent.build(), Fate::believed, what + ", sent to the peer");
	}
}

/// Each byte of the header that is missing makes it one that is not there: not even ports are.
void truncated_in_a_segment_routing_header()
{
	Client client;

	client.sent.destination = segment;
	client.sent.extensions = {segments()};
	client.bytes = client.sent.build();
	for (std::size_t size = header_length; size <= header_length + 40 + 8; size++)
		expect(client, View(client.bytes).first(size),
		       size < header_length + 40 + 8 ? Fate::malformed : Fate::believed,
		       std::to_string(size) + " bytes");
}

void errors_that_are_broken_themselves()
{
	Client client;
	Ipv6 error = errors6::unreachable(Code::port_unreachable, client.bytes);
	Change change;

	error.payload[2] ^= 0x55;
	net().send(error);
	ktap::expect_equal(client.learned(), false, "wrong checksum");
	change.expect_icmp({{"Icmp6InMsgs", 1}, {"Icmp6InErrors", 1}, {"Icmp6InCsumErrors", 1}},
			   "wrong checksum");
	change.expect_outcomes({{"drop_checksum", 1}}, "wrong checksum");
}

void fragmented_errors()
{
	Client client;
	Bytes data = packet::pattern(1100),
	      quoted = errors6::sent_udp(sock6::local(client.socket), peer, data).build();
	const Ipv6 error = errors6::unreachable(Code::port_unreachable, quoted);
	std::uint32_t id = 1;

	// 8 bytes of data a fragment: the message's own header alone in the first, the quoted ones in the next.
	for (std::size_t mtu : {56U, 64U, 80U, 104U, 576U}) {
		const std::string what = "MTU " + std::to_string(mtu);
		Change change;

		for (const Ipv6 &part : packet6::fragment(error, mtu, id++))
			net().send(part);
		auto entry = ktap::require_value(sock6::next_error(client.socket), what);
		ktap::expect_equal(entry.payload, data, what);
		ktap::expect_equal(packet6::text(entry.offender), packet6::text(errors6::router),
				   what);
		change.expect_icmp(counters6::in(packet6::unreachable), what);
		change.expect_outcomes({{"deliver_error_udp", 1}}, what);
	}
}

void errors_behind_extension_headers()
{
	Client client;
	Ipv6 error = errors6::unreachable(Code::port_unreachable, client.bytes);
	Change change;

	error.extensions = {each_header[0], each_header[3]};
	net().send(error);
	auto entry = ktap::require_value(sock6::next_error(client.socket), "error");
	ktap::expect_equal(entry.payload, packet::pattern(64), "payload");
	ktap::expect_equal(packet6::text(entry.offender), packet6::text(errors6::router),
			   "offender");
	change.expect_icmp(counters6::in(packet6::unreachable), "error");
	change.expect_outcomes({{"deliver_error_udp", 1}}, "error");
}

/// Linux does not ask to whom an error was sent.
void errors_to_a_group()
{
	Client client;
	const packet::Icmp message{
		.type = packet6::unreachable, .code = Code::port_unreachable, .data = client.bytes};

	net().send(packet6::datagram(message, {.destination = packet6::all_nodes}),
		   wire::Cast::multicast);
	ktap::expect_equal(client.learned(), true, "error to ff02::1");
}

/// A message from here comes in by the loopback device, and is counted on the device that has the address. Of the errors that
/// are cut short, Linux counts only one type there.
void truncated_errors_from_here()
{
	net();
	for (std::uint8_t type : {packet6::unreachable, packet6::too_big}) {
		const std::string what = "type " + std::to_string(type);
		const Socket sender = sock6::raw(IPPROTO_ICMPV6);
		const packet::Icmp message{.type = type, .data = Bytes(30)};
		const Values moved = counters::sum(counters6::in(type), counters6::out(type));
		const Values with_error = counters::sum(moved, {{"Icmp6InErrors", 1}});
		Change change;

		ktap::expect_equal(sock6::send(sender, message.build(), Endpoint{errors6::host, 0}),
				   0, what);
		change.expect_icmp(with_error, type == packet6::too_big ? with_error : moved, what);
		change.expect_outcomes({{"drop_truncated", 1}}, what);
	}
}

void garbage()
{
	// The same every time.
	std::mt19937 random(4443); // NOLINT(cert-msc32-c,cert-msc51-cpp)
	Client client;
	Change change;
	constexpr int count = 1000;

	for (int i = 0; i < count; i++) {
		Bytes quoted(random() % 160);

		for (std::uint8_t &byte : quoted)
			byte = static_cast<std::uint8_t>(random());
		if (i % 4 && quoted.size() > 48) {
			const auto headers = std::to_array<std::uint8_t>(
				{0, 6, 17, 43, 44, 51, 58, 60, 47, 132});

			quoted[6] = headers[random() % headers.size()];
			// A header that is short, with another one behind it, or a segment routing header.
			quoted[40] = headers[random() % headers.size()];
			quoted[41] = random() % 6;
			quoted[42] = 4;
			quoted[43] = random() % 3;
			quoted[44] = random() % 3;
		}
		net().send(errors6::report(random() % 128, random() % 8,
					   static_cast<std::uint32_t>(random()), quoted));
	}
	ktap::expect_equal(change.snmp()["Icmp6InMsgs"], count, "messages");
	ktap::expect_equal(client.learned(), false, "somebody learned of it");
	if (auto stat = counters6::icmpx())
		ktap::expect(counters::outcomes_equal_packets_in(*stat),
			     "the sum of outcomes is packets_in");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"truncated_at_each_length", truncated_at_each_length},
		 {"extension_headers_are_skipped", extension_headers_are_skipped},
		 {"truncated_in_extension_headers", truncated_in_extension_headers},
		 {"rfc4302_2_2_an_authentication_header", an_authentication_header},
		 {"fragments", fragments},
		 {"headers_that_lead_nowhere", headers_that_lead_nowhere},
		 {"a_protocol_that_is_none", a_protocol_that_is_none},
		 {"fields_that_do_not_matter", fields_that_do_not_matter},
		 {"rfc8754_5_4_a_segment_routing_header", a_segment_routing_header},
		 {"segment_routing_headers_that_are_wrong", segment_routing_headers_that_are_wrong},
		 {"truncated_in_a_segment_routing_header", truncated_in_a_segment_routing_header},
		 {"errors_that_are_broken_themselves", errors_that_are_broken_themselves},
		 {"fragmented_errors", fragmented_errors},
		 {"errors_behind_extension_headers", errors_behind_extension_headers},
		 {"errors_to_a_group", errors_to_a_group},
		 {"truncated_errors_from_here", truncated_errors_from_here},
		 {"garbage", garbage}});
}
