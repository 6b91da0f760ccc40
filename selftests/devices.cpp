// SPDX-License-Identifier: GPL-2.0-only
//
// Echo replies, errors and ping sockets through devices of all kinds, and what net.icmpx.express says of each.

#include "lib/devices.hpp"
#include "lib/errors.hpp"
#include "lib/express.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"
#include "lib/sending.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

namespace {

using devices::Joined;
using devices::Kind;
using packet::Address;
using packet::Bytes;
using packet::Type;
using packet::View;
using sock::Endpoint;
using sock::Socket;

constexpr int patience = static_cast<int>(flood::patience.count());
/// One that is small, one that a tunnel may have to cut, one in many fragments.
constexpr std::array<std::size_t, 3> sizes{56, 1400, 20000};

/// The replies to requests of all sizes, as a raw socket of the client's gets them.
std::vector<Bytes> replies(const Joined &joined)
{
	constexpr std::uint16_t id = 0x5151;
	Socket socket = joined.in_client([] { return sock::raw(IPPROTO_ICMP); });
	std::vector<Bytes> all;

	for (std::size_t size : sizes) {
		const packet::Icmp request = packet::echo_request(id, 7, packet::pattern(size));

		ktap::require_equal(
			sock::send(socket, request.build(), Endpoint{devices::server, 0}), 0,
			"send");
		auto got = ktap::require_value(sock::receive(socket, patience),
					       "a reply of " + std::to_string(size));
		auto ip = ktap::require_value(packet::parse_ipv4(got), "IPv4");
		auto reply = ktap::require_value(packet::parse_icmp(ip.payload), "ICMP");
		ktap::expect_equal(ip.source, devices::server, "source");
		ktap::expect_equal(reply.type, Type::echo_reply, "type");
		ktap::expect_equal(reply.rest, request.rest, "identifier and sequence number");
		ktap::expect_equal(reply.data, request.data, "data");
		ktap::expect(reply.checksum_right, "the checksum is right");
		// The identification is the sender's own affair.
		ip.id = 0;
		all.push_back(ip.build());
	}
	return all;
}

/// Ping sockets at both ends get the other's replies.
void ping_each_other(const Joined &joined)
{
	Socket here = sock::ping(), there = joined.in_client([] { return sock::ping(); });

	for (std::size_t size : sizes) {
		for (const auto &[socket, to] :
		     {std::pair{&here, devices::client}, {&there, devices::server}}) {
			const Bytes data = packet::pattern(size);

			ktap::require_equal(
				sock::send(*socket, ping::request(3, data), Endpoint{to, 0}), 0,
				"send");
			auto got = ktap::require_value(sock::receive(*socket, patience),
						       "a reply to a ping socket");
			auto reply = ktap::require_value(packet::parse_icmp(got), "ICMP");
			ktap::expect_equal(reply.type, Type::echo_reply, "type");
			ktap::expect_equal(reply.id(), ping::identifier(*socket), "identifier");
			ktap::expect_equal(reply.data, data, "data");
		}
	}
}

/// One that a router sends, and what a socket hears of it.
struct Error {
	Type type;
	std::uint8_t code;
	int number;
	std::uint32_t info = 0;
};

constexpr Error refused{Type::unreachable, errors::port_unreachable, ECONNREFUSED};
constexpr Error expired{Type::time_exceeded, 0, EHOSTUNREACH};
constexpr Error too_large{Type::unreachable, errors::fragmentation_needed, EMSGSIZE,
			  devices::behind_mtu};

/// Expects @p socket to hear of @p expected from @p router about @p sent, whose first @p header bytes are the kernel's.
void expect_told(const Socket &socket, const Error &expected, Address router, View sent,
		 std::size_t header, const std::string &what)
{
	sock::wait_for(socket, 0, patience);
	const auto error = ktap::require_value(sock::next_error(socket), what);
	const View quoted(error.payload);

	ktap::expect_equal(error.type, expected.type, what + ", type");
	ktap::expect_equal(error.code, expected.code, what + ", code");
	ktap::expect_equal(error.number, expected.number, what + ", errno");
	ktap::expect_equal(error.info, expected.info, what + ", info");
	ktap::expect_equal(error.offender, router, what + ", sender");
	ktap::require(quoted.size() > header && quoted.size() <= sent.size(), what + ", quoted");
	ktap::expect(std::ranges::equal(quoted.subspan(header),
					sent.subspan(header, quoted.size() - header)),
		     what + ", what is quoted");
	sock::forget_errors(socket);
}

/// A socket that hears of errors, with that time to live, and which sends nothing in fragments if @p whole.
Socket heeding(int protocol, int ttl, bool whole)
{
	Socket socket = sock::open(SOCK_DGRAM, protocol);

	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	sock::set(socket, SOL_IP, IP_TTL, ttl);
	if (whole)
		sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	return socket;
}

/// Errors of the router @p router about what sockets that @p open makes send to it, and to the network @p behind it.
template <typename Open>
void errors_of(Address router, Address behind, const std::string &whose, Open open)
{
	const Bytes small = packet::pattern(100), large = packet::pattern(1350);

	for (const auto &[protocol, header, name] :
	     {std::tuple{IPPROTO_UDP, 0U, "UDP"}, {IPPROTO_ICMP, 8U, "ping socket"}}) {
		const auto expect = [&](const Error &error, Address to, int ttl,
					const Bytes &data) {
			const std::string what =
				whose + ", type " + std::to_string(error.type) + ", " + name;
			Socket socket = open(protocol, ttl, error.info != 0);
			const Bytes sent = header ? ping::request(1, data) : data;

			ktap::require_equal(sock::send(socket, sent, Endpoint{to, 9}), 0, "send");
			expect_told(socket, error, router, sent, header, what);
		};

		if (protocol == IPPROTO_UDP)
			expect(refused, router, 64, small);
		if (!behind)
			continue;
		expect(expired, behind + header, 1, small);
		expect(too_large, behind + header, 64, large);
	}
}

void errors_both_ways(const Joined &joined)
{
	errors_of(devices::client, devices::behind_client(1), "of the client's", heeding);
	errors_of(devices::server, joined.kind().forwards ? devices::behind_server(1) : 0,
		  "of the server's", [&](int protocol, int ttl, bool whole) {
			  return joined.in_client([&] { return heeding(protocol, ttl, whole); });
		  });
}

/// What comes in elsewhere and is to go on through the device, which takes less.
void too_large_for_the_device()
{
	constexpr unsigned mtu = 1280;
	constexpr Address near = 0x0a040001, own = 0x0a040002;
	const wire::Wire wire = wire::Wire::tap();

	host::write_file("/proc/sys/net/ipv6/conf/wire0/disable_ipv6", "1");
	host::run(
		"ip -batch - <<END\nlink set wire0 arp off up\naddress add 10.4.0.2/24 dev wire0\n"
		"link set top mtu " +
		std::to_string(mtu) + "\nEND");
	packet::Ipv4 about =
		errors::sent_udp({near, 4242}, {devices::client, 9}, packet::pattern(1300));
	about.df = true;
	wire.send(about);
	sending::expect_is(
		ktap::require_value(wire::next_answer(wire, flood::patience), "an error"), about,
		{.code = errors::fragmentation_needed, .rest = mtu, .source = own});
}

/// With the device named, or not taken, the client gets what it got before.
void express(const Joined &joined, const std::vector<Bytes> &before)
{
	const auto name = [&](bool top, const std::string &device, int expected) {
		const auto set = [&](const std::string &value) {
			return top ? express::try_to_set(value)
				   : joined.below([&] { return express::try_to_set(value); });
		};

		ktap::expect_equal(set(device), expected, "express = " + device);
		ktap::expect(replies(joined) == before, "the same replies, express = " + device);
		ktap::expect_equal(set(""), 0, "express = none");
	};

	name(false, "server", joined.kind().express_below);
	name(true, "top", joined.kind().express_top);
}

void through(const Kind &kind)
{
	{
		const Joined joined(kind);
		const std::vector<Bytes> before = replies(joined);

		ping_each_other(joined);
		if (host::has_icmpx())
			express(joined, before);
		errors_both_ways(joined);
		too_large_for_the_device();
	}
	// What bridges do in other tests is not to depend on this one.
	if (!kind.unload.empty())
		host::try_run("modprobe -r " + kind.unload);
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<ktap::Test> tests;

	for (const Kind &kind : devices::all())
		tests.push_back({kind.name, [kind] {
					 through(kind);
				 }});
	return ktap::run(argc, argv, tests);
}
