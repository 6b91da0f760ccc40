// SPDX-License-Identifier: GPL-2.0-only
//
// Errors, with each of the allocations that they cause failing in its turn: those that come in find their sockets all the same,
// whose error queues may go without; those that this host sends may be dropped, and are counted as what they were dropped for.
// A frame written to a tap device is handled by the task that writes: so are its allocations.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/errors6.hpp"
#include "lib/family.hpp"
#include "lib/fault.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <optional>
#include <string>
#include <vector>

namespace {

using counters::Change;
using counters::Values;
using family::V4;
using family::V6;
using fault::Injection;
using fault::Victims;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using sock::Socket;
using std::chrono::milliseconds;

constexpr milliseconds now{0};

/// What lib/errors.hpp and lib/socket.hpp have.
struct Errors : V4 {
	using Endpoint = sock::Endpoint;

	static constexpr int level = SOL_IP, wants_errors = IP_RECVERR;
	static constexpr Address host = errors::host, router = errors::router;

	static Address remote(std::uint8_t number) { return errors::remote(number); }
	static Datagram sent(std::uint8_t protocol, Address from, Address to, Bytes payload)
	{
		return errors::sent(protocol, from, to, std::move(payload));
	}
	static Datagram sent_udp(const Endpoint &from, const Endpoint &to)
	{
		return errors::sent_udp(from, to);
	}
	static Datagram refused(packet::View quoted)
	{
		return errors::unreachable(errors::port_unreachable, quoted);
	}
	static Socket udp() { return sock::udp(); }
	static Socket tcp() { return sock::tcp(); }
	static Socket raw(int protocol) { return sock::raw(protocol); }
	static void bind(const Socket &socket, const Endpoint &local) { sock::bind(socket, local); }
	static int connect(const Socket &socket, const Endpoint &remote)
	{
		return sock::connect(socket, remote);
	}
	static auto next_error(const Socket &socket) { return sock::next_error(socket); }
};

/// What lib/errors6.hpp and lib/socket6.hpp have.
struct Errors6 : V6 {
	using Endpoint = sock6::Endpoint;

	static constexpr int level = SOL_IPV6, wants_errors = IPV6_RECVERR;
	static constexpr Address host = errors6::host, router = errors6::router;

