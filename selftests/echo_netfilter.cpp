// SPDX-License-Identifier: GPL-2.0-only
//
// A reply is a packet that this machine sends: netfilter's LOCAL_OUT, connection tracking, marks, priorities and qdiscs
// see it as one, with nothing left over from the request.

#include "lib/control.hpp"
#include "lib/counters.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

using counters::Change;
using ktap::expect_equal;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::next_answer;
using wire::require_answer;
using wire::Wire;

namespace {

Ipv4 ping(std::size_t size = 56)
{
	return packet::datagram(packet::echo_request(0x77, 1, packet::pattern(size)));
}

/// Feeds @p text to nft; skips where the kernel has no nf_tables.
void nft(const std::string &text)
{
	if (!host::try_run("nft 'add table ip probe; delete table ip probe'"))
		ktap::skip("the kernel has no nf_tables");
	host::run("nft -f - <<'END'\n" + text + "\nEND");
}

/// Both hooks of a table; @p in and @p out are rules.
void filter(const std::string &in, const std::string &out, const std::string &out_type = "filter")
{
	nft("table ip t {\nchain in {\ntype filter hook prerouting priority -150\n" + in +
	    "\n}\nchain out {\ntype " + out_type + " hook output priority -150\n" + out + "\n}\n}");
}

/// How often the rules of the chain "out" with the counter @p name matched.
std::int64_t matched(const std::string &name)
{
	std::string text = host::output_of("nft list counter ip t " + name);
	std::size_t at = text.find("packets ");

	if (at == std::string::npos)
		ktap::fatal("no counter: " + text);
	return std::stoll(text.substr(at + 8));
}

void add_counters(std::initializer_list<const char *> names)
{
	std::string text = "add table ip t\n";

	for (const char *name : names)
		text += std::string("add counter ip t ") + name + "\n";
	nft(text);
}

void expect_answer_to_fragments(const Wire &wire)
{
	const Ipv4 large = ping(4000);

	for (const Ipv4 &part : packet::fragment(large, 1500))
		wire.send(part);
	expect_echo_reply(ktap::require_value(next_answer(wire), "an answer"), large);
}

/// A second wire that the routing table 100 leads to.
Wire wire_of_table_100()
{
	Wire wire = Wire::tap({.name = "wire1"});

	host::run("ip link set wire1 arp off up; ip address add 10.0.1.2/24 dev wire1;"
		  "ip route add default dev wire1 table 100");
	return wire;
}

void local_out_drop()
{
	auto wire = wire::new_server();

	filter("", "icmp type echo-reply drop");
	Change change;
	wire::expect_no_answer(wire, ping());
	auto moved = change.snmp();
	// The reply was sent, as ICMP counts, and discarded by IP.
	expect_equal(moved["Icmp.OutEchoReps"], 1, "OutEchoReps");
	expect_equal(moved["Icmp.OutErrors"], 0, "OutErrors");
	expect_equal(moved["Ip.OutDiscards"], 1, "Ip OutDiscards");
	change.expect_outcomes({{"drop_output", 1}}, "dropped by LOCAL_OUT");
	host::run("nft flush ruleset");
	Ipv4 request = ping();
	expect_echo_reply(require_answer(wire, request), request);
}

void local_out_sees_the_reply()
{
	auto wire = wire::new_server();

	add_counters({"every", "right"});
	filter("", "counter name every\nip saddr 10.0.0.2 ip daddr 10.0.0.1 ip length 84 icmp type "
		   "echo-reply "
		   "oifname wire0 meta pkttype host counter name right");
	require_answer(wire, ping());
	expect_equal(matched("every"), 1, "packets in LOCAL_OUT");
	expect_equal(matched("right"), 1, "the reply as LOCAL_OUT sees it");
}

void local_out_may_route_again()
{
	auto wire = wire::new_server();
	Wire other = wire_of_table_100();

	host::run("ip rule add fwmark 5 table 100");
	filter("", "icmp type echo-reply meta mark set 5", "route");
	Ipv4 request = ping();
	wire.send(request);
	expect_echo_reply(
		ktap::require_value(next_answer(other), "the reply by the mark of LOCAL_OUT"),
		request);
}

void mark(int reflect, const char *expected)
{
	auto wire = wire::new_server();

	host::set_sysctl("net/ipv4/fwmark_reflect", reflect);
	add_counters({"right"});
	filter("meta mark set 0x51", std::string("meta mark ") + expected + " counter name right");
	require_answer(wire, ping());
	expect_equal(matched("right"), 1, std::string("replies with mark ") + expected);
}

/// The request's priority (of a VLAN, of a rule) is not the reply's: the control socket has none.
void priority()
{
	auto wire = wire::new_server();

	add_counters({"none"});
	filter("meta priority set 1:5", "meta priority 0:0 counter name none");
	require_answer(wire, ping());
	expect_equal(matched("none"), 1, "replies with priority 0");
}

void pkttype_of_the_reply_to_a_broadcast()
{
	auto wire = wire::new_server();
	Ipv4 request = ping();

	host::set_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0);
	request.destination = packet::ipv4("10.0.0.255");
	add_counters({"unicast"});
	filter("", "meta pkttype host counter name unicast");
	require_answer(wire, request, wire::Cast::broadcast);
	expect_equal(matched("unicast"), 1, "replies that are not broadcast");
}

