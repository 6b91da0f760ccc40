// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets of IPv6: flow labels (RFC 6437) of requests, by default, by address, by connection, by control message, and
// leases of labels (IPV6_FLOWLABEL_MGR).

#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <string>

#include <netinet/in.h>

namespace {

using packet6::Address;
using packet6::Ipv6;
using pinger::V6;
using sock6::Endpoint;
using sock6::Socket;
using Messages = std::vector<control::Message>;

/// Options of linux/in6.h, which does not get on with netinet/in.h.
enum Option : int { flow_info = 11, flow_label_manager = 32, flow_info_send = 33 };

/// struct in6_flowlabel_req of the same file, and what it is made of.
struct Lease {
	in6_addr destination{};
	std::uint32_t label = 0;
	std::uint8_t action = 0;
	std::uint8_t share = 0;
	std::uint16_t flags = 0;
	std::uint16_t expires = 0;
	std::uint16_t linger = 0;
	std::uint32_t padding = 0;
};
enum Action : std::uint8_t { get = 0, put = 1, renew = 2 };
enum Flag : std::uint16_t { create = 1, exclusively = 2, reflect = 4 };
enum Share : std::uint8_t { nobody = 0, exclusive = 1, process = 2, user = 3, anybody = 255 };

/// A bit of labels that the kernel makes from the flow, with net.ipv6.flowlabel_state_ranges.
constexpr std::uint32_t stateless = 0x80000;
constexpr std::uint32_t label = 0x12345, another = 0x54321;
constexpr Endpoint peer{V6::remote(1), 7};

const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = pinger::new_network<V6>();

		host::set_sysctl("net/ipv6/flowlabel_state_ranges", 1);
		return made;
	}();
	return wire;
}

Socket fresh()
{
	net().receive_all<Ipv6>(wire::milliseconds(0));
	return sock6::ping();
}

/// One that takes labels from addresses.
Socket labelled()
{
	Socket socket = fresh();

	sock::set(socket, SOL_IPV6, flow_info_send, 1);
	return socket;
}

sockaddr_in6 name(std::uint32_t flow, const Endpoint &to = peer)
{
	sockaddr_in6 made = sock6::to_kernel(to);

	made.sin6_flowinfo = htonl(flow);
	return made;
}

/// The label of the next request on the wire, whose traffic class is 0.
std::uint32_t next_label(const std::string &what, const wire::Where &where = wire::Where::current())
{
	const Ipv6 request =
		ktap::require_value(wire6::next_answer(net(), wire::patience, where), what, where)
			.ip;

	ktap::expect_equal(request.traffic_class, 0, what + ", traffic class", where);
	return request.flow_label;
}

/// The label of what is sent to an address with @p flow.
std::uint32_t label_to(const Socket &socket, std::uint32_t flow, const Messages &messages = {},
		       const std::string &what = "sendto",
		       const wire::Where &where = wire::Where::current())
{
	sockaddr_in6 to = name(flow);

	ktap::require_equal(control::send_named(socket, pinger::request<V6>(1), &to, sizeof(to),
						control::build(messages)),
			    0, what, where);
	return next_label(what, where);
}

/// The label of what is sent to the peer.
std::uint32_t label_of(const Socket &socket, const Messages &messages = {},
		       const wire::Where &where = wire::Where::current())
{
	ktap::require_equal(control::send_named(socket, pinger::request<V6>(1), nullptr, 0,
						control::build(messages)),
			    0, "send", where);
	return next_label("send", where);
}

/// Returns 0 or the errno.
int connect_to(const Socket &socket, std::uint32_t flow, const Endpoint &to = peer)
{
	const sockaddr_in6 made = name(flow, to);

	return ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&made), sizeof(made))
		       ? errno
		       : 0;
}

std::uint32_t label_of_peer(const Socket &socket)
{
	sockaddr_in6 made{};
	socklen_t size = sizeof(made);

	host::check(getpeername(socket.get(), reinterpret_cast<sockaddr *>(&made), &size),
		    "getpeername");
	return ntohl(made.sin6_flowinfo);
}

