// SPDX-License-Identifier: GPL-2.0-only
// Node information queries, RFC 4620: whom a query is about, what its reply tells.
#include <icmpx/nodeinfo.h>

#include "wire.hpp"

#include <algorithm>
#include <array>

namespace icmpx {
namespace {

/// Where the fields of a message are (RFC 4620, 4).
constexpr std::size_t kQuestionAt = 4;
constexpr std::size_t kFlagsAt = 6;
constexpr std::size_t kSubjectAt = ICMPX6_NODE_INFO_LEN;

/// What is asked, in the field Qtype (RFC 4620, 6). 1 is out of use.
enum Question : u16 { kNoop = 0, kName = 2, kIpv6 = 3, kIpv4 = 4 };

/// What a query's code says of its subject (RFC 4620, 4).
enum SubjectKind : u8 { kByIpv6 = 0, kByName = 1, kByIpv4 = 2 };

/// Flags (RFC 4620, 6.3). Those of a query for IPv4 addresses are the first two.
enum Flag : u8 {
	kTruncated = 0x01,
	kAll = ICMPX6_NODE_ALL_INTERFACES,
	kCompatible = 0x04,
	kLinkLocal = 0x08,
	kSiteLocal = 0x10,
	kGlobal = 0x20,
};

constexpr std::size_t kIpv6Len = 16;
constexpr std::size_t kIpv4Len = 4;
/// The time to live in front of a name or an address, which is 0.
constexpr std::size_t kTtlLen = 4;
/// The name's bytes, a length in front of its first label, and two of 0 behind the last one.
constexpr std::size_t kWireMax = ICMPX6_NODE_NAME_ROOM - kTtlLen;

/// A name in the wire format of DNS: labels with their lengths, and a length of 0 or two.
struct WireName {
	std::array<u8, kWireMax> bytes{};
	/// 0 if there is no name.
	std::size_t size = 0;
	/// To the first length of 0, that included.
	std::size_t labels_size = 0;

