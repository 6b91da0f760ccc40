// SPDX-License-Identifier: GPL-2.0-only
//
// Devices that go while packets of ours wait in them: replies, requests of ping sockets, and what these have received and
// nobody has read. A device waits for whoever still refers to it, and so would we for a reference that is lost.

#include "lib/flood.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/packet.hpp"
#include "lib/ping.hpp"
#include "lib/socket.hpp"
#include "lib/volume.hpp"

#include <chrono>
#include <csignal>
#include <netinet/in.h>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using packet::Bytes;
using sock::Endpoint;
using sock::Socket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int requests = 40;

/// A device with the address 10.0.0.2, and how it goes.
struct Kind {
	std::string name;
	/// On top of the veth `server`, in the server's namespace. The device is `top`.
	std::string make;
	/// What is deleted there.
	std::string victim;
};

/// @p command in a process of its own, which can hang for good: Linux logs what a device waits for.
void run_within(const std::string &command, milliseconds limit)
{
	const auto until = steady_clock::now() + limit;
	int status = 0;
	pid_t child = host::check(fork(), "fork");

	if (child == 0)
		_exit(host::try_run(command) ? 0 : 1);
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (steady_clock::now() > until)
			ktap::fatal("'" + command + "' does not end");
		std::this_thread::sleep_for(milliseconds{5});
	}
	ktap::require_equal(status, 0, command);
}

/// The way out of @p device takes longer than the test.
void hold(const std::string &device)
{
	host::need("sch_tbf", "tc qdisc replace dev " + device +
				      " root tbf rate 1kbit burst 1600 limit 10000000");
}

std::int64_t packets_held(const std::string &device)
{
	std::string text = host::output_of("tc -s qdisc show dev " + device +
					   " | sed -n 's/.*backlog [^ ]* \\([0-9]*\\)p.*/\\1/p'");

	return text.empty() ? 0 : std::stoll(text);
}

/// A ping socket that has two replies which nobody reads, one with all that can be told about it.
Socket with_unread_replies(packet::Address from)
{
	Socket socket = sock::ping();

	sock::set(socket, SOL_IP, IP_PKTINFO, 1);
	sock::set(socket, SOL_IP, IP_RETOPTS, 1);
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	ktap::require_equal(sock::connect(socket, {from, 0}), 0, "connect");
	for (std::uint16_t i = 0; i < 2; i++)
		ktap::require_equal(sock::send(socket, ping::request(i, packet::pattern(100))), 0,
				    "send");
	ktap::require(sock::wait_for(socket, POLLIN, 5000) & POLLIN, "replies");
	return socket;
}

void send_requests(const Socket &socket)
{
	for (std::uint16_t i = 0; i < requests; i++)
		ktap::expect_equal(sock::send(socket, ping::request(i, packet::pattern(200)),
					      Endpoint{packet::client, 0}),
				   0, "send");
}

/// Requests of the client, whose replies wait.
void queue_replies(const flood::Network &network)
{
	Socket client = network.in_client([] { return sock::ping(); });

	for (std::uint16_t i = 0; i < requests; i++)
		ktap::expect_equal(sock::send(client, ping::request(i, packet::pattern(200)),
					      Endpoint{packet::server, 0}),
				   0, "send");
}

void fill(const flood::Network &network, const std::string &device, const Socket &socket)
{
	hold(device);
	send_requests(socket);
	queue_replies(network);
	ktap::expect_between(packets_held(device), 2 * requests - 20, 2 * requests,
			     device + " holds packets");
}

/// Once with the device that the addresses are on, once with the one below.
const std::vector<Kind> kinds{
	{"veth", "", "server"},
	{"vlan",
	 "ip link add link server name top type vlan id 5 && ip -n CLIENT link add link client "
	 "name peer type vlan id 5",
	 "top"},
	{"what a vlan is on",
	 "ip link add link server name top type vlan id 5 && ip -n CLIENT link add link client "
	 "name "
	 "peer type vlan id 5",
	 "server"},
	{"bridge", "ip link add top type bridge && ip link set server master top", "top"},
	{"port of a bridge", "ip link add top type bridge && ip link set server master top",
	 "server"},
};

/// Moves the addresses of both ends to what @p kind puts on top of the veth.
std::string set_up(const flood::Network &network, const Kind &kind)
{
	if (kind.make.empty())
		return "server";
	std::string command = kind.make;
	const bool vlan = kind.make.find("CLIENT") != std::string::npos;
	if (vlan)
		command.replace(command.find("CLIENT"), 6, network.client());
	host::run(command + " && ip address flush dev server && "
			    "ip address add 10.0.0.2/24 dev top && ip link set top up");
	if (vlan)
		host::run("ip -n " + network.client() + " address flush dev client && ip -n " +
			  network.client() + " address add 10.0.0.1/24 dev peer && ip -n " +
			  network.client() + " link set peer up");
	return "top";
}

