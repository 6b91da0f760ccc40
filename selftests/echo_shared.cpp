// SPDX-License-Identifier: GPL-2.0-only
//
// Requests that somebody else looks at, too: who answers must leave them as they came.

#include "lib/family.hpp"
#include "lib/ktap.hpp"

#include <array>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

using counters::Change;
using family::expect_reply_at;
using family::send_in_fragments;
using family::V4;
using family::V6;
using host::Descriptor;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using wire::expect_echo_reply;
using wire::require_answer;

namespace {

template <typename F> typename F::Datagram ping(std::size_t size)
{
	return F::datagram(F::echo(0x77, 3, packet::pattern(size)));
}

/// Sees what the kernel receives, not what it sends.
template <typename F> Descriptor packet_socket()
{
	Descriptor fd(
		host::check(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "packet socket"));
	sockaddr_ll address{};
	int on = 1;

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(F::ethernet);
	address.sll_ifindex = static_cast<int>(if_nametoindex("wire0"));
	host::check(setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)),
		    "PACKET_IGNORE_OUTGOING");
	host::check(bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)),
		    "bind");
	return fd;
}

Bytes read_datagram(const Descriptor &fd, const wire::Where &where = wire::Where::current())
{
	static std::array<std::uint8_t, 65536> buffer;
	pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};

	if (poll(&ready, 1, static_cast<int>(wire::patience.count())) != 1)
		ktap::fatal("the other listener got nothing", where);
	ssize_t size = host::check(
		static_cast<int>(recv(fd.get(), buffer.data(), buffer.size(), 0)), "recv", where);
	return {buffer.begin(), buffer.begin() + size};
}

/// What a raw socket is given of @p request: IPv6 keeps its header to itself.
template <typename F> Bytes given_to_raw_socket(const typename F::Datagram &request)
{
	return F::is_ipv6 ? request.payload : request.build();
}

/// What only looks at the packet must not make the handler change its mind about what was in it.
template <typename Change> void expect_copied(const Change &change, std::int64_t count)
{
	auto moved = change.icmpx();

	if (!moved)
		return;
	expect_equal((*moved)["reply_copied"], count, "reply_copied");
	expect_equal((*moved)["reply_in_place"], 0, "reply_in_place");
}

template <typename F> void reply_in_place_when_nobody_looks()
{
	auto wire = F::new_server();

	F::need_icmpx();
	for (std::size_t size : {0, 56, 1400}) {
		const auto change = F::change();
		require_answer(wire, ping<F>(size));
		expect_equal((change.icmpx().value_or(counters::Values{}))["reply_in_place"], 1,
			     "reply_in_place");
	}
}

template <typename F> void raw_socket_gets_the_request_unchanged()
{
	auto wire = F::new_server();
	Descriptor one = F::raw(), two = F::raw();

	for (std::size_t size : {0, 7, 56, 1400}) {
		const auto request = ping<F>(size);
		const Bytes given = given_to_raw_socket<F>(request);
		const auto change = F::change();

		expect_echo_reply(require_answer(wire, request), request);
		expect_equal(read_datagram(one), given, "what the first raw socket got");
		expect_equal(read_datagram(two), given, "what the second raw socket got");
		expect_copied(change, 1);
	}
}

/// The listener reads late: all the requests are still in its queue when all have been answered.
template <typename F> void packet_socket_gets_the_request_unchanged()
{
	auto wire = F::new_server();
	Descriptor listener = packet_socket<F>();
	const auto change = F::change();
	std::vector<typename F::Datagram> requests;

	for (std::size_t size : {0, 7, 56, 1400}) {
		requests.push_back(ping<F>(size));
		F::set_hops(requests.back(), 9);
		F::set_class(requests.back(), 3);
	}
	for (const auto &request : requests)
		expect_echo_reply(require_answer(wire, request), request);
	for (const auto &request : requests)
		expect_equal(read_datagram(listener), request.build(),
			     "what the packet socket got");
	expect_copied(change, 4);
}

