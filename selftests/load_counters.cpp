// SPDX-License-Identifier: GPL-2.0-only
//
// What /proc/net/snmp says of each type of message: that of every message, whoever counted it, on whichever processor, and
// whenever the module came or went. The kernel's counters are its own; icmpx adds what it counted when they are read.

#include "lib/counters.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/wire.hpp"

#include <atomic>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using counters::Change;
using counters::Files;
using counters::Values;

void send(const wire::Wire &wire, const packet::Icmp &message)
{
	wire.send(packet::datagram(message));
	// What it says is not of interest, but it takes room.
	wire.receive_all(wire::milliseconds{0});
}

void send_request(const wire::Wire &wire) { send(wire, packet::echo_request(1, 1)); }

/// What @p count requests and their replies move, of what is told of types.
Values requests(std::int64_t count)
{
	if (!count)
		return {};
	return {{"Icmp.InEchos", count},
		{"Icmp.OutEchoReps", count},
		{"IcmpMsg.InType8", count},
		{"IcmpMsg.OutType0", count}};
}

Values of_types(const Values &values)
{
	return counters::only(values,
			      {"IcmpMsg.", "Icmp.InEchos", "Icmp.InEchoReps", "Icmp.OutEcho"});
}

/// Expects that @p count requests came in since @p change began.
void expect_requests(const Change &change, std::int64_t count, const std::string &what)
{
	ktap::expect_equal(counters::text(of_types(change.icmp())), counters::text(requests(count)),
			   what);
}

void every_type()
{
	const wire::Wire wire = wire::new_server();

	for (int type = 0; type < 256; type++) {
		const std::string name = "IcmpMsg.InType" + std::to_string(type);
		Change change(Files::snmp);

		send(wire, {.type = static_cast<std::uint8_t>(type), .data = packet::pattern(28)});
		ktap::expect_equal(change.icmp()[name], 1, name);
	}
}