void automatic_labels()
{
	Socket socket = fresh(), connected = fresh();

	ktap::expect_equal(sock::get(socket, SOL_IPV6, IPV6_AUTOFLOWLABEL), 1, "default");
	const std::uint32_t first = label_to(socket, 0);
	ktap::expect(first & stateless, "a label");
	ktap::expect_equal(label_to(socket, 0), first, "of the next request");
	ktap::require_equal(connect_to(connected, 0), 0, "connect");
	const std::uint32_t second = label_of(connected);
	ktap::expect(second & stateless, "a label, connected");
	ktap::expect_equal(label_of(connected), second, "of the next request, connected");

	sock::set(socket, SOL_IPV6, IPV6_AUTOFLOWLABEL, 0);
	ktap::expect_equal(label_to(socket, 0), 0U, "without IPV6_AUTOFLOWLABEL");
	sock::set(socket, SOL_IPV6, IPV6_AUTOFLOWLABEL, 1);
	ktap::expect_equal(label_to(socket, 0), first, "with it");
}

/// net.ipv6.auto_flowlabels: 0 never, 1 and 2 unless or if a program asks for them, 3 always.
void the_setting_of_automatic_labels()
{
	struct Row {
		int setting;
		bool by_default, on, off;
	};
	const Row rows[]{
		{0, false, false, false},
		{1, true, true, false},
		{2, false, true, false},
		{3, true, true, true},
	};

	net();
	for (const Row &row : rows) {
		const std::string what = "auto_flowlabels " + std::to_string(row.setting);
		Socket socket = fresh();

		host::set_sysctl("net/ipv6/auto_flowlabels", row.setting);
		ktap::expect_equal(label_to(socket, 0) != 0, row.by_default, what);
		sock::set(socket, SOL_IPV6, IPV6_AUTOFLOWLABEL, 1);
		ktap::expect_equal(label_to(socket, 0) != 0, row.on, what + ", switched on");
		sock::set(socket, SOL_IPV6, IPV6_AUTOFLOWLABEL, 0);
		ktap::expect_equal(label_to(socket, 0) != 0, row.off, what + ", switched off");
	}
	host::set_sysctl("net/ipv6/auto_flowlabels", 1);
}

void labels_of_addresses()
{
	Socket plain = fresh(), socket = labelled();

	ktap::expect(label_to(plain, label) & stateless, "without IPV6_FLOWINFO_SEND");
	ktap::expect_equal(sock::get(plain, SOL_IPV6, flow_info_send), 0, "default");
	for (std::uint32_t flow : {label, 1U, 0xfffffU, stateless})
		ktap::expect_equal(label_to(socket, flow), flow, "label");
	ktap::expect(label_to(socket, 0) & stateless, "no label");
	// The traffic class of an address says nothing, and what is above it is none of a flow's.
	ktap::expect_equal(label_to(socket, 0x0ff00000 | label), label, "with a traffic class");
	ktap::expect_equal(label_to(socket, 0xf0000000 | label), label, "with a version");
}

void labels_of_connections()
{
	Socket plain = fresh(), socket = labelled();

	ktap::expect_equal(connect_to(plain, label), 0, "connect without IPV6_FLOWINFO_SEND");
	ktap::expect(label_of(plain) & stateless, "without IPV6_FLOWINFO_SEND");
	sock::set(plain, SOL_IPV6, flow_info_send, 1);
	ktap::expect_equal(label_of_peer(plain), 0U, "getpeername, asked for later");

	ktap::expect_equal(connect_to(socket, label), 0, "connect");
	ktap::expect_equal(label_of(socket), label, "send");
	ktap::expect_equal(label_of_peer(socket), label, "getpeername");
	ktap::expect_equal(label_to(socket, another), another, "sendto");
	ktap::expect(label_to(socket, 0) & stateless, "sendto without a label");
	ktap::expect_equal(label_of(socket), label, "send again");
	// That to nowhere leaves the peer and its label.
	ktap::expect_equal(connect_to(socket, another, {packet6::ipv6("::ffff:192.0.2.1"), 1}),
			   ENETUNREACH, "connect to nowhere");
	host::run("ip -6 route add unreachable 2001:db8:2::/48");
	ktap::expect_equal(connect_to(socket, another, {packet6::ipv6("2001:db8:2::1"), 1}),
			   EHOSTUNREACH, "connect to what is unreachable");
	ktap::expect_equal(label_of_peer(socket), label, "getpeername after a failure");
	ktap::expect_equal(label_of(socket), label, "send after a failure");
	ktap::expect_equal(connect_to(socket, 0x0ff00000 | another), 0, "connect again");
	ktap::expect_equal(label_of(socket), another, "send");
	ktap::expect_equal(label_of_peer(socket), 0x0ff00000 | another,
			   "getpeername, with a traffic class");
	// What was asked for stays when addresses have labels no longer.
	sock::set(socket, SOL_IPV6, flow_info_send, 0);
	ktap::expect_equal(label_of(socket), another, "send");
	ktap::expect_equal(label_of_peer(socket), 0U, "getpeername");
	ktap::expect_equal(connect_to(socket, label), 0, "connect again");
	ktap::expect(label_of(socket) & stateless, "send without a label");
}

