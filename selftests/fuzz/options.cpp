// SPDX-License-Identifier: GPL-2.0-only
//
// IP options of a reply: whatever they are said to be, nothing outside of them is read or written.

#include "fuzz.hpp"

#include <algorithm>

namespace {

/// Something to overwrite on both sides. The sanitizer does not see from one member of a struct into the next.
struct Guarded {
	u8 before[16];
	icmpx_options options;
	u8 after[16];
};

void expect_untouched(const Guarded &guarded)
{
	for (const u8 byte : guarded.before)
		fuzz::must(byte == 0xa5);
	for (const u8 byte : guarded.after)
		fuzz::must(byte == 0xa5);
}

/// What becomes of a request's options; nothing else may.
struct Result {
	bool made;
	__be32 next;
	Guarded reply;
};

Result echo(const icmpx_options &request, __be32 source, __be32 destination, __be32 now, bool ours)
{
	Result result;

	std::memset(&result, 0xa5, sizeof(result));
	icmpx_options_prespecified(&request, &result.next);
	result.made = icmpx_options_echo(&request, source, ours, &result.reply.options);
	if (result.made) {
		const u8 len = result.reply.options.len;

		fuzz::must(len <= ICMPX_OPTIONS_MAX && len % 4 == 0);
		icmpx_options_fill(&result.reply.options, source, destination, now);
		fuzz::must(result.reply.options.len == len);
	}
	expect_untouched(result.reply);
	return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto source = input.take<__be32>();
	const auto destination = input.take<__be32>();
	const auto now = input.take<__be32>();
	const bool ours = (input.take<u8>() & 1) != 0;
	auto request = input.take<icmpx_options>();
	const Result result = echo(request, source, destination, now, ours);

	// What is behind the options is nobody's business.
	for (std::size_t i = request.len; i < ICMPX_OPTIONS_MAX; i++)
		request.bytes[i] ^= 0xff;
	const Result again = echo(request, source, destination, now, ours);
	const auto *bytes = reinterpret_cast<const u8 *>(&result);
	fuzz::must(std::equal(bytes, bytes + sizeof(result), reinterpret_cast<const u8 *>(&again)));
	return 0;
}
