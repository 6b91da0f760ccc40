// SPDX-License-Identifier: GPL-2.0-only
//
// What a message calls for: icmpx_decide(), and what may be sent.

#include "fuzz.hpp"

namespace {

void check(const fuzz::Header &header, u32 policy, fuzz::Edge edge)
{
	static fuzz::Guarded message;
	const icmpx_verdict verdict = icmpx_decide(message.constant(header, edge)->bytes, policy);

	fuzz::must(verdict.action <= ICMPX_TO_ERROR);
	if (verdict.action == ICMPX_FINISH)
		fuzz::must(fuzz::is_outcome(verdict.outcome));
	else
		fuzz::must(verdict.in_error == 0);
	if ((policy & ICMPX_IGNORE_ALL) != 0)
		fuzz::must(verdict.action != ICMPX_ANSWER_ECHO &&
			   verdict.action != ICMPX_ANSWER_PROBE);
	if ((policy & ICMPX_IGNORE_TIMESTAMPS) != 0)
		fuzz::must(verdict.action != ICMPX_ANSWER_TIMESTAMP);
	// A ping socket sends nothing that would be a reply, or an error.
	if (icmpx_is_request(header.bytes[0], header.bytes[1]))
		fuzz::must(verdict.action != ICMPX_TO_PING && verdict.action != ICMPX_TO_ERROR);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto header = input.take<fuzz::Header>();
	const auto policy = input.take<u32>();

	for (const fuzz::Edge edge : fuzz::both_edges)
		check(header, policy, edge);
	if (icmpx_rate_limited(header.bytes[0], header.bytes[1], policy))
		fuzz::must(header.bytes[0] <= 18 && (policy >> header.bytes[0] & 1) != 0);
	return 0;
}
