// SPDX-License-Identifier: GPL-2.0-only
//
// Loading and unloading while packets come in: not a reply and not an error is lost.
//
// Threads in a namespace of their own send over a veth, each with a window of requests in flight, and account for every
// one of them: answered, or lost once nothing has come for a long time. Meanwhile the module comes and goes; each time
// it stays until traffic has passed through it, and stays away until traffic has passed without it.

#include "lib/counters.hpp"
#include "lib/counters6.hpp"
#include "lib/errors.hpp"
#include "lib/flood.hpp"
#include "lib/flood6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/packet.hpp"
#include "lib/pinger.hpp"
#include "lib/socket.hpp"
#include "lib/socket6.hpp"
#include "lib/volume.hpp"

#include <atomic>
#include <linux/icmp.h>
#include <linux/tcp.h>
#include <memory>
#include <string>
#include <thread>

namespace {

using flood::Account;
using flood::expect_complete;
using flood::Flood;
using flood::Network;
using flood::patience;
using flood::Refusals;
using flood::wait_for_replies;
using packet::Bytes;
using sock::Endpoint;
using sock::Socket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/**
 * Errors about a TCP connection.
 *
 * Not about a SYN: while connect() holds the socket an error is only remembered, and a second SYN hides one that is lost.
 * TCP_REPAIR makes a connection to a host that does not exist, so that nothing but our errors comes.
 */
class TcpErrors : public flood::Errors {
public:
	explicit TcpErrors(const Network &network) : TcpErrors(network.in_client(connection)) {}

private:
	static constexpr Endpoint peer{packet::server + 1, 80};
	static constexpr std::uint32_t first = 1000;

	explicit TcpErrors(Socket socket)
		: Errors(std::move(socket),
			 [raw = std::make_shared<Socket>(sender())](const Socket &told) {
				 return sock::send(*raw, about(told));
			 })
	{
	}

	static Socket sender()
	{
		const icmp_filter nothing{~0U};
		Socket raw = sock::raw(IPPROTO_ICMP);

		// Or it would get a copy of each request, and none could be turned round in place.
		host::check(setsockopt(raw.get(), SOL_RAW, ICMP_FILTER, &nothing, sizeof(nothing)),
			    "filter");
		ktap::require_equal(sock::connect(raw, {packet::client, 0}), 0, "connect");
		return raw;
	}

	/// An error about the byte that @p socket has in flight.
	static Bytes about(const Socket &socket)
	{
		Bytes segment;

		packet::put16(segment, sock::local(socket).port);
		packet::put16(segment, peer.port);
		packet::put32(segment, first);
		return errors::unreachable(
			       errors::Code::port_unreachable,
			       errors::sent(IPPROTO_TCP, packet::client, peer.address, segment)
				       .build())
			.payload;
	}

