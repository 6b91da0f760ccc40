// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Lets user-mode Linux 6.12 run on hosts with more vector registers than it has room for. To be preloaded.
///
/// It keeps the registers of its processes in 2,696 bytes each. With AMX the host's are 11,008: reading them is cut short,
/// and writing what was read fails with EFAULT, since it is not all of them. What is missing is only what a process has
/// after arch_prctl(ARCH_REQ_XCOMP_PERM), which user-mode Linux does not have: so it is written as zeros, as at the start.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <dlfcn.h>
#include <elf.h>
#include <linux/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace {

using Ptrace = long (*)(int request, pid_t pid, void *address, void *data);

/// More than the registers of any processor are; the host takes as many bytes as it has.
using Registers = std::array<std::byte, 65536>;

} // namespace

/// As the C library's, whose declaration has the arguments after the first one variable. One thread of user-mode Linux
/// traces all of its processes, on stacks that are small.
extern "C" long ptrace(int request, pid_t pid, void *address, void *data) noexcept
{
	static const auto real = reinterpret_cast<Ptrace>(dlsym(RTLD_NEXT, "ptrace"));
	static Registers registers{};

	if (request != PTRACE_SETREGSET ||
	    reinterpret_cast<std::uintptr_t>(address) != NT_X86_XSTATE)
		return real(request, pid, address, data);
	const auto *given = static_cast<const iovec *>(data);
	std::memcpy(registers.data(), given->iov_base, std::min(given->iov_len, registers.size()));
	iovec whole{.iov_base = registers.data(), .iov_len = registers.size()};
	return real(request, pid, address, &whole);
}
