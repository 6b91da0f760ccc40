// SPDX-License-Identifier: GPL-2.0-only
#include "netlink.hpp"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include <icmpx/netlink.h>

namespace icmpxctl {

namespace {

/// The longest text that a request may have; the module takes less for any of them.
constexpr std::size_t kLongestText = 8192;

/// What a dump may put into one message: the kernel makes them as long as the reader's buffer is, up to this.
constexpr std::size_t kBuffer = 65536;

std::string system_text(int code) { return std::strerror(code); }

[[noreturn]] void fail(const char *what)
{
	throw Error(std::string("netlink: ") + what + ": " + system_text(errno));
}

std::span<const std::byte> tail(const nlmsghdr *header, std::size_t offset)
{
	const std::span<const std::byte> bytes{reinterpret_cast<const std::byte *>(header),
					       header->nlmsg_len};

	offset = NLMSG_ALIGN(offset);
	return offset < bytes.size() ? bytes.subspan(offset) : std::span<const std::byte>{};
}

std::span<const std::byte> generic_attributes(const nlmsghdr *header)
{
	return tail(header, NLMSG_HDRLEN + GENL_HDRLEN);
}

int generic_command(const nlmsghdr *header)
{
	if (mnl_nlmsg_get_payload_len(header) < sizeof(genlmsghdr))
		return 0;
	return static_cast<const genlmsghdr *>(mnl_nlmsg_get_payload(header))->cmd;
}

/// What an acknowledgement says in words: its attributes follow the header of the request or, unless the kernel was told to
/// cut it short, the whole request.
std::string extended_text(const nlmsghdr *header)
{
	std::size_t offset = NLMSG_HDRLEN + sizeof(int);

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return {};
	if (header->nlmsg_type == NLMSG_ERROR) {
		const auto *error = static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(header));

		if (mnl_nlmsg_get_payload_len(header) < sizeof(nlmsgerr))
			return {};
		offset += header->nlmsg_flags & NLM_F_CAPPED ? sizeof(nlmsghdr)
							     : NLMSG_ALIGN(error->msg.nlmsg_len);
	}
	return Attributes(tail(header, offset)).text(NLMSGERR_ATTR_MSG);
}

/// Throws what a message says that ends an exchange: NLMSG_ERROR or NLMSG_DONE.
void check_end(const nlmsghdr *header)
{
	int code = 0;

	if (mnl_nlmsg_get_payload_len(header) >= sizeof(code))
		std::memcpy(&code, mnl_nlmsg_get_payload(header), sizeof(code));
	if (code)
		throw Refused(code < 0 ? -code : code, extended_text(header));
}

std::string refusal(int code, const std::string &text)
{
	switch (code) {
	case EPERM:
		return "not permitted: this takes CAP_NET_ADMIN in the network namespace";
	case EOPNOTSUPP:
		if (text.empty())
			return "the icmpx that is loaded is older than icmpxctl, and does not know "
			       "this "
			       "command";
		[[fallthrough]];
	default:
		return text.empty() ? system_text(code) : text;
	}
}

} // namespace

Refused::Refused(int code, const std::string &text)
	: Error(refusal(code, text)), code_(code), text_(text.empty() ? system_text(code) : text)
{
}

void Attributes::each(const std::function<void(int, std::span<const std::byte>)> &function) const
{
	std::span<const std::byte> rest = bytes_;

	while (rest.size() >= sizeof(nlattr)) {
		nlattr attribute;

		std::memcpy(&attribute, rest.data(), sizeof(attribute));
		if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > rest.size())
			return;
		function(attribute.nla_type & NLA_TYPE_MASK,
			 rest.subspan(NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN));
		rest = rest.subspan(
			std::min<std::size_t>(NLA_ALIGN(attribute.nla_len), rest.size()));
	}
}

std::optional<std::span<const std::byte>> Attributes::find(int type) const
{
	std::optional<std::span<const std::byte>> found;

	each([&](int other, std::span<const std::byte> payload) {
		if (other == type && !found)
			found = payload;
	});
	return found;
}

