// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.express on devices without a queueing discipline, whose driver gets replies without a way round: every byte,
// counter, tap and egress hook is as on a device that has one.

#include "lib/express.hpp"

#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>

namespace {

using counters::Change;
using express::express_server;
using express::frame_of;
using express::icmp_at;
using express::next_frame;
using express::ping;
using express::reply_to;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::Wire;

enum class Queue { none, one };

Wire server(Queue queue)
{
	Wire wire = express_server();

	if (queue == Queue::none)
		host::run("tc qdisc replace dev wire0 root noqueue");
	else
		host::run("tc qdisc replace dev wire0 root pfifo");
	return wire;
}

void every_byte()
{
	Wire wire = server(Queue::none);

	for (std::size_t size : {0, 1, 56, 1472}) {
		Bytes frame = frame_of(wire, ping(size));
		Change change;

		wire.send_frame(frame);
		expect_equal(next_frame(wire.fd(), wire::patience), reply_to(frame),
			     "the reply's frame to " + std::to_string(size) + " bytes");
		change.expect_outcomes({{"reply_express", 1}}, "a plain request");
	}
}

/// Pages, which a driver may have to be spared.
void in_pages()
{
	Wire wire = express_server({.virtio_header = true}, 9000);

	host::run("tc qdisc replace dev wire0 root noqueue");
	Ipv4 request = ping(8001);
	Change change;
	wire.send_virtio({.header_length = icmp_at}, frame_of(wire, request));
	wire::expect_echo_reply(ktap::require_value(wire::next_answer(wire), "an answer"), request);
	change.expect_outcomes({{"reply_express", 1}}, "a request in pages");
}

/// What a device and its namespace count of ten requests.
counters::Values count_ten(Queue queue)
{
	Wire wire = server(queue);
	Change change;
	const std::string sent =
		"ip -s -s link show wire0 | sed -n '/TX:/{n;p;q}' | awk '{ print $2 }'";
	const long before = std::stol(host::output_of(sent));

	for (int i = 0; i < 10; i++) {
		Ipv4 request = ping();
		wire::expect_echo_reply(wire::require_answer(wire, request), request);
	}
	auto moved = change.snmp();
	for (const auto &[name, value] : ktap::require_value(change.icmpx(), "counters"))
		moved["icmpx." + name] = value;
	moved["tx_packets"] = std::stol(host::output_of(sent)) - before;
	return moved;
}

void counts_the_same()
{
	auto without = count_ten(Queue::none);

	expect_equal(without["icmpx.reply_express"], 10, "answers");
	expect_equal(without["tx_packets"], 10, "what the device sent");
	ktap::expect(without == count_ten(Queue::one), "what is counted with a queue and without");
}

void taps_see_both()
{
	Wire wire = server(Queue::none);
	host::Descriptor tap(host::check(
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), "packet socket"));
	Bytes request = frame_of(wire, ping());

	wire.send_frame(request);
	Bytes reply = next_frame(wire.fd(), wire::patience);
	expect_equal(reply, reply_to(request), "the reply");
	expect_equal(next_frame(tap.get(), wire::patience), request, "the tap's first frame");
	expect_equal(next_frame(tap.get(), wire::patience), reply, "the tap's second frame");
}

/// Expects no answer while @p stop is in force, and one after @p go_on.
void expect_stopped(const std::string &stop, const std::string &go_on)
{
	for (Queue queue : {Queue::none, Queue::one}) {
		Wire wire = server(queue);

		host::run(stop);
		wire::expect_no_answer(wire, ping());
		host::run(go_on);
		Ipv4 request = ping();
		Change change;
		wire::expect_echo_reply(wire::require_answer(wire, request), request);
		express::expect_way(change, "reply_express", "once nothing stops it");
	}
}

void an_egress_firewall_is_obeyed()
{
	host::need("an egress hook of nf_tables",
		   "nft 'add table netdev probe; "
		   "add chain netdev probe c { type filter hook egress device lo priority 0; }; "
		   "delete table netdev probe'");
	expect_stopped("nft 'add table netdev t; "
		       "add chain netdev t c { type filter hook egress device wire0 priority 0; }; "
		       "add rule netdev t c icmp type echo-reply drop'",
		       "nft flush ruleset");
}

void traffic_control_is_obeyed()
{
	host::need("cls_matchall", "tc qdisc add dev lo clsact && "
				   "tc filter add dev lo egress matchall action drop && "
				   "tc qdisc del dev lo clsact");
	expect_stopped("tc qdisc add dev wire0 clsact && "
		       "tc filter add dev wire0 egress matchall action drop",
		       "tc qdisc del dev wire0 clsact");
}

/// A driver whose own queue is full loses replies, and that is counted.
void what_the_driver_does_not_take()
{
	Wire wire = server(Queue::none);
	Change change;
	constexpr int many = 3000;

	for (int i = 0; i < many; i++)
		wire.send(ping());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	ktap::expect(moved["drop_output"] > 0, "some had no room");
	expect_equal(moved["reply_express"] + moved["drop_output"], many, "answers and drops");
	expect_equal(change.snmp()["Ip.OutDiscards"], moved["drop_output"], "OutDiscards");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"every_byte_of_the_reply", every_byte},
				 {"requests_in_pages", in_pages},
				 {"counts_as_with_a_queue", counts_the_same},
				 {"taps_see_request_and_reply", taps_see_both},
				 {"an_egress_firewall_is_obeyed", an_egress_firewall_is_obeyed},
				 {"traffic_control_is_obeyed", traffic_control_is_obeyed},
				 {"what_the_driver_does_not_take", what_the_driver_does_not_take},
			 });
}
