// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: connect(2) and what it changes, shutdown(2), close(2), sockets that two processes share. What IPv6 has
// beside that is in ping6_connect.

#include "lib/child.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <csignal>
#include <string>
#include <vector>

namespace {

using packet::Address;
using pinger::identifier;
using pinger::peer_of;
using pinger::V4;
using pinger::V6;
using sock::Endpoint;
using sock::Socket;

constexpr Address any = V4::any;
template <typename F> constexpr typename F::Endpoint peer{F::remote(1), 7};
/// Another address of ours.
template <typename F>
const typename F::Address second = F::address(F::is_ipv6 ? "fd00::4d" : "10.0.0.77");

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = pinger::new_network<F>();

		// IPv6 prefers the newest address of wire0 as a source.
		F::add_address(F::is_ipv6 ? "lo" : "wire0",
			       F::is_ipv6 ? "fd00::4d/128" : "10.0.0.77/24");
		host::run(F::is_ipv6 ? "ip -6 -batch - <<'END'\n"
				       "route add throw 2001:db8:1::/48\n"
				       "route add unreachable 2001:db8:2::/48\nEND"
				     : "ip -batch - <<'END'\nroute add throw 198.51.100.0/26\n"
				       "route add unreachable 198.51.100.64/26\n"
				       "route add prohibit 198.51.100.128/26\n"
				       "route add blackhole 198.51.100.192/26\nEND");
		return made;
	}();
	return wire;
}

template <typename F = V4> Socket fresh()
{
	net<F>().receive_all(wire::milliseconds(0));
	return F::open();
}

template <typename F> Socket connected(const typename F::Endpoint &to = peer<F>)
{
	Socket socket = fresh<F>();

	ktap::require_equal(connect(socket, to), 0, "connect");
	return socket;
}

/// Connects with any address of @p size bytes; returns 0 or the errno.
int connect_raw(const Socket &socket, sa_family_t family, socklen_t size)
{
	sockaddr_storage name{};
	sockaddr_in address = sock::to_kernel(peer<V4>);

	address.sin_family = family;
	std::memcpy(&name, &address, sizeof(address));
	return ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&name), size) ? errno : 0;
}

int disconnect(const Socket &socket) { return connect_raw(socket, AF_UNSPEC, sizeof(sa_family_t)); }

/// Sends, to the peer if @p to is nothing, and expects it on the wire.
template <typename F>
wire::AnswerIn<typename F::Datagram>
expect_sent(const Socket &socket, const std::optional<typename F::Endpoint> &to,
	    const typename F::Address &destination, const std::string &what,
	    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(send(socket, pinger::request<F>(5), to), 0, what, where);
	auto request = ktap::require_value(family::next_answer<F>(net<F>(), wire::patience, where),
					   what, where);
	ktap::expect_equal(request.ip.destination, destination, what + ", destination", where);
	ktap::expect_equal(request.icmp.id(), identifier<F>(socket), what + ", identifier", where);
	return request;
}

template <typename F> void connecting_chooses_peer_source_and_identifier()
{
	Socket socket = fresh<F>();

	ktap::expect(!peer_of<F>(socket), "no peer at first");
	ktap::expect_equal(connect(socket, peer<F>), 0, "connect");
	ktap::expect(peer_of<F>(socket) == peer<F>, "getpeername");
	ktap::expect_equal(F::local(socket).address, F::server, "source");
	ktap::expect(identifier<F>(socket) != 0, "identifier");
	auto request = expect_sent<F>(socket, std::nullopt, peer<F>.address, "send");
	ktap::expect_equal(request.ip.source, F::server, "source on the wire");

	Socket bound = fresh<F>();
	bind(bound, typename F::Endpoint{second<F>, 77});
	ktap::expect_equal(connect(bound, peer<F>), 0, "connect");
	ktap::expect(F::local(bound) == typename F::Endpoint{second<F>, 77},
		     "what was bound stays");
	request = expect_sent<F>(bound, std::nullopt, peer<F>.address, "send");
	ktap::expect_equal(request.ip.source, second<F>, "bound source on the wire");
}

