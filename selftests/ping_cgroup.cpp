// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets and BPF programs of control groups: which of their hooks there are, and what they may do.

#include "lib/child.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace {

using host::Descriptor;
using pinger::V4;
using pinger::V6;
using sock::Socket;

template <typename F> typename F::Endpoint peer() { return {F::remote(1), 7}; }
template <typename F> typename F::Endpoint ours() { return {F::server, 4711}; }

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

/// Where programs are attached.
template <typename F>
constexpr bpf_attach_type connecting =
	F::is_ipv6 ? BPF_CGROUP_INET6_CONNECT : BPF_CGROUP_INET4_CONNECT;
template <typename F>
constexpr bpf_attach_type binding_place =
	F::is_ipv6 ? BPF_CGROUP_INET6_BIND : BPF_CGROUP_INET4_BIND;
template <typename F>
constexpr bpf_attach_type sending = F::is_ipv6 ? BPF_CGROUP_UDP6_SENDMSG : BPF_CGROUP_UDP4_SENDMSG;
template <typename F>
constexpr bpf_attach_type receiving =
	F::is_ipv6 ? BPF_CGROUP_UDP6_RECVMSG : BPF_CGROUP_UDP4_RECVMSG;

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

/// Runs @p function, of tests of F, in a control group with a BPF program of @p type, attached at @p place.
template <typename F>
void in_group(bpf_prog_type type, bpf_attach_type place, const std::vector<bpf_insn> &program,
	      const std::function<void()> &function)
{
	std::string path = "/sys/fs/cgroup/icmpx-ping-" + std::to_string(getpid());
	bpf_attr attributes;

	net<F>();
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

constexpr bpf_prog_type of_addresses = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;

template <typename F> void denies_connecting()
{
	in_group<F>(of_addresses, connecting<F>, verdict(0), [] {
		Socket socket = fresh<F>();

		ktap::expect_equal(connect(socket, peer<F>()), EPERM, "connect");
		ktap::expect_equal(pinger::identifier<F>(socket), 0,
				   "the identifier is taken after");
		typename F::Name name = F::to_kernel(peer<F>());
		// Of IPv6, the scope may be left out (RFC 2133).
		const socklen_t least = F::is_ipv6 ? 24 : 16;
		ktap::expect_equal(
			::connect(socket.get(), reinterpret_cast<sockaddr *>(&name), least - 1)
				? errno
				: 0,
			EINVAL, "the length is looked at before");
		ktap::expect_equal(
			::connect(socket.get(), reinterpret_cast<sockaddr *>(&name), least) ? errno
											    : 0,
			EPERM, "the least length");
		ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>()), 0, "sendto");
	});
	// Whoever is in no such group may.
	ktap::expect_equal(connect(fresh<F>(), peer<F>()), 0, "out of the group");
}

/// The words of an address as bpf_sock_addr has them.
template <typename F> std::vector<std::int32_t> words_of(const typename F::Address &address)
{
	const typename F::Name name = F::to_kernel({address, 0});
	constexpr std::size_t at = F::is_ipv6 ? 8 : 4, size = F::is_ipv6 ? 16 : 4;
	std::vector<std::int32_t> words(size / sizeof(std::int32_t));

	std::memcpy(words.data(), reinterpret_cast<const std::uint8_t *>(&name) + at, size);
	return words;
}

template <typename F> void rewrites_the_peer()
{
	std::vector<bpf_insn> program;
	int offset =
		F::is_ipv6 ? offsetof(bpf_sock_addr, user_ip6) : offsetof(bpf_sock_addr, user_ip4);

	for (std::int32_t word : words_of<F>(F::remote(1))) {
		program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, word));
		program.push_back(
			instruction(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_2, offset, 0));
		offset += sizeof(word);
	}
	for (const bpf_insn &one : verdict(1))
		program.push_back(one);
	in_group<F>(of_addresses, connecting<F>, program, [] {
		Socket socket = fresh<F>();

		ktap::expect_equal(connect(socket, typename F::Endpoint{F::remote(9), 7}), 0,
				   "connect");
		ktap::expect_equal(sock::send(socket, pinger::request<F>(1)), 0, "send");
		const auto request =
			ktap::require_value(family::next_answer<F>(net<F>()), "a request");
		ktap::expect_equal(request.ip.destination, F::remote(1),
				   "to where the program said");
		ktap::expect_equal(request.icmp.id(), pinger::identifier<F>(socket), "identifier");
	});
}

