// SPDX-License-Identifier: GPL-2.0-only
//
// What a request's way in has left on it says nothing about the reply: rules at the egress, programs of tc and queueing
// disciplines see a packet that begins here, whichever way its request came, in place, in pieces and on the express path.

#include "lib/bpf.hpp"
#include "lib/counters.hpp"
#include "lib/express.hpp"
#include "lib/ktap.hpp"
#include "lib/socket.hpp"
#include "lib/topology.hpp"
#include "lib/wire.hpp"

#include <string>
#include <vector>

namespace {

using counters::Change;
using ktap::expect;
using ktap::expect_equal;
using packet::Ipv4;
using topology::EgressRule;
using topology::Link;
using wire::Wire;

/// In place, and in pieces that are as large as those that it is to be sent in.
constexpr std::size_t small = 56, large = 2 * 1480 + 400;

Ipv4 ping(std::size_t size, packet::Address to = packet::server)
{
	Ipv4 ip = packet::datagram(packet::echo_request(0x65, 1, packet::pattern(size)));

	ip.destination = to;
	return ip;
}

void send(const Wire &wire, const Ipv4 &request)
{
	for (const Ipv4 &part : packet::fragment(request, 1500))
		wire.send(part);
}

void expect_reply(const Wire &from, const Wire &at, const Ipv4 &request,
		  const wire::Where &where = wire::Where::current())
{
	send(from, request);
	wire::expect_echo_reply(
		ktap::require_value(wire::next_answer(at, wire::patience, where), "a reply", where),
		request, where);
}

/// What is behind a queue comes in once the sender is through.
void wait_for_replies(const Change &change, int count,
		      const wire::Where &where = wire::Where::current())
{
	const auto until = std::chrono::steady_clock::now() + 10 * wire::patience;

	while (change.icmp()["Icmp.OutEchoReps"] < count) {
		if (std::chrono::steady_clock::now() > until)
			ktap::fatal("replies are missing", where);
		usleep(1000);
	}
}

/// Five requests, whose replies leave in so many packets each that match @p what, when @p verdict is what the rule says.
void expect_seen(const Wire &wire, const std::string &device, std::size_t size, int packets,
		 const std::string &verdict, const wire::Where &where)
{
	constexpr int count = 5;
	const std::string what = verdict + ", " + std::to_string(size) + " bytes";
	const EgressRule rule(device, "ip protocol icmp", verdict);
	const Change change;

	for (int i = 0; i < count; i++) {
		Ipv4 request = ping(size);

		request.id = static_cast<std::uint16_t>(i);
		send(wire, request);
	}
	wait_for_replies(change, count, where);
	expect_equal(EgressRule::seen(), count * packets, "seen by the rule: " + what, where);
	expect_equal(wire.receive_all().size(), verdict == "drop" ? 0 : count * packets,
		     "packets on the wire: " + what, where);
}

/// Rules at the egress of @p device see all packets of replies; of a reply in pieces the first one alone if that is dropped.
void expect_replies_to_be_seen(const Wire &wire, const std::string &device,
			       const wire::Where &where = wire::Where::current())
{
	expect_seen(wire, device, small, 1, "drop", where);
	expect_seen(wire, device, large, 1, "drop", where);
	expect_seen(wire, device, small, 1, "accept", where);
	expect_seen(wire, device, large, 3, "accept", where);
}

/// As with every machine that shapes what it receives.
void rules_see_replies_of_what_ifb_has_queued()
{
	Wire wire = wire::new_server();

	topology::shape_ingress("wire0");
	expect_replies_to_be_seen(wire, "wire0");
	Wire pod = topology::new_pod(Link::veth);
	topology::shape_ingress("pod0");
	expect_replies_to_be_seen(pod, "pod0");
}

/// A reader of the same bytes makes the reply a copy.
void rules_see_replies_that_are_copies()
{
	Wire wire = wire::new_server();
	const sock::Socket reader = sock::raw(IPPROTO_ICMP);

	topology::shape_ingress("wire0");
	expect_replies_to_be_seen(wire, "wire0");
}

void rules_see_replies_of_a_pod()
{
	Wire wire = topology::new_pod(Link::netkit);

	expect_replies_to_be_seen(wire, "pod0");
	if (!host::has_icmpx())
		return;
	host::set_sysctl(express::setting, "pod0");
	expect_replies_to_be_seen(wire, "pod0");
}

/// With an ifb in between, a frame has passed the ingress hook when it comes back from there.
void rules_see_replies_of_express_devices()
{
	Wire wire = express::express_server();

	expect_replies_to_be_seen(wire, "wire0");
	topology::shape_ingress("wire0");
	expect_replies_to_be_seen(wire, "wire0");
}

void expect_no_metadata(const Wire &wire, const std::string &device)
{
	const host::Descriptor at_ingress = bpf::put_metadata_at_ingress(device);

	bpf::drop_metadata_at_egress(device);
	for (std::size_t size : {small, std::size_t{1400}, large})
		expect_reply(wire, wire, ping(size));
	if (!host::has_icmpx())
		return;
	host::set_sysctl(express::setting, device);
	const Change change;
	expect_reply(wire, wire, ping(small));
	change.expect_outcomes({{"reply_express", 1}}, "a plain request");
}

void programs_do_not_see_metadata_of_requests()
{
	Wire wire = wire::new_server();
	expect_no_metadata(wire, "wire0");
	Wire pod = topology::new_pod(Link::veth);
	expect_no_metadata(pod, "pod0");
}

/// As often as a packet may be redirected. The reply is none of those.
void replies_may_be_redirected()
{
	for (bool express : {false, true}) {
		if (express && !host::has_icmpx())
			continue;
		Wire wire = wire::new_server();
		Wire other = Wire::tap({.name = "wire1"});

		topology::hop_at_ingress("wire0", 3);
		for (const char *device : {"all", "wire0", "hop3"})
			host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
		host::run("ip link set wire1 arp off up; ip address add 10.0.3.2/24 dev hop3");
		if (express)
			host::set_sysctl(express::setting, "hop3");
		for (const char *device : {"wire0", "hop3"})
			topology::at_hook(device, "egress", "mirred egress redirect dev wire1");
		const Change change;
		expect_reply(wire, other, ping(small, packet::ipv4("10.0.3.2")));
		change.expect_outcomes({{express ? "reply_express" : "reply", 1}}, "the reply");
		expect_reply(wire, other, ping(large, packet::ipv4("10.0.3.2")));
	}
}

/// A packet that was made twice already is not made twice again.
void replies_may_be_duplicated()
{
	Wire wire = wire::new_server();

	topology::hop_at_ingress("wire0", 1);
	host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
	host::set_sysctl("net/ipv4/conf/hop1/rp_filter", 0);
	host::need("sch_netem", "tc qdisc add dev wire0 root netem duplicate 100%");
	expect_reply(wire, wire, ping(small));
	expect(wire::next_answer(wire).has_value(), "a second reply");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"rules_see_replies_of_what_ifb_has_queued",
			 rules_see_replies_of_what_ifb_has_queued},
			{"rules_see_replies_that_are_copies", rules_see_replies_that_are_copies},
			{"rules_see_replies_of_a_pod", rules_see_replies_of_a_pod},
			{"rules_see_replies_of_express_devices",
			 rules_see_replies_of_express_devices},
			{"programs_do_not_see_metadata_of_requests",
			 programs_do_not_see_metadata_of_requests},
			{"replies_may_be_redirected", replies_may_be_redirected},
			{"replies_may_be_duplicated", replies_may_be_duplicated},
		});
}
