// SPDX-License-Identifier: GPL-2.0-only
//
// Whether an error is sent: icmpx_decide_send() on any header.

#include "fuzz.hpp"

namespace {

/// The fixed part of an IPv4 header.
struct Datagram {
	u8 bytes[20];
};

bool is_rule(unsigned stat)
{
	return stat >= ICMPX_ERROR_SUPPRESSED_LINK_BROADCAST &&
	       stat <= ICMPX_ERROR_SUPPRESSED_MALFORMED;
}

void check(u8 type, u8 facts, const Datagram &datagram, fuzz::Bytes inner, fuzz::Edge edge)
{
	static fuzz::Guarded header;
	static fuzz::Guarded message;
	const u8 *inner_type = inner.empty() ? nullptr : message.constant(inner.first(1), edge);
	const icmpx_send_verdict verdict =
		icmpx_decide_send(type, header.constant(datagram, edge)->bytes, inner_type, facts);

	if (verdict.send == 0) {
		fuzz::must(is_rule(verdict.outcome));
		return;
	}
	fuzz::must(verdict.outcome >= ICMPX_ERROR_SENT_UNREACHABLE &&
		   verdict.outcome <= ICMPX_ERROR_SENT_OTHER);
	fuzz::must((facts & (ICMPX_BY_LINK_BROADCAST | ICMPX_BY_BROADCAST)) == 0);
	fuzz::must(datagram.bytes[0] >= 0x45 && datagram.bytes[0] <= 0x4f);
	// An error about an error could go on for ever.
	if (type == 3 && datagram.bytes[9] == 1)
		fuzz::must(inner_type != nullptr && *inner_type != 3 && *inner_type != 11);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto type = input.take<u8>();
	const auto facts = input.take<u8>();
	const auto datagram = input.take<Datagram>();

	for (const fuzz::Edge edge : fuzz::both_edges)
		check(type, facts, datagram, input.rest(), edge);
	return 0;
}