	static Address remote(std::uint8_t number) { return errors6::remote(number); }
	static Datagram sent(std::uint8_t protocol, const Address &from, const Address &to,
			     Bytes payload)
	{
		return errors6::sent(protocol, from, to, std::move(payload));
	}
	static Datagram sent_udp(const Endpoint &from, const Endpoint &to)
	{
		return errors6::sent_udp(from, to);
	}
	static Datagram refused(packet::View quoted)
	{
		return errors6::unreachable(errors6::port_unreachable, quoted);
	}
	static Socket udp() { return sock6::udp(); }
	static Socket tcp() { return sock6::tcp(); }
	static Socket raw(int protocol) { return sock6::raw(protocol); }
	static void bind(const Socket &socket, const Endpoint &local)
	{
		sock6::bind(socket, local);
	}
	static int connect(const Socket &socket, const Endpoint &remote)
	{
		return sock6::connect(socket, remote);
	}
	static auto next_error(const Socket &socket) { return sock6::next_error(socket); }
};

template <typename S> wire::Wire new_network()
{
	S::need_icmpx();
	wire::Wire wire = S::new_server();

	host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	return wire;
}

/// An error about a datagram of @p socket, and the entry that it makes in its error queue.
template <typename S>
void each_error(const wire::Wire &wire, const Socket &socket, const typename S::Datagram &error,
		const std::string &outcome, const std::string &entry_lost)
{
	int lost = 0;
	auto change = S::change();

	sock::set(socket, S::level, S::wants_errors, 1);
	Injection injection(fault::icmpx());
	const int allocations = fault::each_allocation(
		Victims::self,
		[&] {
			change.restart();
			wire.send(error);
		},
		[&](bool hit) {
			auto moved = ktap::require_value(change.icmpx(), "counters");
			const int number = sock::take_error(socket);
			const auto entry = S::next_error(socket);

			expect_equal(moved["packets_in"], 1, "packets_in");
			expect_equal(moved[outcome], 1, outcome + " of " + counters::text(moved));
			expect(counters::outcomes_equal_packets_in(moved), "one outcome");
			expect_equal(number, ECONNREFUSED, outcome + ": SO_ERROR");
			lost += !entry;
			expect(entry || hit, outcome + ": an entry, if nothing failed");
			if (entry) {
				expect_equal(entry->number, ECONNREFUSED, "the entry's errno");
				expect_equal(entry->offender, S::router, "the entry's offender");
			}
			if (!entry_lost.empty())
				expect_equal(moved[entry_lost], !entry, entry_lost);
			expect(!S::next_error(socket), "one entry");
			fault::expect_calm_log();
		});
	ktap::say(outcome + ": " + std::to_string(allocations) + " allocations, " +
		  std::to_string(lost) + " entries lost");
	expect(lost > 0, outcome + ": an entry takes memory");
}

template <typename S> void errors_to_udp()
{
	wire::Wire wire = new_network<S>();
	const Socket socket = S::udp();

	S::bind(socket, {S::host, 4000});
	ktap::require_equal(S::connect(socket, {S::remote(1), 53}), 0, "connect");
	each_error<S>(wire, socket,
		      S::refused(S::sent_udp({S::host, 4000}, {S::remote(1), 53}).build()),
		      "deliver_error_udp", "");
}

template <typename S> void errors_to_raw_sockets()
{
	wire::Wire wire = new_network<S>();
	const Socket socket = S::raw(253);

	ktap::require_equal(S::connect(socket, {S::remote(1), 0}), 0, "connect");
	// The one that nobody but a raw socket gets.
	const Bytes quoted = S::sent(253, S::host, S::remote(1), packet::pattern(40)).build();
	each_error<S>(wire, socket, S::refused(quoted), "deliver_error_raw", "");
}

void errors_to_ping_sockets()
{
	wire::Wire wire = new_network<Errors>();
	ping::allow();
	const Socket socket = sock::ping();
	const Ipv4 request = ping::sent(wire, socket, {errors::remote(1), 0});

	each_error<Errors>(wire, socket, Errors::refused(request.build()), "deliver_error_icmp",
			   "ping_errors_dropped");
}

/// A connection that is being made ends with the error, whatever fails.
template <typename S> void errors_to_tcp()
{
	const wire::Wire wire = new_network<S>();
	Socket socket;
	auto change = S::change();
	typename S::Datagram syn;

	auto prepare = [&] {
		wire.receive_all<typename S::Datagram>(now);
		socket = S::tcp();
		sock::set(socket, S::level, S::wants_errors, 1);
		ktap::require_equal(S::connect(socket, {S::remote(1), 80}), EINPROGRESS, "connect");
		syn = ktap::require_value(wire.receive<typename S::Datagram>(), "SYN");
		change.restart();
	};
	prepare();
	Injection injection(fault::icmpx());
	fault::each_allocation(
		Victims::self, [&] { wire.send(S::refused(syn.build())); },
		[&](bool) {
			change.expect_outcomes({{"deliver_error_tcp", 1}}, "the error");
			expect_equal(sock::take_error(socket), ECONNREFUSED, "SO_ERROR");
			prepare();
		});
	fault::expect_calm_log();
}

/// A reply that a ping socket waits for needs no memory at all; nor does one that nobody waits for.
void replies_to_ping_sockets()
{
	wire::Wire wire = new_network<Errors>();
	ping::allow();
	const Socket socket = sock::ping();

	ping::sent(wire, socket, {errors::router, 0});
	const std::uint16_t id = ping::identifier(socket);
	Injection injection(fault::icmpx());
	injection.at_random(100);
	for (int i = 0; i < 10; i++) {
		Change change;

		wire.send(ping::reply(id, 1, packet::pattern(500)));
		change.expect_outcomes({{"deliver_ping", 1}}, "a reply");
		wire.send(ping::reply(static_cast<std::uint16_t>(id ^ 1)));
		change.expect_outcomes({{"deliver_ping", 1}, {"drop_no_socket", 1}}, "another's");
		expect_equal(sock::receive(socket).value_or(Bytes{}).size(), std::size_t{508},
			     "bytes");
	}
}

/// Errors that this host sends: about a datagram to a closed port.
void errors_that_are_sent()
{
	wire::Wire wire = new_network<Errors>();
	const Ipv4 about =
		errors::sent_udp({packet::client, 4000}, {packet::server, 9}, packet::pattern(100));
	Values outcomes;
	Change change;

	Injection injection(fault::icmpx());
	const auto check = [&](bool hit) {
		auto moved = ktap::require_value(change.icmpx(), "counters");
		auto answer = wire::next_answer(wire, wire::silence);
		expect_equal(moved["errors_wanted"], 1, "errors_wanted");
		expect_equal(moved["error_sent_unreachable"] + moved["error_failed_no_memory"] +
				     moved["error_failed_no_route"] + moved["error_failed_output"],
			     1, "one outcome: " + counters::text(moved));
		expect_equal(answer.has_value(), moved["error_sent_unreachable"] == 1, "sent");
		expect(hit || answer, "sent, if nothing failed");
		if (answer)
			expect_equal(answer->icmp.type, Type::unreachable, "type");
		outcomes = counters::sum(outcomes, moved);
		fault::expect_calm_log();
		change.restart();
	};
	const int allocations = fault::each_allocation(
		Victims::self, [&] { wire.send(about); }, check);
	ktap::say(std::to_string(allocations) + " allocations: " + counters::text(outcomes));
	expect(outcomes["error_failed_no_route"] > 0, "error_failed_no_route");
	expect(outcomes["error_failed_no_memory"] > 0, "error_failed_no_memory");
}

template <typename S> std::vector<ktap::Test> tests()
{
	return {{"errors_to_udp", errors_to_udp<S>},
		{"errors_to_raw_sockets", errors_to_raw_sockets<S>},
		{"errors_to_tcp", errors_to_tcp<S>}};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<Errors>(), tests<Errors6>());

	all.insert(all.end(), {{"errors_to_ping_sockets", errors_to_ping_sockets},
			       {"replies_to_ping_sockets", replies_to_ping_sockets},
			       {"errors_that_are_sent", errors_that_are_sent}});
	return ktap::run(argc, argv, all);
}
