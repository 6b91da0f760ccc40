// SPDX-License-Identifier: GPL-2.0-only
//
// What an ICMPv6 message calls for: icmpx6_pass(), icmpx6_decide() and icmpx6_is_request().

#include "fuzz.hpp"

namespace {

bool is_request(u8 type) { return type == 128 || type == 160; }

void check_answer(u8 type, u32 policy)
{
	fuzz::must(is_request(type) && (policy & ICMPX6_IGNORE_ALL) == 0);
	fuzz::must((policy & ICMPX6_VIA_MULTICAST) == 0 || (policy & ICMPX6_IGNORE_MULTICAST) == 0);
	fuzz::must((policy & ICMPX6_VIA_ANYCAST) == 0 || (policy & ICMPX6_IGNORE_ANYCAST) == 0);
	fuzz::must(type == 128 || (policy & ICMPX6_PROBE_ENABLED) != 0);
}

void check(const fuzz::Header &header, u32 policy, fuzz::Edge edge)
{
	static fuzz::Guarded message;
	const u8 type = header.bytes[0];
	const u32 pass = icmpx6_pass(type);
	const icmpx_verdict verdict = icmpx6_decide(message.constant(header, edge)->bytes, policy);

	fuzz::must(icmpx6_is_request(type, header.bytes[1]) ==
		   (is_request(type) && header.bytes[1] == 0));
	fuzz::must(pass == 0 || fuzz::is_outcome(pass));
	fuzz::must(verdict.action <= ICMPX_TO_ERROR && verdict.action != ICMPX_ANSWER_TIMESTAMP);
	fuzz::must(verdict.in_error == 0);
	fuzz::must((verdict.action == ICMPX_TO_ERROR) == (type < 128));
	fuzz::must((verdict.action == ICMPX_ANSWER_NODE_INFO) == (type == 139));
	if (verdict.action == ICMPX_ANSWER_ECHO || verdict.action == ICMPX_ANSWER_PROBE)
		check_answer(type, policy);
	if (verdict.action == ICMPX_FINISH)
		fuzz::must(fuzz::is_outcome(verdict.outcome));
	if (pass != 0)
		fuzz::must(verdict.action == ICMPX_FINISH && verdict.outcome == pass);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto header = input.take<fuzz::Header>();
	const auto policy = input.take<u32>();

	for (const fuzz::Edge edge : fuzz::both_edges)
		check(header, policy, edge);
	return 0;
}