/// Until a ping has come and gone both ways: neighbours are known, a bridge's port forwards.
void wait_for_the_way(packet::Address to)
{
	Socket socket = sock::ping();

	for (int tries = 0; tries < 100; tries++) {
		sock::send(socket, ping::request(1), Endpoint{to, 0});
		if (sock::receive(socket, 200))
			return;
	}
	ktap::fatal("no way to the other end");
}

/// The sockets outlive the device, and the module can be unloaded once they are closed.
void remove_one(const Kind &kind)
{
	const int limit = volume::debug_kernel() ? 9000 : 5000;
	flood::Network network;

	ping::allow();
	network.in_client([] { return ping::allow(), 0; });
	const std::string device = set_up(network, kind);
	wait_for_the_way(packet::client);
	{
		Socket unread = with_unread_replies(packet::client), sender = sock::ping();

		fill(network, device, sender);
		run_within("ip link delete " + kind.victim, milliseconds{limit});
		ktap::expect(sock::receive(unread).has_value(), "an unread reply is there");
	}
}

void devices_below_queued_packets()
{
	module::Icmpx icmpx;
	const int rounds = volume::count("STRESS_DEVICES", 1, 1);

	host::need("8021q");
	host::need("bridge");
	for (const Kind &kind : kinds) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		for (int i = 0; i < rounds; i++)
			remove_one(kind);
		ktap::say(kind.name + ": " + std::to_string(rounds) + " times");
		ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	}
}

/// The same in a VRF, which the sockets are bound to: its device is in their routes, and so is its member.
void a_vrf_and_its_member()
{
	module::Icmpx icmpx;

	ktap::require_equal(icmpx.load(), 0, "loading");
	for (const std::string victim : {"top", "server"}) {
		flood::Network network;

		ping::allow();
		network.in_client([] { return ping::allow(), 0; });
		host::need("vrf", "ip link add top type vrf table 7");
		host::run("ip link set top up && ip link set server master top");
		Socket unread = sock::ping(), sender = sock::ping();
		for (const Socket *socket : {&unread, &sender})
			ktap::require_equal(ping::try_to_bind_to_device(*socket, "top"), 0, "bind");
		ktap::require_equal(
			sock::send(unread, ping::request(1), Endpoint{packet::client, 0}), 0,
			"send");
		ktap::require(sock::wait_for(unread, POLLIN, 5000) & POLLIN, "reply");
		fill(network, "server", sender);
		run_within("ip link delete " + victim, milliseconds{9000});
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// Devices without another stack behind them: what a tap's reader does not read, and what waits before a dummy.
void a_tap_and_a_dummy()
{
	module::Icmpx icmpx;

	ktap::require_equal(icmpx.load(), 0, "loading");
	for (bool tap : {true, false}) {
		const host::Namespace home = host::Namespace::current();
		std::optional<wire::Wire> wire = ping::new_network();
		Socket sender = sock::ping();
		std::string device = "wire0";

		if (!tap) {
			host::need("dummy");
			host::run("ip link delete wire0 && ip link add none type dummy && "
				  "ip address add 10.0.0.2/24 dev none && ip link set none up");
			device = "none";
		}
		hold(device);
		send_requests(sender);
		for (std::uint16_t i = 0; tap && i < requests; i++)
			wire->send(
				packet::datagram(packet::echo_request(1, i, packet::pattern(200))));
		ktap::expect_between(packets_held(device), (tap ? 2 : 1) * requests - 20,
				     2 * requests, device + " holds packets");
		run_within("ip link delete " + device, milliseconds{9000});
		home.enter();
	}
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

/// The module may go before the replies that it sent. A request keeps its socket, and with it the module.
void replies_that_outlive_the_module()
{
	module::Icmpx icmpx;

	ktap::require_equal(icmpx.load(), 0, "loading");
	flood::Network network;
	ping::allow();
	network.in_client([] { return ping::allow(), 0; });
	wait_for_the_way(packet::client);
	hold("server");
	queue_replies(network);
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	ktap::expect(packets_held("server") > requests / 2, "replies still wait");
	ktap::require_equal(icmpx.load(), 0, "loading");
	send_requests(sock::ping());
	ktap::expect_equal(icmpx.unload_when_idle(), EWOULDBLOCK, "unloading");
	run_within("ip link delete server", milliseconds{9000});
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"devices_below_queued_packets", devices_below_queued_packets},
			  {"a_vrf_and_its_member", a_vrf_and_its_member},
			  {"a_tap_and_a_dummy", a_tap_and_a_dummy},
			  {"replies_that_outlive_the_module", replies_that_outlive_the_module}});
}