/// The port is kept for getpeername() alone, which takes 0 for having no peer.
template <typename F> void a_peer_without_a_port_has_no_name()
{
	Socket socket = connected<F>({peer<F>.address, 0});

	ktap::expect(!peer_of<F>(socket), "getpeername");
	expect_sent<F>(socket, std::nullopt, peer<F>.address, "send");
	ktap::expect_equal(connect(socket, peer<F>), 0, "connect with a port");
	ktap::expect(peer_of<F>(socket) == peer<F>, "getpeername");
}

template <typename F> void any_address_means_loopback()
{
	Socket socket = connected<F>({F::any, 9});

	ktap::expect(peer_of<F>(socket) == typename F::Endpoint{F::loopback, 9}, "peer");
	ktap::expect_equal(F::local(socket).address, F::loopback, "source");
	ktap::expect_equal(sock::send(socket, pinger::request<F>(2)), 0, "send");
	ktap::expect(sock::receive(socket, 1000).has_value(), "a reply");
	// The built-in code of IPv6 sends a datagram to ::.
	if constexpr (!F::is_ipv6) {
		Socket other = fresh();

		ktap::expect_equal(sock::send(other, ping::request(2), Endpoint{any, 0}), 0,
				   "sendto");
		ktap::expect(sock::receive(other, 1000).has_value(), "a reply, unconnected");
	}
}

template <typename F> void sending_elsewhere_while_connected()
{
	Socket socket = connected<F>();

	expect_sent<F>(socket, typename F::Endpoint{F::remote(2), 0}, F::remote(2), "sendto");
	expect_sent<F>(socket, std::nullopt, peer<F>.address, "send");
	ktap::expect(peer_of<F>(socket) == peer<F>, "peer afterwards");
	// The source is the connection's, even where the route would have had another.
	ktap::expect_equal(connect(socket, typename F::Endpoint{F::loopback, 1}), 0, "connect");
	ktap::expect_equal(F::local(socket).address, F::server, "source");
}

/// A new peer does not change the source that the first one made.
template <typename F> void reconnecting()
{
	Socket socket = connected<F>();
	std::uint16_t id = identifier<F>(socket);
	typename F::Endpoint other{F::remote(3), 11};

	ktap::expect_equal(connect(socket, other), 0, "connect again");
	ktap::expect(peer_of<F>(socket) == other, "peer");
	ktap::expect_equal(identifier<F>(socket), id, "identifier");
	expect_sent<F>(socket, std::nullopt, other.address, "send");
	for (const char *nowhere : {F::is_ipv6 ? "2001:db8:1::1" : "198.51.100.1",
				    F::is_ipv6 ? "2001:db8:2::1" : "198.51.100.65"}) {
		ktap::expect(connect(socket, typename F::Endpoint{F::address(nowhere), 1}) != 0,
			     nowhere);
		ktap::expect(peer_of<F>(socket) == other, "peer after a failure");
		expect_sent<F>(socket, std::nullopt, other.address, "send after a failure");
	}
}

