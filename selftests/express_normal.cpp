// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.express leaves alone whatever is more than a plain echo request: it has the outcome, and the answer, that it has
// without the setting.

#include "lib/express.hpp"

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace {

using counters::Change;
using counters::Values;
using express::express_server;
using express::frame_of;
using express::icmp_at;
using express::ip_at;
using express::next_frame;
using express::ping;
using express::plain_server;
using express::put_checksum;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::VirtioHeader;
using wire::Wire;

/// Whatever stands in its place, which may be what the checksum is going to be.
void checksum_partial()
{
	Wire wire = express_server({.virtio_header = true});
	Ipv4 request = ping();

	for (bool right : {true, false}) {
		Change change;

		if (!right)
			request.payload[2] = request.payload[3] = 0;
		wire.send_virtio({.flags = VirtioHeader::needs_checksum,
				  .checksum_start = icmp_at,
				  .checksum_offset = 2},
				 frame_of(wire, request));
		wire::expect_echo_reply(ktap::require_value(wire::next_answer(wire), "an answer"),
					request);
		change.expect_outcomes({{"reply", 1}}, "a request without checksum");
		expect_equal(ktap::require_value(change.icmpx(), "counters")["reply_express"], 0,
			     "reply_express");
	}
}

/// A way to spoil a plain request, and whether there is an answer to it.
struct Spoilt {
	std::string what;
	std::function<void(Bytes &)> spoil;
};

void set(Bytes &frame, std::size_t at, std::initializer_list<std::uint8_t> bytes)
{
	std::copy(bytes.begin(), bytes.end(), frame.begin() + static_cast<std::ptrdiff_t>(at));
}

void put16(Bytes &frame, std::size_t at, unsigned value)
{
	set(frame, at, {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
}

void put_icmp_checksum(Bytes &frame)
{
	put16(frame, icmp_at + 2, 0);
	put16(frame, icmp_at + 2, packet::checksum(packet::View(frame).subspan(icmp_at)));
}

/// @p bytes at @p at of the IP header, its checksum right.
std::function<void(Bytes &)> in_ip(std::size_t at, const std::vector<std::uint8_t> &bytes)
{
	return [=](Bytes &frame) {
		std::copy(bytes.begin(), bytes.end(),
			  frame.begin() + static_cast<std::ptrdiff_t>(ip_at + at));
		put_checksum(frame);
	};
}

const std::vector<Spoilt> spoilt{
	{"header checksum",
	 [](Bytes &f) {
		 f[ip_at + 10] ^= 1;
	 }},
	{"ICMP checksum",
	 [](Bytes &f) {
		 f[icmp_at + 2] ^= 1;
	 }},
	{"data",
	 [](Bytes &f) {
		 f.back() ^= 1;
	 }},
	{"version 5", in_ip(0, {0x55})},
	{"header of 24 bytes, which is not there", in_ip(0, {0x46})},
	{"header of 16 bytes", in_ip(0, {0x44})},
	{"longer than it is", in_ip(2, {0x01, 0})},
	{"without a whole ICMP header", in_ip(2, {0, 27})},
	{"more fragments", in_ip(6, {0x20, 0})},
	{"the last fragment", in_ip(6, {0, 5})},
	{"protocol UDP", in_ip(9, {17})},
	{"from this network", in_ip(12, {0, 0, 0, 1})},
	{"from nobody", in_ip(12, {0, 0, 0, 0})},
	{"from loopback", in_ip(12, {127, 0, 0, 1})},
	{"from a group", in_ip(12, {224, 0, 0, 1})},
	{"from everybody", in_ip(12, {255, 255, 255, 255})},
	{"from everybody here", in_ip(12, {10, 0, 0, 255})},
	{"from itself", in_ip(12, {10, 0, 0, 2})},
	{"from its other address", in_ip(12, {10, 0, 7, 2})},
	{"to everybody here", in_ip(16, {10, 0, 0, 255})},
	{"to another host", in_ip(16, {10, 0, 0, 9})},
	{"to another device's address", in_ip(16, {10, 0, 5, 2})},
	{"to loopback", in_ip(16, {127, 0, 0, 1})},
	{"code 1",
	 [](Bytes &f) {
		 put16(f, icmp_at, 0x0801);
		 put_icmp_checksum(f);
	 }},
	{"another request",
	 [](Bytes &f) {
		 put16(f, icmp_at, 0x0d00);
		 put_icmp_checksum(f);
	 }},
	{"a checksum that only the data could tell",
	 [](Bytes &f) {
		 put16(f, icmp_at + 4, 0);
		 put_icmp_checksum(f);
		 put16(f, icmp_at + 4, (packet::get16(f, icmp_at + 2) + 0x0800U) % 0xffff);
		 put_icmp_checksum(f);
	 }},
	{"an echo reply",
	 [](Bytes &f) {
		 set(f, icmp_at, {0, 0});
		 f[icmp_at + 2] += 8;
	 }},
	{"from a group of stations",
	 [](Bytes &f) {
		 set(f, 6, {0x01, 0, 0x5e, 0, 0, 1});
	 }},
	{"from every station",
	 [](Bytes &f) {
		 set(f, 6, {255, 255, 255, 255, 255, 255});
	 }},
	{"from no station",
	 [](Bytes &f) {
		 set(f, 6, {0, 0, 0, 0, 0, 0});
	 }},
	{"to another station",
	 [](Bytes &f) {
		 f[5] ^= 1;
	 }},
	{"to every station",
	 [](Bytes &f) {
		 set(f, 0, {255, 255, 255, 255, 255, 255});
	 }},
	{"of another type than IPv4",
	 [](Bytes &f) {
		 set(f, 12, {0x08, 0x01});
	 }},
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
		host::run("ip address add 10.0.7.2/24 dev wire0;"
			  "ip link add other type veth peer name other1;"
			  "ip link set other up; ip address add 10.0.5.2/24 dev other");
		host::set_sysctl("net/ipv4/icmp_ratemask", 0);
		if (express)
			host::set_sysctl(express::setting, "wire0");
	}
	namespaces[express]->enter();
	Bytes frame = frame_of(*wire, ping());
	one.spoil(frame);
	Change change;
	wire->send_frame(frame);
	Seen seen{ktap::require_value(change.icmpx(), "counters"), {}};
	// A route is kept for a second, whichever way the request goes.
	seen.outcomes.erase("route_lookups");
	seen.answer = next_frame(wire->fd(), wire::silence);
	// Of who sent it, and to whom, the two are not the same: each device has its own address.
	if (seen.answer.size() > ip_at)
		seen.answer.erase(seen.answer.begin(), seen.answer.begin() + ip_at);
	return seen;
}

/// Nothing but plain requests is touched: each other one has the outcome, and the answer, that it has without express.
void everything_else_goes_the_normal_way()
{
	for (const Spoilt &one : spoilt) {
		Seen normal = what_comes_of(one, false);
		Seen express = what_comes_of(one, true);

		expect_equal(counters::text(express.outcomes), counters::text(normal.outcomes),
			     one.what + ": outcomes");
		expect_equal(express.outcomes["reply_express"], 0, one.what + ": reply_express");
		// An error that is sent has an identification of the kernel's choice.
		expect_equal(express.answer.size(), normal.answer.size(), one.what + ": answer");
	}
	Spoilt plain{"nothing", [](Bytes &) {
		     }};
	expect_equal(what_comes_of(plain, true).outcomes["reply_express"], 1, "a plain one");
}

void options_and_fragments()
{
	Wire wire = express_server();
	Ipv4 request = ping();

	request.options = {7, 7, 4, 0, 0, 0, 0, 0};
	Change change;
	wire::expect_echo_reply(wire::require_answer(wire, request), request);
	change.expect_outcomes({{"reply_in_place", 1}}, "record route");
	change.restart();
	Ipv4 large = ping(3000);
	for (const Ipv4 &part : packet::fragment(large, 1500))
		wire.send(part);
	wire::expect_echo_reply(ktap::require_value(wire::next_answer(wire), "an answer"), large);
	expect_equal(ktap::require_value(change.icmpx(), "counters")["reply_express"], 0,
		     "fragments: reply_express");
}

void larger_than_the_mtu()
{
	Wire wire = express_server();

	host::run("ip link set wire0 mtu 600");
	Ipv4 request = ping(1000);
	Change change;
	wire::expect_echo_reply(wire::require_answer(wire, request), request);
	auto moved = ktap::require_value(change.icmpx(), "counters");
	expect_equal(moved["reply_express"], 0, "reply_express");
	expect_equal(moved["fragmented_replies"], 1, "fragmented_replies");
}

void ipsec_policies()
{
	for (const char *way : {"in", "out"}) {
		Wire wire = express_server();

		host::need("xfrm_user", "ip xfrm policy list");
		host::run(std::string("ip xfrm policy add src 10.3.0.0/24 dst 10.4.0.0/24 dir ") +
			  way);
		Change change;
		wire::require_answer(wire, ping());
		change.expect_outcomes({{"reply", 1}}, std::string("a policy, ") + way);
		expect_equal(ktap::require_value(change.icmpx(), "counters")["reply_express"], 0,
			     "reply_express");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"everything_else_goes_the_normal_way",
				  everything_else_goes_the_normal_way},
				 {"options_and_fragments", options_and_fragments},
				 {"larger_than_the_mtu", larger_than_the_mtu},
				 {"checksum_partial", checksum_partial},
				 {"ipsec_policies", ipsec_policies},
			 });
}
