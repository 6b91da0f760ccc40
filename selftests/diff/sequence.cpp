// SPDX-License-Identifier: GPL-2.0-only

#include "sequence.hpp"

#include <algorithm>
#include <string>

namespace diff {

namespace {

constexpr std::size_t ethernet_header = 14, ip_header = 20, icmp_header = 8;

} // namespace

void apply_patch(Bytes &payload, const Patch &patch, const Learned &learned)
{
	auto found = learned.find(patch.connection);
	std::uint32_t value = (found == learned.end() ? 0 : found->second) + patch.delta;

	// A patch may lie beyond what a shrunk payload has.
	for (std::size_t i = 0; i < 4 && patch.at + i < payload.size(); i++)
		payload[patch.at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

void apply_checksum(Bytes &payload, Sum sum, std::uint32_t pseudo)
{
	if (sum == Sum::absent_garbage)
		return;
	store16(payload, 2, 0);
	if (sum == Sum::zero || sum == Sum::absent)
		return;
	std::uint16_t right = packet::checksum(payload, pseudo);
	store16(payload, 2, sum == Sum::wrong ? static_cast<std::uint16_t>(right ^ 0x5555) : right);
}

bool is_limited(const Sequence &sequence, std::uint8_t type)
{
	constexpr unsigned types = 32;

	return type < types && std::ranges::any_of(sequence.settings, [type](const Setting &set) {
		       return set.name == "icmp_ratemask" &&
			      (std::stoul(set.value) >> type & 1) != 0;
	       });
}

Bytes datagram_of(const Packet &packet, const Learned &learned)
{
	packet::Ipv4 ip = packet.ip;

	if (packet.patch)
		apply_patch(ip.payload, *packet.patch, learned);
	// What is a fragment has had the checksum of the whole since it was one.
	if (packet.has_icmp() && !ip.mf)
		apply_checksum(ip.payload, packet.sum);
	Bytes bytes = ip.build();
	int length = static_cast<int>(bytes.size()) + packet.length_lie;

	bytes[0] = static_cast<std::uint8_t>(packet.version << 4 |
					     (((bytes[0] & 15) + packet.header_lie) & 15));
	store16(bytes, 2, static_cast<std::uint16_t>(std::clamp(length, 0, 65535)));
	if (packet.reserved_flag)
		bytes[6] |= 0x80;
	store16(bytes, 10, 0);
	// Right for what the header says of its length, so that this is not what it is refused for.
	std::size_t header = std::max(bytes[0] & 15U, 5U) * 4;
	std::uint16_t right = packet::checksum(View(bytes).first(std::min(header, bytes.size())));
	store16(bytes, 10,
		packet.header_checksum_wrong ? static_cast<std::uint16_t>(right ^ 0x1111) : right);
	bytes.insert(bytes.end(), packet.padding, 0xee);
	return bytes;
}

bool is_malformed_redirect(View bytes)
{
	std::size_t header = bytes.empty() ? 0 : (bytes[0] & 15U) * 4;

	return header >= ip_header && bytes.size() > header + icmp_header &&
	       bytes[9] == IPPROTO_ICMP && bytes[header] == packet::redirect &&
	       (bytes[header + icmp_header] & 15) < 5;
}

wire::VirtioHeader offload_of(const Packet &packet)
{
	wire::VirtioHeader header;

	if (!packet.has_icmp() || (packet.sum != Sum::absent && packet.sum != Sum::absent_garbage))
		return header;
	header.flags = wire::VirtioHeader::needs_checksum;
	header.checksum_start = static_cast<std::uint16_t>(ethernet_header + ip_header +
							   (packet.ip.options.size() + 3) / 4 * 4);
	header.checksum_offset = 2;
	return header;
}

std::size_t packets_in(const Sequence &sequence)
{
	return static_cast<std::size_t>(std::ranges::count_if(
		sequence.steps, [](const Step &step) { return step.packet || step.packet6; }));
}

} // namespace diff
