// SPDX-License-Identifier: GPL-2.0-only
//
// The tracepoints icmpx:* of messages that come in: each event and each of its fields, and that outcomes are those of
// /proc/net/icmpx_stat.

#include "lib/counters.hpp"
#include "lib/express.hpp"
#include "lib/express6.hpp"
#include "lib/family.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"
#include "lib/tracing.hpp"
#include "lib/wire.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace {

using packet::Bytes;
using packet::Icmp;
using pinger::V4;
using pinger::V6;
using tracing::Event;
using tracing::Trace;

template <typename F> std::string client() { return tracing::address<F>(F::client_text); }
template <typename F> std::string server() { return tracing::address<F>(F::server_text); }
template <typename F> std::string type(unsigned number) { return std::to_string(number); }

template <typename F> wire::Wire new_network()
{
	tracing::need();
	F::need_icmpx();
	return pinger::new_network<F>();
}

template <typename F> typename F::Datagram request(std::size_t size = 56)
{
	return F::datagram(F::echo(7, 1, packet::pattern(size)));
}

void there_are_five()
{
	std::string names;

	tracing::need();
	for (const char *name :
	     {"icmpx_receive", "icmpx_reply", "icmpx_error", "icmpx_limit", "icmpx_ping_deliver"})
		ktap::expect(
			std::filesystem::exists(tracing::root + "events/icmpx/" + name + "/format"),
			name);
	for (const auto &entry :
	     std::filesystem::directory_iterator(tracing::root + "events/icmpx"))
		names += entry.is_directory() ? "x" : "";
	ktap::expect_equal(names, "xxxxx", "events");
}

template <typename F> void a_request_and_its_reply()
{
	wire::Wire net = new_network<F>();
	Trace trace;
	const auto change = F::change();

	net.send(request<F>());
	std::vector<Event> events = trace.expect({"receive", "reply"});

	change.expect_outcomes({{"reply_in_place", 1}}, "outcome");
	ktap::expect_equal(events[0].family, tracing::family_name<F>(), "family");
	ktap::expect_equal(events[1].family, tracing::family_name<F>(), "family");
	tracing::expect_fields(events[0], {{"type", type<F>(F::Type::echo)},
					   {"code", "0"},
					   {"source", client<F>()},
					   {"destination", server<F>()},
					   {"length", "64"},
					   {"device", "wire0"},
					   {"netns", tracing::namespace_number()},
					   {"outcome", "reply_in_place"}});
	tracing::expect_fields(events[1], {{"type", type<F>(F::Type::echo_reply)},
					   {"code", "0"},
					   {"source", server<F>()},
					   {"destination", client<F>()},
					   {"length", "64"},
					   {"device", "wire0"},
					   {"netns", tracing::namespace_number()},
					   {"outcome", "reply_in_place"}});

	sock::Socket reader = F::raw();
	net.send(request<F>(0));
	events = trace.expect({"receive", "reply"});
	tracing::expect_fields(events[0], {{"length", "8"}, {"outcome", "reply_copied"}});
	tracing::expect_fields(events[1], {{"length", "8"}, {"outcome", "reply_copied"}});
}

/// A PROBE reply has a code of its own.
template <typename F> void a_probe()
{
	wire::Wire net = new_network<F>();
	Trace trace;

	host::set_sysctl("net/ipv4/icmp_echo_enable_probe", 1);
	// By name (RFC 8335, 2.1), of a device that there is not.
	net.send(F::datagram({.type = F::Type::extended_echo,
			      .code = 0,
			      .rest = 1,
			      .data = {0x20, 0, 0, 0, 0, 8, 3, 1, 'n', 'o', 'n', 'e'}}));
	std::vector<Event> events = trace.expect({"receive", "reply"});
	tracing::expect_fields(events[0],
			       {{"type", type<F>(F::Type::extended_echo)}, {"code", "0"}});
	tracing::expect_fields(events[1], {{"type", type<F>(F::Type::extended_echo_reply)}});
	ktap::expect(events[1]["code"] != "0", "the code of the reply");
}

void a_timestamp()
{
	wire::Wire net = new_network<V4>();
	Trace trace;

	net.send(packet::datagram({.type = V4::Type::timestamp, .data = Bytes(40)}));
	std::vector<Event> events = trace.expect({"receive", "reply"});
	tracing::expect_fields(events[0], {{"type", "13"}, {"length", "48"}});
	tracing::expect_fields(events[1], {{"type", "14"}, {"length", "20"}});
}

