// SPDX-License-Identifier: GPL-2.0-only
//
// What the error queue of a raw socket holds after an ICMPv6 error (ipv6(7), IPV6_RECVERR), RFC 4884 extensions included. The
// queues of UDP and TCP are filled by other code.

#include "lib/control.hpp"
#include "lib/counters6.hpp"
#include "lib/errors6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <net/if.h>
#include <string>

namespace {

using errors6::Code;
using errors6::remote;
using packet::Bytes;
using packet::View;
using packet6::Ipv6;
using sock6::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire6::new_server();
	return wire;
}

constexpr std::uint8_t experimental = 253;

Socket client()
{
	net();
	Socket socket = sock6::raw(experimental);

	sock6::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	return socket;
}

Ipv6 sent(View data)
{
	return errors6::sent(experimental, errors6::host, remote(1), {data.begin(), data.end()});
}

void everything_about_the_error()
{
	Socket socket = client();
	Bytes data = packet::pattern(100);
	const packet6::Address far_router = packet6::ipv6("2001:db8:9::9");

	net().send(errors6::report(packet6::time_exceeded, 1, 0, sent(data).build(), far_router));
	auto error = ktap::require_value(sock6::next_error(socket), "error");
	ktap::expect_equal(error.number, EHOSTUNREACH, "ee_errno");
	ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP6, "ee_origin");
	ktap::expect_equal(error.type, packet6::time_exceeded, "ee_type");
	ktap::expect_equal(error.code, 1, "ee_code");
	ktap::expect_equal(error.info, 0U, "ee_info");
	ktap::expect_equal(packet6::text(error.offender), packet6::text(far_router), "offender");
	ktap::expect_equal(packet6::text(error.destination.address), packet6::text(remote(1)),
			   "destination");
	ktap::expect_equal(error.destination.port, 0, "destination port");
	ktap::expect_equal(error.payload, data, "payload");
	ktap::expect_equal(error.truncated, false, "MSG_TRUNC");
	ktap::expect_equal(error.extensions_at, 0, "extensions without IPV6_RECVERR_RFC4884");
	ktap::expect_equal(sock6::next_error(socket).has_value(), false, "a second entry");
}

/// All 32 bits are the MTU or the pointer (RFC 4443, 3.2 and 3.4).
void info_is_the_second_word()
{
	Socket socket = client();

	for (std::uint32_t word : {0U, 1280U, 0x12345678U, 0xffffffffU}) {
		for (std::uint8_t type : {packet6::too_big, packet6::parameter_problem}) {
			net().send(
				errors6::report(type, 0, word, sent(packet::pattern(8)).build()));
			auto error = ktap::require_value(sock6::next_error(socket), "error");
			ktap::expect_equal(error.info, word, "type " + std::to_string(type));
		}
	}
}

void as_much_of_the_payload_as_was_quoted()
{
	Socket socket = client();
	Bytes data = packet::pattern(1192), whole = sent(data).build();

	for (std::size_t size : {8U, 9U, 100U, 548U, 1192U}) {
		net().send(errors6::unreachable(Code::no_route, View(whole).first(40 + size)));
		auto error = ktap::require_value(sock6::next_error(socket),
						 std::to_string(size) + " bytes");
		ktap::expect_equal(error.payload,
				   Bytes(data.begin(), data.begin() + static_cast<long>(size)),
				   std::to_string(size) + " bytes");
	}
}

void a_small_buffer_gets_the_beginning()
{
	Socket socket = client();
	Bytes data = packet::pattern(64);

	net().send(errors6::unreachable(Code::no_route, sent(data).build()));
	auto error = ktap::require_value(sock6::next_error(socket, 10), "error");
	ktap::expect_equal(error.truncated, true, "MSG_TRUNC");
	ktap::expect_equal(error.payload, Bytes(data.begin(), data.begin() + 10), "payload");
	ktap::expect_equal(error.number, ENETUNREACH, "ee_errno");
}

void entries_keep_their_order()
{
	Socket socket = client();

	for (std::uint8_t code = 0; code < 16; code++)
		net().send(errors6::unreachable(code, sent(packet::pattern(8)).build()));
	for (std::uint8_t code = 0; code < 16; code++) {
		ktap::expect_equal(sock6::wait_for(socket, 0), POLLERR, "POLLERR");
		ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "error").code,
				   code, "order");
	}
	ktap::expect_equal(sock6::wait_for(socket, 0), 0, "POLLERR afterwards");
}

