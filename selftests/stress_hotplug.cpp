// SPDX-License-Identifier: GPL-2.0-only
//
// Processors that come and go while packets come in, and while the module does the same.
//
// A veth hands a packet to the receiver on the processor of the sender: a flood that is pinned to one is answered there.

#include "lib/counters.hpp"
#include "lib/flood.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/module.hpp"
#include "lib/volume.hpp"

#include <string>

namespace {

using flood::expect_complete;
using flood::Flood;
using flood::Network;
using flood::wait_for_replies;

/// Processor 1, which is there again afterwards.
class Processor {
public:
	Processor()
	{
		if (!host::read_file(path_))
			ktap::skip("no second processor that can be taken away");
	}
	Processor(const Processor &) = delete;
	Processor &operator=(const Processor &) = delete;
	~Processor() { host::write_file(path_, "1"); }

	void online(bool on) const
	{
		ktap::require(host::write_file(path_, on ? "1" : "0"),
			      on ? "processor 1 comes" : "processor 1 goes");
	}

private:
	std::string path_ = "/sys/devices/system/cpu/cpu1/online";
};

/// A processor may come after the module: everything that is per CPU has to be there for it.
void a_processor_that_comes_after_the_module()
{
	Processor processor;
	module::Icmpx icmpx;

	processor.online(false);
	ktap::require_equal(icmpx.load(), 0, "loading");
	processor.online(true);
	Network network;
	Flood flood(network, 56, 4, 1);
	wait_for_replies(flood.account, 100);
	flood.finish();
	expect_complete(flood.account, "echo requests on processor 1");
	auto stat = ktap::require_value(counters::icmpx(), "icmpx_stat");
	ktap::expect_equal(stat["reply_in_place"] + stat["reply_copied"],
			   flood.account.replies.load(), "the module's replies");
	ktap::require_equal(icmpx.unload(), 0, "unloading");
}

/// The module stays, the processor does not. What it counted stays counted.
void processors_under_a_flood()
{
	const int rounds = volume::count("STRESS_HOTPLUGS", 10, 4);
	Processor processor;
	module::Icmpx icmpx;
	Network network;

	ktap::require_equal(icmpx.load(), 0, "loading");
	Flood both(network, 56, 16), second(network, 56, 16, 1);
	for (int i = 0; i < rounds; i++) {
		processor.online(false);
		wait_for_replies(both.account, 20);
		processor.online(true);
		wait_for_replies(both.account, 20);
		wait_for_replies(second.account, 20);
	}
	both.finish();
	second.finish();
	ktap::say(std::to_string(rounds) + " times");
	expect_complete(both.account, "echo requests");
	expect_complete(second.account, "echo requests, some on processor 1");
	auto stat = ktap::require_value(counters::icmpx(), "icmpx_stat");
	ktap::expect_equal(stat["reply_in_place"] + stat["reply_copied"],
			   both.account.replies + second.account.replies, "the module's replies");
	ktap::require_equal(icmpx.unload(), 0, "unloading");
}

/// Both at once: loaded with one processor and with two, unloaded with two and with one.
void processors_and_the_module_under_a_flood()
{
	const int rounds = volume::count("STRESS_HOTPLUGS", 10, 4);
	Processor processor;
	module::Icmpx icmpx;
	Network network;
	Flood both(network, 56, 16), second(network, 56, 16, 1);

	for (int i = 0; i < rounds; i++) {
		processor.online(i & 1);
		ktap::require_equal(icmpx.load(), 0, "loading");
		wait_for_replies(both.account, 20);
		processor.online(!(i & 1));
		wait_for_replies(both.account, 20);
		wait_for_replies(second.account, 20);
		ktap::require_equal(icmpx.unload(), 0, "unloading");
		wait_for_replies(both.account, 20);
	}
	both.finish();
	second.finish();
	ktap::say(std::to_string(rounds) + " times");
	expect_complete(both.account, "echo requests");
	expect_complete(second.account, "echo requests, some on processor 1");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"a_processor_that_comes_after_the_module",
			   a_processor_that_comes_after_the_module},
			  {"processors_under_a_flood", processors_under_a_flood},
			  {"processors_and_the_module_under_a_flood",
			   processors_and_the_module_under_a_flood}});
}