template <typename F> void what_is_not_answered()
{
	wire::Wire net = new_network<F>();
	Trace trace;

	net.send(F::datagram(F::echo(7, 1, packet::pattern(56)), F::server,
			     packet::Checksum::wrong));
	tracing::expect_fields(
		trace.expect({"receive"})[0],
		{{"type", type<F>(F::Type::echo)}, {"length", "64"}, {"outcome", "drop_checksum"}});
	host::set_sysctl(F::is_ipv6 ? "net/icmpx6/echo_ignore_all" : "net/icmpx/echo_ignore_all",
			 1);
	net.send(request<F>());
	tracing::expect_fields(trace.expect({"receive"})[0], {{"outcome", "ignore_echo"}});
}

/// A message may be shorter than its header, and have no code.
template <typename F> void a_stump()
{
	wire::Wire net = new_network<F>();
	Trace trace;
	auto stump = request<F>();

	stump.payload = {F::Type::echo};
	net.send(stump);
	tracing::expect_fields(trace.expect({"receive"})[0],
			       {{"type", type<F>(F::Type::echo)}, {"code", "0"}, {"length", "1"}});
}

template <typename F> void a_limit_of_replies()
{
	wire::Wire net = new_network<F>();
	const std::string settings = F::is_ipv6 ? "net/icmpx6/" : "net/icmpx/";
	Trace trace;

	host::set_sysctl(settings + "echo_burst", 1);
	host::set_sysctl(settings + "echo_ratelimit", 1);
	for (int i = 0; i < 8; i++)
		net.send(request<F>());
	const std::vector<Event> events = trace.events(16);

	trace.restart();
	ktap::require_equal(events.size(), 16U, "two events for each request");
	tracing::expect_fields(events[14],
			       {{"type", type<F>(F::Type::echo)}, {"outcome", "limit_prefix"}});
	ktap::expect_equal(events[15].name, "icmpx_limit", "behind it");
	ktap::expect_equal(events[15].family, tracing::family_name<F>(), "family");
	tracing::expect_fields(events[15], {{"type", type<F>(F::Type::echo_reply)},
					    {"code", "0"},
					    {"address", client<F>()},
					    {"netns", tracing::namespace_number()},
					    {"limit", "limit_prefix"}});
}

template <typename F> void the_express_path()
{
	new_network<F>();
	wire::Wire net = [] {
		if constexpr (F::is_ipv6)
			return express6::express_server();
		else
			return express::express_server();
	}();
	const std::string settings = F::is_ipv6 ? "net/icmpx6/" : "net/icmpx/";
	Trace trace;

	net.send(request<F>());
	std::vector<Event> events = trace.expect({"receive", "reply"});
	tracing::expect_fields(events[0], {{"type", type<F>(F::Type::echo)},
					   {"source", client<F>()},
					   {"destination", server<F>()},
					   {"length", "64"},
					   {"device", "wire0"},
					   {"outcome", "reply_express"}});
	tracing::expect_fields(events[1], {{"type", type<F>(F::Type::echo_reply)},
					   {"source", server<F>()},
					   {"destination", client<F>()},
					   {"length", "64"},
					   {"outcome", "reply_express"}});

	host::set_sysctl(settings + "echo_burst", 1);
	host::set_sysctl(settings + "echo_ratelimit", 1);
	for (int i = 0; i < 8; i++)
		net.send(request<F>());
	events = trace.events(16);
	ktap::require_equal(events.size(), 16U, "two events for each request");
	tracing::expect_fields(events[14], {{"outcome", "limit_prefix"}});
	tracing::expect_fields(events[15], {{"address", client<F>()}, {"limit", "limit_prefix"}});
}

template <typename F> void a_ping_socket()
{
	wire::Wire net = new_network<F>();
	const sock::Socket socket = pinger::bound<F>(4711);
	struct stat file {};
	Trace trace;

	host::check(fstat(socket.get(), &file), "fstat");
	net.send(pinger::reply<F>(4711, 258, packet::pattern(24), F::client));
	const std::vector<Event> events = trace.expect({"receive", "ping_deliver"});

	tracing::expect_fields(events[0], {{"type", type<F>(F::Type::echo_reply)},
					   {"length", "32"},
					   {"outcome", "deliver_ping"}});
	ktap::expect_equal(events[1].family, tracing::family_name<F>(), "family");
	tracing::expect_fields(events[1], {{"type", type<F>(F::Type::echo_reply)},
					   {"source", client<F>()},
					   {"identifier", "4711"},
					   {"sequence", "258"},
					   {"length", "32"},
					   {"inode", std::to_string(file.st_ino)},
					   {"netns", tracing::namespace_number()}});
}

