// SPDX-License-Identifier: GPL-2.0-only
//
// Several threads in calls on one ping socket at the same time: each reply and each error is for one of them, none is
// lost, and what one sends is not mixed with another's. What happens at random is for ping_stress.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

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

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using packet::Bytes;
using pinger::V4;
using pinger::V6;
using sock::Socket;

constexpr unsigned crowd = 6;

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>();
	return wire;
}

/// A connected socket that wants errors. No call on it waits for ever: one that comes back without anything fails.
template <typename F> Socket connected(const typename F::Address &peer)
{
	net<F>();
	Socket socket = F::open();
	const timeval patience{.tv_sec = 60, .tv_usec = 0};

	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
		    "SO_RCVTIMEO");
	sock::set(socket, F::level, F::recverr, 1);
	ktap::require_equal(connect(socket, typename F::Endpoint{peer, 0}), 0, "connect");
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

template <typename F>
typename F::Datagram reply(const Socket &socket, unsigned sequence, const typename F::Address &from)
{
	const std::uint16_t id = pinger::identifier<F>(socket);

	return pinger::reply<F>(id, static_cast<std::uint16_t>(sequence), packet::pattern(100),
				from, F::local(socket).address);
}

template <typename F> void each_waiting_call_gets_one_reply()
{
	const Socket socket = connected<F>(F::remote(1));
	Receivers receivers(socket);
	std::set<std::uint16_t> sequences;

	for (unsigned i = 1; i <= crowd; i++) {
		net<F>().send(reply<F>(socket, i, F::remote(1)));
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
template <typename F> void an_error_fails_one_of_them()
{
	const Socket socket = connected<F>(F::remote(2));
	const Bytes sent = pinger::sent<F>(pinger::identifier<F>(socket), F::remote(2));
	Receivers receivers(socket);

	net<F>().send(F::report(F::Type::time_exceeded, 0, 0, sent, F::local(socket).address));
	receivers.wait_for(1);
	for (unsigned i = 2; i <= crowd; i++) {
		net<F>().send(reply<F>(socket, i, F::remote(2)));
		receivers.wait_for(i);
	}
	receivers.join();
	ktap::require_equal(receivers.failures().size(), 1U, "calls that failed");
	ktap::expect_equal(receivers.failures().front(), EHOSTUNREACH, "errno");
	ktap::expect_equal(receivers.messages().size(), crowd - 1, "replies");
	ktap::expect(F::next_error(socket).has_value(), "the error is in the queue");
	ktap::expect(!F::next_error(socket), "once");
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
template <typename F> void first_requests_have_one_identifier()
{
	for (int round = 0; round < 10; round++) {
		net<F>().template receive_all<typename F::Datagram>(wire::milliseconds(0));
		const Socket socket = F::open();
		std::atomic<unsigned> failed = 0;

		at_once([&](unsigned i) {
			failed += send(socket, pinger::request<F>(static_cast<std::uint16_t>(i)),
				       typename F::Endpoint{F::remote(3), 0}) != 0;
		});
		ktap::expect_equal(failed.load(), 0U, "calls that failed");
		for (unsigned i = 0; i < crowd; i++) {
			const auto answer = family::next_answer<F>(net<F>());
			ktap::require(answer.has_value(), "a request of each thread");
			ktap::expect_equal(answer->icmp.id(), pinger::identifier<F>(socket),
					   "identifier");
		}
	}
}

/// The loopback answers before a call returns, whichever thread has just given the socket its identifier.
template <typename F> void first_requests_are_answered()
{
	net<F>();
	for (int round = 0; round < 100; round++) {
		const Socket socket = F::open();
		std::atomic<unsigned> failed = 0;

		at_once([&](unsigned i) {
			failed += send(socket, pinger::request<F>(static_cast<std::uint16_t>(i)),
				       typename F::Endpoint{F::loopback, 0}) != 0;
		});
		ktap::expect_equal(failed.load(), 0U, "calls that failed");
		for (unsigned i = 0; i < crowd; i++)
			ktap::require(sock::receive(socket, 10000).has_value(), "each reply");
	}
}

/// The data tells whose request it is; each has a size of its own, one piece and many.
Bytes data_of(unsigned thread, unsigned number)
{
	return packet::pattern(thread % 2 ? 40 + number : 3000 + number * 7,
			       static_cast<std::uint8_t>(thread * 37 + number));
}

/// That of a message from and to the loopback: 0 if it is right.
template <typename F> std::uint16_t checksum(packet::View message)
{
	if constexpr (F::is_ipv6)
		return packet::checksum(
			message, packet6::pseudo_header(F::loopback, F::loopback, message.size()));
	else
		return packet::checksum(message);
}

/// Half of the threads send, each its next request when its last has been answered to whichever thread; the other half
/// receive. The loopback answers, so both go through the socket at the same time.
template <typename F> void requests_and_replies_are_not_mixed()
{
	constexpr unsigned senders = crowd / 2, each = 40;
	const Socket socket = connected<F>(F::loopback);
	std::vector<std::atomic<unsigned>> answered(senders);
	std::atomic<unsigned> received = 0, wrong = 0, failed = 0;

	const auto send = [&](unsigned thread) {
		for (unsigned i = 0; i < each; i++) {
			failed += sock::send(socket, pinger::request<F>(static_cast<std::uint16_t>(
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
			    checksum<F>(message) != 0)
				wrong++;
			if (thread < senders)
				answered[thread]++;
		}
		for (unsigned i = 0; i < crowd; i++)
			sock::send(socket, pinger::request<F>(0xffff));
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
template <typename F> void other_calls_at_the_same_time()
{
	constexpr unsigned rounds = 100;
	const Socket socket = connected<F>(F::loopback);
	const std::uint16_t id = pinger::identifier<F>(socket);
	std::atomic<unsigned> replies = 0, failed = 0;
	std::atomic<bool> over = false;

	at_once([&](unsigned thread) {
		if (thread == 0) {
			for (std::uint16_t i = 0; i < rounds; i++) {
				failed += send(socket, pinger::request<F>(i),
					       typename F::Endpoint{F::loopback, 0}) != 0;
				const auto message = sock::receive(socket, 10000);
				replies += message && packet::get16(*message, 6) == i;
			}
			over = true;
			return;
		}
		while (!over) {
			switch (thread) {
			case 1:
				sock::set(socket, F::level, F::is_ipv6 ? IPV6_UNICAST_HOPS : IP_TTL,
					  64);
				sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1 << 20);
				break;
			case 2:
				failed += F::local(socket).port != id;
				break;
			case 3:
				pinger::listed<F>(socket);
				break;
			case 4:
				failed += F::next_error(socket).has_value();
				break;
			default:
				failed +=
					connect(socket, typename F::Endpoint{F::loopback, 0}) != 0;
				break;
			}
		}
	});
	ktap::expect_equal(failed.load(), 0U, "calls that failed");
	ktap::expect_equal(replies.load(), rounds, "replies");
	ktap::expect_equal(pinger::identifier<F>(socket), id, "identifier");
}

/// Ends the connection; returns 0 or the errno.
int disconnect(const Socket &socket)
{
	const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};

	return ::connect(socket.get(), &nobody, sizeof(nobody)) ? errno : 0;
}

/// One thread each connects, disconnects, binds, sends, receives, and closes: its place takes a new socket, on which the
/// calls go on. What one gets is its own, whichever identifier it had then, and it works when all are done.
template <typename F> void names_change_at_the_same_time()
{
	constexpr unsigned rounds = 300;
	const typename F::Endpoint to{F::loopback, 0};
	const Socket socket = connected<F>(F::loopback);
	std::atomic<unsigned> failed = 0, wrong = 0, received = 0, left = crowd - 1;
	const auto expect = [&](int error, int other = 0) {
		failed += error != 0 && error != other;
	};

	at_once([&](unsigned thread) {
		if (thread == 4) {
			// Until the others are done: what comes tells that somebody is in there.
			while (left > 0) {
				const auto message = sock::receive(socket, 1);

				received += message.has_value();
				wrong += message && checksum<F>(*message) != 0;
			}
			return;
		}
		for (unsigned i = 0; i < rounds; i++) {
			switch (thread) {
			case 0:
				expect(connect(socket, to));
				break;
			case 1:
				expect(disconnect(socket));
				break;
			case 2: {
				const typename F::Name name = F::to_kernel(to);
				expect(::bind(socket.get(),
					      reinterpret_cast<const sockaddr *>(&name),
					      sizeof(name))
					       ? errno
					       : 0,
				       EINVAL);
				break;
			}
			case 3:
				expect(send(socket, pinger::request<F>(1, data_of(1, i % 40)), to));
				break;
			default:
				if (i % 10 == 0)
					host::check(dup3(F::open().get(), socket.get(), O_CLOEXEC),
						    "dup3");
				break;
			}
		}
		left--;
	});
	ktap::expect_equal(failed.load(), 0U, "calls that failed");
	ktap::expect_equal(wrong.load(), 0U, "replies with a wrong checksum");
	ktap::say("replies: " + std::to_string(received));
	ktap::require_equal(connect(socket, to), 0, "connect");
	while (sock::receive(socket))
		;
	ktap::require_equal(sock::send(socket, pinger::request<F>(7)), 0, "send");
	const auto message = ktap::require_value(sock::receive(socket, 10000), "reply");
	ktap::expect_equal(packet::get16(message, 4), pinger::identifier<F>(socket), "identifier");
	ktap::expect_equal(packet::get16(message, 6), 7, "sequence number");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"each_waiting_call_gets_one_reply", each_waiting_call_gets_one_reply<F>},
		{"an_error_fails_one_of_them", an_error_fails_one_of_them<F>},
		{"first_requests_have_one_identifier", first_requests_have_one_identifier<F>},
		{"first_requests_are_answered", first_requests_are_answered<F>},
		{"requests_and_replies_are_not_mixed", requests_and_replies_are_not_mixed<F>},
		{"other_calls_at_the_same_time", other_calls_at_the_same_time<F>},
		{"names_change_at_the_same_time", names_change_at_the_same_time<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