	static Socket connection()
	{
		Socket socket = sock::tcp();

		host::run("ip neighbour replace 10.0.0.3 lladdr 02:00:00:00:00:03 dev client");
		sock::bind(socket, {packet::client, 0});
		sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
		for (int queue : {TCP_SEND_QUEUE, TCP_RECV_QUEUE}) {
			sock::set(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
			sock::set(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, first);
		}
		ktap::require_equal(sock::connect(socket, peer), 0, "connect");
		sock::set(socket, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
		// Without a byte in flight no sequence number is in the window.
		ktap::require_equal(sock::send(socket, packet::pattern(100)), 0, "send");
		return socket;
	}
};

/**
 * Opens a ping socket, gets one reply, closes it, and begins again.
 *
 * An open one keeps the module, and a closed one until a grace period has passed. So who unloads asks for a pause, which
 * ends when unloading begins: those opened from then on are the built-in code's, or refused.
 */
template <typename F> class PingSockets {
public:
	explicit PingSockets(const Network &network)
	{
		thread_ = std::jthread([this, &network](const std::stop_token &stop) {
			network.enter_client();
			ping::allow();
			run(stop);
		});
	}

	Account account;
	/// Sockets refused since the module that they were to be of was going, and had not told Linux yet.
	std::atomic<std::int64_t> refused{0};
	void pause(bool on) { paused_ = on; }
	void finish()
	{
		thread_.request_stop();
		thread_.join();
	}

private:
	static bool module_is_live()
	{
		return host::read_file("/sys/module/icmpx/initstate") == "live";
	}

	void use(const Socket &socket)
	{
		const auto number = static_cast<std::uint16_t>(account.requests);
		const Bytes data = packet::pattern(56, static_cast<std::uint8_t>(number));

		account.requests++;
		// The flood's are others, and both families have one space of identifiers.
		const auto identifier =
			static_cast<std::uint16_t>((F::is_ipv6 ? 65 : 1) + number % 64);
		if (pinger::try_to_bind<F>(socket, {F::any, identifier}) ||
		    connect(socket, typename F::Endpoint{F::server, 0}) ||
		    sock::send(socket, pinger::request<F>(number, data))) {
			account.wrong++;
			return;
		}
		auto message = sock::receive(socket, static_cast<int>(patience.count()));
		auto reply = message ? packet::parse_icmp(*message) : std::nullopt;
		if (!message)
			account.lost++;
		else if (!reply || reply->type != F::Type::echo_reply ||
			 reply->sequence() != number || reply->data != data)
			account.wrong++;
		else
			account.replies++;
	}

	void run(const std::stop_token &stop)
	{
		while (!stop.stop_requested()) {
			while (paused_ && module_is_live())
				std::this_thread::sleep_for(milliseconds{1});
			Socket socket(::socket(F::domain, SOCK_DGRAM | SOCK_CLOEXEC, F::protocol));
			if (socket.get() >= 0)
				use(socket);
			else if (errno == ENOBUFS || errno == ENOMEM)
				refused++;
			else
				account.wrong++;
			std::this_thread::sleep_for(flood::break_time);
		}
	}

	std::atomic<bool> paused_{false};
	std::jthread thread_;
};

/// As long as a socket has the module, unloading is refused; returns how often it was.
int unload(const module::Icmpx &icmpx)
{
	const auto until = steady_clock::now() + patience;
	int refusals = 0, error;

	while ((error = icmpx.unload()) == EWOULDBLOCK && steady_clock::now() < until) {
		refusals++;
		std::this_thread::sleep_for(milliseconds{5});
	}
	ktap::require_equal(error, 0, "unloading");
	return refusals;
}

/// Traffic over IPv6.
class Flood6 {
public:
	explicit Flood6(const Network &network)
		: network_(network), small_(network, 56, 8), fragments_(network, 3000, 2),
		  refusals_(network), queries_(network), discoveries_(network)
	{
	}

	/// Until a few of each have come.
	void wait() const
	{
		wait_for_replies(small_.account, 10);
		for (const Account *account : {&fragments_.account, &refusals_.account,
					       &queries_.account, &discoveries_.account})
			wait_for_replies(*account, 2);
	}

	/// Expects that all of them have passed through the module.
	void expect_ours() const
	{
		auto server = ktap::require_value(counters6::icmpx(), "icmpx6_stat");
		auto client = ktap::require_value(network_.in_client(counters6::icmpx),
						  "the client's icmpx6_stat");

		for (const char *name : {"reply_in_place", "reply_copied", "pass_mld", "pass_nd"})
			ktap::expect(server[name] > 0, std::string("IPv6: ") + name);
		ktap::expect(client["deliver_error_udp"] > 0, "IPv6: errors");
		ktap::expect(client["pass_nd"] > 0, "IPv6: advertisements");
	}

	void finish()
	{
		discoveries_.finish();
		queries_.finish();
		refusals_.finish();
		fragments_.finish();
		small_.finish();
		expect_complete(small_.account, "IPv6: echo requests");
		expect_complete(fragments_.account, "IPv6: echo requests in fragments");
		expect_complete(refusals_.account, "IPv6: UDP to a closed port");
		expect_complete(queries_.account, "IPv6: queries of MLD");
		expect_complete(discoveries_.account, "IPv6: neighbours found");
	}

private:
	const Network &network_;
	flood6::Flood small_, fragments_;
	flood6::Refusals refusals_;
	flood6::Queries queries_;
	flood6::Discoveries discoveries_;
};

void load(const module::Icmpx &icmpx, const Account &account, std::int64_t count)
{
	ktap::require_equal(icmpx.load(), 0, "loading");
	wait_for_replies(account, count);
	auto stat = ktap::require_value(counters::icmpx(), "icmpx_stat");
	ktap::expect(stat["reply_in_place"] + stat["reply_copied"] > 0, "replies are the module's");
}

void under_a_flood_of_everything()
{
	const int cycles = volume::count("LOAD_CYCLES", 100, 50);
	module::Icmpx icmpx;
	Network network;
	flood6::add_ipv6(network);
	Flood flood(network, 56, 16);
	Refusals refusals(network);
	TcpErrors tcp(network);
	PingSockets<pinger::V4> pings(network);
	PingSockets<pinger::V6> pings6(network);
	Flood6 flood6(network);
	int held = 0;

	for (int i = cycles; i > 0; i--) {
		load(icmpx, flood.account, 20);
		// The second of them is of a socket of the module.
		wait_for_replies(pings.account, 2);
		wait_for_replies(pings6.account, 2);
		flood6.wait();
		flood6.expect_ours();
		pings.pause(true);
		pings6.pause(true);
		held += unload(icmpx);
		pings.pause(false);
		pings6.pause(false);
		wait_for_replies(flood.account, 20);
		flood6.wait();
	}
	pings.finish();
	pings6.finish();
	tcp.finish();
	refusals.finish();
	flood.finish();
	ktap::say(std::to_string(cycles) + " cycles; ping sockets held the module " +
		  std::to_string(held) + " times, and were refused " +
		  std::to_string(pings.refused) + " and, of IPv6, " +
		  std::to_string(pings6.refused) + " times while it went");
	flood6.finish();
	expect_complete(flood.account, "echo requests");
	expect_complete(refusals.account, "UDP to a closed port");
	expect_complete(tcp.account, "errors about a TCP connection");
	expect_complete(pings.account, "ping sockets");
	expect_complete(pings6.account, "IPv6: ping sockets");
	// A few instructions long is the time for it, and there is one try in a millisecond.
	ktap::expect_between(pings.refused, 0, cycles / 2, "ping sockets refused");
	ktap::expect_between(pings6.refused, 0, cycles / 2, "IPv6: ping sockets refused");
}

void with_pings_of_64_kib_in_flight()
{
	module::Icmpx icmpx;
	Network network;
	flood6::add_ipv6(network);
	Flood flood(network, 65507, 2);
	flood6::Flood flood6(network, 65487, 2);

	for (int i = 10; i > 0; i--) {
		load(icmpx, flood.account, 2);
		wait_for_replies(flood6.account, 2);
		unload(icmpx);
		wait_for_replies(flood.account, 2);
		wait_for_replies(flood6.account, 2);
	}
	flood6.finish();
	flood.finish();
	expect_complete(flood.account, "echo requests of 65507 bytes");
	expect_complete(flood6.account, "IPv6: echo requests of 65487 bytes");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"under_a_flood_of_everything", under_a_flood_of_everything},
			  {"with_pings_of_64_kib_in_flight", with_pings_of_64_kib_in_flight}});
}
