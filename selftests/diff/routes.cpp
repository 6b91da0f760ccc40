// SPDX-License-Identifier: GPL-2.0-only

#include "routes.hpp"

#include "lib/ktap.hpp"
#include "lib/socket.hpp"
#include "sequence.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <tuple>
#include <utility>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace diff {

namespace {

std::int64_t read32(const rtattr *attribute)
{
	std::uint32_t value = 0;

	std::memcpy(&value, RTA_DATA(attribute), sizeof(value));
	return value;
}

/// What learned metrics there are: the MTU, and which of them are locked.
void read_metrics(rtattr *metrics, Event &event)
{
	int left = static_cast<int>(RTA_PAYLOAD(metrics));

	for (auto *at = static_cast<rtattr *>(RTA_DATA(metrics)); RTA_OK(at, left);
	     at = RTA_NEXT(at, left)) {
		if (at->rta_type == RTAX_MTU)
			event.numbers[2] = read32(at);
		if (at->rta_type == RTAX_LOCK)
			event.numbers[3] = read32(at);
	}
}

/// All attributes but those that tell of time or of devices' numbers. Addresses of IPv6 are bytes.
Event as_event(const nlmsghdr *header)
{
	auto *route = static_cast<rtmsg *>(NLMSG_DATA(header));
	int left = static_cast<int>(RTM_PAYLOAD(header));
	Event event{.kind = Event::Kind::route, .numbers = {0, 0, 0, 0, route->rtm_flags}};

	for (rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == RTA_METRICS)
			read_metrics(at, event);
		if (at->rta_type != RTA_DST && at->rta_type != RTA_GATEWAY)
			continue;
		if (route->rtm_family == AF_INET) {
			event.numbers[at->rta_type == RTA_DST ? 0 : 1] =
				ntohl(static_cast<std::uint32_t>(read32(at)));
			continue;
		}
		const auto *bytes = static_cast<const std::uint8_t *>(RTA_DATA(at));
		event.bytes.insert(event.bytes.end(), bytes, bytes + RTA_PAYLOAD(at));
	}
	return event;
}

sock::Socket ask(std::uint8_t family)
{
	struct {
		nlmsghdr header;
		rtmsg route;
	} request{};
	sock::Socket socket(host::check(
		::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "netlink"));

	sock::set(socket, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = RTM_GETROUTE;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.route.rtm_family = family;
	request.route.rtm_flags = RTM_F_CLONED;
	host::check(static_cast<int>(::send(socket.get(), &request, sizeof(request), 0)),
		    "RTM_GETROUTE");
	return socket;
}

Events list(std::uint8_t family)
{
	sock::Socket socket = ask(family);
	alignas(nlmsghdr) static std::array<char, 65536> buffer;
	Events routes;

	for (;;) {
		auto size = static_cast<unsigned>(host::check(
			static_cast<int>(::recv(socket.get(), buffer.data(), buffer.size(), 0)),
			"routes"));
		for (auto *header = reinterpret_cast<nlmsghdr *>(buffer.data());
		     NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
			if (header->nlmsg_type == NLMSG_ERROR)
				ktap::fatal("RTM_GETROUTE failed");
			if (header->nlmsg_type == NLMSG_DONE) {
				std::ranges::sort(routes, {}, [](const Event &route) {
					return std::pair(route.bytes, route.numbers);
				});
				return routes;
			}
			if (header->nlmsg_type == RTM_NEWROUTE)
				routes.push_back(as_event(header));
		}
	}
}

} // namespace

Events learned_routes(const std::set<std::uint32_t> &addresses)
{
	for (std::uint32_t address : addresses) {
		for (int mark : {0, packet_mark}) {
			const sock::Socket socket = sock::udp();

			sock::set(socket, SOL_SOCKET, SO_MARK, mark);
			// Nothing is sent, and that there is no way to an address is not of interest.
			std::ignore = sock::connect(socket, {address, 9});
		}
	}
	return list(AF_INET);
}

Events learned_routes6() { return list(AF_INET6); }

} // namespace diff
