// SPDX-License-Identifier: GPL-2.0-only
//
// Several hosts behind one masquerade that ping with the same identifier, and the masquerading host itself: outside they
// are told apart by the identifier alone, and everyone gets its own replies and errors.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/sending.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

namespace {

using packet::Bytes;
using packet::Icmp;
using pinger::Socket;

struct V4 : pinger::V4 {
	using Sends = sending::V4;

	/// Whom everybody pings.
	static constexpr Address peer = Sends::beyond + 2;
};

struct V6 : pinger::V6 {
	using Sends = sending::V6;

	static constexpr Address peer{0xfd, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3};
};

template <typename F> using AnswerOf = wire::AnswerIn<typename F::Datagram>;

template <typename F> const sending::RouterIn<typename F::Sends> &net()
{
	static const sending::RouterIn<typename F::Sends> router = [] {
		sending::RouterIn<typename F::Sends> made;
		const std::string table = F::table;

		ping::allow();
		host::need("nft_masq",
			   "nft 'add table " + table + " probe; add chain " + table +
				   " probe c { type nat hook postrouting priority 0; }; add rule " +
				   table + " probe c oifname none masquerade; delete table " +
				   table + " probe'");
		host::run("nft 'add table " + table + " hide; add chain " + table +
			  " hide c { type nat hook postrouting priority srcnat; }; add rule " +
			  table + " hide c oifname wire1 masquerade'");
		return made;
	}();
	return router;
}

/// Who pings, each with a sequence number and data of its own. Each test has an identifier of its own, as the translation of a
/// source is kept for whatever it sends next.
enum Who : std::uint8_t { at_first, at_second, ourselves };

Bytes data_of(Who who) { return packet::pattern(56, who); }

template <typename F> typename F::Datagram request(Who who, std::uint16_t id)
{
	return F::between(F::echo(id, who, data_of(who)), who == at_first ? F::client : F::another,
			  F::peer);
}

/// The request of @p who as it leaves by the outer wire.
template <typename F> AnswerOf<F> outside(Who who, const Socket &socket, std::uint16_t id)
{
	if (who == ourselves)
		ktap::require_equal(send(socket, pinger::request<F>(who, data_of(who)),
					 typename F::Endpoint{F::peer, 0}),
				    0, "sendto");
	else
		net<F>().near.send(request<F>(who, id));
	AnswerOf<F> answer =
		ktap::require_value(family::next_answer<F>(net<F>().far), "a request outside");
	ktap::expect(answer.ip.source == F::Sends::second, "source outside");
	ktap::expect(answer.ip.destination == F::peer, "destination outside");
	ktap::expect_equal(answer.icmp.type, F::Type::echo, "type");
	ktap::expect_equal(answer.icmp.sequence(), who, "sequence number");
	ktap::expect_equal(answer.icmp.data, data_of(who), "data");
	return answer;
}

/// Expects the reply to the request of @p who where that is, and with the identifier that was asked with.
template <typename F> void expect_reply(Who who, const Socket &socket, std::uint16_t id)
{
	const std::string name = "host " + std::to_string(who);

	if (who == ourselves) {
		const auto reply =
			pinger::reply<F>(id, who, data_of(who), F::peer, F::Sends::second);

		ktap::expect_equal(
			ktap::require_value(sock::receive(socket, 2000), "our own reply"),
			reply.payload, "our own reply");
	} else {
		family::expect_reply_at(net<F>().near, request<F>(who, id), name);
	}
}

template <typename F> Socket own_socket(std::uint16_t id)
{
	net<F>();
	Socket socket = pinger::bound<F>(id);

	sock::set(socket, F::level, F::recverr, 1);
	return socket;
}

/// The request @p asked, answered by the peer that it went to.
template <typename F> void answer(const AnswerOf<F> &asked)
{
	Icmp message = asked.icmp;

	message.type = F::Type::echo_reply;
	net<F>().far.send(F::between(message, asked.ip.destination, asked.ip.source));
}

/// Whoever comes first keeps the identifier; the replies come in another order than the requests went.
template <typename F> void in_every_order()
{
	std::vector<Who> order{at_first, at_second, ourselves};
	std::uint16_t id = 0x1200;

	do {
		const Socket socket = own_socket<F>(++id);
		std::vector<AnswerOf<F>> asked;
		std::set<std::uint16_t> identifiers;

		for (Who who : order) {
			asked.push_back(outside<F>(who, socket, id));
			identifiers.insert(asked.back().icmp.id());
		}
		ktap::expect_equal(asked.front().icmp.id(), id, "the first one's identifier");
		ktap::expect_equal(identifiers.size(), 3U, "different identifiers");
		for (std::size_t i = asked.size(); i-- > 0;) {
			answer<F>(asked[i]);
			expect_reply<F>(order[i], socket, id);
		}
		ktap::expect(!sock::receive(socket), "no reply of another's for our own socket");
		ktap::expect(
			net<F>().near
				.template receive_all<typename F::Datagram>(wire::milliseconds(0))
				.empty(),
			"nothing else inside");
	} while (std::ranges::next_permutation(order).found);
}

/// An error quotes what was outside; inside it quotes what was sent there.
template <typename F> void errors_find_their_way()
{
	const std::uint16_t id = 0x2345;
	const Socket socket = own_socket<F>(id);
	std::vector<AnswerOf<F>> asked;

	for (Who who : {at_first, at_second, ourselves})
		asked.push_back(outside<F>(who, socket, id));
	for (Who who : {at_second, ourselves, at_first}) {
		net<F>().far.send(
			F::between({.type = F::Type::time_exceeded, .data = asked[who].ip.build()},
				   F::peer, F::Sends::second));
		if (who == ourselves) {
			const auto told =
				ktap::require_value(F::next_error(socket), "our own error");

			ktap::expect_equal(told.number, EHOSTUNREACH, "ee_errno");
			ktap::expect(told.offender == F::peer, "offender");
			ktap::expect(told.destination.address == F::peer, "destination");
			ktap::expect_equal(told.payload,
					   F::between(F::echo(id, who, data_of(who)),
						      F::Sends::second, F::peer)
						   .payload,
					   "payload");
			continue;
		}
		const AnswerOf<F> inside = ktap::require_value(
			family::next_answer<F>(net<F>().near), "an error inside");
		typename F::Datagram sent = request<F>(who, id);
		F::set_hops(sent, 63);
		ktap::expect_equal(inside.icmp.type, F::Type::time_exceeded, "type");
		ktap::expect(inside.ip.source == F::peer, "source");
		ktap::expect(inside.ip.destination == sent.source, "destination");
		ktap::expect_equal(inside.icmp.data, sent.build(), "quoted request");
	}
	ktap::expect(!F::next_error(socket), "no error of another's for our own socket");
}

/// What is asked of the masquerading host itself is answered by it, on both sides, whoever else uses the identifier.
template <typename F> void the_host_answers_for_itself()
{
	const std::uint16_t id = 0x3456;
	const Socket socket = own_socket<F>(id);
	const AnswerOf<F> asked = outside<F>(at_first, socket, id);
	const Icmp echo = F::echo(id, 7, packet::pattern(56));

	for (const auto &[wire, from, to] : {std::tuple{&net<F>().near, F::client, F::server},
					     {&net<F>().far, F::peer, F::Sends::second}}) {
		const typename F::Datagram request = F::between(echo, from, to);

		wire::expect_echo_reply(wire::require_answer(*wire, request), request);
	}
	answer<F>(asked);
	expect_reply<F>(at_first, socket, id);
	ktap::expect(!sock::receive(socket), "nothing for our own socket");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"in_every_order", in_every_order<F>},
		{"errors_find_their_way", errors_find_their_way<F>},
		{"the_host_answers_for_itself", the_host_answers_for_itself<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
