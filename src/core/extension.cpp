// SPDX-License-Identifier: GPL-2.0-only
// Extensions of errors: made for sent errors (RFC 4884, RFC 5837), and checked in received ones.
#include <icmpx/extension.h>

#include "checksum.hpp"
#include "dispatch.hpp"
#include "dispatch6.hpp"

#include <algorithm>

namespace icmpx {
namespace {

/// The extension header: version, reserved, checksum (RFC 4884, 7).
constexpr std::size_t kHeaderLen = 4;
constexpr std::size_t kExtensionChecksumAt = 2;
constexpr u8 kVersion = 2;

/// An object's header: its length, this included, then class and C-type
/// (RFC 4884, 8).
constexpr std::size_t kObjectHeaderLen = 4;
constexpr std::size_t kClassAt = 2;
constexpr std::size_t kCTypeAt = 3;

/// The class of interface information, and the bits of its C-type beside the
/// role, which is in the two highest (RFC 5837, 4.1).
constexpr u8 kInterfaceClass = 2;
constexpr u8 kHasIndex = 1U << 3;
constexpr u8 kHasAddress = 1U << 2;
constexpr u8 kHasName = 1U << 1;
constexpr u8 kHasMtu = 1U << 0;
constexpr unsigned kRoleShift = 6;

/// Address family identifiers (RFC 5837, 4.2).
constexpr u16 kAfiIpv4 = 1;
constexpr u16 kAfiIpv6 = 2;

/// The sub-objects: index, address with its family, name with its length, MTU.
constexpr std::size_t kIndexLen = 4;
constexpr std::size_t kAddressAt = 4;
constexpr std::size_t kIpv4AddressLen = 4;
constexpr std::size_t kIpv6AddressLen = 16;
/// As in the built-in code, the field is as long as for the longest name.
constexpr std::size_t kNameLen = (1 + ICMPX_IFNAME_MAX + 3) & ~std::size_t{3};
constexpr std::size_t kMtuLen = 4;
constexpr std::size_t kObjectBase = kObjectHeaderLen + kIndexLen + kAddressAt + kNameLen + kMtuLen;

static_assert(ICMPX_EXTENSION_ROOM(1) == kHeaderLen + kObjectBase + kIpv4AddressLen);
static_assert(ICMPX6_EXTENSION_ROOM(1) == kHeaderLen + kObjectBase + kIpv6AddressLen);

/// The class of a node's identification, whose C-type has the same bits (draft-ietf-intarea-extended-icmp-nodeid, 2).
constexpr u8 kNodeClass = 5;
constexpr std::size_t kNodeNameMax = (1 + ICMPX_NODE_NAME_MAX + 3) & ~std::size_t{3};

static_assert(ICMPX_NODE_ROOM == kObjectHeaderLen + kAddressAt + kIpv6AddressLen + kNodeNameMax);

/// RFC 4884, 4: only these types have a field for the original datagram's length.
static_assert(kTable[kUnreachable].extensible && kTable[kTimeExceeded].extensible);
static_assert(kTable[kParameterProblem].extensible && !kTable[kRedirect].extensible);
static_assert(kTable6[kUnreachable6].extensible && kTable6[kTimeExceeded6].extensible);

/// That field, and the bytes that it counts: 32-bit words over IPv4 (4.1), 64-bit words over
/// IPv6 (4.4, 4.5).
constexpr std::size_t kLengthAt = 5;
constexpr u16 kLengthUnit = 4;
constexpr std::size_t kLengthAt6 = 4;
constexpr u16 kLengthUnit6 = 8;

constexpr void store32(MutableBytes bytes, std::size_t at, u32 value)
{
	store16(bytes, at, static_cast<u16>(value >> 16));
	store16(bytes, at + 2, static_cast<u16>(value));
}

/// Hands out consecutive pieces of a buffer, which has room for all of them.
class Writer {
public:
	explicit constexpr Writer(MutableBytes to) : to_(to) {}

	constexpr std::size_t size() const { return used_; }

