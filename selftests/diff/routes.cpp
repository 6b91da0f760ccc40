// SPDX-License-Identifier: GPL-2.0-only

#include "routes.hpp"

#include "lib/ktap.hpp"
#include "lib/socket.hpp"
#include "sequence.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <tuple>

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

/// All attributes but those that tell of time or of devices' numbers.
Event as_event(const nlmsghdr *header)
{
	auto *route = static_cast<rtmsg *>(NLMSG_DATA(header));
	int left = static_cast<int>(RTM_PAYLOAD(header));
	Event event{.kind = Event::Kind::route, .numbers = {0, 0, 0, 0, route->rtm_flags}};

	for (rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		switch (at->rta_type) {
		case RTA_DST:
			event.numbers[0] = ntohl(static_cast<std::uint32_t>(read32(at)));
			break;
		case RTA_GATEWAY:
			event.numbers[1] = ntohl(static_cast<std::uint32_t>(read32(at)));
			break;
		case RTA_METRICS: {
			int inner_left = static_cast<int>(RTA_PAYLOAD(at));
			for (auto *inner = static_cast<rtattr *>(RTA_DATA(at));
			     RTA_OK(inner, inner_left); inner = RTA_NEXT(inner, inner_left)) {
				if (inner->rta_type == RTAX_MTU)
					event.numbers[2] = read32(inner);
				if (inner->rta_type == RTAX_LOCK)
					event.numbers[3] = read32(inner);
			}
			break;
		}
		default:
			break;
		}
	}
	return event;
}

sock::Socket ask()
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
	request.route.rtm_family = AF_INET;
	request.route.rtm_flags = RTM_F_CLONED;
	host::check(static_cast<int>(::send(socket.get(), &request, sizeof(request), 0)),
		    "RTM_GETROUTE");
	return socket;
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

	sock::Socket socket = ask();
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
				std::ranges::sort(routes, {}, &Event::numbers);
				return routes;
			}
			if (header->nlmsg_type == RTM_NEWROUTE)
				routes.push_back(as_event(header));
		}
	}
}

} // namespace diff
