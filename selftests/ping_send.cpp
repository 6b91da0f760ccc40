// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: what may be sent, and what is on the wire then, byte for byte. What is larger than an MTU is in ping_mtu.

#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/uio.h>

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
/// With the ICMP header, what fits a datagram.
template <typename F> constexpr std::size_t largest = F::is_ipv6 ? 65535 : 65535 - F::header;

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>(mtu);
	return wire;
}

template <typename F> Socket fresh()
{
	net<F>().template receive_all<typename F::Datagram>(wire::milliseconds(0));
	return F::open();
}

/// Sends with @p flags; returns 0 or the errno.
template <typename F> int send_with(const Socket &socket, View message, int flags)
{
	const typename F::Name name = F::to_kernel(peer<F>);

	return sendto(socket.get(), message.data(), message.size(), flags,
		      reinterpret_cast<const sockaddr *>(&name), sizeof(name)) < 0
		       ? errno
		       : 0;
}

template <typename F>
void expect_silence(const std::string &what, const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(net<F>().template receive_all<typename F::Datagram>().size(), 0U,
			   what + ", datagrams", where);
}

template <typename F>
void expect_on_wire(const Socket &socket, View message, bool df, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	pinger::expect_on_wire<F>(net<F>(), socket, message, peer<F>.address, df, mtu, what, where);
}

template <typename F> void only_requests_may_be_sent()
{
	Socket socket = fresh<F>();

	for (int type = 0; type < 256; type++) {
		bool good = type == F::Type::echo || type == F::Type::extended_echo;
		Bytes message = pinger::request<F>(1, {}, static_cast<std::uint8_t>(type));

		std::string what = "type " + std::to_string(type);
		ktap::expect_equal(send(socket, message, peer<F>), good ? 0 : EINVAL, what);
		if (good)
			expect_on_wire<F>(socket, message, true, what);
		for (std::uint8_t code : {1, 255}) {
			message[1] = code;
			ktap::expect_equal(send(socket, message, peer<F>), EINVAL,
					   what + " with a code");
		}
	}
	expect_silence<F>("after all that was refused");
}

/// When there is more than one reason to refuse.
template <typename F> void what_is_looked_at_first()
{
	Socket socket = fresh<F>();
	Bytes wrong(65536, 0xff);

	ktap::expect_equal(send_with<F>(socket, pinger::request<F>(1), MSG_OOB), EOPNOTSUPP,
			   "MSG_OOB");
	ktap::expect_equal(send_with<F>(socket, wrong, MSG_OOB), EMSGSIZE, "length before MSG_OOB");
	ktap::expect_equal(send_with<F>(socket, View(wrong).first(7), MSG_OOB), EINVAL,
			   "shortness before MSG_OOB");
	ktap::expect_equal(send_with<F>(socket, View(wrong).first(8), MSG_OOB), EOPNOTSUPP,
			   "MSG_OOB before the type");
	ktap::expect_equal(sock::send(socket, View(wrong).first(8)), EINVAL,
			   "the type before the address");
	expect_silence<F>("after all that was refused");
}

template <typename F> void identifier_and_checksum_are_the_kernels()
{
	Socket socket = fresh<F>();
	Bytes message = pinger::request<F>(0xbeef, packet::pattern(33));

	bind(socket, typename F::Endpoint{F::any, 0x1ff1});
	for (std::size_t at : {2, 3, 4, 5})
		message[at] = 0xa5;
	ktap::expect_equal(send(socket, message, peer<F>), 0, "send");
	expect_on_wire<F>(socket, message, true, "with both overwritten");

	// Where the sum of all else is 0xffff, the field is 0. What the checksum would be without a sequence number makes it so.
	const Bytes data(10);
	const auto without = F::between(F::echo(0x1ff1, 0, data), F::server, peer<F>.address);
	const Bytes zero = pinger::request<F>(packet::get16(without.payload, 2), data);
	ktap::expect_equal(send(socket, zero, peer<F>), 0, "send");
	auto request = ktap::require_value(family::next_answer<F>(net<F>()), "request");
	ktap::expect_equal(packet::get16(request.ip.payload, 2), 0, "checksum");
}

template <typename F> void sizes()
{
	Socket socket = fresh<F>();

	for (std::size_t size :
	     {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{55},
	      std::size_t{56}, std::size_t{57}, std::size_t{999}, mtu - headers<F> - 1,
	      mtu - headers<F>, mtu - headers<F> + 1, std::size_t{3000}, std::size_t{3001},
	      std::size_t{9999}, largest<F> - 9, largest<F> - 8}) {
		std::string what = std::to_string(size) + " bytes of data";
		Bytes message = pinger::request<F>(static_cast<std::uint16_t>(size),
						   packet::pattern(size, 3));

		for (std::uint8_t type : {F::Type::echo, F::Type::extended_echo}) {
			message[0] = type;
			ktap::expect_equal(send(socket, message, peer<F>), 0, what);
			// Fragments are made here: there is nothing that DF could forbid others.
			expect_on_wire<F>(socket, message, headers<F> + size <= mtu, what);
		}
	}
}

template <typename F> void messages_in_pieces()
{
	Socket socket = fresh<F>();
	Bytes message = pinger::request<F>(7, packet::pattern(2000));

	ktap::require_equal(connect(socket, peer<F>), 0, "connect");
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
	expect_on_wire<F>(socket, message, false, "in pieces");

	mmsghdr both[2]{};
	iovec wholes[2]{{message.data(), 100}, {message.data(), 200}};
	for (std::size_t i : {0, 1}) {
		both[i].msg_hdr.msg_iov = &wholes[i];
		both[i].msg_hdr.msg_iovlen = 1;
	}
	ktap::expect_equal(sendmmsg(socket.get(), both, 2, 0), 2, "sendmmsg");
	for (std::size_t i : {0, 1}) {
		auto request = ktap::require_value(family::next_answer<F>(net<F>()), "request");
		ktap::expect_equal(both[i].msg_len, wholes[i].iov_len, "msg_len");
		ktap::expect_equal(request.icmp.data.size(), wholes[i].iov_len - 8, "data");
	}
}

