// SPDX-License-Identifier: GPL-2.0-only

#include "wire6.hpp"

#include "host.hpp"
#include "ktap.hpp"
#include "netlink.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include <linux/rtnetlink.h>
#include <poll.h>
#include <unistd.h>

namespace wire6 {

std::optional<Answer> next_of_type(const Wire &wire, packet6::Type type, milliseconds timeout,
				   const Where &where)
{
	const auto until = std::chrono::steady_clock::now() + timeout;

	for (;;) {
		auto left =
			std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
		auto answer = next_answer(wire, left, where);

		if (!answer || answer->icmp.type == type)
			return answer;
	}
}

wire::Mac next_hop_of_answer(const Wire &wire, const Ipv6 &request, const Where &where)
{
	pollfd ready{.fd = wire.fd(), .events = POLLIN, .revents = 0};
	packet::Bytes frame(1 << 16);
	wire::Mac mac{};

	wire.send(request);
	for (;;) {
		ktap::require(poll(&ready, 1, static_cast<int>(wire::patience.count())) == 1,
			      "an answer", where);
		const ssize_t size =
			host::check(static_cast<int>(read(wire.fd(), frame.data(), frame.size())),
				    "read", where);
		const auto ip = packet6::parse_ipv6(packet::View(frame)
							    .first(static_cast<std::size_t>(size))
							    .subspan(ETH_HLEN));

		if (ip && ip->destination == request.source)
			break;
	}
	std::copy_n(frame.begin(), mac.size(), mac.begin());
	return mac;
}

struct LocalRoutes::State {
	netlink::Socket socket{NETLINK_ROUTE, RTMGRP_IPV6_ROUTE};
	std::vector<Address> seen;
};

LocalRoutes::LocalRoutes() : state_(std::make_unique<State>()) {}

LocalRoutes::~LocalRoutes() = default;

void LocalRoutes::await(const Address &address, const Where &where)
{
	auto &[socket, seen] = *state_;

	while (std::ranges::find(seen, address) == seen.end()) {
		const auto [type, payload] =
			ktap::require_value(socket.next_message(std::chrono::seconds(60)),
					    packet6::text(address) + " in use", where);
		rtmsg route{};
		Address destination{};

		// The route of an address that the device had before goes when the device goes down.
		if (type != RTM_NEWROUTE)
			continue;
		ktap::require(payload.size() >= sizeof(route), "a route", where);
		std::memcpy(&route, payload.data(), sizeof(route));
		auto found = netlink::attribute(payload, sizeof(route), RTA_DST);
		if (route.rtm_type != RTN_LOCAL || !found || found->size() != destination.size())
			continue;
		std::ranges::copy(*found, destination.begin());
		seen.push_back(destination);
	}
}

void add_addresses(const std::string &device, std::initializer_list<std::string> addresses,
		   const Where &where)
{
	LocalRoutes routes;
	std::string commands;

	for (const std::string &address : addresses)
		commands.append("address add ")
			.append(address)
			.append(" dev ")
			.append(device)
			.append(" nodad\n");
	host::run("ip -6 -batch - <<'END'\n" + commands + "END", where);
	for (const std::string &address : addresses)
		routes.await(packet6::ipv6(address.substr(0, address.find('/'))), where);
}

void quiet(const std::string &device)
{
	const std::string settings = "net/ipv6/conf/" + device + "/";
	constexpr int no_address = 1;

	host::set_sysctl(settings + "addr_gen_mode", no_address);
	host::set_sysctl(settings + "accept_ra", 0);
	host::set_sysctl(settings + "router_solicitations", 0);
	host::set_sysctl(settings + "accept_dad", 0);
}

void detect_duplicates(const std::string &device)
{
	const std::string settings = "net/ipv6/conf/" + device + "/";

	host::set_sysctl("net/ipv6/neigh/" + device + "/retrans_time_ms", 3'600'000);
	host::set_sysctl(settings + "router_solicitation_delay", 0);
	host::set_sysctl(settings + "dad_transmits", 1);
	host::set_sysctl(settings + "accept_dad", 1);
}

namespace {

Wire make(const Wire::Options &options, unsigned mtu, const std::string &address,
	  const std::string &master = "")
{
	Wire wire = Wire::tap(options);

	quiet(options.name);
	host::run("ip link set dev " + options.name + " arp off mtu " + std::to_string(mtu) +
		  (master.empty() ? "" : " master " + master) + " up");
	add_addresses(options.name, {address, "fe80::2/64"});
	return wire;
}

} // namespace

Wire serve(const Wire::Options &options, unsigned mtu) { return make(options, mtu, "fd00::2/64"); }

Wire new_server(const Wire::Options &options, unsigned mtu)
{
	host::enter_new_namespace();
	Wire wire = wire6::serve(options, mtu);
	host::run("ip -6 route add default dev " + options.name);
	return wire;
}

Wire second_wire(const std::string &address, const std::string &master)
{
	return make({.name = "wire1"}, 1500, address, master);
}

} // namespace wire6
