// SPDX-License-Identifier: GPL-2.0-only
//
// A reply is a packet that this machine sends: netfilter's LOCAL_OUT, connection tracking, NAT, marks, priorities and qdiscs
// see it as one, with nothing left over from the request. What they do to a request is what is answered.

#include "lib/control.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/sending.hpp"
#include "lib/vrf.hpp"

using family::expect_reply_at;
using family::V4;
using family::V6;
using family::Wire;
using ktap::expect_equal;
using wire::expect_echo_reply;
using wire::require_answer;

namespace {

template <typename F>
typename F::Datagram ping(std::size_t size = 56, const typename F::Address &to = F::server)
{
	return F::datagram(F::echo(0x77, 1, packet::pattern(size)), to);
}

/// Feeds @p text to nft; skips where the kernel has no nf_tables.
void nft(const std::string &text)
{
	if (!host::try_run("nft 'add table inet probe; delete table inet probe'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("nft -f - <<'END'\n" + text + "\nEND");
}

/// One chain in the table t of the family.
template <typename F>
void chain(const std::string &name, const std::string &type, const std::string &hook,
	   const std::string &rules)
{
	nft("table " + F::table + " t {\nchain " + name + " {\ntype " + type + " hook " + hook +
	    "\n" + rules + "\n}\n}");
}

/// Both hooks of a table; @p in and @p out are rules.
template <typename F>
void filter(const std::string &in, const std::string &out, const std::string &out_type = "filter")
{
	chain<F>("in", "filter", "prerouting priority -150", in);
	chain<F>("out", out_type, "output priority -150", out);
}

/// How often the rules with the counter @p name matched.
template <typename F> std::int64_t matched(const std::string &name)
{
	std::string text = host::output_of("nft list counter " + F::table + " t " + name);
	std::size_t at = text.find("packets ");

	if (at == std::string::npos)
		ktap::fatal("no counter: " + text);
	return std::stoll(text.substr(at + 8));
}

template <typename F> void add_counters(std::initializer_list<const char *> names)
{
	std::string text = "add table " + F::table + " t\n";

	for (const char *name : names)
		text += "add counter " + F::table + " t " + name + "\n";
	nft(text);
}

template <typename F> void expect_answer_to_fragments(const Wire &wire)
{
	const auto large = ping<F>(4000);

	family::send_in_fragments(wire, large);
	expect_reply_at(wire, large);
}

template <typename F> void expect_answer(const Wire &wire, const typename F::Datagram &request)
{
	expect_echo_reply(require_answer(wire, request), request);
}

template <typename F> void local_out_drop()
{
	auto wire = F::new_server();

	filter<F>("", F::reply + " drop");
	const auto change = F::change();
	wire::expect_no_answer(wire, ping<F>());
	auto moved = change.snmp();
	// The reply was sent, as ICMP counts, and discarded by IP.
	expect_equal(moved[F::icmp + F::echo_replies], 1, F::echo_replies);
	expect_equal(moved[F::icmp + "OutErrors"], 0, "OutErrors");
	expect_equal(moved[F::ip + "OutDiscards"], 1, "OutDiscards");
	change.expect_outcomes({{"drop_output", 1}}, "dropped by LOCAL_OUT");
	host::run("nft flush ruleset");
	expect_answer<F>(wire, ping<F>());
}

template <typename F> void local_out_sees_the_reply()
{
	auto wire = F::new_server();
	// IPv6 has the length of what is behind the header.
	const std::string length = std::to_string(F::is_ipv6 ? 64 : 84);

	add_counters<F>({"every", "right"});
	filter<F>("", "counter name every\n" + F::table + " saddr " + F::server_text + ' ' +
			      F::table + " daddr " + F::client_text + ' ' + F::table + " length " +
			      length + ' ' + F::reply +
			      " oifname wire0 meta pkttype host counter name right");
	require_answer(wire, ping<F>());
	expect_equal(matched<F>("every"), 1, "packets in LOCAL_OUT");
	expect_equal(matched<F>("right"), 1, "the reply as LOCAL_OUT sees it");
}

template <typename F> void local_out_may_route_again()
{
	auto wire = F::new_server();
	const Wire other = family::second_wire<F>();
	const auto request = ping<F>();

	host::run("ip " + F::option + " route add default dev wire1 table 100; ip " + F::option +
		  " rule add fwmark 5 table 100");
	filter<F>("", F::reply + " meta mark set 5", "route");
	wire.send(request);
	expect_reply_at(other, request, "the reply by the mark of LOCAL_OUT");
}

template <typename F> void mark(int reflect, const char *expected)
{
	auto wire = F::new_server();

	host::set_sysctl(F::settings + "fwmark_reflect", reflect);
	add_counters<F>({"right"});
	filter<F>("meta mark set 0x51",
		  std::string("meta mark ") + expected + " counter name right");
	require_answer(wire, ping<F>());
	expect_equal(matched<F>("right"), 1, std::string("replies with mark ") + expected);
}

template <typename F> void no_mark() { mark<F>(0, "0"); }
template <typename F> void the_requests_mark() { mark<F>(1, "0x51"); }

/// The request's priority (of a VLAN, of a rule) is not the reply's: the control socket has none.
template <typename F> void priority()
{
	auto wire = F::new_server();

	add_counters<F>({"none"});
	filter<F>("meta priority set 1:5", "meta priority 0:0 counter name none");
	require_answer(wire, ping<F>());
	expect_equal(matched<F>("none"), 1, "replies with priority 0");
}

template <typename F> void pkttype_of_the_reply_to_a_request_to_many()
{
	auto wire = F::new_server();

	F::answer_many();
	add_counters<F>({"unicast"});
	filter<F>("", "meta pkttype host counter name unicast");
	require_answer(wire, ping<F>(56, F::many), F::to_many);
	expect_equal(matched<F>("unicast"), 1, "replies that are to one host");
}

void need_conntrack()
{
	host::need("nf_conntrack", "test -e /proc/sys/net/netfilter/nf_conntrack_max");
}

template <typename F> void conntrack()
{
	auto wire = F::new_server();

	need_conntrack();
	add_counters<F>({"fresh", "back", "other"});
	filter<F>("ct state new counter name fresh",
		  F::reply + " ct state established ct direction reply counter name back\n"
			     "ct state new,invalid,untracked,related counter name other");
	for (std::size_t size : {56, 1400})
		expect_answer<F>(wire, ping<F>(size));
	expect_answer_to_fragments<F>(wire);
	expect_equal(matched<F>("fresh"), 1, "requests of a new connection");
	expect_equal(matched<F>("back"), 3, "replies in the requests' connection");
	expect_equal(matched<F>("other"), 0, "replies in none or another one");
}

/// An untracked request (notrack) says nothing about the reply.
template <typename F> void notrack_of_the_request()
{
	auto wire = F::new_server();

	need_conntrack();
	add_counters<F>({"untracked", "tracked"});
	chain<F>("raw", "filter", "prerouting priority raw", "notrack");
	filter<F>("", "ct state untracked counter name untracked\nct state != untracked counter "
		      "name tracked");
	require_answer(wire, ping<F>());
	expect_equal(matched<F>("untracked"), 0, "untracked replies");
	expect_equal(matched<F>("tracked"), 1, "tracked replies");
}

/// The reply is the connection's, and gets back the address that the requester knows.
template <typename F>
void nat(const std::string &hook, const std::string &what, const typename F::Address &to)
{
	auto wire = F::new_server();
	const auto large = ping<F>(4000, to);

	need_conntrack();
	chain<F>("nat", "nat", hook, F::request + ' ' + what);
	for (std::size_t size : {0, 56, 1400})
		expect_answer<F>(wire, ping<F>(size, to));
	family::send_in_fragments(wire, large);
	expect_reply_at(wire, large);
}

template <typename F> void destination_is_translated()
{
	nat<F>("prerouting priority dstnat", "dnat to " + F::server_text, F::another);
}

template <typename F> void source_is_translated()
{
	nat<F>("input priority 100", "snat to " + F::another_text, F::server);
}

/// Without a connection nothing is translated back.
template <typename F> void destination_is_rewritten()
{
	auto wire = F::new_server();

	chain<F>("rewrite", "filter", "prerouting priority raw",
		 F::request + ' ' + F::table + " daddr set " + F::server_text);
	for (std::size_t size : {0, 56, 1400}) {
		const auto answer = require_answer(wire, ping<F>(size, F::another));

		expect_echo_reply(answer, ping<F>(size));
	}
}

template <typename F> void requests_dropped()
{
	auto wire = F::new_server();

	nft("table inet t {\nchain in {\ntype filter hook input priority 0\n" + F::request +
	    " drop\n}\n}");
	const auto change = F::change();
	wire::expect_no_answer(wire, ping<F>());
	change.expect_icmp({}, "a request that netfilter drops");
	change.expect_outcomes({}, "a request that netfilter drops");
}

template <typename F> void requests_rejected()
{
	constexpr int port_unreachable = F::is_ipv6 ? 4 : 3;
	auto wire = F::new_server();

	nft("table inet t {\nchain in {\ntype filter hook input priority 0\n" + F::request +
	    " reject\n}\n}");
	const auto change = F::change();
	const auto answer = require_answer(wire, ping<F>());
	expect_equal(answer.icmp.type, F::Type::unreachable, "type");
	expect_equal(answer.icmp.code, port_unreachable, "code");
	expect_equal(answer.icmp.data, ping<F>().build(), "what was rejected");
	change.expect_icmp({{F::icmp + "OutMsgs", 1},
			    {F::icmp + "OutDestUnreachs", 1},
			    {F::out_type + std::to_string(F::Type::unreachable), 1}},
			   "a request that netfilter rejects");
	change.expect_outcomes({}, "a request that netfilter rejects");
}

/// What goes out again in the request's buffer did not come in: a rule against what passes through by the same device is not
/// about it.
template <typename F> void post_routing_sees_what_this_host_sends()
{
	auto wire = F::new_server();

	add_counters<F>({"sent", "passed"});
	chain<F>("post", "filter", "postrouting priority 0",
		 "iifname wire0 counter name passed\noifname wire0 counter name sent");
	require_answer(wire, ping<F>());
	expect_answer_to_fragments<F>(wire);
	expect_equal(matched<F>("sent"), 2, "packets in POST_ROUTING");
	expect_equal(matched<F>("passed"), 0, "packets that came in by a device");
}

/// A receive time stamp left in the reply would be a departure time to fq, 50 years from now.
template <typename F> void receive_time_does_not_delay_the_reply()
{
	auto wire = F::new_server();
	sock::Socket stamping = control::have_all_stamped();

	host::need("sch_fq", "tc qdisc replace dev wire0 root fq");
	for (int i = 0; i < 3; i++)
		expect_answer<F>(wire, ping<F>());
}

/// A VRF has its own LOCAL_OUT, before what IPv6 itself sets of a packet: reply, error and request are of IPv6 there.
void a_vrf_sees_the_protocol()
{
	vrf::need();
	V6::new_server();
	ping::allow();
	vrf::add("red", 10);
	const Wire inside = wire6::second_wire("fd08::2/64", "red");
	const packet6::Address host = packet6::ipv6("fd08::2"), peer = packet6::ipv6("fd08::1");
	host::run("ip -6 route add table 10 unreachable default metric 4278198272");
	nft("table inet t {\ncounter seen { }\nchain out {\ntype filter hook output priority 0\n"
	    "oifname \"red\" meta protocol ip6 meta l4proto icmpv6 counter name seen\n}\n}");
	const auto seen = [] {
		const std::string text = host::output_of("nft list counter inet t seen");

		return std::stoll(text.substr(text.find("packets ") + 8));
	};

	require_answer(inside, packet6::datagram(packet6::echo_request(1, 1),
						 {.source = peer, .destination = host}));
	expect_equal(seen(), 1, "a reply");
	require_answer(inside, sending::to_closed_port<sending::V6>(18, host, peer));
	expect_equal(seen(), 2, "an error");
	const sock::Socket socket = sock6::ping();
	ktap::require_equal(ping::try_to_bind_to_device(socket, "red"), 0, "SO_BINDTODEVICE");
	ktap::require_equal(sock6::send(socket, pinger::request<V6>(1), {{peer}}), 0, "sendto");
	expect_equal(seen(), 3, "a request");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"local_out_sees_the_reply", local_out_sees_the_reply<F>},
		{"local_out_drop_is_ip_outdiscards", local_out_drop<F>},
		{"local_out_may_route_again", local_out_may_route_again<F>},
		{"fwmark_reflect_0_reply_has_no_mark", no_mark<F>},
		{"fwmark_reflect_1_reply_has_the_mark", the_requests_mark<F>},
		{"reply_has_no_priority", priority<F>},
		{"reply_to_many_is_to_one", pkttype_of_the_reply_to_a_request_to_many<F>},
		{"conntrack_reply_is_established", conntrack<F>},
		{"conntrack_notrack_is_the_requests", notrack_of_the_request<F>},
		{"nat_of_the_destination", destination_is_translated<F>},
		{"nat_of_the_source", source_is_translated<F>},
		{"destination_is_rewritten", destination_is_rewritten<F>},
		{"requests_dropped", requests_dropped<F>},
		{"requests_rejected", requests_rejected<F>},
		{"post_routing_sees_what_this_host_sends",
		 post_routing_sees_what_this_host_sends<F>},
		{"receive_time_does_not_delay_the_reply", receive_time_does_not_delay_the_reply<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back({"ipv6_a_vrf_sees_the_protocol", a_vrf_sees_the_protocol});
	return ktap::run(argc, argv, all);
}
