// SPDX-License-Identifier: GPL-2.0-only

#include "host.hpp"

#include "ktap.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

namespace host {

Descriptor &Descriptor::operator=(Descriptor &&other) noexcept
{
	if (this != &other) {
		if (fd_ >= 0)
			close(fd_);
		fd_ = other.release();
	}
	return *this;
}

Descriptor::~Descriptor()
{
	if (fd_ >= 0)
		close(fd_);
}

int Descriptor::release() { return std::exchange(fd_, -1); }

int check(int result, std::string_view what, const std::source_location &where)
{
	if (result < 0)
		ktap::fatal(std::string(what) + ": " + std::strerror(errno), where);
	return result;
}

void enter_new_namespace()
{
	ifreq request{};

	check(unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
	// Without a command: tests make namespaces by the dozen.
	Descriptor any(check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
	std::string_view("lo").copy(request.ifr_name, IFNAMSIZ - 1);
	request.ifr_flags = IFF_UP;
	check(ioctl(any.get(), SIOCSIFFLAGS, &request), "lo up");
}

void stay_on_one_processor()
{
	cpu_set_t one{};

	CPU_SET(0, &one);
	check(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

Namespace Namespace::current()
{
	return Namespace(Descriptor(
		check(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "open own namespace")));
}

Namespace Namespace::named(const std::string &name)
{
	std::string path = "/run/netns/" + name;

	return Namespace(
		Descriptor(check(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path)));
}

void Namespace::enter() const { check(setns(fd_.get(), CLONE_NEWNET), "setns"); }

namespace {

struct Outcome {
	int status;
	std::string output;
};

Outcome shell(const std::string &command)
{
	struct Close {
		void operator()(std::FILE *pipe) const { pclose(pipe); }
	};
	// NOLINTNEXTLINE(cert-env33-c): the commands are the tests' own
	std::unique_ptr<std::FILE, Close> pipe(popen(("{ " + command + "\n} 2>&1").c_str(), "r"));
	std::array<char, 4096> buffer{};
	Outcome outcome{-1, {}};

	if (!pipe)
		return outcome;
	while (std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
		outcome.output.append(buffer.data(), size);
	int status = pclose(pipe.release());
	outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return outcome;
}

} // namespace

void run(const std::string &command, const std::source_location &where)
{
	Outcome outcome = shell(command);

	if (outcome.status != 0)
		ktap::fatal("'" + command + "' failed: " + outcome.output, where);
}

bool try_run(const std::string &command) { return shell(command).status == 0; }

std::string output_of(const std::string &command) { return shell(command).output; }

void need(const std::string &module, const std::string &proof)
{
	// Asked first: loading takes longer.
	if (!proof.empty() && try_run(proof))
		return;
	try_run("modprobe -q " + module);
	if (proof.empty())
		return;
	Outcome outcome = shell(proof);
	if (outcome.status == 0)
		return;
	ktap::say("'" + proof + "' failed: " + outcome.output);
	ktap::skip("the kernel has no " + module);
}

void need_module(const std::string &module)
{
	// What is built in seldom has a directory; modprobe knows of it.
	need(module, "test -d /sys/module/" + module + " || modprobe -q " + module);
}

bool linux_since(int major, int minor)
{
	utsname name{};
	int parts[2] = {};

	ktap::require(uname(&name) == 0 &&
			      std::sscanf(name.release, "%d.%d", &parts[0], &parts[1]) == 2,
		      "the kernel's version");
	return parts[0] > major || (parts[0] == major && parts[1] >= minor);
}

void track_connections()
{
	need("nf_conntrack", "test -e /proc/sys/net/netfilter/nf_conntrack_max");
	run("nft 'add table ip track; add chain ip track in { type filter hook input priority 0; };"
	    "add rule ip track in ct state new,established accept'");
}

std::optional<std::string> read_file(const std::string &path)
{
	Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	std::array<char, 4096> buffer{};
	std::string text;
	ssize_t size;

	if (file.get() < 0)
		return std::nullopt;
	while ((size = read(file.get(), buffer.data(), buffer.size())) > 0)
		text.append(buffer.data(), static_cast<std::size_t>(size));
	if (size < 0)
		return std::nullopt;
	if (text.ends_with('\n'))
		text.pop_back();
	return text;
}

bool write_file(const std::string &path, std::string_view text)
{
	Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));

	return file.get() >= 0 &&
	       write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string sysctl(const std::string &name)
{
	return ktap::require_value(read_file("/proc/sys/" + name), "sysctl " + name);
}

void set_sysctl(const std::string &name, const std::string &value,
		const std::source_location &where)
{
	if (!write_file("/proc/sys/" + name, value))
		ktap::fatal("sysctl " + name + " = " + value + ": " + std::strerror(errno), where);
}

void set_sysctl(const std::string &name, std::int64_t value, const std::source_location &where)
{
	set_sysctl(name, std::to_string(value), where);
}

bool has_icmpx() { return access("/proc/sys/net/icmpx", F_OK) == 0; }

bool has_icmpx6() { return access("/proc/sys/net/icmpx6", F_OK) == 0; }

void need_icmpx()
{
	if (!has_icmpx())
		ktap::skip("needs the icmpx module");
}

void need_icmpx6()
{
	if (!has_icmpx6())
		ktap::skip("needs the icmpx module, with ICMPv6");
}

} // namespace host