/// Binds the socket to @p local with bpf_bind(), and goes on if that has been done.
template <typename F> std::vector<bpf_insn> binding(const typename F::Endpoint &local)
{
	const typename F::Name name = F::to_kernel(local);
	constexpr int words = sizeof(name) / 4, room = 32;
	std::array<std::int32_t, words> values{};
	std::vector<bpf_insn> program;

	std::memcpy(values.data(), &name, sizeof(name));
	program.reserve(32);
	for (int i = 0; i < words; i++)
		program.push_back(instruction(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, 4 * i - room,
					      values.at(static_cast<std::size_t>(i))));
	for (auto part :
	     {std::vector{instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
			  instruction(BPF_ALU64 | BPF_ADD, BPF_REG_2, 0, 0, -room),
			  instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, sizeof(name)),
			  instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_bind),
			  instruction(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 2, 0)},
	      verdict(1), verdict(0)})
		program.insert(program.end(), part.begin(), part.end());
	return program;
}

/// The program runs where nobody may sleep, and others bind meanwhile.
template <typename F> void binds()
{
	in_group<F>(of_addresses, connecting<F>, binding<F>(ours<F>()), [] {
		const std::jthread other([](const std::stop_token &stop) {
			while (!stop.stop_requested())
				pinger::bound<F>();
		});
		for (int i = 0; i < 500; i++) {
			const Socket socket = F::open();
			ktap::require_equal(connect(socket, peer<F>()), 0, "connect");
			ktap::require(F::local(socket) == ours<F>(), "bound by the program");
		}
	});
}

template <typename F> void denies_sockets()
{
	in_group<F>(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, verdict(0), [] {
		ktap::expect_equal(pinger::try_to_open<F>(), EPERM, "socket");
		// Whom the range keeps out learns no more than that.
		host::set_sysctl(ping::group_range, "1 0");
		ktap::expect_equal(pinger::try_to_open<F>(), EACCES, "socket out of range");
		ping::allow();
	});
	ktap::expect_equal(pinger::try_to_open<F>(), 0, "out of the group");
}

/// Hooks that are there for others: for those who bind, and for UDP.
template <typename F> void is_not_asked()
{
	in_group<F>(of_addresses, binding_place<F>, verdict(0), [] {
		Socket socket = fresh<F>();

		bind(socket, ours<F>());
		ktap::expect(F::local(socket) == ours<F>(), "bind");
	});
	in_group<F>(of_addresses, sending<F>, verdict(0), [] {
		ktap::expect_equal(send(fresh<F>(), pinger::request<F>(1), peer<F>()), 0, "sendto");
	});
	// Of this one, nobody can deny.
	in_group<F>(of_addresses, receiving<F>, verdict(1), [] {
		Socket socket = fresh<F>();

		bind(socket, ours<F>());
		net<F>().send(pinger::reply<F>(ours<F>().port));
		ktap::expect(F::receive(socket).from == typename F::Endpoint{F::client, 0},
			     "recvmsg");
	});
}

/// A group's programs see what comes for its sockets, replies as well, and what these send.
template <typename F> void sees_packets()
{
	in_group<F>(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, verdict(0), [] {
		Socket socket = fresh<F>();

		bind(socket, ours<F>());
		net<F>().send(pinger::reply<F>(ours<F>().port));
		ktap::expect(!sock::receive(socket), "a reply");
		ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>()), 0, "sendto");
	});
	in_group<F>(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, verdict(0), [] {
		Socket socket = fresh<F>();

		bind(socket, ours<F>());
		net<F>().send(pinger::reply<F>(ours<F>().port));
		ktap::expect(sock::receive(socket).has_value(), "a reply");
		// Of IPv6, sendmsg() does not say what became of a packet once it was made.
		ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>()),
				   F::is_ipv6 ? 0 : EPERM, "sendto");
		ktap::expect(!family::next_answer<F>(net<F>(), wire::silence), "a request");
	});
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"denies_connecting", denies_connecting<F>},
		{"rewrites_the_peer", rewrites_the_peer<F>},
		{"binds", binds<F>},
		{"denies_sockets", denies_sockets<F>},
		{"is_not_asked", is_not_asked<F>},
		{"sees_packets", sees_packets<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
