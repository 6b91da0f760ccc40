// SPDX-License-Identifier: GPL-2.0-only
//
// Sets of prefixes: a look-up says what trying one prefix after the other says.

#include "fuzz.hpp"

#include <algorithm>
#include <vector>

namespace {

struct Question {
	icmpx_prefix of;
	u8 bytes[16];
};

bool has(const icmpx_prefix &prefix, const u8 *address, unsigned len)
{
	if (prefix.address_len != len)
		return false;
	for (unsigned bit = 0; bit < prefix.length; bit++)
		if (((prefix.address[bit / 8] ^ address[bit / 8]) & (0x80U >> bit % 8)) != 0)
			return false;
	return true;
}

bool find(const std::vector<icmpx_prefix> &prefixes, const u8 *address, unsigned len)
{
	return std::ranges::any_of(
		prefixes, [&](const icmpx_prefix &prefix) { return has(prefix, address, len); });
}

u32 number(const u8 *bytes)
{
	return u32{bytes[0]} << 24 | u32{bytes[1]} << 16 | u32{bytes[2]} << 8 | bytes[3];
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	static icmpx_prefixes set;
	fuzz::Input input(data, size);
	std::vector<Question> questions;
	std::vector<icmpx_prefix> prefixes;

	while (!input.rest().empty() && questions.size() < 2 * ICMPX_PREFIXES_MAX)
		questions.push_back(input.take<Question>());
	for (const Question &question : questions)
		if (icmpx_prefix_valid(&question.of) && prefixes.size() < ICMPX_PREFIXES_MAX)
			prefixes.push_back(question.of);
	icmpx_prefixes_build(prefixes.data(), prefixes.size(), &set);
	fuzz::must(set.count4 + set.count6 <= prefixes.size());
	for (const Question &question : questions) {
		fuzz::must(icmpx_prefixes_have(&set, number(question.bytes)) ==
			   find(prefixes, question.bytes, 4));
		fuzz::must(icmpx6_prefixes_have(&set, question.bytes) ==
			   find(prefixes, question.bytes, 16));
	}
	return 0;
}
