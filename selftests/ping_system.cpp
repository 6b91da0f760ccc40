// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets and the rest of the system: io_uring, splice(2), conntrack, options of every socket, and the list of sockets
// below /proc/net. BPF of control groups is for ping_cgroup.

#include "lib/child.hpp"
#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace {

using host::Descriptor;
using packet::Bytes;
using pinger::V4;
using pinger::V6;
using sock::Socket;

template <typename F> typename F::Endpoint peer() { return {F::remote(1), 7}; }

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>();
	return wire;
}

template <typename F> Socket fresh()
{
	net<F>().template receive_all<typename F::Datagram>(wire::milliseconds(0));
	return F::open();
}

template <typename F> Socket connected()
{
	Socket socket = fresh<F>();

	ktap::require_equal(connect(socket, peer<F>()), 0, "connect");
	return socket;
}

template <typename F>
void expect_request(const Socket &socket, const Bytes &data, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	auto request = ktap::require_value(family::next_answer<F>(net<F>()), what, where);

	ktap::expect_equal(request.ip.destination, F::remote(1), what + ", destination", where);
	ktap::expect_equal(request.icmp.id(), pinger::identifier<F>(socket), what + ", identifier",
			   where);
	ktap::expect_equal(request.icmp.data, data, what + ", data", where);
}

/// An io_uring with one request at a time.
class Ring {
public:
	Ring()
	{
		fd_ = Descriptor(static_cast<int>(syscall(SYS_io_uring_setup, 1, &parameters_)));
		if (fd_.get() < 0)
			ktap::skip("the kernel has no io_uring");
		submissions_ = map(4096, IORING_OFF_SQ_RING);
		completions_ = map(4096, IORING_OFF_CQ_RING);
		entry_ = reinterpret_cast<io_uring_sqe *>(map(4096, IORING_OFF_SQES));
	}
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;
	~Ring()
	{
		munmap(submissions_, 4096);
		munmap(completions_, 4096);
		munmap(entry_, 4096);
	}

	/// Does it, and returns what it came to: a negative errno, or bytes.
	int run(std::uint8_t operation, const Socket &socket, msghdr &message, unsigned flags = 0)
	{
		*entry_ = {};
		entry_->opcode = operation;
		entry_->fd = socket.get();
		entry_->addr = reinterpret_cast<std::uintptr_t>(&message);
		entry_->len = 1;
		entry_->msg_flags = flags;
		*word(submissions_, parameters_.sq_off.array) = 0;
		std::atomic_ref(*word(submissions_, parameters_.sq_off.tail)).fetch_add(1);
		host::check(static_cast<int>(syscall(SYS_io_uring_enter, fd_.get(), 1, 1,
						     IORING_ENTER_GETEVENTS, nullptr, 0)),
			    "io_uring_enter");
		std::uint32_t head =
			std::atomic_ref(*word(completions_, parameters_.cq_off.head)).fetch_add(1);
		std::uint32_t mask = *word(completions_, parameters_.cq_off.ring_mask);
		io_uring_cqe done{};
		std::memcpy(&done,
			    completions_ + parameters_.cq_off.cqes +
				    (head & mask) * sizeof(io_uring_cqe),
			    sizeof(done));
		return done.res;
	}

private:
	std::uint8_t *map(std::size_t size, std::uint64_t offset) const
	{
		void *pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
				   fd_.get(), static_cast<off_t>(offset));
		ktap::require(pages != MAP_FAILED, "mmap of the ring");
		return static_cast<std::uint8_t *>(pages);
	}
	static std::uint32_t *word(std::uint8_t *ring, std::uint32_t offset)
	{
		return reinterpret_cast<std::uint32_t *>(ring + offset);
	}

	io_uring_params parameters_{};
	Descriptor fd_;
	std::uint8_t *submissions_, *completions_;
	io_uring_sqe *entry_;
};