void extension_headers_are_not_payload()
{
	Socket socket = client();
	Bytes data = packet::pattern(16);
	Ipv6 datagram = sent(data);

	for (std::size_t size : {2U, 6U, 200U}) {
		for (std::uint8_t kind : {packet6::hop_by_hop, packet6::destination_options}) {
			datagram.extensions.push_back(
				{.kind = kind, .contents = packet6::option(0x1e, Bytes(size))});
			net().send(errors6::unreachable(Code::no_route, datagram.build()));
			auto error = ktap::require_value(
				sock6::next_error(socket),
				std::to_string(datagram.extensions.size()) + " headers");
			ktap::expect_equal(error.payload, data, "payload");
			ktap::expect_equal(packet6::text(error.destination.address),
					   packet6::text(remote(1)), "destination");
		}
	}
	// The first fragment has what is behind its header, too.
	datagram.fragment = packet6::Fragment{.offset = 0, .more = true};
	net().send(errors6::unreachable(Code::no_route, datagram.build()));
	ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "fragment").payload, data,
			   "payload of the first fragment");
}

/// RFC 4007, 6: where the other end of an error is known by its link.
void link_local_addresses_have_their_interface()
{
	Socket socket = client();
	const auto device = if_nametoindex("wire0");
	Ipv6 datagram = sent(packet::pattern(16));

	datagram.source = packet6::server_link;
	datagram.destination = packet6::client_link;
	net().send(errors6::report(packet6::unreachable, Code::no_route, 0, datagram.build(),
				   packet6::client_link));
	auto error = ktap::require_value(sock6::next_error(socket), "error");
	ktap::expect_equal(error.destination.scope, device, "destination");
	ktap::expect_equal(packet6::text(error.offender), packet6::text(packet6::client_link),
			   "offender");
}

/// Programs that ask for it are told of the error's own header, too: that of the packet that the error came in.
void control_messages_are_of_the_error()
{
	Socket socket = client();
	Ipv6 error = errors6::unreachable(Code::no_route, sent(packet::pattern(16)).build());

	sock6::set(socket, SOL_IPV6, IPV6_RECVHOPLIMIT, 1);
	sock6::set(socket, SOL_IPV6, IPV6_RECVTCLASS, 1);
	error.hop_limit = 77;
	error.traffic_class = 0x2e;
	net().send(error);
	auto received = control::receive(socket, MSG_ERRQUEUE | MSG_DONTWAIT);
	ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_HOPLIMIT).value_or(-1), 77,
			   "IPV6_HOPLIMIT");
	ktap::expect_equal(received.value<int>(SOL_IPV6, IPV6_TCLASS).value_or(-1), 0x2e,
			   "IPV6_TCLASS");
}

/// RFC 4884, 7: a header, then objects; @p length is what the only object says of itself.
Bytes extensions(std::uint8_t version = 2, std::uint16_t length = 8, std::uint16_t spoil = 0)
{
	Bytes bytes{static_cast<std::uint8_t>(version << 4), 0, 0, 0};

	packet::put16(bytes, length);
	packet::put16(bytes, 0x0101);
	packet::put32(bytes, 0xdeadbeef);
	std::uint16_t sum = packet::checksum(bytes) ^ spoil;
	bytes[2] = static_cast<std::uint8_t>(sum >> 8);
	bytes[3] = static_cast<std::uint8_t>(sum);
	return bytes;
}

struct Extended {
	std::string what;
	std::size_t quoted;
	/// In words of 64 bits, in the header's byte 4 (RFC 4884, 4.4 and 4.5).
	std::uint8_t length;
	Bytes extensions;
	int at;
	bool invalid;
};

