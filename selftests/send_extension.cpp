// SPDX-License-Identifier: GPL-2.0-only
//
// What errors tell of a datagram's way with net.icmpx.errors_extension_mask (RFC 4884, RFC 5837), and what sockets are
// told of extensions that others send (IP_RECVERR_RFC4884).

#include "lib/errors.hpp"
#include "lib/extension.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"
#include "lib/renamer.hpp"
#include "lib/sending.hpp"
#include "lib/wire.hpp"

#include <net/if.h>
#include <netinet/in.h>

using extension::expect_extended;
using extension::extended;
using extension::object;
using extension::original;
using packet::Address;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using sending::beyond;
using sending::Router;
using sending::to_closed_port;
using wire::Answer;

namespace {

enum Mask { incoming = 1, outgoing = 2, next_hop = 4 };

void set_mask(int mask)
{
	host::need_icmpx();
	if (!sending::ours())
		ktap::skip("errors are the built-in code's");
	host::set_sysctl("net/icmpx/errors_extension_mask", mask);
}

Ipv4 expiring(std::size_t size = 18)
{
	Ipv4 about = to_closed_port(size, beyond);

	about.ttl = 1;
	return about;
}

constexpr sending::Error expired{.type = Type::time_exceeded};

Bytes near_object() { return object(0, "wire0", packet::server, 1500); }
Bytes far_object(std::uint32_t mtu = 1500) { return object(2, "wire1", sending::second, mtu); }
Bytes hop_object(Address hop = beyond, std::uint32_t mtu = 1500)
{
	return object(3, "wire1", hop, mtu);
}

/// By default nothing is told to anybody.
void off_by_default()
{
	Router router;

	host::need_icmpx();
	ktap::expect_equal(host::sysctl("net/icmpx/errors_extension_mask"), "0", "the setting");
	sending::expect_error(router.near, expiring(), expired);
}

void range()
{
	host::need_icmpx();
	host::enter_new_namespace();
	for (const char *value : {"15", "0", "5"}) {
		host::set_sysctl("net/icmpx/errors_extension_mask", value);
		ktap::expect_equal(host::sysctl("net/icmpx/errors_extension_mask"), value, "value");
	}
	for (const char *value : {"16", "-1", "x"}) {
		ktap::expect(!host::write_file("/proc/sys/net/icmpx/errors_extension_mask", value),
			     value);
		ktap::expect_equal(host::sysctl("net/icmpx/errors_extension_mask"), "5", "value");
	}
	host::enter_new_namespace();
	ktap::expect_equal(host::sysctl("net/icmpx/errors_extension_mask"), "0",
			   "of another namespace");
}

/// Cut or padded to 128 bytes.
void every_length()
{
	Router router;

	set_mask(incoming);
	for (std::size_t size : {0, 18, 99, 100, 101, 102, 600, 1472})
		expect_extended(router.near, expiring(size), expired,
				extension::build({near_object()}));
}

void every_mask()
{
	Router router;

	set_mask(outgoing);
	expect_extended(router.near, expiring(), expired, extension::build({far_object()}));
	set_mask(next_hop);
	expect_extended(router.near, expiring(), expired, extension::build({hop_object()}));
	set_mask(incoming | outgoing | next_hop);
	expect_extended(router.near, expiring(), expired,
			extension::build({near_object(), far_object(), hop_object()}));
	host::run("ip route add 198.51.100.0/24 via 10.0.1.9");
	Ipv4 about = expiring();
	about.destination = packet::ipv4("198.51.100.1");
	expect_extended(router.near, about, expired,
			extension::build({near_object(), far_object(), hop_object(0x0a000109)}));
}

/// The MTU that is told stays beside the length.
void fragmentation_needed()
{
	Router router(600);
	Ipv4 about = to_closed_port(1000, beyond);

	about.df = true;
	set_mask(incoming | outgoing);
	expect_extended(router.near, about, {.code = 4, .rest = 600},
			extension::build({near_object(), far_object(600)}));
}

/// The pointer, too; and what came to this host itself would have gone nowhere.
void of_a_host()
{
	auto wire = sending::unlimited_host();
	Ipv4 about = to_closed_port();

	set_mask(incoming | outgoing | next_hop);
	expect_extended(wire, about, {.code = 3}, extension::build({near_object()}));
	about.options = {7, 2, 4, 0};
	expect_extended(wire, about, {.type = Type::parameter_problem, .rest = 21U << 24},
			extension::build({near_object()}));
}

/// An interface without an address is told by the rest; a name may be as long as names get.
void unnumbered()
{
	Router router;

	set_mask(incoming);
	host::run("ip address flush dev wire0; ip link set wire0 down; ip link set wire0 name "
		  "a23456789012345; ip link set a23456789012345 up arp off mtu 1400;"
		  "ip route add default dev a23456789012345; ip route add 10.0.1.0/24 dev wire1 "
		  "metric 1");
	expect_extended(router.near, expiring(), expired,
			extension::build({object(0, "a23456789012345", 0, 1400)}));
}

/// What is told is the one name or the other, or none while there is none; all else as ever.
void renamed()
{
	Router router;
	const unsigned index = if_nametoindex("wire1");
	int named = 0, nameless = 0;

	set_mask(outgoing);
	if (!host::try_run("ip link set wire1 name wire2 && ip link set wire2 name wire1"))
		ktap::skip("the kernel renames no device that is up");
	auto told = [&](const std::string &name) {
		return extension::build({object(2, index, name, sending::second, 1500)});
	};
	host::Renamer renamer("wire1");
	while (renamer.times() < 20 || named + nameless < 300) {
		const Ipv4 about = expiring();
		const Answer answer = wire::require_answer(router.near, about);

		if (answer.icmp.data == extended(about, told("")))
			nameless++;
		else if (answer.icmp.data == extended(about, told(host::Renamer::first)) ||
			 answer.icmp.data == extended(about, told(host::Renamer::second)))
			named++;
		else
			ktap::fatal("neither name is told");
	}
	renamer.finish();
	ktap::say(std::to_string(named) + " with a name, " + std::to_string(nameless) + " without");
	expect_extended(router.near, expiring(), expired, told(host::Renamer::first));
}

/// Nothing to tell, nothing attached.
void nothing_to_tell()
{
	auto wire = sending::unlimited_host();

	set_mask(outgoing | next_hop);
	sending::expect_error(wire, to_closed_port(), {.code = 3});
}

/// Whether the kernel has such extensions itself: what it tells of the incoming interface is told then.
bool kernel_extends()
{
	return host::read_file("/proc/sys/net/ipv4/icmp_errors_extension_mask").has_value();
}

/// A firewall that rejects a datagram before it has a route gives it the one back to its sender: that is not where it was
/// to go. What the datagram came in by is known to kernels that tell of it.
void rejected_before_routing()
{
	Router router;

	set_mask(incoming | outgoing | next_hop);
	if (!host::try_run("nft 'add table ip t; add chain ip t c { type filter hook prerouting "
			   "priority 0; }; add rule ip t c reject with icmp type "
			   "port-unreachable'"))
		ktap::skip("the kernel has no nft_reject");
	if (kernel_extends())
		expect_extended(router.near, to_closed_port(18, beyond), {.code = 3},
				extension::build({near_object()}));
	else
		sending::expect_error(router.near, to_closed_port(18, beyond), {.code = 3});
}

/// What came in by an interface of a VRF is known to come from that one, until it is in the queue of the next: from then
/// on its length stands where the interface's index was, and the length is the sender's choice.
void of_a_vrf()
{
	constexpr std::size_t length = 700, room = 600;
	Router router;
	Ipv4 about = to_closed_port(length - sending::headers, packet::ipv4("198.51.100.1"));

	set_mask(incoming);
	host::need("vrf", "ip link add vrf0 type vrf table 10");
	host::need("ipip", "ip link add tunnel type ipip local 10.0.1.2 remote 10.0.1.9");
	host::run("ip link set vrf0 up; ip link set wire0 master vrf0; "
		  "ip link set tunnel master vrf0 up; "
		  "ip route add 198.51.100.0/24 dev tunnel table 10; "
		  "ip route add 10.0.1.9 dev wire1 mtu lock " +
		  std::to_string(room) + "; ip link add secret index " + std::to_string(length) +
		  " type dummy");
	host::set_sysctl("net/ipv4/conf/tunnel/rp_filter", 0);
	about.ttl = 1;
	expect_extended(router.near, about, expired, extension::build({near_object()}));
	about.ttl = 64;
	about.df = true;
	router.near.send(about);
	auto answer = ktap::require_value(wire::next_answer(router.near), "an error");
	about.ttl--;
	sending::expect_is(answer, about, {.code = 4, .rest = room - 20});
}

/// No room for a datagram of 128 bytes and the extension: an error without.
void small_path()
{
	Router router;
	const std::size_t room =
		sending::headers + original + extension::build({near_object()}).size();

	set_mask(incoming);
	host::run("ip route replace 10.0.0.1 dev wire0 mtu lock " + std::to_string(room));
	expect_extended(router.near, expiring(600), expired, extension::build({near_object()}));
	host::run("ip route replace 10.0.0.1 dev wire0 mtu lock " + std::to_string(room - 1));
	sending::Error cut = expired;
	cut.room = room - 1;
	sending::expect_error(router.near, expiring(600), cut);
}

/// A redirect has no field for the length.
void redirects_have_none()
{
	Router router;
	Ipv4 about = to_closed_port(18, packet::ipv4("198.51.100.1"));

	host::set_sysctl("net/ipv4/conf/all/send_redirects", 1);
	host::set_sysctl("net/ipv4/conf/wire0/send_redirects", 1);
	host::run("ip route add 198.51.100.0/24 via 10.0.0.9");
	set_mask(incoming | outgoing | next_hop);
	router.near.send(about);
	auto answer = ktap::require_value(wire::next_answer(router.near), "a redirect");
	about.ttl--;
	sending::expect_is(answer, about,
			   {.type = Type::redirect, .code = 1, .rest = packet::ipv4("10.0.0.9")});
}

/// A socket that asks for extensions, and an error for it whose bytes behind the datagram are @p tail.
struct Client {
	sock::Socket socket;
	Bytes sent;
	/// Where the payload that it is told of begins: a ping socket gets its ICMP header, too.
	int payload;

