// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: what recvmsg(2) gives, and what happens to replies before that.

#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>

namespace {

using packet::Bytes;
using pinger::identifier;
using pinger::V4;
using pinger::V6;
using sock::Socket;

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>();
	return wire;
}

template <typename F> Socket fresh()
{
	net<F>();
	return pinger::bound<F>();
}

/// A reply to @p socket, in which @p sequence and the size of its data tell it from others.
template <typename F>
typename F::Datagram reply_to(const Socket &socket, std::uint16_t sequence = 1,
			      std::size_t size = 56)
{
	return pinger::reply<F>(identifier<F>(socket), sequence, packet::pattern(size),
				F::remote(1));
}

template <typename F>
void arrive(const Socket &socket, std::uint16_t sequence = 1, std::size_t size = 56)
{
	net<F>().send(reply_to<F>(socket, sequence, size));
}

template <typename F>
typename F::Received take(const Socket &socket, int flags = MSG_DONTWAIT, std::size_t room = 65536,
			  const wire::Where &where = wire::Where::current())
{
	auto received = F::receive(socket, flags, room);

	ktap::require_equal(received.error, 0, "recvmsg", where);
	return received;
}

void expect_nothing(const Socket &socket, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(control::receive(socket).error, EAGAIN, what, where);
}

template <typename F> void the_whole_message_and_its_source()
{
	Socket socket = fresh<F>();

	for (std::size_t size :
	     {std::size_t{0}, std::size_t{1}, std::size_t{56}, 1492 - F::header}) {
		std::string what = std::to_string(size) + " bytes of data";

		arrive<F>(socket, 7, size);
		auto received = take<F>(socket);
		ktap::expect_equal(received.data, reply_to<F>(socket, 7, size).payload, what);
		ktap::expect(received.from == typename F::Endpoint{F::remote(1), 0},
			     what + ", source");
		ktap::expect_equal(received.name_size, sizeof(typename F::Name),
				   what + ", msg_namelen");
		ktap::expect_equal(received.flags, 0, what + ", msg_flags");
		ktap::expect_equal(received.messages.size(), 0U, what + ", control messages");
	}
	family::send_in_fragments(net<F>(), reply_to<F>(socket, 8, 5000));
	ktap::expect_equal(take<F>(socket).data, reply_to<F>(socket, 8, 5000).payload,
			   "from fragments");
	expect_nothing(socket, "no more");
}

template <typename F> void peeking()
{
	Socket socket = fresh<F>();

	arrive<F>(socket, 1);
	arrive<F>(socket, 2);
	for (int i = 0; i < 2; i++)
		ktap::expect_equal(take<F>(socket, MSG_PEEK | MSG_DONTWAIT).data,
				   reply_to<F>(socket, 1).payload, "MSG_PEEK");
	for (std::uint16_t sequence : {1, 2})
		ktap::expect_equal(take<F>(socket).data, reply_to<F>(socket, sequence).payload,
				   "taken");
	expect_nothing(socket, "no more");
}

/// What does not fit is lost. That MSG_TRUNC asks for the whole length, as packet(7) and udp(7) have it, is not for
/// ping sockets.
template <typename F> void too_little_room()
{
	Socket socket = fresh<F>();
	Bytes whole = reply_to<F>(socket).payload;

	for (std::size_t room : {0U, 1U, 8U, 63U}) {
		for (int flags : {0, int{MSG_TRUNC}}) {
			std::string what = "room for " + std::to_string(room);

			arrive<F>(socket);
			auto received = take<F>(socket, flags | MSG_DONTWAIT, room);
			ktap::expect_equal(received.size, room, what + ", returned");
			ktap::expect_equal(
				received.data,
				Bytes(whole.begin(), whole.begin() + static_cast<long>(room)),
				what);
			ktap::expect_equal(received.flags, MSG_TRUNC, what + ", msg_flags");
			expect_nothing(socket, what + ", the rest");
		}
	}
	arrive<F>(socket);
	ktap::expect_equal(take<F>(socket, MSG_DONTWAIT, whole.size()).flags, 0,
			   "just enough room");
}

