/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Netlink messages made by hand, for what no program of Debian 12 can ask the kernel for.
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

namespace netlink {

using Bytes = std::vector<std::uint8_t>;
using Where = std::source_location;

/// A message: a header of the family's, and attributes behind it.
class Message {
public:
	template <typename Header>
	Message(std::uint16_t type, std::uint16_t flags, const Header &header)
	{
		nlmsghdr start{};

		start.nlmsg_type = type;
		start.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
		append(start);
		append(header);
	}

	/// An attribute with @p value as it is in memory.
	template <typename T>
	Message &put(std::uint16_t type, const T &value) requires std::is_trivially_copyable_v<T> &&
		(!std::is_convertible_v<T, std::string_view>)
	{
		return nest(type, [&] { append(value); });
	}

	/// An attribute that is a string, with the zero at its end.
	Message &put(std::uint16_t type, std::string_view text)
	{
		return nest(type, [&] {
			bytes_.insert(bytes_.end(), text.begin(), text.end());
			bytes_.push_back(0);
		});
	}

	/// An attribute of exactly these bytes, whatever their number.
	Message &put_bytes(std::uint16_t type, const Bytes &value)
	{
		return nest(type, [&] { bytes_.insert(bytes_.end(), value.begin(), value.end()); });
	}

	/// An attribute that holds what @p fill adds.
	Message &nest(std::uint16_t type, const std::function<void()> &fill)
	{
		const std::size_t at = bytes_.size();
		nlattr header{};

		header.nla_type = type;
		append(header);
		fill();
		header.nla_len = static_cast<std::uint16_t>(bytes_.size() - at);
		std::memcpy(&bytes_[at], &header, sizeof(header));
		bytes_.resize(NLMSG_ALIGN(bytes_.size()));
		return *this;
	}

	/// What some attributes begin with.
	template <typename T> void append(const T &value) requires std::is_trivially_copyable_v<T>
	{
		std::array<std::uint8_t, sizeof(T)> raw{};

		std::memcpy(raw.data(), &value, sizeof(value));
		bytes_.insert(bytes_.end(), raw.begin(), raw.end());
		bytes_.resize(NLMSG_ALIGN(bytes_.size()));
	}

	Bytes build() const
	{
		Bytes whole = bytes_;
		const auto size = static_cast<std::uint32_t>(whole.size());

		std::memcpy(whole.data(), &size, sizeof(size));
		return whole;
	}

private:
	Bytes bytes_;
};

/// The contents of the attribute @p type behind @p header bytes of a message's payload; nothing when there is none.
inline std::optional<Bytes> attribute(const Bytes &payload, std::size_t header, std::uint16_t type)
{
	nlattr found{};

	for (std::size_t at = NLMSG_ALIGN(header); at + sizeof(found) <= payload.size();
	     at += NLMSG_ALIGN(found.nla_len)) {
		std::memcpy(&found, &payload[at], sizeof(found));
		if (found.nla_len < sizeof(found) || at + found.nla_len > payload.size())
			break;
		if ((found.nla_type & NLA_TYPE_MASK) == type) {
			auto begin = payload.begin() + static_cast<std::ptrdiff_t>(at);

			return Bytes(begin + sizeof(found), begin + found.nla_len);
		}
	}
	return std::nullopt;
}

/// A message that is no answer to a request.
struct Received {
	std::uint16_t type = 0;
	Bytes payload;
};

/// A netlink socket of the namespace that it was opened in.
class Socket {
public:
	/// @p groups: a bit for each group whose messages are to come, too, as in RTMGRP_IPV6_ROUTE.
	explicit Socket(int protocol, std::uint32_t groups = 0)
		: fd_(host::check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol),
				  "netlink socket"))
	{
		sockaddr_nl name{};

		name.nl_family = AF_NETLINK;
		name.nl_groups = groups;
		host::check(bind(fd_.get(), reinterpret_cast<sockaddr *>(&name), sizeof(name)),
			    "bind netlink socket");
		set_option(NETLINK_EXT_ACK, 1);
		set_option(NETLINK_CAP_ACK, 1);
	}

	/// Has messages of a group come, too; returns 0 or the errno.
	int join(std::uint32_t group) { return set_option(NETLINK_ADD_MEMBERSHIP, group); }

	/// Whether the kernel said of the last dump that it may not have told all.
	bool interrupted() const { return interrupted_; }

	/// What the kernel said in words of the last request that it refused; nothing when it said none.
	const std::string &reason() const { return reason_; }

	/// Has the kernel carry out @p message; returns 0 or the errno. Other messages that come meanwhile are kept.
	int request(const Message &message)
	{
		begin(message, NLM_F_ACK);
		while (!answer_)
			ktap::require(read(patience), "an answer by netlink");
		return *std::exchange(answer_, std::nullopt);
	}

	/// Has the kernel list what @p message asks for, and hands each part of the list to @p use as soon as it is read.
	/// Returns 0 or the errno.
	int dump(const Message &message, const std::function<void(const Bytes &)> &use)
	{
		begin(message, NLM_F_DUMP);
		do {
			ktap::require(read(patience), "a part of a list by netlink");
			for (const Received &part : std::exchange(kept_, {}))
				use(part.payload);
		} while (!answer_);
		return *std::exchange(answer_, std::nullopt);
	}

	/// The next message that is no answer; nothing when none comes in time.
	std::optional<Received> next_message(std::chrono::milliseconds timeout)
	{
		while (kept_.empty()) {
			if (!read(timeout))
				return std::nullopt;
		}
		Received first = std::move(kept_.front());
		kept_.erase(kept_.begin());
		return first;
	}

	/// Its payload alone.
	std::optional<Bytes> next(std::chrono::milliseconds timeout)
	{
		std::optional<Received> message = next_message(timeout);

		return message ? std::optional(std::move(message->payload)) : std::nullopt;
	}

