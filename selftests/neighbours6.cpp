// SPDX-License-Identifier: GPL-2.0-only
//
// Neighbour discovery (RFC 4861) and multicast listener discovery (RFC 2710, RFC 3810), which are messages of ICMPv6 and for
// the built-in code: they do what they are for, and are counted once.

#include "lib/counters6.hpp"
#include "lib/ktap.hpp"
#include "lib/neighbours.hpp"
#include "lib/wire6.hpp"

#include <algorithm>
#include <string>

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using counters6::Change;
using ktap::expect;
using ktap::expect_equal;
using neighbours::from_neighbour;
using neighbours::mac_of;
using packet6::Address;
using packet6::ipv6;
using packet6::Ipv6;
using wire::Cast;
using wire6::Wire;

namespace {

const Address group = ipv6("ff02::abcd");
const packet6::Ends from_client{packet6::client, packet6::server};
const packet6::Ends from_router{packet6::client_link, packet6::server_link};

Ipv6 ping(const Address &source = packet6::client)
{
	return packet6::datagram(packet6::echo_request(0x80, 1, packet::pattern(16)),
				 {.source = source});
}

/// Expects no answer to @p message, whose header is right, and that it was counted and handed on.
void expect_handed_on(const Wire &wire, const Ipv6 &message, const char *what,
		      const wire::Where &where = wire::Where::current())
{
	const unsigned type = message.payload.at(0);
	Change change;

	wire::expect_no_answer(wire, message, Cast::unicast, where);
	change.expect_icmp(counters6::in(type), what, where);
	change.expect_outcomes({{"pass_nd", 1}}, what, where);
}

void solicitation_is_answered()
{
	auto wire = wire6::new_server();

	for (int round = 0; round < 4; round++) {
		Change change;
		const Ipv6 request = from_neighbour(
			neighbours::solicitation(packet6::server, mac_of(1)), from_client);
		auto answer = wire::require_answer(wire, request);

		expect_equal(answer.icmp.type, packet6::neighbour_advertisement, "type");
		expect_equal(answer.icmp.rest, 0x40000000U, "solicited");
		expect_equal(answer.ip.hop_limit, 255, "hop limit");
		expect_equal(answer.ip.source, packet6::server, "source");
		expect_equal(answer.icmp.data,
			     packet::Bytes(packet6::server.begin(), packet6::server.end()),
			     "target");
		change.expect_icmp(counters::sum(counters6::in(packet6::neighbour_solicitation),
						 counters6::out(packet6::neighbour_advertisement)),
				   "a solicitation");
		change.expect_outcomes({{"pass_nd", 1}}, "a solicitation");
	}
}

/// RFC 4861, 7.1.1: what came through a router, or is not as it must be, is no solicitation.
void invalid_solicitation_is_not_answered()
{
	auto wire = wire6::new_server();
	packet6::Icmp message = neighbours::solicitation(packet6::server, mac_of(1));
	Ipv6 request = from_neighbour(message, from_client);

	request.hop_limit = 254;
	expect_handed_on(wire, request, "from behind a router");
	message.code = 1;
	expect_handed_on(wire, from_neighbour(message, from_client), "a code");
	message = neighbours::solicitation(ipv6("fd00::9"), mac_of(1));
	expect_handed_on(wire, from_neighbour(message, from_client), "another's address");
	message = neighbours::solicitation(packet6::server, mac_of(1));
	message.data.resize(15);
	expect_handed_on(wire, from_neighbour(message, from_client), "half a target");

	message = neighbours::solicitation(packet6::server, mac_of(1));
	Change change;
	wire::expect_no_answer(wire,
			       from_neighbour(message, from_client, packet6::Checksum::wrong));
	change.expect_icmp({{"Icmp6InMsgs", 1}, {"Icmp6InErrors", 1}, {"Icmp6InCsumErrors", 1}},
			   "a wrong checksum");
	change.expect_outcomes({{"pass_nd", 1}}, "a wrong checksum");
}

/// RFC 6980: what came in fragments is no neighbour discovery, unless a setting says so.
void solicitation_in_a_fragment()
{
	auto wire = wire6::new_server();
	Ipv6 request =
		from_neighbour(neighbours::solicitation(packet6::server, mac_of(1)), from_client);

	request.fragment = packet6::Fragment{};
	expect_handed_on(wire, request, "a fragment");
	host::set_sysctl("net/ipv6/conf/all/suppress_frag_ndisc", 0);
	host::set_sysctl("net/ipv6/conf/wire0/suppress_frag_ndisc", 0);
	expect_equal(wire::require_answer(wire, request).icmp.type,
		     packet6::neighbour_advertisement, "type");
}

/// A device that has to find out where its neighbours are: the reply waits until one says it.
void neighbour_is_found()
{
	auto wire = wire6::new_server();
	auto other = Wire::tap({.name = "wire1"});
	const Address peer = ipv6("fd01::1");

	wire6::quiet("wire1");
	host::run("ip link set wire1 up");
	wire6::add_addresses("wire1", {"fd01::2/64", "fe80::2/64"});
	other.send(packet6::datagram(packet6::echo_request(1, 1), {peer, ipv6("fd01::2")}));
	auto asked = ktap::require_value(
		wire6::next_of_type(other, packet6::neighbour_solicitation), "a solicitation");
	expect(std::ranges::equal(packet::View(asked.icmp.data).first(peer.size()), peer),
	       "its target");
	other.send(from_neighbour(neighbours::advertisement(peer, mac_of(7)),
				  {peer, asked.ip.source}));
	expect(wire6::next_of_type(other, packet6::echo_reply).has_value(), "the reply");
	expect(wire6::next_hop_of_answer(other, packet6::datagram(packet6::echo_request(1, 2),
								  {peer, ipv6("fd01::2")})) ==
		       mac_of(7),
	       "where the neighbour is");
}

void advertisement_is_believed()
{
	auto wire = wire6::new_server();

	neighbours::know(packet6::client, 1, "wire0", "reachable");
	expect(wire6::next_hop_of_answer(wire, ping()) == mac_of(1), "as it was");
	expect_handed_on(
		wire,
		from_neighbour(neighbours::advertisement(packet6::client, mac_of(2)), from_client),
		"a neighbour that has moved");
	expect(wire6::next_hop_of_answer(wire, ping()) == mac_of(2), "as it was advertised");
}

/// A host takes no notice of it.
void router_solicitation()
{
	auto wire = wire6::new_server();

	expect_handed_on(wire,
			 from_neighbour(neighbours::router_solicitation(mac_of(1)), from_client),
			 "a router solicitation");
}

void router_advertisement_is_believed()
{
	auto wire = wire6::new_server();
	const Ipv6 advertised =
		from_neighbour(neighbours::router_advertisement(55, mac_of(1)), from_router);
	const Address remote = ipv6("2001:db8::1");

	host::run("ip -6 route delete default");
	expect_handed_on(wire, advertised, "a router that nobody asks");
	expect_equal(wire::require_answer(wire, ping()).ip.hop_limit, 64, "hop limit");
	host::set_sysctl("net/ipv6/conf/wire0/accept_ra", 1);
	expect_handed_on(wire, advertised, "a router");
	expect_equal(wire::require_answer(wire, ping()).ip.hop_limit, 55, "hop limit");
	wire::require_answer(wire, ping(remote));
	expect(host::output_of("ip -6 route").find("default via fe80::1") != std::string::npos,
	       "a default route");
}

/// RFC 4861, 8.3. It comes back by ICMPv6's err_handler.
void redirect_is_believed()
{
	auto wire = wire6::new_server();
	const Address remote = ipv6("2001:db8::1"), better = ipv6("fe80::3");
	const Ipv6 sent = packet6::datagram({.type = packet6::echo_reply, .data = {1, 2, 3}},
					    {packet6::server, remote});
	const auto redirect = neighbours::redirect(remote, better, mac_of(3), sent);

	host::run("ip -6 route replace default via fe80::1 dev wire0");
	neighbours::know(packet6::client_link, 1);
	neighbours::know(better, 3);
	for (int round = 0; round < 4; round++)
		expect(wire6::next_hop_of_answer(wire, ping(remote)) == mac_of(1), "the router");
	// Nobody but the router itself may send one.
	expect_handed_on(wire, from_neighbour(redirect, {ipv6("fe80::9"), packet6::server_link}),
			 "by a neighbour");
	expect(wire6::next_hop_of_answer(wire, ping(remote)) == mac_of(1), "the router");
	expect_handed_on(wire, from_neighbour(redirect, from_router), "by the router");
	for (int round = 0; round < 4; round++)
		expect(wire6::next_hop_of_answer(wire, ping(remote)) == mac_of(3),
		       "the router that the redirect named");
	expect(wire6::next_hop_of_answer(wire, ping(ipv6("2001:db8::2"))) == mac_of(1),
	       "the router for another destination");
}

/// A host that has joined a group on a wire, and has reported that as often as it does by itself: twice for whatever is new.
/// An address is, and once more if it is the first link-local one, which reports come from.
class Member {
public:
	Member() : wire(bare())
	{
		ipv6_mreq join{};

		std::ranges::copy(group, join.ipv6mr_multiaddr.s6_addr);
		join.ipv6mr_interface = if_nametoindex("wire0");
		host::check(setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_JOIN_GROUP, &join,
				       sizeof(join)),
			    "join the group");
		await_reports(2, "a group");
		wire6::add_addresses("wire0", {"fe80::2/64"});
		await_reports(4, "a link-local address");
	}

