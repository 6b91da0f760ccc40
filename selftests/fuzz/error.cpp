// SPDX-License-Identifier: GPL-2.0-only
//
// Whether an error is believed: icmpx_decide_error() on a datagram of any length.

#include "fuzz.hpp"

namespace {

void check(const fuzz::Header &header, fuzz::Bytes embedded, u8 no_pmtu_disc, fuzz::Edge edge)
{
	static fuzz::Guarded message, datagram;
	const icmpx_error_verdict verdict = icmpx_decide_error(
		message.constant(header, edge)->bytes, datagram.constant(embedded, edge),
		embedded.size(), no_pmtu_disc);

	if (verdict.action == ICMPX_FINISH) {
		fuzz::must(fuzz::is_outcome(verdict.outcome));
		return;
	}
	fuzz::must(verdict.action == ICMPX_TO_SOCKETS && verdict.in_error == 0);
	fuzz::must(embedded.size() >= 20);
	fuzz::must(verdict.protocol == embedded[9]);
	// A whole header, and the eight bytes that RFC 792 has quoted.
	fuzz::must(verdict.needed >= 20 + 8 && verdict.needed <= 60 + 8);
	fuzz::must(verdict.needed == (embedded[0] & 0xf) * 4 + 8);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto header = input.take<fuzz::Header>();
	const auto no_pmtu_disc = input.take<u8>();

	for (const fuzz::Edge edge : fuzz::both_edges)
		check(header, input.rest(), no_pmtu_disc, edge);
	return 0;
}
