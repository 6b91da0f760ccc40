// SPDX-License-Identifier: GPL-2.0-only
//
// What a PROBE query of any length asks for: icmpx_probe_parse().

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	const std::vector<u8> message = fuzz::Input(data, size).rest();
	icmpx_probe_query query;

	std::memset(&query, 0xa5, sizeof(query));
	icmpx_probe_parse(message.data(), message.size(), &query);
	fuzz::must(query.by <= ICMPX_PROBE_BY_IPV6);
	if (query.by == ICMPX_PROBE_BY_NAME)
		fuzz::must(std::memchr(query.name, 0, sizeof(query.name)) != nullptr);
	// An extension header, an object's header and something in it.
	if (query.by != ICMPX_PROBE_MALFORMED)
		fuzz::must(message.size() > 8);
	return 0;
}