Messages flow(std::uint32_t value) { return {control::make(SOL_IPV6, flow_info, htonl(value))}; }

/// They go before all others, and need no option.
void labels_of_control_messages()
{
	Socket plain = fresh(), socket = labelled();

	ktap::expect_equal(label_to(plain, 0, flow(label)), label, "without IPV6_FLOWINFO_SEND");
	ktap::expect_equal(label_to(socket, another, flow(label)), label, "with another address's");
	ktap::expect_equal(label_to(plain, 0, flow(0xfff00000 | label)), label, "with more bits");
	ktap::expect(label_to(socket, another, flow(0)) & stateless, "which takes a label away");
	ktap::require_equal(connect_to(socket, another), 0, "connect");
	ktap::expect_equal(label_of(socket, flow(label)), label, "with the peer's");
	ktap::expect_equal(label_of(socket), another, "the peer's again");
	for (std::size_t size : {std::size_t{0}, std::size_t{3}}) {
		sockaddr_in6 to = name(0);
		const Messages shorter{{SOL_IPV6, flow_info, packet::Bytes(size)}};

		ktap::expect_equal(control::send_named(plain, pinger::request<V6>(1), &to,
						       sizeof(to), control::build(shorter)),
				   EINVAL, std::to_string(size) + " bytes");
	}
	ktap::expect_equal(
		label_to(plain, 0, {{SOL_IPV6, flow_info, packet::Bytes{0, 1, 0x23, 0x45, 9}}}),
		label, "five bytes");
}

Lease lease(Action action, std::uint32_t wanted = 0, std::uint16_t flags = create,
	    Share share = exclusive)
{
	Lease made{.label = htonl(wanted), .action = action, .share = share, .flags = flags};

	made.destination = sock6::to_kernel(peer).sin6_addr;
	return made;
}

/// Returns 0 or the errno; the kernel's choice of a label is in @p wanted then.
int manage(const Socket &socket, Lease &wanted)
{
	return setsockopt(socket.get(), SOL_IPV6, flow_label_manager, &wanted, sizeof(wanted))
		       ? errno
		       : 0;
}

int manage(const Socket &socket, Lease &&wanted) { return manage(socket, wanted); }

