// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: what may be sent, and what is on the wire then, byte for byte.

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/uio.h>

namespace {

using errors::remote;
using packet::Bytes;
using packet::Ipv4;
using packet::Type;
using packet::View;
using ping::Endpoint;
using ping::identifier;
using ping::Socket;

constexpr std::size_t mtu = 1500;
constexpr std::size_t headers = 28;
constexpr Endpoint peer{remote(1), 0};
/// Behind a route with an MTU of its own.
constexpr Endpoint narrow{remote(2), 0};
constexpr std::size_t narrow_mtu = 1004;
/// With the ICMP header, what fits an IPv4 datagram.
constexpr std::size_t largest = 65535 - 20;

const wire::Wire &net()
{
	static const wire::Wire wire = [] {
		wire::Wire made = ping::new_network(mtu);

		host::run("ip route add " + errors::text(narrow.address) + " dev wire0 mtu " +
			  std::to_string(narrow_mtu));
		return made;
	}();
	return wire;
}

Socket fresh()
{
	net().receive_all(wire::milliseconds(0));
	return sock::ping();
}

/// Sends with @p flags; returns 0 or the errno.
int send_with(const Socket &socket, View message, int flags)
{
	sockaddr_in name = sock::to_kernel(peer);

	return sendto(socket.get(), message.data(), message.size(), flags,
		      reinterpret_cast<const sockaddr *>(&name), sizeof(name)) < 0
		       ? errno
		       : 0;
}

void expect_silence(const std::string &what, const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(net().receive_all().size(), 0U, what + ", datagrams", where);
}

/// Expects that @p message came out as the request of @p socket to @p to, in fragments of at most @p size bytes.
void expect_on_wire(const Socket &socket, View message, const Endpoint &to, bool df,
		    std::size_t size, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	packet::Icmp request = packet::echo_request(identifier(socket), packet::get16(message, 6),
						    Bytes(message.begin() + 8, message.end()));
	request.type = message[0];
	Ipv4 expected = errors::sent(IPPROTO_ICMP, errors::host, to.address, request.build());
	expected.df = df;
	auto first = ktap::require_value(net().receive(), what, where);
	expected.id = first.id;
	std::vector<Ipv4> parts = net().receive_all();
	parts.insert(parts.begin(), std::move(first));

	std::vector<Ipv4> expected_parts = packet::fragment(expected, size);
	ktap::require_equal(parts.size(), expected_parts.size(), what + ", fragments", where);
	for (std::size_t i = 0; i < parts.size(); i++) {
		std::string which = what + ", fragment " + std::to_string(i);

		ktap::expect(parts[i].checksum_right, which + ", header checksum", where);
		ktap::expect_equal(parts[i].build(), expected_parts[i].build(), which, where);
	}
}

void only_requests_may_be_sent()
{
	Socket socket = fresh();

	for (int type = 0; type < 256; type++) {
		bool good = type == Type::echo || type == Type::extended_echo;
		Bytes message = ping::request(1, {}, static_cast<std::uint8_t>(type));

		std::string what = "type " + std::to_string(type);
		ktap::expect_equal(sock::send(socket, message, peer), good ? 0 : EINVAL, what);
		if (good)
			expect_on_wire(socket, message, peer, true, mtu, what);
		for (std::uint8_t code : {1, 255}) {
			message[1] = code;
			ktap::expect_equal(sock::send(socket, message, peer), EINVAL,
					   what + " with a code");
		}
	}
	expect_silence("after all that was refused");
}

void lengths_that_are_refused()
{
	Socket socket = fresh();
	Bytes message = ping::request(1, packet::pattern(65536));

	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	for (std::size_t size = 0; size < 8; size++)
		ktap::expect_equal(sock::send(socket, View(message).first(size), peer), EINVAL,
				   std::to_string(size) + " bytes");
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "errors in the queue");
	// IP refuses what would not fit its length, and reports the MTU.
	for (std::size_t size : {largest + 1, std::size_t{65535}}) {
		std::string what = std::to_string(size) + " bytes";

		ktap::expect_equal(sock::send(socket, View(message).first(size), peer), EMSGSIZE,
				   what);
		auto error = ktap::require_value(sock::next_error(socket), what);
		ktap::expect_equal(error.number, EMSGSIZE, what + ", ee_errno");
		ktap::expect_equal(error.info, mtu, what + ", ee_info");
	}
	// The socket itself refuses what is beyond, and reports nothing.
	for (std::size_t size : {65536U, 65540U}) {
		ktap::expect_equal(sock::send(socket, View(message).first(size), peer), EMSGSIZE,
				   std::to_string(size) + " bytes");
		ktap::expect_equal(sock::wait_for(socket, 0), 0, "errors in the queue");
	}
	expect_silence("after all that was refused");
}

