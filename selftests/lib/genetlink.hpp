/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The generic netlink family icmpx, as include/icmpx/icmpx.yaml describes it.
 */
#pragma once

#include "netlink.hpp"

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <icmpx/netlink.h>
#include <linux/genetlink.h>

namespace genetlink {

using netlink::Bytes;
using netlink::Message;

/// The attributes of a message, or of a nest: those of one type in their order.
class Attributes {
public:
	explicit Attributes(const Bytes &bytes, std::size_t header = 0)
	{
		nlattr found{};

		for (std::size_t at = header; at + sizeof(found) <= bytes.size();
		     at += NLMSG_ALIGN(found.nla_len)) {
			std::memcpy(&found, &bytes[at], sizeof(found));
			if (found.nla_len < sizeof(found) || at + found.nla_len > bytes.size())
				break;
			auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
			all_[static_cast<std::uint16_t>(found.nla_type & NLA_TYPE_MASK)]
				.emplace_back(begin + sizeof(found), begin + found.nla_len);
		}
	}

	bool has(std::uint16_t type) const { return all_.contains(type); }
	std::vector<Bytes> every(std::uint16_t type) const
	{
		return has(type) ? all_.at(type) : std::vector<Bytes>();
	}
	/// The bytes of the attribute; none without it.
	Bytes bytes(std::uint16_t type) const
	{
		return has(type) ? all_.at(type).front() : Bytes();
	}
	std::string text(std::uint16_t type) const
	{
		const Bytes raw = bytes(type);

		return {raw.begin(), raw.empty() ? raw.end() : raw.end() - 1};
	}
	/// A number of whatever size; nothing without the attribute.
	std::optional<std::uint64_t> number(std::uint16_t type) const
	{
		const Bytes raw = bytes(type);
		std::uint64_t value = 0;

		if (raw.empty() || raw.size() > sizeof(value))
			return std::nullopt;
		std::memcpy(&value, raw.data(), raw.size());
		return value;
	}

private:
	std::map<std::uint16_t, std::vector<Bytes>> all_;
};

/// A message from the kernel.
struct Reply {
	std::uint8_t command = 0;
	Attributes attributes;
};

inline Reply reply(const Bytes &payload)
{
	ktap::require(payload.size() >= GENL_HDRLEN, "a whole message");
	return {payload[0], Attributes(payload, GENL_HDRLEN)};
}

/// Asks icmpx in the namespace that it was made in.
class Client {
public:
	Client()
	{
		Message question(GENL_ID_CTRL, 0, genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});

		ktap::require_equal(
			socket_.request(question.put(CTRL_ATTR_FAMILY_NAME, ICMPX_FAMILY_NAME)), 0,
			"the family icmpx");
		const Reply answer = reply(
			ktap::require_value(socket_.next(std::chrono::seconds(0)), "the family"));
		id_ = static_cast<std::uint16_t>(
			answer.attributes.number(CTRL_ATTR_FAMILY_ID).value_or(0));
		version_ = answer.attributes.number(CTRL_ATTR_VERSION).value_or(0);
		for (const Bytes &group : answer.attributes.every(CTRL_ATTR_MCAST_GROUPS))
			read_groups(Attributes(group));
	}

	std::uint64_t version() const { return version_; }
	/// The type of the family's messages.
	std::uint16_t type() const { return id_; }
	Message message(std::uint8_t command) const
	{
		return {id_, 0, genlmsghdr{command, ICMPX_FAMILY_VERSION, 0}};
	}
	/// Returns 0 or the errno.
	int request(const Message &message) { return socket_.request(message); }
	/// What came with the answer.
	Reply answer()
	{
		return reply(
			ktap::require_value(socket_.next(std::chrono::seconds(0)), "an answer"));
	}
	/// Hands each message of a dump to @p use as soon as it is read; returns 0 or the errno.
	int each(const Message &message, const std::function<void(const Attributes &)> &use)
	{
		return socket_.dump(message,
				    [&](const Bytes &part) { use(reply(part).attributes); });
	}
	std::vector<Attributes> list(const Message &message)
	{
		std::vector<Attributes> all;

		ktap::require_equal(
			each(message, [&](const Attributes &one) { all.push_back(one); }), 0,
			"a dump");
		return all;
	}
	int join(const std::string &group) { return socket_.join(groups_.at(group)); }
	/// The next message of a group; nothing when none comes in time.
	std::optional<Reply> next(std::chrono::milliseconds timeout)
	{
		std::optional<Bytes> payload = socket_.next(timeout);

		return payload ? std::optional(reply(*payload)) : std::nullopt;
	}
	const std::string &reason() const { return socket_.reason(); }

private:
	void read_groups(const Attributes &list)
	{
		for (std::uint16_t i = 1; list.has(i); i++) {
			const Attributes group(list.bytes(i));

			groups_[group.text(CTRL_ATTR_MCAST_GRP_NAME)] = static_cast<std::uint32_t>(
				group.number(CTRL_ATTR_MCAST_GRP_ID).value_or(0));
		}
	}

	netlink::Socket socket_{NETLINK_GENERIC};
	std::uint16_t id_ = 0;
	std::uint64_t version_ = 0;
	std::map<std::string, std::uint32_t> groups_;
};

/// An attribute of one byte.
inline Bytes byte(int value) { return {static_cast<std::uint8_t>(value)}; }

/// Requests that the tests make.
inline Message setting_get(const Client &client, int family, const std::string &name)
{
	return client.message(ICMPX_CMD_SETTING_GET)
		.put_bytes(ICMPX_A_SETTING_FAMILY, byte(family))
		.put(ICMPX_A_SETTING_NAME, name);
}

inline Message setting_set(const Client &client, int family, const std::string &name,
			   const std::string &value)
{
	return client.message(ICMPX_CMD_SETTING_SET)
		.put_bytes(ICMPX_A_SETTING_FAMILY, byte(family))
		.put(ICMPX_A_SETTING_NAME, name)
		.put(ICMPX_A_SETTING_VALUE, value);
}

inline Message express_change(const Client &client, int command, const std::string &device)
{
	return client.message(static_cast<std::uint8_t>(command)).put(ICMPX_A_EXPRESS_NAME, device);
}

} // namespace genetlink