	/// Expects that @p query brings a report of @p type.
	void expect_report(const Ipv6 &query, packet6::Type type, const char *what,
			   const wire::Where &where = wire::Where::current()) const
	{
		Change change;

		wire.send(query, Cast::multicast);
		auto report = ktap::require_value(
			wire6::next_of_type(wire, type, wire::patience, where), what, where);
		expect(!std::ranges::search(report.icmp.data, group).empty(), "the group", where);
		// A report of MLDv1 goes to the group, and so to this member, too.
		counters::Values in = counters6::in(packet6::mld_query);
		if (type == packet6::mld_report) {
			in = counters::sum(in, counters6::in(type));
			await_report(change, where);
		}
		change.expect_icmp(counters::sum(in, counters6::out(type)), what, where);
		change.expect_outcomes({{"pass_mld", in["Icmp6InMsgs"]}}, what, where);
	}

	Wire wire;

private:
	/// A wire without addresses.
	static Wire bare()
	{
		host::enter_new_namespace();
		Wire made = Wire::tap();

		wire6::quiet("wire0");
		host::set_sysctl("net/ipv6/conf/wire0/mldv2_unsolicited_report_interval", 1);
		host::run("ip link set wire0 arp off up");
		return made;
	}

	void await_reports(int count, const char *what) const
	{
		for (int i = 0; i < count; i++)
			ktap::require_value(wire6::next_of_type(wire, packet6::mld2_report), what);
	}

