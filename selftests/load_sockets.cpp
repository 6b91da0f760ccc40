// SPDX-License-Identifier: GPL-2.0-only
//
// Sockets from before the module was loaded: what is theirs reaches them while it is, and after it was. Ping sockets
// from after that are the module's, and hold it.

#include "lib/bpf.hpp"
#include "lib/counters.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/pinger.hpp"

#include <string>
#include <vector>

#include <unistd.h>

namespace {

using counters::Values;
using packet::Bytes;
using pinger::V4;
using pinger::V6;
using sock::Socket;

/// One of each kind, with what a router quotes of what it sent.
template <typename F> struct Sockets {
	using Endpoint = typename F::Endpoint;

	Sockets() : udp(F::open(SOCK_DGRAM)), raw(F::open(SOCK_RAW, 253)), ping(pinger::bound<F>())
	{
		const Endpoint peer{F::remote(1), 9999};

		for (const Socket *socket : {&udp, &raw, &ping})
			sock::set(*socket, F::level, F::recverr, 1);
		bind(udp, Endpoint{F::server, 0});
		by_udp = F::sent_udp(F::local(udp), peer, packet::pattern(24)).build();
		by_raw = F::sent(253, F::server, peer.address, packet::pattern(24)).build();
		by_ping = pinger::sent<F>(pinger::identifier<F>(ping), peer.address);
	}

	Socket udp, raw, ping;
	Bytes by_udp, by_raw, by_ping;
};

template <typename F>
void expect_error(const wire::Wire &net, const Socket &socket, const Bytes &sent,
		  const std::string &what)
{
	net.send(F::report(F::Type::time_exceeded, 0, 0, sent));
	ktap::expect_equal(sock::wait_for(socket, 0), POLLERR, what + ", POLLERR");
	auto error = ktap::require_value(F::next_error(socket), what);
	ktap::expect_equal(error.number, EHOSTUNREACH, what + ", ee_errno");
	ktap::expect_equal(error.origin, F::origin, what + ", ee_origin");
	ktap::expect_equal(error.type, F::Type::time_exceeded, what + ", ee_type");
	ktap::expect_equal(error.offender, F::client, what + ", offender");
}

template <typename F>
void expect_all(const wire::Wire &net, const Sockets<F> &sockets, const std::string &when)
{
	const std::uint16_t id = pinger::identifier<F>(sockets.ping);
	const auto reply = pinger::reply<F>(id, 5, packet::pattern(48));

	expect_error<F>(net, sockets.udp, sockets.by_udp, when + ", UDP");
	expect_error<F>(net, sockets.raw, sockets.by_raw, when + ", raw");
	expect_error<F>(net, sockets.ping, sockets.by_ping, when + ", ping");
	net.send(reply);
	auto message = ktap::require_value(sock::receive(sockets.ping), when + ", echo reply");
	ktap::expect_equal(message, reply.payload, when + ", echo reply");
	net.send(pinger::reply<F>(static_cast<std::uint16_t>(id ^ 0xffff), 5, packet::pattern(48)));
	ktap::expect(!sock::receive(sockets.ping), when + ", another socket's echo reply");
}

/// Skips the test when sockets of the family are still the built-in ones while icmpx, which does the rest, is loaded.
template <typename F> void need_own_sockets()
{
	if (!pinger::is_icmpx<F>())
		ktap::skip("needs ping sockets of icmpx");
}

template <typename F> void sockets_from_before_loading()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();
	Sockets<F> sockets;

	expect_all(net, sockets, "before loading");
	ktap::require_equal(icmpx.load(), 0, "loading");
	const auto change = F::change();
	expect_all(net, sockets, "loaded");
	auto stat = ktap::require_value(change.icmpx(), "what icmpx counts");
	for (const char *name : {"deliver_error_icmp", "deliver_error_udp", "deliver_error_raw"})
		ktap::expect_equal(stat[name], 1, name);
	// The built-in code does not tell of a reply over IPv6 whether it had a socket for it.
	if constexpr (F::is_ipv6) {
		ktap::expect_equal(stat["pass_ping"], 2, "pass_ping");
	} else {
		for (const char *name : {"deliver_ping_builtin", "drop_no_socket"})
			ktap::expect_equal(stat[name], 1, name);
	}
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	expect_all(net, sockets, "unloaded");
	ktap::require_equal(icmpx.load(), 0, "loading again");
	expect_all(net, sockets, "loaded again");
}

template <typename F> void sockets_from_after_loading()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();

	ktap::require_equal(icmpx.load(), 0, "loading");
	need_own_sockets<F>();
	{
		Sockets<F> sockets;

		expect_all(net, sockets, "loaded");
		ktap::expect_equal(icmpx.unload(), EWOULDBLOCK, "unloading");
		expect_all(net, sockets, "after a try to unload");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	Sockets<F> sockets;
	expect_all(net, sockets, "unloaded");
}

