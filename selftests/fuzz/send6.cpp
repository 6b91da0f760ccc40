// SPDX-License-Identifier: GPL-2.0-only
//
// Whether an ICMPv6 error is sent: icmpx6_decide_send() on any header.

#include "fuzz.hpp"

namespace {

/// The fixed part of an IPv6 header.
struct Packet {
	u8 bytes[ICMPX6_IP_HEADER_LEN];
};

/// What there is beside it: each byte may be missing.
struct Question {
	u8 type;
	u8 code;
	u8 facts;
	u8 inner_type;
	u8 option;
	u8 missing;
};

bool is_rule(unsigned stat)
{
	return stat >= ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST &&
	       stat <= ICMPX_ERROR_SUPPRESSED_SOURCE;
}

void check(const Question &question, const Packet &packet, fuzz::Edge edge)
{
	static fuzz::Guarded header;
	static fuzz::Guarded inner;
	static fuzz::Guarded option;
	const icmpx6_offender offender{
		.header = header.constant(packet, edge)->bytes,
		.inner_type = (question.missing & 1U) != 0
				      ? nullptr
				      : inner.constant(question.inner_type, edge),
		.option = (question.missing & 2U) != 0 ? nullptr
						       : option.constant(question.option, edge),
		.facts = question.facts};
	const icmpx6_send_verdict verdict =
		icmpx6_decide_send(question.type, question.code, &offender);
	const bool to_many =
		(question.facts & ICMPX_BY_LINK_BROADCAST) != 0 || packet.bytes[24] == 0xff;

	if (verdict.send == 0) {
		fuzz::must(is_rule(verdict.outcome));
		return;
	}
	fuzz::must(verdict.outcome >= ICMPX_ERROR_SENT_UNREACHABLE &&
		   verdict.outcome <= ICMPX_ERROR_SENT_OTHER);
	fuzz::must((verdict.for_many != 0) == to_many);
	fuzz::must(!to_many || question.type == 2 || (question.type == 4 && question.code == 2));
	fuzz::must(packet.bytes[8] != 0xff);
	// An error about an error could go on for ever.
	if ((question.facts & ICMPX6_IS_ICMPV6) != 0 && offender.inner_type != nullptr)
		fuzz::must(question.inner_type >= 128);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto question = input.take<Question>();
	const auto packet = input.take<Packet>();

	for (const fuzz::Edge edge : fuzz::both_edges)
		check(question, packet, edge);
	return 0;
}