std::optional<std::uint64_t> Attributes::number(int type) const
{
	const auto read = [](std::span<const std::byte> payload, auto value) -> std::uint64_t {
		std::memcpy(&value, payload.data(), sizeof(value));
		return value;
	};
	const auto payload = find(type);

	if (!payload)
		return {};
	switch (payload->size()) {
	case sizeof(std::uint8_t):
		return read(*payload, std::uint8_t{});
	case sizeof(std::uint16_t):
		return read(*payload, std::uint16_t{});
	case sizeof(std::uint32_t):
		return read(*payload, std::uint32_t{});
	case sizeof(std::uint64_t):
		return read(*payload, std::uint64_t{});
	default:
		return {};
	}
}

std::string Attributes::text(int type) const
{
	const auto payload = find(type);

	if (!payload)
		return {};

	const auto *begin = reinterpret_cast<const char *>(payload->data());

	return {begin, ::strnlen(begin, payload->size())};
}

Message::Message(std::uint8_t command)
	: buffer_(NLMSG_HDRLEN + GENL_HDRLEN + 4 * NLA_HDRLEN + kLongestText)
{
	nlmsghdr *nlh = mnl_nlmsg_put_header(buffer_.data());
	auto *generic =
		static_cast<genlmsghdr *>(mnl_nlmsg_put_extra_header(nlh, sizeof(genlmsghdr)));

	generic->cmd = command;
	generic->version = ICMPX_FAMILY_VERSION;
}

Message &Message::put_u8(int type, std::uint8_t value)
{
	mnl_attr_put_u8(header(), static_cast<std::uint16_t>(type), value);
	return *this;
}

Message &Message::put_u32(int type, std::uint32_t value)
{
	mnl_attr_put_u32(header(), static_cast<std::uint16_t>(type), value);
	return *this;
}

Message &Message::put_text(int type, std::string_view value)
{
	const std::string text(value);

	if (!mnl_attr_put_strz_check(header(), buffer_.size(), static_cast<std::uint16_t>(type),
				     text.c_str()))
		throw Misuse("an argument of " + std::to_string(text.size()) +
			     " bytes is too long");
	return *this;
}

Netlink::Netlink() : socket_(mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC)), buffer_(kBuffer)
{
	int on = 1;

	if (!socket_)
		fail("socket");
	if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
		fail("bind");
	mnl_socket_setsockopt(socket_.get(), NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(socket_.get(), NETLINK_CAP_ACK, &on, sizeof(on));
	resolve();
}

void Netlink::resolve()
{
	Message message(CTRL_CMD_GETFAMILY);
	std::uint64_t version = 0;

	groups_.clear();
	message.put_text(CTRL_ATTR_FAMILY_NAME, ICMPX_FAMILY_NAME);
	try {
		talk(message, GENL_ID_CTRL, NLM_F_ACK, [&](int, const Attributes &attributes) {
			family_ = static_cast<std::uint16_t>(
				attributes.number(CTRL_ATTR_FAMILY_ID).value_or(0));
			version = attributes.number(CTRL_ATTR_VERSION).value_or(0);
			const auto groups = attributes.find(CTRL_ATTR_MCAST_GROUPS);

			if (!groups)
				return;
			Attributes(*groups).each([this](int, std::span<const std::byte> payload) {
				const Attributes group(payload);

				groups_[group.text(CTRL_ATTR_MCAST_GRP_NAME)] =
					static_cast<std::uint32_t>(
						group.number(CTRL_ATTR_MCAST_GRP_ID).value_or(0));
			});
		});
	} catch (const Refused &refused) {
		if (refused.code() != ENOENT)
			throw;
		throw NotLoaded();
	}
	if (version != ICMPX_FAMILY_VERSION)
		throw Error("the icmpx that is loaded has version " + std::to_string(version) +
			    " of the netlink interface, and icmpxctl knows version " +
			    std::to_string(ICMPX_FAMILY_VERSION) +
			    ": install the icmpxctl that came with it");
}

void Netlink::talk(Message &message, std::uint16_t type, std::uint16_t flags,
		   const Handler &handler)
{
	nlmsghdr *request = message.header();

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	request->nlmsg_seq = ++sequence_;
	if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0)
		fail("send");
	for (;;) {
		const ssize_t size =
			mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
		int rest = static_cast<int>(size);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			fail("receive");
		for (const auto *header = reinterpret_cast<const nlmsghdr *>(buffer_.data());
		     mnl_nlmsg_ok(header, rest); header = mnl_nlmsg_next(header, &rest)) {
			if (header->nlmsg_seq != sequence_)
				continue;
			if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE)
				return check_end(header);
			if (header->nlmsg_type == type && handler)
				handler(generic_command(header),
					Attributes(generic_attributes(header)));
		}
	}
}

