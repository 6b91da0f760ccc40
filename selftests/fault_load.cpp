// SPDX-License-Identifier: GPL-2.0-only
//
// Loading, unloading, namespaces and settings, with each of the allocations that they make failing in its turn: a clean
// error and a kernel as it was before, or no difference.
//
// What fails is what icmpx's functions ask for, themselves and through Linux's: that Linux's own module loader, or its
// socket layer around us, survives a lack of memory is not for this module to prove.

#include "lib/counters.hpp"
#include "lib/fault.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/wire.hpp"

#include <algorithm>
#include <array>
#include <sched.h>
#include <string>
#include <unistd.h>

namespace {

using fault::Injection;
using fault::Victims;
using ktap::expect;
using ktap::expect_equal;

constexpr const char *rate = "/proc/sys/net/icmpx/echo_ratelimit";

/// A machine with two namespaces besides the first one, and without icmpx.
struct Machine {
	module::Icmpx icmpx;
	host::Namespace home = host::Namespace::current();
	wire::Wire other = wire::new_server();
	wire::Wire wire = wire::new_server();

	Machine() = default;
	Machine(const Machine &) = delete;
	Machine &operator=(const Machine &) = delete;
	~Machine()
	{
		if (module::loaded("icmpx"))
			icmpx.unload_when_idle();
		home.enter();
	}

	void expect_pings(const wire::Where &where = wire::Where::current()) const
	{
		packet::Ipv4 request =
			packet::datagram(packet::echo_request(7, 1, packet::pattern(56)));

		wire::expect_echo_reply(
			wire::require_answer(wire, request, wire::Cast::unicast, where), request,
			where);
	}

	void expect_absent(const wire::Where &where = wire::Where::current()) const
	{
		for (const char *path : {"/proc/sys/net/icmpx", "/proc/self/net/icmpx",
					 "/proc/self/net/icmpx_stat", "/sys/module/icmpx"})
			expect(access(path, F_OK) != 0, std::string(path) + " is gone", where);
		expect_pings(where);
	}

