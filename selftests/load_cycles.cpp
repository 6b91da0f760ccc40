// SPDX-License-Identifier: GPL-2.0-only
//
// Loading and unloading while packets come in: not a reply and not an error is lost.
//
// Threads in a namespace of their own send over a veth, each with a window of requests in flight, and account for every
// one of them: answered, or lost once nothing has come for a long time. Meanwhile the module comes and goes; each time
// it stays until traffic has passed through it, and stays away until traffic has passed without it.

#include "lib/counters.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/packet.hpp"
#include "lib/socket.hpp"

#include <atomic>
#include <chrono>
#include <linux/icmp.h>
#include <set>
#include <string>
#include <thread>

namespace {

using packet::Bytes;
using sock::Socket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds patience{5000};
/// Between one datagram and the next, to leave some of a slow machine to the others.
constexpr milliseconds break_time{1};

/// What became of a thread's requests; written by the thread, read by all.
struct Account {
	std::atomic<std::int64_t> requests{0};
	std::atomic<std::int64_t> replies{0};
	std::atomic<std::int64_t> lost{0};
	/// Replies that nobody waits for, or that are not what was sent.
	std::atomic<std::int64_t> wrong{0};

	std::string text() const
	{
		return std::to_string(requests) + " requests, " + std::to_string(replies) +
		       " replies, " + std::to_string(lost) + " lost, " + std::to_string(wrong) +
		       " wrong";
	}
};

/// Two namespaces joined by a veth; this thread ends up in the server's.
class Network {
public:
	Network()
	{
		host::need("veth");
		host::run("ip netns add " + client_ + " && ip netns add " + server_);
		host::run("ip -n " + server_ +
			  " link add server type veth peer name client netns " + client_);
		host::run("ip -n " + server_ +
			  " address add 10.0.0.2/24 dev server && "
			  "ip -n " +
			  server_ +
			  " link set server up && "
			  "ip -n " +
			  client_ +
			  " address add 10.0.0.1/24 dev client && "
			  "ip -n " +
			  client_ + " link set client up && ip -n " + client_ + " link set lo up");
		host::Namespace::named(server_).enter();
		host::set_sysctl("net/ipv4/icmp_ratemask", 0);
	}
	Network(const Network &) = delete;
	Network &operator=(const Network &) = delete;
	~Network()
	{
		home_.enter();
		host::try_run("ip netns delete " + client_ + "; ip netns delete " + server_);
	}

	/// What @p open returns, opened in the client's namespace.
	template <typename Open> auto in_client(Open open) const
	{
		host::Namespace::named(client_).enter();
		auto socket = open();
		host::Namespace::named(server_).enter();
		return socket;
	}

private:
	std::string client_ = "load-client-" + std::to_string(getpid());
	std::string server_ = "load-server-" + std::to_string(getpid());
	host::Namespace home_ = host::Namespace::current();
};

/// Floods echo requests of @p size bytes, @p window of them in flight.
class Flood {
public:
	Flood(const Network &network, std::size_t size, std::size_t window)
		: size_(size), window_(window)
	{
		socket_ = network.in_client([] {
			Socket socket = sock::raw(IPPROTO_ICMP);
			icmp_filter filter{~(1U << packet::Type::echo_reply)};

			host::check(setsockopt(socket.get(), SOL_RAW, ICMP_FILTER, &filter,
					       sizeof(filter)),
				    "filter");
			sock::set(socket, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20);
			sock::set(socket, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
			ktap::require_equal(sock::connect(socket, {packet::server, 0}), 0,
					    "connect");
			return socket;
		});
		thread_ = std::jthread([this](const std::stop_token &stop) { run(stop); });
	}

	Account account;
	/// Lets the requests in flight come home.
	void finish()
	{
		thread_.request_stop();
		thread_.join();
	}

private:
	void send()
	{
		Bytes data = packet::pattern(size_, static_cast<std::uint8_t>(next_));
		packet::Icmp request =
			packet::echo_request(static_cast<std::uint16_t>(next_ >> 16),
					     static_cast<std::uint16_t>(next_), std::move(data));

		if (sock::send(socket_, request.build())) {
			account.wrong++;
			return;
		}
		in_flight_.insert(request.rest);
		next_++;
		account.requests++;
	}

	void receive()
	{
		auto datagram = sock::receive(socket_);
		auto ip = datagram ? packet::parse_ipv4(*datagram) : std::nullopt;
		auto reply = ip ? packet::parse_icmp(ip->payload) : std::nullopt;

		if (!reply || !reply->checksum_right || !in_flight_.erase(reply->rest) ||
		    reply->data != packet::pattern(size_, static_cast<std::uint8_t>(reply->rest)))
			account.wrong++;
		else
			account.replies++;
	}

	void run(const std::stop_token &stop)
	{
		auto last = steady_clock::now();

		while (!stop.stop_requested() || !in_flight_.empty()) {
			while (in_flight_.size() < window_ && !stop.stop_requested())
				send();
			if (sock::wait_for(socket_, POLLIN, 100) & POLLIN) {
				receive();
				last = steady_clock::now();
			} else if (steady_clock::now() - last > patience) {
				account.lost += static_cast<std::int64_t>(in_flight_.size());
				in_flight_.clear();
				last = steady_clock::now();
			}
		}
	}

	std::size_t size_, window_;
	std::uint32_t next_ = 1;
	std::set<std::uint32_t> in_flight_;
	Socket socket_;
	std::jthread thread_;
};

/// Sends UDP to a closed port, one datagram after the other, and waits for each one's error.
class Refusals {
public:
	explicit Refusals(const Network &network)
	{
		socket_ = network.in_client([] {
			Socket socket = sock::udp();

			ktap::require_equal(sock::connect(socket, {packet::server, 9}), 0,
					    "connect");
			return socket;
		});
		thread_ = std::jthread([this](const std::stop_token &stop) { run(stop); });
	}

