// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: connect(2) and what it changes, shutdown(2), close(2), sockets that two processes share.

#include "lib/child.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <csignal>
#include <string>

namespace {

using errors::remote;
using packet::Address;
using ping::Endpoint;
using ping::identifier;
using ping::Socket;

constexpr Address any = 0;
constexpr Address second = 0x0a00004d; // 10.0.0.77, our own, too
constexpr Endpoint peer{remote(1), 7};

const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = ping::new_network();

		host::run("ip -batch - <<'END'\naddress add 10.0.0.77/24 dev wire0\n"
			  "route add throw 198.51.100.0/26\n"
			  "route add unreachable 198.51.100.64/26\n"
			  "route add prohibit 198.51.100.128/26\n"
			  "route add blackhole 198.51.100.192/26\nEND");
		return made;
	}();
	return wire;
}

Socket fresh()
{
	net().receive_all(wire::milliseconds(0));
	return sock::ping();
}

Socket connected(const Endpoint &to = peer)
{
	Socket socket = fresh();

	ktap::require_equal(sock::connect(socket, to), 0, "connect");
	return socket;
}

/// What getpeername() says; nothing when it says ENOTCONN.
std::optional<Endpoint> peer_of(const Socket &socket)
{
	sockaddr_in name{};
	socklen_t size = sizeof(name);

	if (getpeername(socket.get(), reinterpret_cast<sockaddr *>(&name), &size)) {
		ktap::expect_equal(errno, ENOTCONN, "getpeername");
		return std::nullopt;
	}
	return sock::from_kernel(name);
}

/// Connects with any address of @p size bytes; returns 0 or the errno.
int connect_raw(const Socket &socket, sa_family_t family, socklen_t size)
{
	sockaddr_storage name{};
	sockaddr_in address = sock::to_kernel(peer);

	address.sin_family = family;
	std::memcpy(&name, &address, sizeof(address));
	return ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&name), size) ? errno : 0;
}

int disconnect(const Socket &socket) { return connect_raw(socket, AF_UNSPEC, sizeof(sa_family_t)); }

/// Sends, to the peer if @p to is nothing, and expects it on the wire.
wire::Answer expect_sent(const Socket &socket, const std::optional<Endpoint> &to,
			 Address destination, const std::string &what,
			 const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(sock::send(socket, ping::request(5), to), 0, what, where);
	auto request = ktap::require_value(wire::next_answer(net()), what, where);
	ktap::expect_equal(request.ip.destination, destination, what + ", destination", where);
	ktap::expect_equal(request.icmp.id(), identifier(socket), what + ", identifier", where);
	return request;
}

void connecting_chooses_peer_source_and_identifier()
{
	Socket socket = fresh();

	ktap::expect(!peer_of(socket), "no peer at first");
	ktap::expect_equal(sock::connect(socket, peer), 0, "connect");
	ktap::expect(peer_of(socket) == peer, "getpeername");
	ktap::expect_equal(sock::local(socket).address, errors::host, "source");
	ktap::expect(identifier(socket) != 0, "identifier");
	auto request = expect_sent(socket, std::nullopt, peer.address, "send");
	ktap::expect_equal(request.ip.source, errors::host, "source on the wire");

	Socket bound = fresh();
	sock::bind(bound, {second, 77});
	ktap::expect_equal(sock::connect(bound, peer), 0, "connect");
	ktap::expect(sock::local(bound) == Endpoint{second, 77}, "what was bound stays");
	request = expect_sent(bound, std::nullopt, peer.address, "send");
	ktap::expect_equal(request.ip.source, second, "bound source on the wire");
}

/// The port is kept for getpeername() alone, which takes 0 for having no peer.
void a_peer_without_a_port_has_no_name()
{
	Socket socket = connected({peer.address, 0});

	ktap::expect(!peer_of(socket), "getpeername");
	expect_sent(socket, std::nullopt, peer.address, "send");
	ktap::expect_equal(sock::connect(socket, peer), 0, "connect with a port");
	ktap::expect(peer_of(socket) == peer, "getpeername");
}

void any_address_means_loopback()
{
	Socket socket = connected({any, 9});

	ktap::expect(peer_of(socket) == Endpoint{0x7f000001, 9}, "peer");
	ktap::expect_equal(sock::local(socket).address, 0x7f000001U, "source");
	ktap::expect_equal(sock::send(socket, ping::request(2)), 0, "send");
	ktap::expect(sock::receive(socket, 1000).has_value(), "a reply");
	Socket other = fresh();
	ktap::expect_equal(sock::send(other, ping::request(2), Endpoint{any, 0}), 0, "sendto");
	ktap::expect(sock::receive(other, 1000).has_value(), "a reply, unconnected");
}

