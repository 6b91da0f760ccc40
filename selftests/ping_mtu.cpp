// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: messages that are larger than an MTU, or than a datagram can be: what is sent in fragments, what is refused,
// and what the error queue says about that.

#include "lib/counters6.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <string>
#include <vector>

namespace {

using packet::Bytes;
using packet::View;
using pinger::V4;
using pinger::V6;
using sock::Socket;

constexpr std::size_t mtu = 1500;
/// Of IP and ICMP.
template <typename F> constexpr std::size_t headers = F::header + 8;
template <typename F> constexpr typename F::Endpoint peer{F::remote(1), 0};
/// Behind a route with an MTU of its own.
template <typename F> constexpr typename F::Endpoint narrow{F::remote(2), 0};
template <typename F> constexpr std::size_t narrow_mtu = F::is_ipv6 ? 1304 : 1004;

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		const std::string to = F::is_ipv6 ? "2001:db8::2" : "192.0.2.2";
		wire::Wire made = pinger::new_network<F>(mtu);

		host::run("ip route add " + to + " dev wire0 mtu " + std::to_string(narrow_mtu<F>));
		return made;
	}();
	return wire;
}

template <typename F> Socket fresh()
{
	net<F>().template receive_all<typename F::Datagram>(wire::milliseconds(0));
	return F::open();
}

template <typename F>
void expect_silence(const std::string &what, const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(net<F>().template receive_all<typename F::Datagram>().size(), 0U,
			   what + ", datagrams", where);
}

/// A request that is @p size bytes long with the IP header.
template <typename F> Bytes request_of(std::size_t size)
{
	return pinger::request<F>(1, packet::pattern(size - headers<F>));
}

/// Expects that the error queue has what Linux says of a datagram to @p to that is larger than @p limit.
template <typename F>
void expect_error(const Socket &socket, const typename F::Address &to, std::size_t limit,
		  const std::string &what, const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(sock::wait_for(socket, 0), POLLERR, what + ", POLLERR", where);
	ktap::expect_equal(sock::take_error(socket), 0, what + ", SO_ERROR", where);
	auto error = ktap::require_value(F::next_error(socket), what, where);
	ktap::expect_equal(error.number, EMSGSIZE, what + ", ee_errno", where);
	ktap::expect_equal(error.origin, SO_EE_ORIGIN_LOCAL, what + ", ee_origin", where);
	ktap::expect_equal(error.type, 0, what + ", ee_type", where);
	ktap::expect_equal(error.info, limit, what + ", ee_info", where);
	ktap::expect_equal(error.destination.address, to, what + ", destination", where);
	ktap::expect_equal(error.payload.size(), 0U, what + ", payload", where);
}

template <typename F> void lengths_that_are_refused()
{
	Socket socket = fresh<F>();
	Bytes message = pinger::request<F>(1, packet::pattern(65536));

	sock::set(socket, F::level, F::recverr, 1);
	for (std::size_t size = 0; size < 8; size++)
		ktap::expect_equal(send(socket, View(message).first(size), peer<F>), EINVAL,
				   std::to_string(size) + " bytes");
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "errors in the queue");
	// IPv4 refuses what would not fit its length, which has the header in it, and reports the MTU.
	if constexpr (!F::is_ipv6) {
		for (std::size_t size : {65535 - F::header + 1, std::size_t{65535}}) {
			std::string what = std::to_string(size) + " bytes";

			ktap::expect_equal(send(socket, View(message).first(size), peer<F>),
					   EMSGSIZE, what);
			expect_error<F>(socket, peer<F>.address, mtu, what);
		}
	}
	// The socket itself refuses what is beyond, and reports nothing.
	for (std::size_t size : {65536U, 65540U}) {
		ktap::expect_equal(send(socket, View(message).first(size), peer<F>), EMSGSIZE,
				   std::to_string(size) + " bytes");
		ktap::expect_equal(sock::wait_for(socket, 0), 0, "errors in the queue");
	}
	expect_silence<F>("after all that was refused");
}

struct Discovery {
	int mode;
	const char *name;
	bool df;
	/// Whether larger datagrams are fragmented here, and not refused.
	bool fragments;
	/// Whether the route's MTU counts, and not the device's alone.
	bool by_route;
};

/// The modes have the same numbers in both families.
constexpr Discovery discoveries[]{
	{IP_PMTUDISC_DONT, "DONT", false, true, true},
	{IP_PMTUDISC_WANT, "WANT", true, true, true},
	{IP_PMTUDISC_DO, "DO", true, false, true},
	{IP_PMTUDISC_PROBE, "PROBE", true, false, false},
	{IP_PMTUDISC_INTERFACE, "INTERFACE", false, false, false},
	{IP_PMTUDISC_OMIT, "OMIT", false, true, false},
};

