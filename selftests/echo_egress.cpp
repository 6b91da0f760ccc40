// SPDX-License-Identifier: GPL-2.0-only
//
// What a request's way in has left on it says nothing about the reply: rules at the egress, programs of tc and queueing
// disciplines see a packet that begins here, whichever way its request came, in place, in pieces and on the express path.

#include "lib/bpf.hpp"
#include "lib/express.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/socket.hpp"
#include "lib/topology.hpp"

#include <string>
#include <vector>

namespace {

using family::expect_reply_at;
using family::send_in_fragments;
using family::V4;
using family::V6;
using ktap::expect;
using ktap::expect_equal;
using topology::EgressRule;
using topology::Link;
using wire::Wire;

/// In place, and in pieces that are as large as those that it is to be sent in.
constexpr std::size_t small = 56;
template <typename F> constexpr std::size_t large = 2 * (1500 - F::fragment_header) / 8 * 8 + 400;

template <typename F>
typename F::Datagram ping(std::size_t size, const typename F::Address &to = F::server)
{
	return F::datagram(F::echo(0x65, 1, packet::pattern(size)), to);
}

template <typename F>
void expect_reply(const Wire &from, const Wire &at, const typename F::Datagram &request,
		  const wire::Where &where = wire::Where::current())
{
	send_in_fragments(from, request);
	expect_reply_at(at, request, "a reply", where);
}

/// What is behind a queue comes in once the sender is through.
template <typename F>
void wait_for_replies(const typename F::Change &change, int count,
		      const wire::Where &where = wire::Where::current())
{
	const auto until = std::chrono::steady_clock::now() + 10 * wire::patience;

	while (change.snmp()[F::icmp + F::echo_replies] < count) {
		if (std::chrono::steady_clock::now() > until)
			ktap::fatal("replies are missing", where);
		usleep(1000);
	}
}

/// Five requests, whose replies leave in so many packets each that match @p what, when @p verdict is what the rule says.
template <typename F>
void expect_seen(const Wire &wire, const std::string &device, std::size_t size, int packets,
		 const std::string &verdict, const wire::Where &where)
{
	constexpr int count = 5;
	const std::string what = verdict + ", " + std::to_string(size) + " bytes";
	const EgressRule rule(device, "meta protocol " + F::table, verdict);
	const auto change = F::change();

	for (std::uint16_t i = 0; i < count; i++) {
		for (const auto &part : F::fragments(ping<F>(size), 1500, i))
			wire.send(part);
	}
	wait_for_replies<F>(change, count, where);
	expect_equal(EgressRule::seen(), count * packets, "seen by the rule: " + what, where);
	expect_equal(wire.template receive_all<typename F::Datagram>().size(),
		     verdict == "drop" ? 0 : count * packets, "packets on the wire: " + what,
		     where);
}

/// Rules at the egress of @p device see all packets of replies; of a reply in pieces the first one alone if that is dropped.
template <typename F>
void expect_replies_to_be_seen(const Wire &wire, const std::string &device,
			       const wire::Where &where = wire::Where::current())
{
	expect_seen<F>(wire, device, small, 1, "drop", where);
	expect_seen<F>(wire, device, large<F>, 1, "drop", where);
	expect_seen<F>(wire, device, small, 1, "accept", where);
	expect_seen<F>(wire, device, large<F>, 3, "accept", where);
}

/// As with every machine that shapes what it receives.
template <typename F> void rules_see_replies_of_what_ifb_has_queued()
{
	Wire wire = F::new_server();

	topology::shape_ingress("wire0");
	expect_replies_to_be_seen<F>(wire, "wire0");
	Wire pod = topology::new_pod<F>(Link::veth);
	topology::shape_ingress("pod0");
	expect_replies_to_be_seen<F>(pod, "pod0");
}

/// A reader of the same bytes makes the reply a copy.
template <typename F> void rules_see_replies_that_are_copies()
{
	Wire wire = F::new_server();
	const sock::Socket reader = F::raw();

	topology::shape_ingress("wire0");
	expect_replies_to_be_seen<F>(wire, "wire0");
}

template <typename F> void rules_see_replies_of_a_pod()
{
	Wire wire = topology::new_pod<F>(Link::netkit);

	expect_replies_to_be_seen<F>(wire, "pod0");
	if (F::is_ipv6 || !host::has_icmpx())
		return;
	host::set_sysctl(express::setting, "pod0");
	expect_replies_to_be_seen<F>(wire, "pod0");
}

/// With an ifb in between, a frame has passed the ingress hook when it comes back from there.
void rules_see_replies_of_express_devices()
{
	Wire wire = express::express_server();

	expect_replies_to_be_seen<V4>(wire, "wire0");
	topology::shape_ingress("wire0");
	expect_replies_to_be_seen<V4>(wire, "wire0");
}

template <typename F> void expect_no_metadata(const Wire &wire, const std::string &device)
{
	const host::Descriptor at_ingress = bpf::put_metadata_at_ingress(device);

	bpf::drop_metadata_at_egress(device);
	for (std::size_t size : {small, std::size_t{1400}, large<F>})
		expect_reply<F>(wire, wire, ping<F>(size));
	if (F::is_ipv6 || !host::has_icmpx())
		return;
	host::set_sysctl(express::setting, device);
	const auto change = F::change();
	expect_reply<F>(wire, wire, ping<F>(small));
	change.expect_outcomes({{"reply_express", 1}}, "a plain request");
}

template <typename F> void programs_do_not_see_metadata_of_requests()
{
	Wire wire = F::new_server();
	expect_no_metadata<F>(wire, "wire0");
	Wire pod = topology::new_pod<F>(Link::veth);
	expect_no_metadata<F>(pod, "pod0");
}

/// A server whose requests come in again by @p count dummies.
template <typename F> Wire new_server_behind_hops(int count)
{
	Wire wire = F::new_server();

	F::quiet("default");
	topology::hop_at_ingress("wire0", count);
	for (const char *device : {"all", "wire0", "hop1"})
		host::set_sysctl(std::string("net/ipv4/conf/") + device + "/rp_filter", 0);
	return wire;
}

/// As often as a packet may be redirected. The reply is none of those.
template <typename F> void replies_may_be_redirected(bool express)
{
	constexpr int hops = 3;
	Wire wire = new_server_behind_hops<F>(hops);
	Wire other = Wire::tap({.name = "wire1"});
	const std::string prefix = F::own(hops);
	const auto own = F::address(prefix.substr(0, prefix.find('/')));

	host::set_sysctl("net/ipv4/conf/hop3/rp_filter", 0);
	host::run("ip link set wire1 arp off up");
	F::add_address("hop3", prefix);
	if (express)
		host::set_sysctl(express::setting, "hop3");
	for (const char *device : {"wire0", "hop3"})
		topology::at_hook(device, "egress", "mirred egress redirect dev wire1");
	const auto change = F::change();
	expect_reply<F>(wire, other, ping<F>(small, own));
	change.expect_outcomes({{express ? "reply_express" : "reply", 1}}, "the reply");
	expect_reply<F>(wire, other, ping<F>(large<F>, own));
}

template <typename F> void all_replies_may_be_redirected()
{
	replies_may_be_redirected<F>(false);
	if (!F::is_ipv6 && host::has_icmpx())
		replies_may_be_redirected<F>(true);
}

/// A packet that was made twice already is not made twice again.
template <typename F> void replies_may_be_duplicated()
{
	Wire wire = new_server_behind_hops<F>(1);

	host::need("sch_netem", "tc qdisc add dev wire0 root netem duplicate 100%");
	expect_reply<F>(wire, wire, ping<F>(small));
	expect(family::next_answer<F>(wire).has_value(), "a second reply");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"rules_see_replies_of_what_ifb_has_queued",
		 rules_see_replies_of_what_ifb_has_queued<F>},
		{"rules_see_replies_that_are_copies", rules_see_replies_that_are_copies<F>},
		{"rules_see_replies_of_a_pod", rules_see_replies_of_a_pod<F>},
		{"programs_do_not_see_metadata_of_requests",
		 programs_do_not_see_metadata_of_requests<F>},
		{"replies_may_be_redirected", all_replies_may_be_redirected<F>},
		{"replies_may_be_duplicated", replies_may_be_duplicated<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back(
		{"rules_see_replies_of_express_devices", rules_see_replies_of_express_devices});
	return ktap::run(argc, argv, all);
}
