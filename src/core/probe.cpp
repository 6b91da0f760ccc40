// SPDX-License-Identifier: GPL-2.0-only
// PROBE, RFC 8335: what an extended echo request asks, and the reply's header.
#include <icmpx/probe.h>

#include "checksum.hpp"

#include <optional>

namespace icmpx {
namespace {

/// The extension header and the object's header (RFC 4884, 7 and 8).
constexpr std::size_t kObjectAt = 4;
constexpr std::size_t kObjectHeaderLen = 4;
constexpr std::size_t kIdentityAt = kObjectAt + kObjectHeaderLen;
/// The longest identity: address family, length, reserved, an IPv6 address.
constexpr std::size_t kIdentityMax = 4 + 16;
constexpr std::size_t kAddressHeaderLen = 4;

static_assert(kIdentityAt + kIdentityMax == ICMPX_PROBE_QUERY_MAX);

/// C-types of the interface identification object. Its class is not looked at:
/// an extended echo request carries no other object.
enum CType : u8 { kByName = 1, kByIndex = 2, kByAddress = 3 };

/// Address family identifiers (RFC 8335, 2.1).
constexpr u16 kAfiIpv4 = 1;
constexpr u16 kAfiIpv6 = 2;

/// Finds the identity in a query. @return nothing if the object's length is impossible, or
/// longer than the query
constexpr std::optional<Bytes> identity(Bytes query)
{
	if (query.size() < kIdentityAt)
		return std::nullopt;

	const std::size_t object_len = load16(query, kObjectAt);

	if (object_len <= kObjectHeaderLen || object_len > kObjectHeaderLen + kIdentityMax)
		return std::nullopt;
	if (query.size() < kObjectAt + object_len)
		return std::nullopt;
	return query.subspan(kIdentityAt, object_len - kObjectHeaderLen);
}

constexpr void copy(Bytes from, u8 *to)
{
	for (const u8 byte : from)
		*to++ = byte;
}

constexpr icmpx_probe_by by_name(Bytes name, icmpx_probe_query &query)
{
	if (name.size() >= ICMPX_IFNAME_MAX)
		return ICMPX_PROBE_MALFORMED;
	for (std::size_t i = 0; i < name.size(); ++i)
		query.name[i] = static_cast<char>(name[i]);
	return ICMPX_PROBE_BY_NAME;
}

constexpr icmpx_probe_by by_index(Bytes index, icmpx_probe_query &query)
{
	if (index.size() != sizeof(u32))
		return ICMPX_PROBE_MALFORMED;
	query.ifindex = load32(index, 0);
	return ICMPX_PROBE_BY_INDEX;
}

constexpr icmpx_probe_by by_address(Bytes field, icmpx_probe_query &query)
{
	if (field.size() < kAddressHeaderLen)
		return ICMPX_PROBE_MALFORMED;

	const u16 family = load16(field, 0);
	const Bytes address = field.subspan(kAddressHeaderLen);

	if (address.size() != field[2])
		return ICMPX_PROBE_MALFORMED;
	if (family == kAfiIpv4 && address.size() == 4) {
		copy(address, query.address);
		return ICMPX_PROBE_BY_IPV4;
	}
	if (family == kAfiIpv6 && address.size() == 16) {
		copy(address, query.address);
		return ICMPX_PROBE_BY_IPV6;
	}
	return ICMPX_PROBE_MALFORMED;
}

void reply(Header header, u8 type, u8 code, u8 status)
{
	replace16(header, kTypeAt, static_cast<u16>(type << 8 | code));
	// The sequence number's byte stays; the byte of flags becomes the status.
	replace16(header, kSequenceAt, static_cast<u16>(header[kSequenceAt] << 8 | status));
}

} // namespace
} // namespace icmpx

void icmpx_probe_parse(const u8 *data, size_t len, icmpx_probe_query *query)
{
	using namespace icmpx;

	const Bytes bytes{data, len};
	const std::optional<Bytes> field = identity(bytes);

	*query = {};
	query->by = ICMPX_PROBE_MALFORMED;
	if (!field)
		return;

	switch (bytes[kObjectAt + 3]) {
	case kByName:
		query->by = by_name(*field, *query);
		break;
	case kByIndex:
		query->by = by_index(*field, *query);
		break;
	case kByAddress:
		query->by = by_address(*field, *query);
		break;
	default:
		break;
	}
}

void icmpx_probe_reply(u8 *header, u8 code, u8 status)
{
	using namespace icmpx;

	reply(Header{header, ICMPX_HEADER_LEN}, kExtendedEchoReply, code, status);
}

void icmpx6_probe_reply(u8 *header, u8 code, u8 status)
{
	using namespace icmpx;

	reply(Header{header, ICMPX_HEADER_LEN}, kExtendedEchoReply6, code, status);
}