	void expect_present(const wire::Where &where = wire::Where::current()) const
	{
		for (const char *path : {rate, "/proc/self/net/icmpx", "/proc/self/net/icmpx_stat"})
			expect(access(path, R_OK) == 0, std::string(path) + " is there", where);
		counters::Change change;
		expect_pings(where);
		change.expect_outcomes({{"reply_in_place", 1}}, "a ping", where);
		expect_equal(host::read_file("/sys/module/icmpx/refcnt").value_or(""), "0",
			     "references to the module", where);
	}
};

/// What socket() and the kernel's registrations say without memory.
bool means_no_memory(int error)
{
	constexpr std::array<int, 3> meaning{ENOMEM, ENOBUFS, ENFILE};

	return std::ranges::find(meaning, error) != meaning.end();
}

/// Loads while allocations of @p victims under @p code fail.
void load_with_faults(const fault::Code &code, const std::function<Victims()> &victims, int least)
{
	Machine machine;
	Injection injection(code);
	int error = 0, refused = 0;

	const int allocations = fault::each_allocation(
		victims, [&] { error = machine.icmpx.load(); },
		[&](bool hit) {
			if (error) {
				refused++;
				expect(hit, "it fails for a reason");
				expect(means_no_memory(error),
				       "error " + std::to_string(error) + " means no memory");
				expect(fault::logged("icmpx: .*free .*then load again"),
				       "the log says what to do");
				expect(!fault::logged("icmpx: took over"), "nothing else");
				machine.expect_absent();
			} else {
				machine.expect_present();
				expect_equal(machine.icmpx.unload(), 0, "unloading");
				machine.expect_absent();
			}
			fault::expect_calm_log();
		});
	ktap::say(std::to_string(allocations) + " allocations, " + std::to_string(refused) +
		  " that loading cannot do without");
	expect(refused >= least, "most of them are necessary");
	expect_equal(machine.icmpx.load(), 0, "loading afterwards");
	machine.expect_present();
}

void loading() { load_with_faults(fault::function("do_one_initcall"), Victims::self, 20); }

/// The control sockets are made by a worker, whose stack has nothing of who loads the module.
void loading_in_the_worker()
{
	load_with_faults(fault::function("inet_ctl_sock_create"), Victims::workers, 4);
}

void unloading()
{
	Machine machine;
	Injection injection(fault::anywhere);
	int error = 0;

	// Linux does not take a probe away without memory, and warns: icmpx would stay for good.
	injection.spare(fault::function("disarm_kprobe"));
	expect_equal(machine.icmpx.load(), 0, "loading");
	const int allocations = fault::each_allocation(
		Victims::self, [&] { error = machine.icmpx.unload(); },
		[&](bool) {
			// Memory is asked for to look the module's name up, if at all.
			if (error)
				expect(means_no_memory(error), "error " + std::to_string(error));
			else
				machine.expect_absent();
			fault::expect_calm_log();
			if (!error)
				expect_equal(machine.icmpx.load(), 0, "loading again");
			machine.expect_present();
		});
	ktap::say(std::to_string(allocations) + " allocations");
}

void namespaces()
{
	Machine machine;

	ktap::require_equal(machine.icmpx.load(), 0, "loading");
	Injection injection(fault::icmpx());
	const host::Namespace here = host::Namespace::current();
	int error = 0, refused = 0;
	const int allocations = fault::each_allocation(
		Victims::self, [&] { error = unshare(CLONE_NEWNET) ? errno : 0; },
		[&](bool hit) {
			if (error) {
				refused++;
				expect(hit, "it fails for a reason");
				expect(means_no_memory(error), "error " + std::to_string(error));
			} else {
				for (const char *path :
				     {rate, "/proc/self/net/icmpx", "/proc/self/net/icmpx_stat"})
					expect(access(path, R_OK) == 0, path);
			}
			// The end of the new one, if there is one.
			here.enter();
			machine.expect_present();
			fault::expect_calm_log();
		});
	ktap::say(std::to_string(allocations) + " allocations, " + std::to_string(refused) +
		  " that a namespace cannot do without");
	// The settings, their registration, the files of /proc; kmemleak's own are not.
	expect(refused >= 3, "some of them are necessary");
}

/// The end of namespaces needs none of our memory, nor do their sockets and buckets keep it.
void ends_of_namespaces()
{
	Machine machine;

	ktap::require_equal(machine.icmpx.load(), 0, "loading");
	Injection injection(fault::icmpx());
	injection.spare(fault::function("disarm_kprobe")); // as in unloading()
	const host::Namespace here = host::Namespace::current();
	for (int i = 0; i < 10; i++) {
		injection.at_random(0);
		host::check(unshare(CLONE_NEWNET), "unshare");
		expect(host::write_file(rate, "1000"), "a rate");
		injection.at_random(100);
		here.enter();
	}
	// It waits for them.
	expect_equal(machine.icmpx.unload_when_idle(), 0, "unloading");
	injection.at_random(0);
	machine.expect_absent();
	fault::expect_calm_log();
}

void a_rate()
{
	Machine machine;

	ktap::require_equal(machine.icmpx.load(), 0, "loading");
	Injection injection(fault::icmpx());
	int error = 0;
	auto write_rate = [&] {
		error = host::write_file(rate, "1000") ? 0 : errno;
	};

	fault::each_allocation(Victims::self, write_rate, [&](bool) {
		expect(!error || error == ENOMEM, "error " + std::to_string(error));
		expect_equal(host::read_file(rate).value_or(""), error ? "0" : "1000", "the rate");
		expect(host::write_file(rate, "0"), "off");
		fault::expect_calm_log();
	});

	// Where the buckets cannot be one piece of memory they may be pages: so let nothing be there.
	injection.at_random(100);
	write_rate();
	injection.at_random(0);
	expect_equal(error, ENOMEM, "without any memory");
	expect_equal(host::read_file(rate).value_or(""), "0", "the rate that was refused");
	machine.expect_present();
	expect(host::write_file(rate, "1000"), "with memory");
	machine.expect_present();
	fault::expect_calm_log();
}

void reading()
{
	Machine machine;

	ktap::require_equal(machine.icmpx.load(), 0, "loading");
	for (const char *path : {"/proc/self/net/icmpx", "/proc/self/net/icmpx_stat", rate}) {
		const std::string usual = host::read_file(path).value_or("");
		Injection injection(fault::anywhere);
		std::array<char, 4096> buffer{};
		std::string text;
		ssize_t size = 0;
		int fd = -1, error = 0;

		const int allocations = fault::each_allocation(
			Victims::self,
			[&] {
				fd = open(path, O_RDONLY | O_CLOEXEC);
				error = fd < 0 ? errno : 0;
				size = fd < 0 ? 0 : read(fd, buffer.data(), buffer.size());
				error = size < 0 ? errno : error;
			},
			[&](bool hit) {
				close(fd);
				expect(!error || (hit && means_no_memory(error)),
				       "error " + std::to_string(error));
				if (!error)
					expect(std::string_view(buffer.data(),
								static_cast<std::size_t>(size)) ==
						       usual + "\n",
					       "the whole text");
				fault::expect_calm_log();
			});
		expect(allocations > 0, std::string(path) + " takes memory");
	}
	machine.expect_present();
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"loading", loading},
			  {"loading_in_the_worker", loading_in_the_worker},
			  {"unloading", unloading},
			  {"namespaces", namespaces},
			  {"ends_of_namespaces", ends_of_namespaces},
			  {"a_rate", a_rate},
			  {"reading", reading}});
}
