// SPDX-License-Identifier: GPL-2.0-only
//
// The tracepoints icmpx:icmpx_error and icmpx:icmpx_limit of errors that this host sends, or does not.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/errors6.hpp"
#include "lib/family.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"
#include "lib/tracing.hpp"
#include "lib/wire.hpp"

#include <string>
#include <vector>

namespace {

using sending::to_closed_port;
using sending::V4;
using sending::V6;
using tracing::Event;
using tracing::Trace;

template <typename F> void need()
{
	tracing::need();
	F::need_icmpx();
	if (!sending::ours<F>())
		ktap::skip("errors are not icmpx's here");
}

template <typename F> void an_error_that_is_sent()
{
	need<F>();
	wire::Wire net = sending::unlimited_host<F>();
	Trace trace;

	net.send(to_closed_port<F>(18));
	const Event event = trace.expect({"error"})[0];

	ktap::expect_equal(event.family, tracing::family_name<F>(), "family");
	tracing::expect_fields(event, {{"type", std::to_string(F::Type::unreachable)},
				       {"code", std::to_string(F::port_unreachable)},
				       {"info", "0"},
				       {"source", tracing::address<F>(F::client_text)},
				       {"destination", tracing::address<F>(F::server_text)},
				       {"protocol", "17"},
				       {"length", std::to_string(F::header + 8 + 18)},
				       {"device", "wire0"},
				       {"netns", tracing::namespace_number()},
				       {"outcome", "error_sent_unreachable"}});
}

/// The second word of the message is told: here, the MTU of the next link.
template <typename F> void an_error_about_the_size()
{
	constexpr unsigned mtu = 1300;

	need<F>();
	sending::RouterIn<F> router(mtu);
	auto large = to_closed_port<F>(1400, F::beyond);
	Trace trace;

	if constexpr (!F::is_ipv6)
		large.df = true;
	router.near.send(large);
	tracing::expect_fields(
		trace.expect({"error"})[0],
		{{"type", std::to_string(F::is_ipv6 ? 2 : 3)},
		 {"code", std::to_string(F::is_ipv6 ? 0 : 4)},
		 {"info", std::to_string(mtu)},
		 {"length", std::to_string(F::header + 8 + 1400)},
		 {"destination", tracing::address<F>(F::beyond_text)},
		 {"outcome", F::is_ipv6 ? "error_sent_packet_too_big" : "error_sent_unreachable"}});
}

/// By the limit of a host; then there is an event of the limit, too.
template <typename F> void an_error_that_is_limited()
{
	constexpr int count = 20;

	need<F>();
	wire::Wire net = F::new_server();
	host::set_sysctl(F::ratelimit, 60000);
	F::add_own_route(F::client);
	Trace trace;
	const auto change = F::change();

	for (int i = 0; i < count; i++)
		net.send(to_closed_port<F>());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	const auto limited = static_cast<std::size_t>(moved["error_limit_host"]);
	const std::vector<Event> events = trace.events(count + limited);

	ktap::require(limited > 0, "some are limited");
	ktap::require_equal(events.size(), count + limited, "events");
	tracing::expect_fields(events[events.size() - 2], {{"outcome", "error_limit_host"}});
	ktap::expect_equal(events.back().name, "icmpx_limit", "behind it");
	tracing::expect_fields(events.back(), {{"type", std::to_string(F::Type::unreachable)},
					       {"code", std::to_string(F::port_unreachable)},
					       {"address", tracing::address<F>(F::client_text)},
					       {"netns", tracing::namespace_number()},
					       {"limit", "error_limit_host"}});
	ktap::expect_equal(counters::text(trace.outcomes("icmpx_error", count + limited)),
			   counters::text(counters::only(moved, {"error_"})), "outcomes");
}

/// What no error may be sent about, and why.
template <typename F> void an_error_that_is_not_sent()
{
	need<F>();
	wire::Wire net = sending::unlimited_host<F>();
	Trace trace;
	const auto expect_one = [&](const std::string &outcome, const std::string &source,
				    const wire::Where &where = wire::Where::current()) {
		tracing::expect_fields(trace.expect({"error"}, where)[0],
				       {{"outcome", outcome}, {"source", source}}, where);
	};

	net.send(to_closed_port<F>(), wire::Cast::broadcast);
	expect_one("error_suppressed_link_broadcast", tracing::address<F>(F::client_text));

	host::run("ip " + F::option + " route add unreachable " + F::elsewhere_prefix);
	if constexpr (!F::is_ipv6) {
		host::set_sysctl("net/ipv4/conf/all/rp_filter", 0);
		host::set_sysctl("net/ipv4/conf/wire0/rp_filter", 0);
	}
	net.send(to_closed_port<F>(18, F::server, F::elsewhere));
	expect_one("error_failed_no_route",
		   tracing::address<F>(F::is_ipv6 ? "2001:db8:7::1" : "198.51.100.1"));
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"an_error_that_is_sent", an_error_that_is_sent<F>},
		{"an_error_about_the_size", an_error_about_the_size<F>},
		{"an_error_that_is_limited", an_error_that_is_limited<F>},
		{"an_error_that_is_not_sent", an_error_that_is_not_sent<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