/// A reply that does not fit into the socket's queue is not delivered.
template <typename F> void a_full_ping_socket()
{
	wire::Wire net = new_network<F>();
	const sock::Socket socket = pinger::bound<F>(4711);
	constexpr int count = 40;
	Trace trace;
	const auto change = F::change();

	sock::set(socket, SOL_SOCKET, SO_RCVBUF, 0);
	for (int i = 0; i < count; i++)
		net.send(pinger::reply<F>(4711, 1, packet::pattern(1400), F::client));
	auto moved = ktap::require_value(change.icmpx(), "counters");
	std::size_t delivered = 0, full = 0;

	for (const Event &event : trace.events(count + moved["deliver_ping"])) {
		delivered += event.name == "icmpx_ping_deliver";
		full += event.name == "icmpx_receive" && event["outcome"] == "drop_socket_full";
	}
	ktap::expect_equal(delivered, moved["deliver_ping"], "delivered");
	ktap::expect_equal(full, moved["drop_socket_full"], "not delivered");
	ktap::expect(full > 0, "the socket is full");
}

/// Messages of any kind, most of them wrong in some way: what events say is what was counted.
template <typename F> void outcomes_are_those_that_are_counted()
{
	constexpr std::array<std::uint8_t, 12> v4{0, 3, 4, 5, 8, 8, 11, 12, 13, 17, 42, 99};
	constexpr std::array<std::uint8_t, 13> v6{1,   2,   3,	 4,   128, 128, 129,
						  130, 131, 135, 160, 161, 200};
	const std::vector<std::uint8_t> types =
		F::is_ipv6 ? std::vector<std::uint8_t>(v6.begin(), v6.end())
			   : std::vector<std::uint8_t>(v4.begin(), v4.end());
	std::mt19937 random{2011}; // NOLINT(cert-msc32-c,cert-msc51-cpp)
	auto below = [&](unsigned sides) {
		return static_cast<unsigned>(random() % sides);
	};
	constexpr int count = 300;
	wire::Wire net = new_network<F>();
	Trace trace("icmpx_receive");
	const auto change = F::change();

	for (int i = 0; i < count; i++) {
		Icmp message{.type = types[below(static_cast<unsigned>(types.size()))],
			     .code = static_cast<std::uint8_t>(below(6)),
			     .rest = static_cast<std::uint32_t>(random()),
			     .data = packet::pattern(below(200))};

		if (below(2) && !message.data.empty())
			message.data[0] = F::is_ipv6 ? 0x60 : 0x45;
		auto ip = F::datagram(message, F::server,
				      below(8) ? packet::Checksum::right : packet::Checksum::wrong);
		if (below(8) == 0)
			ip.payload.resize(1 + below(7));
		net.send(ip);
	}
	const auto moved = ktap::require_value(change.icmpx(), "counters");
	const auto counted = counters::only(
		moved, {"reply_", "deliver_", "pass_", "limit_", "ignore_", "drop_"});
	const auto told = trace.outcomes("icmpx_receive", count);

	ktap::expect(counted.size() > 6, "outcomes of many kinds");
	ktap::expect_equal(counters::text(told), counters::text(counted), "outcomes");
}

/// Events of another namespace are not of this one.
template <typename F> void each_namespace_has_its_number()
{
	wire::Wire one = new_network<F>();
	const host::Namespace first = host::Namespace::current();
	Trace trace;
	const std::string number = tracing::namespace_number();
	wire::Wire other = new_network<F>();

	ktap::expect(tracing::namespace_number() != number, "another number");
	other.send(request<F>());
	first.enter();
	one.send(request<F>(8));
	for (const Event &event : trace.expect({"receive", "reply"}))
		tracing::expect_fields(event, {{"length", "16"}, {"netns", number}});
}

/// Only the one that is on says something.
template <typename F> void one_alone()
{
	wire::Wire net = new_network<F>();
	Trace trace("icmpx_reply");

	net.send(request<F>());
	trace.expect({"reply"});
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"a_request_and_its_reply", a_request_and_its_reply<F>},
		{"a_probe", a_probe<F>},
		{"what_is_not_answered", what_is_not_answered<F>},
		{"a_stump", a_stump<F>},
		{"a_limit_of_replies", a_limit_of_replies<F>},
		{"the_express_path", the_express_path<F>},
		{"a_ping_socket", a_ping_socket<F>},
		{"a_full_ping_socket", a_full_ping_socket<F>},
		{"outcomes_are_those_that_are_counted", outcomes_are_those_that_are_counted<F>},
		{"each_namespace_has_its_number", each_namespace_has_its_number<F>},
		{"one_alone", one_alone<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<ktap::Test> all = family::both(tests<V4>(), tests<V6>());

	all.insert(all.begin(), {{"there_are_five", there_are_five}, {"a_timestamp", a_timestamp}});
	return ktap::run(argc, argv, all);
}
