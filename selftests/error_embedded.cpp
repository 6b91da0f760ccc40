// SPDX-License-Identifier: GPL-2.0-only
//
// What the datagram that an error quotes must have for the error to be believed (RFC 1122, 3.2.2), and what it need not
// have.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <random>
#include <string>

namespace {

using counters::Change;
using counters::Values;
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

struct Client {
	Client()
	{
		net();
		socket = sock::udp();
		sock::bind(socket, {errors::host, 0});
		ktap::require_equal(sock::connect(socket, peer), 0, "connect");
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
		sent = errors::sent_udp(sock::local(socket), peer, packet::pattern(64));
		bytes = sent.build();
	}

	bool learned() const
	{
		bool any = sock::wait_for(socket, 0) & POLLERR;

		sock::forget_errors(socket);
		return any;
	}

	Socket socket;
	packet::Ipv4 sent;
	Bytes bytes;
};

Values believed(std::int64_t count = 1)
{
	return {{"Icmp.InMsgs", count}, {"Icmp.InDestUnreachs", count}, {"IcmpMsg.InType3", count}};
}

Values refused()
{
	Values values = believed();

	values["Icmp.InErrors"] = 1;
	return values;
}

/// Sends an error that quotes @p quoted and expects that it is believed, or refused as malformed.
void expect(const Client &client, View quoted, bool believe, const std::string &what)
{
	Change change;

	net().send(errors::unreachable(Code::port_unreachable, quoted));
	ktap::expect_equal(client.learned(), believe, what);
	change.expect_icmp(believe ? believed() : refused(), what);
	const char *refusal = quoted.size() < 20 ? "drop_truncated" : "drop_embedded";
	change.expect_outcomes({{believe ? "deliver_error_udp" : refusal, 1}}, what);
}

void truncated_at_each_length()
{
	Client client;

	// RFC 792: the header and 64 bits of data.
	for (std::size_t size = 0; size <= client.bytes.size(); size++)
		expect(client, View(client.bytes).first(size), size >= 28,
		       std::to_string(size) + " bytes");
}

void truncated_behind_options()
{
	Client client;

	client.sent.options = Bytes(12, 1);
	client.bytes = client.sent.build();
	for (std::size_t size = 20; size <= 44; size++)
		expect(client, View(client.bytes).first(size), size >= 40,
		       std::to_string(size) + " bytes");
}

void header_length_below_5()
{
	Client client;

	for (std::uint8_t ihl = 0; ihl < 5; ihl++) {
		client.bytes[0] = 0x40 | ihl;
		expect(client, client.bytes, false, "ihl " + std::to_string(ihl));
	}
}

void header_length_beyond_what_is_there()
{
	Client client;

	for (std::uint8_t ihl = 6; ihl < 16; ihl++) {
		client.bytes[0] = 0x40 | ihl;
		expect(client, View(client.bytes).first(28), false,
		       "ihl " + std::to_string(ihl) + " of 28 bytes");
		// Long enough, but what stands there are not the ports: refused by UDP, not as malformed.
		Change change;
		net().send(errors::unreachable(Code::port_unreachable, client.bytes));
		ktap::expect_equal(client.learned(), false, "ihl " + std::to_string(ihl));
		change.expect_icmp(refused(), "ihl " + std::to_string(ihl));
		change.expect_outcomes({{"deliver_error_udp", 1}}, "ihl " + std::to_string(ihl));
	}
}

/// Fields that routers change on the way, or that a quotation cut short makes wrong, decide nothing.
void fields_that_do_not_matter()
{
	Client client;
	const std::vector<std::pair<std::string, std::pair<std::size_t, std::uint8_t>>> changes{
		{"total length 0", {3, 0}},
		{"total length too long", {2, 0xff}},
		{"identification", {4, 0xaa}},
		{"don't fragment", {6, 0x40}},
		{"TTL 0", {8, 0}},
		{"header checksum", {10, 0x55}},
		{"TOS", {1, 0xff}},
	};

	for (const auto &[what, change] : changes) {
		Bytes bytes = client.bytes;

		bytes[change.first] = change.second;
		expect(client, bytes, true, what);
	}
}

void a_protocol_that_is_none()
{
	Client client;

	// 255 is reserved, and raw sockets of that number only send (raw(7)).
	client.bytes[9] = 255;
	expect(client, client.bytes, false, "protocol 255");
}

void errors_that_are_broken_themselves()
{
	Client client;
	packet::Ipv4 error = errors::unreachable(Code::port_unreachable, client.bytes);
	Change change;

	error.payload[2] ^= 0x55;
	net().send(error);
	ktap::expect_equal(client.learned(), false, "wrong checksum");
	change.expect_icmp({{"Icmp.InMsgs", 1}, {"Icmp.InErrors", 1}, {"Icmp.InCsumErrors", 1}},
			   "wrong checksum");
	change.expect_outcomes({{"drop_checksum", 1}}, "wrong checksum");

	for (std::size_t size = 0; size < 8; size++) {
		packet::Ipv4 stump = error;
		std::string what = std::to_string(size) + " bytes";

		// A right checksum, so that only the length is wrong; of one byte there is none.
		stump.payload.assign(size, 0);
		if (size >= 4) {
			stump.payload[0] = Type::unreachable;
			stump.payload[2] = 0xff - Type::unreachable;
			stump.payload[3] = 0xff;
		} else if (size > 1) {
			stump.payload[0] = stump.payload[1] = 0xff;
		}
		change.restart();
		net().send(stump);
		Values moved = change.icmp();
		ktap::expect_equal(moved["Icmp.InMsgs"], 1, what);
		ktap::expect_equal(moved["Icmp.InErrors"], 1, what);
		ktap::expect_equal(moved["IcmpMsg.InType3"], 0, what);
		ktap::expect_equal(client.learned(), false, what);
	}
}

void fragmented_errors()
{
	Client client;
	Bytes data = packet::pattern(1300),
	      quoted = errors::sent_udp(sock::local(client.socket), peer, data).build();
	packet::Ipv4 error = errors::unreachable(Code::port_unreachable, quoted);

	// 8 bytes of data a fragment: the message's own header alone in the first, the quoted ones in the next four.
	for (std::size_t mtu : {28U, 36U, 44U, 60U, 576U}) {
		Change change;

		error.id++;
		for (const packet::Ipv4 &part : packet::fragment(error, mtu))
			net().send(part);
		auto entry = ktap::require_value(sock::next_error(client.socket),
						 "MTU " + std::to_string(mtu));
		ktap::expect_equal(entry.payload, data, "MTU " + std::to_string(mtu));
		ktap::expect_equal(entry.offender, errors::router, "MTU " + std::to_string(mtu));
		change.expect_icmp(believed(), "MTU " + std::to_string(mtu));
	}
}

void errors_with_ip_options()
{
	Client client;
	packet::Ipv4 error = errors::unreachable(Code::port_unreachable, client.bytes);

	error.options = Bytes(40, 1);
	net().send(error);
	auto entry = ktap::require_value(sock::next_error(client.socket), "error");
	ktap::expect_equal(entry.payload, packet::pattern(64), "payload");
	ktap::expect_equal(entry.offender, errors::router, "offender");
}

void errors_to_broadcast_and_multicast_addresses()
{
	Client client;

	// RFC 1122, 3.2.2: an error is about a datagram of one host and comes to it alone.
	for (const char *address : {"10.0.0.255", "255.255.255.255", "224.0.0.1"}) {
		packet::Ipv4 error = errors::unreachable(Code::port_unreachable, client.bytes);
		Change change;

		error.destination = packet::ipv4(address);
		net().send(error, error.destination >> 28 == 14 ? wire::Cast::multicast
								: wire::Cast::broadcast);
		ktap::expect_equal(client.learned(), false, address);
		change.expect_icmp(refused(), address);
		change.expect_outcomes({{"drop_broadcast", 1}}, address);
	}
}

/// Redirects are read by other code than the rest (RFC 1122, 3.2.2.2).
void redirects_about_malformed_datagrams()
{
	Client client;

	for (std::size_t size : {0U, 19U, 20U, 27U}) {
		Change change;

		net().send(errors::report(Type::redirect, 1, errors::router,
					  View(client.bytes).first(size)));
		change.expect_icmp({{"Icmp.InMsgs", 1},
				    {"Icmp.InErrors", 1},
				    {"Icmp.InRedirects", 1},
				    {"IcmpMsg.InType5", 1}},
				   std::to_string(size) + " bytes");
		change.expect_outcomes({{size < 20 ? "drop_truncated" : "drop_embedded", 1}},
				       std::to_string(size) + " bytes");
	}
}

/// The built-in code takes whatever stands at the wrong place for ports; icmpx refuses such a header.
void redirects_about_a_header_length_below_5()
{
	Client client;

	host::need_icmpx();
	for (std::uint8_t ihl = 0; ihl < 5; ihl++) {
		Change change;

		client.bytes[0] = 0x40 | ihl;
		net().send(errors::report(Type::redirect, 1, errors::router, client.bytes));
		change.expect_icmp({{"Icmp.InMsgs", 1},
				    {"Icmp.InErrors", 1},
				    {"Icmp.InRedirects", 1},
				    {"IcmpMsg.InType5", 1}},
				   "ihl " + std::to_string(ihl));
		change.expect_outcomes({{"drop_embedded", 1}}, "ihl " + std::to_string(ihl));
	}
}

void garbage()
{
	// The same every time.
	std::mt19937 random(792); // NOLINT(cert-msc32-c,cert-msc51-cpp)
	Client client;
	Change change;
	constexpr int count = 500;

	for (int i = 0; i < count; i++) {
		Bytes quoted(random() % 80);

		for (std::uint8_t &byte : quoted)
			byte = static_cast<std::uint8_t>(random());
		if (i % 2 && quoted.size() > 9) {
			quoted[0] = static_cast<std::uint8_t>(0x40 | random() % 16);
			quoted[9] =
				std::to_array<std::uint8_t>({1, 6, 17, 47, 50, 132})[random() % 6];
		}
		auto type = std::to_array<std::uint8_t>({3, 4, 11, 12})[random() % 4];
		net().send(errors::report(type, random() % 20, static_cast<std::uint32_t>(random()),
					  quoted));
	}
	ktap::expect_equal(change.icmp()["Icmp.InMsgs"], count, "messages");
	ktap::expect_equal(client.learned(), false, "somebody learned of it");
	if (auto stat = counters::icmpx())
		ktap::expect(counters::outcomes_equal_packets_in(*stat),
			     "the sum of outcomes is packets_in");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"truncated_at_each_length", truncated_at_each_length},
		 {"truncated_behind_options", truncated_behind_options},
		 {"header_length_below_5", header_length_below_5},
		 {"header_length_beyond_what_is_there", header_length_beyond_what_is_there},
		 {"fields_that_do_not_matter", fields_that_do_not_matter},
		 {"a_protocol_that_is_none", a_protocol_that_is_none},
		 {"errors_that_are_broken_themselves", errors_that_are_broken_themselves},
		 {"fragmented_errors", fragmented_errors},
		 {"errors_with_ip_options", errors_with_ip_options},
		 {"errors_to_broadcast_and_multicast_addresses",
		  errors_to_broadcast_and_multicast_addresses},
		 {"redirects_about_malformed_datagrams", redirects_about_malformed_datagrams},
		 {"redirects_about_a_header_length_below_5",
		  redirects_about_a_header_length_below_5},
		 {"garbage", garbage}});
}
