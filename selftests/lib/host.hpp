/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The machine that a test runs on: network namespaces, sysctls, commands.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

namespace host {

/// A file descriptor that closes itself.
class Descriptor {
public:
	explicit Descriptor(int fd = -1) : fd_(fd) {}
	Descriptor(Descriptor &&other) noexcept : fd_(other.release()) {}
	Descriptor &operator=(Descriptor &&other) noexcept;
	Descriptor(const Descriptor &) = delete;
	Descriptor &operator=(const Descriptor &) = delete;
	~Descriptor();

	int get() const { return fd_; }
	int release();

private:
	int fd_;
};

/// Leaves the current test with @p what and errno's meaning when @p result is negative; returns it otherwise.
int check(int result, std::string_view what,
	  const std::source_location &where = std::source_location::current());

/// Moves this process into a new network namespace with the loopback device up. The old one, when nobody else is in
/// it, goes with all its devices.
void enter_new_namespace();

/// Keeps this thread, and what it starts, on processor 0: of much that Linux keeps each processor has its own.
void stay_on_one_processor();

/// A network namespace to come back to.
class Namespace {
public:
	/// The one that this process is in now.
	static Namespace current();
	/// The one that `ip netns` knows as @p name.
	static Namespace named(const std::string &name);

	void enter() const;
	int fd() const { return fd_.get(); }

private:
	explicit Namespace(Descriptor fd) : fd_(std::move(fd)) {}
	Descriptor fd_;
};

/// Runs a shell command in this process's namespaces; the test ends when it fails.
void run(const std::string &command,
	 const std::source_location &where = std::source_location::current());

/// Runs a shell command and says whether it succeeded; its output is dropped.
bool try_run(const std::string &command);

/// What a shell command prints.
std::string output_of(const std::string &command);

/// Makes a kernel module available, where it is not built in; the test is skipped when there is none. @p proof is a
/// command that succeeds when the feature is there.
void need(const std::string &module, const std::string &proof = "");

/// Loads @p module, unless it is loaded or built in; skips the test where the kernel has none.
void need_module(const std::string &module);

/// Whether this is Linux @p major.@p minor or later: for what the built-in code does in another way since then.
bool linux_since(int major, int minor);

/// Has this namespace track connections; the test is skipped where the kernel does not.
void track_connections();

/// Contents of a file without the newline at its end; nothing when it cannot be read.
std::optional<std::string> read_file(const std::string &path);

/// Writes a file; false (and errno) when the kernel refuses.
bool write_file(const std::string &path, std::string_view text);

/// Reads or sets a sysctl of this network namespace, with its name below /proc/sys as in "net/ipv4/ip_default_ttl".
std::string sysctl(const std::string &name);
void set_sysctl(const std::string &name, const std::string &value,
		const std::source_location &where = std::source_location::current());
void set_sysctl(const std::string &name, std::int64_t value,
		const std::source_location &where = std::source_location::current());

/// Whether the icmpx module handles ICMP here, and ICMPv6.
bool has_icmpx();
bool has_icmpx6();

/// Skips the current test without the icmpx module, or without its ICMPv6.
void need_icmpx();
void need_icmpx6();

} // namespace host
