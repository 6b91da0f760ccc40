// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.express leaves alone whatever is more than a plain echo request of ICMPv6: it has the outcome, and the answer, that
// it has without the setting.

#include "lib/express6.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace {

using counters::Values;
using counters6::Change;
using express::setting;
using express6::destination_at;
using express6::express_server;
using express6::frame_of;
using express6::icmp_at;
using express6::ip_at;
using express6::next_frame;
using express6::ping;
using express6::plain_server;
using express6::put_checksum;
using express6::source_at;
using ktap::expect_equal;
using packet::Bytes;
using packet6::ipv6;
using packet6::Ipv6;
using wire6::Wire;

/// A way to spoil a plain request.
struct Spoilt {
	std::string what;
	std::function<void(Bytes &)> spoil;
};

/// @p bytes at @p at, the checksum right.
std::function<void(Bytes &)> with(std::size_t at, const std::vector<std::uint8_t> &bytes)
{
	return [=](Bytes &frame) {
		std::copy(bytes.begin(), bytes.end(),
			  frame.begin() + static_cast<std::ptrdiff_t>(at));
		put_checksum(frame);
	};
}

std::function<void(Bytes &)> from(const char *address)
{
	const packet6::Address bytes = ipv6(address);
	return with(source_at, {bytes.begin(), bytes.end()});
}

std::function<void(Bytes &)> to(const char *address)
{
	const packet6::Address bytes = ipv6(address);
	return with(destination_at, {bytes.begin(), bytes.end()});
}

const std::vector<Spoilt> spoilt{
	{"checksum",
	 [](Bytes &f) {
		 f[icmp_at + 2] ^= 1;
	 }},
	{"data",
	 [](Bytes &f) {
		 f.back() ^= 1;
	 }},
	{"version 4", with(ip_at, {0x40})},
	{"longer than it is", with(ip_at + 4, {1, 0})},
	{"without a whole ICMPv6 header", with(ip_at + 4, {0, 7})},
	{"with the length of a jumbogram", with(ip_at + 4, {0, 0})},
	{"next header UDP", with(ip_at + 6, {17})},
	{"next header hop-by-hop options", with(ip_at + 6, {0})},
	{"next header fragment", with(ip_at + 6, {44})},
	{"from nobody", from("::")},
	{"from loopback", from("::1")},
	{"from a group", from("ff02::5")},
	{"from an address of IPv4", from("::ffff:192.0.2.1")},
	{"from itself", from("fd00::2")},
	{"from its other address", from("fd07::2")},
	{"to another host", to("fd00::9")},
	{"to another device's address", to("fd05::2")},
	{"to all nodes", to("ff02::1")},
	{"to loopback", to("::1")},
	{"code 1", with(icmp_at, {128, 1})},
	{"a PROBE request", with(icmp_at, {160, 0})},
	{"a neighbour solicitation", with(icmp_at, {135, 0})},
	{"an MLD query", with(icmp_at, {130, 0})},
	{"an echo reply", with(icmp_at, {129, 0})},
	{"from a group of stations", with(6, {0x33, 0x33, 0, 0, 0, 1})},
	{"from every station", with(6, {255, 255, 255, 255, 255, 255})},
	{"from no station", with(6, {0, 0, 0, 0, 0, 0})},
	{"to another station",
	 [](Bytes &f) {
		 f[5] ^= 1;
	 }},
	{"to every station", with(0, {255, 255, 255, 255, 255, 255})},
	{"of another type than IPv6", with(12, {0x08, 0x01})},
	{"cut off",
	 [](Bytes &f) {
		 f.resize(icmp_at + 7);
	 }},
};

struct Seen {
	Values outcomes;
	Bytes answer;
};