	/// @return the next @p len bytes, all 0
	constexpr MutableBytes take(std::size_t len)
	{
		const MutableBytes taken = to_.subspan(used_, len);

		std::fill(taken.begin(), taken.end(), u8{0});
		used_ += len;
		return taken;
	}

private:
	MutableBytes to_;
	std::size_t used_ = 0;
};

constexpr std::size_t length_of(const char (&name)[ICMPX_IFNAME_MAX])
{
	std::size_t length = 0;

	while (length + 1 < ICMPX_IFNAME_MAX && name[length] != 0)
		++length;
	return length;
}

/// The field's length, then the name, padded with zeros (RFC 5837, 4.3).
constexpr void put_name(Writer &out, std::span<const char> name, std::size_t field_len)
{
	const MutableBytes field = out.take(field_len);

	field[0] = static_cast<u8>(field_len);
	for (std::size_t i = 0; i < name.size(); ++i)
		field[1 + i] = static_cast<u8>(name[i]);
}

/// Of an interface or of a node. A length that no family has is none.
template <typename Described> constexpr Bytes address_of(const Described &described)
{
	const Bytes all{described.address};
	const std::size_t len = described.address_len;

	return len == kIpv4AddressLen || len == kIpv6AddressLen ? all.first(len) : Bytes{};
}

/// RFC 5837, 4.2.
constexpr void put_address(Writer &out, Bytes address)
{
	if (address.empty())
		return;

	const MutableBytes field = out.take(kAddressAt + address.size());

	store16(field, 0, address.size() == kIpv4AddressLen ? kAfiIpv4 : kAfiIpv6);
	std::copy(address.begin(), address.end(), field.begin() + kAddressAt);
}

constexpr void put_interface(Writer &out, const icmpx_interface &interface)
{
	const Bytes address = address_of(interface);
	const bool has_name = interface.name[0] != 0;
	const std::size_t start = out.size();
	const MutableBytes header = out.take(kObjectHeaderLen);

	store32(out.take(kIndexLen), 0, interface.ifindex);
	put_address(out, address);
	if (has_name)
		put_name(out, std::span{interface.name}.first(length_of(interface.name)), kNameLen);
	store32(out.take(kMtuLen), 0, interface.mtu);

	store16(header, 0, static_cast<u16>(out.size() - start));
	header[kClassAt] = kInterfaceClass;
	header[kCTypeAt] = static_cast<u8>((interface.role & 3U) << kRoleShift | kHasIndex |
					   (address.empty() ? 0 : kHasAddress) |
					   (has_name ? kHasName : 0) | kHasMtu);
}

/// The field of the name is as long as the name needs.
constexpr void put_node(Writer &out, const icmpx_node &node)
{
	const Bytes address = address_of(node);
	const std::size_t name_len = std::min<std::size_t>(node.name_len, ICMPX_NODE_NAME_MAX);

	if (address.empty() && name_len == 0)
		return;

	const std::size_t start = out.size();
	const MutableBytes header = out.take(kObjectHeaderLen);

	put_address(out, address);
	if (name_len != 0)
		put_name(out, std::span{node.name}.first(name_len),
			 (1 + name_len + 3) & ~std::size_t{3});
	store16(header, 0, static_cast<u16>(out.size() - start));
	header[kClassAt] = kNodeClass;
	header[kCTypeAt] = static_cast<u8>((address.empty() ? 0 : kHasAddress) |
					   (name_len != 0 ? kHasName : 0));
}

/// RFC 4884, 8: the layout of another version is unknown, a checksum of 0 was not
/// computed, and objects have to fill the rest of the extension.
constexpr bool valid(Bytes extension)
{
	if (extension[0] >> 4 != kVersion)
		return true;
	if (load16(extension, kExtensionChecksumAt) != 0 && checksum(extension) != 0)
		return false;

	Bytes objects = extension.subspan(kHeaderLen);

	while (!objects.empty()) {
		if (objects.size() < kObjectHeaderLen)
			return false;

		const std::size_t length = load16(objects, 0);

		if (length < kObjectHeaderLen || length > objects.size())
			return false;
		objects = objects.subspan(length);
	}
	return true;
}

} // namespace
} // namespace icmpx

bool icmpx_extensible(u8 type) { return icmpx::kTable[type].extensible; }

bool icmpx6_extensible(u8 type) { return icmpx::kTable6[type].extensible; }

size_t icmpx_extension_build(const icmpx_interface *interfaces, size_t count,
			     const icmpx_node *node, u8 *extension)
{
	using namespace icmpx;

	const MutableBytes buffer{extension, ICMPX_EXTENSION_MAX};
	Writer out{buffer};
	const MutableBytes header = out.take(kHeaderLen);

	for (const icmpx_interface &interface :
	     std::span{interfaces, std::min<std::size_t>(count, ICMPX_INTERFACES_MAX)})
		put_interface(out, interface);
	if (node != nullptr)
		put_node(out, *node);
	if (out.size() == kHeaderLen)
		return 0;
	header[0] = kVersion << 4;
	store16(header, kExtensionChecksumAt, checksum(buffer.first(out.size())));
	return out.size();
}

u16 icmpx_extension_length(const u8 *header)
{
	using namespace icmpx;

	return kTable[header[kTypeAt]].extensible
		       ? static_cast<u16>(header[kLengthAt] * kLengthUnit)
		       : u16{0};
}

u16 icmpx6_extension_length(const u8 *header)
{
	using namespace icmpx;

	return kTable6[header[kTypeAt]].extensible
		       ? static_cast<u16>(header[kLengthAt6] * kLengthUnit6)
		       : u16{0};
}

icmpx_extension_verdict icmpx_extension_check(u16 length, size_t before, const u8 *payload,
					      size_t len)
{
	using namespace icmpx;

	if (length < ICMPX_ORIGINAL_LEN || length < before)
		return {.at = 0, .invalid = 0};

	const std::size_t at = length - before;

	if (at + kHeaderLen > len)
		return {.at = 0, .invalid = 0};
	return {.at = static_cast<u16>(at),
		.invalid = valid(Bytes{payload, len}.subspan(at)) ? u8{0} : u8{1}};
}