template <typename F>
void expect_discovery(const Discovery &mode, const typename F::Endpoint &to, std::size_t limit,
		      std::size_t size)
{
	Socket socket = fresh<F>();
	std::string what = std::string(mode.name) + ", " + std::to_string(size) + " of " +
			   std::to_string(limit) + " bytes";
	Bytes message = request_of<F>(size);

	sock::set(socket, F::level, F::mtu_discover, mode.mode);
	bool passes = size <= limit || mode.fragments;
	ktap::expect_equal(send(socket, message, to), passes ? 0 : EMSGSIZE, what);
	ktap::expect_equal(sock::wait_for(socket, 0), 0, what + ", nobody asked for errors");
	if (passes) {
		pinger::expect_on_wire<F>(net<F>(), socket, message, to.address,
					  mode.df && size <= limit, limit, what);
		return;
	}
	sock::set(socket, F::level, F::recverr, 1);
	ktap::expect_equal(send(socket, message, to), EMSGSIZE, what);
	expect_error<F>(socket, to.address, limit, what);
	expect_silence<F>(what);
}

template <typename F> void mtu_discovery()
{
	for (const Discovery &mode : discoveries) {
		for (std::size_t size : {mtu, mtu + 1})
			expect_discovery<F>(mode, peer<F>, mtu, size);
		std::size_t limit = mode.by_route ? narrow_mtu<F> : mtu;
		for (std::size_t size : {narrow_mtu<F>, narrow_mtu<F> + 1, mtu + 1})
			expect_discovery<F>(mode, narrow<F>, limit, size);
	}
}

/// A port means nothing to ICMP, but one that was given to connect(2) is told again.
void too_long_for_the_peer()
{
	Socket socket = fresh<V4>();
	const sock::Endpoint to{errors::remote(1), 7};

	ktap::require_equal(sock::connect(socket, to), 0, "connect");
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	ktap::expect_equal(sock::send(socket, ping::request(1, packet::pattern(3000))), EMSGSIZE,
			   "send");
	auto error = ktap::require_value(sock::next_error(socket), "an error");
	ktap::expect_equal(error.destination.address, to.address, "its address");
	ktap::expect_equal(error.destination.port, to.port, "its port");
}

/// IPV6_DONTFRAG goes for all modes of discovery, and a control message before it.
void dont_fragment()
{
	const auto send_with = [](const Socket &socket, std::size_t size, int dont) {
		return pinger::send<V6>(socket, request_of<V6>(size), narrow<V6>,
					{control::make(SOL_IPV6, IPV6_DONTFRAG, dont)});
	};

	for (const Discovery &mode : discoveries) {
		Socket socket = fresh<V6>();
		const std::string what = mode.name;
		const std::size_t limit = mode.by_route ? narrow_mtu<V6> : mtu;

		sock::set(socket, SOL_IPV6, IPV6_MTU_DISCOVER, mode.mode);
		sock::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
		ktap::expect_equal(send_with(socket, limit + 1, 1), EMSGSIZE, what + ", message");
		expect_error<V6>(socket, narrow<V6>.address, limit, what);
		sock::set(socket, SOL_IPV6, IPV6_DONTFRAG, 1);
		ktap::expect_equal(send(socket, request_of<V6>(limit + 1), narrow<V6>), EMSGSIZE,
				   what + ", option");
		expect_error<V6>(socket, narrow<V6>.address, limit, what);
		expect_silence<V6>(what);
		ktap::expect_equal(send(socket, request_of<V6>(limit), narrow<V6>), 0,
				   what + ", what fits");
		pinger::expect_on_wire<V6>(net<V6>(), socket, request_of<V6>(limit),
					   narrow<V6>.address, false, limit, what);
		if (!mode.fragments)
			continue;
		ktap::expect_equal(send_with(socket, limit + 1, 0), 0,
				   what + ", message against the option");
		pinger::expect_on_wire<V6>(net<V6>(), socket, request_of<V6>(limit + 1),
					   narrow<V6>.address, false, limit, what);
	}
}

