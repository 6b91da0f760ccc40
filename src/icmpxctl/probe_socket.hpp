// SPDX-License-Identifier: GPL-2.0-only
/**
 * @file
 * A ping socket that sends requests of PROBE: replies and ICMP errors come in by it.
 */
#pragma once

#include "probe_message.hpp"

#include <optional>
#include <string>
#include <sys/socket.h>

namespace icmpxctl::probe {

/// An address to send to, as getaddrinfo() has it.
struct Endpoint {
	sockaddr_storage address;
	socklen_t length;

	[[nodiscard]] Ip ip() const;
	/// The address in numbers, with its scope.
	[[nodiscard]] std::string text() const;
};

/**
 * @param family AF_INET, AF_INET6, or AF_UNSPEC for either
 * @return the first address of a name
 * @throws std::runtime_error says what getaddrinfo() does
 */
Endpoint resolve(const std::string &host, int family);

/// A message that came in.
struct Received {
	Bytes message;
	std::string from;
};

/// An error from the error queue.
struct ErrorReport {
	/// What it says of itself: an ICMP error, or one of this host's own IP.
	std::string words;
	/// Who sent it; empty if nobody did.
	std::string from;
	/// What it quotes of the request, from its type on.
	Bytes quoted;
	/// Of an ICMP error; else 0.
	std::uint8_t type, code;
};

class Socket {
public:
	/// Opens a ping socket. @throws std::system_error
	explicit Socket(Ip ip);
	~Socket();
	Socket(const Socket &) = delete;
	Socket &operator=(const Socket &) = delete;
	Socket(Socket &&) = delete;
	Socket &operator=(Socket &&) = delete;

	[[nodiscard]] int descriptor() const { return descriptor_; }
	/// Sends a message. @return 0, or the number of the error, which may be that of an earlier message
	[[nodiscard]] int send(const Bytes &message, const Endpoint &to) const;
	/// @return the next message that is there, if there is one; errors are left to next_error()
	[[nodiscard]] std::optional<Received> next_message() const;
	/// @return the next error that is in the queue, if there is one
	[[nodiscard]] std::optional<ErrorReport> next_error() const;

private:
	Ip ip_;
	int descriptor_;
};

} // namespace icmpxctl::probe
