// SPDX-License-Identifier: GPL-2.0-only
//
// ICMP errors and IPsec (RFC 4301, 6.2): which are let in by a policy, and what the flag XFRM_STATE_ICMP of a security
// association changes.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <string>

namespace {

using counters::Change;
using errors::Code;
using errors::remote;
using packet::Address;
using packet::Bytes;
using packet::View;
using sock::Endpoint;
using sock::Socket;

/// Behind the peer's gateway, within the policy, and not within it.
constexpr Endpoint protected_peer{remote(1), 9999};
constexpr Endpoint other_peer{0xc6336401, 9999};
constexpr Address router_behind_the_gateway = 0xcb007109;
constexpr std::uint32_t spi = 0x100;

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

/// What comes from 192.0.2.0/24 has to come through the tunnel from the router to us, which encrypts nothing.
void set_up(const std::string &flags)
{
	net();
	host::need("xfrm_user", "ip xfrm state flush && ip xfrm policy flush");
	host::need("esp4", "ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x100 reqid "
			   "1 mode tunnel "
			   "auth digest_null '' enc 'ecb(cipher_null)' '' " +
				   flags);
	host::run("ip xfrm policy add dir in src 192.0.2.0/24 dst 10.0.0.2 "
		  "tmpl src 10.0.0.1 dst 10.0.0.2 proto esp reqid 1 mode tunnel");
}

/// @p datagram in ESP, tunnel mode (RFC 4303, 2).
packet::Ipv4 encapsulated(const packet::Ipv4 &datagram)
{
	static std::uint32_t sequence;
	Bytes inner = datagram.build(), payload;

	packet::put32(payload, spi);
	packet::put32(payload, ++sequence);
	payload.insert(payload.end(), inner.begin(), inner.end());
	auto padding = static_cast<std::uint8_t>((4 - (payload.size() + 2) % 4) % 4);
	for (std::uint8_t i = 1; i <= padding; i++)
		payload.push_back(i);
	payload.push_back(padding);
	payload.push_back(IPPROTO_IPIP);
	packet::Ipv4 outer =
		errors::sent(IPPROTO_ESP, errors::router, errors::host, std::move(payload));
	return outer;
}

struct Client {
	explicit Client(const Endpoint &peer = protected_peer)
	{
		socket = sock::udp();
		sock::bind(socket, {errors::host, 0});
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
		sent = errors::sent_udp(sock::local(socket), peer).build();
	}

	/// Who sent the error that it learned of; nobody if it learned of none.
	Address learned_from() const
	{
		sock::wait_for(socket, 0, static_cast<int>(wire::silence.count()));
		const auto error = sock::next_error(socket);

		sock::forget_errors(socket);
		return error ? error->offender : 0;
	}

	Socket socket;
	Bytes sent;
};

packet::Ipv4 error_from(Address address, View quoted)
{
	packet::Ipv4 error = errors::unreachable(Code::port_unreachable, quoted);

	error.source = address;
	return error;
}

constexpr Address nobody = 0;

/// Expects that @p client learns of @p error, from @p whom if it is let in.
void expect(const Client &client, const packet::Ipv4 &error, Address whom, const std::string &what)
{
	const bool let_in = whom != nobody;
	Change change;

	net().send(error);
	ktap::expect_equal(client.learned_from(), whom, what);
	if (let_in)
		change.expect_icmp(
			{{"Icmp.InMsgs", 1}, {"Icmp.InDestUnreachs", 1}, {"IcmpMsg.InType3", 1}},
			what);
	else
		change.expect_icmp({}, what);
	change.expect_outcomes({{let_in ? "deliver_error_udp" : "drop_policy", 1}}, what);
}

void what_the_policy_names_has_to_come_through_the_tunnel()
{
	set_up("");
	Client client;
	packet::Ipv4 error = error_from(protected_peer.address, client.sent);

	expect(client, encapsulated(error), protected_peer.address, "through the tunnel");
	expect(client, error, nobody, "beside the tunnel");
	expect(client, error_from(errors::router, client.sent), errors::router,
	       "beside the tunnel, of no policy");
}

void without_the_flag_the_error_itself_has_to_match()
{
	set_up("");
	Client client;

	expect(client, encapsulated(error_from(router_behind_the_gateway, client.sent)), nobody,
	       "of no policy");
}

void with_the_flag_what_it_quotes_may_match_instead()
{
	set_up("flag icmp");
	Client client, stranger(other_peer);
	Bytes stump = client.sent;

	expect(client, encapsulated(error_from(router_behind_the_gateway, client.sent)),
	       router_behind_the_gateway, "quotes a match");
	expect(stranger, encapsulated(error_from(router_behind_the_gateway, stranger.sent)), nobody,
	       "quotes none");
	for (std::size_t size : {0U, 10U, 19U}) {
		stump.resize(size);
		expect(client, encapsulated(error_from(router_behind_the_gateway, stump)), nobody,
		       "quotes " + std::to_string(size) + " bytes");
	}
	// The flag is the association's: it lets in nothing that did not come through the tunnel.
	expect(client, error_from(protected_peer.address, client.sent), nobody,
	       "beside the tunnel");
}

void a_policy_that_blocks()
{
	set_up("");
	host::run("ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto icmp action block");
	Client client;
	Change change;

	expect(client, error_from(errors::router, client.sent), nobody, "error");
	change.restart();
	net().receive_all(wire::milliseconds{0});
	net().send(packet::datagram(packet::echo_request(1, 1)));
	ktap::expect(!net().receive(wire::silence), "no reply");
	change.expect_icmp({}, "echo request");
	change.expect_outcomes({{"drop_policy", 1}}, "echo request");
	host::run("ip xfrm policy flush");
	net().send(packet::datagram(packet::echo_request(1, 1)));
	ktap::expect(net().receive().has_value(), "a reply once the policy is gone");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"what_the_policy_names_has_to_come_through_the_tunnel",
			   what_the_policy_names_has_to_come_through_the_tunnel},
			  {"without_the_flag_the_error_itself_has_to_match",
			   without_the_flag_the_error_itself_has_to_match},
			  {"with_the_flag_what_it_quotes_may_match_instead",
			   with_the_flag_what_it_quotes_may_match_instead},
			  {"a_policy_that_blocks", a_policy_that_blocks}});
}