private:
	static constexpr std::chrono::seconds patience{60};

	void begin(const Message &message, unsigned flags)
	{
		Bytes bytes = message.build();
		nlmsghdr start{};

		std::memcpy(&start, bytes.data(), sizeof(start));
		start.nlmsg_flags = static_cast<std::uint16_t>(start.nlmsg_flags | flags);
		start.nlmsg_seq = ++sequence_;
		std::memcpy(bytes.data(), &start, sizeof(start));
		host::check(static_cast<int>(send(fd_.get(), bytes.data(), bytes.size(), 0)),
			    "netlink request");
	}

	/// Sorts what comes with the next read; false when nothing does.
	bool read(std::chrono::milliseconds timeout)
	{
		pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
		Bytes buffer(1 << 17);

		if (poll(&ready, 1, static_cast<int>(timeout.count())) <= 0)
			return false;
		buffer.resize(static_cast<std::size_t>(host::check(
			static_cast<int>(recv(fd_.get(), buffer.data(), buffer.size(), 0)),
			"netlink receive")));
		nlmsghdr start{};
		for (std::size_t at = 0; at + sizeof(start) <= buffer.size();
		     at += NLMSG_ALIGN(start.nlmsg_len)) {
			std::memcpy(&start, &buffer[at], sizeof(start));
			if (start.nlmsg_len < sizeof(start) || at + start.nlmsg_len > buffer.size())
				break;
			auto begin = buffer.begin() + static_cast<std::ptrdiff_t>(at);
			Bytes payload(begin + sizeof(start), begin + start.nlmsg_len);
			if (start.nlmsg_type == NLMSG_ERROR || start.nlmsg_type == NLMSG_DONE) {
				std::int32_t error = 0;

				std::memcpy(&error, payload.data(), sizeof(error));
				answer_ = -error;
				interrupted_ = start.nlmsg_flags & NLM_F_DUMP_INTR;
				read_reason(start, payload);
			} else {
				kept_.push_back({start.nlmsg_type, std::move(payload)});
			}
		}
		return true;
	}

	void read_reason(const nlmsghdr &header, const Bytes &payload)
	{
		const std::size_t before =
			header.nlmsg_type == NLMSG_ERROR ? sizeof(nlmsgerr) : sizeof(std::int32_t);
		const std::optional<Bytes> text =
			header.nlmsg_flags & NLM_F_ACK_TLVS
				? attribute(payload, before, NLMSGERR_ATTR_MSG)
				: std::nullopt;

		reason_ = text && !text->empty() ? std::string(text->begin(), text->end() - 1) : "";
	}

	int set_option(int option, std::uint32_t value)
	{
		return setsockopt(fd_.get(), SOL_NETLINK, option, &value, sizeof(value)) ? errno
											 : 0;
	}

	host::Descriptor fd_;
	std::string reason_;
	std::uint32_t sequence_ = 0;
	std::optional<int> answer_;
	bool interrupted_ = false;
	std::vector<Received> kept_;
};

} // namespace netlink