Seen what_comes_of(const Spoilt &one, bool express)
{
	static std::optional<Wire> servers[2];
	static std::optional<host::Namespace> namespaces[2];
	std::optional<Wire> &wire = servers[express];

	if (!wire) {
		wire.emplace(plain_server());
		namespaces[express].emplace(host::Namespace::current());
		wire6::add_addresses("wire0", {"fd07::2/64"});
		host::run("ip link add other type veth peer name other1; ip link set other up");
		wire6::add_addresses("other", {"fd05::2/64"});
		if (express)
			host::set_sysctl(setting, "wire0");
	}
	namespaces[express]->enter();
	Bytes frame = frame_of(*wire, ping());
	one.spoil(frame);
	const Change change;
	wire->send_frame(frame);
	Seen seen{ktap::require_value(change.icmpx(), "counters"), {}};
	// A route is kept for a second, whichever way the request goes.
	seen.outcomes.erase("route_lookups");
	seen.answer = next_frame(*wire, wire::silence);
	// Of who sent it, and to whom, the two are not the same: each device has its own address.
	if (seen.answer.size() > ip_at)
		seen.answer.erase(seen.answer.begin(), seen.answer.begin() + ip_at);
	return seen;
}

void everything_else_goes_the_normal_way()
{
	for (const Spoilt &one : spoilt) {
		const Seen normal = what_comes_of(one, false);
		Seen express = what_comes_of(one, true);

		expect_equal(counters::text(express.outcomes), counters::text(normal.outcomes),
			     one.what + ": outcomes");
		expect_equal(express.outcomes["reply_express"], 0, one.what + ": reply_express");
		expect_equal(express.answer, normal.answer, one.what + ": answer");
	}
	const Spoilt plain{"nothing", [](Bytes &) {
			   }};
	expect_equal(what_comes_of(plain, true).outcomes["reply_express"], 1, "a plain one");
}

/// Expects that @p request is answered, and not on the express path.
void expect_normal(const Wire &wire, const std::vector<Ipv6> &parts, const Ipv6 &request,
		   const std::string &what, const wire::Where &where = wire::Where::current())
{
	const Change change;

	for (const Ipv6 &part : parts)
		wire.send(part);
	wire::expect_echo_reply(
		ktap::require_value(wire6::next_answer(wire, wire::patience, where), what, where),
		request, where);
	expect_equal(ktap::require_value(change.icmpx(), "counters")["reply_express"], 0,
		     what + ": reply_express", where);
}

void extension_headers_and_fragments()
{
	Wire wire = express_server();

	for (const packet6::Header kind : {packet6::hop_by_hop, packet6::destination_options}) {
		Ipv6 request = ping();

		request.extensions = {{kind, {}}};
		expect_normal(wire, {request}, request, "an extension header");
	}
	const Ipv6 large = ping(3000);
	expect_normal(wire, packet6::fragment(large, 1500), large, "fragments");
}

void larger_than_the_mtu()
{
	Wire wire = express_server();

	host::set_sysctl("net/ipv6/conf/wire0/mtu", 1280);
	const Ipv6 request = ping(1400);
	const Change change;
	wire.send(request);
	ktap::expect(!next_frame(wire).empty(), "an answer");
	auto moved = ktap::require_value(change.icmpx(), "counters");
	expect_equal(moved["reply_express"], 0, "reply_express");
	expect_equal(moved["fragmented_replies"], 1, "fragmented_replies");
}

void ipsec_policies()
{
	for (const std::string way : {"in", "out"}) {
		Wire wire = express_server();

		host::need("xfrm_user", "ip xfrm policy list");
		host::run("ip xfrm policy add src fd03::/64 dst fd04::/64 dir " + way);
		const Ipv6 request = ping();
		expect_normal(wire, {request}, request, "a policy, " + way);
	}
}

/// An address that may turn out to be another host's is not answered for (RFC 4862, 5.4).
void tentative_addresses()
{
	Wire wire = express_server();

	wire6::detect_duplicates("wire0");
	host::run("ip link set wire0 arp on; ip -6 address add fd09::2/64 dev wire0");
	ktap::require(host::try_run("ip -6 address show dev wire0 tentative | grep -q fd09::2"),
		      "the address is tentative");
	const Change change;
	wire.send(ping(56, {packet6::client, ipv6("fd09::2")}));
	ktap::expect(!wire6::next_of_type(wire, packet6::Type::echo_reply, wire::silence),
		     "no reply");
	expect_equal(ktap::require_value(change.icmpx(), "counters")["reply_express"], 0,
		     "reply_express");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"everything_else_goes_the_normal_way",
			 everything_else_goes_the_normal_way},
			{"extension_headers_and_fragments", extension_headers_and_fragments},
			{"larger_than_the_mtu", larger_than_the_mtu},
			{"ipsec_policies", ipsec_policies},
			{"tentative_addresses", tentative_addresses},
		});
}
