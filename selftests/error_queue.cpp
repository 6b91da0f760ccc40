// SPDX-License-Identifier: GPL-2.0-only
//
// What the error queue holds after an ICMP error (ip(7), IP_RECVERR), RFC 4884 extensions included.

#include "lib/bpf.hpp"
#include "lib/control.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <string>

namespace {

using errors::Code;
using errors::remote;
using packet::Bytes;
using packet::Type;
using packet::View;
using sock::Endpoint;
using sock::Socket;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

constexpr Endpoint peer{remote(1), 9999};

Socket client()
{
	net();
	Socket socket = sock::udp();

	sock::bind(socket, {errors::host, 0});
	ktap::require_equal(sock::connect(socket, peer), 0, "connect");
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	return socket;
}

Bytes sent_by(const Socket &socket, View data)
{
	return errors::sent_udp(sock::local(socket), peer, data).build();
}

void everything_about_the_error()
{
	Socket socket = client();
	Bytes data = packet::pattern(100);
	constexpr packet::Address far_router = 0xcb007109; // 203.0.113.9

	net().send(errors::report(Type::time_exceeded, 0, 0, sent_by(socket, data), far_router));
	auto error = ktap::require_value(sock::next_error(socket), "error");
	ktap::expect_equal(error.number, EHOSTUNREACH, "ee_errno");
	ktap::expect_equal(error.origin, SO_EE_ORIGIN_ICMP, "ee_origin");
	ktap::expect_equal(error.type, Type::time_exceeded, "ee_type");
	ktap::expect_equal(error.code, 0, "ee_code");
	ktap::expect_equal(error.info, 0, "ee_info");
	ktap::expect_equal(error.offender, far_router, "offender");
	ktap::expect_equal(error.destination.address, peer.address, "destination");
	ktap::expect_equal(error.destination.port, peer.port, "destination port");
	ktap::expect_equal(error.payload, data, "payload");
	ktap::expect_equal(error.truncated, false, "MSG_TRUNC");
	ktap::expect_equal(error.extensions_at, 0, "extensions without IP_RECVERR_RFC4884");
	ktap::expect_equal(sock::next_error(socket).has_value(), false, "a second entry");
}

void info_is_the_mtu_or_the_pointer()
{
	Socket socket = client();

	net().send(errors::too_big(1400, sent_by(socket, {})));
	net().send(errors::parameter_problem(20, sent_by(socket, {})));
	// The upper bytes of the word are not part of the MTU (RFC 1191, 4).
	net().send(errors::unreachable(Code::fragmentation_needed, sent_by(socket, {}),
				       0xabcd0000 | 1300));
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "first").info, 1400,
			   "MTU");
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "second").info, 20,
			   "pointer");
	ktap::expect_equal(ktap::require_value(sock::next_error(socket), "third").info, 1300,
			   "MTU, low half");
}

void as_much_of_the_payload_as_was_quoted()
{
	Socket socket = client();
	Bytes data = packet::pattern(1000), whole = sent_by(socket, data);

	for (std::size_t size : {0U, 1U, 8U, 100U, 548U, 1000U}) {
		net().send(
			errors::unreachable(Code::port_unreachable, View(whole).first(28 + size)));
		auto error = ktap::require_value(sock::next_error(socket),
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

	net().send(errors::unreachable(Code::port_unreachable, sent_by(socket, data)));
	auto error = ktap::require_value(sock::next_error(socket, 10), "error");
	ktap::expect_equal(error.truncated, true, "MSG_TRUNC");
	ktap::expect_equal(error.payload, Bytes(data.begin(), data.begin() + 10), "payload");
	ktap::expect_equal(error.number, ECONNREFUSED, "ee_errno");
}

void entries_keep_their_order()
{
	Socket socket = client();

	for (std::uint8_t code = 0; code < 16; code++)
		net().send(errors::unreachable(code, sent_by(socket, {})));
	for (std::uint8_t code = 0; code < 16; code++) {
		ktap::expect_equal(sock::wait_for(socket, 0), POLLERR, "POLLERR");
		ktap::expect_equal(ktap::require_value(sock::next_error(socket), "error").code,
				   code, "order");
	}
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "POLLERR afterwards");
}

void options_in_the_quoted_header_are_not_payload()
{
	Socket socket = client();
	Bytes data = packet::pattern(16);
	packet::Ipv4 datagram = errors::sent_udp(sock::local(socket), peer, data);

	for (std::size_t size : {4U, 20U, 40U}) {
		datagram.options = Bytes(size, 1);
		net().send(errors::unreachable(Code::port_unreachable, datagram.build()));
		auto error = ktap::require_value(sock::next_error(socket),
						 std::to_string(size) + " bytes of options");
		ktap::expect_equal(error.payload, data, "payload");
	}
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
	/// In words of 32 bits, as the header has it (RFC 4884, 3).
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
		{"valid", 128, 32, extensions(), 100, false},
		{"behind a longer quotation", 160, 40, extensions(), 132, false},
		{"without a checksum", 128, 32, unsummed, 100, false},
		{"wrong checksum", 128, 32, extensions(2, 8, 1), 100, true},
		{"object longer than the message", 128, 32, extensions(2, 12), 100, true},
		{"object shorter than its header", 128, 32, extensions(2, 3), 100, true},
		{"object that ends early", 128, 32, extensions(2, 4), 100, true},
		// Of a version other than 2 nothing can be said (RFC 4884, 7).
		{"another version", 128, 32, extensions(1, 3, 1), 100, false},
		{"header alone", 128, 32, {0x20, 0, 0xdf, 0xff}, 100, false},
		// RFC 4884, 5.1: a quotation of at least 128 bytes comes before.
		{"too early", 124, 31, extensions(), 0, false},
		{"none", 128, 0, {}, 0, false},
		{"half a header", 128, 32, {0x20, 0}, 0, false},
		{"behind the end", 128, 33, {}, 0, false},
		{"far behind the end", 128, 255, extensions(), 0, false},
	};
	Socket socket = client();
	Bytes whole = sent_by(socket, packet::pattern(500));

	sock::set(socket, SOL_IP, IP_RECVERR_RFC4884, 1);
	for (const Extended &row : rows) {
		Bytes body = packet::concat({View(whole).first(row.quoted), row.extensions});

		for (std::uint8_t type :
		     {Type::unreachable, Type::time_exceeded, Type::parameter_problem}) {
			std::uint8_t code = type == Type::unreachable ? Code::port_unreachable : 0;

			net().send(
				errors::report(type, code, std::uint32_t{row.length} << 16, body));
			auto error = ktap::require_value(sock::next_error(socket), row.what);
			ktap::expect_equal(error.extensions_at, row.at,
					   row.what + ": where they begin");
			ktap::expect_equal(error.extensions_invalid, row.invalid,
					   row.what + ": flagged as invalid");
			ktap::expect_equal(error.payload, Bytes(body.begin() + 28, body.end()),
					   row.what + ": payload");
		}
	}
	net().send(errors::report(Type::redirect, 1, errors::router, View(whole).first(28)));
	ktap::expect_equal(sock::next_error(socket).has_value(), false, "a redirect is no error");
}

