// SPDX-License-Identifier: GPL-2.0-only

#include "sequence6.hpp"

#include <algorithm>

namespace diff {

namespace {

constexpr std::size_t ethernet_header = 14;

bool is_absent(Sum sum) { return sum == Sum::absent || sum == Sum::absent_garbage; }

} // namespace

Bytes datagram_of(const Packet6 &packet, const Learned &learned)
{
	packet6::Ipv6 ip = packet.ip;

	if (packet.patch)
		apply_patch(ip.payload, *packet.patch, learned);
	if (packet.has_icmp())
		apply_checksum(ip.payload, packet.sum,
			       packet6::pseudo_header(packet.from.value_or(ip.source),
						      packet.to.value_or(ip.destination),
						      ip.payload.size()));
	Bytes bytes = ip.build();
	const int length = packet::get16(bytes, 4) + packet.length_lie;

	bytes[0] = static_cast<std::uint8_t>((bytes[0] & 15) | packet.version << 4);
	store16(bytes, 4, static_cast<std::uint16_t>(std::clamp(length, 0, 65535)));
	bytes.insert(bytes.end(), packet.padding, 0xee);
	return bytes;
}

wire::VirtioHeader offload_of(const Packet6 &packet)
{
	wire::VirtioHeader header;

	if (!packet.has_icmp() || !is_absent(packet.sum))
		return header;
	header.flags = wire::VirtioHeader::needs_checksum;
	header.checksum_start = static_cast<std::uint16_t>(
		ethernet_header + packet.ip.build().size() - packet.ip.payload.size());
	header.checksum_offset = 2;
	return header;
}

} // namespace diff