	constexpr Bytes labels() const { return Bytes{bytes}.first(labels_size); }
	/// The first label with its length.
	constexpr Bytes first() const { return Bytes{bytes}.first(1U + bytes[0]); }
};

/// @return no name if @p self has none, or one with an empty label
constexpr WireName wire_name(const icmpx_node &self)
{
	const std::size_t given = std::min<std::size_t>(self.name_len, ICMPX_NODE_NAME_MAX);
	const bool rooted = given > 0 && self.name[given - 1] == '.';
	const std::size_t len = rooted ? given - 1 : given;
	WireName name;
	std::size_t label = 0;
	std::size_t at = 1;

	for (std::size_t i = 0; i <= len; ++i) {
		if (i < len && self.name[i] != '.') {
			name.bytes[at++] = static_cast<u8>(self.name[i]);
			continue;
		}
		if (at == label + 1)
			return {};
		name.bytes[label] = static_cast<u8>(at - label - 1);
		label = at++;
	}
	// The loop has left the length of 0 that ends the labels.
	name.labels_size = at;
	// A single label without the dot of the root: the domain is not known.
	name.size = !rooted && at == name.first().size() + 1 ? at + 1 : at;
	return name;
}

constexpr u8 lower(u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? static_cast<u8>(byte - 'A' + 'a') : byte;
}

/// Compares names by bytes; no length of a label is a letter.
constexpr bool same(Bytes one, Bytes other)
{
	return std::equal(one.begin(), one.end(), other.begin(), other.end(),
			  [](u8 a, u8 b) { return lower(a) == lower(b); });
}

/// RFC 4620, 5: a subject of one label and two lengths of 0 is any name whose first label it is.
constexpr bool is_name_of(Bytes subject, const icmpx_node &self)
{
	const WireName name = wire_name(self);

	if (name.size == 0)
		return false;
	if (same(subject, name.labels()))
		return true;

	const std::size_t first = name.first().size();

	return subject.size() == first + 2 && same(subject.first(first), name.first()) &&
	       subject[first] == 0 && subject[first + 1] == 0;
}

constexpr icmpx6_node_subject subject_of(Bytes message, const icmpx_node &self)
{
	const Bytes subject = message.subspan(kSubjectAt);

	// RFC 4620, 6.1: the code of such a query means nothing.
	if (load16(message, kQuestionAt) == kNoop)
		return ICMPX6_NODE_SUBJECT_SELF;
	switch (message[kCodeAt]) {
	case kByIpv6:
		return subject.size() == kIpv6Len ? ICMPX6_NODE_SUBJECT_IPV6
						  : ICMPX6_NODE_SUBJECT_NONE;
	case kByName:
		return is_name_of(subject, self) ? ICMPX6_NODE_SUBJECT_SELF
						 : ICMPX6_NODE_SUBJECT_NONE;
	case kByIpv4:
		return subject.size() == kIpv4Len ? ICMPX6_NODE_SUBJECT_IPV4
						  : ICMPX6_NODE_SUBJECT_NONE;
	default:
		return ICMPX6_NODE_SUBJECT_NONE;
	}
}

constexpr bool is_loopback(Bytes address)
{
	return address[kIpv6Len - 1] == 1 &&
	       std::all_of(address.begin(), address.end() - 1, [](u8 byte) { return byte == 0; });
}

/// fe80::/10 (RFC 4291, 2.4).
constexpr bool is_link_local(Bytes address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

/// fec0::/10, deprecated (RFC 3879).
constexpr bool is_site_local(Bytes address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0xc0;
}

/// fc00::/7 (RFC 4193).
constexpr bool is_unique_local(Bytes address) { return (address[0] & 0xfe) == 0xfc; }

/// ::a.b.c.d and ::ffff:a.b.c.d (RFC 4291, 2.5.5).
constexpr bool has_ipv4(Bytes address)
{
	constexpr std::size_t zeros = 10;
	const u16 tag = load16(address, zeros);

	return std::all_of(address.begin(), address.begin() + zeros,
			   [](u8 byte) { return byte == 0; }) &&
	       (tag == 0 || tag == 0xffff);
}

constexpr bool is_neighbour(Bytes source)
{
	return is_link_local(source) || is_unique_local(source) || is_loopback(source);
}

constexpr Flag flag_of(Bytes address)
{
	if (has_ipv4(address))
		return kCompatible;
	if (is_link_local(address))
		return kLinkLocal;
	return is_site_local(address) ? kSiteLocal : kGlobal;
}

/// What a question is for, and which bit of the setting lets it be answered.
struct Answer {
	icmpx6_node_tells tells = ICMPX6_NODE_TELLS_NOTHING;
	u32 bit = 0;
	/// The flags that come back.
	u8 flags = 0;
	bool known = true;
};

constexpr Answer answer_to(u16 question)
{
	switch (question) {
	case kNoop:
		return {};
	case kName:
		return {ICMPX6_NODE_TELLS_NAME, ICMPX6_NODE_TELL_NAME};
	case kIpv6:
		return {ICMPX6_NODE_TELLS_IPV6, ICMPX6_NODE_TELL_IPV6,
			kAll | kCompatible | kLinkLocal | kSiteLocal | kGlobal};
	case kIpv4:
		return {ICMPX6_NODE_TELLS_IPV4, ICMPX6_NODE_TELL_IPV4, kAll};
	default:
		return {.known = false};
	}
}

} // namespace
} // namespace icmpx

icmpx6_node_query icmpx6_node_decide(const u8 *message, size_t len, const u8 *source, u32 mask,
				     const icmpx_node *self)
{
	using namespace icmpx;

	const Bytes bytes{message, len};

	if (len < ICMPX6_NODE_INFO_LEN)
		return {};

	const Answer answer = answer_to(load16(bytes, kQuestionAt));
	icmpx6_node_query query{};

	query.subject = subject_of(bytes, *self);
	query.flags = bytes[kFlagsAt + 1] & answer.flags;
	if (!answer.known) {
		query.code = ICMPX6_NODE_CODE_UNKNOWN;
	} else if ((mask & answer.bit) != answer.bit ||
		   !(mask & ICMPX6_NODE_TELL_FAR || is_neighbour({source, kIpv6Len}))) {
		query.code = ICMPX6_NODE_CODE_REFUSED;
	} else {
		query.tells = answer.tells;
	}
	return query;
}

size_t icmpx6_node_name(const icmpx_node *self, u8 *data)
{
	using namespace icmpx;

	const WireName name = wire_name(*self);
	u8 *at = std::fill_n(data, kTtlLen, u8{0});

	at = std::copy_n(name.bytes.begin(), name.size, at);
	return static_cast<size_t>(at - data);
}

bool icmpx6_node_wants(u8 flags, const u8 *address)
{
	using namespace icmpx;

	const Bytes bytes{address, kIpv6Len};

	return !is_loopback(bytes) && flags & flag_of(bytes);
}

void icmpx6_node_reply(u8 *header, icmpx6_node_query query, bool truncated)
{
	using namespace icmpx;

	const MutableBytes bytes{header, ICMPX6_NODE_INFO_LEN};

	bytes[kTypeAt] = kNodeInfoReply;
	bytes[kCodeAt] = query.code;
	store16(bytes, kChecksumAt, 0);
	store16(bytes, kFlagsAt, static_cast<u16>(query.flags | (truncated ? kTruncated : 0)));
}