template <typename F> void by_io_uring()
{
	Socket socket = fresh<F>();
	Ring ring;
	Bytes request = pinger::request<F>(3, packet::pattern(30)), room(200);
	typename F::Name to = F::to_kernel(peer<F>()), from{};
	iovec part{request.data(), request.size()};
	msghdr message{};

	message.msg_name = &to;
	message.msg_namelen = sizeof(to);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	ktap::expect_equal(ring.run(IORING_OP_SENDMSG, socket, message), 38, "sendmsg");
	expect_request<F>(socket, packet::pattern(30), "sendmsg");
	request[0] = F::Type::echo_reply;
	ktap::expect_equal(ring.run(IORING_OP_SENDMSG, socket, message), -EINVAL, "a wrong type");

	message.msg_name = &from;
	part = {room.data(), room.size()};
	ktap::expect_equal(ring.run(IORING_OP_RECVMSG, socket, message, MSG_DONTWAIT), -EAGAIN,
			   "recvmsg with nothing there");
	const auto reply = pinger::reply<F>(pinger::identifier<F>(socket), 3, packet::pattern(30));
	const typename F::Name source = F::to_kernel({F::client, 0});
	net<F>().send(reply);
	ktap::expect_equal(ring.run(IORING_OP_RECVMSG, socket, message), 38, "recvmsg");
	room.resize(38);
	ktap::expect_equal(room, reply.payload, "reply");
	ktap::expect(std::memcmp(&from, &source, sizeof(from)) == 0, "source");
}

template <typename F> void spliced()
{
	Socket socket = connected<F>();
	Bytes request = pinger::request<F>(4, packet::pattern(100));
	auto size = static_cast<ssize_t>(request.size());
	int ends[2];

	host::check(pipe2(ends, O_CLOEXEC), "pipe");
	Descriptor out(ends[0]), in(ends[1]);
	ktap::require_equal(write(in.get(), request.data(), request.size()), size, "write");
	ktap::expect_equal(splice(out.get(), nullptr, socket.get(), nullptr, 4096, 0), size,
			   "splice");
	expect_request<F>(socket, packet::pattern(100), "splice");
	Descriptor file(host::check(memfd_create("request", MFD_CLOEXEC), "memfd_create"));
	ktap::require_equal(write(file.get(), request.data(), request.size()), size, "write");
	off_t offset = 0;
	ktap::expect_equal(sendfile(socket.get(), file.get(), &offset, request.size()), size,
			   "sendfile");
	expect_request<F>(socket, packet::pattern(100), "sendfile");
}

int try_to_set(const Socket &socket, int option, int value)
{
	return setsockopt(socket.get(), SOL_SOCKET, option, &value, sizeof(value)) ? errno : 0;
}

template <typename F> void options_of_every_socket()
{
	Socket socket = fresh<F>();
	auto value = [&](int option) {
		return sock::get(socket, SOL_SOCKET, option);
	};

	ktap::expect_equal(value(SO_TYPE), SOCK_DGRAM, "SO_TYPE");
	ktap::expect_equal(value(SO_PROTOCOL), F::protocol, "SO_PROTOCOL");
	ktap::expect_equal(value(SO_DOMAIN), F::domain, "SO_DOMAIN");
	ktap::expect_equal(value(SO_ACCEPTCONN), 0, "SO_ACCEPTCONN");
	// The system's defaults; not every kernel tells them in every network namespace.
	Socket udp = sock::udp();
	for (int option : {SO_SNDBUF, SO_RCVBUF})
		ktap::expect_equal(value(option), sock::get(udp, SOL_SOCKET, option),
				   "a buffer at first");
	for (int option : {SO_SNDBUF, SO_RCVBUF}) {
		sock::set(socket, SOL_SOCKET, option, 10000);
		ktap::expect_equal(value(option), 20000, "a buffer counts twice");
	}
	ktap::expect_equal(listen(socket.get(), 1) ? errno : 0, EOPNOTSUPP, "listen");
	ktap::expect_equal(accept(socket.get(), nullptr, nullptr) < 0 ? errno : 0, EOPNOTSUPP,
			   "accept");
	ktap::expect_equal(try_to_set(socket, SO_PEEK_OFF, 0), EOPNOTSUPP, "SO_PEEK_OFF");
	ktap::expect_equal(try_to_set(socket, SO_ZEROCOPY, 1), EOPNOTSUPP, "SO_ZEROCOPY");
}

