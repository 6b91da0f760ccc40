// SPDX-License-Identifier: GPL-2.0-only

#include "canonical.hpp"

#include "lib/clock.hpp"
#include "router.hpp"

#include <algorithm>

#include <netinet/in.h>

namespace diff {

namespace {

using Span = std::span<std::uint8_t>;

constexpr std::size_t ip_header = 20;
constexpr std::uint8_t option_end = 0, option_nop = 1, option_timestamp = 68;
/// No time of day: there are only 86,400,000 ms in one.
constexpr std::uint32_t masked_time = 0x7fffffff;

/// The length of the IPv4 header that @p bytes begin with; 0 if there is no whole one.
std::size_t header_length(View bytes)
{
	if (bytes.size() < ip_header || bytes[0] >> 4 != 4)
		return 0;
	std::size_t length = (bytes[0] & 15U) * 4;

	return length < ip_header || length > bytes.size() ? 0 : length;
}

bool is_local(Address address)
{
	return address >> 24 == IN_LOOPBACKNET || address == host_address ||
	       address == second_address || address == far_address;
}

/// Takes away the identification of a datagram that this host made, and the checksum over it if that is right. If it is
/// not, since options were filled in later, it is as if there had been no identification.
bool forget_identification(Span datagram)
{
	std::size_t header = header_length(datagram);

	if (!header || !is_local(packet::get32(datagram, 12)))
		return false;
	bool right = packet::checksum(datagram.first(header)) == 0;
	store16(datagram, 10,
		right ? std::uint16_t{0}
		      : without_word(packet::get16(datagram, 10), packet::get16(datagram, 4)));
	store16(datagram, 4, 0);
	return true;
}

bool is_error(std::uint8_t type)
{
	return type == packet::unreachable || type == packet::source_quench ||
	       type == packet::redirect || type == packet::time_exceeded ||
	       type == packet::parameter_problem;
}

} // namespace

Canonical::Canonical() : begin_(clock_of_day::now()) {}

bool Canonical::is_now(std::uint32_t time) const
{
	std::int64_t elapsed =
		(clock_of_day::now() - begin_ + clock_of_day::day) % clock_of_day::day;
	std::int64_t since = (time - begin_ + clock_of_day::day) % clock_of_day::day;

	return time < clock_of_day::day && since <= elapsed;
}

bool Canonical::mask_time(Span word) const
{
	if (!is_now(packet::get32(word, 0)))
		return false;
	store32(word, 0, masked_time);
	return true;
}

/// Masks the entries of timestamp options. A pointer may be odd, so an entry may be anywhere.
bool Canonical::mask_stamps(Span options) const
{
	bool any = false;

	for (std::size_t at = 0; at < options.size() && options[at] != option_end;) {
		if (options[at] == option_nop) {
			at++;
			continue;
		}
		std::size_t size = at + 1 < options.size() ? options[at + 1] : 0;
		if (size < 2 || at + size > options.size())
			break;
		for (std::size_t word = 4; options[at] == option_timestamp && word + 4 <= size;
		     word++)
			any |= mask_time(options.subspan(at + word, 4));
		at += size;
	}
	return any;
}

/// Masks times in the header's options, and its checksum if it covers such and is right.
bool Canonical::mask_header_times(Span datagram) const
{
	std::size_t header = header_length(datagram);

	if (header <= ip_header)
		return false;
	bool right = packet::checksum(datagram.first(header)) == 0;
	if (!mask_stamps(datagram.subspan(ip_header, header - ip_header)))
		return false;
	if (right)
		store16(datagram, 10, 0);
	return true;
}

void Canonical::mask_icmp(Span message) const
{
	constexpr std::size_t receive_time = 12, transmit_time = 16;

	if (message.size() < 8)
		return;
	bool right = packet::checksum(message) == 0, masked = false;
	if (message[0] == packet::timestamp_reply && message.size() >= 20) {
		masked |= mask_time(message.subspan(receive_time, 4));
		masked |= mask_time(message.subspan(transmit_time, 4));
	} else if (is_error(message[0])) {
		masked = mask_header_times(message.subspan(8));
	}
	if (masked && right)
		store16(message, 2, 0);
}

void Canonical::mask_tcp(Span segment, View addresses)
{
	constexpr std::size_t sequence_at = 4, flags_at = 13, checksum_at = 16;
	constexpr std::uint8_t syn_flag = 2;

	if (segment.size() < 20)
		return;
	Bytes pseudo(addresses.begin(), addresses.end());
	packet::put16(pseudo, IPPROTO_TCP);
	packet::put16(pseudo, static_cast<std::uint16_t>(segment.size()));
	pseudo.insert(pseudo.end(), segment.begin(), segment.end());
	std::uint32_t sequence = packet::get32(segment, sequence_at);
	// With a source route it is over an address that is not in its place yet.
	std::uint16_t checksum = without_word(packet::get16(segment, checksum_at),
					      static_cast<std::uint16_t>(sequence >> 16));
	store16(segment, checksum_at,
		packet::checksum(pseudo) == 0
			? std::uint16_t{0}
			: without_word(checksum, static_cast<std::uint16_t>(sequence)));
	Connection connection{packet::get32(addresses, 0), packet::get16(segment, 0),
			      packet::get16(segment, 2)};
	// A connection that was given up and is made again begins with another number.
	if (segment[flags_at] & syn_flag)
		learned_[connection] = sequence;
	std::uint32_t first = learned_.try_emplace(connection, sequence).first->second;
	store32(segment, sequence_at, sequence - first);
}

/// Of a datagram that is whole the identification means nothing; of fragments it says which belong together.
void Canonical::mask_identification(Span datagram)
{
	std::size_t header = header_length(datagram);
	std::uint16_t id = packet::get16(datagram, 4), canonical = 0;

	if (packet::get16(datagram, 6) & 0x3fff) {
		auto [known, is_new] = fragments_.try_emplace({packet::get32(datagram, 16), id});
		// A first fragment begins another datagram, though it may have an identification that was there.
		if (is_new || !(packet::get16(datagram, 6) & 0x1fff))
			known->second = ++fragmented_;
		canonical = known->second;
	}
	if (packet::checksum(datagram.first(header)) == 0)
		store16(datagram, 10, 0);
	store16(datagram, 4, canonical);
}

void Canonical::outgoing(Span datagram)
{
	std::size_t header = header_length(datagram);

	if (!header)
		return;
	std::size_t end =
		std::clamp<std::size_t>(packet::get16(datagram, 2), header, datagram.size());
	Span payload = datagram.subspan(header, end - header);
	bool fragment = packet::get16(datagram, 6) & 0x3fff;

	mask_identification(datagram);
	mask_header_times(datagram);
	if (datagram[9] == IPPROTO_ICMP && !fragment)
		mask_icmp(payload);
	if (datagram[9] == IPPROTO_TCP && !fragment)
		mask_tcp(payload, datagram.subspan(12, 8));
}

void Canonical::received(Span datagram) const
{
	std::size_t header = header_length(datagram);

	if (!header)
		return;
	const bool times = mask_header_times(datagram);
	// Unless this host sent it to itself, all else is as it was sent.
	if (!forget_identification(datagram))
		return;
	// Of its own times some were filled in before the checksum was, and some after.
	if (times)
		store16(datagram, 10, 0);
	Span payload = datagram.subspan(header);
	if (datagram[9] != IPPROTO_ICMP || payload.size() < 8)
		return;
	mask_icmp(payload);
	if (is_error(payload[0]) && packet::checksum(payload) == 0 &&
	    forget_identification(payload.subspan(8)))
		store16(payload, 2, 0);
}

void Canonical::patched(Span bytes, const Patch &patch) const
{
	auto found = learned_.find(patch.connection);
	std::size_t header = header_length(bytes);

	if (found == learned_.end())
		return;
	if (header && bytes[9] == IPPROTO_ICMP && bytes.size() >= header + 8 &&
	    packet::checksum(bytes.subspan(header)) == 0)
		store16(bytes, header + 2, 0);
	for (std::size_t at = 0; at + 4 <= bytes.size(); at++) {
		if (packet::get32(bytes, at) == found->second + patch.delta)
			store32(bytes, at, patch.delta);
	}
}

} // namespace diff
