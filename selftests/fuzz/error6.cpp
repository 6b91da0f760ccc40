// SPDX-License-Identifier: GPL-2.0-only
//
// The routing header of a quoted packet: icmpx6_segments_valid() on a header of any length.

#include "fuzz.hpp"

namespace {

void check(fuzz::Bytes header, fuzz::Edge edge)
{
	static fuzz::Guarded memory;

	if (!icmpx6_segments_valid(memory.constant(header, edge), header.size()))
		return;
	fuzz::must(header.size() >= 8 && header.size() == (header[1] + std::size_t{1}) * 8);
	// There is a first segment, which is read next, and what is left is at most one more than there are.
	const std::size_t segments = header[4] + std::size_t{1};
	fuzz::must(header[2] == 4 && header[3] <= segments);
	fuzz::must(header.size() >= 8 + segments * 16);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	for (const fuzz::Edge edge : fuzz::both_edges)
		check({data, std::min<std::size_t>(size, 2048)}, edge);
	return 0;
}
