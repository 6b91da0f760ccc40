// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// Generic netlink to the module: requests, dumps and notifications of the family icmpx (include/icmpx/netlink.h).
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"

namespace icmpxctl {

/// The kernel refused a request.
class Refused : public Error {
public:
	/// @param code  the error, an errno
	/// @param text  the kernel's own words, from the extended acknowledgement; may be empty
	Refused(int code, const std::string &text);

	int code() const { return code_; }
	/// The kernel's own words, or those of the C library for the error.
	const std::string &text() const { return text_; }

private:
	int code_;
	std::string text_;
};

/// There is no icmpx in the kernel.
class NotLoaded : public Error {
public:
	NotLoaded() : Error("icmpx is not loaded: modprobe icmpx") {}
};

/// The attributes of a message, or those in a nested one. Valid as long as the message is.
class Attributes {
public:
	/// @param bytes  attributes one after the other; what is cut off at the end is ignored
	explicit Attributes(std::span<const std::byte> bytes) : bytes_(bytes) {}

	/// Calls a function with the type and the payload of each attribute.
	void each(const std::function<void(int, std::span<const std::byte>)> &function) const;
	bool has(int type) const { return find(type).has_value(); }
	/// The first attribute of that type, in host order, whether it has 1, 2, 4 or 8 bytes.
	std::optional<std::uint64_t> number(int type) const;
	/// The first attribute of that type, up to its first zero byte; empty if there is none.
	std::string text(int type) const;
	/// The payload of the first attribute of that type.
	std::optional<std::span<const std::byte>> find(int type) const;

private:
	std::span<const std::byte> bytes_;
};

/// A request: a generic netlink message under construction.
class Message {
public:
	explicit Message(std::uint8_t command);

	Message &put_u8(int type, std::uint8_t value);
	Message &put_u32(int type, std::uint32_t value);
	/// Throws Misuse if it is too long for any message.
	Message &put_text(int type, std::string_view value);

private:
	friend class Netlink;

	std::vector<char> buffer_;

	nlmsghdr *header() { return reinterpret_cast<nlmsghdr *>(buffer_.data()); }
};

/// What a reply or a notification says: a command and its attributes.
using Handler = std::function<void(int command, const Attributes &attributes)>;

/// A connection to the module in the network namespace that the program is in.
class Netlink {
public:
	/// Throws NotLoaded, or Error when another version is.
	Netlink();

	/// Sends a request and waits for what the kernel says. Throws Refused, or NotLoaded when icmpx has gone; when it was loaded
	/// again, that one is asked.
	void request(Message message, const Handler &handler = {});
	/// The same for a dump.
	void dump(Message message, const Handler &handler);
	/// Joins a multicast group by name. Throws Error.
	void join(std::string_view group);
	/// From now on, receive() calls a function when icmpx goes, and when it is loaded again; then it has joined the groups again.
	void follow(std::function<void(bool loaded)> tell);
	/// Waits for notifications, and hands them over. Returns false if some were lost because the program was too slow.
	/// Returns true without one if a signal came. Throws Error when another version was loaded that this program does not know.
	bool receive(const Handler &handler);
	/// For poll().
	int descriptor() const { return mnl_socket_get_fd(socket_.get()); }

private:
	struct Closer {
		void operator()(mnl_socket *socket) const { mnl_socket_close(socket); }
	};

	std::unique_ptr<mnl_socket, Closer> socket_;
	std::vector<char> buffer_;
	std::uint16_t family_ = 0;
	std::uint32_t sequence_ = 0;
	std::map<std::string, std::uint32_t, std::less<>> groups_;
	std::vector<std::string> joined_;
	std::function<void(bool)> tell_;

	void resolve();
	void ask(Message &message, std::uint16_t flags, const Handler &handler);
	void enter(std::uint32_t group);
	void catch_up();
	void talk(Message &message, std::uint16_t type, std::uint16_t flags,
		  const Handler &handler);
};

} // namespace icmpxctl