void sending_elsewhere_while_connected()
{
	Socket socket = connected();

	expect_sent(socket, Endpoint{remote(2), 0}, remote(2), "sendto");
	expect_sent(socket, std::nullopt, peer.address, "send");
	ktap::expect(peer_of(socket) == peer, "peer afterwards");
	// The source is the connection's, even where the route would have had another.
	ktap::expect_equal(sock::connect(socket, {0x7f000002, 1}), 0, "connect");
	ktap::expect_equal(sock::local(socket).address, errors::host, "source");
}

/// A new peer does not change the source that the first one made.
void reconnecting()
{
	Socket socket = connected();
	std::uint16_t id = identifier(socket);
	Endpoint other{remote(3), 11};

	ktap::expect_equal(sock::connect(socket, other), 0, "connect again");
	ktap::expect(peer_of(socket) == other, "peer");
	ktap::expect_equal(identifier(socket), id, "identifier");
	expect_sent(socket, std::nullopt, other.address, "send");
	for (const char *nowhere : {"198.51.100.1", "198.51.100.65"}) {
		ktap::expect(sock::connect(socket, {packet::ipv4(nowhere), 1}) != 0, nowhere);
		ktap::expect(peer_of(socket) == other, "peer after a failure");
		expect_sent(socket, std::nullopt, other.address, "send after a failure");
	}
}

void disconnecting()
{
	Socket chosen = connected();
	std::uint16_t id = identifier(chosen);
	ktap::expect_equal(disconnect(chosen), 0, "disconnect");
	ktap::expect(!peer_of(chosen), "peer");
	ktap::expect(sock::local(chosen) == Endpoint{any, 0}, "neither source nor identifier");
	ktap::expect_equal(sock::send(chosen, ping::request(1)), EDESTADDRREQ, "send");
	ktap::expect_equal(disconnect(chosen), 0, "once more");
	net().send(ping::reply(id));
	ktap::expect(!sock::receive(chosen), "a reply to the former identifier");
	expect_sent(chosen, peer, peer.address, "sendto");
	ktap::expect(identifier(chosen) != 0, "an identifier again");

	// What a program asked for by name stays.
	Socket named = fresh(), addressed = fresh();
	sock::bind(named, {any, 1234});
	sock::bind(addressed, {second, 0});
	for (const Socket *socket : {&named, &addressed}) {
		ktap::expect_equal(sock::connect(*socket, peer), 0, "connect");
		ktap::expect_equal(disconnect(*socket), 0, "disconnect");
	}
	ktap::expect(sock::local(named) == Endpoint{any, 1234}, "identifier by name");
	net().send(ping::reply(1234));
	ktap::expect(sock::receive(named).has_value(), "a reply to it");
	ktap::expect_equal(ping::try_to_bind(named, {any, 1235}), EINVAL, "it is still bound");
	ktap::expect(sock::local(addressed) == Endpoint{second, 0}, "address by name");
	ktap::expect_equal(ping::try_to_bind(addressed, {any, 1236}), 0, "bind again");
	ktap::expect(sock::local(addressed) == Endpoint{any, 1236}, "to something else");

	// As for UDP, the device goes, whoever asked for it.
	Socket device = fresh();
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
		ktap::expect_equal(peer_of(socket).has_value(), row.error == 0, row.to);
		// The identifier is taken before the route is looked for.
		ktap::expect(identifier(socket) != 0, std::string(row.to) + ", identifier");
		ktap::expect_equal(sock::send(sending, ping::request(1), to), row.error,
				   std::string(row.to) + ", sendto");
		ktap::expect(identifier(sending) != 0, std::string(row.to) + ", identifier");
	}
	for (const char *to : {"10.0.0.255", "255.255.255.255"}) {
		Socket socket = fresh();

		sock::set(socket, SOL_SOCKET, SO_BROADCAST, 1);
		ktap::expect_equal(sock::connect(socket, {packet::ipv4(to), 3}), 0, to);
		expect_sent(socket, std::nullopt, packet::ipv4(to), "broadcast");
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
		sockaddr_in address = sock::to_kernel(peer);
		ping::Bytes data = ping::request(1);

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
	ktap::expect(identifier(socket) != 0, "the identifier is taken before");
	ping::Bytes wrong = ping::request(1, {}, packet::Type::echo_reply);
	ktap::expect_equal(sock::send(socket, wrong), EINVAL, "the type is looked at before");
}

/// A broadcast is answered by many: who the peer is narrows down where requests go, and not where replies come from.
void replies_from_others_arrive()
{
	Socket socket = connected();
	packet::Ipv4 reply = ping::reply(identifier(socket), 1, {}, remote(9));

	net().send(reply);
	ktap::expect(sock::receive(socket).has_value(), "from another address");
	reply.destination = second;
	net().send(reply);
	ktap::expect(!sock::receive(socket), "to another address of ours");
}

ssize_t receive_blocking(const Socket &socket)
{
	ping::Bytes data(100);

	return recv(socket.get(), data.data(), data.size(), 0);
}