template <typename F> void disconnecting()
{
	Socket chosen = connected<F>();
	std::uint16_t id = identifier<F>(chosen);
	ktap::expect_equal(disconnect(chosen), 0, "disconnect");
	ktap::expect(!peer_of<F>(chosen), "peer");
	ktap::expect(F::local(chosen) == typename F::Endpoint{F::any, 0},
		     "neither source nor identifier");
	ktap::expect_equal(sock::send(chosen, pinger::request<F>(1)), EDESTADDRREQ, "send");
	ktap::expect_equal(disconnect(chosen), 0, "once more");
	net<F>().send(pinger::reply<F>(id));
	ktap::expect(!sock::receive(chosen), "a reply to the former identifier");
	expect_sent<F>(chosen, peer<F>, peer<F>.address, "sendto");
	ktap::expect(identifier<F>(chosen) != 0, "an identifier again");

	// What a program asked for by name stays.
	Socket named = fresh<F>(), addressed = fresh<F>();
	bind(named, typename F::Endpoint{F::any, 1234});
	bind(addressed, typename F::Endpoint{second<F>, 0});
	for (const Socket *socket : {&named, &addressed}) {
		ktap::expect_equal(connect(*socket, peer<F>), 0, "connect");
		ktap::expect_equal(disconnect(*socket), 0, "disconnect");
	}
	ktap::expect(F::local(named) == typename F::Endpoint{F::any, 1234}, "identifier by name");
	net<F>().send(pinger::reply<F>(1234));
	ktap::expect(sock::receive(named).has_value(), "a reply to it");
	ktap::expect_equal(pinger::try_to_bind<F>(named, {F::any, 1235}), EINVAL,
			   "it is still bound");
	ktap::expect(F::local(addressed) == typename F::Endpoint{second<F>, 0}, "address by name");
	ktap::expect_equal(pinger::try_to_bind<F>(addressed, {F::any, 1236}), 0, "bind again");
	ktap::expect(F::local(addressed) == typename F::Endpoint{F::any, 1236},
		     "to something else");

	// As for UDP, the device goes, whoever asked for it.
	Socket device = fresh<F>();
	ping::try_to_bind_to_device(device, "wire0");
	ktap::expect(sock::get(device, SOL_SOCKET, SO_BINDTOIFINDEX) != 0, "bound to a device");
	ktap::expect_equal(disconnect(device), 0, "disconnect");
	ktap::expect_equal(sock::get(device, SOL_SOCKET, SO_BINDTOIFINDEX), 0, "device");
}

void what_cannot_be_connected_to()
{
	struct Row {
		const char *to;
		int error;
	};
	const Row rows[]{
		{"10.0.0.255", EACCES},
		{"255.255.255.255", EACCES},
		{"198.51.100.1", ENETUNREACH},
		{"198.51.100.65", EHOSTUNREACH},
		{"198.51.100.129", EACCES},
		{"198.51.100.193", EINVAL},
		{"224.0.0.5", 0},
	};

	for (const Row &row : rows) {
		Socket socket = fresh(), sending = fresh();
		Endpoint to{packet::ipv4(row.to), 3};

		ktap::expect_equal(sock::connect(socket, to), row.error, row.to);
		ktap::expect_equal(peer_of<V4>(socket).has_value(), row.error == 0, row.to);
		// The identifier is taken before the route is looked for.
		ktap::expect(identifier<V4>(socket) != 0, std::string(row.to) + ", identifier");
		ktap::expect_equal(sock::send(sending, ping::request(1), to), row.error,
				   std::string(row.to) + ", sendto");
		ktap::expect(identifier<V4>(sending) != 0, std::string(row.to) + ", identifier");
	}
	for (const char *to : {"10.0.0.255", "255.255.255.255"}) {
		Socket socket = fresh();

		sock::set(socket, SOL_SOCKET, SO_BROADCAST, 1);
		ktap::expect_equal(sock::connect(socket, {packet::ipv4(to), 3}), 0, to);
		expect_sent<V4>(socket, std::nullopt, packet::ipv4(to), "broadcast");
		// Asked for with each packet, and not with the connection.
		sock::set(socket, SOL_SOCKET, SO_BROADCAST, 0);
		ktap::expect_equal(sock::send(socket, ping::request(1)), EACCES, to);
	}
}