/// When there is more than one reason to refuse.
void what_is_looked_at_first()
{
	Socket socket = fresh();
	Bytes wrong(65536, 0xff);

	ktap::expect_equal(send_with(socket, ping::request(1), MSG_OOB), EOPNOTSUPP, "MSG_OOB");
	ktap::expect_equal(send_with(socket, wrong, MSG_OOB), EMSGSIZE, "length before MSG_OOB");
	ktap::expect_equal(send_with(socket, View(wrong).first(7), MSG_OOB), EINVAL,
			   "shortness before MSG_OOB");
	ktap::expect_equal(send_with(socket, View(wrong).first(8), MSG_OOB), EOPNOTSUPP,
			   "MSG_OOB before the type");
	ktap::expect_equal(sock::send(socket, View(wrong).first(8)), EINVAL,
			   "the type before the address");
	expect_silence("after all that was refused");
}

void identifier_and_checksum_are_the_kernels()
{
	Socket socket = fresh();
	Bytes message = ping::request(0xbeef, packet::pattern(33));

	sock::bind(socket, {0, 0x1ff1});
	for (std::size_t at : {2, 3, 4, 5})
		message[at] = 0xa5;
	ktap::expect_equal(sock::send(socket, message, peer), 0, "send");
	expect_on_wire(socket, message, peer, true, mtu, "with both overwritten");

	// Where the sum of all else is 0xffff, the field is 0.
	Bytes zero = ping::request(0xffff - 0x0800 - 0x1ff1, Bytes(10));
	ktap::expect_equal(sock::send(socket, zero, peer), 0, "send");
	auto datagram = ktap::require_value(net().receive(), "request");
	ktap::expect_equal(packet::get16(datagram.payload, 2), 0, "checksum");
	ktap::expect_equal(packet::checksum(datagram.payload), 0, "sum of all");
}

void sizes()
{
	Socket socket = fresh();

	for (std::size_t size :
	     {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{55},
	      std::size_t{56}, std::size_t{57}, std::size_t{999}, mtu - headers - 1, mtu - headers,
	      mtu - headers + 1, std::size_t{3000}, std::size_t{3001}, std::size_t{9999},
	      largest - 9, largest - 8}) {
		std::string what = std::to_string(size) + " bytes of data";
		Bytes message =
			ping::request(static_cast<std::uint16_t>(size), packet::pattern(size, 3));

		for (std::uint8_t type : {Type::echo, Type::extended_echo}) {
			message[0] = type;
			ktap::expect_equal(sock::send(socket, message, peer), 0, what);
			// Fragments are made here: there is nothing that DF could forbid others.
			expect_on_wire(socket, message, peer, headers + size <= mtu, mtu, what);
		}
	}
}

void messages_in_pieces()
{
	Socket socket = fresh();
	Bytes message = ping::request(7, packet::pattern(2000));

	ktap::require_equal(sock::connect(socket, {peer.address, 0}), 0, "connect");
	// Odd pieces, the first of which end within the header.
	const std::size_t sizes[]{3, 0, 4, 2, 1, 990, 7, 1001};
	std::vector<iovec> pieces;
	std::size_t at = 0;
	for (std::size_t size : sizes) {
		pieces.push_back({message.data() + at, size});
		at += size;
	}
	ktap::require_equal(at, message.size(), "sum of the pieces");
	ktap::expect_equal(writev(socket.get(), pieces.data(), static_cast<int>(pieces.size())),
			   message.size(), "writev");
	expect_on_wire(socket, message, peer, false, mtu, "in pieces");

	mmsghdr both[2]{};
	iovec wholes[2]{{message.data(), 100}, {message.data(), 200}};
	for (std::size_t i : {0, 1}) {
		both[i].msg_hdr.msg_iov = &wholes[i];
		both[i].msg_hdr.msg_iovlen = 1;
	}
	ktap::expect_equal(sendmmsg(socket.get(), both, 2, 0), 2, "sendmmsg");
	for (std::size_t i : {0, 1}) {
		auto request = ktap::require_value(wire::next_answer(net()), "request");
		ktap::expect_equal(both[i].msg_len, wholes[i].iov_len, "msg_len");
		ktap::expect_equal(request.icmp.data.size(), wholes[i].iov_len - 8, "data");
	}
}

