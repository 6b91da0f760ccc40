/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * sendmsg() and recvmsg() with control messages (cmsg(3)).
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"
#include "packet.hpp"
#include "socket.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <linux/net_tstamp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace control {

/// MSG_PROBE of linux/socket.h, to which the C library gives another name.
inline constexpr int msg_probe = 0x10;

using packet::Bytes;
using packet::View;
using sock::Endpoint;
using sock::Socket;

struct Message {
	int level;
	int type;
	Bytes data;
};

/// One with @p value as it is in memory.
template <typename T>
Message make(int level, int type, const T &value) requires std::is_trivially_copyable_v<T>
{
	Bytes data(sizeof(value));

	std::memcpy(data.data(), &value, sizeof(value));
	return {level, type, std::move(data)};
}

/// The messages one behind the other, as sendmsg() wants them.
inline Bytes build(const std::vector<Message> &messages)
{
	std::size_t size = 0, at = 0;

	for (const Message &message : messages)
		size += CMSG_SPACE(message.data.size());
	Bytes bytes(size);
	for (const Message &message : messages) {
		cmsghdr header{};

		header.cmsg_len = CMSG_LEN(message.data.size());
		header.cmsg_level = message.level;
		header.cmsg_type = message.type;
		std::memcpy(&bytes[at], &header, sizeof(header));
		if (!message.data.empty())
			std::memcpy(&bytes[at + CMSG_LEN(0)], message.data.data(),
				    message.data.size());
		at += CMSG_SPACE(message.data.size());
	}
	return bytes;
}

/// Sends @p data to the @p name_size bytes at @p name, with @p control as it is, which may be nonsense; returns 0 or the errno.
inline int send_named(const Socket &socket, View data, void *name, socklen_t name_size,
		      Bytes control, int flags = 0)
{
	Bytes copy(data.begin(), data.end());
	iovec part{copy.data(), copy.size()};
	msghdr message{};

	message.msg_name = name;
	message.msg_namelen = name_size;
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.empty() ? nullptr : control.data();
	message.msg_controllen = control.size();
	return sendmsg(socket.get(), &message, flags | MSG_NOSIGNAL) < 0 ? errno : 0;
}

inline int send_built(const Socket &socket, View data, const std::optional<Endpoint> &to,
		      Bytes control, int flags = 0)
{
	sockaddr_in name = sock::to_kernel(to.value_or(Endpoint{}));

	return send_named(socket, data, to ? &name : nullptr, to ? sizeof(name) : 0,
			  std::move(control), flags);
}

inline int send(const Socket &socket, View data, const std::optional<Endpoint> &to,
		const std::vector<Message> &messages, int flags = 0)
{
	return send_built(socket, data, to, build(messages), flags);
}

/// What recvmsg() gave. @p End is where it came from: an address, a port.
template <typename End> struct ReceivedIn {
	/// 0 or the errno, and the rest is empty then.
	int error = 0;
	/// What it returned, which may be more than there was room for (MSG_TRUNC).
	std::size_t size = 0;
	Bytes data;
	End from;
	socklen_t name_size = 0;
	int flags = 0;
	std::vector<Message> messages;

	/// The only message of that kind; nothing when there is none, or there are several.
	const Message *find(int level, int type) const
	{
		const Message *found = nullptr;

		for (const Message &message : messages) {
			if (message.level != level || message.type != type)
				continue;
			if (found)
				return nullptr;
			found = &message;
		}
		return found;
	}

	/// Its contents, if it has that size.
	template <typename T> std::optional<T> value(int level, int type) const
	{
		const Message *found = find(level, type);
		T result;

		if (!found || found->data.size() != sizeof(result))
			return std::nullopt;
		std::memcpy(&result, found->data.data(), sizeof(result));
		return result;
	}
};

using Received = ReceivedIn<Endpoint>;

/// What receive() does, for one family: @p from_kernel makes an End of a @p Name.
template <typename End, typename Name>
ReceivedIn<End> receive_in(const Socket &socket, int flags, std::size_t room,
			   std::size_t control_room, End (*from_kernel)(const Name &))
{
	Bytes data(room), control(control_room);
	Name name{};
	iovec part{data.data(), data.size()};
	msghdr message{};

	message.msg_name = &name;
	message.msg_namelen = sizeof(name);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.data();
	message.msg_controllen = control.size();
	ReceivedIn<End> received;
	ssize_t size = recvmsg(socket.get(), &message, flags);
	if (size < 0) {
		received.error = errno;
		return received;
	}
	received.size = static_cast<std::size_t>(size);
	data.resize(std::min(received.size, room));
	received.data = std::move(data);
	received.from = from_kernel(name);
	received.name_size = message.msg_namelen;
	received.flags = message.msg_flags;
	for (cmsghdr *part_of = CMSG_FIRSTHDR(&message); part_of;
	     part_of = CMSG_NXTHDR(&message, part_of)) {
		const std::uint8_t *begin = CMSG_DATA(part_of);

		received.messages.push_back(
			{part_of->cmsg_level, part_of->cmsg_type,
			 Bytes(begin, begin + part_of->cmsg_len - CMSG_LEN(0))});
	}
	return received;
}

/// Takes what there is, without waiting unless @p flags lack MSG_DONTWAIT.
inline Received receive(const Socket &socket, int flags = MSG_DONTWAIT, std::size_t room = 65536,
			std::size_t control_room = 1024)
{
	return receive_in<Endpoint, sockaddr_in>(socket, flags, room, control_room,
						 sock::from_kernel);
}

/**
 * A socket for whose life the kernel stamps whatever it receives, on any socket.
 *
 * To ask for it (SO_TIMESTAMPING) only makes a worker of the kernel switch that on, some time later; so this waits for
 * the first stamp, on datagrams over the loopback.
 */
inline Socket have_all_stamped()
{
	Socket socket = sock::udp();
	auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);

	sock::bind(socket, {INADDR_LOOPBACK, 0});
	sock::set(socket, SOL_SOCKET, SO_TIMESTAMPING,
		  SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	while (std::chrono::steady_clock::now() < until) {
		sock::send(socket, {}, sock::local(socket));
		if (receive(socket).find(SOL_SOCKET, SCM_TIMESTAMPING))
			return socket;
		usleep(1000);
	}
	ktap::fatal("the kernel does not stamp what it receives");
}

} // namespace control
