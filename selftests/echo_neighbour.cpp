// SPDX-License-Identifier: GPL-2.0-only
//
// A requester may tell its own machine that a neighbour is there (MSG_CONFIRM). On a veth its word is still in the packet
// that arrives, and is no proof for the other end: that a host gets requests does not say that its replies arrive.

#include "lib/control.hpp"
#include "lib/flood.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <sstream>
#include <string>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

namespace {

using ktap::expect;
using packet::Bytes;
using sock::Socket;

/// Seconds since 10.0.0.1 was known to be where this host takes it to be.
int confirmed_before()
{
	std::istringstream words(
		host::output_of("ip -s neighbour show 10.0.0.1 dev server | sed -n "
				"'s/.* used [0-9]*\\/\\([0-9]*\\)\\/.*/\\1/p'"));
	int seconds = -1;

	words >> seconds;
	return seconds;
}

/// Two ends of a veth that have each other's address, the requester's for good.
class Pair {
public:
	Pair()
		: requester(net.in_client([] { return sock::raw(IPPROTO_ICMP); })),
		  client_mac(net.in_client([] { return wire::hardware_address("client"); }))
	{
		const std::string server_mac = wire::text(wire::hardware_address("server"));

		net.in_client([&] {
			host::run("ip neighbour replace 10.0.0.2 lladdr " + server_mac +
				  " nud permanent dev client");
			return 0;
		});
	}

	/// As it was heard of, and not used since.
	void know_stale(const wire::Mac &mac) const
	{
		host::run("ip neighbour replace 10.0.0.1 lladdr " + wire::text(mac) +
			  " nud stale dev server");
	}

	/// Sends a request of @p size bytes, to which there is to be a reply when this returns.
	void ask(std::size_t size = 56) const
	{
		const Bytes request = packet::echo_request(1, 2, packet::pattern(size)).build();

		ktap::require_equal(control::send(requester, request,
						  sock::Endpoint{packet::server}, {}, MSG_CONFIRM),
				    0, "sendmsg");
	}

	flood::Network net;
	Socket requester;
	wire::Mac client_mac;
};

void the_word_of_a_requester_is_no_proof()
{
	// Two of the times that it takes to forget, both 30 seconds.
	constexpr int at_first = 60;
	const Pair pair;

	// What it would answer to a probe is proof.
	pair.net.in_client([] {
		host::set_sysctl("net/ipv4/conf/client/arp_ignore", 8);
		return 0;
	});
	for (std::size_t size : {56, 4000}) {
		pair.know_stale(pair.client_mac);
		ktap::expect_between(confirmed_before(), at_first, INT32_MAX, "before");
		pair.ask(size);
		expect(sock::receive(pair.requester, flood::patience.count()).has_value(),
		       "a reply");
		ktap::expect_between(confirmed_before(), at_first, INT32_MAX,
				     "seconds since the last proof, " + std::to_string(size) +
					     " bytes");
		host::run("ip neighbour delete 10.0.0.1 dev server");
	}
}

/// RFC 1122, 2.3.2.1: a neighbour may have got another MAC address, and replies are lost until it is asked for that.
void a_stale_address_is_probed()
{
	const Pair pair;
	const Socket arp = pair.net.in_client([] {
		Socket socket(host::check(
			::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP)),
			"packet socket"));
		return socket;
	});
	const auto until = std::chrono::steady_clock::now() + flood::patience;

	host::set_sysctl("net/ipv4/neigh/server/delay_first_probe_time", 1);
	pair.know_stale({0x02, 0, 0, 0, 0, 0x99});
	while (!sock::wait_for(arp, POLLIN, 50)) {
		if (std::chrono::steady_clock::now() > until)
			ktap::fatal("no probe, however often the requester sends");
		pair.ask();
	}
	const auto probe = ktap::require_value(sock::receive(arp), "a probe");
	ktap::expect_equal(packet::get16(probe, 6), 1, "ARP: a request");
	ktap::expect_equal(packet::get32(probe, 24), packet::client, "ARP: its target");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"the_word_of_a_requester_is_no_proof",
				  the_word_of_a_requester_is_no_proof},
				 {"a_stale_address_is_probed", a_stale_address_is_probed},
			 });
}
