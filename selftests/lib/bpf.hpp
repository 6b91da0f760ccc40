/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Programs for XDP and for tc, so small that they are written in instructions: no compiler is needed to test.
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"
#include "netlink.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bpf {

using Program = host::Descriptor;
using Code = std::vector<bpf_insn>;

namespace detail {

inline bpf_insn instruction(int code, int to, int from, int offset, int value)
{
	bpf_insn made{};

	made.code = static_cast<std::uint8_t>(code);
	made.dst_reg = static_cast<std::uint8_t>(to) & 0xf;
	made.src_reg = static_cast<std::uint8_t>(from) & 0xf;
	made.off = static_cast<std::int16_t>(offset);
	made.imm = value;
	return made;
}

/// @p to = @p value; to = from; to += value; @p to = the 32 bits of the context at @p offset.
inline bpf_insn set(int to, int value)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
inline bpf_insn copy(int to, int from)
{
	return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
inline bpf_insn add(int to, int value)
{
	// BPF_K, which is 0 as BPF_ADD is.
	return instruction(BPF_ALU64 | BPF_ADD, to, 0, 0, value);
}
inline bpf_insn context(int to, int from, std::size_t offset)
{
	return instruction(BPF_LDX | BPF_MEM | BPF_W, to, from, static_cast<int>(offset), 0);
}
/// Passes @p count instructions over if @p a > @p b; the same if @p a is not zero.
inline bpf_insn if_above(int a, int b, int count)
{
	return instruction(BPF_JMP | BPF_JGT | BPF_X, a, b, count, 0);
}
inline bpf_insn if_set(int a, int count)
{
	return instruction(BPF_JMP | BPF_JNE | BPF_K, a, 0, count, 0);
}
inline bpf_insn call(int function) { return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, function); }
inline bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

inline int system_call(int command, bpf_attr &attributes)
{
	return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

inline Program load(bpf_prog_type type, const Code &code)
{
	static std::array<char, 4096> log;
	bpf_attr attributes{};

	log[0] = '\0';
	attributes.prog_type = type;
	attributes.insns = reinterpret_cast<std::uintptr_t>(code.data());
	attributes.insn_cnt = static_cast<std::uint32_t>(code.size());
	attributes.license = reinterpret_cast<std::uintptr_t>("GPL");
	attributes.log_buf = reinterpret_cast<std::uintptr_t>(log.data());
	attributes.log_size = log.size();
	attributes.log_level = 1;
	return Program(host::check(system_call(BPF_PROG_LOAD, attributes),
				   std::string("BPF: ") + log.data()));
}

/// Has tc run @p program on what passes @p device at @p side (TC_H_MIN_INGRESS or TC_H_MIN_EGRESS); returns 0 or the errno.
inline int attach(const std::string &device, std::uint32_t side, const Program &program)
{
	netlink::Socket socket(NETLINK_ROUTE);
	tcmsg where{};

	where.tcm_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
	where.tcm_parent = TC_H_CLSACT;
	where.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0U);
	netlink::Message qdisc(RTM_NEWQDISC, NLM_F_CREATE, where);
	if (const int error = socket.request(qdisc.put(TCA_KIND, "clsact")))
		return error;

	where.tcm_parent = TC_H_MAKE(TC_H_CLSACT, side);
	where.tcm_handle = 0;
	where.tcm_info = TC_H_MAKE(1U << 16, htons(ETH_P_ALL));
	netlink::Message filter(RTM_NEWTFILTER, NLM_F_CREATE, where);
	filter.put(TCA_KIND, "bpf").nest(TCA_OPTIONS, [&] {
		filter.put(TCA_BPF_FD, static_cast<std::uint32_t>(program.get()))
			.put(TCA_BPF_NAME, "test")
			.put(TCA_BPF_FLAGS, std::uint32_t{TCA_BPF_FLAG_ACT_DIRECT});
	});
	return socket.request(filter);
}

} // namespace detail

/// Puts eight bytes of metadata in front of each frame that comes in by @p device, as long as what this returns is open.
inline host::Descriptor put_metadata_at_ingress(const std::string &device)
{
	using namespace detail;
	const Program program =
		load(BPF_PROG_TYPE_XDP,
		     {
			     copy(6, 1),
			     set(2, -8),
			     call(BPF_FUNC_xdp_adjust_meta),
			     if_set(0, 6),
			     context(2, 6, offsetof(xdp_md, data_meta)),
			     context(3, 6, offsetof(xdp_md, data)),
			     copy(4, 2),
			     add(4, 8),
			     if_above(4, 3, 1),
			     instruction(BPF_ST | BPF_MEM | BPF_DW, 2, 0, 0, 0x6d657461),
			     set(0, XDP_PASS),
			     leave(),
		     });
	bpf_attr attributes{};

	attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
	attributes.link_create.target_ifindex = if_nametoindex(device.c_str());
	attributes.link_create.attach_type = BPF_XDP;
	attributes.link_create.flags = XDP_FLAGS_SKB_MODE;
	return host::Descriptor(
		host::check(detail::system_call(BPF_LINK_CREATE, attributes), "XDP at " + device));
}

/// Drops each frame with metadata that @p device is to send.
inline void drop_metadata_at_egress(const std::string &device)
{
	using namespace detail;
	const Program program =
		load(BPF_PROG_TYPE_SCHED_CLS, {
						      context(2, 1, offsetof(__sk_buff, data_meta)),
						      context(3, 1, offsetof(__sk_buff, data)),
						      copy(4, 2),
						      add(4, 1),
						      if_above(4, 3, 2),
						      set(0, TC_ACT_SHOT),
						      leave(),
						      set(0, TC_ACT_OK),
						      leave(),
					      });
	ktap::require_equal(detail::attach(device, TC_H_MIN_EGRESS, program), 0, "tc at " + device);
}

/**
 * Has all that comes in by @p device marked as having a right checksum (CHECKSUM_UNNECESSARY), as much hardware does.
 *
 * A tap device has no way to say so, it ignores VIRTIO_NET_HDR_F_DATA_VALID. Returns false where the kernel has no
 * classifier that runs such programs.
 */
inline bool trust_checksums(const std::string &device)
{
	using namespace detail;
	static const Program program =
		load(BPF_PROG_TYPE_SCHED_CLS, {
						      set(2, BPF_CSUM_LEVEL_INC),
						      call(BPF_FUNC_csum_level),
						      set(0, TC_ACT_OK),
						      leave(),
					      });

	return attach(device, TC_H_MIN_INGRESS, program) == 0;
}

/// Has a tap with @p queues of those, of which @p queue is one, send each packet by the queue that it says it was received
/// by, and by the last one if it says none. (On its own, a tap sends by the queue that the flow was received by.)
inline void steer_by_receive_queue(int queue, int queues)
{
	using namespace detail;
	const Program program = load(BPF_PROG_TYPE_SOCKET_FILTER,
				     {
					     context(0, 1, offsetof(__sk_buff, queue_mapping)),
					     if_set(0, 2),
					     set(0, queues - 1),
					     leave(),
					     add(0, -1),
					     leave(),
				     });
	const int fd = program.get();

	host::check(ioctl(queue, TUNSETSTEERINGEBPF, &fd), "TUNSETSTEERINGEBPF");
}

} // namespace bpf
