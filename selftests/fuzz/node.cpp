// SPDX-License-Identifier: GPL-2.0-only
//
// A node's name: what is told of any bytes is a name that is told whole.

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	static fuzz::Guarded memory;
	const fuzz::Bytes name{data, size};

	for (const fuzz::Edge edge : fuzz::both_edges) {
		const char *text = reinterpret_cast<const char *>(memory.constant(name, edge));
		const std::size_t length = icmpx_node_name_length(text, size);

		fuzz::must(length <= size && length <= ICMPX_NODE_NAME_MAX);
		fuzz::must(icmpx_node_name_length(text, length) == length);
		for (std::size_t i = 0; i < length; i++)
			fuzz::must(name[i] >= 0x20 && name[i] != 0x7f);
	}
	return 0;
}
