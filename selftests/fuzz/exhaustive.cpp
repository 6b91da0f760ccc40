// SPDX-License-Identifier: GPL-2.0-only
//
// Every length, with every value of the bytes that say how a message is laid out: where inputs are so few that all can be
// tried, nothing is left to chance. Linked with a fuzz target, whose checks are made for each.
// Usage: exhaustive TARGET

#include "fuzz.hpp"

#include <cstdio>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size);

namespace {

/// A byte of the input, and the values that it takes.
struct Axis {
	std::size_t at;
	unsigned first;
	unsigned last;
};

/// All combinations of the axes' values, for each length.
struct Walk {
	std::string_view target;
	std::size_t shortest;
	std::size_t longest;
	std::vector<Axis> axes;
	/// What each byte that is not on an axis is.
	u8 filler = 0;
};

/// Where the options target has the members of struct icmpx_options.
constexpr std::size_t options_at = 13;
constexpr std::size_t options_size = options_at + sizeof(icmpx_options);
constexpr std::size_t ours_at = options_at - 1;
constexpr std::size_t len_at = options_at + offsetof(icmpx_options, len);
constexpr std::size_t srr_at = options_at + offsetof(icmpx_options, srr);
constexpr std::size_t rr_at = options_at + offsetof(icmpx_options, rr);
constexpr std::size_t ts_at = options_at + offsetof(icmpx_options, ts);
constexpr std::size_t cipso_at = options_at + offsetof(icmpx_options, cipso);
constexpr std::size_t bytes_at = options_at + offsetof(icmpx_options, bytes);

/// Where the target of node information has the length of the name, its first bytes, the source, the setting and the message.
constexpr std::size_t self_at = offsetof(icmpx_node, name_len);
constexpr std::size_t name_at = offsetof(icmpx_node, name);
constexpr std::size_t asker_at = sizeof(icmpx_node);
constexpr std::size_t mask_at = asker_at + 16;
constexpr std::size_t query_at = mask_at + 2;

/// One option of each kind at the front: how long the options are, how long it is, where its pointer points, its flags.
Walk first_option(std::size_t kind_at, unsigned last_flag)
{
	return {.target = "options",
		.shortest = options_size,
		.longest = options_size,
		.axes = {{kind_at, 20, 20},
			 {len_at, 0, 45},
			 {bytes_at + 1, 0, 45},
			 {bytes_at + 2, 0, 45},
			 {bytes_at + 3, 0, last_flag},
			 {ours_at, 0, last_flag == 0 ? 0U : 1U}},
		.filler = 1};
}

/// One of each kind anywhere, its length and its pointer the same.
Walk any_place(std::size_t kind_at, u8 filler)
{
	return {.target = "options",
		.shortest = options_size,
		.longest = options_size,
		.axes = {{kind_at, 0, 255}, {len_at, 0, 255}},
		.filler = filler};
}

std::vector<Walk> walks()
{
	std::vector<Walk> all{
		// Type, code, policy.
		{"decide", 12, 12, {{0, 0, 255}, {1, 0, 255}, {8, 0, 63}}},
		// Type, flags of a PROBE query, policy.
		{"decide6", 12, 12, {{0, 0, 255}, {7, 0, 255}, {8, 0, 63}}},
		// Type, code, setting, version and header length of what is quoted.
		{"error", 0, 90, {{0, 3, 12}, {1, 0, 17}, {8, 0, 3}, {9, 0x40, 0x4f}}},
		{"error", 0, 90, {{0, 0, 255}, {9, 0, 255}}},
		// Length, segments left, last entry; length of the object behind one segment.
		{"error6", 0, 72, {{1, 0, 9}, {2, 4, 4}, {3, 0, 5}, {4, 0, 5}}},
		{"error6", 24, 64, {{1, 0, 9}, {2, 4, 4}, {25, 0, 255}}},
		// Time to live; mended, so that the sums are right; first bytes of the addresses.
		{"express",
		 46,
		 46,
		 {{0, 0, 255}, {1, 0, 1}, {21, 28, 28}, {30, 0, 255}, {34, 9, 10}, {10, 2, 2}}},
		// The same over IPv6, with the length of the message in place of time to live.
		{"express6",
		 66,
		 66,
		 {{0, 63, 64}, {1, 0, 1}, {23, 7, 9}, {26, 0, 255}, {42, 254, 255}, {10, 2, 2}}},
		// The first two bytes of a name; what follows goes on with a character.
		{"node", 0, 5, {{0, 0, 255}, {1, 0, 255}}, 0x80},
		// A prefix of each family, with each length and more, and an address.
		{"prefixes", 34, 34, {{0, 0, 255}, {16, 4, 4}, {17, 0, 33}, {18, 192, 193}}},
		{"prefixes", 34, 34, {{0, 0, 255}, {16, 16, 16}, {17, 0, 129}, {18, 192, 193}}},
		// Words of the original datagram; of the extension behind 128 bytes the version and
		// the length of its first object.
		{"extension",
		 100,
		 130,
		 {{0, 1, 1},
		  {1, 3, 3},
		  {2, 0, 255},
		  {3, 28, 28},
		  {104, 0x1f, 0x20},
		  {108, 0, 1},
		  {109, 0, 20}}},
		// The same of ICMPv6, and every type of both.
		{"extension",
		 100,
		 130,
		 {{0, 3, 3},
		  {1, 1, 1},
		  {2, 0, 255},
		  {3, 28, 28},
		  {104, 0x1f, 0x20},
		  {108, 0, 1},
		  {109, 0, 20}}},
		{"extension", 4, 4, {{0, 1, 3}, {1, 0, 255}, {2, 0, 255}}},
		// An object's length and type, an address's family and length.
		{"probe", 0, 40, {{5, 0, 48}, {7, 0, 4}, {9, 0, 3}, {10, 0, 20}}},
		{"probe", 0, 40, {{4, 0, 255}, {5, 0, 255}, {7, 0, 4}}, 0x41},
		// Kind, code, status; then every checksum.
		{"reply", 0, 40, {{0, 0, 2}, {1, 0, 255}, {2, 0, 7}}},
		{"reply", 15, 15, {{0, 0, 1}, {2, 0, 1}, {11, 0, 255}, {12, 0, 255}}},
		{"reply", 0, 60, {{0, 3, 4}, {1, 0, 255}, {2, 0, 7}}},
		{"reply", 47, 47, {{0, 3, 4}, {2, 0, 1}, {43, 0, 255}, {44, 0, 255}}},
		// Type and facts of the error, protocol of the datagram, type in it.
		{"send",
		 22,
		 23,
		 {{0, 0, 255}, {1, 0, 3}, {8, 0x40, 0x40}, {9, 0, 0}, {11, 1, 2}, {22, 0, 255}},
		 0x45},
		// Version and header length, fragment offset, first byte of the source.
		{"send", 23, 23, {{0, 3, 3}, {1, 0, 0}, {2, 0, 255}, {8, 0, 255}, {14, 0, 255}}},
		// Type, code, facts, option, first byte of the destination; then the type in the
		// packet, and what is missing; then first bytes of both addresses.
		{"send6",
		 46,
		 46,
		 {{0, 0, 5}, {1, 1, 3}, {2, 0, 15}, {3, 128, 128}, {4, 0, 255}, {30, 0xfe, 0xff}},
		 1},
		{"send6", 46, 46, {{0, 1, 4}, {2, 0, 15}, {3, 0, 255}, {5, 0, 3}}, 1},
		{"send6", 46, 46, {{0, 1, 4}, {14, 0, 255}, {30, 0, 255}}},
		// Each length of a query, its code, its question, its flags, the setting; then hosts
		// with names of each length, whose bytes are letters or dots.
		{"node_info",
		 query_at,
		 query_at + 40,
		 {{mask_at, 0, 15},
		  {query_at + 1, 0, 3},
		  {query_at + 5, 0, 5},
		  {query_at + 7, 0, 63},
		  {asker_at, 0xfd, 0xfe}}},
		{"node_info",
		 query_at + 40,
		 query_at + 40,
		 {{self_at, 0, 255},
		  {name_at, 0x2d, 0x2f},
		  {name_at + 1, 0x2d, 0x2f},
		  {name_at + 5, 0x2d, 0x2f}},
		 'a'},
		{"node_info",
		 query_at + 40,
		 query_at + 40,
		 {{self_at, 0, 255}, {name_at, 0x2d, 0x2f}, {name_at + 7, 0x2d, 0x2f}},
		 '.'},
		first_option(srr_at, 0),
		first_option(rr_at, 0),
		first_option(cipso_at, 0),
		first_option(ts_at, 4),
	};

	for (const std::size_t kind : {srr_at, rr_at, ts_at, cipso_at})
		for (unsigned filler = 0; filler < 45; filler++)
			all.push_back(any_place(kind, static_cast<u8>(filler)));
	return all;
}

/// Sets the bytes to the next combination. @return false after the last
bool advance(const std::vector<Axis> &axes, std::vector<u8> &bytes)
{
	for (const Axis &axis : axes) {
		if (bytes[axis.at]++ != axis.last)
			return true;
		bytes[axis.at] = static_cast<u8>(axis.first);
	}
	return false;
}

unsigned long go(const Walk &walk)
{
	std::vector<u8> bytes(256, walk.filler);
	unsigned long count = 0;

	for (const Axis &axis : walk.axes)
		bytes[axis.at] = static_cast<u8>(axis.first);
	do {
		for (std::size_t size = walk.shortest; size <= walk.longest; size++, count++)
			LLVMFuzzerTestOneInput(bytes.data(), size);
	} while (advance(walk.axes, bytes));
	return count;
}

} // namespace

int main(int argc, char **argv)
{
	unsigned long count = 0;

	for (const Walk &walk : walks())
		if (argc == 2 && walk.target == argv[1])
			count += go(walk);
	std::printf("%lu\n", count);
	return count == 0;
}
