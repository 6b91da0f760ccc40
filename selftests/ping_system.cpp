// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets and the rest of the system: BPF of control groups, io_uring, splice(2), conntrack, options of every socket,
// and the list of sockets below /proc/net.

#include "lib/child.hpp"
#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace {

using errors::remote;
using host::Descriptor;
using packet::Bytes;
using ping::Endpoint;
using ping::Socket;

constexpr Endpoint peer{remote(1), 7}, ours{packet::server, 4711};

const wire::Wire &net()
{
	static const wire::Wire wire = ping::new_network();
	return wire;
}

Socket fresh()
{
	net().receive_all(wire::milliseconds(0));
	return sock::ping();
}

Socket connected()
{
	Socket socket = fresh();

	ktap::require_equal(sock::connect(socket, peer), 0, "connect");
	return socket;
}

void expect_request(const Socket &socket, const Bytes &data, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	auto request = ktap::require_value(wire::next_answer(net()), what, where);

	ktap::expect_equal(request.ip.destination, peer.address, what + ", destination", where);
	ktap::expect_equal(request.icmp.id(), ping::identifier(socket), what + ", identifier",
			   where);
	ktap::expect_equal(request.icmp.data, data, what + ", data", where);
}

int bpf(bpf_cmd command, bpf_attr &attributes)
{
	return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

bpf_insn instruction(int code, int to, int from, int offset, std::int32_t value)
{
	bpf_insn one{};

	one.code = static_cast<std::uint8_t>(code);
	one.dst_reg = static_cast<std::uint8_t>(to) & 15;
	one.src_reg = static_cast<std::uint8_t>(from) & 15;
	one.off = static_cast<std::int16_t>(offset);
	one.imm = value;
	return one;
}

/// Leaves a program with @p value: 1 allows, 0 denies.
std::vector<bpf_insn> verdict(int value)
{
	return {instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value),
		instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
}

/// Runs @p function in a control group with a BPF program of @p type, attached at @p place.
void in_group(bpf_prog_type type, bpf_attach_type place, const std::vector<bpf_insn> &program,
	      const std::function<void()> &function)
{
	std::string path = "/sys/fs/cgroup/icmpx-ping-" + std::to_string(getpid());
	bpf_attr attributes;

	net();
	host::check(mkdir(path.c_str(), 0755), "mkdir " + path);
	Descriptor group(
		host::check(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open group"));
	std::memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = type;
	attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
	attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
	attributes.license = reinterpret_cast<std::uintptr_t>("GPL");
	attributes.expected_attach_type = place;
	Descriptor loaded(host::check(bpf(BPF_PROG_LOAD, attributes), "load the BPF program"));
	std::memset(&attributes, 0, sizeof(attributes));
	attributes.target_fd = static_cast<std::uint32_t>(group.get());
	attributes.attach_bpf_fd = static_cast<std::uint32_t>(loaded.get());
	attributes.attach_type = place;
	host::check(bpf(BPF_PROG_ATTACH, attributes), "attach the BPF program");
	child::run([&] {
		ktap::require(host::write_file(path + "/cgroup.procs", "0"), "enter the group");
		function();
	});
	rmdir(path.c_str());
}

void control_group_denies_connecting()
{
	in_group(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, verdict(0), [] {
		Socket socket = fresh();

		ktap::expect_equal(sock::connect(socket, peer), EPERM, "connect");
		ktap::expect_equal(ping::identifier(socket), 0, "the identifier is taken after");
		sockaddr_in name = sock::to_kernel(peer);
		ktap::expect_equal(
			connect(socket.get(), reinterpret_cast<sockaddr *>(&name), 15) ? errno : 0,
			EINVAL, "the length is looked at before");
		ktap::expect_equal(sock::send(socket, ping::request(1), peer), 0, "sendto");
	});
	// Whoever is in no such group may.
	connected();
}

void control_group_rewrites_the_peer()
{
	std::vector<bpf_insn> program{instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0,
						  static_cast<std::int32_t>(htonl(peer.address))),
				      instruction(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_2,
						  offsetof(bpf_sock_addr, user_ip4), 0)};
	for (const bpf_insn &one : verdict(1))
		program.push_back(one);
	in_group(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, program, [] {
		Socket socket = fresh();

		ktap::expect_equal(sock::connect(socket, {remote(9), 7}), 0, "connect");
		ktap::expect_equal(sock::send(socket, ping::request(1)), 0, "send");
		expect_request(socket, {}, "to where the program said");
	});
}

/// Binds the socket to @p local with bpf_bind(), and goes on if that has been done.
std::vector<bpf_insn> binding(const Endpoint &local)
{
	const sockaddr_in name = sock::to_kernel(local);
	const auto words = std::bit_cast<std::array<std::int32_t, 4>>(name);
	std::vector<bpf_insn> program;

	program.reserve(16);
	for (int i = 0; i < 4; i++)
		program.push_back(instruction(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, 4 * i - 16,
					      words.at(static_cast<std::size_t>(i))));
	for (auto part :
	     {std::vector{instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
			  instruction(BPF_ALU64 | BPF_ADD, BPF_REG_2, 0, 0, -16),
			  instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 16),
			  instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_bind),
			  instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 2, 0)},
	      verdict(1), verdict(0)})
		program.insert(program.end(), part.begin(), part.end());
	return program;
}

