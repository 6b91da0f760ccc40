// SPDX-License-Identifier: GPL-2.0-only
//
// What ICMPv6 errors tell of a packet's way with net.icmpx6.errors_extension_mask (RFC 4884, RFC 5837). Of what a packet came
// in by, Linux 6.19 and later tell themselves.

#include "lib/errors.hpp"
#include "lib/extension.hpp"
#include "lib/ktap.hpp"
#include "lib/packet6.hpp"
#include "lib/sending.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <netinet/in.h>
#include <ranges>
#include <string>

using extension::expect_extended;
using extension::object;
using packet6::Address;
using packet6::Bytes;
using packet6::Ipv6;
using packet6::Type;
using sending::expect_error;
using sending::V6;
using Error = sending::ErrorIn<V6>;
using Router = sending::RouterIn<V6>;

namespace {

enum Mask { incoming = 1, outgoing = 2, next_hop = 4 };

const std::string of_the_kernel = "net/ipv6/icmp/errors_extension_mask";

void set_mask(int mask)
{
	if (mask == incoming && host::read_file("/proc/sys/" + of_the_kernel)) {
		host::set_sysctl(of_the_kernel, mask);
		return;
	}
	host::need_icmpx6();
	if (!sending::ours<V6>())
		ktap::skip("errors are the built-in code's");
	host::set_sysctl("net/icmpx6/errors_extension_mask", mask);
}

Ipv6 to(const Address &address, std::size_t size = 18)
{
	return sending::to_closed_port<V6>(size, address);
}

Ipv6 expiring(std::size_t size = 18, const Address &address = V6::beyond)
{
	Ipv6 about = to(address, size);

	about.hop_limit = 1;
	return about;
}

constexpr Error expired{.type = Type::time_exceeded};
constexpr Error refused{.code = V6::port_unreachable};

Bytes near_object() { return object(0, "wire0", V6::server, 1500); }
Bytes far_object() { return object(2, "wire1", V6::second, 1500); }
Bytes hop_object(const Address &hop = V6::beyond) { return object(3, "wire1", hop, 1500); }

void off_by_default()
{
	Router router;

	expect_error(router.near, expiring(), expired);
}

/// Cut or padded to 128 bytes.
void every_length()
{
	Router router;

	set_mask(incoming);
	for (const std::size_t size : {0, 18, 79, 80, 81, 600, 1452})
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
	host::run("ip -6 route add " + V6::elsewhere_prefix + " via fd01::9");
	expect_extended(router.near, expiring(18, V6::elsewhere), expired,
			extension::build({near_object(), far_object(),
					  hop_object(packet6::ipv6("fd01::9"))}));
}

/// Of the four errors, two have a field for the length.
void of_a_host()
{
	auto wire = sending::unlimited_host<V6>();
	Ipv6 unknown = to(V6::server);

	unknown.protocol = 200;
	set_mask(incoming);
	expect_extended(wire, to(V6::server), refused, extension::build({near_object()}));
	expect_error(wire, unknown, {.type = Type::parameter_problem, .code = 1, .rest = 6});
}

void too_big_has_none()
{
	Router router(1300);

	set_mask(incoming);
	expect_error(router.near, to(V6::beyond, 1400), {.type = Type::too_big, .rest = 1300});
}

/// Nothing to tell, nothing attached: what came to this host itself would have gone nowhere.
void nothing_to_tell()
{
	auto wire = sending::unlimited_host<V6>();

	set_mask(outgoing | next_hop);
	expect_error(wire, to(V6::server), refused);
}

/// A firewall that rejects a packet before it has a route gives it the one back to its sender.
void rejected_before_routing()
{
	if (!host::try_run("nft 'add table ip6 probe; delete table ip6 probe'"))
		ktap::skip("the kernel has no nf_tables");
	Router router;

	set_mask(incoming | outgoing | next_hop);
	host::run("nft 'add table ip6 t; add chain ip6 t c { type filter hook prerouting priority "
		  "0; }; add rule ip6 t c meta l4proto udp reject with icmpv6 type "
		  "port-unreachable'");
	expect_extended(router.near, to(V6::beyond), refused, extension::build({near_object()}));
	// The route back may be one that leads to the destination, too. An anycast destination is the source all the same.
	const Address far = packet6::ipv6("2001:db8:77::1"), anycast = packet6::ipv6("fd00::");
	expect_extended(router.near, sending::to_closed_port<V6>(18, V6::beyond, far), refused,
			extension::build({near_object()}));
	expect_extended(router.near, sending::to_closed_port<V6>(18, anycast, far),
			{.code = V6::port_unreachable, .source = anycast},
			extension::build({near_object()}));
}

/// A tunnel that has no way out reports that with what a qdisc has made of IPv6's control block: the packet's length is where
/// the interface was. No sender may choose which interface is told.
void tunnel_without_a_way_out()
{
	host::need_icmpx6();
	host::need_module("ip6_tunnel");
	Router router;

	set_mask(incoming);
	host::run(
		"ip -6 route add unreachable 2001:db8:dead::/48;"
		"ip link add tunnel type ip6tnl mode ip6ip6 local fd00::2 remote 2001:db8:dead::1;"
		"ip link set tunnel up; ip link add secret index 100 type dummy;"
		"ip -6 route add " +
		V6::elsewhere_prefix + " dev tunnel");
	router.near.send(to(V6::elsewhere, 100 - V6::headers));
	const auto answer = ktap::require_value(wire6::next_answer(router.near), "an error");
	ktap::expect_equal(answer.icmp.code, V6::address_unreachable, "code");
	ktap::expect_equal(answer.icmp.data.size(), 100U, "the packet, and no more");
}

/// What came in by an interface of a VRF is known to come from that one. The default route leads back to the sender as well as
/// on, and is the packet's own all the same.
void of_a_vrf()
{
	Router router;

	set_mask(incoming);
	host::need("vrf", "ip link add vrf0 type vrf table 10");
	host::run("sysctl -qw net.ipv6.conf.wire0.keep_addr_on_down=1;"
		  "sysctl -qw net.ipv6.conf.wire1.keep_addr_on_down=1;"
		  "ip link set vrf0 up; ip link set wire0 master vrf0; ip link set wire1 master "
		  "vrf0");
	expect_extended(router.near, expiring(), expired, extension::build({near_object()}));
	set_mask(incoming | outgoing);
	host::run("ip -6 route add default via fd01::9 dev wire1 table 10");
	expect_extended(router.near, expiring(18, V6::elsewhere), expired,
			extension::build({near_object(), far_object()}));
}

/// Where the gateway of the default route does not answer, the packet is on its way out by the interface that is told.
void gateway_that_does_not_answer()
{
	Router router;
	const Bytes objects = extension::build(
		{near_object(), far_object(), hop_object(packet6::ipv6("fd01::9"))});

	set_mask(incoming | outgoing | next_hop);
	host::run("ip link set wire1 arp on; ip -6 route replace default via fd01::9 dev wire1");
	host::set_sysctl("net/ipv6/neigh/wire1/retrans_time_ms", 50);
	host::set_sysctl("net/ipv6/neigh/wire1/mcast_solicit", 2);
	router.near.send(to(V6::elsewhere));
	const auto answer =
		ktap::require_value(wire6::next_answer(router.near, wire::patience), "an error");
	const Bytes &data = answer.icmp.data;
	ktap::expect_equal(answer.icmp.code, V6::address_unreachable, "code");
	ktap::expect_equal(data.size(), 128 + objects.size(),
			   "bytes of the packet and the objects");
	ktap::expect(std::ranges::equal(data | std::views::drop(128), objects), "the objects");
}

/// An interface that has link-local addresses alone is told by the rest.
void unnumbered()
{
	Router router;

	set_mask(incoming);
	host::run("ip -6 address del fd00::2/64 dev wire0; ip -6 route add fd00::/64 dev wire0");
	expect_extended(router.near, expiring(),
			{.type = Type::time_exceeded, .source = V6::second},
			extension::build({extension::object_with(0, if_nametoindex("wire0"),
								 "wire0", {}, 1500)}));
}

/// An address is not told before duplicate address detection has ended (RFC 4862, 5.4).
void tentative()
{
	Router router;
	const unsigned index = if_nametoindex("wire1");

	set_mask(outgoing);
	wire6::detect_duplicates("wire1");
	host::run("ip link set wire1 arp on; ip -6 address del fd01::2/64 dev wire1;"
		  "ip -6 address add fd01::7/64 dev wire1");
	ktap::require(host::try_run("ip -6 address show dev wire1 tentative | grep -q fd01::7"),
		      "the address is tentative");
	expect_extended(router.near, expiring(), expired,
			extension::build({extension::object_with(2, index, "wire1", {}, 1500)}));
	host::run("ip -6 address add fd01::8/64 dev wire1 nodad");
	expect_extended(router.near, expiring(), expired,
			extension::build({object(2, "wire1", packet6::ipv6("fd01::8"), 1500)}));
}

/// The error of a tunnel has the extension of the error that the tunnel got (RFC 4884, 5.4), and no other.
void of_a_tunnel()
{
	host::need_module("sit");
	Router router;
	packet::Ipv4 outer;
	const std::size_t inner = extension::original - 20;
	const Bytes tail = extension::build({object(0, 7, "far", packet::server, 1400)});
	const Ipv6 about =
		sending::to_closed_port<V6>(200, V6::elsewhere, packet6::ipv6("::ffff:10.0.0.9"));

	set_mask(incoming);
	host::write_file("/proc/sys/net/ipv4/conf/wire0/rp_filter", "0");
	host::run("ip address add 10.0.0.2/24 dev wire0; ip route add default dev wire0;"
		  "ip tunnel add tunnel mode sit local 10.0.0.2 remote 192.0.2.1;"
		  "ip link set tunnel up");
	outer.source = packet::server;
	outer.destination = packet::ipv4("192.0.2.1");
	outer.protocol = IPPROTO_IPV6;
	outer.payload = about.build();
	Bytes quoted = outer.build();
	quoted.resize(extension::original);
	quoted.insert(quoted.end(), tail.begin(), tail.end());
	router.near.send(errors::report(packet::Type::time_exceeded, 0, 32U << 16, quoted));
	const auto answer = ktap::require_value(wire6::next_answer(router.near), "an error");

	Bytes expected = about.build();
	expected.resize(inner);
	expected.resize(extension::original);
	expected.insert(expected.end(), tail.begin(), tail.end());
	ktap::expect_equal(answer.icmp.rest, 16U << 24, "length of the packet");
	ktap::expect_equal(answer.icmp.data, expected, "packet and extension");
}

/// The setting is one value with the kernel's, where the kernel has it: its name takes what it knows of.
void one_value_with_the_kernel()
{
	host::need_icmpx6();
	if (!host::read_file("/proc/sys/" + of_the_kernel))
		ktap::skip("the kernel has no such setting");
	host::enter_new_namespace();
	host::set_sysctl("net/icmpx6/errors_extension_mask", 1);
	ktap::expect_equal(host::sysctl(of_the_kernel), "1", "the kernel's name");
	host::set_sysctl(of_the_kernel, 0);
	ktap::expect_equal(host::sysctl("net/icmpx6/errors_extension_mask"), "0", "icmpx's name");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"off_by_default", off_by_default},
				 {"every_length", every_length},
				 {"every_mask", every_mask},
				 {"of_a_host", of_a_host},
				 {"too_big_has_none", too_big_has_none},
				 {"nothing_to_tell", nothing_to_tell},
				 {"rejected_before_routing", rejected_before_routing},
				 {"tunnel_without_a_way_out", tunnel_without_a_way_out},
				 {"of_a_vrf", of_a_vrf},
				 {"gateway_that_does_not_answer", gateway_that_does_not_answer},
				 {"unnumbered", unnumbered},
				 {"rfc4862_5_4_tentative", tentative},
				 {"rfc4884_5_4_of_a_tunnel", of_a_tunnel},
				 {"one_value_with_the_kernel", one_value_with_the_kernel},
			 });
}