/// As soon as a label in this namespace is one socket's own, connections need a lease of theirs.
void leases()
{
	const wire::Wire wire = pinger::new_network<V6>();
	Socket socket = sock6::ping(), other = sock6::ping();
	Lease made = lease(get);

	for (const Socket *each : {&socket, &other})
		sock::set(*each, SOL_IPV6, flow_info_send, 1);
	ktap::expect_equal(connect_to(other, another), 0, "any label before that");
	ktap::require_equal(manage(socket, made), 0, "a lease");
	const std::uint32_t own = ntohl(made.label);
	ktap::expect(own && !(own >> 20), "its label");

	ktap::expect_equal(connect_to(socket, own), 0, "connect by its holder");
	ktap::expect_equal(label_of_peer(socket), own, "getpeername");
	ktap::expect_equal(connect_to(socket, another), EINVAL, "connect with another label");
	ktap::expect_equal(label_of_peer(socket), own, "getpeername after a failure");
	ktap::expect_equal(connect_to(other, own), EINVAL, "connect by another socket");
	ktap::expect_equal(connect_to(other, 0), 0, "without a label");
	// Nobody asks of requests to an address.
	ktap::expect_equal(sock6::send(other, pinger::request<V6>(1), peer), 0, "sendto");
	sockaddr_in6 to = name(own);
	ktap::expect_equal(control::send_named(other, pinger::request<V6>(1), &to, sizeof(to), {}),
			   0, "sendto with another's label");

	Lease told{.action = get};
	socklen_t size = sizeof(told);
	ktap::expect_equal(getsockopt(socket.get(), SOL_IPV6, flow_label_manager, &told, &size), 0,
			   "which label is in use");
	ktap::expect_equal(ntohl(told.label), own, "its label");
	ktap::expect_equal(manage(other, lease(put, own)), ESRCH, "put back by another socket");
	ktap::expect_equal(manage(socket, lease(put, own)), 0, "put back");
	ktap::expect_equal(manage(socket, lease(put, own)), ESRCH, "put back again");
	ktap::expect_equal(connect_to(socket, own), EINVAL, "connect without the lease");
}

void leases_that_are_refused()
{
	const wire::Wire wire = pinger::new_network<V6>();
	Socket holder = sock6::ping(), socket = sock6::ping();
	Lease mapped = lease(get), any = lease(get);

	ktap::require_equal(manage(holder, lease(get, label)), 0, "a lease");
	ktap::expect_equal(manage(socket, lease(get, label)), EPERM, "another's own label");
	ktap::expect_equal(manage(socket, lease(get, label, create | exclusively)), EEXIST,
			   "a label of its own that there is");
	ktap::expect_equal(manage(socket, lease(get, another, 0)), ENOENT, "one that is not made");
	host::set_sysctl("net/ipv6/flowlabel_state_ranges", 1);
	ktap::expect_equal(manage(socket, lease(get, stateless | 1)), ERANGE, "a stateless one");
	host::set_sysctl("net/ipv6/flowlabel_state_ranges", 0);
	ktap::expect_equal(manage(socket, lease(get, stateless | 1)), 0, "with no such range");
	ktap::expect_equal(manage(socket, lease(get, 0x100000)), EINVAL, "more than 20 bits");
	ktap::expect_equal(manage(socket, lease(get, 0, create, nobody)), EINVAL, "for nobody");
	ktap::expect_equal(manage(socket, lease(renew, another)), ESRCH, "of none a renewal");
	ktap::expect_equal(manage(socket, lease(static_cast<Action>(3))), EINVAL, "no action");
	mapped.destination = sock6::to_kernel({packet6::ipv6("::ffff:192.0.2.1")}).sin6_addr;
	ktap::expect_equal(manage(socket, mapped), EINVAL, "to an IPv4-mapped address");
	any.destination = {};
	ktap::expect_equal(manage(socket, any), EINVAL, "to any address");
	ktap::expect_equal(
		setsockopt(socket.get(), SOL_IPV6, flow_label_manager, &any, sizeof(any) - 1), -1,
		"too short");
	ktap::expect_equal(errno, EINVAL, "too short");
	// Reflection is for TCP.
	ktap::expect_equal(manage(socket, lease(get, 0, reflect)), EPERM, "reflection");
	host::set_sysctl("net/ipv6/flowlabel_consistency", 0);
	ktap::expect_equal(manage(socket, lease(get, 0, reflect)), ENOPROTOOPT,
			   "reflection where labels need not be consistent");
	ktap::expect_equal(manage(socket, lease(get, another, create, anybody)), 0, "for anybody");
	Socket third = sock6::ping();
	ktap::expect_equal(manage(third, lease(get, another, create, anybody)), 0, "shared");
	ktap::expect_equal(manage(third, lease(get, another, create, user)), EPERM,
			   "for this user, after all");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"automatic_labels", automatic_labels},
			  {"the_setting_of_automatic_labels", the_setting_of_automatic_labels},
			  {"labels_of_addresses", labels_of_addresses},
			  {"labels_of_connections", labels_of_connections},
			  {"labels_of_control_messages", labels_of_control_messages},
			  {"leases", leases},
			  {"leases_that_are_refused", leases_that_are_refused}});
}