void families_and_lengths()
{
	struct Row {
		sa_family_t family;
		socklen_t size;
		int connecting;
		int sending;
		const char *what;
	};
	const Row rows[]{
		{AF_INET, sizeof(sockaddr_in), 0, 0, "as it should be"},
		{AF_INET, sizeof(sockaddr_in6), 0, 0, "longer"},
		{AF_INET, sizeof(sockaddr_in) - 1, EINVAL, EINVAL, "one byte short"},
		{AF_INET, 1, EINVAL, EINVAL, "half a family"},
		{AF_INET6, sizeof(sockaddr_in6), EAFNOSUPPORT, EAFNOSUPPORT, "AF_INET6"},
		{AF_INET6, 8, EINVAL, EINVAL, "AF_INET6, short"},
		// Unlike for UDP, no address to send to.
		{AF_UNSPEC, sizeof(sockaddr_in), 0, EAFNOSUPPORT, "AF_UNSPEC"},
		{AF_UNSPEC, 2, 0, EINVAL, "AF_UNSPEC, family alone"},
		{AF_UNSPEC, 1, EINVAL, EINVAL, "AF_UNSPEC, half a family"},
	};

	for (const Row &row : rows) {
		Socket socket = fresh();
		sockaddr_storage name{};
		sockaddr_in address = sock::to_kernel(peer<V4>);
		packet::Bytes data = ping::request(1);

		ktap::expect_equal(connect_raw(socket, row.family, row.size), row.connecting,
				   row.what);
		address.sin_family = row.family;
		std::memcpy(&name, &address, sizeof(address));
		ssize_t sent = sendto(socket.get(), data.data(), data.size(), 0,
				      reinterpret_cast<const sockaddr *>(&name), row.size);
		ktap::expect_equal(sent < 0 ? errno : 0, row.sending,
				   std::string(row.what) + ", sendto");
	}
	Socket socket = fresh();
	ktap::expect_equal(sock::send(socket, ping::request(1)), EDESTADDRREQ, "no address");
	ktap::expect(identifier<V4>(socket) != 0, "the identifier is taken before");
	packet::Bytes wrong = ping::request(1, {}, packet::Type::echo_reply);
	ktap::expect_equal(sock::send(socket, wrong), EINVAL, "the type is looked at before");
}

/// A broadcast is answered by many: who the peer is narrows down where requests go, and not where replies come from.
template <typename F> void replies_from_others_arrive()
{
	Socket socket = connected<F>();
	auto reply = pinger::reply<F>(identifier<F>(socket), 1, {}, F::remote(9));

	net<F>().send(reply);
	ktap::expect(sock::receive(socket).has_value(), "from another address");
	reply.destination = second<F>;
	net<F>().send(reply);
	ktap::expect(!sock::receive(socket), "to another address of ours");
}

ssize_t receive_blocking(const Socket &socket)
{
	packet::Bytes data(100);

	return recv(socket.get(), data.data(), data.size(), 0);
}

/// Unconnected, shutdown() fails with ENOTCONN, and does what it says nevertheless.
template <typename F> void shutting_down()
{
	for (bool with_peer : {true, false}) {
		std::string what = with_peer ? "connected" : "unconnected";
		int result = with_peer ? 0 : ENOTCONN;
		auto shut = [&](const Socket &socket, int how, int expected) {
			ktap::expect_equal(shutdown(socket.get(), how) ? errno : 0, expected, what);
		};
		auto make = [&] {
			Socket socket = fresh<F>();
			bind(socket, typename F::Endpoint{F::any, 4000});
			if (with_peer)
				ktap::require_equal(connect(socket, peer<F>), 0, "connect");
			return socket;
		};

		Socket socket = make();
		shut(socket, -1, EINVAL);
		shut(socket, 3, EINVAL);
		shut(socket, SHUT_WR, result);
		ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>), EPIPE,
				   what + ", send after SHUT_WR");
		ktap::expect_equal(sock::wait_for(socket, POLLIN | POLLRDHUP), 0,
				   what + ", poll after SHUT_WR");
		net<F>().send(pinger::reply<F>(4000));
		ktap::expect(sock::receive(socket).has_value(), what + ", receive after SHUT_WR");
		socket = Socket();

		socket = make();
		shut(socket, SHUT_RD, result);
		expect_sent<F>(socket, peer<F>, peer<F>.address, what + ", send after SHUT_RD");
		ktap::expect_equal(sock::wait_for(socket, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP,
				   what + ", poll after SHUT_RD");
		ktap::expect_equal(receive_blocking(socket), 0, what + ", receive after SHUT_RD");
		ktap::expect(!sock::receive(socket), what + ", EAGAIN where it must not block");
		net<F>().send(pinger::reply<F>(4000));
		ktap::expect_equal(receive_blocking(socket), 8, what + ", replies still come");
		shut(socket, SHUT_WR, result);
		ktap::expect_equal(sock::wait_for(socket, 0), POLLHUP, what + ", poll after both");
		shut(socket, SHUT_RDWR, result);
	}
}

