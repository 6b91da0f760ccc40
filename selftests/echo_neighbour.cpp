// SPDX-License-Identifier: GPL-2.0-only
//
// A requester may tell its own machine that a neighbour is there (MSG_CONFIRM). On a veth its word is still in the packet
// that arrives, and is no proof for the other end: that a host gets requests does not say that its replies arrive.

#include "lib/control.hpp"
#include "lib/family.hpp"
#include "lib/flood.hpp"
#include "lib/flood6.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <optional>
#include <sstream>
#include <string>
#include <type_traits>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

namespace {

using family::V4;
using family::V6;
using ktap::expect;
using packet::Bytes;
using sock::Socket;

/// Seconds since the client was known to be where this host takes it to be.
template <typename F> int confirmed_before()
{
	std::istringstream words(host::output_of("ip -s neighbour show " + F::client_text +
						 " dev server | sed -n "
						 "'s/.* used [0-9]*\\/\\([0-9]*\\)\\/.*/\\1/p'"));
	int seconds = -1;

	words >> seconds;
	return seconds;
}

template <typename F> struct Network : flood::Network {
	Network()
	{
		if constexpr (F::is_ipv6)
			flood6::add_ipv6(*this);
	}
};

/// Two ends of a veth that have each other's address, the requester's for good.
template <typename F> class Pair {
	using Traffic = std::conditional_t<F::is_ipv6, flood6::Ipv6, flood::Ipv4>;

public:
	Pair()
		: requester(net.in_client(Traffic::open)),
		  client_mac(net.in_client([] { return wire::hardware_address("client"); }))
	{
		const std::string server_mac = wire::text(wire::hardware_address("server"));

		net.in_client([&] {
			host::run("ip neighbour replace " + F::server_text + " lladdr " +
				  server_mac + " nud permanent dev client");
			return 0;
		});
	}

	/// As it was heard of, and not used since.
	void know_stale(const wire::Mac &mac) const
	{
		host::try_run("ip neighbour delete " + F::client_text + " dev server");
		host::run("ip neighbour replace " + F::client_text + " lladdr " + wire::text(mac) +
			  " nud stale dev server");
	}

	/// Sends a request of @p size bytes, to which there is to be a reply when this returns.
	void ask(std::size_t size = 56) const
	{
		const Bytes request = F::echo(1, 2, packet::pattern(size)).build();

		ktap::require_equal(
			control::send(requester, request, std::nullopt, {}, MSG_CONFIRM), 0,
			"sendmsg");
	}

	Network<F> net;
	Socket requester;
	wire::Mac client_mac;
};

/// For which address this host looks in @p datagram, if for any.
template <typename F> std::optional<typename F::Address> sought(const Bytes &datagram)
{
	constexpr std::uint16_t request = 1;

	if constexpr (F::is_ipv6) {
		const auto ip = packet6::parse_ipv6(datagram);
		const auto message = ip ? packet6::parse_icmp(*ip) : std::nullopt;
		packet6::Address target{};

		if (!message || message->type != packet6::neighbour_solicitation ||
		    message->data.size() < target.size())
			return std::nullopt;
		std::copy_n(message->data.begin(), target.size(), target.begin());
		return target;
	} else {
		if (packet::get16(datagram, 6) != request)
			return std::nullopt;
		return packet::get32(datagram, 24);
	}
}

template <typename F> void the_word_of_a_requester_is_no_proof()
{
	// Two of the times that it takes to forget, both 30 seconds.
	constexpr int at_first = 60;
	const Pair<F> pair;

	// What the requester would answer to a probe is proof.
	host::set_sysctl(F::settings + "neigh/server/delay_first_probe_time", 600);
	for (std::size_t size : {56, 4000}) {
		pair.know_stale(pair.client_mac);
		ktap::expect_between(confirmed_before<F>(), at_first, INT32_MAX, "before");
		pair.ask(size);
		expect(sock::receive(pair.requester, flood::patience.count()).has_value(),
		       "a reply");
		ktap::expect_between(confirmed_before<F>(), at_first, INT32_MAX,
				     "seconds since the last proof, " + std::to_string(size) +
					     " bytes");
	}
}

/// RFC 1122, 2.3.2.1: a neighbour may have got another MAC address, and replies are lost until it is asked for that.
template <typename F> void a_stale_address_is_probed()
{
	const Pair<F> pair;
	const Socket heard = pair.net.in_client([] {
		Socket socket(host::check(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC,
						   htons(F::is_ipv6 ? ETH_P_IPV6 : ETH_P_ARP)),
					  "packet socket"));
		return socket;
	});
	const auto until = std::chrono::steady_clock::now() + flood::patience;
	std::optional<typename F::Address> target;

	host::set_sysctl(F::settings + "neigh/server/delay_first_probe_time", 1);
	pair.know_stale({0x02, 0, 0, 0, 0, 0x99});
	while (!target) {
		if (std::chrono::steady_clock::now() > until)
			ktap::fatal("no probe, however often the requester sends");
		pair.ask();
		sock::wait_for(heard, POLLIN, 50);
		while (const auto datagram = sock::receive(heard)) {
			target = sought<F>(*datagram);
			if (target)
				break;
		}
	}
	ktap::expect_equal(*target, F::client, "whom this host looks for");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"the_word_of_a_requester_is_no_proof", the_word_of_a_requester_is_no_proof<F>},
		{"a_stale_address_is_probed", a_stale_address_is_probed<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
