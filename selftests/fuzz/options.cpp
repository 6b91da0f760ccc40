// SPDX-License-Identifier: GPL-2.0-only
//
// IP options of a reply: whatever they are said to be, nothing outside of them is read or written.

#include "fuzz.hpp"

#include <algorithm>

namespace {

struct Request {
	__be32 source;
	__be32 destination;
	__be32 now;
	u8 ours;
	icmpx_options options;
};

/// What becomes of a request's options; nothing else may.
struct Result {
	bool made;
	bool prespecified;
	__be32 next;
	icmpx_options reply;
};

Result echo(const Request &request, fuzz::Edge edge)
{
	static fuzz::Guarded received, next, sent;
	const icmpx_options *options = received.constant(request.options, edge);
	__be32 *address = next.writable(__be32{0xa5a5a5a5}, edge);
	Result result;

	std::memset(&result, 0xa5, sizeof(result));
	icmpx_options *reply = sent.writable(result.reply, edge);
	result.prespecified = icmpx_options_prespecified(options, address);
	result.next = *address;
	result.made = icmpx_options_echo(options, request.source, (request.ours & 1) != 0, reply);
	if (result.made) {
		const u8 len = reply->len;

		fuzz::must(len <= ICMPX_OPTIONS_MAX && len % 4 == 0);
		icmpx_options_fill(reply, request.source, request.destination, request.now);
		fuzz::must(reply->len == len);
	}
	result.reply = *reply;
	return result;
}

/// Filling in what somebody else made, which may be anything. @return what it became
icmpx_options fill(const Request &request, fuzz::Edge edge)
{
	static fuzz::Guarded sent;
	const icmpx_options &before = request.options;
	icmpx_options *reply = sent.writable(before, edge);

	icmpx_options_fill(reply, request.source, request.destination, request.now);
	fuzz::must(reply->len == before.len);
	for (std::size_t i = before.len; i < ICMPX_OPTIONS_MAX; i++)
		fuzz::must(reply->bytes[i] == before.bytes[i]);
	return *reply;
}

template <typename T> void expect_equal(const T &a, const T &b)
{
	// NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): padding, too, is not to depend on the edge
	fuzz::must(std::memcmp(&a, &b, sizeof(T)) == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	Request request{};

	request.source = input.take<__be32>();
	request.destination = input.take<__be32>();
	request.now = input.take<__be32>();
	request.ours = input.take<u8>();
	request.options = input.take<icmpx_options>();
	const Result result = echo(request, fuzz::Edge::back);
	expect_equal(fill(request, fuzz::Edge::front), fill(request, fuzz::Edge::back));

	// What is behind the options is nobody's business.
	for (std::size_t i = request.options.len; i < ICMPX_OPTIONS_MAX; i++)
		request.options.bytes[i] ^= 0xff;
	expect_equal(result, echo(request, fuzz::Edge::front));
	return 0;
}