/// IPV6_MTU lowers what fits, where fragments are made here and where not.
void the_sockets_own_mtu()
{
	constexpr std::size_t own = 1288;
	Socket socket = fresh<V6>();
	const auto set = [&](int value) {
		return setsockopt(socket.get(), SOL_IPV6, IPV6_MTU, &value, sizeof(value)) ? errno
											   : 0;
	};

	for (int wrong : {1, 1279, -1})
		ktap::expect_equal(set(wrong), EINVAL, "less than IPv6's least");
	ktap::expect_equal(set(1280), 0, "IPv6's least");
	ktap::expect_equal(set(own), 0, "more");
	sock::set(socket, SOL_IPV6, IPV6_RECVERR, 1);
	for (const auto &to : {peer<V6>, narrow<V6>}) {
		const std::string what = to == peer<V6> ? "wide" : "narrow";

		sock::set(socket, SOL_IPV6, IPV6_DONTFRAG, 1);
		ktap::expect_equal(send(socket, request_of<V6>(own), to), 0, what + ", what fits");
		pinger::expect_on_wire<V6>(net<V6>(), socket, request_of<V6>(own), to.address,
					   false, own, what);
		ktap::expect_equal(send(socket, request_of<V6>(own + 1), to), EMSGSIZE, what);
		expect_error<V6>(socket, to.address, own, what);
		sock::set(socket, SOL_IPV6, IPV6_DONTFRAG, 0);
		ktap::expect_equal(send(socket, request_of<V6>(3000), to), 0, what + ", fragments");
		pinger::expect_on_wire<V6>(net<V6>(), socket, request_of<V6>(3000), to.address,
					   false, own, what + ", fragments");
	}
	ktap::expect_equal(set(0), 0, "none");
	ktap::expect_equal(send(socket, request_of<V6>(mtu), peer<V6>), 0, "the device's");
	pinger::expect_on_wire<V6>(net<V6>(), socket, request_of<V6>(mtu), peer<V6>.address, false,
				   mtu, "the device's");
}

/// What is refused counts as an error that went out, unless it has been refused before there was a route.
void counters_of_what_was_refused()
{
	Socket socket = fresh<V6>();
	const Bytes message = pinger::request<V6>(1, packet::pattern(65536));
	counters6::Change change("");

	sock::set(socket, SOL_IPV6, IPV6_DONTFRAG, 1);
	ktap::expect_equal(send(socket, request_of<V6>(mtu + 1), peer<V6>), EMSGSIZE, "too long");
	change.expect_icmp({{"Icmp6OutErrors", 1}}, "too long for the device");
	change.restart();
	ktap::expect_equal(send(socket, message, peer<V6>), EMSGSIZE, "too long for IPv6");
	ktap::expect_equal(send(socket, View(message).first(7), peer<V6>), EINVAL, "too short");
	change.expect_icmp({}, "refused before");
}

/// IPV6_RECVPATHMTU may be asked for; what is refused does not make the socket readable.
void path_mtu_messages()
{
	Socket socket = fresh<V6>();

	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_RECVPATHMTU), 0, "at first");
	sock::set(socket, SOL_IPV6, IPV6_RECVPATHMTU, 1);
	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_RECVPATHMTU), 1, "set");
	sock::set(socket, SOL_IPV6, IPV6_DONTFRAG, 1);
	ktap::expect_equal(send(socket, request_of<V6>(mtu + 1), peer<V6>), EMSGSIZE, "send");
	ktap::expect_equal(sock::wait_for(socket, POLLIN), 0, "poll");
	ktap::expect_equal(sock::take_error(socket), 0, "SO_ERROR");
}

/// The MTU of a route that a connected socket keeps is what counts, also when it changes.
template <typename F> void a_route_that_becomes_narrow()
{
	const std::string to = F::is_ipv6 ? "2001:db8::3" : "192.0.2.3";
	const typename F::Endpoint end{F::remote(3), 7};
	Socket socket = fresh<F>();

	host::run("ip route add " + to + " dev wire0");
	sock::set(socket, F::level, F::mtu_discover, IP_PMTUDISC_DO);
	ktap::require_equal(connect(socket, end), 0, "connect");
	ktap::expect_equal(sock::send(socket, request_of<F>(mtu)), 0, "send");
	pinger::expect_on_wire<F>(net<F>(), socket, request_of<F>(mtu), end.address, true, mtu,
				  "send");
	host::run("ip route replace " + to + " dev wire0 mtu " + std::to_string(narrow_mtu<F>));
	ktap::expect_equal(sock::send(socket, request_of<F>(narrow_mtu<F> + 1)), EMSGSIZE,
			   "one byte more than the new MTU");
	ktap::expect_equal(sock::send(socket, request_of<F>(narrow_mtu<F>)), 0, "what fits");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"lengths_that_are_refused", lengths_that_are_refused<F>},
		{"mtu_discovery", mtu_discovery<F>},
		{"a_route_that_becomes_narrow", a_route_that_becomes_narrow<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	// Those of one family alone stand where its network is.
	all.emplace(all.begin(), "too_long_for_the_peer", too_long_for_the_peer);
	all.insert(all.end(), {{"dont_fragment", dont_fragment},
			       {"the_sockets_own_mtu", the_sockets_own_mtu},
			       {"counters_of_what_was_refused", counters_of_what_was_refused},
			       {"path_mtu_messages", path_mtu_messages}});
	return ktap::run(argc, argv, all);
}
