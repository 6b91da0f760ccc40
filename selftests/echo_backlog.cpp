// SPDX-License-Identifier: GPL-2.0-only
//
// Replies that wait in a queue take memory, which is bounded, and so nothing goes out once the bound is reached. It is a
// bound for those alone who cause the waiting: another namespace's replies and errors leave on the same processor, and so
// do those of the same namespace that go another way.

#include "lib/child.hpp"
#include "lib/counters.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/topology.hpp"
#include "lib/wire.hpp"

#include <string>
#include <vector>

namespace {

using counters::Change;
using family::V4;
using family::V6;
using ktap::expect_between;
using packet::Ipv4;
using wire::Wire;

/// More small replies than may wait anywhere.
constexpr int many = 5000;

/// From the client, or from a neighbour in the network @p number.
template <typename F> typename F::Datagram ping(int number = 0)
{
	return F::between(F::echo(0x62, 1, packet::pattern(8)), F::neighbour(number),
			  F::own_address(number));
}

template <typename F>
void expect_reply(const Wire &wire, const typename F::Datagram &request,
		  const wire::Where &where = wire::Where::current())
{
	wire::expect_echo_reply(wire::require_answer(wire, request, wire::Cast::unicast, where),
				request, where);
}

/// Sends requests whose replies wait until there is no room for more of them.
template <typename F> void fill(const Wire &wire)
{
	const auto request = ping<F>();
	const auto change = F::change();
	int sent = 0;

	while (sent < many && change.snmp()[F::icmp + "OutErrors"] == 0) {
		for (int i = 0; i < 100; i++, sent++)
			wire.send(request);
	}
	expect_between(sent, 100, many - 1, "requests until replies were refused");
	auto stat = change.icmpx();
	if (stat)
		expect_between((*stat)["drop_no_buffer"], 1, 100, "drop_no_buffer");
}

/// Everything on one processor: of control sockets, each has its own.
template <typename F> struct Processor {
	Processor()
	{
		F::need_icmpx();
		host::need("sch_tbf");
		host::stay_on_one_processor();
	}
};

/// A user in namespaces of his own, whose replies wait as he likes.
template <typename F> struct Silencer : Processor<F> {
	child::UserNamespace user;
	Wire theirs = user.in_network([] { return F::serve(); });

	Silencer()
	{
		user.as_root([&] {
			topology::hold_at_egress("wire0");
			fill<F>(theirs);
		});
	}
};

template <typename F> void others_replies_leave()
{
	const Silencer<F> silencer;
	Wire wire = F::new_server();

	for (int i = 0; i < 10; i++)
		expect_reply<F>(wire, ping<F>());
	if constexpr (!F::is_ipv6)
		wire::require_answer(wire, packet::datagram({.type = packet::Type::timestamp,
							     .data = packet::Bytes(12)}));
}

void others_errors_leave()
{
	const Silencer<V4> silencer;
	const sending::Router router(1000);
	Ipv4 large = errors::sent_udp({packet::client, 4242}, {sending::beyond, 9},
				      packet::pattern(1200));

	sending::expect_error(router.near, sending::to_closed_port(),
			      {.code = errors::port_unreachable});
	large.df = true;
	sending::expect_error(router.near, large,
			      {.code = errors::fragmentation_needed, .rest = 1000});
}

template <typename F> void what_other_users_cause_leaves()
{
	const Silencer<F> silencer;
	const Silencer<F> second;
	Wire wire = F::new_server();

	expect_reply<F>(wire, ping<F>());
}

/// One device's queue is full, and another one's is not.
template <typename F> void replies_by_another_device_leave()
{
	const Processor<F> one;
	const Wire wire = F::new_server();
	const Wire other = family::second_wire<F>(1);

	topology::hold_at_egress("wire0");
	fill<F>(wire);
	expect_reply<F>(other, ping<F>(1));
}

void errors_by_another_device_leave()
{
	const Processor<V4> one;
	const sending::Router router(1000);

	topology::hold_at_egress("wire0");
	fill<V4>(router.near);
	Ipv4 datagram = errors::sent_udp({sending::beyond, 4242}, {sending::second, 9},
					 packet::pattern(18));
	sending::expect_error(router.far, datagram,
			      {.code = errors::port_unreachable, .source = sending::second});
}

/// A class of their own gets replies to wait, and nothing else that the device is to send.
void errors_by_the_same_device_leave()
{
	const Processor<V4> one;
	const Wire wire = sending::unlimited_host();

	host::need("sch_prio", "tc qdisc replace dev wire0 root handle 1: prio bands 2 "
			       "priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
	host::need("cls_u32", "tc filter add dev wire0 parent 1: u32 match ip protocol 1 0xff "
			      "match u8 0 0xff at 20 flowid 1:2");
	topology::hold_at_egress("wire0", "parent 1:2");
	fill<V4>(wire);
	const Ipv4 datagram = sending::to_closed_port();
	const Change change;
	wire.send(datagram);
	auto answer = wire::next_answer(wire);
	// Those that need not wait, and one more every few seconds.
	while (answer && answer->icmp.type == packet::Type::echo_reply)
		answer = wire::next_answer(wire);
	sending::expect_is(ktap::require_value(std::move(answer), "an error"), datagram,
			   {.code = errors::port_unreachable});
	sending::expect_counted_sent(change, packet::Type::unreachable);
}

/// However many devices a namespace has.
template <typename F> void a_namespace_alone_is_bounded()
{
	constexpr int devices = 12, each = 1000;
	std::vector<Wire> wires;

	host::need("sch_tbf");
	host::stay_on_one_processor();
	host::enter_new_namespace();
	for (int i = 0; i < devices; i++) {
		const std::string name = "wire" + std::to_string(i);

		wires.push_back(Wire::tap({.name = name}));
		F::configure(name, F::own(i));
		topology::hold_at_egress(name);
	}
	const auto change = F::change();
	for (int i = 0; i < devices; i++) {
		const auto request = ping<F>(i);

		for (int n = 0; n < each; n++)
			wires.at(static_cast<std::size_t>(i)).send(request);
	}
	auto moved = change.snmp();
	const std::int64_t sent = moved[F::icmp + F::echo_replies];
	const std::int64_t refused = moved[F::icmp + "OutErrors"];
	expect_between(sent, 100, many, "replies that wait");
	ktap::expect_equal(sent + refused, devices * each, "replies and those refused");
	if (auto stat = change.icmpx())
		ktap::expect_equal((*stat)["drop_no_buffer"], refused, "drop_no_buffer");
}

/// As are errors that it has caused.
void errors_are_bounded()
{
	host::need("sch_tbf");
	host::stay_on_one_processor();
	const Wire wire = sending::unlimited_host();
	const Ipv4 datagram = sending::to_closed_port();
	const Change change(counters::Files::snmp);

	topology::hold_at_egress("wire0");
	for (int i = 0; i < many; i++)
		wire.send(datagram);
	expect_between(change.icmp()["Icmp.OutDestUnreachs"], 50, many / 2, "errors that wait");
	if (sending::ours())
		expect_between((*change.icmpx())["error_failed_no_buffer"], many / 2, many - 50,
			       "error_failed_no_buffer");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"replies_of_another_namespace", others_replies_leave<F>},
		{"two_users_that_hold_replies_back", what_other_users_cause_leaves<F>},
		{"replies_by_another_device", replies_by_another_device_leave<F>},
		{"a_namespace_alone_is_bounded", a_namespace_alone_is_bounded<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.insert(all.end(), {{"errors_of_another_namespace", others_errors_leave},
			       {"errors_by_another_device", errors_by_another_device_leave},
			       {"errors_by_the_same_device", errors_by_the_same_device_leave},
			       {"errors_are_bounded", errors_are_bounded}});
	return ktap::run(argc, argv, all);
}