	explicit Client(bool pings = false)
		: socket(pings ? sock::ping() : sock::udp()), payload(pings ? 20 : 28)
	{
		sock::bind(socket, {errors::host, 0});
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
		sock::set(socket, SOL_IP, IP_RECVERR_RFC4884, 1);
		const sock::Endpoint local = sock::local(socket);
		const Bytes request =
			packet::echo_request(local.port, 1, packet::pattern(60)).build();
		sent = pings ? errors::sent(IPPROTO_ICMP, local.address, errors::remote(1), request)
				       .build()
			     : errors::sent_udp(local, {errors::remote(1), 9999},
						packet::pattern(60))
				       .build();
		sent.resize(original);
	}

	sock::Error told_of(const wire::Wire &wire, std::uint8_t words, const Bytes &tail) const
	{
		Bytes quoted = sent;

		quoted.insert(quoted.end(), tail.begin(), tail.end());
		wire.send(errors::unreachable(3, quoted, std::uint32_t{words} << 16));
		return ktap::require_value(sock::next_error(socket), "an error");
	}
};

/// The payload begins behind both headers.
constexpr int found = original - 28;

void received()
{
	auto wire = wire::new_server();
	Client client;
	const Bytes good = extension::build({object(0, "wire0", packet::server, 1500)});

	auto expect = [&](std::uint8_t words, const Bytes &tail, int at, bool invalid,
			  const char *what) {
		auto error = client.told_of(wire, words, tail);
		ktap::expect_equal(error.extensions_at, at, what);
		ktap::expect_equal(error.extensions_invalid, invalid, what);
		ktap::expect_equal(error.payload.size(), original - 28 + tail.size(), what);
	};
	expect(32, good, found, false, "right");
	expect(0, good, 0, false, "of a sender that says no length (RFC 4884, 5.5)");
	expect(31, good, 0, false, "too short (RFC 4884, 4)");
	expect(33, good, found + 4, false, "an extension of another version");
	expect(255, good, 0, false, "behind the end");
	expect(32, {}, 0, false, "none");
	expect(32, {0x20, 0, 0}, 0, false, "not even a header");
	expect(32, {0x20, 0, 0, 0}, found, false, "a header alone");
	expect(32, {0x20, 0, 0, 0, 0}, found, true, "a byte of an object");
	expect(32, {0x10, 1, 2, 3, 4, 5}, found, false, "version 1");

	Bytes bad = good;
	bad.back() ^= 1;
	expect(32, bad, found, true, "a wrong checksum");
	bad[2] = bad[3] = 0;
	expect(32, bad, found, false, "no checksum");
	bad[5]++;
	expect(32, bad, found, true, "an object too long");
	bad[5] = 3;
	expect(32, bad, found, true, "an object too short for its header");
}

/// One that came in pieces is checked as a whole.
void received_in_fragments_by(bool pings)
{
	auto wire = ping::new_network();
	const Client client(pings);
	Bytes quoted = client.sent, big(1600);

	packet::put16(quoted, 0x2000);
	packet::put16(quoted, 0);
	big[0] = 1600 / 256;
	big[1] = 1600 % 256;
	for (bool right : {true, false}) {
		Bytes whole = quoted;
		big[1] = static_cast<std::uint8_t>(1600 % 256 + !right);
		whole.insert(whole.end(), big.begin(), big.end());
		for (const Ipv4 &part :
		     packet::fragment(errors::unreachable(3, whole, 32U << 16), 600))
			wire.send(part);
		auto error = ktap::require_value(sock::next_error(client.socket), "an error");
		ktap::expect_equal(error.extensions_at, found + 28 - client.payload, "where it is");
		ktap::expect_equal(error.extensions_invalid, !right, "invalid");
		ktap::expect_equal(error.payload,
				   Bytes(whole.begin() + client.payload, whole.end()), "payload");
	}
}

void received_in_fragments()
{
	for (bool pings : {false, true})
		received_in_fragments_by(pings);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"off_by_default", off_by_default},
				 {"range", range},
				 {"every_length", every_length},
				 {"every_mask", every_mask},
				 {"fragmentation_needed", fragmentation_needed},
				 {"of_a_host", of_a_host},
				 {"unnumbered", unnumbered},
				 {"renamed", renamed},
				 {"nothing_to_tell", nothing_to_tell},
				 {"rejected_before_routing", rejected_before_routing},
				 {"of_a_vrf", of_a_vrf},
				 {"small_path", small_path},
				 {"redirects_have_none", redirects_have_none},
				 {"received", received},
				 {"received_in_fragments", received_in_fragments},
			 });
}
