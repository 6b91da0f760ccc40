/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Datagrams without what cannot be the same twice: identifications, the time of day, TCP's random sequence numbers.
 *
 * What is masked is first found to be as it must be: a checksum that covers it is right, a time is the time.
 */
#pragma once

#include "sequence.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <utility>

namespace diff {

class Canonical {
public:
	/// For what happens from now on.
	Canonical();

	/// Masks an IPv4 datagram that this host made. Learns TCP's sequence numbers from it.
	void outgoing(std::span<std::uint8_t> datagram);
	/// Masks an IPv4 datagram as a raw socket gets it: Linux filled in its options.
	void received(std::span<std::uint8_t> datagram) const;

	/// Masks in what came of a packet the random number that @p patch put into it: a datagram, or part of one.
	void patched(std::span<std::uint8_t> bytes, const Patch &patch) const;

	const Learned &learned() const { return learned_; }

private:
	bool is_now(std::uint32_t time) const;
	bool mask_time(std::span<std::uint8_t> word) const;
	bool mask_stamps(std::span<std::uint8_t> options) const;
	bool mask_header_times(std::span<std::uint8_t> datagram) const;
	void mask_icmp(std::span<std::uint8_t> message) const;
	void mask_tcp(std::span<std::uint8_t> segment, std::span<const std::uint8_t> addresses);
	void mask_identification(std::span<std::uint8_t> datagram);

	std::int64_t begin_;
	Learned learned_{};
	/// Identifications of fragments to an address, numbered as their datagrams come.
	std::map<std::pair<Address, std::uint16_t>, std::uint16_t> fragments_{};
	std::uint16_t fragmented_ = 0;
};

} // namespace diff