/// The program runs where nobody may sleep, and others bind meanwhile.
void control_group_binds()
{
	in_group(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, binding(ours), [] {
		const std::jthread other([](const std::stop_token &stop) {
			while (!stop.stop_requested())
				sock::bind(sock::ping(), {});
		});
		for (int i = 0; i < 500; i++) {
			const Socket socket = sock::ping();
			ktap::require_equal(sock::connect(socket, peer), 0, "connect");
			ktap::require(sock::local(socket) == ours, "bound by the program");
		}
	});
}

void control_group_denies_sockets()
{
	in_group(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, verdict(0), [] {
		ktap::expect_equal(ping::try_to_open(), EPERM, "socket");
		// Whom the range keeps out learns no more than that.
		host::set_sysctl(ping::group_range, "1 0");
		ktap::expect_equal(ping::try_to_open(), EACCES, "socket out of range");
		ping::allow();
	});
	ktap::expect_equal(ping::try_to_open(), 0, "out of the group");
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

void io_uring()
{
	Socket socket = fresh();
	Ring ring;
	Bytes request = ping::request(3, packet::pattern(30)), room(200);
	sockaddr_in to = sock::to_kernel(peer), from{};
	iovec part{request.data(), request.size()};
	msghdr message{};

	message.msg_name = &to;
	message.msg_namelen = sizeof(to);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	ktap::expect_equal(ring.run(IORING_OP_SENDMSG, socket, message), 38, "sendmsg");
	expect_request(socket, packet::pattern(30), "sendmsg");
	request[0] = packet::Type::timestamp;
	ktap::expect_equal(ring.run(IORING_OP_SENDMSG, socket, message), -EINVAL, "a wrong type");

	message.msg_name = &from;
	part = {room.data(), room.size()};
	ktap::expect_equal(ring.run(IORING_OP_RECVMSG, socket, message, MSG_DONTWAIT), -EAGAIN,
			   "recvmsg with nothing there");
	packet::Ipv4 reply = ping::reply(ping::identifier(socket), 3, packet::pattern(30));
	net().send(reply);
	ktap::expect_equal(ring.run(IORING_OP_RECVMSG, socket, message), 38, "recvmsg");
	room.resize(38);
	ktap::expect_equal(room, reply.payload, "reply");
	ktap::expect_equal(sock::from_kernel(from).address, errors::router, "source");
}

void spliced()
{
	Socket socket = connected();
	Bytes request = ping::request(4, packet::pattern(100));
	auto size = static_cast<ssize_t>(request.size());
	int ends[2];

	host::check(pipe2(ends, O_CLOEXEC), "pipe");
	Descriptor out(ends[0]), in(ends[1]);
	ktap::require_equal(write(in.get(), request.data(), request.size()), size, "write");
	ktap::expect_equal(splice(out.get(), nullptr, socket.get(), nullptr, 4096, 0), size,
			   "splice");
	expect_request(socket, packet::pattern(100), "splice");
	Descriptor file(host::check(memfd_create("request", MFD_CLOEXEC), "memfd_create"));
	ktap::require_equal(write(file.get(), request.data(), request.size()), size, "write");
	off_t offset = 0;
	ktap::expect_equal(sendfile(socket.get(), file.get(), &offset, request.size()), size,
			   "sendfile");
	expect_request(socket, packet::pattern(100), "sendfile");
}

int try_to_set(const Socket &socket, int option, int value)
{
	return setsockopt(socket.get(), SOL_SOCKET, option, &value, sizeof(value)) ? errno : 0;
}

void options_of_every_socket()
{
	Socket socket = fresh();
	auto value = [&](int option) {
		return sock::get(socket, SOL_SOCKET, option);
	};

	ktap::expect_equal(value(SO_TYPE), SOCK_DGRAM, "SO_TYPE");
	ktap::expect_equal(value(SO_PROTOCOL), IPPROTO_ICMP, "SO_PROTOCOL");
	ktap::expect_equal(value(SO_DOMAIN), AF_INET, "SO_DOMAIN");
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

/// An address as the list has it: the word in memory.
std::string listed_as(const Endpoint &endpoint)
{
	char text[16];

	std::snprintf(text, sizeof(text), "%08X:%04X", htonl(endpoint.address), endpoint.port);
	return text;
}

void the_list_of_sockets()
{
	Socket socket = fresh();
	auto line = [&] {
		return ktap::require_value(ping::listed(socket), "listed");
	};

	std::string all = ktap::require_value(host::read_file(ping::list_path()), "list");
	ktap::expect_equal(all.substr(0, all.find_last_not_of(' ', all.find('\n') - 1) + 1),
			   "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			   "retrnsmt   uid  timeout inode ref pointer drops",
			   "names of the columns");
	ktap::expect(!ping::listed(socket), "without an identifier it is not listed");
	sock::bind(socket, {errors::host, 0xab});
	ktap::expect_equal(line().local, listed_as({errors::host, 0xab}), "bound, local");
	ktap::expect_equal(line().remote, listed_as({0, 0}), "bound, remote");
	ktap::expect_equal(line().state, "07", "bound, state");
	ktap::expect_equal(line().queues, "00000000:00000000", "queues");
	ktap::expect_equal(line().uid, 0U, "uid");
	ktap::expect_equal(sock::connect(socket, peer), 0, "connect");
	ktap::expect_equal(line().remote, listed_as(peer), "connected, remote");
	ktap::expect_equal(line().state, "01", "connected, state");
	net().send(ping::reply(0xab));
	ktap::expect(line().queues.substr(9) != "00000000", "a reply waits");
	sock::receive(socket);
	ktap::expect_equal(line().queues, "00000000:00000000", "and is taken");
	child::run([] {
		child::become({.uid = 1234});
		Socket other = sock::ping();
		sock::bind(other, {0, 0});
		ktap::expect_equal(ktap::require_value(ping::listed(other), "listed").uid, 1234U,
				   "another user's");
	});
	std::size_t before = ping::listed().size();
	Socket third = connected();
	ktap::expect_equal(ping::listed().size(), before + 1, "one more");
	third = Socket();
	ktap::expect_equal(ping::listed().size(), before, "one less");

	host::Namespace first = host::Namespace::current();
	host::enter_new_namespace();
	ktap::expect_equal(ping::listed().size(), 0U, "in another network namespace");
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
		ping::sent(net, socket, {remote(1), 0});
		net.send(ping::reply(ping::identifier(socket), sequence, packet::pattern(56),
				     remote(1)));
		ktap::require(sock::wait_for(socket, POLLIN, 1000) & POLLIN, "a reply waits");
		ktap::expect_equal(host::sysctl("net/netfilter/nf_conntrack_count"), "1",
				   "connections");
		std::this_thread::sleep_for(std::chrono::milliseconds(1500));
	}
	first.enter();
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"control_group_denies_connecting", control_group_denies_connecting},
			  {"control_group_rewrites_the_peer", control_group_rewrites_the_peer},
			  {"control_group_binds", control_group_binds},
			  {"control_group_denies_sockets", control_group_denies_sockets},
			  {"io_uring", io_uring},
			  {"spliced", spliced},
			  {"options_of_every_socket", options_of_every_socket},
			  {"conntrack_forgets_what_waits", conntrack_forgets_what_waits},
			  {"the_list_of_sockets", the_list_of_sockets}});
}