/// Unconnected, shutdown() fails with ENOTCONN, and does what it says nevertheless.
void shutting_down()
{
	for (bool connect : {true, false}) {
		std::string what = connect ? "connected" : "unconnected";
		int result = connect ? 0 : ENOTCONN;
		auto shut = [&](const Socket &socket, int how, int expected) {
			ktap::expect_equal(shutdown(socket.get(), how) ? errno : 0, expected, what);
		};
		auto make = [&] {
			Socket socket = fresh();
			sock::bind(socket, {any, 4000});
			if (connect)
				ktap::require_equal(sock::connect(socket, peer), 0, "connect");
			return socket;
		};

		Socket socket = make();
		shut(socket, -1, EINVAL);
		shut(socket, 3, EINVAL);
		shut(socket, SHUT_WR, result);
		ktap::expect_equal(sock::send(socket, ping::request(1), peer), EPIPE,
				   what + ", send after SHUT_WR");
		ktap::expect_equal(sock::wait_for(socket, POLLIN | POLLRDHUP), 0,
				   what + ", poll after SHUT_WR");
		net().send(ping::reply(4000));
		ktap::expect(sock::receive(socket).has_value(), what + ", receive after SHUT_WR");
		socket = Socket();

		socket = make();
		shut(socket, SHUT_RD, result);
		expect_sent(socket, peer, peer.address, what + ", send after SHUT_RD");
		ktap::expect_equal(sock::wait_for(socket, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP,
				   what + ", poll after SHUT_RD");
		ktap::expect_equal(receive_blocking(socket), 0, what + ", receive after SHUT_RD");
		ktap::expect(!sock::receive(socket), what + ", EAGAIN where it must not block");
		net().send(ping::reply(4000));
		ktap::expect_equal(receive_blocking(socket), 8, what + ", replies still come");
		shut(socket, SHUT_WR, result);
		ktap::expect_equal(sock::wait_for(socket, 0), POLLHUP, what + ", poll after both");
		shut(socket, SHUT_RDWR, result);
	}
}

void shutting_down_wakes_who_waits()
{
	Socket socket = connected();
	pid_t waiting = host::check(fork(), "fork");
	int status = 0;

	if (waiting == 0)
		_exit(receive_blocking(socket) == 0 ? 0 : 1);
	ktap::expect_equal(shutdown(socket.get(), SHUT_RD), 0, "shutdown");
	host::check(waitpid(waiting, &status, 0), "waitpid");
	ktap::expect_equal(status, 0, "recv() returned 0");
}

void two_processes_share_a_socket()
{
	Socket socket = connected();
	std::uint16_t id = identifier(socket);

	child::run([&] {
		expect_sent(socket, std::nullopt, peer.address, "the child sends");
		ktap::expect_equal(identifier(socket), id, "identifier in the child");
		net().send(ping::reply(id, 1));
		net().send(ping::reply(id, 2));
		ktap::expect_equal(ktap::require_value(sock::receive(socket), "reply"),
				   ping::reply(id, 1).payload, "the child gets the first");
		ktap::expect_equal(sock::connect(socket, {remote(4), 44}), 0, "reconnect");
	});
	// The child's end closed its descriptor, and not the socket.
	ktap::expect_equal(ktap::require_value(sock::receive(socket), "reply"),
			   ping::reply(id, 2).payload, "the parent gets the second");
	ktap::expect(peer_of(socket) == Endpoint{remote(4), 44}, "the child's peer");
	expect_sent(socket, std::nullopt, remote(4), "the parent sends");
}

void closing_while_replies_come()
{
	fresh();
	packet::Bytes frame = net().frame(ping::reply(5000).build());
	pid_t flood = host::check(fork(), "fork");
	constexpr int rounds = 300;
	int received = 0;

	if (flood == 0) {
		for (;;)
			net().send_frame(frame);
	}
	for (int i = 0; i < rounds; i++) {
		Socket socket = sock::ping();

		sock::bind(socket, {any, 5000});
		received += sock::receive(socket, 2000).has_value();
	}
	kill(flood, SIGKILL);
	waitpid(flood, nullptr, 0);
	ktap::expect_equal(received, rounds, "sockets that got a reply");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"connecting_chooses_peer_source_and_identifier",
			   connecting_chooses_peer_source_and_identifier},
			  {"a_peer_without_a_port_has_no_name", a_peer_without_a_port_has_no_name},
			  {"any_address_means_loopback", any_address_means_loopback},
			  {"sending_elsewhere_while_connected", sending_elsewhere_while_connected},
			  {"reconnecting", reconnecting},
			  {"disconnecting", disconnecting},
			  {"what_cannot_be_connected_to", what_cannot_be_connected_to},
			  {"families_and_lengths", families_and_lengths},
			  {"replies_from_others_arrive", replies_from_others_arrive},
			  {"shutting_down", shutting_down},
			  {"shutting_down_wakes_who_waits", shutting_down_wakes_who_waits},
			  {"two_processes_share_a_socket", two_processes_share_a_socket},
			  {"closing_while_replies_come", closing_while_replies_come}});
}
