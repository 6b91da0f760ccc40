/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Traffic that runs beside a test, in threads that account for every packet of theirs: answered, or lost once nothing has
 * come for a long time.
 */
#pragma once

#include "counters.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "socket.hpp"

// Before linux/icmp.h: then linux/if.h, which that includes, leaves out what this has.
#include <net/if.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <sched.h>
#include <set>
#include <string>
#include <thread>

namespace flood {

using packet::Bytes;
using sock::Socket;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// On debug kernels, on a machine that does other things, too.
inline constexpr milliseconds patience{20000};
/// Between one datagram and the next, to leave some of a slow machine to the others.
inline constexpr milliseconds break_time{1};

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
		host::need_module("veth");
		host::run("ip netns add " + client_ + " && ip netns add " + server_ + " && ip -n " +
			  server_ + " -batch - <<-END && ip -n " + client_ +
			  " -batch - <<-END\n"
			  "link add server type veth peer name client netns " +
			  client_ +
			  "\naddress add 10.0.0.2/24 dev server\nlink set server up\nEND\n"
			  "address add 10.0.0.1/24 dev client\nlink set client up\n"
			  "link set lo up\nEND");
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

	/// What `ip netns` knows the namespaces as.
	const std::string &client() const { return client_; }
	const std::string &server() const { return server_; }

	/// Moves the calling thread into the client's namespace.
	void enter_client() const { host::Namespace::named(client_).enter(); }

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

/// What differs between a flood over IPv4 and one over IPv6 (flood6.hpp).
struct Ipv4 {
	/// Has X point behind the IP header, with which a raw socket's packets begin.
	static constexpr sock_filter skip_header = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0);

	/// A raw socket that reads what the server replies, and nothing else.
	static Socket open()
	{
		Socket socket = sock::raw(IPPROTO_ICMP);
		icmp_filter filter{~(1U << packet::Type::echo_reply)};

		host::check(setsockopt(socket.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof(filter)),
			    "filter");
		ktap::require_equal(sock::connect(socket, {packet::server, 0}), 0, "connect");
		return socket;
	}

	static packet::Icmp request(std::uint16_t id, std::uint16_t sequence, Bytes data)
	{
		return packet::echo_request(id, sequence, std::move(data));
	}

	/// The message in what the socket has read.
	static std::optional<packet::Icmp> message(const Bytes &datagram)
	{
		auto ip = packet::parse_ipv4(datagram);

		return ip ? packet::parse_icmp(ip->payload) : std::nullopt;
	}
};

/// Floods echo requests of @p size bytes, @p window of them in flight.
template <typename Family> class FloodOver {
public:
	/// From the processor @p cpu, or from all of them.
	FloodOver(const Network &network, std::size_t size, std::size_t window, int cpu = -1)
		: size_(size), window_(window), cpu_(cpu), kind_(next_kind())
	{
		socket_ = network.in_client([this] {
			Socket socket = Family::open();

			only_ours(socket);
			sock::set(socket, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20);
			sock::set(socket, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20);
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
	/// Has the kernel drop replies of another kind, which a flood that is slower would have to make room for.
	void only_ours(const Socket &socket) const
	{
		std::array<sock_filter, 5> code{
			// The identifier's first byte.
			Family::skip_header,
			sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_IND, 4),
			sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kind_, 0, 1),
			sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
			sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
		};
		sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};

		host::check(setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program,
				       sizeof(program)),
			    "SO_ATTACH_FILTER");
	}

	/// Raw sockets read the replies to everybody: what the first byte of a request's identifier is tells whose it is.
	static std::uint32_t next_kind()
	{
		static std::uint32_t kinds = 0;

		return 0x80 + kinds++ % 0x80;
	}

	void send()
	{
		Bytes data = packet::pattern(size_, static_cast<std::uint8_t>(next_));
		packet::Icmp request =
			Family::request(static_cast<std::uint16_t>(next_ >> 16),
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
		auto reply = datagram ? Family::message(*datagram) : std::nullopt;

		if (reply && reply->rest >> 24 != kind_)
			return;
		if (!reply || !reply->checksum_right || !in_flight_.erase(reply->rest) ||
		    reply->data != packet::pattern(size_, static_cast<std::uint8_t>(reply->rest)))
			account.wrong++;
		else
			account.replies++;
	}

	/// A processor that goes away takes the pinning with it, hence every time again.
	void stay_on_cpu() const
	{
		cpu_set_t set;

		if (cpu_ < 0)
			return;
		CPU_ZERO(&set);
		CPU_SET(cpu_, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}

	void run(const std::stop_token &stop)
	{
		auto last = steady_clock::now();

		while (!stop.stop_requested() || !in_flight_.empty()) {
			stay_on_cpu();
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
	int cpu_;
	std::uint32_t kind_;
	std::uint32_t next_ = kind_ << 24;
	std::set<std::uint32_t> in_flight_;
	Socket socket_;
	std::jthread thread_;
};
using Flood = FloodOver<Ipv4>;

/// Makes errors, one after the other, and waits for a socket to be told of each.
class Errors {
public:
	/// @p make makes the next error about a datagram of @p socket, and returns 0 or the errno of what it sends.
	Errors(Socket socket, std::function<int(const Socket &)> make)
		: socket_(std::move(socket)), make_(std::move(make))
	{
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
			int number = make_(socket_);

			account.requests++;
			if (number == 0) {
				sock::wait_for(socket_, 0, static_cast<int>(patience.count()));
				number = sock::take_error(socket_);
				sock::forget_errors(socket_);
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
	std::function<int(const Socket &)> make_;
	std::jthread thread_;
};

/// Errors about UDP to a closed port.
class Refusals : public Errors {
public:
	explicit Refusals(const Network &network)
		: Errors(network.in_client(to_closed_port), [](const Socket &socket) {
			  return sock::send(socket, packet::pattern(8));
		  })
	{
	}

private:
	static Socket to_closed_port()
	{
		Socket socket = sock::udp();

		ktap::require_equal(sock::connect(socket, {packet::server, 9}), 0, "connect");
		return socket;
	}
};

/// Waits until @p count more replies have come.
inline void wait_for_replies(const Account &account, std::int64_t count)
{
	std::int64_t goal = account.replies + count;
	auto until = steady_clock::now() + 2 * patience;

	while (account.replies < goal) {
		if (steady_clock::now() > until)
			ktap::fatal("no more replies: " + account.text());
		std::this_thread::sleep_for(milliseconds{1});
	}
}

/// Expects nothing of @p account to be lost or wrong.
inline void expect_complete(const Account &account, std::string_view what)
{
	ktap::say(std::string(what) + ": " + account.text());
	ktap::expect_equal(account.lost.load(), 0, std::string(what) + ", lost");
	ktap::expect_equal(account.wrong.load(), 0, std::string(what) + ", wrong");
	ktap::expect_equal(account.replies.load(), account.requests.load(),
			   std::string(what) + ", replies");
}

} // namespace flood