/// What recvmsg() tells of a reply as of any other packet, and with the built-in family does not: the loopback's mark and
/// priority are those of the reply, which netfilter sets, and after it the number of replies that were dropped.
template <typename F> void told_of_every_packet()
{
	constexpr int so_rcvmark = 75, so_rcvpriority = 82;
	const unsigned ours = pinger::is_icmpx<F>();
	const Socket socket = fresh<F>();
	const auto ping = [&] {
		return send(socket, pinger::request<F>(1), typename F::Endpoint{F::loopback, 0});
	};

	if (!host::try_run(
		    "nft 'add table inet told; add chain inet told in { type filter hook input "
		    "priority 0; }; add rule inet told in iif lo meta mark set 0x42 meta "
		    "priority set 3:9'"))
		ktap::skip("the kernel has no nf_tables");
	sock::set(socket, SOL_SOCKET, SO_RXQ_OVFL, 1);
	sock::set(socket, SOL_SOCKET, so_rcvmark, 1);
	const bool priority = try_to_set(socket, so_rcvpriority, 1) == 0;
	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 1);
	// What comes beyond the room is dropped, and the next one that is received tells.
	for (int i = 0; i < 20; i++)
		ktap::require_equal(ping(), 0, "send");
	while (sock::receive(socket))
		;
	ktap::require_equal(ping(), 0, "send");
	const auto received = F::receive(socket, MSG_DONTWAIT);
	const auto told = [&](int type) {
		return received.template value<std::uint32_t>(SOL_SOCKET, type);
	};
	ktap::expect_equal(told(SO_MARK).value_or(0), ours * 0x42U, "SO_RCVMARK");
	ktap::expect_equal(told(SO_PRIORITY).value_or(0), ours * unsigned{priority} * 0x30009U,
			   "SO_RCVPRIORITY");
	ktap::expect_equal(told(SO_RXQ_OVFL).value_or(0) > 0, ours == 1, "SO_RXQ_OVFL");
	host::run("nft delete table inet told");
}

/// An address as the list has it: the words in memory.
std::string listed_as(const sock::Endpoint &endpoint)
{
	char text[16];

	std::snprintf(text, sizeof(text), "%08X:%04X", htonl(endpoint.address), endpoint.port);
	return text;
}
std::string listed_as(const sock6::Endpoint &endpoint)
{
	const auto words = std::bit_cast<std::array<std::uint32_t, 4>>(endpoint.address);
	char text[40];

	std::snprintf(text, sizeof(text), "%08X%08X%08X%08X:%04X", words[0], words[1], words[2],
		      words[3], endpoint.port);
	return text;
}