void control_messages_of_ip()
{
	Socket socket = fresh<V4>();
	auto reply = reply_to<V4>(socket);

	for (int option : {IP_RECVTTL, IP_RECVTOS, IP_PKTINFO, IP_RECVOPTS, IP_RETOPTS})
		sock::set(socket, SOL_IP, option, 1);
	reply.ttl = 17;
	reply.tos = 0xb9;
	net<V4>().send(reply);
	auto received = take<V4>(socket);
	ktap::expect_equal(received.messages.size(), 3U, "messages about a reply without options");
	ktap::expect(received.value<int>(SOL_IP, IP_TTL) == 17, "IP_TTL");
	ktap::expect(received.value<std::uint8_t>(SOL_IP, IP_TOS) == 0xb9, "IP_TOS, one byte");
	auto info = ktap::require_value(received.value<in_pktinfo>(SOL_IP, IP_PKTINFO), "pktinfo");
	ktap::expect_equal(info.ipi_ifindex, if_nametoindex("wire0"), "ipi_ifindex");
	ktap::expect_equal(ntohl(info.ipi_addr.s_addr), errors::host, "ipi_addr");
	// The address to reply from is found out for UDP and raw sockets only.
	ktap::expect_equal(info.ipi_spec_dst.s_addr, 0U, "ipi_spec_dst");

	// A record route of two, one of which the other side left to us.
	reply.options = {7, 11, 8, 192, 0, 2, 1, 0, 0, 0, 0, 1};
	net<V4>().send(reply);
	received = take<V4>(socket);
	const control::Message *options = received.find(SOL_IP, IP_RECVOPTS);
	const control::Message *back = received.find(SOL_IP, IP_RETOPTS);
	ktap::require(options && back, "IP_RECVOPTS and IP_RETOPTS");
	ktap::expect_equal(options->data, Bytes{7, 11, 12, 192, 0, 2, 1, 10, 0, 0, 2, 1},
			   "IP_RECVOPTS has us recorded");
	ktap::expect_equal(back->data, Bytes{7, 11, 12, 192, 0, 2, 1, 10, 0, 0, 2, 0},
			   "IP_RETOPTS, which has its padding made anew");

	for (int option : {IP_RECVTTL, IP_RECVTOS, IP_PKTINFO, IP_RECVOPTS, IP_RETOPTS})
		sock::set(socket, SOL_IP, option, 0);
	net<V4>().send(reply);
	ktap::expect_equal(take<V4>(socket).messages.size(), 0U, "messages when switched off");

	sock::set(socket, SOL_IP, IP_RECVTTL, 1);
	net<V4>().send(reply);
	received = control::receive(socket, MSG_DONTWAIT, 100, 8);
	ktap::expect_equal(received.flags, MSG_CTRUNC, "no room for control messages");
}