	/// It may come in after it has gone out.
	static void await_report(const Change &change, const wire::Where &where)
	{
		for (int tries = 0; tries < 1000; tries++) {
			if (change.snmp().contains("Icmp6InType131"))
				return;
			usleep(10000);
		}
		ktap::fatal("the report does not come in", where);
	}

	host::Descriptor socket_{
		host::check(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")};
};

void mld2_query_brings_a_report()
{
	const Member member;

	for (int round = 0; round < 3; round++) {
		member.expect_report(
			neighbours::mld(neighbours::mld_query({}, 2), packet6::all_nodes),
			packet6::mld2_report, "a query about all groups");
		member.expect_report(neighbours::mld(neighbours::mld_query(group, 2), group),
				     packet6::mld2_report, "a query about the group");
	}
}

void mld1_query_brings_a_report()
{
	const Member member;

	member.expect_report(neighbours::mld(neighbours::mld_query({}, 1), packet6::all_nodes),
			     packet6::mld_report, "a query about all groups");
	member.expect_report(neighbours::mld(neighbours::mld_query(group, 1), group),
			     packet6::mld_report, "a query about the group");
}

/// RFC 3810, 5.1.14: a query that does not come from a router on the link is none.
void invalid_query_brings_no_report()
{
	const Member member;
	Ipv6 far = packet6::datagram(neighbours::mld_query({}, 2),
				     {packet6::client, packet6::all_nodes});
	Change change;

	far.hop_limit = 1;
	far.extensions = {{packet6::hop_by_hop, packet6::option(5, {0, 0})}};
	member.wire.send(far, Cast::multicast);
	expect(!wire6::next_of_type(member.wire, packet6::mld2_report, wire::silence),
	       "no report to a query from no link-local address");
	change.expect_icmp(counters6::in(packet6::mld_query), "an invalid query");
	change.expect_outcomes({{"pass_mld", 1}}, "an invalid query");
}

/// What other members say: a report of MLDv1, which goes to the group, and done; and a report of MLDv2.
void reports_of_others()
{
	const Member member;

	for (packet6::Type type : {packet6::mld_report, packet6::mld_done, packet6::mld2_report}) {
		const packet6::Icmp message{.type = type, .data = {group.begin(), group.end()}};
		Change change;

		member.wire.send(neighbours::mld(message, group), Cast::multicast);
		expect(member.wire.receive_all<Ipv6>().empty(), "no answer");
		change.expect_icmp(counters6::in(type), "a report");
		change.expect_outcomes({{"pass_mld", 1}}, "a report");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rfc4861_7_2_4_solicitation_is_answered", solicitation_is_answered},
			{"rfc4861_7_1_1_invalid_solicitation",
			 invalid_solicitation_is_not_answered},
			{"rfc6980_solicitation_in_a_fragment", solicitation_in_a_fragment},
			{"rfc4861_7_2_neighbour_is_found", neighbour_is_found},
			{"rfc4861_7_2_5_advertisement_is_believed", advertisement_is_believed},
			{"rfc4861_6_2_6_router_solicitation", router_solicitation},
			{"rfc4861_6_3_4_router_advertisement_is_believed",
			 router_advertisement_is_believed},
			{"rfc4861_8_3_redirect_is_believed", redirect_is_believed},
			{"rfc3810_5_mld2_query_brings_a_report", mld2_query_brings_a_report},
			{"rfc2710_4_mld1_query_brings_a_report", mld1_query_brings_a_report},
			{"rfc3810_5_1_14_invalid_query", invalid_query_brings_no_report},
			{"reports_of_others", reports_of_others},
		});
}
