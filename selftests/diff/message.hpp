/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What packets of both families have: checksums, and numbers that are only known once a connection is there.
 */
#pragma once

#include "lib/packet.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <tuple>

namespace diff {

using packet::Address;
using packet::Bytes;
using packet::View;

/// Our address, which is 0 in a sequence of IPv6, and port, and the peer's port.
using Connection = std::tuple<Address, std::uint16_t, std::uint16_t>;
/// Initial sequence numbers, which are random, as seen on the wire.
using Learned = std::map<Connection, std::uint32_t>;

/// What becomes of the ICMP checksum.
enum class Sum {
	right,
	wrong,
	zero,
	/// As a device would that leaves it to the next one: the field is not filled in (VIRTIO_NET_HDR_F_NEEDS_CSUM).
	absent,
	/// The same with something in the field.
	absent_garbage,
};

/// A sequence number of TCP to fill in: what was learned of a connection, and @p delta more.
struct Patch {
	std::uint16_t at = 0;
	Connection connection{};
	std::uint32_t delta = 0;
};

/// Fills in what was learned, where @p payload is long enough for it.
void apply_patch(Bytes &payload, const Patch &patch, const Learned &learned);

/// Makes the checksum of ICMP or ICMPv6 that @p payload begins with what @p sum says. @p pseudo is the sum of the pseudo header.
void apply_checksum(Bytes &payload, Sum sum, std::uint32_t pseudo = 0);

inline void store16(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t value)
{
	bytes[at] = static_cast<std::uint8_t>(value >> 8);
	bytes[at + 1] = static_cast<std::uint8_t>(value);
}

inline void store32(std::span<std::uint8_t> bytes, std::size_t at, std::uint32_t value)
{
	store16(bytes, at, static_cast<std::uint16_t>(value >> 16));
	store16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

/// @p checksum as it would be if @p word were 0 in what it is over (RFC 1624).
inline std::uint16_t without_word(std::uint16_t checksum, std::uint16_t word)
{
	std::uint32_t sum = std::uint32_t{0xffff} - checksum + 0xffff - word;

	return static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

} // namespace diff