template <typename F> void memory_that_is_not_there()
{
	Socket socket = fresh<F>();
	auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
	void *pages =
		mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ktap::require(pages != MAP_FAILED, "mmap");
	auto *bytes = static_cast<std::uint8_t *>(pages);
	host::check(mprotect(bytes + page, page, PROT_NONE), "mprotect");

	for (std::size_t there : {0U, 4U, 8U, 100U, 2000U}) {
		std::uint8_t *begin = bytes + page - there;

		if (there)
			*begin = F::Type::echo;
		ktap::expect_equal(send(socket, View(begin, 3000), peer<F>), EFAULT,
				   std::to_string(there) + " bytes that can be read");
	}
	munmap(pages, 2 * page);
	expect_silence<F>("of what could not be read");
	ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>), 0, "send afterwards");
	expect_on_wire<F>(socket, pinger::request<F>(1), true, "send afterwards");
}

/// Loopback's MTU and its pages: more than some 16 KiB are not copied into one piece of memory.
template <typename F> void in_pages()
{
	const Socket socket = fresh<F>();

	for (std::size_t size : {std::size_t{16000}, std::size_t{20001}, std::size_t{65499}}) {
		const Bytes data = packet::pattern(size);
		const std::string what = std::to_string(size) + " bytes";

		ktap::require_equal(send(socket, pinger::request<F>(1, data),
					 typename F::Endpoint{F::loopback, 0}),
				    0, "send, " + what);
		const Bytes reply =
			ktap::require_value(sock::receive(socket, 1000), "a reply to " + what);
		ktap::expect(std::ranges::equal(std::span(reply).subspan(8), data), what);
	}
}

template <typename F> void a_send_buffer_that_is_too_small()
{
	Socket socket = fresh<F>();
	Bytes message = pinger::request<F>(1, packet::pattern(60000));

	sock::set(socket, SOL_SOCKET, SO_SNDBUF, 0);
	ktap::expect_equal(send(socket, message, peer<F>), ENOBUFS, "many fragments");
	expect_silence<F>("of the fragments that did fit");
	ktap::expect_equal(send(socket, pinger::request<F>(2), peer<F>), 0, "a small one");
	expect_on_wire<F>(socket, pinger::request<F>(2), true, "a small one");
}

/// What one message of @p type moves.
template <typename F> counters::Values counted(std::uint8_t type)
{
	counters::Values values{{F::icmp + "OutMsgs", 1}, {F::out_type + std::to_string(type), 1}};

	if (type == F::Type::echo)
		values[F::icmp + "OutEchos"] = 1;
	return values;
}

template <typename F> void counters_of_what_was_sent()
{
	Socket socket = fresh<F>();
	auto change = F::change();
	const auto expect_counted = [&](const Bytes &message, const counters::Values &values,
					int error, const char *what) {
		change.restart();
		ktap::expect_equal(send(socket, message, peer<F>), error, what);
		change.expect_icmp(values, what);
	};

	expect_counted(pinger::request<F>(1), counted<F>(F::Type::echo), 0, "echo");
	expect_counted(pinger::request<F>(1, {}, F::Type::extended_echo),
		       counted<F>(F::Type::extended_echo), 0, "extended echo");
	expect_counted(pinger::request<F>(1, packet::pattern(3000)), counted<F>(F::Type::echo), 0,
		       "in fragments");
	expect_counted(pinger::request<F>(1, {}, F::Type::echo_reply), {}, EINVAL,
		       "what is refused");
}

/// Connected sockets of IPv4 count; others leave it open where nobody needs to know fragments apart.
void identification()
{
	const sock::Endpoint to = peer<V4>;
	Socket connected = fresh<V4>();

	ktap::require_equal(sock::connect(connected, to), 0, "connect");
	std::vector<std::uint16_t> ids;
	for (int i = 0; i < 3; i++) {
		ktap::expect_equal(sock::send(connected, ping::request(1)), 0, "send");
		ids.push_back(ktap::require_value(net<V4>().receive(), "request").id);
	}
	ktap::expect_equal(static_cast<std::uint16_t>(ids[1] - ids[0]), 1, "second");
	ktap::expect_equal(static_cast<std::uint16_t>(ids[2] - ids[1]), 1, "third");

	Socket other = fresh<V4>();
	sock::set(other, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	ktap::expect_equal(sock::send(other, ping::request(1), to), 0, "send");
	ktap::expect_equal(ktap::require_value(net<V4>().receive(), "request").id, 0,
			   "of what must not be fragmented");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"only_requests_may_be_sent", only_requests_may_be_sent<F>},
		{"what_is_looked_at_first", what_is_looked_at_first<F>},
		{"identifier_and_checksum_are_the_kernels",
		 identifier_and_checksum_are_the_kernels<F>},
		{"sizes", sizes<F>},
		{"messages_in_pieces", messages_in_pieces<F>},
		{"memory_that_is_not_there", memory_that_is_not_there<F>},
		{"in_pages", in_pages<F>},
		{"a_send_buffer_that_is_too_small", a_send_buffer_that_is_too_small<F>},
		{"counters_of_what_was_sent", counters_of_what_was_sent<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	// That of IPv4 alone comes first: it is in the network of the others.
	all.emplace(all.begin(), "identification", identification);
	return ktap::run(argc, argv, all);
}