/// Open is what counts, not bound.
template <typename F> void an_idle_socket_holds_the_module()
{
	module::Icmpx icmpx;

	wire::Wire net = pinger::new_network<F>();
	ktap::require_equal(icmpx.load(), 0, "loading");
	need_own_sockets<F>();
	{
		Socket idle = F::open();

		ktap::expect_equal(icmpx.unload(), EWOULDBLOCK, "unloading");
		ktap::expect_equal(connect(idle, typename F::Endpoint{F::remote(1), 0}), 0,
				   "connect");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// What is in the queue of a socket that is closed goes before the module does.
template <typename F> void replies_that_nobody_read()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();

	ktap::require_equal(icmpx.load(), 0, "loading");
	{
		Sockets<F> sockets;
		const auto reply = pinger::reply<F>(pinger::identifier<F>(sockets.ping), 5,
						    packet::pattern(48));

		for (int i = 0; i < 5; i++)
			net.send(reply);
		ktap::expect(sock::wait_for(sockets.ping, POLLIN) & POLLIN, "a reply waits");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

constexpr std::uint16_t id = 4711;

template <typename F> typename F::Datagram reply()
{
	return pinger::reply<F>(id, 5, packet::pattern(48));
}

template <typename F>
void expect_reply(const Socket &socket, const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(ktap::require_value(sock::receive(socket), "reply", where),
			   reply<F>().payload, "reply", where);
}

/// The module cannot know which identifiers sockets from before have: where both have one, both get the replies.
template <typename F> void one_identifier_on_both_sides()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();
	Socket before = pinger::bound<F>(id);

	sock::set(before, F::level, F::recverr, 1);
	ktap::require_equal(icmpx.load(), 0, "loading");
	need_own_sockets<F>();
	{
		Socket after = pinger::bound<F>(id);

		sock::set(after, F::level, F::recverr, 1);
		net.send(
			F::report(F::Type::time_exceeded, 0, 0, pinger::sent<F>(id, F::remote(1))));
		net.send(reply<F>());
		for (const Socket *socket : {&before, &after}) {
			ktap::expect(F::next_error(*socket).has_value(), "error");
			expect_reply<F>(*socket);
		}
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// As well where that one gets its identifier later.
template <typename F> void an_identifier_that_is_taken_later()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();
	Socket before = F::open();

	ktap::require_equal(icmpx.load(), 0, "loading");
	need_own_sockets<F>();
	{
		Socket after = pinger::bound<F>(id);

		net.send(reply<F>());
		ktap::expect(sock::receive(after).has_value(), "the first reply");
		bind(before, typename F::Endpoint{F::any, id});
		// It is known within a jiffy.
		usleep(20000);
		net.send(reply<F>());
		for (const Socket *socket : {&before, &after})
			expect_reply<F>(*socket);
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// What a device vouches for is not summed up, whichever code a reply goes to, and whether it asks one of them or both.
template <typename F> void checksums_that_a_device_vouches_for()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();
	Socket before = pinger::bound<F>(id);
	auto wrong = reply<F>();
	wrong.payload[3] ^= 0xff;

	ktap::require(bpf::trust_checksums("wire0"), "the device says what checksums are");
	for (const bool loaded : {false, true}) {
		const std::string when = loaded ? "loaded, " : "before loading, ";
		const auto begin = F::change();

		if (loaded)
			ktap::require_equal(icmpx.load(), 0, "loading");
		net.send(wrong);
		ktap::expect(sock::receive(before).has_value(), when + "reply");
		Values change = F::moved(begin);
		ktap::expect_equal(change[F::icmp + "InMsgs"], 1, when + "InMsgs");
		ktap::expect_equal(change[F::icmp + "InCsumErrors"], 0, when + "InCsumErrors");
	}
	if (pinger::is_icmpx<F>()) {
		Socket after = pinger::bound<F>(id);

		net.send(wrong);
		for (const Socket *socket : {&before, &after})
			ktap::expect(sock::receive(*socket).has_value(), "reply to both");
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// Errors that wait in a queue hold packets; those must not need the module that put them there.
template <typename F> void errors_that_wait_while_the_module_goes()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();
	Sockets<F> sockets;

	ktap::require_equal(icmpx.load(), 0, "loading");
	for (const Bytes *sent : {&sockets.by_udp, &sockets.by_raw, &sockets.by_ping})
		net.send(F::report(F::Type::time_exceeded, 0, 0, *sent));
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	for (const Socket *socket : {&sockets.udp, &sockets.raw, &sockets.ping})
		ktap::expect_equal(ktap::require_value(F::next_error(*socket), "error").number,
				   EHOSTUNREACH, "ee_errno");
}

/// Replies that wait in a queue of the device outlive the module that sent them.
template <typename F> void replies_that_wait_while_the_module_goes()
{
	module::Icmpx icmpx;
	wire::Wire net = pinger::new_network<F>();
	constexpr int count = 20;

	host::need("sch_netem", "tc qdisc add dev wire0 root netem delay 1s");
	for (int round = 0; round < 2; round++) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		for (std::uint16_t i = 0; i < count; i++)
			net.send(F::datagram(F::echo(1, i, packet::pattern(100))));
		ktap::require_equal(icmpx.unload(), 0, "unloading");
		if (round == 0)
			ktap::expect_equal(
				net.receive_all<typename F::Datagram>(wire::patience).size(),
				static_cast<std::size_t>(count), "replies");
	}
	// The second round's go with their device.
	host::run("ip link delete wire0");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"sockets_from_before_loading", sockets_from_before_loading<F>},
		{"sockets_from_after_loading", sockets_from_after_loading<F>},
		{"an_idle_socket_holds_the_module", an_idle_socket_holds_the_module<F>},
		{"replies_that_nobody_read", replies_that_nobody_read<F>},
		{"one_identifier_on_both_sides", one_identifier_on_both_sides<F>},
		{"an_identifier_that_is_taken_later", an_identifier_that_is_taken_later<F>},
		{"checksums_that_a_device_vouches_for", checksums_that_a_device_vouches_for<F>},
		{"errors_that_wait_while_the_module_goes",
		 errors_that_wait_while_the_module_goes<F>},
		{"replies_that_wait_while_the_module_goes",
		 replies_that_wait_while_the_module_goes<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
