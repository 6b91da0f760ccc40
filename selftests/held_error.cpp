// SPDX-License-Identifier: GPL-2.0-only
//
// Errors, and what causes one, that wait at LOCAL_IN (NFQUEUE) while the address that they were sent to is deleted: an error
// that comes in is for the sockets of the namespace that it came into, and one that goes out is sent by the namespace that
// its cause came into, or by none.

#include "lib/errors.hpp"
#include "lib/held.hpp"

#include <functional>

namespace {

using counters::Change;
using held::Neighbours;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using sock::Endpoint;
using sock::Socket;

constexpr Endpoint local{packet::server, 0x4242};
constexpr Endpoint remote{errors::remote(1), 9};

/// A socket that has sent something, and the datagram that an error is to be about.
struct Sender {
	const char *name;
	std::function<Socket()> open;
	Ipv4 sent;
};

Socket connected(Socket socket, const Endpoint &from)
{
	sock::bind(socket, from);
	ktap::require_equal(sock::connect(socket, remote), 0, "connect");
	return socket;
}

std::vector<Sender> senders()
{
	packet::Icmp ping = packet::echo_request(local.port, 1);

	return {
		{"UDP", [] { return connected(sock::udp(), local); },
		 errors::sent_udp(local, remote)},
		{"ping", [] { return connected(sock::ping(), local); },
		 errors::sent(IPPROTO_ICMP, local.address, remote.address, ping.build())},
		{"raw",
		 [] {
			 return connected(sock::raw(200), {local.address, 0});
		 },
		 errors::sent(200, local.address, remote.address, packet::pattern(8))},
	};
}

/// The first namespace has a socket of the same kind, with the same ends.
void an_error_is_for_the_users_sockets()
{
	for (const Sender &sender : senders()) {
		Neighbours net;
		const std::string was = host::sysctl(ping::group_range);

		host::run("ip address add 10.0.0.2/32 dev first0");
		ping::allow();
		Socket ours = sender.open();
		host::set_sysctl(ping::group_range, was);
		net.first.receive_all();
		const Change before;
		net.user.as_root([&] {
			nfqueue::Queue queue("icmp type destination-unreachable");
			Socket theirs = sender.open();
			const Change of_theirs;

			held::deliver_without_address(
				queue, net.theirs,
				errors::unreachable(errors::port_unreachable, sender.sent.build()));
			expect_equal(sock::take_error(theirs), ECONNREFUSED,
				     std::string("the user's socket, ") + sender.name);
			if (host::has_icmpx())
				expect_equal(of_theirs.icmp()["Icmp.InDestUnreachs"], 1,
					     "errors that the user's namespace counts");
		});
		expect_equal(sock::take_error(ours), 0,
			     std::string("the first namespace's socket, ") + sender.name);
		net.expect_calm(before);
	}
}

/// RFC 1191: whether path MTUs are believed is for the user's namespace to say. (With the built-in code it is for the first
/// one.)
void a_path_mtu_is_the_users()
{
	const std::string setting = "net/ipv4/ip_no_pmtu_disc";
	Neighbours net;

	if (host::has_icmpx())
		host::set_sysctl(setting, 2);
	const Change before;
	net.user.as_root([&] {
		nfqueue::Queue queue("icmp type destination-unreachable");
		Socket theirs = connected(sock::udp(), local);

		held::deliver_without_address(
			queue, net.theirs,
			errors::too_big(1000, errors::sent_udp(local, remote).build()));
		expect_equal(sock::take_error(theirs), EMSGSIZE, "the user's socket");
	});
	host::set_sysctl(setting, 0);
	expect_equal(errors::learned_mtu(remote.address), 0, "the path MTU in the first namespace");
	net.expect_calm(before);
}

/// A UDP datagram whose error must not leave the first namespace, which has the address as well. (With the built-in code
/// the error is the first namespace's.)
void expect_no_error_from_the_first(const std::string &rule)
{
	host::need_icmpx();
	Neighbours net;

	host::run("ip address add 10.0.0.2/32 dev first0");
	const Change before;
	net.user.as_root([&] {
		nfqueue::Queue queue("meta l4proto udp");
		const Change of_theirs;

		if (!rule.empty())
			host::run("nft add rule inet held late meta l4proto udp " + rule);
		held::deliver_without_address(
			queue, net.theirs,
			errors::sent_udp({packet::client, 4242}, {packet::server, 9}));
		auto moved = ktap::require_value(of_theirs.icmpx(), "counters");
		expect_equal(moved["errors_wanted"], 1, "errors of the user's namespace");
		for (const Ipv4 &ip : net.theirs.receive_all())
			expect_equal(ip.source, packet::ipv4("10.0.9.2"),
				     "an error comes from an address that is still there");
	});
	net.expect_calm(before);
}

void a_closed_port() { expect_no_error_from_the_first(""); }
void a_rule_that_rejects() { expect_no_error_from_the_first("reject"); }
void a_rule_that_rejects_by_code()
{
	expect_no_error_from_the_first("reject with icmp type admin-prohibited");
}

/// To be held alone changes nothing.
void an_error_is_sent_when_its_cause_goes_on()
{
	Neighbours net;
	const Change before;

	net.user.as_root([&] {
		nfqueue::Queue queue("meta l4proto udp");
		Ipv4 datagram = errors::sent_udp({packet::client, 4242}, {packet::server, 9});

		net.theirs.send(datagram);
		queue.go_on(queue.next());
		auto answer = ktap::require_value(wire::next_answer(net.theirs), "an error");
		expect_equal(answer.icmp.type, Type::unreachable, "its type");
		expect_equal(answer.ip.source, packet::server, "its source");
	});
	net.expect_calm(before);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"an_error_is_for_the_users_sockets", an_error_is_for_the_users_sockets},
			{"a_path_mtu_is_the_users", a_path_mtu_is_the_users},
			{"an_error_is_sent_when_its_cause_goes_on",
			 an_error_is_sent_when_its_cause_goes_on},
			{"an_error_about_a_closed_port", a_closed_port},
			{"an_error_of_a_rule_that_rejects", a_rule_that_rejects},
			{"an_error_of_a_rule_with_a_code", a_rule_that_rejects_by_code},
		});
}