/// icmpx has another number each time that it is loaded, and the kernel says of a number that it does not know what icmpx says of
/// a name.
void Netlink::ask(Message &message, std::uint16_t flags, const Handler &handler)
{
	for (;;) {
		const std::uint16_t asked = family_;

		try {
			return talk(message, asked, flags, handler);
		} catch (const Refused &refused) {
			if (refused.code() != ENOENT)
				throw;
			resolve();
			if (family_ == asked)
				throw;
		}
	}
}

void Netlink::request(Message message, const Handler &handler) { ask(message, NLM_F_ACK, handler); }

void Netlink::dump(Message message, const Handler &handler) { ask(message, NLM_F_DUMP, handler); }

void Netlink::enter(std::uint32_t group)
{
	if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		throw Refused(errno, "");
}

void Netlink::join(std::string_view group)
{
	const auto found = groups_.find(group);

	if (found == groups_.end())
		throw Error("the icmpx that is loaded is older than icmpxctl, and has no group '" +
			    std::string(group) + "'");
	enter(found->second);
	joined_.emplace_back(group);
}

void Netlink::follow(std::function<void(bool)> tell)
{
	// The controller's only group, notify, has the number of the controller itself.
	enter(GENL_ID_CTRL);
	tell_ = std::move(tell);
	catch_up();
}

/// Compares the icmpx that there is now with the one whose notifications are received. The kernel has taken this socket out of the
/// groups of one that has gone.
void Netlink::catch_up()
{
	std::uint16_t family = 0;

	try {
		// On a socket of its own: notifications may leave no room for an answer on this one.
		Netlink now;

		family = now.family_;
		groups_ = std::move(now.groups_);
	} catch (const NotLoaded &) {
		groups_.clear();
	}
	if (family == family_)
		return;
	if (family_)
		tell_(false);
	family_ = family;
	if (!family_)
		return;
	for (const std::string &group : std::exchange(joined_, {}))
		join(group);
	tell_(true);
}

bool Netlink::receive(const Handler &handler)
{
	const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
	int rest = static_cast<int>(size);

	if (size < 0 && errno == ENOBUFS) {
		// What was lost may be that icmpx was loaded again.
		if (tell_)
			catch_up();
		return false;
	}
	if (size < 0 && errno != EINTR && errno != EAGAIN)
		fail("receive");
	if (size < 0)
		return true;
	for (const auto *header = reinterpret_cast<const nlmsghdr *>(buffer_.data());
	     mnl_nlmsg_ok(header, rest); header = mnl_nlmsg_next(header, &rest)) {
		const Attributes attributes(generic_attributes(header));

		if (header->nlmsg_type == family_)
			handler(generic_command(header), attributes);
		else if (header->nlmsg_type == GENL_ID_CTRL &&
			 attributes.text(CTRL_ATTR_FAMILY_NAME) == ICMPX_FAMILY_NAME)
			catch_up();
	}
	return true;
}

} // namespace icmpxctl
