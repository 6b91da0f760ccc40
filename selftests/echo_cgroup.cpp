// SPDX-License-Identifier: GPL-2.0-only
//
// Replies are the kernel's, not those of whoever loaded the module: a BPF program that filters what that process's
// control group sends does not see them.

#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/wire.hpp"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using family::V4;
using family::V6;
using host::Descriptor;

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
template <typename F> bool may_send()
{
	constexpr std::uint16_t discard = 9;

	if constexpr (F::is_ipv6)
		return sock6::send(sock6::udp(), packet::pattern(1), {{F::client, discard}}) == 0;
	else
		return sock::send(sock::udp(), packet::pattern(1), {{F::client, discard}}) == 0;
}

template <typename F> void expect_answers()
{
	auto wire = F::new_server();
	const auto request = F::datagram(F::echo(1, 2, packet::pattern(56)));
	const auto large = F::datagram(F::echo(1, 3, packet::pattern(4000)));

	ktap::expect(!may_send<F>(), "the filter works");
	expect_echo_reply(require_answer(wire, request), request);
	family::send_in_fragments(wire, large);
	family::expect_reply_at(wire, large);
}

template <typename F> void namespace_made_in_the_group()
{
	SilentGroup group;

	expect_answers<F>();
}

template <typename F> void module_loaded_in_the_group()
{
	const char *file = std::getenv("ICMPX_KO");

	F::need_icmpx();
	if (!file)
		ktap::skip("needs the module's path in ICMPX_KO");
	const std::string reload = std::string("rmmod icmpx && insmod ") + file;
	{
		SilentGroup group;
		host::run(reload);
		expect_answers<F>();
	}
	// The group stays for as long as sockets made in it do.
	host::run(reload);
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"replies_are_not_those_of_who_made_the_namespace", namespace_made_in_the_group<F>},
		{"replies_are_not_those_of_who_loaded_the_module", module_loaded_in_the_group<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
