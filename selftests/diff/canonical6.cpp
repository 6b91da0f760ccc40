// SPDX-License-Identifier: GPL-2.0-only

#include "canonical6.hpp"

#include <algorithm>

#include <netinet/in.h>

namespace diff {

namespace {

using Span = std::span<std::uint8_t>;

constexpr std::size_t ip_header = 40, fragment_header = 8;

/// Where the first header lies that is no extension header with a length, and what it is.
std::pair<std::size_t, std::uint8_t> skip_extensions(View datagram)
{
	std::size_t at = ip_header;
	std::uint8_t next = datagram[6];

	while ((next == packet6::hop_by_hop || next == packet6::routing_header ||
		next == packet6::destination_options) &&
	       at + 8 <= datagram.size()) {
		next = datagram[at];
		at += (datagram[at + 1] + std::size_t{1}) * 8;
	}
	return {std::min(at, datagram.size()), next};
}

/// Whether the label of a whole message that begins with @p type was made for a socket: its hash is random once it is
/// connected.
bool has_random_label(std::uint8_t protocol, View payload)
{
	return protocol != IPPROTO_ICMPV6 || payload.empty() || payload[0] == packet6::echo ||
	       payload[0] == packet6::extended_echo;
}

/// The sum of the pseudo header of what @p datagram carries, which has @p length bytes.
std::uint32_t pseudo_header(View datagram, std::size_t length, std::uint8_t protocol)
{
	packet6::Address source{}, destination{};

	std::copy_n(datagram.begin() + 8, source.size(), source.begin());
	std::copy_n(datagram.begin() + 24, destination.size(), destination.begin());
	return packet6::pseudo_header(source, destination, length, protocol);
}

/// Masks the link-layer address in options of neighbour discovery. Returns whether there is one.
bool mask_mac(Span message, const wire::Mac &mac)
{
	if (message.size() < 8 || message[0] < packet6::router_solicitation ||
	    message[0] > packet6::redirect)
		return false;
	const auto found = std::ranges::search(message, mac);
	std::ranges::fill(found, std::uint8_t{0});
	return !found.empty();
}

void clear_label(Span datagram)
{
	datagram[1] &= 0xf0;
	store16(datagram, 2, 0);
}

} // namespace

bool Canonical6::mask_fragment(Span datagram, std::size_t at)
{
	packet6::Address destination{};

	std::copy_n(datagram.begin() + 24, destination.size(), destination.begin());
	Fragments &fragments = fragments_[{destination, packet::get32(datagram, at + 4)}];
	// A first fragment begins another packet, though it may have an identification that was there.
	if (!fragments.number || !(packet::get16(datagram, at + 2) & 0xfff8)) {
		fragments.number = ++fragmented_;
		fragments.has_random_label =
			has_random_label(datagram[at], datagram.subspan(at + fragment_header));
	}
	store32(datagram, at + 4, fragments.number);
	return fragments.has_random_label;
}

void Canonical6::mask_tcp(Span segment, View datagram)
{
	constexpr std::size_t sequence_at = 4, flags_at = 13, checksum_at = 16;
	constexpr std::uint8_t syn_flag = 2;

	if (segment.size() < 20)
		return;
	const std::uint32_t sequence = packet::get32(segment, sequence_at);
	if (packet::checksum(segment, pseudo_header(datagram, segment.size(), IPPROTO_TCP)) == 0)
		store16(segment, checksum_at, 0);
	const Connection connection{0, packet::get16(segment, 0), packet::get16(segment, 2)};
	if (segment[flags_at] & syn_flag)
		learned_[connection] = sequence;
	const std::uint32_t first = learned_.try_emplace(connection, sequence).first->second;
	// A reset about what belongs to no connection has number 0, which is not random.
	if (sequence)
		store32(segment, sequence_at, sequence - first);
}

void Canonical6::outgoing(Span datagram, const wire::Mac &mac)
{
	if (datagram.size() < ip_header || datagram[0] >> 4 != 6)
		return;
	auto [at, protocol] = skip_extensions(datagram);
	Span payload = datagram.subspan(at);
	bool random = has_random_label(protocol, payload);

	if (protocol == packet6::fragment_header && payload.size() > fragment_header)
		random = mask_fragment(datagram, at);
	if (protocol == IPPROTO_TCP)
		mask_tcp(payload, datagram);
	const bool right = packet::checksum(payload, pseudo_header(datagram, payload.size(),
								   IPPROTO_ICMPV6)) == 0;
	if (protocol == IPPROTO_ICMPV6 && mask_mac(payload, mac) && right)
		store16(payload, 2, 0);
	if (random)
		clear_label(datagram);
}

void Canonical6::received(Span message, const wire::Mac &mac)
{
	constexpr std::size_t icmp_header = 8;
	bool masked = mask_mac(message, mac);

	if (message.size() < icmp_header + ip_header)
		return;
	Span quoted = message.subspan(icmp_header);
	// Errors that come in by the wire quote packets without one.
	if (message[0] < packet6::echo && quoted[0] >> 4 == 6 &&
	    (packet::get32(quoted, 0) & 0xfffff)) {
		clear_label(quoted);
		masked = true;
	}
	// It covers addresses that are not known here.
	if (masked)
		store16(message, 2, 0);
}

void Canonical6::patched(Span bytes, const Patch &patch, bool is_message) const
{
	const auto found = learned_.find(patch.connection);

	if (found == learned_.end())
		return;
	if (is_message && bytes.size() >= 4)
		store16(bytes, 2, 0);
	for (std::size_t at = 0; at + 4 <= bytes.size(); at++) {
		if (packet::get32(bytes, at) == found->second + patch.delta)
			store32(bytes, at, patch.delta);
	}
}

} // namespace diff
