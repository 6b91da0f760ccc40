// SPDX-License-Identifier: GPL-2.0-only
//
// Requests and replies that wait at LOCAL_IN (NFQUEUE) while the address that they were sent to is deleted. The route that
// led them there then points to the first network namespace's blackhole device: that namespace is neither to answer nor to
// get them, and no reply of IPv4 has an address that is gone.

#include "lib/errors.hpp"
#include "lib/held.hpp"
#include "lib/module.hpp"

#include <algorithm>
#include <iterator>

namespace {

using counters::Change;
using family::V4;
using family::V6;
using held::Neighbours;
using ktap::expect;
using ktap::expect_equal;
using packet::Ipv4;
using packet::Type;
using wire::Wire;

template <typename F> typename F::Datagram echo(const typename F::Address &to = F::server)
{
	return F::datagram(F::echo(0x68, 1, packet::pattern(12)), to);
}

/// One of each kind, and what nft calls them.
template <typename F> std::vector<typename F::Datagram> requests()
{
	if constexpr (F::is_ipv6) {
		return {echo<F>()};
	} else {
		packet::Icmp message = packet::echo_request(0x68, 1, packet::pattern(12));

		message.type = Type::timestamp;
		return {echo<F>(), packet::datagram(message)};
	}
}

template <typename F> std::string held()
{
	return F::is_ipv6 ? F::request : "icmp type { echo-request, timestamp-request }";
}

/// The built-in code of IPv4 takes what it sends to be the first namespace's, and that of IPv6 does not.
template <typename F> bool namespaces_are_apart() { return F::is_ipv6 || host::has_icmpx(); }

/// To be held alone changes nothing.
template <typename F> void a_request_is_answered_when_it_goes_on()
{
	Neighbours<F> net;
	const auto before = F::change();

	net.user.as_root([&] {
		nfqueue::Queue queue(held<F>());

		for (const auto &request : requests<F>()) {
			net.theirs.send(request);
			queue.go_on(queue.next());
			auto answer = ktap::require_value(family::next_answer<F>(net.theirs),
							  "an answer");
			expect_equal(answer.ip.source, F::server, "its source");
		}
	});
	net.expect_calm(before);
}

/// A host of IPv6 answers from the address that was asked, whether it still has it or not; one of IPv4 does not answer.
template <typename F>
void expect_the_users_answer(const Wire &wire, const typename F::Datagram &request,
			     const wire::Where &where = wire::Where::current())
{
	if constexpr (F::is_ipv6)
		family::expect_reply_at(wire, request, "an answer by the user's namespace", where);
	else
		expect(wire.receive_all().empty(), "the user's wire is silent", where);
}

/// Its routes lead to the asker, and the source of the reply would be an address of the user's choice.
template <typename F> void a_request_is_not_answered_by_the_first_namespace()
{
	for (const auto &request : requests<F>()) {
		Neighbours<F> net;
		const auto before = F::change();

		net.user.as_root([&] {
			nfqueue::Queue queue(held<F>());
			const auto theirs = F::change();

			held::deliver_without_address<F>(queue, net.theirs, request);
			expect_the_users_answer<F>(net.theirs, request);
			if (namespaces_are_apart<F>())
				expect_equal(theirs.snmp()[F::icmp + "InMsgs"], 1,
					     "messages that the user's namespace counts");
		});
		net.expect_calm(before);
	}
}

/// Not even if the first namespace has the same address.
template <typename F> void a_request_to_an_address_of_both()
{
	if (!namespaces_are_apart<F>())
		ktap::skip("the built-in code of IPv4 answers then");
	Neighbours<F> net;
	const auto before = F::change();

	F::add_address("first0", F::server_prefix);
	net.user.as_root([&] {
		nfqueue::Queue queue(held<F>());

		held::deliver_without_address<F>(queue, net.theirs, echo<F>());
		expect_the_users_answer<F>(net.theirs, echo<F>());
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
		nfqueue::Queue queue(held<V4>());
		const Change theirs;

		held::deliver_without_address(queue, net.theirs, echo<V4>(V4::many));
		expect(net.theirs.receive_all().empty(), "the user's wire is silent");
		theirs.expect_outcomes({{"drop_broadcast", 1}}, "the user's namespace");
	});
	host::set_sysctl(setting, was);
	net.expect_calm(before);
}

/// What the first namespace ignores, it ignores for itself.
template <typename F> void settings_are_the_users()
{
	if (!namespaces_are_apart<F>())
		ktap::skip("the built-in code of IPv4 asks the first namespace");
	const std::string setting =
		F::settings + (F::is_ipv6 ? "icmp/echo_ignore_all" : "icmp_echo_ignore_all");
	Neighbours<F> net;

	host::set_sysctl(setting, 1);
	const auto before = F::change();
	net.user.as_root([&] {
		nfqueue::Queue queue(held<F>());
		const auto theirs = F::change();

		held::deliver_without_address<F>(queue, net.theirs, echo<F>());
		expect_the_users_answer<F>(net.theirs, echo<F>());
		if (auto moved = theirs.icmpx()) {
			expect_equal((*moved)["packets_in"], 1, "packets of the user's namespace");
			expect_equal((*moved)["ignore_echo"], 0, "ignored ones");
		}
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
	nfqueue::Queue queue(held<V4>());

	for (const Ipv4 &request : requests<V4>()) {
		wire.send(request);
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

/// What comes to be answered: IPv6's errors are the built-in code's.
template <typename F> std::vector<typename F::Datagram> causes()
{
	if constexpr (F::is_ipv6)
		return {echo<F>()};
	else
		return {echo<F>(), errors::sent_udp({packet::client, 4242}, {packet::server, 9})};
}

/// What is on its way out when the module goes is sent, or thrown away, all the same: netfilter has a reference to the socket
/// that it was sent by.
template <typename F> void the_module_goes_meanwhile(const std::string &hook)
{
	nfqueue::need();
	module::Icmpx icmpx;

	host::enter_new_namespace();
	Wire wire = held::serve<F>();
	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	for (bool goes_on : {true, false}) {
		for (const auto &cause : causes<F>()) {
			ktap::require_equal(icmpx.load(), 0, "loading");
			nfqueue::Queue queue(
				F::is_ipv6 ? F::reply
					   : "icmp type { echo-reply, destination-unreachable }",
				hook);
			wire.send(cause);
			const std::uint32_t id = queue.next();
			ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
			nfqueue::pass_grace_period();
			if (goes_on)
				queue.go_on(id);
			else
				queue.drop(id);
			expect_equal(family::next_answer<F>(wire, goes_on ? wire::patience
									  : wire::silence)
					     .has_value(),
				     goes_on, "what was held is sent");
		}
	}
}

template <typename F> void the_module_goes_before_a_filter()
{
	the_module_goes_meanwhile<F>("output");
}
template <typename F> void the_module_goes_behind_routing()
{
	the_module_goes_meanwhile<F>("postrouting");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"a_request_is_answered_when_it_goes_on", a_request_is_answered_when_it_goes_on<F>},
		{"a_request_is_not_answered_by_the_first_namespace",
		 a_request_is_not_answered_by_the_first_namespace<F>},
		{"a_request_to_an_address_of_both", a_request_to_an_address_of_both<F>},
		{"settings_are_the_users", settings_are_the_users<F>},
	};
}

/// They leave the first namespace.
template <typename F> std::vector<ktap::Test> tests_of_unloading()
{
	return {
		{"the_module_goes_before_a_filter", the_module_goes_before_a_filter<F>},
		{"the_module_goes_behind_routing", the_module_goes_behind_routing<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.insert(all.end(), {{"a_broadcast_is_not_answered_by_the_first_namespace",
				a_broadcast_is_not_answered_by_the_first_namespace},
			       {"a_reply_is_the_users", a_reply_is_the_users},
			       {"no_answer_from_an_address_that_is_gone", one_namespace},
			       {"no_answer_from_an_address_that_is_gone_in_the_first_namespace",
				the_first_namespace_alone}});
	std::ranges::copy(family::both(tests_of_unloading<V4>(), tests_of_unloading<V6>()),
			  std::back_inserter(all));
	return ktap::run(argc, argv, all);
}