void on_every_processor()
{
	const wire::Wire wire = wire::new_server();
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	Change change(Files::snmp);
	cpu_set_t all;

	host::check(sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity");
	for (int i = 0; i < 6; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(i % processors, &one);
		host::check(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
		send_request(wire);
		expect_requests(change, i + 1, "requests");
	}
	host::check(sched_setaffinity(0, sizeof(all), &all), "sched_setaffinity");
}

void namespaces_apart()
{
	const wire::Wire one = wire::new_server();
	const host::Namespace first = host::Namespace::current();
	const Change of_one(Files::snmp);
	const wire::Wire other = wire::new_server();
	const Change of_other(Files::snmp);

	send_request(one);
	send_request(other);
	send_request(other);
	expect_requests(of_other, 2, "requests of one namespace");
	first.enter();
	expect_requests(of_one, 1, "requests of another");
}

void across_loading_and_unloading()
{
	const module::Icmpx icmpx;
	const wire::Wire wire = wire::new_server();
	const Change change(Files::snmp);
	std::int64_t count = 0;

	auto expect_more = [&](const std::string &who) {
		expect_requests(change, count, "before the first request to " + who);
		for (int i = 0; i < 3; i++)
			send_request(wire);
		count += 3;
		expect_requests(change, count, "requests to " + who);
	};
	expect_more("the built-in code");
	for (int i = 0; i < 2; i++) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		expect_more("icmpx");
		// Nobody has read these when it goes.
		send_request(wire);
		count++;
		ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
		expect_more("the built-in code, after icmpx");
	}
}

/// Without ftrace nobody says that a reader comes, so all is counted where it reads. With it, it stays.
void without_ftrace()
{
	const module::Icmpx icmpx;
	const std::string enabled = "/proc/sys/kernel/ftrace_enabled";

	if (!host::read_file(enabled))
		ktap::skip("needs " + enabled);
	const wire::Wire wire = wire::new_server();
	const Change change(Files::snmp);
	// Linux 7 lets nobody switch it off.
	const bool fixed = !host::write_file(enabled, "0");

	ktap::require(host::write_file(enabled, "1"), "ftrace is switched on");
	ktap::require_equal(icmpx.load(), 0, "loading");
	ktap::expect(!host::write_file(enabled, "0"), "ftrace cannot be switched off");
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	if (fixed)
		return;
	ktap::require(host::write_file(enabled, "0"), "ftrace is switched off");
	const int loaded = icmpx.load();
	send_request(wire);
	expect_requests(change, 1, "requests");
	const int unloaded = icmpx.unload_when_idle();
	ktap::require(host::write_file(enabled, "1"), "ftrace is switched on");
	ktap::expect_equal(loaded, 0, "loading without ftrace");
	ktap::expect_equal(unloaded, 0, "unloading without ftrace");
	expect_requests(change, 1, "requests, afterwards");
}

const std::string probes = "/sys/kernel/debug/kprobes/";

/// Switches all of the kernel's probes on or off.
void set_probes(bool on)
{
	ktap::require(host::write_file(probes + "enabled", on ? "1" : "0"), "switching probes");
}

/// icmpx is told of readers by a probe that the administrator sees, and that is armed.
void by_a_probe()
{
	const module::Icmpx icmpx;

	if (!host::read_file(probes + "list"))
		ktap::skip("needs " + probes + "list");
	auto listed = [] {
		return host::output_of("grep snmp_seq_show " + probes + "list");
	};
	ktap::expect_equal(listed(), "", "probes without icmpx");
	ktap::require_equal(icmpx.load(), 0, "loading");
	ktap::expect(listed().find("snmp_seq_show") != std::string::npos, "a probe");
	ktap::expect(listed().find("[DISABLED]") == std::string::npos, "it is armed");
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	ktap::expect_equal(listed(), "", "probes after icmpx");
}

/// Without probes nobody says that a reader comes, so all is counted where it reads. Probes that are switched off later
/// have it wait until they are on again, or icmpx goes; no message is lost.
void without_probes()
{
	const module::Icmpx icmpx;

	if (!host::read_file(probes + "enabled"))
		ktap::skip("needs " + probes + "enabled");
	const wire::Wire wire = wire::new_server();
	const Change change(Files::snmp);

	set_probes(false);
	const int loaded = icmpx.load();
	send_request(wire);
	expect_requests(change, 1, "requests");
	set_probes(true);
	ktap::require_equal(loaded, 0, "loading without probes");
	send_request(wire);
	expect_requests(change, 2, "requests with probes that came later");
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");

	ktap::require_equal(icmpx.load(), 0, "loading");
	set_probes(false);
	send_request(wire);
	set_probes(true);
	expect_requests(change, 3, "requests once probes are on again");
	set_probes(false);
	send_request(wire);
	const int unloaded = icmpx.unload_when_idle();
	expect_requests(change, 4, "requests once icmpx is gone");
	set_probes(true);
	ktap::require_equal(unloaded, 0, "unloading without probes");
}

/// Reads all the time; what it reads only grows.
class Reader {
public:
	/// Of the namespace of who makes it.
	Reader()
		: thread_([this, home = host::Namespace::current()](const std::stop_token &stop) {
			  home.enter();
			  for (Values before = read(); !stop.stop_requested(); reads_++) {
				  Values now = read();

				  for (const auto &[name, value] : before)
					  shrunk_ += now[name] < value ? 1 : 0;
				  before = std::move(now);
			  }
		  })
	{
	}

	void finish()
	{
		thread_.request_stop();
		thread_.join();
		ktap::expect_equal(shrunk_.load(), 0, "counters that went back");
		ktap::expect_between(reads_.load(), 3, 1 << 30, "reads");
	}

private:
	static Values read()
	{
		return counters::only(counters::snmp(Files::snmp), {"Icmp.", "IcmpMsg."});
	}

	std::atomic<int> shrunk_{0}, reads_{0};
	std::jthread thread_;
};

void while_others_read()
{
	const module::Icmpx icmpx;
	const wire::Wire wire = wire::new_server();
	const Change change(Files::snmp);
	std::int64_t count = 0;

	Reader one, other;
	for (int cycle = 0; cycle < 4; cycle++) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		for (int i = 0; i < 200; i++, count++)
			send_request(wire);
		ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	}
	one.finish();
	other.finish();
	expect_requests(change, count, "requests");
}

/// Requests on the express path are answered, and counted, for longer than others while the module goes.
void while_express_answers()
{
	const module::Icmpx icmpx;
	const wire::Wire wire = wire::new_server();
	const Change change(Files::snmp);
	std::int64_t count = 0;

	for (int cycle = 0; cycle < 4; cycle++) {
		ktap::require_equal(icmpx.load(), 0, "loading");
		host::set_sysctl("net/icmpx/express", "wire0");
		send_request(wire);
		ktap::expect_equal((*counters::icmpx())["reply_express"], 1, "reply_express");
		count++;
		std::jthread flood([&](const std::stop_token &stop) {
			for (; !stop.stop_requested(); count++)
				send_request(wire);
		});
		const int unloaded = icmpx.unload_when_idle();
		flood.request_stop();
		flood.join();
		ktap::require_equal(unloaded, 0, "unloading");
		expect_requests(change, count, "requests");
	}
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"every_type", every_type},
			  {"on_every_processor", on_every_processor},
			  {"namespaces_apart", namespaces_apart},
			  {"across_loading_and_unloading", across_loading_and_unloading},
			  {"without_ftrace", without_ftrace},
			  {"by_a_probe", by_a_probe},
			  {"without_probes", without_probes},
			  {"while_others_read", while_others_read},
			  {"while_express_answers", while_express_answers}});
}
