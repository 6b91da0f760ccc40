// SPDX-License-Identifier: GPL-2.0-only

#include "trust.hpp"

#include "lib/host.hpp"

#include <array>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace diff {

namespace {

/// A message of rtnetlink about traffic control, built from the front.
class Message {
public:
	Message(std::uint16_t type, const std::string &device, std::uint32_t parent)
	{
		header()->nlmsg_type = type;
		header()->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
		header()->nlmsg_len = NLMSG_LENGTH(sizeof(tcmsg));
		body()->tcm_family = AF_UNSPEC;
		body()->tcm_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
		body()->tcm_parent = parent;
	}

	nlmsghdr *header() { return reinterpret_cast<nlmsghdr *>(bytes_.data()); }
	tcmsg *body() { return static_cast<tcmsg *>(NLMSG_DATA(header())); }

	/// Appends an attribute; returns it, for nest().
	rtattr *add(std::uint16_t type, const void *data, std::size_t size)
	{
		auto *attribute = reinterpret_cast<rtattr *>(bytes_.data() + header()->nlmsg_len);

		attribute->rta_type = type;
		attribute->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
		std::memcpy(RTA_DATA(attribute), data, size);
		header()->nlmsg_len += RTA_ALIGN(attribute->rta_len);
		return attribute;
	}

	void add(std::uint16_t type, std::string_view text)
	{
		std::string terminated(text);

		add(type, terminated.c_str(), terminated.size() + 1);
	}

	void add(std::uint16_t type, std::uint32_t value) { add(type, &value, sizeof(value)); }

	/// Makes all that was added since @p attribute a part of it.
	void nest(rtattr *attribute)
	{
		const char *end = bytes_.data() + header()->nlmsg_len;

		attribute->rta_len =
			static_cast<std::uint16_t>(end - reinterpret_cast<const char *>(attribute));
	}

	/// Sends it; returns the kernel's answer, 0 or a negative errno.
	int send()
	{
		host::Descriptor socket(host::check(
			::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "netlink"));
		alignas(nlmsghdr) std::array<char, 4096> answer{};
		nlmsgerr error{};

		host::check(static_cast<int>(
				    ::send(socket.get(), bytes_.data(), header()->nlmsg_len, 0)),
			    "send to rtnetlink");
		host::check(static_cast<int>(::recv(socket.get(), answer.data(), answer.size(), 0)),
			    "answer of rtnetlink");
		std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof(error));
		return error.error;
	}

private:
	alignas(nlmsghdr) std::array<char, 512> bytes_{};
};

int load_program()
{
	static const std::array<bpf_insn, 4> instructions{{
		{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, BPF_CSUM_LEVEL_INC},
		{BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_csum_level},
		{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, TC_ACT_OK},
		{BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
	}};
	static const char license[] = "GPL";
	bpf_attr attributes{};

	attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attributes.insns = reinterpret_cast<std::uintptr_t>(instructions.data());
	attributes.insn_cnt = instructions.size();
	attributes.license = reinterpret_cast<std::uintptr_t>(license);
	return host::check(
		static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes))),
		"load the BPF program");
}

} // namespace

bool trust_checksums(const std::string &device)
{
	static const host::Descriptor program(load_program());
	constexpr std::uint32_t priority = 1;

	Message qdisc(RTM_NEWQDISC, device, TC_H_CLSACT);
	qdisc.body()->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0U);
	qdisc.add(TCA_KIND, "clsact");
	if (qdisc.send())
		return false;

	Message filter(RTM_NEWTFILTER, device, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
	filter.body()->tcm_info = TC_H_MAKE(priority << 16, htons(ETH_P_ALL));
	filter.add(TCA_KIND, "bpf");
	rtattr *options = filter.add(TCA_OPTIONS, nullptr, 0);
	filter.add(TCA_BPF_FD, static_cast<std::uint32_t>(program.get()));
	filter.add(TCA_BPF_NAME, "trust");
	filter.add(TCA_BPF_FLAGS, std::uint32_t{TCA_BPF_FLAG_ACT_DIRECT});
	filter.nest(options);
	return filter.send() == 0;
}

bool can_trust_checksums()
{
	host::enter_new_namespace();
	return trust_checksums("lo");
}

} // namespace diff