template <typename F> void when_there_is_nothing()
{
	Socket socket = fresh<F>();

	expect_nothing(socket, "MSG_DONTWAIT");
	ktap::expect_equal(control::receive(socket, MSG_OOB).error, EOPNOTSUPP, "MSG_OOB");
	ktap::expect_equal(control::receive(socket, MSG_ERRQUEUE).error, EAGAIN,
			   "the error queue never waits");
	constexpr int half = 50000; // microseconds
	timeval wait{0, 2 * half};
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)),
		    "SO_RCVTIMEO");
	auto begin = std::chrono::steady_clock::now();
	ktap::expect_equal(control::receive(socket, 0).error, EAGAIN, "SO_RCVTIMEO");
	// Linux counts in ticks, and on a busy machine those come late and then together: a wait looks shorter.
	ktap::expect(std::chrono::steady_clock::now() - begin >= std::chrono::microseconds(half),
		     "not before its time");
	host::check(fcntl(socket.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
	ktap::expect_equal(control::receive(socket, 0).error, EAGAIN, "O_NONBLOCK");
	arrive<F>(socket);
	ktap::expect_equal(control::receive(socket, MSG_OOB).error, EOPNOTSUPP,
			   "MSG_OOB, and something is there");
	ktap::expect_equal(take<F>(socket, 0).size, 64U, "it stays");
}

template <typename F> void a_reply_wakes_who_waits()
{
	Socket socket = fresh<F>();
	Bytes frame = net<F>().frame(reply_to<F>(socket).build());
	pid_t sender = host::check(fork(), "fork");

	if (sender == 0) {
		// Until it is killed: nobody here knows when the other one waits.
		for (;;) {
			net<F>().send_frame(frame);
			usleep(1000);
		}
	}
	for (int i = 0; i < 20; i++)
		ktap::expect_equal(take<F>(socket, 0).size, 64U, "recvmsg that waits");
	for (int i = 0; i < 20; i++) {
		ktap::expect_equal(sock::wait_for(socket, POLLIN, 2000), POLLIN, "poll");
		take<F>(socket);
	}
	kill(sender, SIGKILL);
	waitpid(sender, nullptr, 0);
}

template <typename F> void polling()
{
	Socket socket = fresh<F>();
	host::Descriptor epoll(host::check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
	auto watch = [&](std::uint32_t events, int operation) {
		epoll_event event{};

		event.events = events;
		host::check(epoll_ctl(epoll.get(), operation, socket.get(), &event), "epoll_ctl");
	};
	auto events = [&] {
		epoll_event event{};

		return epoll_wait(epoll.get(), &event, 1, 0) == 1 ? event.events : 0U;
	};

	ktap::expect_equal(sock::wait_for(socket, POLLIN | POLLOUT), POLLOUT, "at first");
	watch(EPOLLIN, EPOLL_CTL_ADD);
	ktap::expect_equal(events(), 0U, "level, nothing there");
	arrive<F>(socket);
	ktap::expect_equal(sock::wait_for(socket, POLLIN | POLLRDNORM | POLLOUT),
			   POLLIN | POLLRDNORM | POLLOUT, "poll");
	for (int i = 0; i < 2; i++)
		ktap::expect_equal(events(), std::uint32_t{EPOLLIN}, "level");
	take<F>(socket);
	ktap::expect_equal(events(), 0U, "level, taken");

	watch(EPOLLIN | EPOLLET, EPOLL_CTL_MOD);
	for (int i = 0; i < 2; i++) {
		arrive<F>(socket);
		ktap::expect_equal(events(), std::uint32_t{EPOLLIN}, "edge");
		ktap::expect_equal(events(), 0U, "edge, once for each reply");
	}
}

template <typename F> void a_full_buffer_drops_and_counts()
{
	Socket socket = fresh<F>();
	constexpr unsigned count = 100;
	unsigned received = 0;

	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 4096);
	ktap::expect_equal(ktap::require_value(pinger::listed<F>(socket), "listed").drops, 0U,
			   "drops");
	for (unsigned i = 0; i < count; i++)
		arrive<F>(socket, static_cast<std::uint16_t>(i));
	while (auto data = sock::receive(socket))
		ktap::expect_equal(packet::get16(*data, 6), received++, "the first ones stay");
	ktap::expect_between(received, 1, count - 1, "received");
	ktap::expect_equal(ktap::require_value(pinger::listed<F>(socket), "listed").drops,
			   count - received, "drops");
	arrive<F>(socket);
	ktap::expect(sock::receive(socket).has_value(), "there is room again");
}

/// The built-in family has forgotten SO_RXQ_OVFL: the option can be set and nobody hears of drops. icmpx tells, as UDP
/// and raw sockets do; that is one of its intended differences.
template <typename F> void drops_are_told_by_icmpx()
{
	Socket socket = fresh<F>();
	unsigned received = 0;

	sock::set(socket, SOL_SOCKET, SO_RXQ_OVFL, 1);
	ktap::expect_equal(sock::get(socket, SOL_SOCKET, SO_RXQ_OVFL), 1, "SO_RXQ_OVFL");
	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 4096);
	for (unsigned i = 0; i < 100; i++)
		arrive<F>(socket);
	while (control::receive(socket).error == 0)
		received++;
	arrive<F>(socket);
	auto told = take<F>(socket).template value<std::uint32_t>(SOL_SOCKET, SO_RXQ_OVFL);
	ktap::expect_equal(told.has_value(), pinger::is_icmpx<F>(), "SO_RXQ_OVFL is told");
	if (told)
		ktap::expect_equal(*told, 100 - received, "drops");
}

void attach(const Socket &socket, std::vector<sock_filter> code)
{
	sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};

	host::check(
		setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
		"SO_ATTACH_FILTER");
}

/// A filter that lets @p length bytes of everything pass.
void keep(const Socket &socket, std::uint32_t length)
{
	attach(socket, {{BPF_RET | BPF_K, 0, 0, length}});
}