void memory_that_is_not_there()
{
	Socket socket = fresh();
	auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
	void *pages =
		mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ktap::require(pages != MAP_FAILED, "mmap");
	auto *bytes = static_cast<std::uint8_t *>(pages);
	host::check(mprotect(bytes + page, page, PROT_NONE), "mprotect");

	for (std::size_t there : {0U, 4U, 8U, 100U, 2000U}) {
		std::uint8_t *begin = bytes + page - there;

		if (there)
			*begin = Type::echo;
		ktap::expect_equal(sock::send(socket, View(begin, 3000), peer), EFAULT,
				   std::to_string(there) + " bytes that can be read");
	}
	munmap(pages, 2 * page);
	expect_silence("of what could not be read");
	ktap::expect_equal(sock::send(socket, ping::request(1), peer), 0, "send afterwards");
	expect_on_wire(socket, ping::request(1), peer, true, mtu, "send afterwards");
}

/// Connected sockets count; others leave it open where nobody needs to know fragments apart.
void identification()
{
	Socket connected = fresh();
	ktap::require_equal(sock::connect(connected, peer), 0, "connect");
	std::vector<std::uint16_t> ids;
	for (int i = 0; i < 3; i++) {
		ktap::expect_equal(sock::send(connected, ping::request(1)), 0, "send");
		ids.push_back(ktap::require_value(net().receive(), "request").id);
	}
	ktap::expect_equal(static_cast<std::uint16_t>(ids[1] - ids[0]), 1, "second");
	ktap::expect_equal(static_cast<std::uint16_t>(ids[2] - ids[1]), 1, "third");

	Socket other = fresh();
	sock::set(other, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	ktap::expect_equal(sock::send(other, ping::request(1), peer), 0, "send");
	ktap::expect_equal(ktap::require_value(net().receive(), "request").id, 0,
			   "of what must not be fragmented");
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

constexpr Discovery discoveries[]{
	{IP_PMTUDISC_DONT, "DONT", false, true, true},
	{IP_PMTUDISC_WANT, "WANT", true, true, true},
	{IP_PMTUDISC_DO, "DO", true, false, true},
	{IP_PMTUDISC_PROBE, "PROBE", true, false, false},
	{IP_PMTUDISC_INTERFACE, "INTERFACE", false, false, false},
	{IP_PMTUDISC_OMIT, "OMIT", false, true, false},
};

/// Loopback's MTU and its pages: more than some 16 KiB are not copied into one piece of memory.
void in_pages()
{
	const Socket socket = fresh();

	for (std::size_t size : {std::size_t{16000}, std::size_t{20001}, std::size_t{65499}}) {
		const Bytes data = packet::pattern(size);
		const std::string what = std::to_string(size) + " bytes";

		ktap::require_equal(sock::send(socket, ping::request(1, data), {{0x7f000001, 0}}),
				    0, "send, " + what);
		const Bytes reply =
			ktap::require_value(sock::receive(socket, 1000), "a reply to " + what);
		ktap::expect(std::ranges::equal(std::span(reply).subspan(8), data), what);
	}
}

void mtu_discovery()
{
	auto expect_one = [](const Discovery &mode, const Endpoint &to, std::size_t limit,
			     std::size_t size) {
		Socket socket = fresh();
		std::string what = std::string(mode.name) + ", " + std::to_string(size) + " of " +
				   std::to_string(limit) + " bytes";
		Bytes message = ping::request(1, packet::pattern(size - headers));

		sock::set(socket, SOL_IP, IP_MTU_DISCOVER, mode.mode);
		bool passes = size <= limit || mode.fragments;
		ktap::expect_equal(sock::send(socket, message, to), passes ? 0 : EMSGSIZE, what);
		ktap::expect_equal(sock::wait_for(socket, 0), 0,
				   what + ", nobody asked for errors");
		if (passes) {
			expect_on_wire(socket, message, to, mode.df && size <= limit, limit, what);
			return;
		}
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
		ktap::expect_equal(sock::send(socket, message, to), EMSGSIZE, what);
		ktap::expect_equal(sock::wait_for(socket, 0), POLLERR, what + ", POLLERR");
		ktap::expect_equal(sock::take_error(socket), 0, what + ", SO_ERROR");
		auto error = ktap::require_value(sock::next_error(socket), what);
		ktap::expect_equal(error.number, EMSGSIZE, what + ", ee_errno");
		ktap::expect_equal(error.origin, SO_EE_ORIGIN_LOCAL, what + ", ee_origin");
		ktap::expect_equal(error.type, 0, what + ", ee_type");
		ktap::expect_equal(error.info, limit, what + ", ee_info");
		ktap::expect_equal(error.destination.address, to.address, what + ", destination");
		ktap::expect_equal(error.payload.size(), 0U, what + ", payload");
		expect_silence(what);
	};

	for (const Discovery &mode : discoveries) {
		for (std::size_t size : {mtu, mtu + 1})
			expect_one(mode, peer, mtu, size);
		std::size_t limit = mode.by_route ? narrow_mtu : mtu;
		for (std::size_t size : {narrow_mtu, narrow_mtu + 1, mtu + 1})
			expect_one(mode, narrow, limit, size);
	}
}

/// A port means nothing to ICMP, but one that was given to connect(2) is told again.
void too_long_for_the_peer()
{
	Socket socket = fresh();
	const Endpoint to{remote(1), 7};

	ktap::require_equal(sock::connect(socket, to), 0, "connect");
	sock::set(socket, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	sock::set(socket, SOL_IP, IP_RECVERR, 1);
	ktap::expect_equal(sock::send(socket, ping::request(1, packet::pattern(3000))), EMSGSIZE,
			   "send");
	auto error = ktap::require_value(sock::next_error(socket), "an error");
	ktap::expect_equal(error.destination.address, to.address, "its address");
	ktap::expect_equal(error.destination.port, to.port, "its port");
}

void a_send_buffer_that_is_too_small()
{
	Socket socket = fresh();
	Bytes message = ping::request(1, packet::pattern(60000));

	sock::set(socket, SOL_SOCKET, SO_SNDBUF, 0);
	ktap::expect_equal(sock::send(socket, message, peer), ENOBUFS, "many fragments");
	expect_silence("of the fragments that did fit");
	ktap::expect_equal(sock::send(socket, ping::request(2), peer), 0, "a small one");
	expect_on_wire(socket, ping::request(2), peer, true, mtu, "a small one");
}

void counters_of_what_was_sent()
{
	Socket socket = fresh();
	counters::Change change;

	ktap::expect_equal(sock::send(socket, ping::request(1), peer), 0, "echo");
	change.expect_icmp({{"Icmp.OutMsgs", 1}, {"Icmp.OutEchos", 1}, {"IcmpMsg.OutType8", 1}},
			   "echo");
	change.restart();
	ktap::expect_equal(sock::send(socket, ping::request(1, {}, Type::extended_echo), peer), 0,
			   "extended echo");
	change.expect_icmp({{"Icmp.OutMsgs", 1}, {"IcmpMsg.OutType42", 1}}, "extended echo");
	change.restart();
	ktap::expect_equal(sock::send(socket, ping::request(1, packet::pattern(3000)), peer), 0,
			   "in fragments");
	change.expect_icmp({{"Icmp.OutMsgs", 1}, {"Icmp.OutEchos", 1}, {"IcmpMsg.OutType8", 1}},
			   "in fragments");
	change.restart();
	ktap::expect_equal(sock::send(socket, ping::request(1, {}, Type::timestamp), peer), EINVAL,
			   "what is refused");
	change.expect_icmp({}, "what is refused");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"only_requests_may_be_sent", only_requests_may_be_sent},
			  {"lengths_that_are_refused", lengths_that_are_refused},
			  {"what_is_looked_at_first", what_is_looked_at_first},
			  {"identifier_and_checksum_are_the_kernels",
			   identifier_and_checksum_are_the_kernels},
			  {"sizes", sizes},
			  {"messages_in_pieces", messages_in_pieces},
			  {"memory_that_is_not_there", memory_that_is_not_there},
			  {"identification", identification},
			  {"in_pages", in_pages},
			  {"mtu_discovery", mtu_discovery},
			  {"too_long_for_the_peer", too_long_for_the_peer},
			  {"a_send_buffer_that_is_too_small", a_send_buffer_that_is_too_small},
			  {"counters_of_what_was_sent", counters_of_what_was_sent}});
}
