// SPDX-License-Identifier: GPL-2.0-only
//
// Several hosts behind one masquerade that ping with the same identifier, and the masquerading host itself: outside they
// are told apart by the identifier alone, and everyone gets its own replies and errors.

#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"
#include "lib/sending.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

namespace {

using packet::Address;
using packet::Ipv4;
using packet::Type;
using ping::Socket;
using wire::Answer;

constexpr Address first = 0x0a000001, second = 0x0a000009;

const sending::Router &net()
{
	static const sending::Router router = [] {
		sending::Router made;

		ping::allow();
		host::need(
			"nft_masq",
			"nft 'add table ip probe; add chain ip probe c { type nat hook postrouting "
			"priority 0; }; add rule ip probe c oifname none masquerade; delete table "
			"ip "
			"probe'");
		host::run("nft 'add table ip hide; add chain ip hide c { type nat hook postrouting "
			  "priority srcnat; }; add rule ip hide c oifname wire1 masquerade'");
		return made;
	}();
	return router;
}

/// Who pings, each with a sequence number and data of its own.
enum Who : std::uint8_t { at_first, at_second, ourselves };

/// Whom everybody pings, and with which identifier. Each test has its own, as the translation of a source is kept for
/// whatever it sends next.
struct Target {
	Address peer;
	std::uint16_t id;
};

Ipv4 request(Who who, const Target &to)
{
	Ipv4 ip = packet::datagram(packet::echo_request(to.id, who, packet::pattern(56, who)));

	ip.source = who == at_first ? first : second;
	ip.destination = to.peer;
	return ip;
}

/// The request of @p who as it leaves by the outer wire.
Answer outside(Who who, const Socket &socket, const Target &to)
{
	const packet::Bytes data = packet::pattern(56, who);

	if (who == ourselves)
		ktap::require_equal(
			sock::send(socket, ping::request(who, data), sock::Endpoint{to.peer, 0}), 0,
			"sendto");
	else
		net().near.send(request(who, to));
	Answer answer = ktap::require_value(wire::next_answer(net().far), "a request outside");
	ktap::expect_equal(answer.ip.source, sending::second, "source outside");
	ktap::expect_equal(answer.ip.destination, to.peer, "destination outside");
	ktap::expect_equal(answer.icmp.type, Type::echo, "type");
	ktap::expect_equal(answer.icmp.sequence(), who, "sequence number");
	ktap::expect_equal(answer.icmp.data, data, "data");
	return answer;
}

/// Expects the reply to the request of @p who where that is, and with the identifier that was asked with.
void expect_reply(Who who, const Socket &socket, const Target &to)
{
	const std::string name = "host " + std::to_string(who);

	if (who == ourselves) {
		const auto message = packet::parse_icmp(
			ktap::require_value(sock::receive(socket, 2000), "our own reply"));
		ktap::expect_equal(message->type, Type::echo_reply, "type");
		ktap::expect_equal(message->id(), to.id, "our own identifier");
		ktap::expect_equal(message->sequence(), who, "our own sequence number");
		ktap::expect_equal(message->data, packet::pattern(56, who), "our own data");
		ktap::expect(message->checksum_right, "the ICMP checksum is right");
	} else {
		wire::expect_echo_reply(ktap::require_value(wire::next_answer(net().near), name),
					request(who, to));
	}
}

Socket own_socket(std::uint16_t id)
{
	net();
	Socket socket = sock::ping();

	sock::bind(socket, {0, id});
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	return socket;
}

/// The request @p asked, answered by the peer that it went to.
void answer(const Answer &asked)
{
	packet::Icmp message = asked.icmp;

	message.type = Type::echo_reply;
	Ipv4 reply = packet::datagram(message);
	reply.source = asked.ip.destination;
	reply.destination = asked.ip.source;
	net().far.send(reply);
}

/// Whoever comes first keeps the identifier; the replies come in another order than the requests went.
void in_every_order()
{
	std::vector<Who> order{at_first, at_second, ourselves};
	Target to{sending::beyond + 2, 0x1200};

	do {
		const Socket socket = own_socket(++to.id);
		std::vector<Answer> asked;
		std::set<std::uint16_t> identifiers;

		for (Who who : order) {
			asked.push_back(outside(who, socket, to));
			identifiers.insert(asked.back().icmp.id());
		}
		ktap::expect_equal(asked.front().icmp.id(), to.id, "the first one's identifier");
		ktap::expect_equal(identifiers.size(), 3U, "different identifiers");
		for (std::size_t i = asked.size(); i-- > 0;) {
			answer(asked[i]);
			expect_reply(order[i], socket, to);
		}
		ktap::expect(!sock::receive(socket), "no reply of another's for our own socket");
		ktap::expect(net().near.receive_all(wire::milliseconds(0)).empty(),
			     "nothing else inside");
	} while (std::ranges::next_permutation(order).found);
}

/// An error quotes what was outside; inside it quotes what was sent there.
void errors_find_their_way()
{
	const Target to{sending::beyond + 2, 0x2345};
	const Socket socket = own_socket(to.id);
	std::vector<Answer> asked;

	for (Who who : {at_first, at_second, ourselves})
		asked.push_back(outside(who, socket, to));
	for (Who who : {at_second, ourselves, at_first}) {
		Ipv4 error =
			errors::report(Type::time_exceeded, 0, 0, asked[who].ip.build(), to.peer);

		error.destination = sending::second;
		net().far.send(error);
		if (who == ourselves) {
			const auto told =
				ktap::require_value(sock::next_error(socket), "our own error");
			ktap::expect_equal(told.number, EHOSTUNREACH, "ee_errno");
			ktap::expect_equal(told.offender, to.peer, "offender");
			ktap::expect_equal(told.destination.address, to.peer, "destination");
			packet::Icmp sent =
				packet::echo_request(to.id, who, packet::pattern(56, who));
			ktap::expect_equal(told.payload, sent.build(), "payload");
			continue;
		}
		const Answer inside =
			ktap::require_value(wire::next_answer(net().near), "an error inside");
		Ipv4 sent = request(who, to);
		sent.ttl--;
		ktap::expect_equal(inside.icmp.type, Type::time_exceeded, "type");
		ktap::expect_equal(inside.ip.source, to.peer, "source");
		ktap::expect_equal(inside.ip.destination, sent.source, "destination");
		ktap::expect_equal(inside.icmp.data, sent.build(), "quoted request");
	}
	ktap::expect(!sock::next_error(socket), "no error of another's for our own socket");
}

/// What is asked of the masquerading host itself is answered by it, on both sides, whoever else uses the identifier.
void the_host_answers_for_itself()
{
	const Target to{sending::beyond + 2, 0x3456};
	const Socket socket = own_socket(to.id);
	const Answer asked = outside(at_first, socket, to);
	Ipv4 inside = packet::datagram(packet::echo_request(to.id, 7, packet::pattern(56)));
	Ipv4 from_outside = inside;

	wire::expect_echo_reply(wire::require_answer(net().near, inside), inside);
	from_outside.source = to.peer;
	from_outside.destination = sending::second;
	wire::expect_echo_reply(wire::require_answer(net().far, from_outside), from_outside);
	answer(asked);
	expect_reply(at_first, socket, to);
	ktap::expect(!sock::receive(socket), "nothing for our own socket");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"in_every_order", in_every_order},
			  {"errors_find_their_way", errors_find_their_way},
			  {"the_host_answers_for_itself", the_host_answers_for_itself}});
}
