/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Packets of IPv6 without what cannot be the same twice, as canonical.hpp does for IPv4: identifications of fragments, TCP's
 * sequence numbers, and the flow labels of sockets, which are random. The flow label of a reply depends on the flow and on a
 * key that lasts until the next boot, so it is compared.
 */
#pragma once

#include "lib/packet6.hpp"
#include "lib/wire.hpp"
#include "message.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <utility>

namespace diff {

class Canonical6 {
public:
	/// Masks a packet that this host made. Learns TCP's sequence numbers from it. @p mac is random, too, and neighbour
	/// discovery tells it.
	void outgoing(std::span<std::uint8_t> datagram, const wire::Mac &mac);
	/// Masks an ICMPv6 message as a raw socket gets it, which this host may have sent to itself.
	static void received(std::span<std::uint8_t> message, const wire::Mac &mac);
	/// Masks, in an ICMPv6 message or in part of one, the random number that @p patch put into it.
	void patched(std::span<std::uint8_t> bytes, const Patch &patch, bool is_message) const;

	const Learned &learned() const { return learned_; }

private:
	struct Fragments {
		std::uint32_t number = 0;
		bool has_random_label = false;
	};

	/// Returns whether the label is random.
	bool mask_fragment(std::span<std::uint8_t> datagram, std::size_t at);
	void mask_tcp(std::span<std::uint8_t> segment, std::span<const std::uint8_t> datagram);

	Learned learned_{};
	/// By destination and identification, in the order in which they come.
	std::map<std::pair<packet6::Address, std::uint32_t>, Fragments> fragments_{};
	std::uint32_t fragmented_ = 0;
};

} // namespace diff