template <typename F> void shutting_down_wakes_who_waits()
{
	Socket socket = connected<F>();
	pid_t waiting = host::check(fork(), "fork");
	int status = 0;

	if (waiting == 0)
		_exit(receive_blocking(socket) == 0 ? 0 : 1);
	ktap::expect_equal(shutdown(socket.get(), SHUT_RD), 0, "shutdown");
	host::check(waitpid(waiting, &status, 0), "waitpid");
	ktap::expect_equal(status, 0, "recv() returned 0");
}

template <typename F> void two_processes_share_a_socket()
{
	Socket socket = connected<F>();
	std::uint16_t id = identifier<F>(socket);

	child::run([&] {
		expect_sent<F>(socket, std::nullopt, peer<F>.address, "the child sends");
		ktap::expect_equal(identifier<F>(socket), id, "identifier in the child");
		net<F>().send(pinger::reply<F>(id, 1));
		net<F>().send(pinger::reply<F>(id, 2));
		ktap::expect_equal(ktap::require_value(sock::receive(socket), "reply"),
				   pinger::reply<F>(id, 1).payload, "the child gets the first");
		ktap::expect_equal(connect(socket, typename F::Endpoint{F::remote(4), 44}), 0,
				   "reconnect");
	});
	// The child's end closed its descriptor, and not the socket.
	ktap::expect_equal(ktap::require_value(sock::receive(socket), "reply"),
			   pinger::reply<F>(id, 2).payload, "the parent gets the second");
	ktap::expect(peer_of<F>(socket) == typename F::Endpoint{F::remote(4), 44},
		     "the child's peer");
	expect_sent<F>(socket, std::nullopt, F::remote(4), "the parent sends");
}

template <typename F> void closing_while_replies_come()
{
	fresh<F>();
	packet::Bytes frame = net<F>().frame(pinger::reply<F>(5000).build());
	pid_t flood = host::check(fork(), "fork");
	constexpr int rounds = 300;
	int received = 0;

	if (flood == 0) {
		for (;;)
			net<F>().send_frame(frame);
	}
	for (int i = 0; i < rounds; i++) {
		const Socket socket = pinger::bound<F>(5000);
		received += sock::receive(socket, 2000).has_value();
	}
	kill(flood, SIGKILL);
	waitpid(flood, nullptr, 0);
	ktap::expect_equal(received, rounds, "sockets that got a reply");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"connecting_chooses_peer_source_and_identifier",
		 connecting_chooses_peer_source_and_identifier<F>},
		{"a_peer_without_a_port_has_no_name", a_peer_without_a_port_has_no_name<F>},
		{"any_address_means_loopback", any_address_means_loopback<F>},
		{"sending_elsewhere_while_connected", sending_elsewhere_while_connected<F>},
		{"reconnecting", reconnecting<F>},
		{"disconnecting", disconnecting<F>},
		{"replies_from_others_arrive", replies_from_others_arrive<F>},
		{"shutting_down", shutting_down<F>},
		{"shutting_down_wakes_who_waits", shutting_down_wakes_who_waits<F>},
		{"two_processes_share_a_socket", two_processes_share_a_socket<F>},
		{"closing_while_replies_come", closing_while_replies_come<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	// Those of IPv4 alone come first: they are in the network of the others.
	all.insert(all.begin(), {{"what_cannot_be_connected_to", what_cannot_be_connected_to},
				 {"families_and_lengths", families_and_lengths}});
	return ktap::run(argc, argv, all);
}
