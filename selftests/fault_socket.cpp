// SPDX-License-Identifier: GPL-2.0-only
//
// What programs do with ping sockets, with each of the allocations that it makes failing in its turn: it works, or says
// that there is no memory and changes nothing.

#include "lib/counters.hpp"
#include "lib/fault.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <linux/sock_diag.h>
#include <string>
#include <sys/socket.h>

namespace {

using fault::Injection;
using fault::Victims;
using ktap::expect;
using ktap::expect_equal;
using packet::Bytes;
using pinger::V4;
using pinger::V6;
using sock::Socket;

template <typename F> typename F::Endpoint peer() { return {F::client, 0}; }

template <typename F> std::size_t number_of_sockets()
{
	return ping::listed(pinger::list_path<F>()).size();
}

/// What socket() and its like say without memory: connect(), as with the built-in code, that it got no identifier; IPv6, when
/// it has no memory for a route, that there is none.
bool means_no_memory(int error)
{
	constexpr std::array<int, 5> meaning{ENOMEM, ENOBUFS, ENFILE, EAGAIN, ENETUNREACH};

	return std::ranges::find(meaning, error) != meaning.end();
}

/// A network without ping sockets, and nothing left of them when it goes.
template <typename F> struct Network {
	wire::Wire wire = pinger::new_network<F>();

	Network() { F::need_icmpx(); }
	Network(const Network &) = delete;
	Network &operator=(const Network &) = delete;
	~Network()
	{
		expect_equal(number_of_sockets<F>(), std::size_t{0}, "sockets in the list");
		fault::expect_calm_log();
	}

	/// @p socket asks and gets what it asked for.
	void expect_works(const Socket &socket,
			  const wire::Where &where = wire::Where::current()) const
	{
		wire.receive_all(wire::milliseconds{0});
		pinger::sent_on<F>(wire, socket, peer<F>(), {}, where);
		wire.send(pinger::reply<F>(pinger::identifier<F>(socket)));
		expect(sock::receive(socket).has_value(), "a reply", where);
	}
};

/// Lets each allocation of @p call fail; it returns 0 or the errno.
void each(const std::function<int()> &call, const std::function<void(int error)> &check)
{
	Injection injection(fault::anywhere);
	int error = 0, refused = 0;

	const int allocations = fault::each_allocation(
		Victims::self, [&] { error = call(); },
		[&](bool hit) {
			refused += error != 0;
			expect(!error || hit, "it fails for a reason");
			expect(!error || means_no_memory(error),
			       "error " + std::to_string(error) + " means no memory");
			check(error);
			fault::expect_calm_log();
		});
	ktap::say(std::to_string(allocations) + " allocations, " + std::to_string(refused) +
		  " of them necessary");
	expect(refused > 0, "some are necessary");
}

template <typename F> void opening()
{
	Network<F> network;
	int fd = -1;

	each([&] { return (fd = ::socket(F::domain, SOCK_DGRAM, F::protocol)) < 0 ? errno : 0; },
	     [&](int error) {
		     const Socket socket(fd);

		     expect_equal(number_of_sockets<F>(), std::size_t{0}, "sockets in the list");
		     if (!error)
			     network.expect_works(socket);
	     });
}

/// What gives a socket an identifier: @p call on a new one.
template <typename F>
void identifiers(const std::function<int(const Socket &)> &call, bool has_identifier)
{
	Network<F> network;
	Socket socket = F::open();

	each([&] { return call(socket); },
	     [&](int error) {
		     if (error && !has_identifier)
			     expect_equal(pinger::identifier<F>(socket), 0, "the identifier");
		     expect_equal(number_of_sockets<F>(),
				  std::size_t{pinger::identifier<F>(socket) != 0},
				  "sockets in the list");
		     // Whoever was refused may try again, on the same socket.
		     expect_equal(call(socket) == 0 || !error, true, "another time");
		     socket = F::open();
		     network.expect_works(socket);
		     socket = F::open();
	     });
}

template <typename F> void binding()
{
	identifiers<F>(
		[](const Socket &socket) {
			return pinger::try_to_bind<F>(socket, {F::server, 77});
		},
		false);
}

template <typename F> void binding_to_any()
{
	identifiers<F>(
		[](const Socket &socket) {
			return pinger::try_to_bind<F>(socket, {F::server, 0});
		},
		false);
}

template <typename F> void connecting()
{
	identifiers<F>([](const Socket &socket) { return connect(socket, peer<F>()); }, false);
}

/// The second of an identifier needs a place in the table of peers.
template <typename F> void sharing()
{
	Network<F> network;
	Socket first = F::open(), second = F::open();

	pinger::try_to_bind<F>(first, {F::server, 77});
	each(
		[&] {
			const int error = pinger::try_to_bind<F>(second, {F::server, 77});
			return error ? error
				     : connect(second, typename F::Endpoint{F::remote(1), 0});
		},
		[&](int) {
			second = F::open();
			expect_equal(number_of_sockets<F>(), std::size_t{1}, "sockets in the list");
			network.expect_works(first);
		});
}

/// Sends a request of @p size bytes in all ways of failing; what comes out is whole or nothing.
template <typename F>
void sending(std::size_t size, const std::vector<control::Message> &messages = {})
{
	Network<F> network;
	const Socket socket = F::open();
	const Bytes message = pinger::request<F>(1, packet::pattern(size));
	const Bytes control = control::build(messages);
	auto name = F::to_kernel(peer<F>());

	network.expect_works(socket);
	sock::set(socket, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20);
	typename F::Change change;
	int unseen = 0;
	each([&] { return control::send_named(socket, message, &name, sizeof(name), control, 0); },
	     [&](int error) {
		     auto moved = ktap::require_value(change.icmpx(), "counters");
		     auto sent = network.wire.template receive_all<typename F::Datagram>(
			     wire::milliseconds{0});

		     const bool failed = moved["ping_send_failed"] == 1;
		     // A program is not told that a packet of IPv6 did not get out.
		     const bool got_out = !error && !(F::is_ipv6 && failed);
		     expect_equal(moved["ping_sent"], got_out, "ping_sent");
		     expect(!got_out || !failed, "ping_send_failed");
		     unseen += error != 0 && !failed;
		     if (got_out) {
			     auto whole = ktap::require_value(reassemble(sent), "whole");
			     auto icmp = ktap::require_value(F::message(whole), "it");
			     expect(icmp.checksum_right, "a right checksum");
			     expect(icmp.data == packet::pattern(size), "the data");
		     }
		     // Of a datagram that is not sent nothing is charged for.
		     std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
		     socklen_t len = sizeof(memory);
		     host::check(
			     getsockopt(socket.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &len),
			     "SO_MEMINFO");
		     expect_equal(memory[SK_MEMINFO_WMEM_ALLOC], 0U, "bytes still charged");
		     expect_equal(sock::take_error(socket), 0, "SO_ERROR");
		     change.restart();
	     });
	// sendmsg() itself copies control messages that are larger than a few: once each of the two times.
	ktap::expect_between(unseen, messages.empty() ? 0 : 1, messages.empty() ? 0 : 2,
			     "failures that did not come to icmpx");
	network.expect_works(socket);
}

template <typename F> void sending_a_small_one() { sending<F>(56); }
template <typename F> void sending_fragments() { sending<F>(8000); }

void sending_with_control_messages()
{
	// Record route, with room for three.
	sending<V4>(56,
		    {{SOL_IP, IP_RETOPTS, Bytes{7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		     control::make(SOL_IP, IP_TTL, 9)});
}

template <typename F> void receiving()
{
	Network<F> network;
	const Socket socket = F::open();
	std::array<std::uint8_t, 2048> data{};
	ssize_t size = 0;

	network.expect_works(socket);
	const std::uint16_t id = pinger::identifier<F>(socket);
	Injection injection(fault::anywhere);
	network.wire.send(pinger::reply<F>(id, 1, packet::pattern(1000)));
	fault::each_allocation(
		Victims::self,
		[&] { size = recv(socket.get(), data.data(), data.size(), MSG_DONTWAIT); },
		[&](bool) {
			expect_equal(size, 1008, "bytes");
			network.wire.send(pinger::reply<F>(id, 1, packet::pattern(1000)));
		});
}

/// Without memory the error that a socket is told of is there, but not its entry in the queue.
void local_errors()
{
	Network<V4> network;
	const Socket socket = V4::open();
	const Bytes message = ping::request(1, packet::pattern(3000));
	int error = 0, entries = 0, attempts = 0;

	network.expect_works(socket);
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	Injection injection(fault::icmpx());
	fault::each_allocation(
		Victims::self,
		[&] { error = control::send_built(socket, message, peer<V4>(), {}); },
		[&](bool hit) {
			auto entry = sock::next_error(socket);

			if (entry)
				expect_equal(entry->number, EMSGSIZE, "the entry");
			entries += entry.has_value();
			attempts++;
			expect(error == EMSGSIZE || (hit && means_no_memory(error)), "sendmsg");
			expect(entry || hit, "an entry when nothing failed");
			sock::forget_errors(socket);
		});
	ktap::expect_between(entries, 1, attempts - 1, "entries");
	network.expect_works(socket);
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"opening", opening<F>},
		{"binding", binding<F>},
		{"binding_to_any", binding_to_any<F>},
		{"connecting", connecting<F>},
		{"sharing", sharing<F>},
		{"sending_a_small_one", sending_a_small_one<F>},
		{"sending_fragments", sending_fragments<F>},
		{"receiving", receiving<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back({"sending_with_control_messages", sending_with_control_messages});
	all.push_back({"local_errors", local_errors});
	return ktap::run(argc, argv, all);
}