void the_queue_is_bounded_by_the_receive_buffer()
{
	Socket socket = client();
	int entries = 0;

	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 4096);
	for (int i = 0; i < 200; i++)
		net().send(errors::unreachable(Code::port_unreachable,
					       sent_by(socket, packet::pattern(500))));
	while (sock::next_error(socket))
		entries++;
	ktap::expect_between(entries, 1, 20, "entries");
}

/// IP_CHECKSUM gives the sum of the whole message, which is that of nothing.
void expect_sum(const Socket &socket, int flags, const std::string &what)
{
	control::Received received = control::receive(socket, flags | MSG_DONTWAIT);
	auto sum = ktap::require_value(received.value<std::uint32_t>(SOL_IP, IP_CHECKSUM), what);

	ktap::expect_equal((sum & 0xffff) + (sum >> 16), 0xffffU, what);
}

void the_sum_of_a_message()
{
	Socket by_udp = client();
	ping::allow();
	Socket pings = sock::ping();

	sock::bind(pings, {0, 0});
	for (const Socket *socket : {&by_udp, &pings})
		sock::set(*socket, SOL_IP, IP_CHECKSUM, 1);
	net().send(errors::too_big(1400, sent_by(by_udp, packet::pattern(20))));
	expect_sum(by_udp, MSG_ERRQUEUE, "of an error");
	for (std::size_t size : {0, 55, 56, 1472}) {
		net().send(ping::reply(ping::identifier(pings), 1, packet::pattern(size),
				       peer.address));
		expect_sum(pings, 0, "of a reply with " + std::to_string(size) + " bytes");
	}
}

/// Where a device has summed up the message, the kernel has no sum to tell, and tells none.
void no_sum_where_a_device_vouches_for_it()
{
	Socket by_udp = client();
	ping::allow();
	Socket pings = sock::ping();

	sock::bind(pings, {0, 0});
	for (const Socket *socket : {&by_udp, &pings})
		sock::set(*socket, SOL_IP, IP_CHECKSUM, 1);
	ktap::require(bpf::trust_checksums("wire0"), "the device says what checksums are");
	net().send(errors::too_big(1400, sent_by(by_udp, packet::pattern(20))));
	ktap::expect(!control::receive(by_udp, MSG_ERRQUEUE | MSG_DONTWAIT)
			      .value<std::uint32_t>(SOL_IP, IP_CHECKSUM),
		     "of an error");
	net().send(ping::reply(ping::identifier(pings), 1, packet::pattern(56), peer.address));
	control::Received reply = control::receive(pings, MSG_DONTWAIT);
	ktap::expect_equal(reply.data.size(), std::size_t{64}, "the reply");
	ktap::expect(!reply.value<std::uint32_t>(SOL_IP, IP_CHECKSUM), "of a reply");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"everything_about_the_error", everything_about_the_error},
		 {"info_is_the_mtu_or_the_pointer", info_is_the_mtu_or_the_pointer},
		 {"as_much_of_the_payload_as_was_quoted", as_much_of_the_payload_as_was_quoted},
		 {"a_small_buffer_gets_the_beginning", a_small_buffer_gets_the_beginning},
		 {"entries_keep_their_order", entries_keep_their_order},
		 {"options_in_the_quoted_header_are_not_payload",
		  options_in_the_quoted_header_are_not_payload},
		 {"extended_errors", extended_errors},
		 {"the_sum_of_a_message", the_sum_of_a_message},
		 {"the_queue_is_bounded_by_the_receive_buffer",
		  the_queue_is_bounded_by_the_receive_buffer},
		 {"no_sum_where_a_device_vouches_for_it", no_sum_where_a_device_vouches_for_it}});
}