void conntrack()
{
	auto wire = wire::new_server();

	host::need("nf_conntrack", "test -e /proc/sys/net/netfilter/nf_conntrack_max");
	add_counters({"fresh", "back", "other"});
	filter("ct state new counter name fresh",
	       "icmp type echo-reply ct state established ct direction reply counter name back\n"
	       "ct state new,invalid,untracked,related counter name other");
	for (std::size_t size : {56, 1400}) {
		Ipv4 request = ping(size);
		expect_echo_reply(require_answer(wire, request), request);
	}
	expect_answer_to_fragments(wire);
	expect_equal(matched("fresh"), 1, "requests of a new connection");
	expect_equal(matched("back"), 3, "replies in the requests' connection");
	expect_equal(matched("other"), 0, "replies in none or another one");
}

/// An untracked request (notrack) says nothing about the reply.
void notrack_of_the_request()
{
	auto wire = wire::new_server();

	host::need("nf_conntrack", "test -e /proc/sys/net/netfilter/nf_conntrack_max");
	add_counters({"untracked", "tracked"});
	nft("table ip t {\nchain raw {\ntype filter hook prerouting priority raw\nnotrack\n}\n}");
	filter("", "ct state untracked counter name untracked\nct state != untracked counter name "
		   "tracked");
	require_answer(wire, ping());
	expect_equal(matched("untracked"), 0, "untracked replies");
	expect_equal(matched("tracked"), 1, "tracked replies");
}

/// What goes out again in the request's buffer did not come in: a rule against what passes through by the same device is not
/// about it.
void post_routing_sees_what_this_host_sends()
{
	auto wire = wire::new_server();

	add_counters({"sent", "passed"});
	nft("table ip t {\nchain post {\ntype filter hook postrouting priority 0\n"
	    "iifname wire0 counter name passed\noifname wire0 counter name sent\n}\n}");
	require_answer(wire, ping());
	expect_answer_to_fragments(wire);
	expect_equal(matched("sent"), 2, "packets in POST_ROUTING");
	expect_equal(matched("passed"), 0, "packets that came in by a device");
}

/// A receive time stamp left in the reply would be a departure time to fq, 50 years from now.
void receive_time_does_not_delay_the_reply()
{
	auto wire = wire::new_server();
	sock::Socket stamping = control::have_all_stamped();

	host::need("sch_fq", "tc qdisc replace dev wire0 root fq");
	for (int i = 0; i < 3; i++) {
		Ipv4 request = ping();
		expect_echo_reply(require_answer(wire, request), request);
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"local_out_sees_the_reply", local_out_sees_the_reply},
				 {"local_out_drop_is_ip_outdiscards", local_out_drop},
				 {"local_out_may_route_again", local_out_may_route_again},
				 {"fwmark_reflect_0_reply_has_no_mark",
				  [] {
					  mark(0, "0");
				  }},
				 {"fwmark_reflect_1_reply_has_the_mark",
				  [] {
					  mark(1, "0x51");
				  }},
				 {"reply_has_no_priority", priority},
				 {"reply_to_broadcast_is_not_broadcast",
				  pkttype_of_the_reply_to_a_broadcast},
				 {"conntrack_reply_is_established", conntrack},
				 {"conntrack_notrack_is_the_requests", notrack_of_the_request},
				 {"post_routing_sees_what_this_host_sends",
				  post_routing_sees_what_this_host_sends},
				 {"receive_time_does_not_delay_the_reply",
				  receive_time_does_not_delay_the_reply},
			 });
}
