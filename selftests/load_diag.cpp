// SPDX-License-Identifier: GPL-2.0-only
//
// Loading and unloading icmpx_diag.ko: a program that asks for ping sockets has the kernel load it, but never icmpx with
// it, and it keeps icmpx from nothing. And `ss`, which knows no diagnostics of ping sockets, but reads /proc.

#include "lib/child.hpp"
#include "lib/diag.hpp"
#include "lib/ping.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string>

#include <unistd.h>

namespace {

using diag::Client;
using family::V4;
using family::V6;
using sock::Socket;

constexpr const char *name = "icmpx_diag";

/// What a dump comes to: 0 or the errno.
template <typename F> int ask()
{
	Client client;

	return client.each(diag::request<F>(), [](const diag::Entry &) {});
}

/// Has modprobe know of icmpx_diag.ko as if it were installed, by the aliases that are in the file.
class Installed {
public:
	Installed()
	{
		const std::string path = diag::file();

		host::run("mkdir -p /run/modprobe.d");
		host::run("{ modinfo -F alias " + path + " | sed 's/^/alias /; s/$/ " + name +
			  "/'; echo install " + name + " insmod " + path + "; } >" + configuration);
	}
	Installed(const Installed &) = delete;
	Installed &operator=(const Installed &) = delete;
	~Installed()
	{
		unlink(configuration);
		module::unload_when_idle(name);
	}

private:
	static constexpr const char *configuration = "/run/modprobe.d/icmpx-test.conf";
};

void asked_for_by_the_kernel()
{
	host::need_icmpx();
	host::need_module("inet_diag");
	ktap::require(!module::loaded(name), "not loaded");
	ktap::expect_equal(ask<V4>(), ENOENT, "without it");
	Installed installed;
	// The kernel looks for a protocol of that number in IPv4.
	ktap::expect_equal(ask<V6>(), ENOENT, "IPv6 alone");
	child::run([] {
		child::become({});
		ktap::expect_equal(ask<V4>(), 0, "a dump for nobody");
	});
	ktap::expect(module::loaded(name), "it is loaded");
	ktap::expect_equal(ask<V6>(), 0, "IPv6");
}

void never_with_icmpx()
{
	module::Icmpx icmpx;
	host::need_module("inet_diag");
	Installed installed;

	ktap::expect_equal(ask<V4>(), ENOENT, "without icmpx");
	ktap::expect(!module::loaded(name), "it is not loaded");
	ktap::expect(!module::loaded("icmpx"), "icmpx is not loaded");
	const std::string symbols = "nm -u " + diag::file();
	ktap::expect(host::try_run(symbols), symbols);
	ktap::expect(!host::try_run(symbols + " | grep icmpx"), "it is linked with none of icmpx");
}

void icmpx_comes_and_goes()
{
	module::Icmpx icmpx;
	host::need_module("inet_diag");

	ktap::require_equal(icmpx.load(), 0, "loading icmpx");
	diag::Loaded module;
	host::enter_new_namespace();
	ping::allow();
	Client client;
	{
		Socket socket = diag::bound<V4>();

		ktap::expect_equal(client.list(diag::request<V4>()).size(), 1, "sockets");
		ktap::expect(!client.interrupted(), "that is all");
	}
	for (int i = 0; i < 3; i++) {
		ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading icmpx");
		ktap::expect_equal(client.list(diag::request<V4>()).size(), 0, "without icmpx");
		ktap::expect(client.interrupted(), "which may not be all");
		ktap::expect_equal(client.one(diag::request<V4>()).first, ENOENT, "one");
		ktap::require_equal(icmpx.load(), 0, "loading icmpx again");
		Socket socket = diag::bound<V4>();
		ktap::expect_equal(client.list(diag::request<V4>()).size(), 1, "a socket again");
	}
}

/// The lines of `ss` about sockets with the identifier 4711.
template <typename F> std::string shown()
{
	const std::string icmp = ping::is_icmpx() ? "icmpx" : "icmp";
	// Without the first of them, ss asks for the diagnostics of raw sockets.
	const std::string files =
		"PROC_NET_RAW=/proc/net/" + icmp + " PROC_NET_RAW6=/proc/net/" + icmp + "6 ";
	std::istringstream lines(host::output_of(files + "ss " + F::option + " -wanp"));
	std::string line, found;

	while (std::getline(lines, line)) {
		if (line.find(":4711 ") != std::string::npos)
			found += line + '\n';
	}
	return found;
}

template <typename F> void ss()
{
	host::enter_new_namespace();
	ping::allow();
	Socket socket = diag::bound<F>(4711);
	const std::string line = shown<F>();

	ktap::expect_equal(std::ranges::count(line, '\n'), 1, "lines of ss: " + line);
	ktap::expect(line.find("pid=" + std::to_string(getpid()) + ",") != std::string::npos,
		     "the process in " + line);
	ktap::expect(line.find("UNCONN") != std::string::npos, "the state in " + line);
	if constexpr (F::is_ipv6)
		ktap::require_equal(
			connect(socket, sock6::Endpoint{.address = packet6::ipv6("::1")}), 0,
			"connect");
	else
		ktap::require_equal(connect(socket, sock::Endpoint{.address = 0x7f000001}), 0,
				    "connect");
	ktap::expect(shown<F>().find("ESTAB") != std::string::npos, "connected");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"asked_for_by_the_kernel", asked_for_by_the_kernel},
			  {"never_with_icmpx", never_with_icmpx},
			  {"icmpx_comes_and_goes", icmpx_comes_and_goes},
			  {"ss", ss<V4>},
			  {"ipv6_ss", ss<V6>}});
}