	Account account;
	void finish()
	{
		thread_.request_stop();
		thread_.join();
	}

private:
	void run(const std::stop_token &stop)
	{
		while (!stop.stop_requested()) {
			int number = sock::send(socket_, packet::pattern(8));

			account.requests++;
			if (number == 0) {
				sock::wait_for(socket_, 0, static_cast<int>(patience.count()));
				number = sock::take_error(socket_);
			}
			std::this_thread::sleep_for(break_time);
			if (number == ECONNREFUSED)
				account.replies++;
			else if (number == 0)
				account.lost++;
			else
				account.wrong++;
		}
	}

	Socket socket_;
	std::jthread thread_;
};

void wait_for_replies(const Account &account, std::int64_t count)
{
	std::int64_t goal = account.replies + count;
	auto until = steady_clock::now() + 2 * patience;

	while (account.replies < goal) {
		if (steady_clock::now() > until)
			ktap::fatal("no more replies: " + account.text());
		std::this_thread::sleep_for(milliseconds{1});
	}
}

/// One stay of the module: @p count replies through it, @p count after it.
void cycle(const module::Icmpx &icmpx, const Account &account, std::int64_t count)
{
	ktap::require_equal(icmpx.load(), 0, "loading");
	wait_for_replies(account, count);
	auto stat = ktap::require_value(counters::icmpx(), "icmpx_stat");
	ktap::expect(stat["reply_in_place"] + stat["reply_copied"] > 0, "replies are the module's");
	ktap::require_equal(icmpx.unload(), 0, "unloading");
	wait_for_replies(account, count);
}

void expect_complete(const Account &account, std::string_view what)
{
	ktap::say(std::string(what) + ": " + account.text());
	ktap::expect_equal(account.lost.load(), 0, std::string(what) + ", lost");
	ktap::expect_equal(account.wrong.load(), 0, std::string(what) + ", wrong");
	ktap::expect_equal(account.replies.load(), account.requests.load(),
			   std::string(what) + ", replies");
}

/// How many cycles; LOAD_CYCLES in the environment is for longer runs by hand.
int cycles()
{
	const char *wanted =
		std::getenv("LOAD_CYCLES"); // NOLINT(concurrency-mt-unsafe): before any thread

	return wanted ? std::stoi(wanted) : 200;
}

void under_a_flood_of_echo_requests()
{
	module::Icmpx icmpx;
	Network network;
	Flood flood(network, 56, 32);
	Refusals refusals(network);

	for (int i = cycles(); i > 0; i--)
		cycle(icmpx, flood.account, 20);
	refusals.finish();
	flood.finish();
	ktap::say(std::to_string(cycles()) + " cycles");
	expect_complete(flood.account, "echo requests");
	expect_complete(refusals.account, "UDP to a closed port");
}

void with_pings_of_64_kib_in_flight()
{
	module::Icmpx icmpx;
	Network network;
	Flood flood(network, 65507, 2);

	for (int i = 10; i > 0; i--)
		cycle(icmpx, flood.account, 2);
	flood.finish();
	expect_complete(flood.account, "echo requests of 65507 bytes");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"under_a_flood_of_echo_requests", under_a_flood_of_echo_requests},
			  {"with_pings_of_64_kib_in_flight", with_pings_of_64_kib_in_flight}});
}