void extended_errors()
{
	Bytes unsummed = extensions();
	unsummed[2] = unsummed[3] = 0;
	const std::vector<Extended> rows{
		{"valid", 128, 16, extensions(), 88, false},
		{"behind a longer quotation", 160, 20, extensions(), 120, false},
		{"behind the longest quotation", 1224, 153, {0x20, 0, 0xdf, 0xff}, 1184, false},
		{"without a checksum", 128, 16, unsummed, 88, false},
		{"wrong checksum", 128, 16, extensions(2, 8, 1), 88, true},
		{"object longer than the message", 128, 16, extensions(2, 12), 88, true},
		{"object shorter than its header", 128, 16, extensions(2, 3), 88, true},
		{"object that ends early", 128, 16, extensions(2, 4), 88, true},
		{"another version", 128, 16, extensions(1, 3, 1), 88, false},
		{"header alone", 128, 16, {0x20, 0, 0xdf, 0xff}, 88, false},
		{"too early", 120, 15, extensions(), 0, false},
		{"none", 128, 0, {}, 0, false},
		{"half a header", 128, 16, {0x20, 0}, 0, false},
		{"behind the end", 128, 17, {}, 0, false},
		{"far behind the end", 128, 255, extensions(), 0, false},
	};
	Socket socket = client();
	Bytes whole = sent(packet::pattern(1200)).build();

	net().send(errors6::time_exceeded(packet::concat({View(whole).first(128), extensions()}),
					  16U << 24));
	ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "error").extensions_at, 0,
			   "extensions that nobody asks for");
	sock6::set(socket, SOL_IPV6, IPV6_RECVERR_RFC4884, 1);
	for (const Extended &row : rows) {
		Bytes body = packet::concat({View(whole).first(row.quoted), row.extensions});

		// Others have no such field (RFC 4884, 4): what stands there is an MTU or a pointer.
		for (std::uint8_t type : {1, 2, 3, 4, 5, 127}) {
			const bool extensible =
				type == packet6::unreachable || type == packet6::time_exceeded;
			const std::string what = row.what + ", type " + std::to_string(type);

			net().send(errors6::report(type, 0, std::uint32_t{row.length} << 24, body));
			auto error = ktap::require_value(sock6::next_error(socket), what);
			ktap::expect_equal(error.extensions_at, extensible ? row.at : 0,
					   what + ": where they begin");
			ktap::expect_equal(error.extensions_invalid, extensible && row.invalid,
					   what + ": flagged as invalid");
			ktap::expect_equal(error.payload, Bytes(body.begin() + 40, body.end()),
					   what + ": payload");
		}
	}
	// Of the second word, no other byte counts (RFC 4884, 4.4).
	Bytes body = packet::concat({View(whole).first(128), extensions()});
	net().send(errors6::time_exceeded(body, 0x00101010));
	ktap::expect_equal(
		ktap::require_value(sock6::next_error(socket), "bytes 5 to 7").extensions_at, 0,
		"bytes 5 to 7");
}

/// Where the quoted packet has extension headers, and where its headers are payload, too.
void extensions_are_counted_from_the_payload()
{
	constexpr int ipv6_hdrincl = 36;
	Socket socket = client();
	Ipv6 datagram = sent(packet::pattern(300));

	sock6::set(socket, SOL_IPV6, IPV6_RECVERR_RFC4884, 1);
	datagram.extensions = {{.contents = packet6::option(0x1e, Bytes(20))}};
	Bytes body = packet::concat({View(datagram.build()).first(128), extensions()});
	net().send(errors6::time_exceeded(body, 16U << 24));
	ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "error").extensions_at,
			   128 - 40 - 24, "behind an extension header");
	sock6::set(socket, SOL_IPV6, ipv6_hdrincl, 1);
	net().send(errors6::time_exceeded(body, 16U << 24));
	ktap::expect_equal(ktap::require_value(sock6::next_error(socket), "error").extensions_at,
			   128, "behind all headers");
}

void the_queue_is_bounded_by_the_receive_buffer()
{
	Socket socket = client();
	int entries = 0;

	sock6::set(socket, SOL_SOCKET, SO_RCVBUF, 4096);
	for (int i = 0; i < 200; i++)
		net().send(
			errors6::unreachable(Code::no_route, sent(packet::pattern(500)).build()));
	while (sock6::next_error(socket))
		entries++;
	ktap::expect_between(entries, 1, 20, "entries");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"everything_about_the_error", everything_about_the_error},
		 {"rfc4443_3_info_is_the_second_word", info_is_the_second_word},
		 {"as_much_of_the_payload_as_was_quoted", as_much_of_the_payload_as_was_quoted},
		 {"a_small_buffer_gets_the_beginning", a_small_buffer_gets_the_beginning},
		 {"entries_keep_their_order", entries_keep_their_order},
		 {"extension_headers_are_not_payload", extension_headers_are_not_payload},
		 {"rfc4007_6_link_local_addresses", link_local_addresses_have_their_interface},
		 {"control_messages_are_of_the_error", control_messages_are_of_the_error},
		 {"rfc4884_extended_errors", extended_errors},
		 {"rfc4884_counted_from_the_payload", extensions_are_counted_from_the_payload},
		 {"the_queue_is_bounded_by_the_receive_buffer",
		  the_queue_is_bounded_by_the_receive_buffer}});
}
