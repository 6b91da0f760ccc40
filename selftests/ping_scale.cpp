// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets in numbers, of both families: every identifier taken, and more sockets than there are identifiers. The built-in
// family has no more than one socket for each identifier, so what is beyond that needs icmpx.

#include "lib/counters.hpp"
#include "lib/pinger.hpp"
#include "lib/volume.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

namespace {

using packet::Bytes;
using pinger::V4;
using pinger::V6;
using sock::Socket;

constexpr unsigned identifiers = 65535;

/// More sockets than there are identifiers; a debug kernel needs four times as much memory for each.
unsigned many() { return static_cast<unsigned>(volume::count("PING_SOCKETS", 200000, 70000)); }

/// 11.0.0.1 and on, or 2001:db8::b00:1 and on: everybody is reachable over the wire.
template <typename F> typename F::Address peer(unsigned n)
{
	const std::uint32_t number = 0x0b000001U + n;

	if constexpr (F::is_ipv6) {
		typename F::Address address = F::remote(0);

		for (unsigned i = 0; i < 4; i++)
			address[15 - i] = static_cast<std::uint8_t>(number >> 8 * i);
		return address;
	} else {
		return number;
	}
}

/// Of a request that came by that, a reply has another source.
template <typename F> typename F::Address group()
{
	if constexpr (F::is_ipv6)
		return {0xff, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	else
		return 0xe0000001;
}

void allow_open_files(rlim_t count)
{
	const rlimit limit{count, count};

	host::check(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
}

template <typename F> std::vector<Socket> open_connected(unsigned first, unsigned count)
{
	std::vector<Socket> sockets;

	sockets.reserve(count);
	for (unsigned i = first; i < first + count; i++) {
		sockets.push_back(F::open());
		ktap::require_equal(connect(sockets.back(), typename F::Endpoint{peer<F>(i), 0}), 0,
				    "connect, socket " + std::to_string(i));
	}
	return sockets;
}

Bytes data_of(unsigned n)
{
	Bytes data;

	packet::put32(data, n);
	return data;
}

template <typename F>
void deliver(const wire::Wire &net, const Socket &socket, unsigned n,
	     const typename F::Address &from)
{
	net.send(pinger::reply<F>(pinger::identifier<F>(socket), 1, data_of(n), from));
}

/// Expects exactly the one message that was meant for this socket.
void expect_own(const Socket &socket, unsigned n)
{
	const std::string what = "socket " + std::to_string(n);
	auto message = sock::receive(socket);

	if (!ktap::expect(message.has_value(), what + ": its reply"))
		return;
	message->erase(message->begin(), message->begin() + 8);
	ktap::expect_equal(*message, data_of(n), what + ": data");
	ktap::expect(!sock::receive(socket), what + ": nothing else");
}

template <typename F> void every_identifier_once()
{
	wire::Wire net = pinger::new_network<F>();
	allow_open_files(identifiers + 100);
	std::vector<Socket> sockets;
	std::set<std::uint16_t> seen;

	for (unsigned i = 0; i < identifiers; i++) {
		sockets.push_back(F::open());
		ktap::require_equal(pinger::try_to_bind<F>(sockets.back(), {F::any, 0}), 0, "bind");
		seen.insert(pinger::identifier<F>(sockets.back()));
	}
	ktap::expect_equal(seen.size(), identifiers, "different identifiers");
	ktap::expect_equal(seen.count(0), 0, "identifier 0");

	Socket more = F::open();
	ktap::expect_equal(pinger::try_to_bind<F>(more, {F::any, 0}), EADDRINUSE,
			   "bind, all are taken");
	ktap::expect_equal(connect(more, typename F::Endpoint{peer<F>(0), 0}), EAGAIN,
			   "connect, all are taken");
	ktap::expect_equal(pinger::send<F>(more, pinger::request<F>(1), {peer<F>(0), 0}, {}),
			   EAGAIN, "send, all are taken");
	ktap::expect_equal(pinger::identifier<F>(more), 0, "its identifier");

	const std::uint16_t freed = pinger::identifier<F>(sockets[1234]);
	sockets[1234] = Socket();
	ktap::expect_equal(pinger::try_to_bind<F>(more, {F::any, 0}), 0, "bind, one is free");
	ktap::expect_equal(pinger::identifier<F>(more), freed, "the one that was freed");
}

template <typename F> void more_connected_than_identifiers()
{
	F::need_icmpx();
	wire::Wire net = pinger::new_network<F>();
	const unsigned count = many();
	allow_open_files(count + 100);
	std::vector<Socket> sockets = open_connected<F>(0, count);
	std::map<std::uint16_t, unsigned> sharers;

	for (const Socket &socket : sockets)
		sharers[pinger::identifier<F>(socket)]++;
	ktap::expect_equal(sharers.size(), identifiers, "identifiers in use");
	ktap::expect_equal(sharers.count(0), 0, "identifier 0");

	typename F::Change change;
	for (unsigned i = 0; i < count; i++)
		deliver<F>(net, sockets[i], i, peer<F>(i));
	for (unsigned i = 0; i < count; i++)
		expect_own(sockets[i], i);
	change.expect_outcomes({{"deliver_ping", count}}, "outcomes");
	ktap::expect_equal(ping::listed(pinger::list_path<F>()).size(), count, "lines of the list");
}

/// Two sockets that share an identifier, which takes as many as there are identifiers to get.
template <typename F> struct Sharers {
	Sharers() : net(pinger::new_network<F>())
	{
		allow_open_files(identifiers + 100);
		sockets = open_connected<F>(0, identifiers + 1);
		last = sockets.size() - 1;
		while (pinger::identifier<F>(sockets[other]) !=
		       pinger::identifier<F>(sockets[last]))
			other++;
		ktap::require(other < last, "another socket has the identifier");
	}

	/// The error that a router sends about what socket @p n sent.
	Bytes error_about(std::size_t n) const
	{
		return pinger::sent<F>(pinger::identifier<F>(sockets[n]),
				       peer<F>(static_cast<unsigned>(n)));
	}

	wire::Wire net;
	std::vector<Socket> sockets;
	std::size_t last = 0, other = 0;
};

template <typename F> void sharing_an_identifier()
{
	F::need_icmpx();
	Sharers<F> made;
	const Socket &a = made.sockets[made.last], &b = made.sockets[made.other];

	{
		typename F::Change change;

		deliver<F>(made.net, a, 1, peer<F>(identifiers + 7));
		ktap::expect(!sock::receive(a) && !sock::receive(b), "a third party's reply");
		change.expect_outcomes({{"drop_ambiguous", 1}}, "a third party's reply");
	}
	for (const Socket *socket : {&a, &b})
		sock::set(*socket, F::level, F::recverr, 1);
	for (std::size_t n : {made.last, made.other}) {
		made.net.send(F::report(F::Type::time_exceeded, 0, 0, made.error_about(n)));
		ktap::expect_equal(F::next_error(a).has_value(), n == made.last, "error, one");
		ktap::expect_equal(F::next_error(b).has_value(), n == made.other,
				   "error, the other");
		sock::forget_errors(a);
		sock::forget_errors(b);
	}

	// Who shares an identifier is known by his peer, and keeps him or gives the identifier up.
	ktap::expect_equal(connect(a, typename F::Endpoint{peer<F>(identifiers + 9), 0}),
			   EADDRINUSE, "another peer");
	ktap::expect_equal(connect(a, typename F::Endpoint{peer<F>(identifiers), 0}), 0,
			   "the same peer");
	deliver<F>(made.net, a, 5, peer<F>(identifiers));
	expect_own(a, 5);
	sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};
	host::check(connect(a.get(), &none, sizeof(none)), "disconnect");
	ktap::expect_equal(pinger::identifier<F>(a), 0, "identifier after disconnecting");
	ktap::expect_equal(connect(a, typename F::Endpoint{peer<F>(identifiers + 9), 0}), 0,
			   "connecting anew");
	deliver<F>(made.net, a, 6, peer<F>(identifiers + 9));
	expect_own(a, 6);

	// Left alone with an identifier, a socket gets what comes from any address again.
	const std::uint16_t id = pinger::identifier<F>(a);
	for (Socket &socket : made.sockets)
		if (&socket != &a && pinger::identifier<F>(socket) == id)
			socket = Socket();
	deliver<F>(made.net, a, 7, peer<F>(identifiers + 7));
	expect_own(a, 7);
}

template <typename F> void what_needs_an_identifier_of_its_own()
{
	F::need_icmpx();
	Sharers<F> made;
	Socket socket = F::open();

	ktap::expect_equal(pinger::try_to_bind<F>(socket, {F::server, 0}), EADDRINUSE, "bind");
	ktap::expect_equal(connect(socket, typename F::Endpoint{group<F>(), 0}), EAGAIN,
			   "connect, multicast");
	if constexpr (!F::is_ipv6) {
		sock::set(socket, SOL_SOCKET, SO_BROADCAST, 1);
		ktap::expect_equal(connect(socket, typename F::Endpoint{F::many, 0}), EAGAIN,
				   "connect, broadcast");
	}
	ktap::expect_equal(pinger::send<F>(socket, pinger::request<F>(1), {peer<F>(1), 0}, {}),
			   EAGAIN, "send");
	ktap::expect_equal(pinger::identifier<F>(socket), 0, "identifier");
	// An address can be bound without one, which connect() then finds.
	sock::set(socket, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	ktap::expect_equal(pinger::try_to_bind<F>(socket, {F::server, 0}), 0,
			   "bind, IP_BIND_ADDRESS_NO_PORT");
	ktap::expect_equal(connect(socket, typename F::Endpoint{peer<F>(identifiers + 20), 0}), 0,
			   "connect");
	ktap::expect_equal(F::local(socket).address, F::server, "local address");
	deliver<F>(made.net, socket, 3, peer<F>(identifiers + 20));
	expect_own(socket, 3);

	// A socket that asks for an identifier gets it, by SO_REUSEADDR, and what comes with it.
	Socket asking = F::open();
	const std::uint16_t shared = pinger::identifier<F>(made.sockets[made.last]);
	ktap::expect_equal(pinger::try_to_bind<F>(asking, {F::any, shared}), 0,
			   "bind to a shared one");
	deliver<F>(made.net, asking, 4, peer<F>(identifiers));
	expect_own(asking, 4);
}

/// As many bytes as a read() gives, at a position.
std::string read_at(int fd, off_t position)
{
	std::string text(4096, '\0');
	ssize_t size = host::check(static_cast<int>(pread(fd, text.data(), text.size(), position)),
				   "pread");

	text.resize(static_cast<std::size_t>(size));
	return text;
}

void the_list_is_seekable()
{
	wire::Wire net = pinger::new_network<V4>();
	std::vector<Socket> sockets = open_connected<V4>(0, 500);
	host::Descriptor file(
		host::check(open(pinger::list_path<V4>().c_str(), O_RDONLY | O_CLOEXEC), "open"));
	std::string whole, piece;

	while (!(piece = read_at(file.get(), static_cast<off_t>(whole.size()))).empty())
		whole += piece;
	ktap::expect_equal(whole.size(), 501 * 128, "bytes, of lines of 128");
	for (off_t position : {60000, 128, 0, 127, 33333, 64000}) {
		piece = read_at(file.get(), position);
		ktap::expect(piece ==
				     whole.substr(static_cast<std::size_t>(position), piece.size()),
			     "what is at " + std::to_string(position));
	}
	ktap::expect(read_at(file.get(), static_cast<off_t>(whole.size())).empty(), "the end");
}

template <typename F> void the_list_while_sockets_come_and_go()
{
	F::need_icmpx();
	wire::Wire net = pinger::new_network<F>();
	std::vector<Socket> staying = open_connected<F>(0, 300),
			    going = open_connected<F>(1000, 300);
	std::map<unsigned long, unsigned> seen;
	host::Descriptor file(
		host::check(open(pinger::list_path<F>().c_str(), O_RDONLY | O_CLOEXEC), "open"));
	std::string text;
	char buffer[1024];
	ssize_t size = 0;

	for (unsigned n = 0; (size = read(file.get(), buffer, sizeof(buffer))) > 0; n++) {
		text.append(buffer, static_cast<std::size_t>(size));
		// Some go that were shown already, some that were not, and some come.
		if (n < going.size() / 2) {
			going[n] = Socket();
			going[going.size() - 1 - n] = Socket();
			staying.push_back(std::move(open_connected<F>(2000 + n, 1).front()));
		}
	}
	host::check(static_cast<int>(size), "read");
	std::istringstream lines(text);
	std::string line, word;
	std::getline(lines, line);
	while (std::getline(lines, line)) {
		std::istringstream words(line);
		for (int column = 0; column < 10; column++)
			words >> word;
		seen[std::stoul(word)]++;
	}
	for (unsigned i = 0; i < 300; i++) {
		struct stat status {};

		host::check(fstat(staying[i].get(), &status), "fstat");
		ktap::expect_equal(seen[status.st_ino], 1,
				   "times that socket " + std::to_string(i) + " is listed");
	}
}

/// The shortest of a few times, since this machine may have had other things to do in one of them.
template <typename F> double seconds_to_read_list()
{
	using seconds = std::chrono::duration<double>;
	seconds shortest = seconds::max();

	for (int i = 0; i < 4; i++) {
		const auto begin = std::chrono::steady_clock::now();

		host::read_file(pinger::list_path<F>());
		shortest = std::min<seconds>(shortest, std::chrono::steady_clock::now() - begin);
	}
	return shortest.count();
}

/// Ten times the sockets are read in about ten times the time; looking for the place again after each page would take
/// a hundred times.
template <typename F> void the_list_is_linear()
{
	F::need_icmpx();
	wire::Wire net = pinger::new_network<F>();
	allow_open_files(40100);
	std::vector<Socket> few = open_connected<F>(0, 4000);
	double short_list = seconds_to_read_list<F>();
	std::vector<Socket> more = open_connected<F>(4000, 36000);
	double long_list = seconds_to_read_list<F>();

	ktap::say(std::to_string(short_list) + " s for 4,000, " + std::to_string(long_list) +
		  " s for 40,000");
	ktap::expect(long_list < 30 * short_list, "less than 30 times as long");
}

template <typename F> void namespaces_have_identifiers_of_their_own()
{
	wire::Wire here = pinger::new_network<F>();
	Socket first = F::open();
	ktap::require_equal(pinger::try_to_bind<F>(first, {F::any, 77}), 0, "bind");
	host::Namespace home = host::Namespace::current();
	wire::Wire there = pinger::new_network<F>();
	Socket second = F::open();

	sock::set(second, SOL_SOCKET, SO_REUSEADDR, 0);
	ktap::require_equal(pinger::try_to_bind<F>(second, {F::any, 77}), 0,
			    "bind in another namespace");
	deliver<F>(there, second, 2, peer<F>(0));
	expect_own(second, 2);
	ktap::expect(!sock::receive(first), "the namespace where it did not come in");
	home.enter();
	deliver<F>(here, first, 1, peer<F>(0));
	expect_own(first, 1);
	ktap::expect(!sock::receive(second), "the other namespace");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"every_identifier_once", every_identifier_once<F>},
		{"more_connected_than_identifiers", more_connected_than_identifiers<F>},
		{"sharing_an_identifier", sharing_an_identifier<F>},
		{"what_needs_an_identifier_of_its_own", what_needs_an_identifier_of_its_own<F>},
		{"the_list_while_sockets_come_and_go", the_list_while_sockets_come_and_go<F>},
		{"the_list_is_linear", the_list_is_linear<F>},
		{"namespaces_have_identifiers_of_their_own",
		 namespaces_have_identifiers_of_their_own<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back({"the_list_is_seekable", the_list_is_seekable});
	return ktap::run(argc, argv, all);
}
