// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets under stress: threads that do everything to them at random while replies arrive, and a namespace that goes
// with all of it in the middle. What the kernel complains of fails the run; a socket that is not given back holds the
// module.

#include "lib/module.hpp"
#include "lib/ping.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace {

using sock::Endpoint;
using sock::Socket;
using std::chrono::steady_clock;

/// How long it takes at least, and, where all is slow, until enough has happened.
constexpr std::chrono::seconds duration(60), patience(600);
constexpr unsigned threads = 8;
/// Sockets of a thread.
constexpr std::size_t crowd = 32;

/// What was done in all namespaces together: memory that parent and children share.
struct Account {
	std::atomic<std::uint64_t> opened, sent, received, errors, lists;
	/// Namespaces whose players have begun.
	std::atomic<unsigned> begun;

	bool enough() const { return received > 1000 && errors > 100; }
};

Account &account()
{
	static auto *shared =
		static_cast<Account *>(mmap(nullptr, sizeof(Account), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	return *shared;
}

/// One thread's sockets, and its dice. Calls may fail: the point is that the kernel does not mind.
class Player {
public:
	explicit Player(unsigned seed) : random_(seed), sockets_(crowd) {}

	void play()
	{
		Socket &socket = sockets_[dice(crowd)];

		if (socket.get() < 0) {
			socket = Socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
						 IPPROTO_ICMP));
			account().opened += socket.get() >= 0;
			set(socket, IP_RECVERR, dice(2));
			return;
		}
		switch (dice(16)) {
		case 0:
			socket = Socket();
			break;
		case 1:
			// Few identifiers, so that sockets meet.
			ping::try_to_bind(socket, {dice(2) ? somebody() : 0,
						   static_cast<std::uint16_t>(dice(64))});
			break;
		case 2:
			sock::connect(socket, {somebody(), 0});
			break;
		case 3:
			disconnect(socket);
			break;
		case 4:
			set_anything(socket);
			break;
		case 5:
			read_list();
			break;
		case 6:
		case 7:
		case 8:
			drain(socket);
			break;
		default:
			send(socket);
			break;
		}
	}

private:
	unsigned dice(std::size_t sides) { return static_cast<unsigned>(random_() % sides); }

	/// An address of this host; some of them are answered with an error.
	packet::Address somebody() { return 0x7f000001U + dice(200); }

	static void disconnect(const Socket &socket)
	{
		const sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};

		(void)::connect(socket.get(), &none, sizeof(none));
	}

	static void set(const Socket &socket, int option, unsigned value, int level = SOL_IP)
	{
		setsockopt(socket.get(), level, option, &value, sizeof(value));
	}

	void set_anything(const Socket &socket)
	{
		const unsigned value = dice(2);

		switch (dice(4)) {
		case 0:
			set(socket, SO_REUSEADDR, value, SOL_SOCKET);
			break;
		case 1:
			set(socket, IP_BIND_ADDRESS_NO_PORT, value);
			break;
		case 2:
			ping::try_to_bind_to_device(socket, value ? "lo" : "");
			break;
		default:
			set(socket, IP_RECVERR, value);
			break;
		}
	}

	void send(const Socket &socket)
	{
		const packet::Bytes message = ping::request(1, packet::pattern(dice(3000)));

		if (dice(2))
			account().sent += !sock::send(socket, message);
		else
			account().sent += !sock::send(socket, message, Endpoint{somebody(), 0});
	}

	static void drain(const Socket &socket)
	{
		char buffer[64];

		while (recv(socket.get(), buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
			account().received++;
		while (recv(socket.get(), buffer, sizeof(buffer), MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
			account().errors++;
	}

	static void read_list()
	{
		account().lists += host::read_file(ping::list_path()).has_value();
	}

	std::mt19937 random_;
	std::vector<Socket> sockets_;
};

/// A namespace full of players. Ends only when it is killed.
[[noreturn]] void play_in_a_namespace(unsigned round)
{
	std::vector<std::jthread> players;

	host::enter_new_namespace();
	ping::allow();
	host::run("nft add table ip stress && "
		  "nft add chain ip stress in '{ type filter hook input priority 0; }' && "
		  "nft add rule ip stress in ip daddr 127.0.0.64/26 icmp type echo-request "
		  "reject with icmp type host-unreachable");
	for (unsigned i = 0; i < threads; i++)
		players.emplace_back([seed = round * threads + i] {
			Player player(seed);

			for (;;)
				player.play();
		});
	account().begun++;
	for (;;)
		pause();
}

/// Waits until the players in @p child have begun, as they have in @p before namespaces.
void wait_for_players(pid_t child, unsigned before)
{
	while (account().begun == before) {
		ktap::require_equal(waitpid(child, nullptr, WNOHANG), 0, "the namespace's players");
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

void everything_at_random()
{
	const auto begin = steady_clock::now();
	const bool ours = ping::is_icmpx();
	std::mt19937 random(1);
	unsigned rounds = 0;

	const Account &total = account(); // before there is a child to share it with
	auto elapsed = [begin] {
		return steady_clock::now() - begin;
	};
	while (elapsed() < duration || (!total.enough() && elapsed() < patience)) {
		pid_t child = host::check(fork(), "fork");

		if (child == 0)
			play_in_a_namespace(rounds);
		wait_for_players(child, rounds);
		rounds++;
		// Long enough to be in full swing, and never twice at the same point.
		std::this_thread::sleep_for(std::chrono::milliseconds(500 + random() % 3000));
		host::check(kill(child, SIGKILL), "kill");
		host::check(waitpid(child, nullptr, 0), "waitpid");
	}
	ktap::say(std::to_string(rounds) + " namespaces, " + std::to_string(total.opened.load()) +
		  " sockets, " + std::to_string(total.sent.load()) + " requests, " +
		  std::to_string(total.received.load()) + " replies, " +
		  std::to_string(total.errors.load()) + " errors, " +
		  std::to_string(total.lists.load()) + " lists");
	ktap::expect(total.enough(), "replies and errors were received");
	ktap::expect(total.sent.load() > total.received.load() / 2, "requests were sent");
	if (ours) {
		// It takes the module away, which fails the test if a socket still holds it, and puts it back.
		const module::Icmpx icmpx;
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, {{"everything_at_random", everything_at_random}});
}
