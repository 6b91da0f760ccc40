// SPDX-License-Identifier: GPL-2.0-only
//
// Several threads in calls on one ping socket at the same time: each reply and each error is for one of them, none is
// lost, and what one sends is not mixed with another's. What happens at random is for ping_stress.

#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using errors::remote;
using packet::Bytes;
using packet::Type;
using ping::Socket;

constexpr unsigned crowd = 6;

const wire::Wire &net()
{
	static const wire::Wire wire = ping::new_network();
	return wire;
}

/// A connected socket that wants errors. No call on it waits for ever: one that comes back without anything fails.
Socket connected(packet::Address peer)
{
	net();
	Socket socket = sock::ping();
	const timeval patience{.tv_sec = 60, .tv_usec = 0};

	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
		    "SO_RCVTIMEO");
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	ktap::require_equal(sock::connect(socket, {peer, 0}), 0, "connect");
	return socket;
}

/// Whether the thread @p id sleeps in a system call.
bool sleeps(pid_t id)
{
	const auto stat =
		host::read_file("/proc/self/task/" + std::to_string(id) + "/stat").value_or("");
	const auto at = stat.rfind(") ");

	return at != std::string::npos && stat[at + 2] == 'S';
}

/// Threads that wait in recv(), and what became of their calls.
class Receivers {
public:
	explicit Receivers(const Socket &socket)
	{
		for (unsigned i = 0; i < crowd; i++)
			threads_.emplace_back([this, &socket, i] { receive(socket, i); });
		for (const std::atomic<pid_t> &id : ids_) {
			while (id == 0 || !sleeps(id))
				usleep(1000);
		}
	}
	Receivers(const Receivers &) = delete;
	Receivers &operator=(const Receivers &) = delete;
	~Receivers() { join(); }

	/// Waits until @p count calls have come back.
	void wait_for(unsigned count) const
	{
		while (done_ < count)
			usleep(1000);
	}

	void join()
	{
		for (std::thread &thread : threads_) {
			if (thread.joinable())
				thread.join();
		}
	}

	/// Only once all are joined.
	const std::vector<Bytes> &messages() const { return messages_; }
	const std::vector<int> &failures() const { return failures_; }

private:
	void receive(const Socket &socket, unsigned number)
	{
		Bytes data(65536);

		ids_[number] = static_cast<pid_t>(syscall(SYS_gettid));
		const ssize_t size = recv(socket.get(), data.data(), data.size(), 0);
		const int error = errno;
		const std::lock_guard guard(lock_);
		if (size < 0) {
			failures_.push_back(error);
		} else {
			data.resize(static_cast<std::size_t>(size));
			messages_.push_back(std::move(data));
		}
		done_++;
	}

	std::mutex lock_;
	std::vector<Bytes> messages_;
	std::vector<int> failures_;
	std::atomic<unsigned> done_ = 0;
	std::array<std::atomic<pid_t>, crowd> ids_{};
	std::vector<std::thread> threads_;
};

packet::Ipv4 reply(const Socket &socket, std::uint16_t sequence, packet::Address from)
{
	return ping::reply(ping::identifier(socket), sequence, packet::pattern(100), from);
}

void each_waiting_call_gets_one_reply()
{
	const Socket socket = connected(remote(1));
	Receivers receivers(socket);
	std::set<std::uint16_t> sequences;

	for (unsigned i = 1; i <= crowd; i++) {
		net().send(reply(socket, static_cast<std::uint16_t>(i), remote(1)));
		receivers.wait_for(i);
	}
	receivers.join();
	ktap::expect_equal(receivers.failures().size(), 0U, "calls that failed");
	for (const Bytes &message : receivers.messages())
		sequences.insert(packet::get16(message, 6));
	ktap::expect_equal(sequences.size(), crowd, "different replies");
	ktap::expect(!sock::receive(socket), "no reply is left");
}

/// The error is pending for one call; the others go on waiting for their replies.
void an_error_fails_one_of_them()
{
	const Socket socket = connected(remote(2));
	const Bytes sent = errors::sent(IPPROTO_ICMP, errors::host, remote(2),
					packet::echo_request(ping::identifier(socket), 1).build())
				   .build();
	Receivers receivers(socket);

	net().send(errors::report(Type::time_exceeded, 0, 0, sent));
	receivers.wait_for(1);
	for (unsigned i = 2; i <= crowd; i++) {
		net().send(reply(socket, static_cast<std::uint16_t>(i), remote(2)));
		receivers.wait_for(i);
	}
	receivers.join();
	ktap::require_equal(receivers.failures().size(), 1U, "calls that failed");
	ktap::expect_equal(receivers.failures().front(), EHOSTUNREACH, "errno");
	ktap::expect_equal(receivers.messages().size(), crowd - 1, "replies");
	ktap::expect(sock::next_error(socket).has_value(), "the error is in the queue");
	ktap::expect(!sock::next_error(socket), "once");
}

/// Runs @p function in each of @p crowd threads at the same time.
void at_once(const std::function<void(unsigned)> &function)
{
	std::vector<std::thread> threads;
	std::atomic<unsigned> ready = 0;

	for (unsigned i = 0; i < crowd; i++) {
		threads.emplace_back([&, i] {
			ready++;
			while (ready < crowd)
				std::this_thread::yield();
			function(i);
		});
	}
	for (std::thread &thread : threads)
		thread.join();
}

