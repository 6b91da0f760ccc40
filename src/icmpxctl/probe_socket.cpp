// SPDX-License-Identifier: GPL-2.0-only
// The ping socket of PROBE: what is sent, what comes in, and what IP says of it.
#include "probe_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/errqueue.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace icmpxctl::probe {
namespace {

/// More than a request is long, and than the reply to one, which has its data.
constexpr std::size_t kMessageMax = 1024;
constexpr std::size_t kControlMax = 512;

/// A message of a socket as the kernel hands it over.
struct Datagram {
	Bytes message;
	Endpoint from;
	/// Of its error queue.
	std::optional<sock_extended_err> error;
	/// Who sent the error; of family AF_UNSPEC if nobody did.
	Endpoint offender;
};

bool is_error(const cmsghdr &header)
{
	return (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_RECVERR) ||
	       (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_RECVERR);
}

/// Takes an error out of a control message: the structure, and behind it the address of who sent it.
void read_error(const cmsghdr &header, Datagram &datagram)
{
	const std::size_t length = header.cmsg_len - CMSG_LEN(0);
	const unsigned char *const data = CMSG_DATA(&header);
	sock_extended_err error{};

	if (length < sizeof(error))
		return;
	std::memcpy(&error, data, sizeof(error));
	datagram.error = error;

	const std::size_t left = std::min(length - sizeof(error), sizeof(sockaddr_in6));

	std::memcpy(&datagram.offender.address, data + sizeof(error), left);
	datagram.offender.length = datagram.offender.address.ss_family == AF_INET6
					   ? sizeof(sockaddr_in6)
					   : sizeof(sockaddr_in);
}

/// @return nothing, with errno set, if there is no message
std::optional<Datagram> receive(int descriptor, int flags)
{
	Datagram datagram{};
	alignas(cmsghdr) std::array<char, kControlMax> control{};
	iovec piece{};
	msghdr header{};

	datagram.message.resize(kMessageMax);
	piece = {.iov_base = datagram.message.data(), .iov_len = datagram.message.size()};
	header.msg_name = &datagram.from.address;
	header.msg_namelen = sizeof(datagram.from.address);
	header.msg_iov = &piece;
	header.msg_iovlen = 1;
	header.msg_control = control.data();
	header.msg_controllen = control.size();

	const ssize_t length = recvmsg(descriptor, &header, flags | MSG_DONTWAIT);

	if (length < 0)
		return std::nullopt;
	datagram.message.resize(static_cast<std::size_t>(length));
	datagram.from.length = header.msg_namelen;
	for (cmsghdr *part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
		if (is_error(*part))
			read_error(*part, datagram);
	}
	return datagram;
}

int open_socket(Ip ip)
{
	const bool v4 = ip == Ip::v4;
	const int protocol = v4 ? +IPPROTO_ICMP : +IPPROTO_ICMPV6;
	const int one = 1;
	const int descriptor = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, protocol);

	if (descriptor < 0)
		throw std::system_error(errno, std::generic_category(), "ping socket");
	// Without it errors are not told, and requests that they are about just have no reply.
	setsockopt(descriptor, v4 ? +IPPROTO_IP : +IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR,
		   &one, sizeof(one));
	return descriptor;
}

} // namespace

Ip Endpoint::ip() const { return address.ss_family == AF_INET6 ? Ip::v6 : Ip::v4; }

std::string Endpoint::text() const
{
	std::array<char, NI_MAXHOST> buffer{};

	if (address.ss_family == AF_UNSPEC)
		return "";
	if (getnameinfo(reinterpret_cast<const sockaddr *>(&address), length, buffer.data(),
			buffer.size(), nullptr, 0, NI_NUMERICHOST) != 0)
		return "";
	return buffer.data();
}

Endpoint resolve(const std::string &host, int family)
{
	addrinfo hints{};
	addrinfo *found = nullptr;
	Endpoint endpoint{};

	hints.ai_family = family;
	hints.ai_socktype = SOCK_DGRAM;

	const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);

	if (error)
		throw std::runtime_error(
			host + ": " +
			(error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)));
	endpoint.length = std::min<socklen_t>(found->ai_addrlen, sizeof(endpoint.address));
	std::memcpy(&endpoint.address, found->ai_addr, endpoint.length);
	freeaddrinfo(found);
	return endpoint;
}

Socket::Socket(Ip ip) : ip_(ip), descriptor_(open_socket(ip)) {}

Socket::~Socket() { close(descriptor_); }

int Socket::send(const Bytes &message, const Endpoint &to) const
{
	const ssize_t length = sendto(descriptor_, message.data(), message.size(), 0,
				      reinterpret_cast<const sockaddr *>(&to.address), to.length);

	return length < 0 ? errno : 0;
}

std::optional<Received> Socket::next_message() const
{
	// Each error that the kernel has for the socket ends one call.
	constexpr int calls = 16;

	for (int call = 0; call < calls; call++) {
		if (std::optional<Datagram> datagram = receive(descriptor_, 0))
			return Received{.message = std::move(datagram->message),
					.from = datagram->from.text()};
		if (errno == EAGAIN)
			break;
	}
	return std::nullopt;
}

std::optional<ErrorReport> Socket::next_error() const
{
	std::optional<Datagram> datagram = receive(descriptor_, MSG_ERRQUEUE);

	if (!datagram || !datagram->error)
		return std::nullopt;

	const sock_extended_err &error = *datagram->error;
	ErrorReport report{.words = std::strerror(static_cast<int>(error.ee_errno)),
			   .from = datagram->offender.text(),
			   .quoted = std::move(datagram->message),
			   .type = 0,
			   .code = 0};

	if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6) {
		report.type = error.ee_type;
		report.code = error.ee_code;
		report.words = error_words(ip_, error.ee_type, error.ee_code, error.ee_info);
	}
	return report;
}

} // namespace icmpxctl::probe
