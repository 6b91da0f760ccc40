// SPDX-License-Identifier: GPL-2.0-only

#include "intended6.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace diff {

namespace {

constexpr std::size_t ip_header = 40;

/// Where the ICMPv6 message of a frame, or of what a raw socket got, begins; nothing for all else. What this host sends has no
/// extension headers, but a fragment header.
std::optional<std::size_t> icmp_at(const Event &event)
{
	if (event.kind == Event::Kind::data)
		return event.bytes.size() < 8 ? std::nullopt : std::optional<std::size_t>(0);
	if (event.kind != Event::Kind::frame || event.bytes.size() < frame_headers + ip_header + 8)
		return std::nullopt;
	const View ip = View(event.bytes).subspan(frame_headers);
	if (ip[6] == IPPROTO_ICMPV6)
		return frame_headers + ip_header;
	const bool first = ip[6] == packet6::fragment_header && ip[ip_header] == IPPROTO_ICMPV6 &&
			   (packet::get16(ip, ip_header + 2) & 0xfff8) == 0;
	return first && ip.size() >= ip_header + 16 ? std::optional(frame_headers + ip_header + 8)
						    : std::nullopt;
}

/// Where two frames, or what raw sockets got of them, have an ICMPv6 message, if they are the same but for some of its first
/// four bytes.
std::optional<std::size_t> differ_in_icmp(const Event &a, const Event &b)
{
	const auto at = icmp_at(a);

	if (b.kind != a.kind || b.socket != a.socket || b.numbers != a.numbers || !at ||
	    icmp_at(b) != at || a.bytes.size() != b.bytes.size())
		return std::nullopt;
	Bytes masked = a.bytes;
	std::copy_n(b.bytes.begin() + static_cast<std::ptrdiff_t>(*at), 4,
		    masked.begin() + static_cast<std::ptrdiff_t>(*at));
	return masked == b.bytes ? at : std::nullopt;
}

/// Whether the answers are the same but for messages of which @p explains says why, and counters of which
/// @p explains_counters does.
template <typename Explains, typename ExplainsCounters>
bool all_equal(const Difference &difference, Explains explains, ExplainsCounters explains_counters)
{
	return std::ranges::equal(difference.builtin, difference.icmpx,
				  [&](const Event &a, const Event &b) {
					  if (a == b)
						  return true;
					  if (a.kind == Event::Kind::counters && b.kind == a.kind)
						  return explains_counters(a, b);
					  const auto at = differ_in_icmp(a, b);
					  return at && explains(a, b, *at);
				  });
}

template <typename Explains> bool all_equal(const Difference &difference, Explains explains)
{
	return all_equal(difference, explains, [](const Event &, const Event &) { return false; });
}

/// What @p name comes to in @p values, of the namespace and of a device, which then are not among them any more.
std::int64_t take(counters::Values &values, const std::string &name)
{
	std::int64_t sum = 0;

	std::erase_if(values, [&](const auto &entry) {
		const bool taken = entry.first.ends_with(name);

		sum += taken ? entry.second : 0;
		return taken;
	});
	return sum;
}

/// Whether a reply that came back to this host was refused for its checksum where @p refused was counted, and not where
/// @p accepted was.
bool is_reply_refused(counters::Values refused, counters::Values accepted)
{
	constexpr std::int64_t once = 2;
	std::int64_t replies = 0;

	for (const char *name : {"Icmp6InType129", "Icmp6InType161"})
		replies += take(accepted, name);
	take(accepted, "Icmp6InEchoReplies");
	return replies == once && take(refused, "Icmp6InErrors") == once &&
	       take(refused, "Icmp6InCsumErrors") == once && refused == accepted;
}

bool same_type_and_code(const Event &a, const Event &b, std::size_t at)
{
	return packet::get16(a.bytes, at) == packet::get16(b.bytes, at);
}

bool differ_in_probe_code(const Event &builtin, const Event &icmpx, std::size_t at)
{
	return builtin.bytes[at] == packet6::extended_echo_reply &&
	       icmpx.bytes[at] == packet6::extended_echo_reply && icmpx.bytes[at + 1] == 0 &&
	       builtin.bytes[at + 1] != 0;
}

} // namespace

bool has_wrong_checksum6(const Packet6 &packet)
{
	return packet.sum == Sum::wrong || packet.sum == Sum::zero;
}

/// Whether the request's reply came back to this host, and was refused from icmpx alone.
bool is_refused_at_home(const Difference &difference)
{
	const auto is_counters = [](const Event &event) {
		return event.kind == Event::Kind::counters;
	};
	const Packet6 *packet = difference.packet6();
	const auto builtin = std::ranges::find_if(difference.builtin, is_counters);
	const auto icmpx = std::ranges::find_if(difference.icmpx, is_counters);

	return packet && has_wrong_checksum6(*packet) && builtin != difference.builtin.end() &&
	       icmpx != difference.icmpx.end() && is_reply_refused(icmpx->values, builtin->values);
}

/// What a raw socket got of a reply.
bool is_reply_received(const Event &event)
{
	return event.kind == Event::Kind::data && event.bytes.size() >= 8 &&
	       (event.bytes[0] == packet6::echo_reply ||
		event.bytes[0] == packet6::extended_echo_reply);
}

bool declared_right6(const Difference &difference)
{
	const bool refused = is_refused_at_home(difference);
	Events builtin = difference.builtin;

	if (refused)
		std::erase_if(builtin, is_reply_received);
	return difference.sequence.trusted &&
	       all_equal(
		       {difference.sequence, difference.place, builtin, difference.icmpx},
		       [](const Event &one, const Event &other, std::size_t at) {
			       return same_type_and_code(one, other, at) ||
				      differ_in_probe_code(one, other, at);
		       },
		       [refused](const Event &, const Event &) { return refused; });
}

bool probe_code6(const Difference &difference)
{
	return all_equal(difference, [](const Event &builtin, const Event &icmpx, std::size_t at) {
		return differ_in_probe_code(builtin, icmpx, at) &&
		       packet::checksum(View(builtin.bytes).subspan(at, 4)) ==
			       packet::checksum(View(icmpx.bytes).subspan(at, 4));
	});
}

bool is_from_link_local6(const Packet6 &packet)
{
	return packet.ip.source[0] == 0xfe && (packet.ip.source[1] & 0xc0) == 0x80;
}

bool reverse_route6(const Difference &difference)
{
	const Packet6 *packet = difference.packet6();

	return difference.sequence.vrf && packet && is_from_link_local6(*packet) &&
	       all_equal(
		       difference, [](const Event &, const Event &, std::size_t) { return false; },
		       [](const Event &builtin, const Event &icmpx) {
			       counters::Values more = builtin.values, less = icmpx.values;

			       return take(more, "Ip6OutNoRoutes") ==
					      take(less, "Ip6OutNoRoutes") + 1 &&
				      more == less;
		       });
}

} // namespace diff
