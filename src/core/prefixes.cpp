// SPDX-License-Identifier: GPL-2.0-only
// Sets of address prefixes. Two prefixes either have no address in common, or one is inside the
// other: a sorted list of those that are inside no other one is enough for all.
#include <icmpx/prefixes.h>

#include "wire.hpp"

#include <algorithm>

namespace icmpx {
namespace {

constexpr std::size_t kIpv4Bytes = 4;
constexpr std::size_t kIpv6Bytes = 16;
constexpr unsigned kBitsOfAByte = 8;

/// An IPv6 address as a number.
using Address6 = unsigned __int128;

constexpr u64 load64(Bytes bytes, std::size_t at)
{
	return static_cast<u64>(load32(bytes, at)) << 32 | load32(bytes, at + sizeof(u32));
}

constexpr Address6 number(u64 high, u64 low) { return Address6{high} << 64 | low; }

constexpr u32 first_of(const icmpx_range4 &range) { return range.first; }
constexpr u32 last_of(const icmpx_range4 &range) { return range.last; }
constexpr Address6 first_of(const icmpx_range6 &range)
{
	return number(range.first[0], range.first[1]);
}

constexpr Address6 last_of(const icmpx_range6 &range)
{
	return number(range.last[0], range.last[1]);
}

/// @return whether all of @p inner is in @p outer
template <typename Range> constexpr bool has(const Range &outer, const Range &inner)
{
	return first_of(outer) <= first_of(inner) && last_of(inner) <= last_of(outer);
}

/// Adds @p added to the first @p count of @p all, unless it is inside one of these. Those that
/// are inside @p added go.
template <typename Range>
constexpr void insert(std::span<Range, ICMPX_PREFIXES_MAX> all, u32 &count, const Range &added)
{
	u32 at = 0;

	while (at < count && last_of(all[at]) < first_of(added))
		++at;
	if (at < count && has(all[at], added))
		return;

	u32 end = at;

	while (end < count && has(added, all[end]))
		++end;
	if (end == at)
		std::copy_backward(all.begin() + at, all.begin() + count, all.begin() + count + 1);
	else
		std::copy(all.begin() + end, all.begin() + count, all.begin() + at + 1);
	all[at] = added;
	count = count + 1 - (end - at);
}

/// The last range that begins at @p address or before is the only one that may have it. The
/// number of steps depends on the number of ranges alone, and none of them is a branch.
template <typename Range, typename Address>
constexpr bool find(std::span<const Range> all, Address address)
{
	const Range *at = all.data();
	std::size_t left = all.size();

	if (left == 0)
		return false;
	while (left > 1) {
		const std::size_t half = left / 2;

		at = first_of(at[half]) <= address ? at + half : at;
		left -= half;
	}
	return first_of(*at) <= address && address <= last_of(*at);
}

/// The bits of an address of @p bytes bytes that are behind a prefix of @p length bits.
constexpr u8 behind(std::size_t byte, unsigned length)
{
	const unsigned before = static_cast<unsigned>(byte) * kBitsOfAByte;

	if (length >= before + kBitsOfAByte)
		return 0;
	return length <= before ? u8{0xff} : static_cast<u8>(0xffU >> (length - before));
}

constexpr bool valid(const icmpx_prefix &prefix)
{
	const std::size_t len = prefix.address_len;

	if ((len != kIpv4Bytes && len != kIpv6Bytes) || prefix.length > len * kBitsOfAByte)
		return false;
	for (std::size_t i = 0; i < len; ++i)
		if ((prefix.address[i] & behind(i, prefix.length)) != 0)
			return false;
	return true;
}

constexpr void add(icmpx_prefixes &set, const icmpx_prefix &prefix)
{
	u8 last[kIpv6Bytes] = {};
	const Bytes first{prefix.address};

	for (std::size_t i = 0; i < prefix.address_len; ++i)
		last[i] = static_cast<u8>(prefix.address[i] | behind(i, prefix.length));
	if (prefix.address_len == kIpv4Bytes)
		insert<icmpx_range4>(set.v4, set.count4,
				     {.first = load32(first, 0), .last = load32(last, 0)});
	else
		insert<icmpx_range6>(set.v6, set.count6,
				     {.first = {load64(first, 0), load64(first, sizeof(u64))},
				      .last = {load64(last, 0), load64(last, sizeof(u64))}});
}

} // namespace
} // namespace icmpx

bool icmpx_prefix_valid(const icmpx_prefix *prefix) { return icmpx::valid(*prefix); }

void icmpx_prefixes_build(const icmpx_prefix *prefixes, size_t count, icmpx_prefixes *set)
{
	set->count4 = 0;
	set->count6 = 0;
	for (const icmpx_prefix &prefix :
	     std::span{prefixes, std::min<std::size_t>(count, ICMPX_PREFIXES_MAX)})
		icmpx::add(*set, prefix);
}

bool icmpx_prefixes_have(const icmpx_prefixes *set, u32 address)
{
	return icmpx::find(std::span<const icmpx_range4>{set->v4, set->count4}, address);
}

bool icmpx6_prefixes_have(const icmpx_prefixes *set, const u8 *address)
{
	using namespace icmpx;

	const Bytes bytes{address, kIpv6Bytes};

	return find(std::span<const icmpx_range6>{set->v6, set->count6},
		    number(load64(bytes, 0), load64(bytes, sizeof(u64))));
}
