// SPDX-License-Identifier: GPL-2.0-only
//
// What a PROBE query of any length asks for: icmpx_probe_parse().

#include "fuzz.hpp"

namespace {

void check(fuzz::Bytes message, fuzz::Edge edge)
{
	static fuzz::Guarded data, result;
	icmpx_probe_query scratch;

	std::memset(&scratch, 0xa5, sizeof(scratch));
	icmpx_probe_query *query = result.writable(scratch, edge);
	icmpx_probe_parse(data.constant(message, edge), message.size(), query);
	fuzz::must(query->by <= ICMPX_PROBE_BY_IPV6);
	if (query->by == ICMPX_PROBE_BY_NAME)
		fuzz::must(std::memchr(query->name, 0, sizeof(query->name)) != nullptr);
	// An extension header, an object's header and something in it.
	if (query->by != ICMPX_PROBE_MALFORMED)
		fuzz::must(message.size() > 8);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	for (const fuzz::Edge edge : fuzz::both_edges)
		check({data, size}, edge);
	return 0;
}