template <typename F> void the_list_of_sockets()
{
	const typename F::Endpoint ours{F::server, 0xab};
	Socket socket = fresh<F>();
	auto line = [&] {
		return ktap::require_value(pinger::listed<F>(socket), "listed");
	};

	std::string all = ktap::require_value(host::read_file(pinger::list_path<F>()), "list");
	ktap::expect_equal(
		all.substr(0, all.find_last_not_of(' ', all.find('\n') - 1) + 1),
		std::string("  sl  local_address ") +
			(F::is_ipv6
				 ? "                        remote_address                        "
				 : "rem_address   ") +
			"st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref "
			"pointer drops",
		"names of the columns");
	ktap::expect(!pinger::listed<F>(socket), "without an identifier it is not listed");
	bind(socket, ours);
	ktap::expect_equal(line().local, listed_as(ours), "bound, local");
	ktap::expect_equal(line().remote, listed_as(typename F::Endpoint{F::any, 0}),
			   "bound, remote");
	ktap::expect_equal(line().state, "07", "bound, state");
	ktap::expect_equal(line().queues, "00000000:00000000", "queues");
	ktap::expect_equal(line().uid, 0U, "uid");
	ktap::expect_equal(connect(socket, peer<F>()), 0, "connect");
	ktap::expect_equal(line().remote, listed_as(peer<F>()), "connected, remote");
	ktap::expect_equal(line().state, "01", "connected, state");
	net<F>().send(pinger::reply<F>(0xab));
	ktap::expect(line().queues.substr(9) != "00000000", "a reply waits");
	sock::receive(socket);
	ktap::expect_equal(line().queues, "00000000:00000000", "and is taken");
	child::run([] {
		child::become({.uid = 1234});
		Socket other = pinger::bound<F>();
		ktap::expect_equal(ktap::require_value(pinger::listed<F>(other), "listed").uid,
				   1234U, "another user's");
	});
	std::size_t before = ping::listed(pinger::list_path<F>()).size();
	Socket third = connected<F>();
	ktap::expect_equal(ping::listed(pinger::list_path<F>()).size(), before + 1, "one more");
	third = Socket();
	ktap::expect_equal(ping::listed(pinger::list_path<F>()).size(), before, "one less");

	host::Namespace first = host::Namespace::current();
	host::enter_new_namespace();
	ktap::expect_equal(ping::listed(pinger::list_path<F>()).size(), 0U,
			   "in another network namespace");
	first.enter();
}

/// A connection that has timed out is gone once its next packet comes, though a reply of it has not been read.
void conntrack_forgets_what_waits()
{
	host::need_icmpx();
	const host::Namespace first = host::Namespace::current();
	const wire::Wire net = ping::new_network();
	host::run("nft add table ip t && "
		  "nft add chain ip t in '{ type filter hook input priority 0; }' && "
		  "nft add rule ip t in ct state established accept");
	host::set_sysctl("net/netfilter/nf_conntrack_icmp_timeout", 1);
	const Socket socket = sock::ping();

	for (std::uint16_t sequence = 1; sequence <= 2; sequence++) {
		ping::sent(net, socket, {errors::remote(1), 0});
		net.send(ping::reply(ping::identifier(socket), sequence, packet::pattern(56),
				     errors::remote(1)));
		ktap::require(sock::wait_for(socket, POLLIN, 1000) & POLLIN, "a reply waits");
		ktap::expect_equal(host::sysctl("net/netfilter/nf_conntrack_count"), "1",
				   "connections");
		std::this_thread::sleep_for(std::chrono::milliseconds(1500));
	}
	first.enter();
}

/// A list has no line of a socket that has lost its identifier, which would seem to be root's.
template <typename F> void the_list_while_sockets_are_closed()
{
	const std::string file = std::string("/proc/net/icmp") +
				 (pinger::is_icmpx<F>() ? "x" : "") + (F::is_ipv6 ? "6" : "");
	std::atomic<bool> over = false;

	net<F>();
	std::thread opener([&] {
		while (!over) {
			const Socket socket = F::open();

			bind(socket, typename F::Endpoint{F::any, 0});
		}
	});
	unsigned lines = 0, wrong = 0;
	for (int reads = 0; reads < 20000; reads++) {
		std::istringstream list(host::read_file(file).value_or(""));
		std::string line, slot, local;

		std::getline(list, line);
		for (; std::getline(list, line); lines++) {
			std::istringstream(line) >> slot >> local;
			wrong += local.ends_with(":0000");
		}
	}
	over = true;
	opener.join();
	ktap::say("lines: " + std::to_string(lines));
	ktap::expect_equal(wrong, 0U, "lines of sockets without an identifier");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"io_uring", by_io_uring<F>},
		{"spliced", spliced<F>},
		{"options_of_every_socket", options_of_every_socket<F>},
		{"told_of_every_packet", told_of_every_packet<F>},
		{"the_list_of_sockets", the_list_of_sockets<F>},
		{"the_list_while_sockets_are_closed", the_list_while_sockets_are_closed<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<ktap::Test> all = tests<V4>();

	all.push_back({"conntrack_forgets_what_waits", conntrack_forgets_what_waits});
	return ktap::run(argc, argv, family::both(std::move(all), tests<V6>()));
}
