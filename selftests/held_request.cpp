// SPDX-License-Identifier: GPL-2.0-only
//
// Requests and replies that wait at LOCAL_IN (NFQUEUE) while the address that they were sent to is deleted. The route that
// led them there then points to the first network namespace's blackhole device: that namespace is neither to answer nor to
// get them, and no reply has an address that is gone.

#include "lib/errors.hpp"
#include "lib/held.hpp"
#include "lib/module.hpp"

#include <linux/icmp.h>

namespace {

using counters::Change;
using held::Neighbours;
using ktap::expect;
using ktap::expect_equal;
using packet::Ipv4;
using packet::Type;
using wire::Wire;

const std::string requests = "icmp type { echo-request, timestamp-request }";

Ipv4 request(std::uint8_t type = Type::echo)
{
	packet::Icmp message = packet::echo_request(0x68, 1, packet::pattern(12));

	message.type = type;
	return packet::datagram(message);
}

/// To be held alone changes nothing.
void a_request_is_answered_when_it_goes_on()
{
	Neighbours net;
	const Change before;

	net.user.as_root([&] {
		nfqueue::Queue queue(requests);

		for (std::uint8_t type : {Type::echo, Type::timestamp}) {
			net.theirs.send(request(type));
			queue.go_on(queue.next());
			auto answer =
				ktap::require_value(wire::next_answer(net.theirs), "an answer");
			expect_equal(answer.ip.source, packet::server, "its source");
		}
	});
	net.expect_calm(before);
}

/// Its routes lead to the asker, and the source of the reply would be an address of the user's choice.
void a_request_is_not_answered_by_the_first_namespace()
{
	for (std::uint8_t type : {Type::echo, Type::timestamp}) {
		Neighbours net;
		const Change before;

		net.user.as_root([&] {
			nfqueue::Queue queue(requests);
			const Change theirs;

			held::deliver_without_address(queue, net.theirs, request(type));
			expect(net.theirs.receive_all().empty(), "the user's wire is silent");
			if (host::has_icmpx())
				expect_equal(theirs.icmp()["Icmp.InMsgs"], 1,
					     "messages that the user's namespace counts");
		});
		net.expect_calm(before);
	}
}

/// Not even if the first namespace has the same address. (The built-in code answers then.)
void a_request_to_an_address_of_both()
{
	host::need_icmpx();
	Neighbours net;
	const Change before;

	host::run("ip address add 10.0.0.2/32 dev first0");
	net.user.as_root([&] {
		nfqueue::Queue queue(requests);

		held::deliver_without_address(queue, net.theirs, request());
		expect(net.theirs.receive_all().empty(), "the user's wire is silent");
	});
	net.expect_calm(before);
}

/// Whether a broadcast is answered is for the user's namespace to say. (With the built-in code it is for the first one.)
void a_broadcast_is_not_answered_by_the_first_namespace()
{
	host::need_icmpx();
	Neighbours net;
	const std::string setting = "net/ipv4/icmp_echo_ignore_broadcasts";
	const std::string was = host::sysctl(setting);

	host::set_sysctl(setting, 0);
	const Change before;
	net.user.as_root([&] {
		nfqueue::Queue queue(requests);
		Ipv4 broadcast = request();
		const Change theirs;

		broadcast.destination = packet::ipv4("10.0.0.255");
		held::deliver_without_address(queue, net.theirs, broadcast);
		expect(net.theirs.receive_all().empty(), "the user's wire is silent");
		theirs.expect_outcomes({{"drop_broadcast", 1}}, "the user's namespace");
	});
	host::set_sysctl(setting, was);
	net.expect_calm(before);
}

/// What the first namespace ignores, it ignores for itself.
void settings_are_the_users()
{
	host::need_icmpx();
	const std::string setting = "net/ipv4/icmp_echo_ignore_all";
	Neighbours net;

	host::set_sysctl(setting, 1);
	const Change before;
	net.user.as_root([&] {
		nfqueue::Queue queue(requests);
		const Change theirs;

		held::deliver_without_address(queue, net.theirs, request());
		auto moved = ktap::require_value(theirs.icmpx(), "counters");
		expect_equal(moved["packets_in"], 1, "packets of the user's namespace");
		expect_equal(moved["ignore_echo"], 0, "ignored ones");
	});
	host::set_sysctl(setting, 0);
	net.expect_calm(before);
}

/// The user's socket and one of the first namespace have the same identifier.
void a_reply_is_the_users()
{
	constexpr std::uint16_t id = 0x4242;
	Neighbours net;
	const std::string was = host::sysctl(ping::group_range);

	ping::allow();
	sock::Socket ours = sock::ping();
	host::set_sysctl(ping::group_range, was);
	sock::bind(ours, {0, id});
	const Change before;
	net.user.as_root([&] {
		nfqueue::Queue queue("icmp type echo-reply");
		sock::Socket theirs = sock::ping();

		sock::bind(theirs, {0, id});
		held::deliver_without_address(queue, net.theirs, ping::reply(id));
		expect(sock::receive(theirs).has_value(), "the user's socket gets it");
	});
	expect(!sock::receive(ours).has_value(), "the first namespace's socket gets nothing");
	net.expect_calm(before);
}

/// RFC 1122, 3.2.1.3: a host sends from its own addresses alone.
void no_answer_from_an_address_that_is_gone(bool freed)
{
	Wire wire = held::serve();
	nfqueue::Queue queue(requests);

	for (std::uint8_t type : {Type::echo, Type::timestamp}) {
		wire.send(request(type));
		const std::uint32_t id = queue.next();
		host::run("ip address delete 10.0.0.2/24 dev wire0");
		if (freed)
			nfqueue::pass_grace_period();
		queue.go_on(id);
		expect(wire.receive_all().empty(), freed ? "silence once the route is freed"
							 : "silence once the address is gone");
		host::run("ip address add 10.0.0.2/24 dev wire0");
	}
}

void one_namespace()
{
	nfqueue::need();
	for (bool freed : {false, true}) {
		child::run([=] {
			host::enter_new_namespace();
			no_answer_from_an_address_that_is_gone(freed);
		});
	}
}

void the_first_namespace_alone()
{
	nfqueue::need();
	for (bool freed : {false, true})
		child::run([=] { no_answer_from_an_address_that_is_gone(freed); });
}

/// What is on its way out when the module goes is sent, or thrown away, all the same: netfilter has a reference to the socket
/// that it was sent by.
void the_module_goes_meanwhile(const std::string &hook)
{
	nfqueue::need();
	module::Icmpx icmpx;

	host::enter_new_namespace();
	Wire wire = held::serve();
	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	for (bool goes_on : {true, false}) {
		for (const Ipv4 &cause :
		     {request(), errors::sent_udp({packet::client, 4242}, {packet::server, 9})}) {
			ktap::require_equal(icmpx.load(), 0, "loading");
			nfqueue::Queue queue("icmp type { echo-reply, destination-unreachable }",
					     hook);
			wire.send(cause);
			const std::uint32_t id = queue.next();
			ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
			nfqueue::pass_grace_period();
			if (goes_on)
				queue.go_on(id);
			else
				queue.drop(id);
			expect_equal(
				wire::next_answer(wire, goes_on ? wire::patience : wire::silence)
					.has_value(),
				goes_on, "what was held is sent");
		}
	}
}

void the_module_goes_before_a_filter() { the_module_goes_meanwhile("output"); }
void the_module_goes_behind_routing() { the_module_goes_meanwhile("postrouting"); }

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"a_request_is_answered_when_it_goes_on",
			 a_request_is_answered_when_it_goes_on},
			{"a_request_is_not_answered_by_the_first_namespace",
			 a_request_is_not_answered_by_the_first_namespace},
			{"a_request_to_an_address_of_both", a_request_to_an_address_of_both},
			{"a_broadcast_is_not_answered_by_the_first_namespace",
			 a_broadcast_is_not_answered_by_the_first_namespace},
			{"settings_are_the_users", settings_are_the_users},
			{"a_reply_is_the_users", a_reply_is_the_users},
			{"no_answer_from_an_address_that_is_gone", one_namespace},
			{"no_answer_from_an_address_that_is_gone_in_the_first_namespace",
			 the_first_namespace_alone},
			{"the_module_goes_before_a_filter", the_module_goes_before_a_filter},
			{"the_module_goes_behind_routing", the_module_goes_behind_routing},
		});
}