/// A socket that is not bound yet gets an identifier with the first request: one, whoever sends first.
void first_requests_have_one_identifier()
{
	for (int round = 0; round < 10; round++) {
		net().receive_all(wire::milliseconds(0));
		const Socket socket = sock::ping();
		std::atomic<unsigned> failed = 0;

		at_once([&](unsigned i) {
			failed += sock::send(socket, ping::request(static_cast<std::uint16_t>(i)),
					     sock::Endpoint{remote(3), 0}) != 0;
		});
		ktap::expect_equal(failed.load(), 0U, "calls that failed");
		for (unsigned i = 0; i < crowd; i++) {
			const auto answer = wire::next_answer(net());
			ktap::require(answer.has_value(), "a request of each thread");
			ktap::expect_equal(answer->icmp.id(), ping::identifier(socket),
					   "identifier");
		}
	}
}

/// The data tells whose request it is; each has a size of its own, one piece and many.
Bytes data_of(unsigned thread, unsigned number)
{
	return packet::pattern(thread % 2 ? 40 + number : 3000 + number * 7,
			       static_cast<std::uint8_t>(thread * 37 + number));
}

/// Half of the threads send, each its next request when its last has been answered to whichever thread; the other half
/// receive. The loopback answers, so both go through the socket at the same time.
void requests_and_replies_are_not_mixed()
{
	constexpr unsigned senders = crowd / 2, each = 40;
	const Socket socket = connected(INADDR_LOOPBACK);
	std::vector<std::atomic<unsigned>> answered(senders);
	std::atomic<unsigned> received = 0, wrong = 0, failed = 0;

	const auto send = [&](unsigned thread) {
		for (unsigned i = 0; i < each; i++) {
			failed += sock::send(socket, ping::request(static_cast<std::uint16_t>(
									   thread << 8 | i),
								   data_of(thread, i))) != 0;
			while (answered[thread] <= i && failed == 0)
				std::this_thread::yield();
		}
	};
	const auto receive = [&] {
		Bytes buffer(65536);

		while (received < senders * each && failed == 0) {
			const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
			// Sent to end the waiting of those who wait when all is received.
			if (size == 8)
				return;
			if (size < 8) {
				failed++;
				return;
			}
			const packet::View message(buffer.data(), static_cast<std::size_t>(size));
			const unsigned thread = message[6], number = message[7];
			received++;
			if (thread >= senders || number >= each ||
			    !std::ranges::equal(message.subspan(8), data_of(thread, number)) ||
			    packet::checksum(message) != 0)
				wrong++;
			if (thread < senders)
				answered[thread]++;
		}
		for (unsigned i = 0; i < crowd; i++)
			sock::send(socket, ping::request(0xffff));
	};

	at_once([&](unsigned i) {
		if (i < senders)
			send(i);
		else
			receive();
	});
	ktap::expect_equal(failed.load(), 0U, "calls that failed");
	ktap::expect_equal(received.load(), senders * each, "replies");
	ktap::expect_equal(wrong.load(), 0U, "replies with another's data");
}

/// Calls of other kinds meanwhile: options, names, the list of sockets, the error queue, connecting anew.
void other_calls_at_the_same_time()
{
	constexpr unsigned rounds = 100;
	const Socket socket = connected(INADDR_LOOPBACK);
	const std::uint16_t id = ping::identifier(socket);
	std::atomic<unsigned> replies = 0, failed = 0;
	std::atomic<bool> over = false;

	at_once([&](unsigned thread) {
		if (thread == 0) {
			for (std::uint16_t i = 0; i < rounds; i++) {
				failed += sock::send(socket, ping::request(i),
						     sock::Endpoint{INADDR_LOOPBACK, 0}) != 0;
				const auto message = sock::receive(socket, 10000);
				replies += message && packet::get16(*message, 6) == i;
			}
			over = true;
			return;
		}
		while (!over) {
			switch (thread) {
			case 1:
				sock::set(socket, SOL_IP, IP_TTL, 64);
				sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1 << 20);
				break;
			case 2:
				failed += sock::local(socket).port != id;
				break;
			case 3:
				ping::listed(socket);
				break;
			case 4:
				failed += sock::next_error(socket).has_value();
				break;
			default:
				failed += sock::connect(socket, {INADDR_LOOPBACK, 0}) != 0;
				break;
			}
		}
	});
	ktap::expect_equal(failed.load(), 0U, "calls that failed");
	ktap::expect_equal(replies.load(), rounds, "replies");
	ktap::expect_equal(ping::identifier(socket), id, "identifier");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{{"each_waiting_call_gets_one_reply", each_waiting_call_gets_one_reply},
		 {"an_error_fails_one_of_them", an_error_fails_one_of_them},
		 {"first_requests_have_one_identifier", first_requests_have_one_identifier},
		 {"requests_and_replies_are_not_mixed", requests_and_replies_are_not_mixed},
		 {"other_calls_at_the_same_time", other_calls_at_the_same_time}});
}