template <typename F> void reassembled_request_for_a_raw_socket()
{
	auto wire = F::new_server();
	Descriptor listener = F::raw();
	const auto request = ping<F>(8972);

	send_in_fragments(wire, request);
	expect_reply_at(wire, request);
	expect_equal(read_datagram(listener), given_to_raw_socket<F>(request),
		     "what the raw socket got");
}

/// Headers of a reply's fragments are written in front of the request's data: not where the listener has yet to read.
/// Connection tracking leaves each fragment in its buffer.
template <typename F> void fragments_for_a_packet_socket()
{
	auto wire = F::new_server();

	host::track_connections();
	Descriptor listener = packet_socket<F>();
	const auto request = ping<F>(8972);

	send_in_fragments(wire, request);
	expect_reply_at(wire, request);
	for (const auto &part : fragment(request, 1500))
		expect_equal(read_datagram(listener), part.build(), "what the packet socket got");
}

/// The options of the request are the listener's as they came in, the record route the kernel's to fill in.
void options_for_a_packet_socket()
{
	auto wire = V4::new_server();
	Descriptor listener = packet_socket<V4>();
	Ipv4 request = ping<V4>(8);

	request.options = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	require_answer(wire, request);
	expect_equal(read_datagram(listener), request.build(), "what the packet socket got");
}

void timestamp_request_for_both()
{
	auto wire = V4::new_server();
	Descriptor raw = V4::raw(), listener = packet_socket<V4>();
	Ipv4 request =
		packet::datagram({.type = 13, .code = 0, .rest = 7, .data = packet::pattern(12)});
	Change change;

	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, packet::Type::timestamp_reply, "type");
	expect_equal(read_datagram(raw), request.build(), "what the raw socket got");
	expect_equal(read_datagram(listener), request.build(), "what the packet socket got");
	expect_copied(change, 1);
}

template <typename F> void probe_for_both()
{
	auto wire = F::new_server();
	Descriptor raw = F::raw(), listener = packet_socket<F>();
	const auto request = F::datagram({.type = F::Type::extended_echo,
					  .code = 0,
					  .rest = 0x70101,
					  .data = {0x20, 0, 0, 0, 0, 8, 3, 2, 0, 0, 0, 1}});

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	auto answer = require_answer(wire, request);
	expect_equal(answer.icmp.type, F::Type::extended_echo_reply, "type");
	expect_equal(read_datagram(raw), given_to_raw_socket<F>(request),
		     "what the raw socket got");
	expect_equal(read_datagram(listener), request.build(), "what the packet socket got");
}

/// A copy that tc makes on the way in (mirred) shares its data with the request.
template <typename F> void mirrored_request()
{
	auto wire = F::new_server();
	wire::Wire other = wire::Wire::tap({.name = "wire1"});

	F::quiet("wire1");
	host::run("ip link set wire1 arp off up");
	if (!host::try_run("tc qdisc add dev wire0 clsact && tc filter add dev wire0 ingress "
			   "matchall action mirred "
			   "egress mirror dev wire1"))
		ktap::skip("the kernel has no act_mirred");
	host::run("tc qdisc replace dev wire1 root netem delay 100ms || true");
	const auto request = ping<F>(56);
	expect_echo_reply(require_answer(wire, request), request);
	auto copy = ktap::require_value(other.template receive<typename F::Datagram>(),
					"the mirrored request");
	expect_equal(copy.build(), request.build(), "the mirrored request");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"reply_in_place_when_nobody_looks", reply_in_place_when_nobody_looks<F>},
		{"raw_socket_gets_the_request_unchanged", raw_socket_gets_the_request_unchanged<F>},
		{"packet_socket_gets_the_request_unchanged",
		 packet_socket_gets_the_request_unchanged<F>},
		{"raw_socket_gets_the_reassembled_request",
		 reassembled_request_for_a_raw_socket<F>},
		{"packet_socket_gets_fragments_unchanged", fragments_for_a_packet_socket<F>},
		{"probe_unchanged_for_listeners", probe_for_both<F>},
		{"mirrored_request_unchanged", mirrored_request<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.insert(all.end(),
		   {{"packet_socket_gets_the_options_unchanged", options_for_a_packet_socket},
		    {"timestamp_request_unchanged_for_listeners", timestamp_request_for_both}});
	return ktap::run(argc, argv, all);
}
