// SPDX-License-Identifier: GPL-2.0-only
//
// Replies are the kernel's, not those of whoever loaded the module: a BPF program that filters what that process's
// control group sends does not see them.

#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using host::Descriptor;
using packet::Ipv4;

namespace {

int bpf(bpf_cmd command, bpf_attr &attributes)
{
	return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

/// A program that lets nothing pass: r0 = 0; exit.
Descriptor deny_everything()
{
	static const bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_0,
		 .src_reg = 0,
		 .off = 0,
		 .imm = 0},
		{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
	};
	bpf_attr attributes;

	std::memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_CGROUP_SKB;
	attributes.insns = reinterpret_cast<std::uintptr_t>(instructions);
	attributes.insn_cnt = std::size(instructions);
	attributes.license = reinterpret_cast<std::uintptr_t>("GPL");
	attributes.expected_attach_type = BPF_CGROUP_INET_EGRESS;
	Descriptor program(bpf(BPF_PROG_LOAD, attributes));
	if (program.get() < 0)
		ktap::skip("the kernel has no BPF programs for control groups");
	return program;
}

/// A control group from which nothing can be sent, and the way there and back.
class SilentGroup {
public:
	SilentGroup() : path_(std::string(root) + "/icmpx-selftest-" + std::to_string(getpid()))
	{
		if (mkdir(path_.c_str(), 0755) < 0)
			ktap::skip("no control groups, version 2");
		group_ = Descriptor(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		Descriptor program = deny_everything();
		bpf_attr attributes;
		std::memset(&attributes, 0, sizeof(attributes));
		attributes.target_fd = static_cast<std::uint32_t>(group_.get());
		attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
		attributes.attach_type = BPF_CGROUP_INET_EGRESS;
		host::check(bpf(BPF_PROG_ATTACH, attributes), "attach the BPF program");
		ktap::require(host::write_file(path_ + "/cgroup.procs", "0"),
			      "enter the control group");
	}
	SilentGroup(const SilentGroup &) = delete;
	SilentGroup &operator=(const SilentGroup &) = delete;
	~SilentGroup()
	{
		host::write_file(std::string(root) + "/cgroup.procs", "0");
		rmdir(path_.c_str());
	}

private:
	static constexpr const char *root = "/sys/fs/cgroup";
	std::string path_;
	Descriptor group_;
};

/// Whether a socket of this process may send.
bool may_send()
{
	Descriptor fd(host::check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
	sockaddr_in to{};

	to.sin_family = AF_INET;
	to.sin_port = htons(9);
	to.sin_addr.s_addr = htonl(packet::client);
	return sendto(fd.get(), "x", 1, 0, reinterpret_cast<sockaddr *>(&to), sizeof(to)) == 1;
}

void expect_answers()
{
	auto wire = wire::new_server();
	Ipv4 request = packet::datagram(packet::echo_request(1, 2, packet::pattern(56)));
	Ipv4 large = packet::datagram(packet::echo_request(1, 3, packet::pattern(4000)));

	ktap::expect(!may_send(), "the filter works");
	expect_echo_reply(require_answer(wire, request), request);
	expect_echo_reply(require_answer(wire, large), large);
}

void namespace_made_in_the_group()
{
	SilentGroup group;

	expect_answers();
}

void module_loaded_in_the_group()
{
	const char *file = std::getenv("ICMPX_KO");

	host::need_icmpx();
	if (!file)
		ktap::skip("needs the module's path in ICMPX_KO");
	const std::string reload = std::string("rmmod icmpx && insmod ") + file;
	{
		SilentGroup group;
		host::run(reload);
		expect_answers();
	}
	// The group stays for as long as sockets made in it do.
	host::run(reload);
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"replies_are_not_those_of_who_made_the_namespace",
				  namespace_made_in_the_group},
				 {"replies_are_not_those_of_who_loaded_the_module",
				  module_loaded_in_the_group},
			 });
}