template <typename F> void filters()
{
	Socket socket = fresh<F>();
	Bytes whole = reply_to<F>(socket, 5).payload;

	keep(socket, 0xffff);
	arrive<F>(socket, 5);
	ktap::expect_equal(take<F>(socket).data, whole, "accepted");
	for (std::uint32_t length : {1U, 8U, 20U}) {
		keep(socket, length);
		arrive<F>(socket, 5);
		auto received = take<F>(socket);
		ktap::expect_equal(received.data, Bytes(whole.begin(), whole.begin() + length),
				   "trimmed");
		ktap::expect_equal(received.flags, 0, "trimmed, msg_flags");
	}
	keep(socket, 0);
	arrive<F>(socket, 5);
	expect_nothing(socket, "dropped");
	ktap::expect_equal(ktap::require_value(pinger::listed<F>(socket), "listed").drops, 0U,
			   "which does not count");

	// A filter sees the message from its type on: sequence number 6 alone.
	attach(socket, {{BPF_LD | BPF_H | BPF_ABS, 0, 0, 6},
			{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 6},
			{BPF_RET | BPF_K, 0, 0, 0xffff},
			{BPF_RET | BPF_K, 0, 0, 0}});
	for (std::uint16_t sequence : {5, 6, 7})
		arrive<F>(socket, sequence);
	ktap::expect_equal(take<F>(socket).data, reply_to<F>(socket, 6).payload, "the one");
	expect_nothing(socket, "the others");
	sock::set(socket, SOL_SOCKET, SO_DETACH_FILTER, 0);
	arrive<F>(socket, 5);
	ktap::expect_equal(take<F>(socket).data, whole, "detached");
}

/// The protocol has no ioctl() of its own: not even how much there is to read can be asked.
void ioctls()
{
	Socket socket = fresh<V4>();
	int value = -1;

	arrive<V4>(socket);
	ktap::expect_equal(ioctl(socket.get(), SIOCINQ, &value) ? errno : 0, ENOTTY, "SIOCINQ");
	ktap::expect_equal(ioctl(socket.get(), SIOCOUTQ, &value) ? errno : 0, ENOTTY, "SIOCOUTQ");
	ifreq request{};
	std::string_view("wire0").copy(request.ifr_name, IFNAMSIZ - 1);
	ktap::expect_equal(ioctl(socket.get(), SIOCGIFADDR, &request), 0, "SIOCGIFADDR");
	sockaddr_in address{};
	std::memcpy(&address, &request.ifr_addr, sizeof(address));
	ktap::expect_equal(sock::from_kernel(address).address, errors::host, "SIOCGIFADDR");
}

template <typename F> void several_at_once()
{
	Socket socket = fresh<F>();
	std::array<Bytes, 4> data;
	std::array<iovec, 4> parts{};
	std::array<mmsghdr, 4> messages{};

	for (std::size_t i = 0; i < data.size(); i++) {
		data[i].resize(100);
		parts[i] = {data[i].data(), data[i].size()};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (std::uint16_t sequence : {0, 1, 2})
		arrive<F>(socket, sequence, 10U + sequence);
	ktap::require_equal(recvmmsg(socket.get(), messages.data(), 4, MSG_DONTWAIT, nullptr), 3,
			    "recvmmsg");
	for (std::uint16_t i = 0; i < 3; i++) {
		data[i].resize(messages[i].msg_len);
		ktap::expect_equal(data[i], reply_to<F>(socket, i, 10U + i).payload, "in order");
	}
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"the_whole_message_and_its_source", the_whole_message_and_its_source<F>},
		{"peeking", peeking<F>},
		{"too_little_room", too_little_room<F>},
		{"when_there_is_nothing", when_there_is_nothing<F>},
		{"a_reply_wakes_who_waits", a_reply_wakes_who_waits<F>},
		{"polling", polling<F>},
		{"a_full_buffer_drops_and_counts", a_full_buffer_drops_and_counts<F>},
		{"drops_are_told_by_icmpx", drops_are_told_by_icmpx<F>},
		{"filters", filters<F>},
		{"several_at_once", several_at_once<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<ktap::Test> all = tests<V4>();

	all.push_back({"control_messages_of_ip", control_messages_of_ip});
	all.push_back({"ioctls", ioctls});
	return ktap::run(argc, argv, family::both(std::move(all), tests<V6>()));
}
